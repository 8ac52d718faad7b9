"""The plots that a person keeps: saved, changed, taken out of sight and brought back."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _

from fieldstation.errors import BadRequest, NotFound
from fieldstation.hub.accounts.models import User
from fieldstation.hub.plots import removing
from fieldstation.hub.plots.models import LONGEST_NAME, SavedPlot
from fieldstation.hub.plots.options import LONGEST_QUERY, PlotOptions, options_of

MOST_SAVED = 500


def plots_of(user: User) -> QuerySet[SavedPlot]:
    """The plots that the person keeps."""
    return removing.kept(SavedPlot.objects.filter(user=user))


def removed_of(user: User) -> QuerySet[SavedPlot]:
    """The person's plots that can be brought back."""
    return removing.removed(SavedPlot.objects.filter(user=user))


def own_plot(user: User, plot: UUID | str) -> SavedPlot:
    """A plot that the person keeps. Raises NotFound."""
    found = plots_of(user).filter(id=plot).first()
    if found is None:
        raise NotFound(_("You keep no such plot."))
    return found


def save(user: User, query: str, name: str) -> SavedPlot:
    """Keep the picture of a query under a name, or else under its title. Raises BadRequest."""
    options = parsed_options(query)
    _need_room(user)
    return SavedPlot.objects.create(user=user, name=_named(name, options), query=options.query())


def change(plot: SavedPlot, *, name: str | None = None, query: str | None = None) -> None:
    """Change what is given. Raises BadRequest."""
    options = parsed_options(plot.query if query is None else query)
    plot.query = options.query()
    plot.name = _named(plot.name if name is None else name, options)
    plot.save(update_fields=["name", "query"])


def remove(plot: SavedPlot) -> None:
    """Take the plot out of sight; `restore` brings it back."""
    removing.remove(plot, SavedPlot.objects.filter(user=plot.user))


def restore(user: User, plot: UUID | str) -> SavedPlot:
    """Bring a plot back; one that is there stays. Raises NotFound, and BadRequest when it is too
    late or there are too many.
    """
    with transaction.atomic():
        found = SavedPlot.objects.filter(user=user, id=plot).first()
        if found is None:
            raise NotFound(_("You keep no such plot."))
        if found.removed_at is not None:
            removing.need_time(found)
            _need_room(user)
            found.removed_at = None
            found.save(update_fields=["removed_at"])
    return found


def parsed_options(text: str) -> PlotOptions:
    """The options of a query that is to be kept. Raises BadRequest."""
    if len(text) > LONGEST_QUERY:
        raise BadRequest(_("The options of this picture are too long to be kept."))
    options = options_of(dict(QueryDict(text).lists()))
    if not options.curves:
        raise BadRequest(_("Choose at least one channel first."))
    return options


def _need_room(user: User) -> None:
    if plots_of(user).count() >= MOST_SAVED:
        raise BadRequest(
            _("You keep %(most)s plots already; remove some of them.") % {"most": MOST_SAVED}
        )


def _named(name: str, options: PlotOptions) -> str:
    words = " ".join(name.split())[:LONGEST_NAME] or options.look.title[:LONGEST_NAME]
    return words or _("Plot")
