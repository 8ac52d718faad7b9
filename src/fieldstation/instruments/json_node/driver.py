"""How a node that publishes JSON is heard: through a broker, with its channels configured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fieldstation.errors import ConfigError
from fieldstation.instruments.json_node import channels
from fieldstation.instruments.json_node.listener import JsonListener
from fieldstation.instruments.json_node.pointer import parse_pointer
from fieldstation.model import Listened, Listener, MqttLine, Option, OptionValue

OPTIONS = (
    Option("topic", "", "Topic filter of the documents, where a row of channels names none."),
    Option(
        "channels", "", "One row for each channel: `NAME POINTER [KEY=VALUE ...]`, for example"
        " `level /tank/level unit=m`.",
    ),
    Option(
        "time", "", "JSON pointer to the time that the document tells; without it the time of"
        " arrival is taken.",
    ),
)  # fmt: skip


class JsonNode:
    """See `fieldstation.model.Listened`. Without channels it hears nothing."""

    kind = channels.KIND
    default_every_s = 0.0
    line = MqttLine()
    options: Sequence[Option] = OPTIONS

    def __init__(
        self, sources: Sequence[channels.Source] = (), time: tuple[str, ...] | None = None
    ) -> None:
        self._sources = sources
        self._time = time

    def configured(self, values: Mapping[str, OptionValue]) -> JsonNode:
        """See `Listened.configured`."""
        sources = channels.read_table(str(values["channels"]), str(values["topic"]))
        time = str(values["time"])
        try:
            return JsonNode(sources, parse_pointer(time) if time else None)
        except ValueError as error:
            raise ConfigError(f"option time: {error}") from error

    def listener(self) -> Listener:
        """See `Listened.listener`."""
        return JsonListener(self._sources, self._time)


LISTENED: Listened = JsonNode()
