"""Two answers for machines: is the hub alive, and may it be indexed (no)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from fieldstation.errors import StoreError
from fieldstation.hub import runtime


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200 when the store is open and batches can be taken, else 503 with the reason."""
    try:
        runtime.running()
    except StoreError as error:
        return HttpResponse(f"{error}\n", status=503, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Search engines have no business here."""
    return HttpResponse("User-agent: *\nDisallow: /\n", content_type="text/plain")
