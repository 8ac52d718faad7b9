"""Pages' requests that leave words on a time axis, and take them away."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from fieldstation.hub.plots import noting
from fieldstation.hub.plots.answers import for_programs, json_answer, person


@for_programs
@require_POST
def annotate(request: HttpRequest) -> HttpResponse:
    """Leave words at an instant: fields gateway, instrument, at, text."""
    words = [request.POST.get(name, "") for name in ("gateway", "instrument", "at", "text")]
    note = noting.leave(person(request), *words)
    return json_answer({"id": note.pk, "at": note.at_us / 1e6, "text": note.text, "who": note.who})


@for_programs
@require_POST
def remove(request: HttpRequest, note: int) -> HttpResponse:
    """Take the words away."""
    noting.take_away(person(request), note)
    return json_answer({"removed": note})
