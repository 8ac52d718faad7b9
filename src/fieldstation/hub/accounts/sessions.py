"""Sessions: opened with a new id, listed, ended; over after a time without use, and after a time.

1. A browser session ends 12 hours after its last use and a week after it began; a remembered one
   after 14 days and 90 days (test_an_idle_session_is_over, test_no_session_lasts_for_ever).
2. A session without its `SignedIn` row is over, whatever its cookie says; so ending one is deleting
   the row (test_a_session_ended_elsewhere_is_over_at_once).
3. The id changes at sign-in, and all sessions end when the password changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from fieldstation.hub.accounts.models import SignedIn, User

IDLE = {False: timedelta(hours=12), True: timedelta(days=14)}
LONGEST = {False: timedelta(days=7), True: timedelta(days=90)}
# When a session was last used is for people; it is not written on every request.
NOTE_EVERY = timedelta(minutes=1)


def open_session(request: HttpRequest, user: User, *, remember: bool) -> None:
    """Sign the person in with a new session."""
    backend = settings.AUTHENTICATION_BACKENDS[0]
    auth.login(request, user, backend=backend)
    request.session.set_expiry(settings.SESSION_COOKIE_AGE if remember else 0)
    request.session.save()
    SignedIn.objects.create(
        user=user,
        session=request.session.session_key or "",
        device=device(request),
        address=request.META.get("REMOTE_ADDR", "")[:64],
        remembered=remember,
    )


def end(rows: Iterable[SignedIn]) -> None:
    """End these sessions at once."""
    for row in rows:
        store(row.session).delete()
        row.delete()


def drop_over(now: datetime) -> None:
    """Forget the sessions that are over and that nobody came back with."""
    for remembered in (False, True):
        rows = SignedIn.objects.filter(remembered=remembered)
        late = Q(last_used__lt=now - IDLE[remembered]) | Q(since__lt=now - LONGEST[remembered])
        end(rows.filter(late))


def watch(answer: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: a session that is over is ended before anything looks at its person."""

    def watched(request: HttpRequest) -> HttpResponse:
        if auth.SESSION_KEY in request.session:
            _look(request)
        return answer(request)

    return watched


def store(key: str | None) -> Any:
    """The session with this key, as it is now."""
    return import_module(settings.SESSION_ENGINE).SessionStore(key)


def person_of(key: str | None) -> User | None:
    """The person whom this key of a cookie signs in; None when they signed out, it ran out, or the
    password was changed.
    """
    row = SignedIn.objects.filter(session=key or "").first()
    if row is None or _over(row):
        return None
    request = HttpRequest()
    request.session = store(key)
    user = auth.get_user(request)
    return user if isinstance(user, User) else None


def device(request: HttpRequest) -> str:
    """The browser and the system it calls itself, in a few words; empty when it says nothing."""
    agent = request.headers.get("User-Agent", "")
    browsers = ("Firefox", "Edg", "OPR", "Chrome", "Safari", "curl", "python")
    systems = ("Android", "iPhone", "iPad", "Windows", "Macintosh", "Linux")
    found = [next((word for word in words if word in agent), "") for words in (browsers, systems)]
    names = {"Edg": "Edge", "OPR": "Opera", "Macintosh": "macOS"}
    return ", ".join(names.get(word, word) for word in found if word)


def _look(request: HttpRequest) -> None:
    now = timezone.now()
    row = SignedIn.objects.filter(session=request.session.session_key or "").first()
    if row is None or _over(row):
        if row is not None:
            row.delete()
        auth.logout(request)
    elif row.last_used < now - NOTE_EVERY:
        SignedIn.objects.filter(id=row.id).update(last_used=now)


def _over(row: SignedIn) -> bool:
    now = timezone.now()
    idle, age = now - row.last_used, now - row.since
    return idle > IDLE[row.remembered] or age > LONGEST[row.remembered]
