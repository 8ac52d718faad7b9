"""How ESP nodes are heard: through a broker, without being configured one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fieldstation.instruments.esp_node import channels
from fieldstation.instruments.esp_node.listener import DATA_TOPICS, LOG_TOPIC, EspListener
from fieldstation.model import Listened, Listener, MqttLine, Option, OptionValue, chosen

OPTIONS = (
    Option("log_topic", LOG_TOPIC, "Topic on which the nodes publish their init documents."),
    Option(
        "data_topics", DATA_TOPICS, "Filters of the topics of samples, separated by blanks; `+`"
        " hears every node, a list of topics those named.",
    ),
)  # fmt: skip


class EspNodes:
    """See `fieldstation.model.Listened`."""

    kind = channels.KIND
    default_every_s = 1.0
    line = MqttLine()
    options: Sequence[Option] = OPTIONS

    def __init__(self, values: Mapping[str, OptionValue]) -> None:
        self._log_topic = str(values["log_topic"])
        self._data_topics = str(values["data_topics"])

    def configured(self, values: Mapping[str, OptionValue]) -> EspNodes:
        """See `Listened.configured`."""
        return EspNodes(values)

    def listener(self) -> Listener:
        """See `Listened.listener`."""
        return EspListener(self._log_topic, self._data_topics)


LISTENED: Listened = EspNodes(chosen(OPTIONS, {}))
