"""A serial number taken out of a capture before it is passed on.

1. Bytes change, lengths and instants do not: what follows in the stream stays in its place.
   `test_a_redacted_capture_keeps_its_shape`
2. A number that the instrument sent in several pieces is found all the same.
   `test_a_number_cut_in_two_is_found`
3. The checksum of a changed frame is made good where its kind knows how; else the piece is marked.
   `test_a_frame_that_cannot_be_sealed_is_marked`
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import groupby

from fieldstation.errors import CodecError
from fieldstation.transport.capture import Capture, Piece

Seal = Callable[[bytes], bytes]
"""The frame with its checksum made good, of the same length. Raises CodecError."""

Cut = Callable[[bytes], Iterable[bytes]]
"""Frames that together are the given bytes."""


def forms_of(serial: str) -> list[bytes]:
    """How a serial number may stand in the bytes: as text, as text with the bytes of each word
    swapped, as the digits of a 32-bit number in hexadecimal, and as the bytes that it spells.
    """
    text = serial.encode("ascii", "ignore")
    if not text:
        return []
    forms = [text]
    if len(text) % 2 == 0:
        forms.append(bytes(text[at ^ 1] for at in range(len(text))))
    if serial.isdecimal() and int(serial) < 1 << 32:
        forms += [f"{int(serial):08X}".encode(), f"{int(serial):08x}".encode()]
    if len(text) >= 8:
        with suppress(ValueError):
            forms.append(bytes.fromhex(serial))
    return list(dict.fromkeys(forms))


def redacted(capture: Capture, serial: str, cut: Cut, seal: Seal | None) -> Capture:
    """The capture with every form of `serial` as zeros. `cut` finds the frames; `seal` None: nobody
    knows their checksum.
    """
    forms = forms_of(serial)
    pieces: list[Piece] = []
    for _way, run in groupby(capture.pieces, key=lambda piece: piece.way):
        pieces += _run(list(run), forms, cut, seal)
    changed = tuple(pieces) != capture.pieces
    return Capture(replace(capture.header, redacted=changed), tuple(pieces))


def _run(run: Sequence[Piece], forms: Sequence[bytes], cut: Cut, seal: Seal | None) -> list[Piece]:
    """Pieces that went the same way without one of the other way between them."""
    before = b"".join(piece.data for piece in run)
    after, spoiled = b"", False
    for frame in cut(before):
        blank = _blank(frame, forms)
        if blank != frame:
            sealed = _sealed(blank, seal)
            spoiled = spoiled or sealed is None
            blank = blank if sealed is None else sealed
        after += blank
    return list(_cut(run, before, after, spoiled))


def _blank(frame: bytes, forms: Sequence[bytes]) -> bytes:
    for form in forms:
        # Digits stay digits in text; in binary a zero byte is as good.
        zero = b"0" if form.isalnum() else b"\0"
        frame = frame.replace(form, zero * len(form))
    return frame


def _sealed(frame: bytes, seal: Seal | None) -> bytes | None:
    if seal is None:
        return None
    try:
        sealed = seal(frame)
    except CodecError:
        return None
    return sealed if len(sealed) == len(frame) else None


def _cut(run: Sequence[Piece], before: bytes, after: bytes, spoiled: bool) -> Iterator[Piece]:
    at = 0
    for piece in run:
        stop = at + len(piece.data)
        changed = before[at:stop] != after[at:stop]
        yield replace(piece, data=after[at:stop], marked=piece.marked or (changed and spoiled))
        at = stop
