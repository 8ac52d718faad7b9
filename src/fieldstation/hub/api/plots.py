"""The API's routes of pictures, and of the plots that a person keeps.

The order of a picture is the same as in the address of the page (`plots.options`).
"""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from fieldstation.export.picture import Form
from fieldstation.hub.api import lists
from fieldstation.hub.api import plots_shapes as shapes
from fieldstation.hub.api.arrays import moment
from fieldstation.hub.api.principal import person
from fieldstation.hub.api.versions import answer, need_current, tagged
from fieldstation.hub.plots import keeping, sketch
from fieldstation.hub.plots.answers import filled, options_from, picture_file
from fieldstation.hub.plots.models import SavedPlot
from fieldstation.hub.plots.order import Order

router = Router(tags=["plots"])

PLOT = "/plots/{uuid:plot}"
_IMAGES = {
    kind: {"schema": {"type": "string", "format": "binary"}}
    for kind in ("image/png", "image/svg+xml", "application/pdf")
}
_FILE = {"responses": {200: {"description": "The picture", "content": _IMAGES}}}


@router.get("/picture.{form}", summary="A picture as a file", openapi_extra=_FILE)
def picture(
    request: HttpRequest, form: Literal["png", "svg", "pdf"], order: Query[shapes.Drawn]
) -> HttpResponse:
    """The picture that the query orders."""
    return picture_file(_order(request), Form(form))


@router.get("/plot-data", response=shapes.PlotData, by_alias=True, summary="What a plot shows")
def plot_data(request: HttpRequest, order: Query[shapes.Ordered]) -> HttpResponse:
    """Curves as buckets, states as spans, gaps, notes, and the numbers of the span."""
    return answer(sketch.data(_order(request)))


@router.get("/day-totals", response=shapes.DayTotals, summary="A plot day by day")
def day_totals(request: HttpRequest, order: Query[shapes.Ordered]) -> HttpResponse:
    """The numbers of each day of the site's time zone, at most 400 days."""
    found = _order(request)
    return answer({"zone": str(found.zone), "curves": sketch.day_rows(found)})


@router.get("/plots", response=shapes.PlotList, summary="Saved plots")
def plots(
    request: HttpRequest,
    removed: bool = False,
    limit: lists.Limit = lists.USUAL,
    cursor: str = "",
) -> HttpResponse:
    """The plots that the person keeps; with `removed` those that can be brought back."""
    wanted = keeping.removed_of if removed else keeping.plots_of
    rows, after = lists.page(wanted(person(request)), ["name", "pk"], limit, cursor)
    return answer({"plots": [_plot(row) for row in rows], "next": after})


@router.post("/plots", response=shapes.PlotFacts, summary="Save a plot")
def save(request: HttpRequest, wanted: shapes.NewPlot) -> HttpResponse:
    """Keep the picture of a query under a name."""
    return tagged(_plot(keeping.save(person(request), wanted.query, wanted.name)))


@router.get(PLOT, response=shapes.PlotFacts, summary="One saved plot")
def one_plot(request: HttpRequest, plot: UUID) -> HttpResponse:
    """Its name and its query."""
    return answer(_plot(keeping.own_plot(person(request), plot)))


@router.patch(PLOT, response=shapes.PlotFacts, summary="Change a saved plot")
def change_plot(request: HttpRequest, plot: UUID, wanted: shapes.PlotChange) -> HttpResponse:
    """Another name or picture; with `If-Match` only while nobody has changed it."""
    with transaction.atomic():
        found = keeping.own_plot(person(request), plot)
        need_current(request, _plot(found))
        keeping.change(found, name=wanted.name, query=wanted.query)
    return tagged(_plot(found))


@router.delete(PLOT, response={204: None}, summary="Remove a saved plot")
def remove_plot(request: HttpRequest, plot: UUID) -> HttpResponse:
    """Take it out of sight, from dashboards too; it can come back for a day."""
    with transaction.atomic():
        found = keeping.own_plot(person(request), plot)
        need_current(request, _plot(found))
        keeping.remove(found)
    return HttpResponse(status=204)


@router.post(PLOT + "/restore", response=shapes.PlotFacts, summary="Bring a saved plot back")
def restore_plot(request: HttpRequest, plot: UUID) -> HttpResponse:
    """Undo the removal, until `undo_until`."""
    return tagged(_plot(keeping.restore(person(request), plot)))


def _order(request: HttpRequest) -> Order:
    return filled(person(request), options_from(request))


def _plot(one: SavedPlot) -> dict[str, Any]:
    return {
        "id": str(one.pk),
        "name": one.name,
        "query": one.query,
        "created": moment(one.created),
        "removed": moment(one.removed_at) if one.removed_at else None,
        "undo_until": moment(one.undo_until) if one.undo_until else None,
    }
