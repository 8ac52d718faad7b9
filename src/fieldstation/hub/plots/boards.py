"""Dashboards: a person's saved plots side by side, arranged, and the arrangement before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from fieldstation.errors import BadRequest, NotFound
from fieldstation.hub.accounts.models import User
from fieldstation.hub.plots import keeping, removing
from fieldstation.hub.plots.models import LONGEST_NAME, Dashboard, SavedPlot

MOST_TILES, MOST_EARLIER, MOST_BOARDS = 24, 20, 100
WIDEST, TALLEST = 4, 3

Tile = dict[str, Any]


def boards_of(user: User) -> QuerySet[Dashboard]:
    """The person's dashboards."""
    return removing.kept(Dashboard.objects.filter(user=user))


def removed_of(user: User) -> QuerySet[Dashboard]:
    """The person's dashboards that can be brought back."""
    return removing.removed(Dashboard.objects.filter(user=user))


def own_board(user: User, board: UUID | str) -> Dashboard:
    """A dashboard of the person. Raises NotFound."""
    found = boards_of(user).filter(id=board).first()
    if found is None:
        raise NotFound(_("You have no such dashboard."))
    return found


def add(user: User, name: str) -> Dashboard:
    """A new dashboard; the first one becomes the default. Raises BadRequest for one too many."""
    _need_room(user)
    first = not boards_of(user).exists()
    return Dashboard.objects.create(user=user, name=_named(name), is_default=first)


def rename(board: Dashboard, name: str) -> None:
    """Call the dashboard otherwise."""
    board.name = _named(name)
    board.save(update_fields=["name"])


def arrange(board: Dashboard, rows: Iterable[Mapping[str, Any]]) -> None:
    """Another arrangement: rows of `plot`, `wide` and `tall`, the latter within what a dashboard
    has; the one before can be had back. Raises BadRequest.
    """
    known = {str(plot.id) for plot in plots_of(board.user)}
    tiles = [_tile(row, known) for row in rows]
    if len(tiles) > MOST_TILES:
        raise BadRequest(_("A dashboard has room for %(most)s plots.") % {"most": MOST_TILES})
    if tiles != board.tiles:
        board.earlier = [*board.earlier, board.tiles][-MOST_EARLIER:]
        board.tiles = tiles
        board.save(update_fields=["tiles", "earlier"])


def undo(board: Dashboard) -> None:
    """The arrangement before, if there is one."""
    if board.earlier:
        board.tiles = board.earlier.pop()
        board.save(update_fields=["tiles", "earlier"])


def make_default(board: Dashboard) -> None:
    """Let this one open by itself, and no other."""
    with transaction.atomic():
        Dashboard.objects.filter(user=board.user).update(is_default=False)
        Dashboard.objects.filter(id=board.id).update(is_default=True)
    board.is_default = True


def remove(board: Dashboard) -> None:
    """Take the dashboard out of sight; `restore` brings it back. The plots on it stay."""
    removing.remove(board, Dashboard.objects.filter(user=board.user))


def restore(user: User, board: UUID | str) -> Dashboard:
    """Bring a dashboard back; one that is there stays. Raises NotFound, and BadRequest when it is
    too late or there are too many.
    """
    with transaction.atomic():
        found = Dashboard.objects.filter(user=user, id=board).first()
        if found is None:
            raise NotFound(_("You have no such dashboard."))
        if found.removed_at is not None:
            removing.need_time(found)
            _need_room(user)
            found.removed_at = None
            found.is_default &= not boards_of(user).filter(is_default=True).exists()
            found.save(update_fields=["removed_at", "is_default"])
    return found


def plots_of(user: User) -> list[SavedPlot]:
    """What may be put on the person's dashboards."""
    return list(keeping.plots_of(user))


def shown(board: Dashboard, plots: Iterable[SavedPlot]) -> list[Tile]:
    """The tiles with what each shows; those of removed plots are left out."""
    known = {str(plot.id): plot for plot in plots}
    return [
        {**tile, "name": known[tile["plot"]].name, "query": known[tile["plot"]].query}
        for tile in board.tiles
        if tile["plot"] in known
    ]


def _need_room(user: User) -> None:
    if boards_of(user).count() >= MOST_BOARDS:
        raise BadRequest(_("You have as many dashboards as one account may; remove one first."))


def _named(name: str) -> str:
    return " ".join(name.split())[:LONGEST_NAME] or _("Dashboard")


def _tile(row: Mapping[str, Any], known: set[str]) -> Tile:
    plot, wide, tall = row["plot"], int(row["wide"]), int(row["tall"])
    if plot not in known:
        raise BadRequest(_("You keep no such plot."))
    return {
        "plot": plot,
        "wide": min(max(wide, 1), WIDEST),
        "tall": min(max(tall, 1), TALLEST),
    }
