"""The API's frame: its name, who may ask, and how a refusal looks."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, ValidationError

from fieldstation.errors import BadRequest, NotFound, StoreError
from fieldstation.hub.accounts.models import User
from fieldstation.hub.api.readings import router as readings
from fieldstation.hub.problem import CONTENT_TYPE, problem


def signed_in(request: HttpRequest) -> User | None:
    """The person whose session this is; None refuses."""
    return None if isinstance(request.user, AnonymousUser) else request.user


# The interactive documentation page is left out: it would load scripts from the internet.
api = NinjaAPI(
    title="fieldstation hub", version="1", auth=signed_in, docs_url=None, urls_namespace="api"
)
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
    return _refuse(404, "not-found", "The API has nothing at this address.")


@api.exception_handler(BadRequest)
def _senseless(request: HttpRequest, error: BadRequest) -> HttpResponse:
    return _refuse(400, "bad-request", str(error))


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    faults = "; ".join(f"{fault['loc'][-1]}: {fault['msg']}" for fault in error.errors)
    return _refuse(422, "bad-parameter", f"A parameter has no valid value: {faults}.")


@api.exception_handler(AuthenticationError)
def _stranger(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return _refuse(401, "sign-in", "Sign in first; the API reads the session of the pages.")


@api.exception_handler(StoreError)
def _later(request: HttpRequest, error: StoreError) -> HttpResponse:
    return _refuse(503, "store-unavailable", str(error))
