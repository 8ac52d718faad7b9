"""Personal tokens: a program acts for a person, as far as the scope goes.

1. A token is `fst_` and 256 random bits, shown once; only its SHA-256 is kept.
2. An expired, revoked or unknown token, and one of an account that is closed or waits for its
   deletion, opens nothing (test_a_token_that_is_over_opens_nothing).
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from fieldstation.errors import BadRequest
from fieldstation.hub.accounts.models import PersonalToken, User

PREFIX = "fst_"
LONGEST_NAME = 80
MOST = 50
DAYS = (7, 30, 90, 365)
# The time of last use is for people; it is not written on every request.
NOTE_EVERY = timedelta(minutes=1)


def make(user: User, name: str, scope: str, days: int | None) -> tuple[str, PersonalToken]:
    """A new token, returned here and never again; `days` None: it does not expire. Raises
    BadRequest.
    """
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise BadRequest(_("Give the token a name of 1 to 80 characters, such as its program."))
    if scope not in PersonalToken.Scope.values or days not in (None, *DAYS):
        raise BadRequest(_("Choose scope and expiry from the lists."))
    if user.tokens.count() >= MOST:
        raise BadRequest(_("You have as many tokens as one account may; revoke one first."))
    text = PREFIX + secrets.token_urlsafe(32)
    expires = None if days is None else timezone.now() + timedelta(days=days)
    row = PersonalToken.objects.create(
        user=user, name=name, token_hash=digest(text), scope=scope, expires=expires
    )
    return text, row


def resolve(text: str) -> PersonalToken | None:
    """The token with its person, noting the use; None when it opens nothing."""
    now = timezone.now()
    good = Q(expires=None) | Q(expires__gt=now)
    row = (
        PersonalToken.objects.select_related("user")
        .filter(good, token_hash=digest(text), user__is_active=True, user__delete_after=None)
        .first()
    )
    if row is not None and (row.last_used is None or row.last_used < now - NOTE_EVERY):
        PersonalToken.objects.filter(id=row.id).update(last_used=now)
    return row


def digest(text: str) -> bytes:
    """What the hub keeps of a token."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
