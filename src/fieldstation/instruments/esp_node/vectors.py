"""What vectors of the mqtt_esp contract contain and give: recorded exchanges, init documents, the
node's queue, bytes of its chips.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fieldstation.errors import CodecError
from fieldstation.instruments.esp_node import backlog, sensors
from fieldstation.instruments.esp_node.channels import ESTIMATED_TIME, SAMPLE, SAMPLES, START
from fieldstation.instruments.esp_node.listener import LOG_TOPIC, EspListener, name_of
from fieldstation.instruments.esp_node.payload import decode_init, decode_sample
from fieldstation.model import Heard, Instant, Message, Trust, Value

_SECOND_US = 1_000_000


def vector_frame(entry: Mapping[str, Any]) -> tuple[str, bytes]:
    """The frame of a vector that holds one. Raises CodecError."""
    if entry.get("kind") == "mqtt-sequence":
        return "sequence", json.dumps(entry.get("messages")).encode()
    payload = entry.get("payload")
    if not isinstance(payload, str):
        raise CodecError("unsupported", "a vector without payload")
    return "init" if entry.get("kind") == "init-document" else "sample", payload.encode()


def decode_vector(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What a vector gives, in the words of the contract's vectors. Raises CodecError."""
    match entry.get("kind"):
        case "mqtt-sequence":
            return Replay(entry.get("messages"), entry.get("recorder")).result()
        case "init-document":
            return _init(vector_frame(entry)[1])
        case "sample":
            return dict(decode_sample(vector_frame(entry)[1]))
        case "heap-order" | "fifo-window" | "decode" as kind:
            try:
                return _queue(entry) if kind != "decode" else _chip(entry)
            except (KeyError, TypeError, ValueError) as error:
                raise CodecError("unsupported", f"a vector without {error}") from error
        case other:
            raise CodecError("unsupported", f"a node has no vectors of kind {other!r}")


def _init(data: bytes) -> dict[str, Any]:
    init = decode_init(data)
    values = dict(init.values)
    sensors_there = {
        "SHT30": values["ambient_sensor"],
        "MAX6675": values["thermocouple_sensor"],
    }
    told: dict[str, Any] = {"topic": init.topic, "base": init.base_s, "sensors": sensors_there}
    for name, word in _INIT_WORDS.items():
        if name in values:
            told[word] = values[name]
    if values["clock"] == "network":
        told["clock"] = START.channels[START.names.index("clock")].label_of("network")
    return told


_INIT_WORDS = {
    "ambient_temperature": "ambient_temperature",
    "ambient_humidity": "ambient_humidity",
    "thermocouple_temperature": "thermocouple",
}


