"""Signing in with a user name or an e-mail address."""

from __future__ import annotations

import secrets
from functools import cache
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from fieldstation.hub.accounts.models import User


class NameOrEmail(ModelBackend):
    """Looks the account up by either; an unknown one costs as much time as a wrong password."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """The account, or None."""
        if username is None or password is None:
            return None
        nobody, user = _nobody(), User.objects.named(username)
        fits = (user or nobody).check_password(password)
        return user if user and fits and self.user_can_authenticate(user) else None


@cache
def _nobody() -> User:
    """Whose password is checked when there is no account: the same work in the same place."""
    user = User()
    user.set_password(secrets.token_urlsafe(32))
    return user
