"""What a unit said last, by sentence: the place where listening and asking meet.

1. Every good line is noted, asked for or not, so that a broadcast is as good as a reply
   (`test_a_broadcast_copy_is_as_good_as_the_reply`).
2. A bad line is counted and changes nothing (`test_a_damaged_line_is_counted_and_changes_nothing`).
3. An event is new once, whatever its place in the log, also when a line of the log is lost
   (`test_each_event_is_told_once`, `test_an_event_is_not_new_again_after_its_line_was_lost`).
4. What the unit saw on CAN is kept until it is taken, at most MOST_FRAMES of it
   (`test_can_frames_are_kept_until_they_are_taken`).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence

from fieldstation.errors import CodecError
from fieldstation.instruments.emus_bms.fields import Values
from fieldstation.instruments.emus_bms.grammar import name_of, restarted
from fieldstation.instruments.emus_bms.lines import decode
from fieldstation.instruments.emus_bms.sentences import DETAILS
from fieldstation.model import Value

GREETING = "VR1"
TRACES = ("CN1", "CN2")
# So that their text stays below 4096 characters.
MOST_FRAMES = 100
# A log counts its events with two digits, so no event is asked about that is older than these.
MOST_EVENTS = 1024
_COUNTED = {
    "malformed": "lines_malformed",
    "unknown_sentence": "lines_unknown",
}


def cells_in(name: str, line: Values) -> dict[int, Value]:
    """The values of one per-cell line by cell; none when the unit cannot reach its cells."""
    detail = DETAILS[name]
    return dict(enumerate(line[detail.list_name] or (), start=line["group_first_cell"] or 0))


Told = dict[tuple[Value, Value], None]
"""Events by time and code, in the order in which they were told."""


class Board:
    """The last values of each sentence, how often each was heard, which statistics there are, and
    the health of the line. `told` are the events that were given before; it is kept up to date.
    """

    def __init__(self, told: Told | None = None) -> None:
        self.last: dict[str, Values] = {}
        self.heard: Counter[str] = Counter()
        self.health: Counter[str] = Counter()
        self.cells: dict[str, dict[int, Value]] = {name: {} for name in DETAILS}
        self.statistics: set[int] = set()
        self.restarted = False
        self._told: Told = {} if told is None else told
        self._frames: deque[Values] = deque(maxlen=MOST_FRAMES)
        self._frame_count = 0

    def note(self, line: bytes) -> str:
        """Take a line in; gives the name that stands in front, right or not."""
        self.restarted |= restarted(line)
        try:
            name, values = decode(line)
        except CodecError as error:
            self.health[_COUNTED.get(error.kind, "lines_bad_checksum")] += 1
            return name_of(line)
        self.health["lines_ok"] += 1
        self.heard[name] += 1
        self.last[name] = values
        self.restarted |= name == GREETING
        if name in DETAILS:
            self.cells[name] |= cells_in(name, values)
        if name == "SS1":
            self.statistics.add(values["statistic_id"])
        if name in TRACES:
            self._frames.append(values)
            self._frame_count += 1
        return name

    def take_frames(self) -> tuple[int, list[Values]]:
        """How many CAN frames came since the last call, and the newest of them, oldest first."""
        count, frames = self._frame_count, list(self._frames)
        self._frame_count = 0
        self._frames.clear()
        return count, frames

    @property
    def in_bootloader(self) -> bool:
        """True when the unit last said that it waits for new firmware."""
        return bool(self.last.get(GREETING, {}).get("in_bootloader"))

    def rest_s(self, usual_s: float, after_restart_s: float) -> float:
        """Silence to keep before the next question; longer once after the unit restarted."""
        restarted, self.restarted = self.restarted, False
        return after_restart_s if restarted else usual_s

    def untold(self, events: Sequence[Values]) -> list[Values]:
        """Events that were not given before, oldest first. Time and code make an event, as its
        number in the log shifts.
        """
        ordered = sorted(events, key=lambda event: -int(event["event_sequence"]))
        seen = [(event["event_time_raw"], event["event_code"]) for event in ordered]
        new = [event for event, key in zip(ordered, seen, strict=True) if key not in self._told]
        self._told.update(dict.fromkeys(seen))
        for key in list(self._told)[:-MOST_EVENTS]:
            del self._told[key]
        return new
