"""The plots that a person keeps: saved, changed, taken out of sight and brought back."""

from __future__ import annotations

from uuid import UUID

from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _

from fieldstation.errors import BadRequest, NotFound
from fieldstation.hub.accounts.models import User
from fieldstation.hub.plots.models import LONGEST_NAME, SavedPlot
from fieldstation.hub.plots.options import LONGEST_QUERY, PlotOptions, options_of

MOST_SAVED = 500


def own_plot(user: User, plot: UUID | str) -> SavedPlot:
    """A plot that the person keeps. Raises NotFound."""
    found = SavedPlot.objects.filter(user=user, id=plot, removed_at=None).first()
    if found is None:
        raise NotFound(_("You keep no such plot."))
    return found


def save(user: User, query: str, name: str) -> SavedPlot:
    """Keep the picture of a query under a name, or else under its title. Raises BadRequest."""
    options = parsed_options(query)
    if SavedPlot.objects.filter(user=user, removed_at=None).count() >= MOST_SAVED:
        raise BadRequest(
            _("You keep %(most)s plots already; remove some of them.") % {"most": MOST_SAVED}
        )
    return SavedPlot.objects.create(user=user, name=_named(name, options), query=options.query())


def change(plot: SavedPlot, *, name: str | None = None, query: str | None = None) -> None:
    """Change what is given. Raises BadRequest."""
    options = parsed_options(plot.query if query is None else query)
    plot.query = options.query()
    plot.name = _named(plot.name if name is None else name, options)
    plot.save(update_fields=["name", "query"])


def remove(plot: SavedPlot) -> None:
    """Take the plot out of sight; `restore` brings it back."""
    plot.removed_at = timezone.now()
    plot.save(update_fields=["removed_at"])


def restore(user: User, plot: UUID | str) -> SavedPlot:
    """Bring a plot back. Raises NotFound."""
    if not SavedPlot.objects.filter(user=user, id=plot).update(removed_at=None):
        raise NotFound(_("You keep no such plot."))
    return own_plot(user, plot)


def parsed_options(text: str) -> PlotOptions:
    """The options of a query that is to be kept. Raises BadRequest."""
    if len(text) > LONGEST_QUERY:
        raise BadRequest(_("The options of this picture are too long to be kept."))
    options = options_of(dict(QueryDict(text).lists()))
    if not options.curves:
        raise BadRequest(_("Choose at least one channel first."))
    return options


def _named(name: str, options: PlotOptions) -> str:
    words = " ".join(name.split())[:LONGEST_NAME] or options.look.title[:LONGEST_NAME]
    return words or _("Plot")
