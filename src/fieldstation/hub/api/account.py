"""The API's routes of the person's own account. All of them take a session or a token of scope
`manage`: whoever holds a lesser one learns and changes nothing here
(test_a_token_to_write_manages_nobody).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.translation import gettext as _
from ninja import Field, Router

from fieldstation.errors import NotFound
from fieldstation.hub.accounts import changes, copy, leaving, sessions
from fieldstation.hub.accounts.models import PersonalToken, SignedIn, User
from fieldstation.hub.api import account_shapes as shapes
from fieldstation.hub.api import lists
from fieldstation.hub.api.arrays import moment
from fieldstation.hub.api.principal import by_session, manager
from fieldstation.hub.api.versions import answer
from fieldstation.hub.sites import audit

router = Router(tags=["account"])

Number = Annotated[int, Field(ge=0, lt=2**63)]


@router.get("/account", response=shapes.Account, summary="The own account")
def account(request: HttpRequest) -> HttpResponse:
    """Name, address, language, and whether it waits for its deletion."""
    return answer(_facts(manager(request)))


@router.patch("/account", response=shapes.Account, summary="Change the account")
def change(request: HttpRequest, wanted: shapes.AccountChange) -> HttpResponse:
    """Change what is given; empty texts are the browser's choice."""
    user = manager(request)
    if wanted.language is not None:
        changes.change_language(user, wanted.language)
    return answer(_facts(user))


@router.post("/account/password", response={204: None}, summary="Change the password")
def password(request: HttpRequest, wanted: shapes.NewPassword) -> HttpResponse:
    """A new password; all sessions end, also the one that asks. Tokens stay."""
    changes.change_password(request, manager(request), wanted.old, wanted.new)
    return _signed_out(request)


@router.post("/account/address", response=shapes.AddressAsked, summary="Change the address")
def address(request: HttpRequest, wanted: shapes.NewAddress) -> HttpResponse:
    """Send a link to the new address, which is the account's once somebody follows it."""
    return answer({"sent_to": changes.change_address(manager(request), wanted.email)})


@router.get("/account/sessions", response=shapes.SessionList, summary="The own sessions")
def session_list(
    request: HttpRequest, limit: lists.Limit = lists.USUAL, cursor: str = ""
) -> HttpResponse:
    """Where the person is signed in, the newest session first."""
    found = SignedIn.objects.filter(user=manager(request))
    rows, after = lists.page(found, ["-pk"], limit, cursor)
    here = request.session.session_key if by_session(request) else None
    return answer({"sessions": [_session(row, here) for row in rows], "next": after})


@router.delete("/account/sessions", response={204: None}, summary="End all other sessions")
def end_others(request: HttpRequest) -> HttpResponse:
    """End all sessions but the one that asks."""
    here = request.session.session_key if by_session(request) else None
    changes.end_others(manager(request), here)
    return HttpResponse(status=204)


@router.delete("/account/sessions/{session}", response={204: None}, summary="End a session")
def end_session(request: HttpRequest, session: Number) -> HttpResponse:
    """End one session at once."""
    found = SignedIn.objects.filter(user=manager(request), pk=session).first()
    if found is None:
        raise NotFound(_("You have no such session."))
    sessions.end([found])
    return HttpResponse(status=204)


@router.get("/account/tokens", response=shapes.TokenList, summary="The own tokens")
def token_list(
    request: HttpRequest, limit: lists.Limit = lists.USUAL, cursor: str = ""
) -> HttpResponse:
    """The personal tokens, the newest first."""
    found = PersonalToken.objects.filter(user=manager(request))
    rows, after = lists.page(found, ["-pk"], limit, cursor)
    return answer({"tokens": [_token(row) for row in rows], "next": after})


@router.post("/account/tokens", response=shapes.TokenMade, summary="Make a token")
def make_token(request: HttpRequest, wanted: shapes.NewToken) -> HttpResponse:
    """A new personal token, told this once."""
    text, row = changes.make_token(manager(request), wanted.name, wanted.scope, wanted.days)
    return answer(_token(row) | {"token": text})


@router.delete("/account/tokens/{token}", response={204: None}, summary="Revoke a token")
def revoke_token(request: HttpRequest, token: Number) -> HttpResponse:
    """The token opens nothing from now on."""
    found = PersonalToken.objects.filter(user=manager(request), pk=token).first()
    if found is None:
        raise NotFound(_("You have no such token."))
    changes.revoke_token(found)
    return HttpResponse(status=204)


@router.post(
    "/account/export",
    summary="A copy of all that is the person's",
    openapi_extra={
        "responses": {
            200: {
                "description": "The file",
                "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
            }
        }
    },
)
def export(request: HttpRequest) -> StreamingHttpResponse:
    """A zip with `account.json` and the readings of the person's own sensors, streamed."""
    user = manager(request)
    audit.note(user, "account.exported", user.username)
    response = StreamingHttpResponse(copy.pieces(user), content_type="application/zip")
    response.headers["Content-Disposition"] = 'attachment; filename="fieldstation-account.zip"'
    return response


@router.post("/account/deletion", response={204: None}, summary="Delete the account")
def delete(request: HttpRequest, proof: shapes.Proof) -> HttpResponse:
    """Mark the account for deletion in 7 days; all sessions end, and no token opens anything."""
    changes.leave(request, manager(request), proof.password)
    return _signed_out(request)


@router.delete("/account/deletion", response=shapes.Account, summary="Keep the account")
def keep(request: HttpRequest) -> HttpResponse:
    """Undo the deletion, in a new session."""
    user = manager(request)
    leaving.undo(user)
    return answer(_facts(user))


def _signed_out(request: HttpRequest) -> HttpResponse:
    if by_session(request):
        auth.logout(request)
    return HttpResponse(status=204)


def _facts(user: User) -> dict[str, Any]:
    return {
        "name": user.username,
        "email": user.email,
        "language": user.language,
        "languages": [code for code, _name in settings.LANGUAGES],
        "operator": user.is_operator,
        "created": moment(user.created),
        "delete_after": _maybe(user.delete_after),
    }


def _session(row: SignedIn, here: str | None) -> dict[str, Any]:
    return {
        "id": row.pk,
        "device": row.device,
        "address": row.address,
        "remembered": row.remembered,
        "since": moment(row.since),
        "last_used": moment(row.last_used),
        "here": row.session == here,
    }


def _token(row: PersonalToken) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "scope": row.scope,
        "created": moment(row.created),
        "expires": _maybe(row.expires),
        "last_used": _maybe(row.last_used),
    }


def _maybe(at: datetime | None) -> str | None:
    return moment(at) if at else None
