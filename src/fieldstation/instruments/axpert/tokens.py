"""Single tokens of a PI30 reply, read and written by the kind of their channel (sheet section 4).

1. Width means nothing when reading; blanks separate (test_width_is_never_read).
2. `NA`, nothing, and tokens of `-` and `.` are missing values, not zero
   (test_absent_tokens_are_none).
3. A whole number stays an integer where whole ones are documented; a fraction is kept
   (test_fraction_where_none_is_documented_is_kept).
"""

from __future__ import annotations

import re

from fieldstation.errors import CodecError
from fieldstation.model import Channel, Kind, Value

MISSING = re.compile(r"NA|[-.]*")
# Twelve digits are more than any counter has, and keep every value exact in a float.
NUMBER = re.compile(r"-?\d{1,12}(\.\d{0,12})?")
WHOLE = re.compile(r"\d{1,12}")


def decode_token(channel: Channel, token: str, scale: float = 1.0) -> Value:
    """The value of one token, times `scale`. Raises CodecError `bad_field`."""
    if MISSING.fullmatch(token):
        return None
    if channel.kind is Kind.TEXT:
        return token
    if channel.kind is Kind.FLAG:
        return _whole(channel, token) != 0
    if channel.kind is Kind.ENUM:
        return _code(channel, token)
    if not NUMBER.fullmatch(token):
        raise bad_field(channel.name, token)
    value = float(token) if scale == 1 else round(float(token) * scale, channel.decimals)
    return int(value) if channel.decimals == 0 and value.is_integer() else value


def _code(channel: Channel, token: str) -> Value:
    if not any(isinstance(code, str) for code in channel.codes):
        return _whole(channel, token)
    if len(token) > max(len(str(code)) for code in channel.codes):
        raise bad_field(channel.name, token)
    return token


def _whole(channel: Channel, token: str) -> int:
    if not WHOLE.fullmatch(token):
        raise bad_field(channel.name, token)
    return int(token)


def decode_bits(name: str, token: str, count: int) -> str | None:
    """A bit string of `count` characters, None when missing. Raises CodecError `bad_field`."""
    if MISSING.fullmatch(token):
        return None
    if len(token) != count or set(token) - {"0", "1"}:
        raise bad_field(name, token)
    return token


def bad_field(name: str, token: str) -> CodecError:
    """The error for a token of the wrong form in a frame whose checksum is good."""
    return CodecError("bad_field", f"{name} cannot be {token[:20]!r}")


def encode_token(value: Value, mask: str, scale: float = 1.0) -> str:
    """`value` as a unit prints it: zero-padded like `mask` (`000.0`), text as it is, `-` for
    None.
    """
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    decimals = len(mask.partition(".")[2])
    return f"{value / scale:0{len(mask)}.{decimals}f}"
