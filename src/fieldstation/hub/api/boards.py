"""The API's routes of dashboards: a person's saved plots side by side."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Router

from fieldstation.hub.api import lists
from fieldstation.hub.api import plots_shapes as shapes
from fieldstation.hub.api.arrays import moment
from fieldstation.hub.api.principal import person
from fieldstation.hub.api.versions import answer, need_current, tagged
from fieldstation.hub.plots import boards
from fieldstation.hub.plots.models import Dashboard, SavedPlot

router = Router(tags=["dashboards"])

BOARD = "/dashboards/{uuid:board}"


@router.get("/dashboards", response=shapes.BoardList, summary="Dashboards")
def dashboards(
    request: HttpRequest,
    removed: bool = False,
    limit: lists.Limit = lists.USUAL,
    cursor: str = "",
) -> HttpResponse:
    """The person's dashboards, by name; with `removed` those that can be brought back."""
    user = person(request)
    wanted = boards.removed_of if removed else boards.boards_of
    rows, after = lists.page(wanted(user), ["name", "pk"], limit, cursor)
    kept = boards.plots_of(user)
    return answer({"dashboards": [_facts(row, kept) for row in rows], "next": after})


@router.post("/dashboards", response=shapes.BoardFacts, summary="Make a dashboard")
def add_board(request: HttpRequest, wanted: shapes.BoardName) -> HttpResponse:
    """A new dashboard; the first one becomes the default."""
    return tagged(_board(boards.add(person(request), wanted.name)))


@router.get(BOARD, response=shapes.BoardFacts, summary="One dashboard")
def one_board(request: HttpRequest, board: UUID) -> HttpResponse:
    """Its tiles in order, each with the plot that it shows."""
    return answer(_board(boards.own_board(person(request), board)))


@router.patch(BOARD, response=shapes.BoardFacts, summary="Rename a dashboard")
def rename_board(request: HttpRequest, board: UUID, wanted: shapes.BoardName) -> HttpResponse:
    """Another name; with `If-Match` only while nobody has changed it."""
    with transaction.atomic():
        found = _current(request, board)
        boards.rename(found, wanted.name)
    return tagged(_board(found))


@router.put(BOARD + "/tiles", response=shapes.BoardFacts, summary="Arrange a dashboard")
def arrange(request: HttpRequest, board: UUID, wanted: shapes.Arrangement) -> HttpResponse:
    """Another arrangement; with `If-Match` only while nobody has changed it."""
    with transaction.atomic():
        found = _current(request, board)
        rows = [tile.model_dump() | {"plot": str(tile.plot)} for tile in wanted.tiles]
        boards.arrange(found, rows)
    return tagged(_board(found))


@router.post(BOARD + "/undo", response=shapes.BoardFacts, summary="The arrangement before")
def undo(request: HttpRequest, board: UUID) -> HttpResponse:
    """Take back the latest arrangement; up to 20 can be."""
    with transaction.atomic():
        found = _current(request, board)
        boards.undo(found)
    return tagged(_board(found))


@router.post(BOARD + "/default", response=shapes.BoardFacts, summary="Open it by itself")
def make_default(request: HttpRequest, board: UUID) -> HttpResponse:
    """Make it the dashboard that opens by itself."""
    found = boards.own_board(person(request), board)
    boards.make_default(found)
    return tagged(_board(found))


@router.delete(BOARD, response={204: None}, summary="Remove a dashboard")
def remove_board(request: HttpRequest, board: UUID) -> HttpResponse:
    """Take it out of sight; the plots on it stay. It can come back for a day."""
    with transaction.atomic():
        boards.remove(_current(request, board))
    return HttpResponse(status=204)


@router.post(BOARD + "/restore", response=shapes.BoardFacts, summary="Bring a dashboard back")
def restore_board(request: HttpRequest, board: UUID) -> HttpResponse:
    """Undo the removal, until `undo_until`; it is the default again unless another one is."""
    return tagged(_board(boards.restore(person(request), board)))


def _current(request: HttpRequest, board: UUID) -> Dashboard:
    found = boards.own_board(person(request), board)
    need_current(request, _board(found))
    return found


def _board(one: Dashboard) -> dict[str, Any]:
    return _facts(one, boards.plots_of(one.user))


def _facts(one: Dashboard, kept: list[SavedPlot]) -> dict[str, Any]:
    return {
        "id": str(one.pk),
        "name": one.name,
        "default": one.is_default,
        "tiles": boards.shown(one, kept),
        "undo": bool(one.earlier),
        "created": moment(one.created),
        "removed": moment(one.removed_at) if one.removed_at else None,
        "undo_until": moment(one.undo_until) if one.undo_until else None,
    }
