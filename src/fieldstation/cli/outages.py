"""What went wrong in the demo's past, so that its calendar has holes with causes.

An outage withholds readings that were made; the holes count exactly these, so that a day adds up
(`test_an_outage_withholds_what_its_holes_count`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from fieldstation.batch.facts import Cause, Hole, State
from fieldstation.batch.model import Announcement
from fieldstation.cli.past import Script
from fieldstation.model import Reading

HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Outage:
    """From `ago_s` on for `length_s` nothing came of `instrument` ("": of all)."""

    instrument: str
    ago_s: int
    length_s: int
    cause: Cause

    def covers(self, name: str, age_s: int) -> bool:
        """Whether it took a reading of this instrument that is `age_s` old."""
        inside = self.ago_s - self.length_s < age_s <= self.ago_s
        return inside and self.instrument in ("", name)


OUTAGES = (
    Outage("roof", 8 * HOUR_S, 45 * 60, Cause.UNPLUGGED),
    Outage("battery", 30 * HOUR_S, 2 * HOUR_S, Cause.SILENT),
    Outage("", 77 * HOUR_S, 3 * HOUR_S, Cause.STOPPED),
    Outage("air", 130 * HOUR_S, 5 * HOUR_S, Cause.GARBLED),
    Outage("charger", 220 * HOUR_S, 26 * HOUR_S, Cause.UNPLUGGED),
)


class Interrupted:
    """A script without the readings that an outage took; `now` is the UTC second of the demo."""

    def __init__(self, script: Script, now: int) -> None:
        self._script, self._now = script, now
        self._missed: dict[tuple[Outage, str, bytes], list[int]] = {}

    def play(self, utc_s: int) -> Iterator[Reading]:
        """See `Script.play`."""
        for reading in self._script.play(utc_s):
            outage = self._outage(reading.instrument, self._now - utc_s)
            if outage is None:
                yield reading
                continue
            instant = reading.instant
            key = outage, reading.instrument, instant.boot
            self._missed.setdefault(key, []).append(instant.utc_us)

    def news(self) -> list[Announcement]:
        """See `Script.news`."""
        return self._script.news()

    @property
    def missed(self) -> Mapping[tuple[Outage, str, bytes], list[int]]:
        """UTC microseconds of what was withheld, by outage, instrument and run."""
        return self._missed

    def _outage(self, name: str, age_s: int) -> Outage | None:
        return next((one for one in OUTAGES if one.covers(name, age_s)), None)


def holes(scripts: Iterable[Interrupted]) -> list[Hole]:
    """A hole for each instrument and run that an outage took readings of."""
    missed = [found for script in scripts for found in script.missed.items()]
    return [
        Hole(
            number, instrument, "", outage.cause, boot, min(times), max(times), len(times),
            State.LOST,
        )
        for number, ((outage, instrument, boot), times) in enumerate(missed, 1)
    ]  # fmt: skip
