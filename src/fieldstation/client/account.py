"""The own account on a hub, and for its operator the hub as a whole. All of it takes a token of
scope manage.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from fieldstation.client.rows import given, of, place, saved
from fieldstation.client.wire import Wire


@dataclass(frozen=True, slots=True)
class Session:
    """One place where the person is signed in."""

    id: int
    device: str
    address: str
    remembered: bool
    since: datetime
    last_used: datetime


@dataclass(frozen=True, slots=True)
class Token:
    """One personal token; `token` itself is told only when it is made."""

    id: int
    name: str
    scope: str
    created: datetime
    expires: datetime | None
    last_used: datetime | None
    token: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the hub knows of the account; an empty `language` is what the browser asks for."""

    name: str
    email: str
    language: str
    operator: bool
    created: datetime
    delete_after: datetime | None


@dataclass(frozen=True, slots=True)
class Person:
    """One account of the hub, as its operator sees it."""

    id: int
    name: str
    email: str
    operator: bool
    active: bool
    created: datetime
    delete_after: datetime | None


@dataclass(frozen=True, slots=True)
class Account:
    """The account of the token's person. All methods raise FieldstationError."""

    wire: Wire = field(repr=False, compare=False)

    def facts(self) -> Facts:
        """Name, address, language."""
        return of(Facts, self.wire.ask("account"))

    def change(self, *, language: str | None = None) -> Facts:
        """Change what is given."""
        return of(Facts, self.wire.change("PATCH", "account", given(language=language))[0])

    def change_password(self, old: str, new: str) -> None:
        """A new password; all sessions end, tokens stay."""
        self.wire.change("POST", "account/password", {"old": old, "new": new})

    def change_address(self, email: str) -> None:
        """Send a link to a new address, which is the account's once somebody follows it."""
        self.wire.change("POST", "account/address", {"email": email})

    def sessions(self) -> list[Session]:
        """Where the person is signed in, the newest first."""
        rows = self.wire.rows("account/sessions", "sessions")
        return [of(Session, row) for row in rows]

    def end(self, session: Session) -> None:
        """End one session."""
        self.wire.change("DELETE", place("account", "sessions", session.id))

    def end_all(self) -> None:
        """End all sessions."""
        self.wire.change("DELETE", "account/sessions")

    def tokens(self) -> list[Token]:
        """The personal tokens, the newest first."""
        return [of(Token, row) for row in self.wire.rows("account/tokens", "tokens")]

    def make_token(self, name: str, scope: str = "read", days: int | None = 90) -> Token:
        """A new token, told this once; `days` is 7, 30, 90, 365 or None."""
        body = {"name": name, "scope": scope, "days": days}
        return of(Token, self.wire.change("POST", "account/tokens", body)[0])

    def revoke(self, token: Token) -> None:
        """The token opens nothing from now on."""
        self.wire.change("DELETE", place("account", "tokens", token.id))

    def export(self, file: str | Path) -> int:
        """Write a zip with all that is the person's; how many bytes."""
        return saved(self.wire, file, "account/export", "POST")

    def delete(self, password: str) -> None:
        """Delete the account in 7 days. Tokens open nothing from now on; signing in on the hub's
        page is how it is undone.
        """
        self.wire.change("POST", "account/deletion", {"password": password})

    def accept(self, link: str) -> str:
        """Follow an invitation; the site's name in addresses."""
        answer, _tag = self.wire.change("POST", "invitations/accept", {"link": link})
        return str(answer["site"])


@dataclass(frozen=True, slots=True)
class Operator:
    """The hub as a whole, for its operator. All methods raise FieldstationError."""

    wire: Wire = field(repr=False, compare=False)

    def sign_up(self) -> str:
        """Who may sign up: closed, invited or open."""
        return str(self.wire.ask("operator")["sign_up"])

    def choose_sign_up(self, mode: str) -> None:
        """Choose who may sign up."""
        self.wire.change("PATCH", "operator", {"sign_up": mode})

    def send_test_mail(self) -> str:
        """Send a mail to the operator's own address, which is told."""
        return str(self.wire.change("POST", "operator/mail")[0]["sent_to"])

    def people(self) -> Iterator[Person]:
        """All accounts, by name."""
        return (of(Person, row) for row in self.wire.rows("operator/people", "people"))