class Replay:
    """A recorded exchange, heard by a new listener: a list of messages, each with `topic`,
    `payload`, `retain` and `received_at`. `recorder` may name sessions known before. Raises
    CodecError for anything else.
    """

    def __init__(self, messages: object, recorder: object = None) -> None:
        self.heard: list[tuple[str, Heard]] = []
        self._listener = EspListener()
        self._sessions: list[dict[str, Any]] = []
        self._dull: list[int] = []
        try:
            self._remember(recorder)
            assert isinstance(messages, list)
            for position, row in enumerate(messages):
                self._hear(position, *_message(row))
        except (AssertionError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise CodecError("unsupported", f"no recorded exchange: {error!r}") from error

    def result(self) -> dict[str, Any]:
        """Sessions in order, rows `[UTC second, kT, aT, aH]` of each topic in time order, positions
        of messages on data topics that gave none. Rows with an estimated time stand apart.
        """
        rows: dict[bool, dict[str, list[list[Value]]]] = {False: {}, True: {}}
        for topic, one in self.heard:
            if one.layout is SAMPLES and one.utc_us is not None:
                told = [one.values[channel.name] for channel in SAMPLE[1:]]
                estimated = one.values["time_source"] == ESTIMATED_TIME
                row = [one.utc_us // _SECOND_US, *told]
                rows[estimated].setdefault(topic, []).append(row)
        for topics in rows.values():
            for found in topics.values():
                found.sort(key=lambda row: row[:1])
        result = {"sessions": self._sessions, "rows": rows[False], "not_stored": self._dull}
        return result | ({"estimated": rows[True]} if rows[True] else {})

    def _remember(self, recorder: object) -> None:
        if not isinstance(recorder, Mapping):
            return
        for known in recorder["known_sessions"]:
            topic, base_us = known["topic"], known["base"] * _SECOND_US
            self._listener.recall(name_of(topic), START.name, {"data_topic": topic}, base_us)
            self._sessions.append({"topic": topic, "base": known["base"]})

    def _hear(self, position: int, message: Message, now: Instant) -> None:
        try:
            news = [one for one in self._listener.hear(message, now) if isinstance(one, Heard)]
        except CodecError:
            news = []
        for one in news:
            self.heard.append((message.topic, one))
            if one.layout is START and one.utc_us is not None:
                base_s = one.utc_us // _SECOND_US
                self._sessions.append({"topic": one.values["data_topic"], "base": base_s})
        sure = any(one.values.get("time_source") != ESTIMATED_TIME for one in news)
        if message.topic != LOG_TOPIC and not sure:
            self._dull.append(position)


def _message(row: Mapping[str, Any]) -> tuple[Message, Instant]:
    arrived = datetime.fromisoformat(row["received_at"])
    assert arrived.tzinfo is not None
    utc_us = round(arrived.timestamp() * 1e6)
    payload = str(row["payload"]).encode("utf-8", "replace")
    message = Message(str(row["topic"]), payload, row.get("retain") is True)
    return message, Instant(utc_us, utc_us, bytes(16), Trust.SYNCED)


def _queue(entry: Mapping[str, Any]) -> dict[str, Any]:
    if entry["kind"] == "fifo-window":
        return {"queued": backlog.is_queued(int(entry["i_pum"]), int(entry["i_snd"]))}
    numbers = [int(number) for number in entry["sampled_ids"]]
    return {"old_send_order": backlog.text_order(numbers), "new_firmware_send_order": numbers}


def _chip(entry: Mapping[str, Any]) -> dict[str, Any]:
    raw = entry["raw"]
    if "crc_over" in raw:
        return {"crc": f"{sensors.crc8(bytes.fromhex(raw['crc_over'])):02x}"}
    match entry["device"]:
        case "sht30":
            return _sht30(bytes.fromhex(raw["bytes"]))
        case "max6675":
            hot = sensors.decode_max6675(bytes.fromhex(raw["bytes"]))
            return {"temperature": hot, "open_thermocouple": hot is None}
        case "sht20" if raw["command"] == "F3":
            return {"temperature": sensors.decode_sht20_temperature(bytes.fromhex(raw["bytes"]))}
        case "sht20" if raw["command"] == "F5":
            return {"humidity": sensors.decode_sht20_humidity(bytes.fromhex(raw["bytes"]))}
        case "ds3231":
            return _ds3231(raw)
    raise ValueError("a known device")


def _sht30(data: bytes) -> dict[str, Any]:
    air = sensors.decode_sht30(data)
    if air is None:
        return {"crc_ok": False, "published": {"aT": None, "aH": None}}
    return {"temperature": air[0], "humidity": air[1], "crc_ok": True}


def _ds3231(raw: Mapping[str, Any]) -> dict[str, Any]:
    if "action" in raw:
        register, value = sensors.ONE_HERTZ
        beat = f"{value:02X}"
        return {"writes": [{"register": f"{register:02X}", "bytes": beat}], "reads_back": beat}
    if "datetime" in raw:
        moment = datetime.fromisoformat(raw["datetime"]).replace(tzinfo=UTC)
        written = sensors.encode_ds3231(moment, int(raw["weekday_register"]))
        return {"register": "00", "bytes": written.hex()}
    data = bytes.fromhex(raw["bytes"])
    if raw["register"] == "0F":
        return {"lost_power": sensors.lost_power(data[0])}
    moment, weekday = sensors.decode_ds3231(data)
    return {"datetime": f"{moment:%Y-%m-%dT%H:%M:%S}", "weekday_register": weekday}
