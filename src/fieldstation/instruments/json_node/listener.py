"""Listens to JSON documents and picks the configured channels out of them.

1. A topic filter with a wildcard brings a node for each topic it hears; one without belongs to the
   configured instrument itself. `test_a_wildcard_brings_a_node_for_each_topic`
2. A document that tells its time is known by it: the same time again is no reading, whatever the
   packet's flags say. Without a time every arrival is a reading, except what the broker kept, whose
   age nobody knows. `test_a_told_time_makes_a_second_arrival_known`
3. A document that cannot be read is refused whole; a value that does not fit its channel costs
   itself only. `test_a_bad_value_costs_itself_only`
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from fieldstation.errors import CodecError
from fieldstation.instruments.json_node.channels import Source
from fieldstation.instruments.json_node.pointer import find
from fieldstation.instruments.json_node.values import time_us, value_of
from fieldstation.instruments.names import node_name
from fieldstation.model import Heard, Instant, Message, Remark, Value
from fieldstation.protocol.safejson import decode_json

MOST_NODES = 64
# More than a broker leaves unacknowledged, which it may send again.
TIMES_KNOWN = 200

News = Sequence[Heard | Remark]


class JsonListener:
    """See `fieldstation.model.Listener`. `time` is the place of the document's own time, None for
    none.
    """

    def __init__(self, sources: Sequence[Source], time: tuple[str, ...] | None) -> None:
        self.topics: Sequence[str] = tuple(source.topic for source in sources)
        self._sources = sources
        self._time = time
        self._times: dict[tuple[str, str], deque[int]] = {}
        self._nodes: set[str] = set()

    def hear(self, message: Message, now: Instant) -> News:
        """See `Listener.hear`."""
        if not message.payload:
            return [Remark("cleared", f"{message.topic}: the kept message was cleared")]
        if message.retained and self._time is None:
            return [Remark("kept", f"{message.topic}: a kept message of unknown age")]
        document = decode_json(message.payload)
        news: list[Heard | Remark] = []
        for source in self._sources:
            if matches(source.topic, message.topic):
                news += self._read(source, message.topic, document)
        return news or [Remark("foreign", f"{message.topic} was not asked for")]

    def recall(self, name: str, layout: str, values: Mapping[str, Value], utc_us: int) -> None:
        """See `Listener.recall`."""
        if self._time is not None and (name in self._nodes or len(self._nodes) < MOST_NODES):
            self._nodes.add(name)
            self._known(name, layout).append(utc_us)

    def _read(self, source: Source, topic: str, document: object) -> News:
        name = name_of(source.topic, topic)
        if name not in self._nodes and len(self._nodes) >= MOST_NODES:
            raise CodecError("too_many", f"{topic} is one node more than {MOST_NODES}")
        values, remarks = self._values(source, document)
        if all(value is None for value in values.values()):
            raise CodecError("nothing_found", f"{topic}: none of the channels is in the document")
        utc_us = None if self._time is None else time_us(find(document, self._time))
        if utc_us is not None:
            known = self._known(name, source.layout.name)
            if utc_us in known:
                return [Remark("duplicate", f"{topic}: the document of this time came again")]
            known.append(utc_us)
        self._nodes.add(name)
        return [Heard(name, source.layout, values, utc_us, regular=True), *remarks]

    def _values(self, source: Source, document: object) -> tuple[dict[str, Value], list[Remark]]:
        values: dict[str, Value] = {}
        remarks = []
        for channel, steps in zip(source.layout.channels, source.steps, strict=True):
            found = find(document, steps)
            try:
                values[channel.name] = value_of(channel, found)
            except ValueError as error:
                values[channel.name] = None
                remarks.append(Remark("unfit", f"{channel.name}: {found!r:.60} {error}"))
        return values, remarks

    def _known(self, name: str, layout: str) -> deque[int]:
        return self._times.setdefault((name, layout), deque(maxlen=TIMES_KNOWN))


def matches(pattern: str, topic: str) -> bool:
    """Whether a topic fits a filter (MQTT 3.1.1, section 4.7)."""
    wanted, levels = pattern.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    if wanted[-1] == "#":
        wanted, levels = wanted[:-1], levels[: len(wanted) - 1]
    return len(wanted) == len(levels) and all(
        want in ("+", level) for want, level in zip(wanted, levels, strict=True)
    )


def name_of(pattern: str, topic: str) -> str:
    """The node's name: the levels that the wildcards of the filter stand for; empty without any."""
    wanted, levels = pattern.split("/"), topic.split("/")
    own = [level for want, level in zip(wanted, levels, strict=False) if want == "+"]
    own += levels[len(wanted) - 1 :] if wanted[-1] == "#" else []
    return node_name("/".join(own) or topic) if set("+#") & set(pattern) else ""
