"""A batch that was encoded before it was numbered, so that its readings need not be looked at again
when it goes out.

Only the head changes with the number, and only the payload's first part with what is said beside
the readings; `content`, by which a hub knows readings that it has, stays the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from fieldstation.batch.announce import Notes, encode_notes
from fieldstation.batch.facts import ClockFact
from fieldstation.batch.frame import open_frame, outline, pack, renumber
from fieldstation.batch.limits import LIMITS
from fieldstation.batch.model import Announcement


@dataclass(frozen=True, slots=True)
class Packed:
    """As `Batch`, with `body` in place of the readings: the batch encoded under any number, nothing
    beside its readings. `streams` are instruments and layout ids, `unsynced` says that some reading
    is of an untrusted clock.
    """

    boot: bytes
    number: int
    first: int
    last: int
    body: bytes
    count: int
    newest_utc_us: int
    streams: frozenset[tuple[str, str]]
    unsynced: bool
    announcements: tuple[Announcement, ...] = ()
    clock: ClockFact | None = None

    @property
    def fits(self) -> bool:
        """Whether the body is intact and holds this run and range."""
        return outline(self.body) == (self.boot, self.first, self.last)


def encode_packed(packed: Packed) -> bytes:
    """The batch as bytes. Raises CodecError when the body is none."""
    notes = encode_notes(Notes(packed.announcements, packed.clock), LIMITS)
    if not notes:
        return renumber(packed.body, packed.number)
    frame = open_frame(packed.body)
    return pack(
        frame.boot, packed.number, frame.first, frame.last, frame.entries, notes, frame.sections
    )
