"""Listens to all ESP nodes of one broker (mqtt_esp contract, B.4 to B.6).

1. Nodes need no configuration: each names its data topic in its init document. Samples on a topic
   that announced nothing are taken too, with an estimated time that says so.
   `test_data_before_any_init_is_marked_as_estimated`
2. A reading is known by topic, base and id, whatever flags its packet had; a second arrival is no
   reading. `test_a_second_arrival_is_ignored_whatever_its_flags`
3. A sample that would lie in the future belongs to an earlier run and is ignored.
   `test_a_leftover_of_the_run_before_is_ignored`
4. A node whose clock was lost and not set has no base: its times are estimated.
5. At most MOST_NODES nodes; the rest is refused with a sentence.
6. Ids count on while a node cannot send; it keeps a minute of samples and loses the rest (B.5). So
   what is missing between two ids of one run was lost in the node's own memory.
   `test_samples_of_one_count_say_so`
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from fieldstation.errors import CodecError
from fieldstation.instruments.esp_node.channels import (
    CLOCK_LOST,
    ESTIMATED_TIME,
    NODE_TIME,
    SAMPLES,
    START,
)
from fieldstation.instruments.esp_node.payload import MARKERS, Init, decode_init, decode_sample
from fieldstation.instruments.esp_node.sessions import SECOND_US, Node, Session
from fieldstation.instruments.names import node_name
from fieldstation.model import Heard, Instant, Message, Remark, Trust, Value

LOG_TOPIC = "esp001log"
# Data topics have one level and no common form, so all topics of one level are heard.
DATA_TOPICS = "+"
MOST_NODES = 64

_USUAL_TOPIC = re.compile(r"data(?:_(esp_[a-z0-9]+)|-(esp-[a-z0-9]+))\Z")

News = Sequence[Heard | Remark]


class EspListener:
    """See `fieldstation.model.Listener`. `data_topics` are filters, separated by blanks."""

    def __init__(self, log_topic: str = LOG_TOPIC, data_topics: str = DATA_TOPICS) -> None:
        self._log_topic = log_topic
        # First the log: a broker then gives the kept init document before the kept sample.
        self.topics: Sequence[str] = (log_topic, *data_topics.split())
        self._nodes: dict[str, Node] = {}

    def hear(self, message: Message, now: Instant) -> News:
        """See `Listener.hear`."""
        if not message.payload:
            return [Remark("cleared", f"{message.topic}: the kept message was cleared")]
        if message.topic == self._log_topic:
            return self._init(decode_init(message.payload), now, live=not message.retained)
        if message.payload.strip() in MARKERS:
            meaning = MARKERS[message.payload.strip()]
            return [Remark("marker", f"{message.topic}: the node says {meaning}")]
        return self._sample(message, now)

    def recall(self, name: str, layout: str, values: Mapping[str, Value], utc_us: int) -> None:
        """See `Listener.recall`."""
        if name not in self._nodes and len(self._nodes) >= MOST_NODES:
            return
        number, topic = values.get("sample"), values.get("data_topic")
        if layout == START.name and isinstance(topic, str):
            node = self._node(name, topic)
            if values.get("clock") != CLOCK_LOST:
                node.announce(utc_us)
        if layout != SAMPLES.name or not isinstance(number, int):
            return
        node = self._node(name, "")
        base_us = utc_us - number * SECOND_US
        estimated = values.get("time_source") == ESTIMATED_TIME
        run = node.guessed if estimated else node.told
        if run is None or run.base_us != base_us:
            run = Session(base_us, estimated, lead_us=0 if estimated else None)
        run.take(number)
        node.guessed, node.told = (run, node.told) if estimated else (node.guessed, run)

    def _node(self, name: str, topic: str) -> Node:
        node = self._nodes.get(name)
        if node is None:
            if len(self._nodes) >= MOST_NODES:
                raise CodecError("too_many", f"{name} is one node more than {MOST_NODES}")
            node = self._nodes[name] = Node(topic)
        node.topic = topic or node.topic
        return node

    def _init(self, init: Init, now: Instant, *, live: bool) -> News:
        name = name_of(init.topic)
        node = self._node(name, init.topic)
        base_us = None if init.base_s is None else init.base_s * SECOND_US
        if base_us is None or init.values.get("clock") == CLOCK_LOST:
            if not live:
                return [Remark("untimed", f"{name}: an old start of a node without a clock")]
            node.forget()
            return [Heard(name, START, init.values, serial=serial_of(name))]
        lead_us = max(0, base_us - now.utc_us) if live and now.trust is Trust.SYNCED else None
        if not node.announce(base_us, lead_us):
            return [Remark("known_start", f"{name}: the start of this run is known")]
        return [Heard(name, START, init.values, base_us, serial=serial_of(name))]

    def _sample(self, message: Message, now: Instant) -> News:
        name, live = name_of(message.topic), not message.retained
        try:
            values = decode_sample(message.payload)
        except CodecError:
            if name in self._nodes:
                raise
            return [Remark("foreign", f"{message.topic} is no topic of a node")]
        number = values["sample"]
        assert isinstance(number, int)
        node = self._node(name, message.topic)
        run = node.session_for(number, now, live=live)
        if run is None:
            return [Remark("unplaced", f"{name}: a kept sample of an unknown run")]
        if run.in_future(number, now, live=live):
            return [Remark("stale", f"{name}: sample {number} belongs to an earlier run")]
        if not run.take(number):
            return [Remark("duplicate", f"{name}: sample {number} came again")]
        values["time_source"] = ESTIMATED_TIME if run.estimated else NODE_TIME
        trust = now.trust if run.estimated else Trust.SYNCED
        at_us = run.time_us(number)
        serial = serial_of(name)
        return [Heard(name, SAMPLES, values, at_us, trust, True, serial, run.base_us)]


def name_of(topic: str) -> str:
    """The node's name: its client id where the topic is made from that, else the whole topic."""
    if usual := _USUAL_TOPIC.match(topic):
        return node_name(usual[1] or usual[2])
    # A topic that looks like a client id must not pass for the node of that name.
    return node_name(f"/{topic}" if topic.startswith(("esp_", "esp-")) else topic)


def serial_of(name: str) -> str:
    """The chip's id, if the name holds one: eight hexadecimal digits behind `esp_`."""
    digits = name.removeprefix("esp_").removeprefix("esp-")
    return digits if len(digits) == 8 and not set(digits) - set("0123456789abcdef") else ""
