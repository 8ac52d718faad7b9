"""The shapes of the API's answers about sites and their people, for `openapi.json`."""

from __future__ import annotations

from datetime import datetime

from ninja import Field, Schema


class SiteFacts(Schema):
    """One site."""

    site: str = Field(description="Its name in addresses")
    name: str
    time_zone: str = Field(description="IANA name; days are counted in it")
    role: str | None = Field(description="viewer, editor, owner; null: seen as operator only")
    created: datetime


class SiteList(Schema):
    """The person's sites, by name."""

    sites: list[SiteFacts]
    next: str | None = Field(description="Cursor of the following page")


class NewSite(Schema):
    """A site to make; who makes it owns it."""

    name: str
    time_zone: str = "UTC"


class SiteChange(Schema):
    """What is to be changed; what is left out stays."""

    name: str | None = None
    time_zone: str | None = None


class MemberFacts(Schema):
    """One member."""

    id: int
    name: str
    role: str = Field(description="viewer, editor or owner")
    since: datetime


class MemberList(Schema):
    """The members of a site, in the order of their joining."""

    members: list[MemberFacts]
    next: str | None = Field(description="Cursor of the following page")


class NewRole(Schema):
    """Another role."""

    role: str


class InvitationFacts(Schema):
    """One invitation that can still be followed."""

    id: int
    role: str
    email: str = Field(description="Empty when the link was handed over otherwise")
    mail: str = Field(description="waiting, sent or failed; empty without a mail")
    valid_until: datetime


class InvitationList(Schema):
    """The open invitations of a site."""

    invitations: list[InvitationFacts]
    next: str | None = Field(description="Cursor of the following page")


class NewInvitation(Schema):
    """Whom to invite: with `email` a mail is sent, in any case there is a link."""

    role: str
    email: str = ""


class InvitationMade(InvitationFacts):
    """An invitation with its link, told this once."""

    link: str


class Accepted(Schema):
    """The link of an invitation, or its last part."""

    link: str


class AuditRow(Schema):
    """Who did what; `who` is empty for the hub itself."""

    at: datetime
    who: str
    what: str = Field(description="A short stable word, such as gateway.revoked")
    thing: str
    detail: str


class AuditList(Schema):
    """What was done at a site, newest first."""

    log: list[AuditRow]
    next: str | None = Field(description="Cursor of the following page")
