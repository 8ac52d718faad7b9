"""Browsers in which a person has signed in before, remembered by a cookie of their own.

Strangers can keep an account closed by guessing at it; they cannot close it for a browser that is
known, because only its own failures count there (`throttle`). The cookie signs nobody in: without
the password it opens nothing, and with it a thief has the few tries of one source.
"""

from __future__ import annotations

import secrets

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from fieldstation.hub.accounts.models import User

SALT = "fieldstation.hub.accounts.devices"
NAME = "__Host-device" if settings.SESSION_COOKIE_SECURE else "device"
KNOWN_FOR_S = 365 * 24 * 3600


def known(request: HttpRequest, name: str) -> str:
    """What this browser calls itself when the account `name` was signed in to in it; else empty."""
    text = request.get_signed_cookie(NAME, "", salt=SALT, max_age=KNOWN_FOR_S) or ""
    whose, _, word = text.partition(" ")
    if not word:
        return ""
    user = User.objects.named(name)
    return word if user is not None and str(user.pk) == whose else ""


def remember(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Know this browser from now on; one that is known already keeps its name."""
    word = known(request, user.username) or secrets.token_urlsafe(16)
    response.set_signed_cookie(
        NAME, f"{user.pk} {word}", salt=SALT, max_age=KNOWN_FOR_S,
        secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax",
    )  # fmt: skip
