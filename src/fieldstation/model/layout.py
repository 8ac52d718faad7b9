"""A layout: the channel table of one kind of reading, named by a digest so that definitions are
never mixed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fieldstation.model.channel import Channel, Value

MOST_CHANNELS = (
    1000  # a BMS with 254 cells has three quantities each; more is a mistake or an attack
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Channels that are read together. `kind` is the instrument's kind (`axpert`), `name` the part
    of it (`status`).
    """

    kind: str
    name: str
    channels: tuple[Channel, ...]
    id: str = field(init=False)

    def __post_init__(self) -> None:
        names = [channel.name for channel in self.channels]
        if len(set(names)) != len(names) or not 1 <= len(names) <= MOST_CHANNELS:
            raise ValueError(
                f"layout {self.kind}/{self.name} needs 1 to {MOST_CHANNELS} channels"
                " with different names"
            )
        meaning = [self.kind, self.name, [[c.name, c.kind.value, c.unit] for c in self.channels]]
        text = json.dumps(meaning, separators=(",", ":"), ensure_ascii=True)
        object.__setattr__(self, "id", hashlib.blake2b(text.encode(), digest_size=8).hexdigest())

    @property
    def names(self) -> tuple[str, ...]:
        """Channel names in column order."""
        return tuple(channel.name for channel in self.channels)

    def row(self, values: Mapping[str, Value]) -> tuple[Value, ...]:
        """Values by name as a row in column order; names that are absent become None, names not in
        the table are an error.
        """
        unknown = set(values) - set(self.names)
        if unknown:
            raise ValueError(
                f"layout {self.kind}/{self.name} has no channel {sorted(unknown)[0]!r}"
            )
        return tuple(values.get(name) for name in self.names)

    def as_json(self) -> dict[str, Any]:
        """The layout as plain data; its id is derived, not written."""
        return {
            "kind": self.kind,
            "name": self.name,
            "channels": [channel.as_json() for channel in self.channels],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Layout:
        """The layout written by `as_json`. Raises ValueError, TypeError or KeyError when it is not
        of that form.
        """
        rows: Sequence[Mapping[str, Any]] = data["channels"]
        return cls(
            str(data["kind"]), str(data["name"]), tuple(Channel.from_json(row) for row in rows)
        )
