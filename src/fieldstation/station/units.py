"""Which unit a name stands for, so that no reading is stored under the wrong one.

1. Where the configuration names a serial number, that unit and no other.
2. Else the first unit with a serial number that was seen under the name; the journal remembers it
   with the instrument's layouts. `test_the_first_unit_seen_is_the_one_from_then_on`
3. A unit that tells no number where one is expected is not the one.
"""

from __future__ import annotations

from functools import partial

from fieldstation.journal import Journal
from fieldstation.model import Identity, Layout
from fieldstation.station.causes import WrongUnit
from fieldstation.station.collector import Collector
from fieldstation.station.config import InstrumentSettings


class Unit:
    """The unit that the instrument of `settings` is."""

    def __init__(self, settings: InstrumentSettings, collector: Collector) -> None:
        self._settings = settings
        self._collector = collector
        self._seen: str | None = None

    async def check(self, identity: Identity, main: Layout) -> None:
        """Raises WrongUnit when `identity` is another unit, StoreError. `main` is the layout of the
        main reading.
        """
        one = self._settings
        if self._seen is None:
            work = partial(last_serial, name=one.name, main=main)
            self._seen = await self._collector.ask(work)
        wanted = one.serial_number or self._seen
        found = f"has serial number {identity.serial}" if identity.serial else "tells none"
        if not wanted or identity.serial == wanted:
            self._seen = identity.serial
        elif one.serial_number:
            raise WrongUnit(
                f"{one.name}: the unit on {one.port} {found}, configured is {wanted}; plug in the"
                " right one or change serial_number"
            )
        else:
            raise WrongUnit(
                f"{one.name}: the unit on {one.port} {found}, so far it was {wanted}; plug in the"
                f" right one, or accept this one: serial_number = {_quoted(identity.serial)} in"
                f" [instrument.{one.name}]"
            )


def last_serial(journal: Journal, name: str, main: Layout) -> str:
    """The serial number of the unit that was last accepted under a name; "" for none."""
    serials = {
        one.layout.id: one.serial
        for one in journal.announcements.values()
        if one.instrument == name and one.layout.kind == main.kind and one.serial
    }
    # Layouts that the unit no longer has may still tell of the one before it.
    return serials.get(main.id) or next(reversed(serials.values()), "")


def _quoted(serial: str) -> str:
    return f'"{serial}"' if serial else '"..."'
