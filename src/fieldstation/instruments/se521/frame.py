"""Bytes of an SE521 on the wire: commands, replies, and the reports that carry them over USB.

Sections are those of the SE521 sheet.

1. A reply comes in reports of 32 bytes: a count, up to 31 bytes of the reply, padding (section 2).
   Which counts must come is known, so a left-over report is noticed at once
   (`test_a_left_over_report_is_noticed_and_not_mixed_in`).
2. A reply is good when its ends, its checksum and its counter are right (section 8).
   `test_a_reply_to_another_request_is_turned_down`
3. Only K and A can be encoded: the keys change settings, and the maker admits faults when they are
   pressed from afar (section 4). `test_no_key_can_be_pressed`
"""

from __future__ import annotations

from collections.abc import Iterator

from fieldstation.errors import BadRequest, ChecksumMismatch, CodecError
from fieldstation.model.talk import FrameEnd

STX, ETX = 0x02, 0x03
IDENTIFY, LIVE = "K", "A"
REPLY_BYTES = {IDENTIFY: 32, LIVE: 64}
COMMAND_BYTES = 7
REPORT_BYTES = 32
CARRIED = 31
MODEL_AT = slice(23, 26)
COUNTER_AT, CHECKSUM_AT = 61, 62
# First bytes of the reports that go out (section 2).
FEATURE, COMMAND = 0x43, 0x07
ANNOUNCE, FETCH = 0x01, 0x04


def encode_command(letter: str, counter: int = 0) -> bytes:
    """The seven bytes of a question. Raises BadRequest for a letter that is none."""
    if letter not in REPLY_BYTES:
        raise BadRequest(f"{letter!r} is no question; there are K (who is there) and A (live data)")
    return bytes((STX, ord(letter), 0, 0, 0, counter & 0xFF, ETX))


def encode_reports(command: bytes, reply_bytes: int) -> bytes:
    """The three reports of one exchange: announce the command, the command, fetch the reply."""
    announce = bytes((FEATURE, ANNOUNCE, len(command))).ljust(8, b"\0")
    fetch = bytes((FEATURE, FETCH, reply_bytes)).ljust(8, b"\0")
    return announce + bytes((COMMAND,)) + command + fetch


def counts(reply_bytes: int) -> list[int]:
    """The count bytes of the reports that carry a reply."""
    full, rest = divmod(reply_bytes, CARRIED)
    return [CARRIED] * full + ([rest] if rest else [])


def reports_end(reply_bytes: int) -> FrameEnd:
    """Where the reports of one reply end. The end raises CodecError `bad_report` for a count that
    no report has, `resync_needed` for one that does not belong here.
    """
    expected = counts(reply_bytes)

    def end(data: bytes) -> int | None:
        for place, count in enumerate(expected):
            at = place * REPORT_BYTES
            if at < len(data) and data[at] != count:
                raise _wrong_count(data, at)
        whole = len(expected) * REPORT_BYTES
        return whole if len(data) >= whole else None

    return end


def _wrong_count(data: bytes, at: int) -> CodecError:
    if not 1 <= data[at] <= CARRIED:
        return CodecError("bad_report", "a report with an impossible count", data=data, offset=at)
    return CodecError(
        "resync_needed", "a report that belongs to another reply", data=data, offset=at
    )


def frame_of(reports: bytes, reply_bytes: int) -> bytes:
    """The reply that whole reports carry. Raises CodecError, `short_read` when some are missing."""
    end = reports_end(reply_bytes)(reports)
    if end is None:
        raise CodecError("short_read", "reports of the reply are missing", data=reports[-8:])
    return b"".join(_carried(reports[:end]))


def _carried(reports: bytes) -> Iterator[bytes]:
    for at in range(0, len(reports), REPORT_BYTES):
        yield reports[at + 1 : at + 1 + reports[at]]


def pack_reports(frame: bytes) -> bytes:
    """A reply as the instrument sends it, cut into reports."""
    pieces = (frame[at : at + CARRIED] for at in range(0, len(frame), CARRIED))
    return b"".join(bytes((len(piece),)) + piece.ljust(CARRIED, b"\0") for piece in pieces)


def serial_end(reply_bytes: int) -> FrameEnd:
    """Where a reply on a serial line ends. The end raises CodecError `framing_error` for bytes
    that do not begin one.
    """

    def end(data: bytes) -> int | None:
        if data and data[0] != STX:
            raise CodecError("framing_error", "a reply begins with 02", data=data)
        return reply_bytes if len(data) >= reply_bytes else None

    return end


def checksum(frame: bytes | bytearray) -> int:
    """Sum of bytes 1 to 61 modulo 256 (section 6)."""
    return sum(frame[1:CHECKSUM_AT]) & 0xFF


def faults(frame: bytes, counter: int | None, *, summed: bool) -> list[CodecError]:
    """All that is wrong with a whole reply: its ends; and with `summed` its checksum, with a
    `counter` that too.
    """
    found = []
    if frame[0] != STX or frame[-1] != ETX:
        found.append(CodecError("framing_error", "a reply without 02 and 03 at its ends"))
    if summed and frame[CHECKSUM_AT] != checksum(frame):
        found.append(_bad_sum(frame))
    if counter is not None and frame[COUNTER_AT] != counter:
        found.append(
            CodecError(
                "counter_mismatch",
                f"the reply to request {frame[COUNTER_AT]} where {counter} was sent",
            )
        )
    return found


def _bad_sum(frame: bytes) -> ChecksumMismatch:
    error = ChecksumMismatch(
        f"checksum {frame[CHECKSUM_AT]:02X} where {checksum(frame):02X} was computed"
    )
    error.kind = "checksum_error"
    return error
