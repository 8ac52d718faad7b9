"""The API's routes for the operator of the hub; for anybody else they do not exist."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Router

from fieldstation.errors import NotFound
from fieldstation.hub import runtime
from fieldstation.hub.accounts import changes, choices
from fieldstation.hub.accounts.models import User
from fieldstation.hub.api import account_shapes as shapes
from fieldstation.hub.api import lists
from fieldstation.hub.api.arrays import moment
from fieldstation.hub.api.principal import manager
from fieldstation.hub.api.versions import answer
from fieldstation.hub.sites import audit

router = Router(tags=["operator"])


@router.get("/operator", response=shapes.HubFacts, summary="The hub as a whole")
def operator(request: HttpRequest) -> HttpResponse:
    """Who may sign up, and whether mails go out."""
    _operator(request)
    return answer(_facts())


@router.patch("/operator", response=shapes.HubFacts, summary="Choose who may sign up")
def change(request: HttpRequest, wanted: shapes.HubChange) -> HttpResponse:
    """Let from now on everybody (`open`), the `invited` or nobody (`closed`) make accounts."""
    user = _operator(request)
    choices.choose_sign_up(wanted.sign_up)
    audit.note(user, "hub.sign-up", wanted.sign_up)
    return answer(_facts())


@router.post("/operator/mail", response=shapes.AddressAsked, summary="Send a test mail")
def mail_test(request: HttpRequest) -> HttpResponse:
    """Send a mail to the operator's own address."""
    return answer({"sent_to": changes.send_test(_operator(request))})


@router.get("/operator/people", response=shapes.PersonList, summary="All accounts")
def people(
    request: HttpRequest, limit: lists.Limit = lists.USUAL, cursor: str = ""
) -> HttpResponse:
    """Every account of the hub, by name."""
    _operator(request)
    rows, after = lists.page(User.objects.all(), ["username", "pk"], limit, cursor)
    return answer({"people": [_person(row) for row in rows], "next": after})


def _operator(request: HttpRequest) -> User:
    user = manager(request)
    if not user.is_operator:
        raise NotFound(_("The API has nothing at this address."))
    return user


def _facts() -> dict[str, Any]:
    outbox = runtime.running().outbox
    return {
        "sign_up": choices.sign_up(),
        "mails_waiting": outbox.waiting,
        "mails_lost": [moment(lost.at) for lost in outbox.failures()],
    }


def _person(row: User) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.username,
        "email": row.email,
        "operator": row.is_operator,
        "active": row.is_active,
        "created": moment(row.created),
        "delete_after": moment(row.delete_after) if row.delete_after else None,
    }
