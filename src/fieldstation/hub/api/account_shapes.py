"""The shapes of the API's answers about accounts and the hub as a whole, for `openapi.json`."""

from __future__ import annotations

from datetime import datetime

from ninja import Field, Schema


class Account(Schema):
    """The person's own account."""

    name: str
    email: str
    language: str = Field(description="Empty: what the browser asks for")
    languages: list[str] = Field(description="What the hub speaks")
    operator: bool
    created: datetime
    delete_after: datetime | None = Field(description="Set while its deletion can be undone")


class AccountChange(Schema):
    """What is to be changed; what is left out stays."""

    language: str | None = None


class NewPassword(Schema):
    """The present password, and the one in place of it."""

    old: str
    new: str


class NewAddress(Schema):
    """An e-mail address; it is the account's once its link was followed."""

    email: str


class AddressAsked(Schema):
    """Where a link is on its way to."""

    sent_to: str


class Proof(Schema):
    """The present password."""

    password: str


class SessionFacts(Schema):
    """One place where the person is signed in."""

    id: int
    device: str
    address: str
    remembered: bool
    since: datetime
    last_used: datetime
    here: bool = Field(description="It is the one that asks")


class SessionList(Schema):
    """The person's sessions."""

    sessions: list[SessionFacts]
    next: str | None = Field(description="Cursor of the following page")


class TokenFacts(Schema):
    """One personal token; of the token itself only a digest is kept."""

    id: int
    name: str
    scope: str = Field(description="read, write or manage")
    created: datetime
    expires: datetime | None
    last_used: datetime | None


class TokenList(Schema):
    """The person's tokens."""

    tokens: list[TokenFacts]
    next: str | None = Field(description="Cursor of the following page")


class NewToken(Schema):
    """A token to make; `days` is 7, 30, 90, 365, or null for one that does not expire."""

    name: str
    scope: str = "read"
    days: int | None = 90


class TokenMade(TokenFacts):
    """A token, told this once."""

    token: str


class HubFacts(Schema):
    """What the operator of the hub sees."""

    sign_up: str = Field(description="closed, invited or open")
    mails_waiting: int
    mails_lost: list[datetime] = Field(description="When mails could not be sent lately")


class HubChange(Schema):
    """What the operator chooses."""

    sign_up: str


class PersonRow(Schema):
    """One account."""

    id: int
    name: str
    email: str
    operator: bool
    active: bool
    created: datetime
    delete_after: datetime | None


class PersonList(Schema):
    """All accounts of the hub."""

    people: list[PersonRow]
    next: str | None = Field(description="Cursor of the following page")
