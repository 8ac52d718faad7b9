"""PI30 frames: text, two CRC bytes, CR. Rules of the PI30 sheet, sections 3.1 to 3.5.

1. The CRC covers everything before it, a trailing blank too (test_trailing_blank_counts).
2. Each CRC byte that looks like `(`, CR or LF travels as its value plus one; a request also lifts
   NUL, and has the form with plain NUL to fall back on (test_sheet_requests_are_byte_exact).
3. A reply may lift NUL or not: both are good (test_reply_crc_with_nul_is_good_lifted_and_plain).
4. The CRC is tested before any word is read, so a damaged refusal is damage, not a refusal
   (test_damaged_refusal_is_no_refusal).
"""

from __future__ import annotations

from fieldstation.errors import ChecksumMismatch, CodecError, InstrumentRefused
from fieldstation.protocol.checksum import crc16_xmodem
from fieldstation.protocol.framing import until

# The longest reply known has 143 bytes; a reply is given up at 256 (section 3.5).
FRAME_LIMIT = 256
REPLY_END = until(b"\r", FRAME_LIMIT)

RESERVED = b"(\r\n"
ACK = "ACK"
NAK = "NAK"


def _crc(text: bytes) -> bytes:
    return crc16_xmodem(text).to_bytes(2, "big")


def _lift(crc: bytes, reserved: bytes = RESERVED) -> bytes:
    return bytes(byte + 1 if byte in reserved else byte for byte in crc)


def encode_request(command: str) -> bytes:
    """The frame that asks `command` (ASCII, argument included), in the form to send first."""
    text = command.encode("ascii")
    return text + _lift(_crc(text), RESERVED + b"\0") + b"\r"


def fallback_request(command: str) -> bytes | None:
    """The form with a plain NUL in its CRC, for units that refuse the lifted one; None when the
    two forms are the same.
    """
    text = command.encode("ascii")
    plain = text + _lift(_crc(text)) + b"\r"
    return None if plain == encode_request(command) else plain


def encode_reply(text: str) -> bytes:
    """The frame in which a unit says `text` (ASCII, without the opening parenthesis)."""
    body = b"(" + text.encode("ascii")
    return body + _lift(_crc(body)) + b"\r"


def crc_fits(text: bytes, crc: bytes) -> bool:
    """Whether two received bytes are the CRC of `text` in any of the three forms in use."""
    raw = _crc(text)
    return crc in (raw, _lift(raw), _lift(raw, RESERVED + b"\0"))


def open_reply(data: bytes, command: str = "") -> str:
    """The text between `(` and the CRC in what was received after `command`; `ACK` for an accept.

    `data` may carry junk in front, NUL padding and more frames behind; only the first frame
    counts. Raises InstrumentRefused (`nak`, `echo`) and CodecError with the kinds of section 3.5.
    """
    if not data.strip(b"\0"):
        raise CodecError("timeout", f"no reply to {command or 'the request'}")
    if command and data.strip(b"\0") in (encode_request(command), fallback_request(command)):
        raise InstrumentRefused("echo", f"the unit does not know {command} and sent it back")
    end = data.find(b"\r", 0, FRAME_LIMIT)
    if end < 0:
        raise CodecError("truncated", "the reply has no end", data=data)
    start = data.find(b"(", 0, end)
    if start < 0:
        raise CodecError("bad_start", "the reply does not begin with '('", data=data)
    body = data[start:end]
    if body == b"(NAK":
        raise InstrumentRefused("nak", f"the unit refused {command or 'the request'}")
    text = ACK if body == b"(ACK" else _checked(body)
    if text == NAK:
        raise InstrumentRefused("nak", f"the unit refused {command or 'the request'}")
    return text


def _checked(body: bytes) -> str:
    """The text of `(text` + CRC. NULs inside the text are padding of a USB bridge if the CRC says
    so (section 2.2).
    """
    if len(body) < 4:
        raise CodecError("too_short", "the reply has no room for text and checksum", data=body)
    text, crc = body[:-2], body[-2:]
    if not crc_fits(text, crc):
        text = text.replace(b"\0", b"")
        if not crc_fits(text, crc):
            raise ChecksumMismatch("the reply was damaged on the line", data=body)
    if not (text.isascii() and text.decode("ascii").isprintable()):
        raise CodecError("bad_field", "the reply holds bytes that are no text", data=body)
    return text[1:].decode("ascii")
