"""Making an account, with every rule about names and passwords.

1. A name is kept in one form of writing (NFKC), so that what looks the same and is typed the same
   is the same (test_one_name_in_two_forms_of_writing_is_one_account).
2. It holds nothing that cannot be seen, and no letters of scripts that look alike side by side: a
   Cyrillic letter in a Latin name is there to deceive
   (test_a_name_that_looks_like_another_is_none).
"""

from __future__ import annotations

import unicodedata

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from fieldstation.hub.accounts.models import User, written

# Their letters look alike; nobody's name mixes them.
ALIKE = {"LATIN", "CYRILLIC", "GREEK", "CHEROKEE", "ARMENIAN"}


def create_account(name: str, password: str, email: str = "") -> User:
    """A new account. Raises ValidationError with sentences for a taken or malformed name or address
    and for a weak password.
    """
    user = User(username=_checked(name), email=email.strip())
    user.full_clean(exclude=["password"])
    validate_password(password, user)
    user.set_password(password)
    user.save()
    return user


def _checked(name: str) -> str:
    name = written(name)
    scripts = {unicodedata.name(one, "").partition(" ")[0] for one in name if one.isalpha()}
    if not name.isprintable() or len(scripts & ALIKE) > 1:
        raise ValidationError(_("A user name has visible letters of one script; choose another."))
    # The database knows upper and lower case of ASCII alone.
    if not name.isascii() and any(other.casefold() == name.casefold() for other in _names()):
        raise ValidationError(_("This user name is taken; choose another."))
    return name


def _names() -> list[str]:
    return list(User.objects.values_list("username", flat=True))
