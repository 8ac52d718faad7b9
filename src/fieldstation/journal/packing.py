"""When readings are packed, and how packs are sealed.

1. Only what waits long is packed: more than LOOSE readings wait above it. A station that reaches
   its sinks never packs, and pays nothing. `test_a_station_that_reaches_its_hub_packs_nothing`
2. A pack and the end of its rows are one transaction: whatever happens, each reading is here once.
   `test_a_kill_while_packing_leaves_rows_or_the_pack`
3. What would not come back as it is stays a row. `test_what_a_batch_cannot_say_stays_a_row`
4. A pack whose readings are all wanted goes out as it is; of others the readings are taken.
   `test_a_pack_that_the_sink_has_in_part_is_sliced`
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from fieldstation.batch.packed import Packed
from fieldstation.batch.ranges import Range
from fieldstation.journal.damage import Damage
from fieldstation.journal.packs import USUAL, Pack, Sizes, packed
from fieldstation.journal.sealing import Numbered, Ready, Stretch, oldest
from fieldstation.model import Kept

# An hour and a half of a station that keeps a reading every second: less than a megabyte of rows.
LOOSE = 6000


class Packing(Damage):
    """A journal whose waiting readings can be packed."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        self._passed = 0  # what could not be packed lies up to here
        super().__init__(path, most_bytes)

    def pack(self, required: Sequence[str], loose: int = LOOSE, sizes: Sizes = USUAL) -> bool:
        """Pack the oldest readings that wait for the sink of `required` that is furthest behind,
        unless no more than `loose` wait above them. One step; whether there may be another.
        """
        name = max(required, key=self.backlog, default="")
        top = self._last - loose
        for first, last in self.unsettled(name) if name else ():
            start, end = max(first, self._passed + 1), min(last, top)
            rows = self._plain(start, end, sizes.most) if start <= end else []
            if not rows:
                continue
            kept = _consecutive(rows)
            if len(kept) == len(rows) < sizes.most and end == top:
                return False  # there will be more of them
            self._passed = kept[-1].sequence if kept else rows[0][0]
            if len(kept) >= sizes.least and (body := packed(kept)) is not None:
                self.transact(partial(self._put, kept, body))
            return True
        return False

    def _put(self, kept: Sequence[Kept], body: bytes) -> None:
        if kept[-1].sequence > self._tallies.tallied:
            self._write_tallies()
        self._packs.put(kept, body)

    def _plain(self, first: int, last: int, most: int) -> list[Numbered]:
        return self._intact(self._raw(first, last, most))

    # --- sealing ---

    def _oldest(
        self, sink: str, gap: Range, most: int, ready: Ready | None, *, whole: bool
    ) -> Stretch | None:
        """The first stretch of a gap. No stretch reaches over the end of a pack; with `whole` one
        that is a pack comes as it is. Numbers that belong to nothing are settled on the way.
        """
        start, end = gap
        while start <= end:
            (first, last), pack = next(self._pieces(start, end))
            stretch = self._as_it_is(pack, most, ready) if whole and pack else None
            stretch = stretch or oldest((first, last), self._rows, self._runs, most, ready)
            if stretch is None:
                run_end = self._runs.end(last)
                if run_end is None:
                    return None
                last = run_end
            elif stretch.rows or stretch.packed:
                return stretch
            else:
                self._cursors.settle(sink, stretch.first, stretch.last)
            start = last + 1
        return None

    def _pieces(self, start: int, end: int) -> Iterator[tuple[Range, Pack | None]]:
        """A gap cut at the ends of packs, each with the pack that it is."""
        for pack in self._packs.upwards(start, end):
            if pack.last < start:  # damaged: it lies within the one before
                continue
            if start < pack.first:
                yield (start, pack.first - 1), None
            part = max(start, pack.first), min(end, pack.last)
            yield part, pack if part == (pack.first, pack.last) else None
            start = part[1] + 1
        if start <= end:
            yield (start, end), None

    def _as_it_is(self, pack: Pack, most: int, ready: Ready | None) -> Stretch | None:
        """All of a pack, when it is not too much, intact and ready."""
        found = self._packed(pack) if pack.last - pack.first < most else None
        if found is not None and found.unsynced and ready is not None:
            kept = self._packs.readings(pack)
            if kept is None or not all(map(ready, kept)):
                return None
        return Stretch(pack.first, pack.last, [], found) if found else None

    def _in_flight(self, first: int, last: int) -> Packed | None:
        """The pack of exactly these readings."""
        pack = next(self._packs.upwards(first, last), None)
        return self._packed(pack) if pack and (pack.first, pack.last) == (first, last) else None

    def _packed(self, pack: Pack) -> Packed | None:
        """A pack as it can be sent; None when it is damaged."""
        streams = [self._catalogue.streams.get(share.stream) for share in pack.shares]
        known = {(stream.instrument, stream.layout.id) for stream in streams if stream}
        boot = self._catalogue.boots.get(pack.boot)
        if not streams or None in streams or boot is None:
            return None
        count = pack.last - pack.first + 1
        found = Packed(
            boot, 0, pack.first, pack.last, self._packs.body(pack), count, pack.newest_utc_us,
            frozenset(known), unsynced=not pack.synced,
        )  # fmt: skip
        return found if found.fits else None


def _consecutive(rows: Sequence[Numbered]) -> list[Kept]:
    """The intact readings of one run from the first on, without a gap in their numbers."""
    taken: list[Kept] = []
    for number, kept in rows:
        if kept is None:
            break
        if taken and (number, kept.reading.instant.boot) != (
            taken[-1].sequence + 1,
            taken[0].reading.instant.boot,
        ):
            break
        taken.append(kept)
    return taken
