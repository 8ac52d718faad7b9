"""Making an account, with every rule about names and passwords."""

from __future__ import annotations

from django.contrib.auth.password_validation import validate_password

from fieldstation.hub.accounts.models import User


def create_account(name: str, password: str, email: str = "") -> User:
    """A new account. Raises ValidationError with sentences for a taken or malformed name or address
    and for a weak password.
    """
    user = User(username=name.strip(), email=email.strip())
    user.full_clean(exclude=["password"])
    validate_password(password, user)
    user.set_password(password)
    user.save()
    return user
