"""Sites of a hub: their people, invitations, and what was done there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fieldstation.client.rows import given, of, place
from fieldstation.client.wire import Wire


@dataclass(frozen=True, slots=True)
class Member:
    """One member; `role` is viewer, editor or owner."""

    id: int
    name: str
    role: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Invitation:
    """One open invitation; `link` is told only when it is made."""

    id: int
    role: str
    email: str
    mail: str
    valid_until: datetime
    link: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Act:
    """Who did what; `what` is a stable word such as gateway.revoked."""

    at: datetime
    who: str
    what: str
    thing: str
    detail: str


@dataclass(frozen=True, slots=True)
class Site:
    """One site; `role` is one's own, None where the hub's operator looks on.

    Changing people takes a token of scope manage. All methods raise FieldstationError.
    """

    site: str
    name: str
    time_zone: str
    role: str | None
    created: datetime
    wire: Wire = field(repr=False, compare=False)

    def change(self, *, name: str | None = None, time_zone: str | None = None) -> Site:
        """Another name or time zone; the site as it is then."""
        body = given(name=name, time_zone=time_zone)
        return site_from(self.wire.change("PATCH", self._path(), body)[0], self.wire)

    def leave(self) -> None:
        """Be no member any more."""
        self.wire.change("POST", self._path("leave"))

    def members(self) -> list[Member]:
        """Who belongs to it, in the order of joining."""
        return [of(Member, row) for row in self.wire.rows(self._path("members"), "members")]

    def set_role(self, member: Member, role: str) -> Member:
        """Another role for a member."""
        path = self._path("members", member.id)
        return of(Member, self.wire.change("PATCH", path, {"role": role})[0])

    def remove(self, member: Member) -> None:
        """A member is none any more."""
        self.wire.change("DELETE", self._path("members", member.id))

    def invitations(self) -> list[Invitation]:
        """Those that can still be followed."""
        rows = self.wire.rows(self._path("invitations"), "invitations")
        return [of(Invitation, row) for row in rows]

    def invite(self, role: str, email: str = "") -> Invitation:
        """An invitation with its link, which is told this once; with an address also by mail."""
        body = {"role": role, "email": email}
        return of(Invitation, self.wire.change("POST", self._path("invitations"), body)[0])

    def withdraw(self, invitation: Invitation) -> None:
        """Nobody can follow it any more."""
        self.wire.change("DELETE", self._path("invitations", invitation.id))

    def log(self, *, who: str | None = None, what: str | None = None) -> Iterator[Act]:
        """What was done, newest first; of people and kinds whose words hold these."""
        rows = self.wire.rows(self._path("log"), "log", who=who, what=what)
        return (of(Act, row) for row in rows)

    def _path(self, *what: object) -> str:
        return place("sites", self.site, *what)


def site_from(row: dict[str, Any], wire: Wire) -> Site:
    """One site of an answer."""
    return of(Site, row, wire=wire)
