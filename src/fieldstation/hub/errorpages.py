"""What a person, or a program asking the API, sees when a request cannot be answered.

1. Every refusal says what happened and what to do next, under the status it has
   (test_every_error_page_says_what_to_do_next).
2. Below `/api/` it is a problem, everywhere else a page of the site
   (test_a_refusal_is_a_page_for_people_and_a_problem_for_programs).
3. A refusal that comes without a body gets one here
   (test_a_method_that_a_page_does_not_take_gets_a_page_too).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.core.exceptions import DisallowedHost
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as later

from fieldstation.errors import BadRequest, FieldstationError, NotFound, StoreError
from fieldstation.hub.problem import CONTENT_TYPE, problem

RETRY_AFTER_S = 10

WORDS = {
    400: (
        later("The request makes no sense"),
        later(
            "The hub cannot read it. Try again, remove this site's cookies if it stays so, or ask "
            "the person who runs this hub."
        ),
    ),
    401: (later("Sign in first"), later("Check the user name and the password, or the token.")),
    403: (
        later("This is not yours to see"),
        later("Check which account you are signed in to, or ask the person who runs this hub."),
    ),
    404: (
        later("There is no such page"),
        later(
            "The address is misspelt, or the instrument it names has not sent anything yet. Try "
            "another place."
        ),
    ),
    405: (
        later("Not in this way"),
        later(
            "This address takes other requests than the one sent; perhaps it was posted to the "
            "wrong place. Go back and use the page's own buttons."
        ),
    ),
    406: (later("Not in this form"), later("What is here cannot be had as the form asked for.")),
    408: (
        later("The request took too long"),
        later("It did not arrive in time. Check the connection and send it again."),
    ),
    410: (
        later("Gone for good"),
        later("What was here was taken away and does not come back. Remove the bookmark."),
    ),
    411: (later("How long is it?"), later("Send the request with its length.")),
    413: (later("Too large"), later("The hub takes at most 1.2 MB at once. Send less.")),
    414: (
        later("The address is too long"),
        later("Ask for less at once, or send the form instead of the link."),
    ),
    415: (
        later("The wrong kind of content"),
        later("Send what this address takes, with the Content-Type that names it."),
    ),
    421: (
        later("The wrong server"),
        later(
            "The hub was asked under a name that is not its own. Check the address; the person who "
            "runs it can add the name to FIELDSTATION_HUB_HOSTS."
        ),
    ),
    429: (later("Too many requests"), later("Wait a little and come back later.")),
    431: (
        later("The request's headers are too large"),
        later("Remove this site's cookies and try again."),
    ),
    451: (
        later("Not to be shown for legal reasons"),
        later("The person who runs this hub knows the reasons and can tell them."),
    ),
    500: (
        later("Something went wrong in the hub"),
        later(
            "No reading is lost by this. Try again later; if it happens again, the hub's log says "
            "what went wrong."
        ),
    ),
    502: (
        later("The hub does not answer"),
        later("It may be starting anew. Try again in some minutes."),
    ),
    503: (
        later("The hub is busy"),
        later("It has too much to do or is being looked after. Try again a little later."),
    ),
    504: (
        later("The hub answers too slowly"),
        later("Try again in some minutes, or ask for less at once."),
    ),
}
"""Short name and next step of every status that the hub, or the server before it, may give."""

# What a framework puts into a refusal instead of words.
_BARE = {b"", b"Method not allowed"}


def page(request: HttpRequest, status: int, title: str = "", text: str = "") -> HttpResponse:
    """The refusal with this status; `title` and `text` instead of the usual words."""
    if request.path.startswith("/api/"):
        body, kind = _as_problem(status, title, text), CONTENT_TYPE
        response = HttpResponse(body, status=status, content_type=kind)
    else:
        response = render(request, "error.html", _as_words(status, title, text), status=status)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def unread(path: str, status: int) -> tuple[bytes, str]:
    """Body and content type of the refusal of a request that is not looked at any further."""
    if path.startswith("/api/"):
        return _as_problem(status), CONTENT_TYPE
    text = render_to_string("error.html", _as_words(status))
    return text.encode(), "text/html; charset=utf-8"


class Dressed:
    """Middleware: refusals without a body get one, and errors raised on purpose become refusals."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._answer(request)
        if not isinstance(response, HttpResponse) or response.status_code not in WORDS:
            return response
        if response.content not in _BARE:
            return response
        dressed = page(request, response.status_code)
        for name, value in response.items():
            if name not in ("Content-Type", "Content-Length"):
                dressed.headers[name] = value
        return dressed

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The refusal that a view asks for by raising; None for whatever is a defect."""
        kinds: dict[type[FieldstationError], int] = {
            NotFound: 404,
            BadRequest: 400,
            StoreError: 503,
        }
        for kind, status in kinds.items():
            if isinstance(error, kind):
                return page(request, status, text=str(error))
        return None


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: the address names nothing."""
    return page(request, 404)


def denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: signed in, but not allowed."""
    return page(request, 403)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: a form came without the token of its page."""
    text = _(
        "Its page is too old, or cookies are switched off. Go back, reload the page "
        "and send the form again."
    )
    return page(request, 403, _("The form could not be checked"), text)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """421: a host name this hub does not go by; 400: a malformed request."""
    return page(request, 421 if isinstance(exception, DisallowedHost) else 400)


def failed(request: HttpRequest) -> HttpResponse:
    """503: the database stayed locked for too long; 500: a defect of the hub."""
    return page(request, 503 if isinstance(sys.exception(), OperationalError) else 500)


def _as_words(status: int, title: str = "", text: str = "") -> dict[str, Any]:
    usual_title, usual_text = WORDS[status]
    return {
        "status": status,
        "title": f"{title or usual_title} ({status})",
        "text": text or usual_text,
    }


def _as_problem(status: int, title: str = "", text: str = "") -> bytes:
    usual_title, usual_text = WORDS[status]
    kind = HTTPStatus(status).phrase.lower().replace(" ", "-")
    return problem(status, kind, f"{title or usual_title}. {text or usual_text}")
