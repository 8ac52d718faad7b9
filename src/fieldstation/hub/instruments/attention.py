"""What needs somebody, in words, for the home page.

1. Instruments say it themselves, see `trouble`.
2. A value that is older than its instrument's patience tells of nothing that holds now; instead the
   silence is told.
3. Most urgent first: dangers, then warnings, then silence and holes.
4. A few readings that are missing, as after a restart, are in the calendar and need nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.models import Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fieldstation.batch.facts import State as HoleState
from fieldstation.hub.instruments.catalogue import Instrument
from fieldstation.hub.instruments.freshness import State
from fieldstation.hub.instruments.trouble import DANGER, NOTICE, WARNING, trouble
from fieldstation.hub.ledger.models import Hole
from fieldstation.hub.stations.words import span_text
from fieldstation.series.api import Latest

HOLES_OF_US = 24 * 3_600_000_000
# As many missing readings as are due in this time are worth a sentence.
WORTH_US, WORTH_COUNT = 15 * 60_000_000, 10


@dataclass(frozen=True, slots=True)
class Want:
    """One sentence on one instrument. `level` is danger, warning or notice."""

    level: str
    instrument: Instrument
    text: str


def wants(found: Iterable[tuple[Instrument, Latest, State]], now_us: int) -> list[Want]:
    """What needs somebody at these instruments."""
    rows = [want for one, latest, state in found for want in _wants(one, latest, state, now_us)]
    order = (DANGER, WARNING, NOTICE)
    return sorted(rows, key=lambda want: order.index(want.level))


def _wants(one: Instrument, latest: Latest, state: State, now_us: int) -> Iterator[Want]:
    if state is not State.FRESH:
        yield _silence(one, latest, state, now_us)
    if state is not State.LOST:
        for channel in one.entry.channels:
            told = trouble(channel, latest.values.get(channel.name))
            if told:
                yield Want(told[0], one, told[1])
    missing = _missing(one, now_us)
    if missing >= max(WORTH_COUNT, WORTH_US // max(one.entry.every_us, 1_000_000)):
        yield Want(
            NOTICE,
            one,
            ngettext(
                "%(n)d reading of the last 24 hours is missing",
                "%(n)d readings of the last 24 hours are missing",
                missing,
            )
            % {"n": missing},
        )


def _silence(one: Instrument, latest: Latest, state: State, now_us: int) -> Want:
    if not latest.at_us:
        return Want(NOTICE, one, _("has sent no reading yet"))
    words = {"span": span_text((now_us - latest.at_us) / 1e6)}
    text = (
        _("has not been heard of for %(span)s") if state is State.LOST else _("is late: %(span)s")
    )
    return Want(WARNING if state is State.LOST else NOTICE, one, text % words)


def _missing(one: Instrument, now_us: int) -> int:
    """Readings in holes that lie within the last day, without what was recovered."""
    holes = Hole.objects.filter(
        gateway=one.gateway, instrument=one.name, first_utc_us__gte=now_us - HOLES_OF_US
    ).exclude(state=HoleState.RECOVERED)
    return int(holes.aggregate(n=Sum("count"))["n"] or 0)
