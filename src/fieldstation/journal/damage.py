"""What follows when a row or a pack does not fit its digest: it leaves its tally and becomes a
hole, so that the account of its day still adds up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from fieldstation.batch.facts import Cause, Hole, State, per_day
from fieldstation.batch.ranges import Range, Ranges
from fieldstation.errors import StoreFull
from fieldstation.journal.facts import DAMAGE
from fieldstation.journal.faults import in_our_words
from fieldstation.journal.packs import Pack
from fieldstation.journal.quarantine import (
    Counts,
    Quarantined,
    given_up,
    no_longer_refused,
    set_apart,
)
from fieldstation.journal.rowreader import HIGHEST, NEAR
from fieldstation.journal.rows import Row
from fieldstation.journal.shares import Kind, Side, shared, spread
from fieldstation.journal.tallies import Place
from fieldstation.journal.writer import Writer


class Damage(Writer):
    """A journal that keeps account of what it lost. `_utc_us` tells the wall time for notes."""

    _utc_us: Callable[[], int]

    def on_damage(self, sequences: Sequence[int]) -> None:
        """Note damaged rows once each."""
        with in_our_words(self.path):
            known = given_up(self._db, "")
        fresh = Ranges()
        for number in sequences:
            if not known.known(number, number):
                fresh.add(number, number)
        if fresh.pairs:
            with suppress(StoreFull):  # noted the next time it is read
                self.transact(lambda: self._set_damaged(fresh.pairs))

    def _set_damaged(self, pairs: Sequence[Range]) -> None:
        for first, last in pairs:
            rows = self._raw(first, last)
            places = [(row[0], place) for row in rows if (place := self._place_of(row))]
            for _, place in places:
                self._tallies.add(place.key, -1)
            for hole in _holes(places):
                self._facts.write(hole)
            counts = Counter(place.key[1:] for _, place in places)
            for sequence, place in places:
                no_longer_refused(self._db, sequence, sequence, Counter([place.key[1:]]))
            for whole in self._packs.upwards(first, last):
                counts += self._set_pack_damaged(whole)
            text = "does not fit its digest"
            set_apart(
                self._db, Quarantined("", first, last, "damaged", text, self._utc_us()), counts
            )
        self._write_tallies()

    def _set_pack_damaged(self, whole: Pack) -> Counts:
        """What its outline says that it held becomes holes; without one, what lay around it."""
        counts: Counts = Counter()
        for hole in [] if whole.shares else self._guessed(whole):
            self._facts.write(hole)
            for day, count in per_day(hole).items():
                counts[hole.instrument, day] += count
                self._tallies.add((hole.boot, hole.instrument, day), -count)
        boot = self._catalogue.boots.get(whole.boot)
        for place, share in enumerate(whole.shares):
            instrument, layout = self._catalogue.owners.get(share.stream, ("", ""))
            if boot is None or not instrument:
                continue
            counts[instrument, share.day] += share.readings
            self._tallies.add((boot, instrument, share.day), -share.readings)
            self._facts.write(
                Hole(
                    DAMAGE + whole.first + place, instrument, layout, Cause.DAMAGED, boot,
                    share.from_us, share.to_us, share.readings, State.LOST,
                )
            )  # fmt: skip
        no_longer_refused(self._db, whole.first, whole.last, counts)
        return counts

    def _guessed(self, whole: Pack) -> Iterator[Hole]:
        """Holes for all numbers of a pack of which nothing can be believed."""
        below, above = self._below(whole.first), self._above(whole.last)
        sides = [side for side in (below, above) if side]
        boots = [side.boot for side in sides]
        told = self._catalogue.boots.get(whole.boot)
        if not boots:
            return
        boot = told if told in boots else boots[0]
        mine = [side for side in sides if side.boot == boot]
        count = whole.last - whole.first + 1
        span = spread(count, mine[0].utc_us, mine[-1].utc_us)
        shares = sum((side.shares for side in mine), Counter[Kind]())
        for place, ((instrument, layout), part) in enumerate(shared(count, shares)):
            number = DAMAGE + whole.first + place
            yield Hole(number, instrument, layout, Cause.DAMAGED, boot, *span, part, State.LOST)

    def _below(self, number: int) -> Side | None:
        rows = self._raw(0, number - 1, NEAR, down=True)
        packs = self._packs.downwards(1, number - 1)
        pack = next((pack for pack in packs if pack.shares), None)
        if pack and (not rows or rows[0][0] < pack.last):
            return self._of_pack(pack, pack.newest_utc_us)
        return self._of_rows(rows)

    def _above(self, number: int) -> Side | None:
        rows = self._raw(number + 1, HIGHEST, NEAR)
        packs = self._packs.upwards(number + 1, self.last)
        pack = next((pack for pack in packs if pack.shares), None)
        if pack and (not rows or rows[0][0] > pack.first):
            return self._of_pack(pack, min(share.from_us for share in pack.shares))
        return self._of_rows(rows)

    def _of_pack(self, pack: Pack, utc_us: int) -> Side | None:
        boot, shares = self._catalogue.boots.get(pack.boot), Counter[Kind]()
        for share in pack.shares:
            shares[self._catalogue.owners.get(share.stream, ("", ""))] += share.readings
        return Side(boot, utc_us, shares) if boot else None

    def _of_rows(self, rows: Sequence[Row]) -> Side | None:
        readings = [kept.reading for _, kept in self._unpacked(rows) if kept]
        if not readings:
            return None
        instant = readings[0].instant
        mine = [reading for reading in readings if reading.instant.boot == instant.boot]
        shares = Counter((reading.instrument, reading.layout.name) for reading in mine)
        return Side(instant.boot, instant.utc_us, shares)


def _holes(places: Sequence[tuple[int, Place]]) -> Iterator[Hole]:
    """A hole for each run, instrument and layout among damaged rows."""
    kinds: dict[tuple[bytes, str, str], list[tuple[int, int]]] = {}
    for sequence, place in places:
        kind = (place.boot, place.instrument, place.layout)
        kinds.setdefault(kind, []).append((sequence, place.utc_us))
    for (boot, instrument, layout), found in kinds.items():
        times = [utc_us for _, utc_us in found]
        yield Hole(
            DAMAGE + found[0][0], instrument, layout, Cause.DAMAGED, boot,
            min(times), max(times), len(found), State.LOST,
        )  # fmt: skip
