"""From a document to the values of channels.

1. A leaf's channel is found by its path and stays the same for good: name, kind and unit
   (test_a_changed_shape_follows_its_channels). A value that does not suit its channel becomes None.
2. Channel names hold a-z, 0-9 and _ only, whatever the path holds; two paths never share one
   (test_hostile_paths_become_plain_names).
3. A row has a place for every channel that the sensor ever had, so that a document with fewer
   leaves needs no further layout.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from fieldstation.hub.sensors.limits import LIMITS
from fieldstation.model import Channel, Kind, Layout, Value

KIND, PART = "sensor", "values"
LONGEST_NAME = 63
_OTHERS = re.compile(r"[^a-z0-9]+")
_NUMBER = re.compile(r"[+-]?\d{1,18}(?:\.\d{0,18})?(?:[eE][+-]?\d{1,3})?\Z", re.ASCII)
_FLAGS: Mapping[str, bool] = {"true": True, "on": True, "yes": True,
                              "false": False, "off": False, "no": False}  # fmt: skip
_DIGEST = 8


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value and where it stands; `unit` is the one that the document gives beside it."""

    path: str
    value: object
    unit: str = ""


def leaves(content: Mapping[str, Any], prefix: str = "") -> Iterator[Leaf]:
    """All leaves in the order of the document. `{"value": 1, "unit": "V"}` is one leaf, and so it
    is with `units`, as the old site's clients write.
    """
    for key, value in content.items():
        path = f"{prefix}{key}"
        if isinstance(value, list):
            value = {str(place): each for place, each in enumerate(value)}
        if not isinstance(value, dict):
            yield Leaf(path, value)
        elif (unit := _unit(value)) is not None:
            yield Leaf(path, value["value"], unit)
        else:
            yield from leaves(value, f"{path}.")


@dataclass(slots=True)
class Table:
    """The channels of one sensor. `registered` gives units by path or channel name."""

    registered: Mapping[str, str]
    paths: dict[str, int] = field(default_factory=dict)
    channels: list[Channel] = field(default_factory=list)
    shapes: int = 0
    layout: Layout | None = None

    def add(self, path: str, channel: Channel) -> None:
        """Take a channel in as the last one."""
        self.paths[path] = len(self.channels)
        self.channels.append(channel)

    def seal(self) -> None:
        """Make the layout of the channels so far."""
        self.layout = Layout(KIND, PART, tuple(self.channels)) if self.channels else None

    def fit(
        self, content: Mapping[str, Any], skip: str = "", *, grow: bool = True
    ) -> tuple[tuple[Value, ...], list[str]]:
        """A row of values, and the paths that become no series. New channels are taken in if it may
        `grow`; a row of None alone is empty. `skip` is a path to leave out.
        """
        row: list[Value] = [None] * len(self.channels)
        known = len(self.channels)
        ignored: list[str] = []
        for count, leaf in enumerate(leaves(content)):
            if leaf.path == skip:
                continue
            place = self.paths.get(leaf.path) if count < LIMITS.leaves else None
            if place is None and grow and count < LIMITS.leaves and self._welcome(leaf):
                place = len(self.channels)
                self.add(leaf.path, self._channel(leaf))
                row.append(None)
            if place is None:
                if leaf.value is not None and len(ignored) < LIMITS.leaves:
                    ignored.append(leaf.path)
                continue
            row[place] = value_of(self.channels[place].kind, leaf.value)
        if len(self.channels) > known:
            self.shapes += 1
            self.seal()
        return (tuple(row) if any(each is not None for each in row) else ()), ignored

    def _welcome(self, leaf: Leaf) -> bool:
        if self.shapes >= LIMITS.shapes or len(self.channels) >= LIMITS.channels:
            return False
        if not 1 <= len(leaf.path) <= LIMITS.path or not leaf.path.isprintable():
            return False
        return value_of(kind_of(leaf.value), leaf.value) is not None

    def _channel(self, leaf: Leaf) -> Channel:
        name = channel_name(leaf.path)
        if any(channel.name == name for channel in self.channels):
            name = _with_digest(name, leaf.path)
        unit = self.registered.get(leaf.path, self.registered.get(name))
        kind = kind_of(leaf.value)
        if unit and kind is Kind.TEXT and value_of(Kind.NUMBER, leaf.value) is not None:
            kind = Kind.NUMBER
        unit = unit if unit is not None else leaf.unit
        unit = unit if kind is Kind.NUMBER and unit.isprintable() and unit != "N/A" else ""
        return Channel(name, kind, unit[: LIMITS.unit], leaf.path)


def kind_of(value: object) -> Kind:
    """The kind of a channel that first holds this."""
    if isinstance(value, bool):
        return Kind.FLAG
    return Kind.NUMBER if isinstance(value, int | float) else Kind.TEXT


def value_of(kind: Kind, found: object) -> Value:
    """What a leaf means for a channel of this kind; None when nothing."""
    if found is None or isinstance(found, dict | list):
        return None
    if kind is Kind.FLAG:
        return _flag(found)
    if kind is Kind.NUMBER:
        return _number(found)
    text = found if isinstance(found, str) else str(found)
    fits = len(text) <= LIMITS.text and not any(0xD800 <= ord(each) < 0xE000 for each in text)
    return text if fits else None


def channel_name(path: str) -> str:
    """The path in snake_case; a long one ends in a digest of the whole."""
    plain = unicodedata.normalize("NFKD", path).encode("ascii", "ignore").decode()
    name = _OTHERS.sub("_", plain.lower()).strip("_")
    if not name:
        return _with_digest("value", path)
    if not name[0].isalpha():
        name = f"v_{name}"
    return name if len(name) <= LONGEST_NAME else _with_digest(name, path)


def _with_digest(name: str, path: str) -> str:
    digest = hashlib.blake2b(path.encode("utf-8", "surrogatepass"), digest_size=_DIGEST // 2)
    return f"{name[: LONGEST_NAME - _DIGEST - 1]}_{digest.hexdigest()}"


def _number(found: object) -> float | None:
    if isinstance(found, str):
        text = found.strip()
        return _number(float(text)) if _NUMBER.match(text) else None
    try:
        number = float(found)  # type: ignore[arg-type]
    except OverflowError:
        return None
    return number if isfinite(number) else None


def _flag(found: object) -> bool | None:
    if isinstance(found, str):
        return _FLAGS.get(found.strip().lower())
    return bool(found) if found in (0, 1) else None


def _unit(value: Mapping[str, Any]) -> str | None:
    """The unit of a value that stands beside it; None for any other object."""
    names = value.keys() - {"value"}
    if len(value) != 2 or names not in ({"unit"}, {"units"}):
        return None
    unit = value[names.pop()]
    plain = not isinstance(value["value"], dict | list) and isinstance(unit, str | None)
    return (unit or "") if plain else None
