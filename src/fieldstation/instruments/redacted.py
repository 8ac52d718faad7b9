"""Serial numbers taken out of a capture before it is passed on.

1. Taken out are the number that the unit gave and every one that a decoded frame names, such as
   those of units beside it. `test_numbers_of_units_beside_it_go_too`. Of a message that is JSON
   also what stands under a name that tells of a secret or of the device.
   `test_what_a_document_says_of_its_device_goes_too`
2. Bytes change, lengths and instants do not: what follows in the stream stays in its place.
   `test_a_redacted_capture_keeps_its_shape`
3. A number that the instrument sent in several pieces is found all the same.
   `test_a_number_cut_in_two_is_found`
4. A checksum that fitted fits again, one that did not stays wrong.
   `test_a_damaged_frame_stays_damaged`

A number is looked for in the forms of `forms_of`. The kind's folder may know better; in its module
`captured`, both parts giving a frame of the same length, `request` being what was sent before it:

* `mask(request, frame) -> bytes`: the frame without numbers, in place of that search;
* `seal(request, frame) -> bytes`: the frame with its checksum made good. Raises CodecError for one
  that has none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import groupby
from typing import cast

from fieldstation.errors import CodecError
from fieldstation.instruments import registry
from fieldstation.instruments.captured import cut, part, rows
from fieldstation.protocol.capture import Capture, Header, Piece, Way

# Shorter ones would be found where they do not stand.
SHORTEST = 6
TELLING = frozenset((
    "serial", "serialnumber", "sn", "mac", "imei", "imsi", "iccid", "uuid", "ssid", "bssid", "user",
    "username", "password", "passwd", "pass", "psk", "token", "secret", "key", "apikey", "email",
))  # fmt: skip
"""Words in the path of a JSON value that is nobody's business."""


def forms_of(serial: str) -> list[bytes]:
    """How a serial number may stand in the bytes: as text, also as JSON escapes it, as text with
    the bytes of each word swapped, as the digits of a 32-bit number in hexadecimal, and as the
    bytes that it spells. A form of less than SHORTEST bytes is none.
    """
    text = serial.encode("utf-8", "ignore")
    forms = [text, *(json.dumps(serial, ensure_ascii=plain)[1:-1].encode("utf-8", "ignore")
                     for plain in (True, False))]  # fmt: skip
    if len(text) % 2 == 0:
        forms.append(bytes(text[at ^ 1] for at in range(len(text))))
    if serial.isdecimal() and int(serial) < 1 << 32:
        forms += [f"{int(serial):08X}".encode(), f"{int(serial):08x}".encode()]
    with suppress(ValueError):
        forms.append(bytes.fromhex(serial))
    return [form for form in dict.fromkeys(forms) if len(form) >= SHORTEST]


def serials_in(capture: Capture) -> list[str]:
    """Numbers that decoded frames give under a name with `serial` in it, and what messages give
    under a TELLING one.
    """
    decoded = (row.get("decoded") for row in rows(capture))
    found = {str(one) for value in decoded for one in _serials(value)}
    if registry.listened(capture.header.kind) is not None:
        for piece in capture.pieces:
            found |= _told_of(capture.header.kind, piece.data)
    return sorted(found)


def _told_of(kind: str, payload: bytes) -> set[str]:
    """What a message tells of its device, at any depth."""
    try:
        leaves = registry.decode_frame(kind, payload)
    except CodecError:
        return set()
    return {
        value
        for path, value in leaves.items()
        if isinstance(value, str) and TELLING & set(re.split(r"[^a-z0-9]+", path.lower()))
    }


def _serials(value: object) -> Iterator[object]:
    if isinstance(value, list):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, dict | list):
                yield from _serials(inner)
            elif "serial" in str(key) and inner is not None:
                yield inner


def redacted(capture: Capture, serial: str) -> Capture:
    """The capture with zeros in place of `serial` and of the numbers that its frames name. Raises
    as `rows`.
    """
    kind = capture.header.kind
    serials = [one for one in dict.fromkeys((serial, *serials_in(capture))) if set(one) - {"0"}]
    forms = [form for one in serials for form in forms_of(one)]
    pieces: list[Piece] = []
    request = b""
    for way, together in groupby(capture.pieces, key=lambda piece: piece.way):
        run = list(together)
        stream = b"".join(piece.data for piece in run)
        if way is Way.OUT:
            request, stream = run[-1].data, _blank(stream, forms)
        else:
            frames = cut(kind, request, stream)
            request, stream = b"", b"".join(_frame(one, kind, request, forms) for one in frames)
        pieces += _cut_as(run, stream)
    pieces = [replace(piece, topic=_text(piece.topic, forms)) for piece in pieces]
    header = _header(capture.header, forms)
    changed = tuple(pieces) != capture.pieces or header != capture.header
    return Capture(replace(header, redacted=changed), tuple(pieces))


def _header(header: Header, forms: Sequence[bytes]) -> Header:
    return replace(header, options=json.loads(_text(json.dumps(dict(header.options)), forms)))


def _text(text: str, forms: Sequence[bytes]) -> str:
    return _blank(text.encode(), forms).decode("utf-8", "replace")


def _cut_as(run: Sequence[Piece], stream: bytes) -> Iterator[Piece]:
    at = 0
    for piece in run:
        yield replace(piece, data=stream[at : at + len(piece.data)])
        at += len(piece.data)


def _frame(frame: bytes, kind: str, request: bytes, forms: Sequence[bytes]) -> bytes:
    mask, seal = part(kind, "mask"), part(kind, "seal")
    blank: bytes = mask(request, frame) if mask else _blank(frame, forms)
    if seal is not None and blank != frame:
        with suppress(CodecError):
            return cast(bytes, seal(request, blank)) if seal(request, frame) == frame else blank
    return blank


def _blank(data: bytes, forms: Sequence[bytes]) -> bytes:
    for form in forms:
        # Text stays text; in binary a zero byte is as good.
        data = data.replace(form, (b"0" if _is_text(form) else b"\0") * len(form))
    return data


def _is_text(form: bytes) -> bool:
    try:
        return form.decode().isprintable()
    except UnicodeDecodeError:
        return False
