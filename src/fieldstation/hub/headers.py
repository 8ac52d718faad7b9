"""Headers that every answer of Django carries: nothing inline, nothing foreign, nothing kept."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
PERMISSIONS = "camera=(), microphone=(), geolocation=(), payment=(), usb=()"

Answer = Callable[[HttpRequest], HttpResponse]


def guard_pages(answer: Answer) -> Answer:
    """Content-Security-Policy without exceptions, and no copy of a page in any cache, because pages
    differ by who looks.
    """

    def guarded(request: HttpRequest) -> HttpResponse:
        response = answer(request)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Permissions-Policy"] = PERMISSIONS
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return guarded


class SqueezedPages(GZipMiddleware):
    """Compress pages, which are the same words over and over. Answers of the API go as they are:
    their tags are for exact bytes; and streams, because what is compressed comes late.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        page = response.headers.get("Content-Type", "").startswith("text/html")
        if response.streaming or not page or "ETag" in response.headers:
            return response
        return super().process_response(request, response)


def known_host(answer: Answer) -> Answer:
    """Refuse a request under a foreign name before anything looks at it; so no page, link or cookie
    is ever made for a name that is not the hub's own.
    """

    def checked(request: HttpRequest) -> HttpResponse:
        request.get_host()
        return answer(request)

    return checked
