"""Saved plots and dashboards that a person removes, and takes back.

1. What is removed is neither listed nor opened, and counts towards no limit, from the same moment
   on; for a day it can be brought back with all it held
   (test_a_removed_dashboard_comes_back_as_it_was). Then it is gone for good
   (test_what_is_over_is_deleted_while_the_hub_runs).
2. A dashboard that was the default is so again, unless another one became it meanwhile
   (test_a_default_that_comes_back_leaves_the_one_that_took_its_place).
3. The tile of a removed plot comes back with it, on dashboards that were not arranged meanwhile
   (test_a_plot_comes_back_to_its_place_on_the_dashboard).
4. A share link holds a picture of its own: it neither ends nor comes back with a plot
   (test_a_link_outlives_the_plot_that_it_was_made_from).
5. A link that is revoked and a note that is taken away stay so: who revokes a link means it, and
   another is made in a moment; the words of a note are in the log of its site.
6. The newest 100 of a person's removed plots, and of their removed dashboards, can be brought back;
   so nobody fills the disk with what nobody sees (test_only_so_many_removals_can_be_undone).
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from fieldstation.errors import BadRequest
from fieldstation.hub.plots.models import UNDO_FOR, Dashboard, Removable, SavedPlot

MOST_REMOVED = 100

One = TypeVar("One", bound=Removable)


def kept(rows: QuerySet[One]) -> QuerySet[One]:
    """Those of the rows that are not removed."""
    return rows.filter(removed_at=None)


def removed(rows: QuerySet[One]) -> QuerySet[One]:
    """Those of the rows that can be brought back."""
    return rows.filter(removed_at__gt=timezone.now() - UNDO_FOR)


def remove(one: One, mine: QuerySet[One]) -> None:
    """Take one of the person's rows out of sight; those removed long before may go for good."""
    one.removed_at = timezone.now()
    one.save(update_fields=["removed_at"])
    newest = mine.exclude(removed_at=None).order_by("-removed_at")
    mine.filter(pk__in=[row.pk for row in newest[MOST_REMOVED:]]).delete()


def need_time(one: Removable) -> None:
    """Raises BadRequest when it is too late to bring it back."""
    until = one.undo_until
    if until is not None and until <= timezone.now():
        raise BadRequest(_("It was removed too long ago to be brought back."))


def erase(now: datetime) -> None:
    """Delete for good what was removed longer than a day ago."""
    for kind in (SavedPlot, Dashboard):
        kind.objects.filter(removed_at__lte=now - UNDO_FOR).delete()
