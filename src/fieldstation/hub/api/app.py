"""The API's frame: its name, who may ask, and how a refusal looks."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import orjson
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.parser import Parser

from fieldstation.errors import BadRequest, NotFound, StoreError
from fieldstation.hub.accounts.changes import Slowed
from fieldstation.hub.api.account import router as account
from fieldstation.hub.api.boards import router as boards
from fieldstation.hub.api.described import Api
from fieldstation.hub.api.exports import router as exports
from fieldstation.hub.api.gateway_acts import router as gateways
from fieldstation.hub.api.me import router as me
from fieldstation.hub.api.oldsite import router as oldsite
from fieldstation.hub.api.operating import router as operator
from fieldstation.hub.api.plots import router as plots
from fieldstation.hub.api.principal import Forbidden, asking
from fieldstation.hub.api.rate import TooOften
from fieldstation.hub.api.readings import router as readings
from fieldstation.hub.api.shares import router as shares
from fieldstation.hub.api.sites import router as sites
from fieldstation.hub.api.versions import Changed
from fieldstation.hub.problem import CONTENT_TYPE, problem
from fieldstation.hub.sensors.api import router as sensors


# The framework's documentation page is left out: it would load scripts from the internet.
class Strict(Parser):
    """Bodies as RFC 8259 has them: half a character or NaN is no JSON, and answered with 400."""

    def parse_body(self, request: HttpRequest) -> Any:
        """The document. Raises ValueError."""
        return orjson.loads(request.body)


api = Api(
    title="fieldstation hub", version="1", auth=asking, docs_url=None, openapi_url=None,
    urls_namespace="api", parser=Strict(),
)  # fmt: skip
# First, as the last route of the readings takes any name.
api.add_router("", me)
api.add_router("", account)
api.add_router("", operator)
api.add_router("", sites)
api.add_router("", plots)
api.add_router("", boards)
api.add_router("", shares)
api.add_router("", oldsite)
api.add_router("", gateways)
api.add_router("", sensors)
api.add_router("", exports)
api.add_router("", readings)


def _refuse(status: int, kind: str, detail: str) -> HttpResponse:
    text = problem(status, kind, detail)
    response = HttpResponse(text, status=status, content_type=CONTENT_TYPE)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = "10"
    return response


@api.exception_handler(NotFound)
def _unknown(request: HttpRequest, error: NotFound) -> HttpResponse:
    return _refuse(404, "not-found", str(error))


@api.exception_handler(Http404)
def _no_such_address(request: HttpRequest, error: Http404) -> HttpResponse:
    return _refuse(404, "not-found", _("The API has nothing at this address."))


@api.exception_handler(BadRequest)
def _senseless(request: HttpRequest, error: BadRequest) -> HttpResponse:
    return _refuse(400, "bad-request", str(error))


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    faults = "; ".join(f"{fault['loc'][-1]}: {fault['msg']}" for fault in error.errors)
    return _refuse(
        422, "bad-parameter", _("A parameter has no valid value: %(faults)s.") % {"faults": faults}
    )


@api.exception_handler(AuthenticationError)
def _stranger(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    text = _("Sign in first, or send a personal token that is good: Authorization: Bearer fst_...")
    response = _refuse(401, "sign-in", text)
    response.headers["WWW-Authenticate"] = 'Bearer realm="fieldstation"'
    return response


@api.exception_handler(Forbidden)
def _forbidden(request: HttpRequest, error: Forbidden) -> HttpResponse:
    return _refuse(403, error.code, str(error))


@api.exception_handler(Changed)
def _changed(request: HttpRequest, error: Changed) -> HttpResponse:
    return _refuse(412, "changed-meanwhile", str(error))


@api.exception_handler(Slowed)
def _slowed(request: HttpRequest, error: Slowed) -> HttpResponse:
    response = _refuse(429, "too-many-attempts", str(error))
    response.headers["Retry-After"] = str(error.wait_s)
    return response


@api.exception_handler(PermissionDenied)
def _role_too_low(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    return _refuse(
        403, "role-too-low", _("Your role at this site does not allow it; ask its owner.")
    )


@api.exception_handler(TooOften)
def _too_often(request: HttpRequest, error: TooOften) -> HttpResponse:
    response = _refuse(429, "too-many-requests", str(error))
    response.headers["Retry-After"] = str(error.wait_s)
    return response


@api.exception_handler(HttpError)
def _unreadable(request: HttpRequest, error: HttpError) -> HttpResponse:
    return _refuse(
        error.status_code,
        "bad-request",
        _("The request cannot be read: %(error)s.") % {"error": error},
    )


@api.exception_handler(StoreError)
def _later(request: HttpRequest, error: StoreError) -> HttpResponse:
    return _refuse(503, "store-unavailable", str(error))
