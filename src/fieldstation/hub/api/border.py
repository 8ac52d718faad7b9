"""What all answers of the API have in common: how many are left, and the tag to ask again with.

1. The answer to a question that is asked again with the tag of the answer at hand is 304 when
   nothing changed (test_an_answer_that_did_not_change_is_not_sent_again).
2. The tag is for programs that keep their own answers; browsers and caches in between keep none, as
   it may be another person's turn (test_no_answer_is_kept_by_anyone_in_between).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response

from fieldstation.hub.api import rate

BELOW = "/api/v1/"


def border(
    answer: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware for addresses of the API; all others pass."""

    def bordered(request: HttpRequest) -> HttpResponseBase:
        response = answer(request)
        if not request.path.startswith(BELOW):
            return response
        if isinstance(response, HttpResponse) and _taggable(request, response):
            response = _tagged(request, response)
        rate.tell(request, response)
        return response

    return bordered


def _taggable(request: HttpRequest, response: HttpResponse) -> bool:
    return request.method == "GET" and response.status_code == 200


def _tagged(request: HttpRequest, response: HttpResponse) -> HttpResponseBase:
    etag = f'"{hashlib.blake2b(response.content, digest_size=16).hexdigest()}"'
    response.headers["ETag"] = etag
    response.headers["Vary"] = "Cookie, Authorization"
    return get_conditional_response(request, etag=etag, response=response) or response
