"""The payloads that a node publishes: init documents, samples and markers (mqtt_esp contract, B.3
and B.4).

1. An init document is repaired before it is parsed: the firmware cuts it short or leaves dots
   behind, depending on which sensors answered. `test_every_cut_of_an_init_document_is_repaired`
2. What cannot be parsed may still tell topic and time by pattern; only a text without either is
   refused. `test_topic_and_time_are_picked_out_of_a_broken_document`
3. A sample has all four members and a number or null in each of the three values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fieldstation.errors import CodecError
from fieldstation.instruments.esp_node.channels import (
    CLOCK_CHIP,
    CLOCK_LOST,
    CLOCK_NETWORK,
    CLOCK_UNTOLD,
    SAMPLE,
)
from fieldstation.model import Value
from fieldstation.protocol.safejson import decode_json

# The longest init document is 400 bytes, a sample 80.
LONGEST = 4096
LONGEST_TOPIC = 200
HIGHEST_ID = 2**31

MARKERS = {b"<Data_begin>": "start", b"<Data_end>": "planned restart", b"<Connect_lost>": "lost"}

_EPOCH_YEAR = 1970
_TIME = re.compile(r"(\d{1,4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d) GMT")
_TOPIC_PART = re.compile(r'"DATA_topic"\s*:\s*"([^"\\]+)"')
_TIME_PART = re.compile(rf'"Time"\s*:\s*"({_TIME.pattern})')
_NUMBER = re.compile(r"-?\d{1,9}(?:\.\d{1,9})?")


@dataclass(frozen=True, slots=True)
class Init:
    """What a node told at its start: its data topic, the UTC second of its clock (None when it told
    none that is a time), and `values` by channel name, as far as they were told.
    """

    topic: str
    base_s: int | None
    values: Mapping[str, Value]


def decode_init(data: bytes) -> Init:
    """The init document in `data`. Raises CodecError (`too_long`, `not_init`)."""
    if len(data) > LONGEST:
        raise CodecError("too_long", f"an init document of {len(data)} bytes; {LONGEST} is most")
    text = data.decode("utf-8", "replace")
    members = _members(text)
    topic = members.get("DATA_topic")
    if not isinstance(topic, str) or not _is_topic(topic):
        raise CodecError("not_init", "an init document without a DATA_topic", data=data)
    return Init(topic, _seconds(members.get("Time")), {"data_topic": topic} | _values(members))


def _members(text: str) -> dict[str, Any]:
    """The members of `ESP_init`, or those that a pattern finds."""
    body = text.rstrip(" \t\r\n.,")
    missing = max(0, body.count("{") - body.count("}"))
    try:
        document = decode_json((body + "}" * min(missing, 8)).encode(), longest=2 * LONGEST)
    except CodecError:
        document = None
    members = document.get("ESP_init") if isinstance(document, dict) else None
    if isinstance(members, dict):
        return members
    found = {"DATA_topic": _TOPIC_PART.search(text), "Time": _TIME_PART.search(text)}
    return {name: match[1] for name, match in found.items() if match}


def _is_topic(text: str) -> bool:
    """A topic to publish on: no wildcard, no control character."""
    return 1 <= len(text) <= LONGEST_TOPIC and text.isprintable() and not set("+#") & set(text)


def _seconds(text: object) -> int | None:
    match = _TIME.match(text) if isinstance(text, str) else None
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups())
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp()) if year >= _EPOCH_YEAR else None


def _values(members: Mapping[str, Any]) -> dict[str, Value]:
    values: dict[str, Value] = {"clock": _clock(members)}
    beat = members.get("DS3231 SQW")
    values["square_wave"] = None if beat is None else "Start" in str(beat)
    values["thermocouple_sensor"] = "Sensor MAX6675" in members
    values["ambient_sensor"] = "Sensor SHT30" in members
    for name, member in _MEASURED.items():
        if member in members:
            match = _NUMBER.match(str(members[member]))
            values[name] = float(match[0]) if match else None
    return values


_MEASURED = {
    "ambient_temperature": "ambient Temperature",
    "ambient_humidity": "ambient Humidity",
    "thermocouple_temperature": "K Thermocouple",
}


def _clock(members: Mapping[str, Any]) -> str:
    if members.get("NTP SetTime") == "OK":
        return CLOCK_NETWORK
    if members.get("DS3231") == "lost_time":
        return CLOCK_LOST
    return CLOCK_CHIP if members.get("DS3231 SetTime") == "OK" else CLOCK_UNTOLD


def decode_sample(data: bytes) -> dict[str, Value]:
    """The sample in `data` by channel name. Raises CodecError: as `decode_json`, `not_a_sample`
    for another form, `bad_value` for a member that is no number.
    """
    document = decode_json(data, longest=LONGEST)
    if not (isinstance(document, list) and len(document) == 1 and isinstance(document[0], dict)):
        raise CodecError("not_a_sample", "no array that holds one object", data=data)
    (members,) = document
    for channel in SAMPLE:
        if channel.old_name not in members:
            raise CodecError("not_a_sample", f"a sample without {channel.old_name}", data=data)
    number = members["id"]
    if type(number) is not int or not 0 <= number < HIGHEST_ID:
        raise CodecError("bad_value", f"the id {number!r} of a sample", data=data)
    values: dict[str, Value] = {"sample": number}
    for channel in SAMPLE[1:]:
        value = members[channel.old_name]
        if value is not None and type(value) not in (int, float):
            raise CodecError("bad_value", f"{channel.old_name} is {value!r:.40}", data=data)
        values[channel.name] = None if value is None else float(value)
    return values


def encode_sample(values: Mapping[str, Value], decimals: int = 6) -> bytes:
    """A sample as a node writes it; firmware before 1.0 had three decimals."""
    members = [f'"id":{values["sample"]}']
    for channel in SAMPLE[1:]:
        value = values.get(channel.name)
        text = "null" if value is None else f"{float(value):.{decimals}f}"
        members.append(f'"{channel.old_name}":{text}')
    return f"[{{{','.join(members)}}}]".encode()


def encode_init(base_s: int, values: Mapping[str, Value]) -> bytes:
    """An init document as the broker gets it: cut as the firmware cuts it for this set of sensors
    (B.3). `values` by channel name; a sensor that is not False answered.
    """
    moment = datetime.fromtimestamp(base_s, UTC)
    clock = _CLOCK_LINES[str(values.get("clock", CLOCK_UNTOLD))]
    beat = "1Hz Out ERROR" if values.get("square_wave") is False else "1Hz Out Start0"
    text = (
        f'{{"ESP_init":{{\n"DATA_topic":"{values["data_topic"]}",\n{clock}'
        f'"Time":"{moment.year}-{moment:%m-%d %H:%M:%S} GMT",\n'
        f'"Day_W":{moment.weekday()},"Day_Y":{moment.timetuple().tm_yday},\n'
        f'"DS3231 SQW":"{beat}",\n'
    )
    if values.get("ambient_sensor") is not False:
        text += (
            f'"ambient Temperature":"{_told(values.get("ambient_temperature"))} ºC",'
            f'"ambient Humidity":"{_told(values.get("ambient_humidity"))} %",\n'
            '"Sensor SHT30":"OK",\n'
        )
    if values.get("thermocouple_sensor") is not False:
        hot = _told(values.get("thermocouple_temperature"))
        text += f'"K Thermocouple":"{hot} ºC",\n"Sensor MAX6675":"OK"}}}}..'
    # The length is declared in characters; the bytes beyond it never reach a subscriber.
    return text.encode()[: len(text)]


_CLOCK_LINES = {
    CLOCK_CHIP: '"DS3231 SetTime":"OK",\n"NTP & RTC SyncTime":"OK",\n',
    CLOCK_NETWORK: '"DS3231":"lost_time",\n"NTP SetTime":"OK",\n"NTP & RTC SyncTime":"OK",\n',
    CLOCK_LOST: '"DS3231":"lost_time",\n',
    CLOCK_UNTOLD: "",
}


def _told(value: Value) -> str:
    return "nan" if value is None else f"{float(value):.6f}"
