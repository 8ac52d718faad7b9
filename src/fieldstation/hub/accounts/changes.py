"""What a person changes of the own account, for pages and API alike.

A new password and the end of the account take the present password: a session left open, or a
token that was found, is not enough. Guessing it is slowed as at sign-in.
"""

from __future__ import annotations

from django import forms
from django.contrib import auth
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from fieldstation.errors import BadRequest, FieldstationError, StoreUnavailable
from fieldstation.hub import languages
from fieldstation.hub.accounts import leaving, mail, sessions, throttle, tokens
from fieldstation.hub.accounts.models import PersonalToken, User
from fieldstation.hub.sites import audit

LONGEST_PASSWORD, LONGEST_ADDRESS = 1024, 254


class Slowed(FieldstationError):
    """Passwords are not looked at for `wait_s` seconds."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(_("Too many attempts failed. Try again in %(s)d s.") % {"s": wait_s})
        self.wait_s = wait_s


def prove(request: HttpRequest, user: User, given: str) -> None:
    """Raises BadRequest unless `given` is the person's password, Slowed after too many others."""
    now = timezone.now()
    sources = throttle.sources_of(user.username, request.META.get("REMOTE_ADDR", ""))
    if seconds := throttle.admit(sources, now):
        raise Slowed(seconds)
    given = given[:LONGEST_PASSWORD]
    if auth.authenticate(request, username=user.username, password=given) != user:
        raise BadRequest(_("The present password is another one."))
    throttle.succeeded(sources, now)


def change_password(request: HttpRequest, user: User, old: str, new: str) -> None:
    """A new password; all sessions end. Raises BadRequest, Slowed."""
    prove(request, user, old)
    new = new[:LONGEST_PASSWORD]
    try:
        validate_password(new, user)
    except ValidationError as error:
        raise BadRequest(" ".join(error.messages)) from error
    user.set_password(new)
    user.save(update_fields=["password"])
    sessions.end(user.signed_in.all())
    audit.note(user, "password.changed", user.username)


def change_address(user: User, wanted: str) -> str:
    """Send a link to the new address, whoever has it already; the address as it is written. Raises
    BadRequest, and StoreUnavailable when too many mails wait.
    """
    wanted = wanted.strip()[:LONGEST_ADDRESS]
    try:
        forms.EmailField().clean(wanted)
    except ValidationError as error:
        raise BadRequest(" ".join(error.messages)) from error
    if not mail.ask_address(user, wanted):
        raise StoreUnavailable(_("Too many mails wait; try again later."))
    return wanted


def change_language(user: User, wanted: str) -> None:
    """Another language for this account, on every device; empty: what the browser asks for. Raises
    BadRequest.
    """
    if not languages.known(wanted):
        raise BadRequest(_("The hub does not speak this language."))
    user.language = wanted
    user.save(update_fields=["language"])


def end_others(user: User, here: str | None) -> None:
    """End all sessions but the one with the key `here`."""
    sessions.end(user.signed_in.exclude(session=here or ""))


def make_token(user: User, name: str, scope: str, days: int | None) -> tuple[str, PersonalToken]:
    """A new personal token, returned here and never again. Raises BadRequest."""
    text, row = tokens.make(user, name, scope, days)
    audit.note(user, "token.made", row.name, detail=row.scope)
    return text, row


def revoke_token(row: PersonalToken) -> None:
    """The token opens nothing from now on."""
    audit.note(row.user, "token.revoked", row.name)
    row.delete()


def send_test(user: User) -> str:
    """Send a mail to the person's own address, which is told. Raises BadRequest without one, and
    StoreUnavailable when the mail server does not take it.
    """
    if not user.email:
        raise BadRequest(_("Your account has no e-mail address; give it one on the page Account."))
    if not mail.send_test(user.email):
        raise StoreUnavailable(_("The mail server did not take it; the hub's log says why."))
    return user.email


def leave(request: HttpRequest, user: User, password: str) -> None:
    """Mark the account for deletion; all its sessions end. Raises BadRequest, Slowed."""
    prove(request, user, password)
    leaving.request_deletion(user)
