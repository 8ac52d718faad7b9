"""How passwords are hashed."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class SmallArgon2(Argon2PasswordHasher):
    """Argon2id with 19 MiB, two rounds and one lane: OWASP's equal of larger settings that still
    leaves a small computer alive when ten people sign in at once.
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1
