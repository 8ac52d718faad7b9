"""Which version of a thing somebody has: its tag in answers, and changes that name it.

A change with `If-Match` is made only while the thing is as its tag says, so nobody overwrites what
somebody else has changed meanwhile (test_a_change_of_what_changed_meanwhile_is_refused).
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from fieldstation.hub.api.arrays import json_bytes

JSON = "application/json"


class Changed(Exception):
    """The thing is no longer as the caller knows it."""

    def __init__(self) -> None:
        super().__init__(_("This was changed meanwhile; read it again, then change it."))


def etag_of(content: bytes) -> str:
    """The tag of an answer with this content."""
    return f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"'


def answer(facts: Any) -> HttpResponse:
    """The facts as an answer."""
    return HttpResponse(json_bytes(facts), content_type=JSON)


def tagged(facts: Any) -> HttpResponse:
    """The facts of one thing after a change, with the tag that reading it now has."""
    response = answer(facts)
    response.headers["ETag"] = etag_of(response.content)
    return response


def need_current(request: HttpRequest, facts: Any) -> None:
    """Raises Changed when the request names another version than that with these facts."""
    named = request.headers.get("If-Match", "*")
    tags = [tag.strip() for tag in named.split(",")]
    if "*" not in tags and etag_of(json_bytes(facts)) not in tags:
        raise Changed
