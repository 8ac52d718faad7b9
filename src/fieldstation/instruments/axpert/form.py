"""Reply forms: which channel each token of a reply holds, written as a table.

One line per token: the channel, then how the unit prints it. `000.0` is a zero-padded number,
`text` is kept as it is, `x0.01` scales, `not` turns a flag around, `-` is a token that no
document explains. `bits` lists the flags of a bit string from left to right: `!` turns one around,
`-` skips one, and a name given twice is a code of two bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fieldstation.errors import CodecError
from fieldstation.instruments.axpert.channels import CHANNELS
from fieldstation.instruments.axpert.labels import BATTERY_STATUS
from fieldstation.instruments.axpert.tokens import decode_bits, decode_token, encode_token
from fieldstation.model import Channel, Kind, Value


@dataclass(frozen=True, slots=True)
class Field:
    """One token of a reply."""

    name: str
    mask: str
    scale: float = 1.0
    inverted: bool = False
    bits: tuple[str, ...] = ()

    def decode(self, token: str) -> dict[str, Value]:
        """Values by channel name. Raises CodecError `bad_field`."""
        if self.bits:
            return self._decode_bits(token)
        if self.name == "-":
            return {}
        value = decode_token(CHANNELS[self.name], token, self.scale)
        return {self.name: not value if self.inverted and value is not None else value}

    def _decode_bits(self, token: str) -> dict[str, Value]:
        raw = decode_bits(self.name, token, len(self.bits))
        values: dict[str, Value] = {} if self.name == "-" else {self.name: raw}
        for word in dict.fromkeys(self.bits):
            name = word.lstrip("!")
            if name == "-":
                continue
            if raw is None:
                values[name] = None
                continue
            code = "".join(bit for bit, owner in zip(raw, self.bits, strict=True) if owner == word)
            if len(code) == 2:
                values[name] = BATTERY_STATUS.get(code, f"unknown_{code}")
            else:
                values[name] = (code == "1") is not word.startswith("!")
        return values

    def encode(self, values: Mapping[str, Value], mask: str) -> str:
        """The token as a unit prints it, `mask` in place of the table's own."""
        if self.bits:
            return "".join(_bit(word, values) for word in self.bits)
        if self.name == "-":
            return mask
        value = values.get(self.name)
        return encode_token(not value if self.inverted else value, mask, self.scale)

    def channels(self) -> list[Channel]:
        """Channels whose value the token carries on its own."""
        names = [word.lstrip("!") for word in self.bits] or [self.name]
        return [CHANNELS[name] for name in names if name != "-" and names.count(name) == 1]


def _bit(word: str, values: Mapping[str, Value]) -> str:
    if word == "-":
        return "0"
    on = bool(values.get(word.lstrip("!"), False))
    return "01"[on is not word.startswith("!")]


@dataclass(frozen=True, slots=True)
class Form:
    """The tokens of one reply. It fits a reply of `least` to `most` tokens."""

    fields: tuple[Field, ...]
    least: int
    most: int

    def fits(self, tokens: Sequence[str]) -> bool:
        """Whether a reply has a count of tokens that this form knows."""
        return self.least <= len(tokens) <= self.most

    def decode(self, tokens: Sequence[str]) -> dict[str, Value]:
        """Values by channel name; tokens that did not come are absent."""
        values: dict[str, Value] = {}
        for field, token in zip(self.fields, tokens, strict=False):
            values |= field.decode(token)
        return values

    def encode(self, values: Mapping[str, Value], count: int, masks: Mapping[str, str]) -> str:
        """The first `count` tokens as text; `masks` holds other ways to print a channel."""
        return " ".join(
            field.encode(values, masks.get(field.name, field.mask)) for field in self.fields[:count]
        )

    def looks_like(self, tokens: Sequence[str]) -> bool:
        """Whether tokens have their decimal points and single digits where this form has them."""
        return self.fits(tokens) and all(
            _alike(field.mask, token) for field, token in zip(self.fields, tokens, strict=False)
        )


def _alike(mask: str, token: str) -> bool:
    if "." in mask:
        return "." in token
    return len(token) == 1 if mask == "0" else True


def form(table: str, least: int = 0, most: int = 0) -> Form:
    """The form that a table describes. `least` is the smallest count of tokens that is a whole
    reply (else all), `most` the largest (else all; extra tokens are kept by the caller).
    """
    fields = tuple(_field(line.split()) for line in table.strip().splitlines())
    return Form(fields, least or len(fields), most or len(fields))


def _field(words: list[str]) -> Field:
    name, mask, *rest = words
    if mask == "bits":
        return Field(name, "", bits=tuple(rest))
    if name != "-" and name not in CHANNELS:
        raise ValueError(f"reply table names {name!r}, which is no channel")
    scale = next((float(word[1:]) for word in rest if word.startswith("x")), 1.0)
    return Field(name, mask, scale, "not" in rest)


def pick(forms: Sequence[Form], tokens: Sequence[str], command: str) -> Form:
    """The form that a reply has by its token count. Raises CodecError `field_count`."""
    for candidate in forms:
        if candidate.fits(tokens):
            return candidate
    raise CodecError("field_count", f"{command} never answers with {len(tokens)} tokens")


def labelled(values: Mapping[str, Value]) -> dict[str, Value]:
    """Values with `<name>_label` beside each enumeration."""
    result: dict[str, Value] = {}
    for name, value in values.items():
        result[name] = value
        channel = CHANNELS.get(name)
        if channel is not None and channel.kind is Kind.ENUM and value is not None:
            result[f"{name}_label"] = channel.label_of(value)
    return result
