"""What a person, or a program asking the API, sees when a request cannot be answered."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from fieldstation.hub.problem import CONTENT_TYPE, problem


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: the address names nothing."""
    return _page(
        request,
        404,
        _("There is no such page"),
        _("The address is misspelt, or the instrument it names has not sent anything yet."),
    )


def denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: signed in, but not allowed."""
    return _page(
        request,
        403,
        _("This is not yours to see"),
        _("Your account may not open this page. Ask the person who runs this hub."),
    )


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: a form came without the token of its page."""
    return _page(
        request,
        403,
        _("The form could not be checked"),
        _(
            "Its page is too old, or cookies are switched off. Go back, reload the page "
            "and send the form again."
        ),
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: a host name this hub does not go by, or a malformed request."""
    text = _(
        "The hub was asked under a name that is not its own, or the request is malformed. "
        "The person who runs it can add the name to FIELDSTATION_HUB_HOSTS."
    )
    return _page(request, 400, _("The request makes no sense"), text)


def failed(request: HttpRequest) -> HttpResponse:
    """500: a defect of the hub."""
    return _page(
        request,
        500,
        _("Something went wrong in the hub"),
        _(
            "No reading is lost by this. Try again; if it happens again, "
            "the hub's log says what went wrong."
        ),
    )


def _page(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        kind = HTTPStatus(status).phrase.lower().replace(" ", "-")
        body = problem(status, kind, f"{title}. {text}")
        return HttpResponse(body, status=status, content_type=CONTENT_TYPE)
    words: dict[str, Any] = {"status": status, "title": title, "text": text}
    return render(request, "error.html", words, status=status)
