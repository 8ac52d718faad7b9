"""What all answers of the API have in common: how many are left, the tag to ask again with, and the
methods that every address takes besides its own.

1. The answer to a question that is asked again with the tag of the answer at hand is 304 when
   nothing changed (test_an_answer_that_did_not_change_is_not_sent_again).
2. The tag is for programs that keep their own answers; browsers and caches in between keep none, as
   it may be another person's turn (test_no_answer_is_kept_by_anyone_in_between).
3. HEAD is answered as GET, without the body, and a stream is not even begun; OPTIONS names the
   methods, as a refusal of another one does
   (test_head_answers_as_get_does, test_options_and_refusals_name_the_methods).
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response

from fieldstation.hub.api import rate
from fieldstation.hub.api.versions import etag_of

BELOW = "/api/v1/"


def border(
    answer: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware for addresses of the API; all others pass."""

    def bordered(request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(BELOW):
            return answer(request)
        asked = request.method
        if asked == "HEAD":
            request.method = "GET"
        response = answer(request)
        if isinstance(response, HttpResponse) and _taggable(request, response):
            response = _tagged(request, response)
        request.method = asked
        if "Allow" in response.headers:
            response = _with_methods(request, response)
        rate.tell(request, response)
        return _unsent(response) if asked == "HEAD" else response

    return bordered


def _taggable(request: HttpRequest, response: HttpResponse) -> bool:
    return request.method == "GET" and response.status_code == 200


def _tagged(request: HttpRequest, response: HttpResponse) -> HttpResponseBase:
    etag = etag_of(response.content)
    response.headers["ETag"] = etag
    response.headers["Vary"] = "Cookie, Authorization"
    return get_conditional_response(request, etag=etag, response=response) or response


def _with_methods(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    methods = {method.strip() for method in response.headers["Allow"].split(",")} | {"OPTIONS"}
    if "GET" in methods:
        methods.add("HEAD")
    if request.method == "OPTIONS":
        response = HttpResponse(status=204)
    response.headers["Allow"] = ", ".join(sorted(methods))
    return response


def _unsent(response: HttpResponseBase) -> HttpResponseBase:
    """The same answer; the server leaves its body out, and a stream is over before it begins."""
    if not isinstance(response, StreamingHttpResponse):
        return response
    response.close()
    empty = StreamingHttpResponse(iter(()), status=response.status_code)
    for name, value in response.items():
        empty.headers[name] = value
    return empty
