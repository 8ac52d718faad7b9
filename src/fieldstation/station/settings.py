"""Every setting of a station in one table. Parser, checks and reference page derive from it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fieldstation.errors import ConfigError
from fieldstation.transport.address import parse_address

NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}\Z")
TEXT_LENGTH = 200

Answer = str | None
"""What is wrong with a value, as the end of a sentence that starts with the key; None: nothing."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the table. `form` names the check; `default` None with `required` False: the
    setting is off or follows from `otherwise`. `low` and `high` belong to the range.
    """

    section: str
    key: str
    form: str
    meaning: str
    default: Any = None
    required: bool = False
    low: float = 0
    high: float = 0
    choices: tuple[Any, ...] = ()
    otherwise: str = ""

    def fault(self, value: Any) -> Answer:
        """What is wrong with a value from the file."""
        if self.form in ("number", "integer"):
            return self._number_fault(value)
        if not isinstance(value, str):
            return f"must be a text in quotes, not {shown(value)}"
        if not 1 <= len(value) <= TEXT_LENGTH or "\0" in value:
            return f"must have 1 to {TEXT_LENGTH} characters"
        return _FAULTS[self.form](self, value)

    def _number_fault(self, value: Any) -> Answer:
        whole = self.form == "integer"
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            return f"must be a {'whole ' if whole else ''}number, not {shown(value)}"
        if self.choices:
            return self._choice_fault(value)
        if not self.low <= value <= self.high:
            return f"must be {self.low:g} to {self.high:g}, not {shown(value)}"
        return None

    def _choice_fault(self, value: Any) -> Answer:
        if value in self.choices:
            return None
        return f"must be {' or '.join(map(str, self.choices))}, not {shown(value)}"

    @property
    def type_text(self) -> str:
        """Type and range as the reference writes them."""
        if self.choices:
            return " or ".join(f"`{choice}`" for choice in self.choices)
        if self.form in ("number", "integer"):
            word = "whole number" if self.form == "integer" else "number"
            return f"{word}, {self.low:g} to {self.high:g}"
        return self.form

    @property
    def default_text(self) -> str:
        """The default as the reference writes it."""
        if self.required:
            return "required"
        return self.otherwise if self.default is None else f"`{shown(self.default)}`"


def shown(value: Any) -> str:
    """A value of the file as it may stand in a message."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _port_fault(_: Setting, value: str) -> Answer:
    if value == "loop:":
        return "must name a real port; a twin is served on a pty or a TCP port"
    try:
        parse_address(value)
    except ConfigError as error:
        return f"is no address: {error}"
    return None


def _url_fault(_: Setting, value: str) -> Answer:
    wrong = f"must be an address like https://hub.example, not {shown(value)}"
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return wrong
    if parts.scheme not in ("http", "https") or not host:
        return wrong
    if parts.username or parts.query or parts.fragment:
        return "must hold no user, key, query or fragment; the key stands in key_file"
    return None


_FAULTS = {
    "text": lambda _, value: None,
    "path": lambda _, value: None,
    "choice": Setting._choice_fault,
    "port": _port_fault,
    "url": _url_fault,
}

SETTINGS = (
    Setting("station", "name", "text", "Name of the station in its own status.", "station"),
    Setting(
        "station", "data", "path", "Folder of the journal and the status socket.",
        "/var/lib/fieldstation",
    ),
    Setting(
        "instrument", "kind", "text", "Which instrument it is; `fieldstation instruments` lists"
        " all kinds.", required=True,
    ),
    Setting(
        "instrument", "port", "port", "Where it is reached: `/dev/serial/by-id/...`,"
        " `usb:VENDOR:PRODUCT`, `hid:VENDOR:PRODUCT[:SERIAL]`, `tcp://HOST:PORT[?redial]`,"
        " `mqtt[s]://HOST[:PORT]`, `spi:BUS.SELECT`, `i2c:BUS[:ADDRESS]` or"
        " `usb-iss:/dev/serial/by-id/...[?i2c=ADDRESS]`. A port belongs to one instrument or to the"
        " units of one bus, a broker to any number. `usb:` and `hid:` may fit several ports; the"
        " unit is then looked for behind each, by its `serial_number`.",
        required=True,
    ),
    Setting(
        "instrument", "every_s", "number", "Seconds between readings.", low=0.1, high=86_400,
        otherwise="as the instrument suggests",
    ),
    Setting(
        "instrument", "baud", "integer", "Bits per second of a serial line.", low=50,
        high=4_000_000, otherwise="as the instrument leaves the factory",
    ),
    Setting(
        "instrument", "data_bits", "integer", "Data bits of a serial line.", choices=(5, 6, 7, 8),
        otherwise="as the instrument leaves the factory",
    ),
    Setting(
        "instrument", "parity", "choice", "Parity of a serial line.", choices=("N", "E", "O"),
        otherwise="as the instrument leaves the factory",
    ),
    Setting(
        "instrument", "stop_bits", "integer", "Stop bits of a serial line.", choices=(1, 2),
        otherwise="as the instrument leaves the factory",
    ),
    Setting(
        "instrument", "serial_number", "text", "The unit's own serial number. Readings of any other"
        " unit on this port are refused.", otherwise="that of the first unit seen",
    ),
    Setting("instrument", "user", "text", "User at the broker.", otherwise="none"),
    Setting(
        "instrument", "password_file", "path", "File that holds the password at the broker in its"
        " first line, readable by its owner only (mode 0600).", otherwise="none",
    ),
    Setting(
        "instrument", "ca_file", "path", "Certificate of a private authority that signed the"
        " broker's.", otherwise="the public authorities",
    ),
    Setting(
        "instrument", "client_id", "text", "Name of the session that the broker keeps; no other"
        " client of it may have the same.", otherwise="made from the machine and the name",
    ),
    Setting("hub", "url", "url", "Address of the hub.", required=True),
    Setting(
        "hub", "key_file", "path", "File that holds the gateway key, readable by its owner only"
        " (mode 0600).", "gateway.key",
    ),
    Setting(
        "hub", "upload_every_s", "number", "Seconds between uploads while nothing waits.", 10,
        low=0.1, high=86_400,
    ),
    Setting(
        "hub", "bytes_per_day", "integer", "Most bytes to and from the hub in a UTC day, for links"
        " that are paid by volume; 0: no limit. New readings go before a backlog, less often the"
        " less is left.", 0, low=0, high=10**12,
    ),
    Setting("hub", "proxy", "url", "HTTP proxy on the way to the hub.", otherwise="none"),
    Setting(
        "hub", "ca_file", "path", "Certificate of a private authority that signed the hub's.",
        otherwise="the public authorities",
    ),
    Setting(
        "journal", "commit_every_s", "number", "Longest time in seconds that readings wait in"
        " memory so that several share one write to the disk.", 1.0, low=0, high=60,
    ),
    Setting(
        "journal", "keep_days", "number", "Delivered readings older than this are deleted.", 90,
        low=0.01, high=36_500,
    ),
    Setting(
        "journal", "keep_mb", "integer", "The oldest delivered readings are deleted while the"
        " journal holds more megabytes than this.", 1000, low=1, high=1_000_000,
    ),
    Setting(
        "journal", "most_mb", "integer", "The journal never outgrows this many megabytes; then it"
        " is full, and what is not taken becomes a hole.", 4000, low=1, high=1_000_000,
    ),
    Setting(
        "journal", "reserve_mb", "integer", "Mebibytes of the disk kept free beside the journal, so"
        " that a full disk still takes what is missing and why; at most a fiftieth of the disk; 0:"
        " none.", 16, low=0, high=10_000,
    ),
)  # fmt: skip

SECTIONS = {
    "station": "The station itself.",
    "instrument": "One section for each instrument: `[instrument.NAME]`. The name is 1 to 63 lower"
    " case letters, digits, `_` or `-` and starts with a letter.",
    "hub": "Where readings are sent. Without this section they stay at the station.",
    "journal": "The station's durable log.",
}


def settings_of(section: str) -> dict[str, Setting]:
    """The settings of one section by key."""
    return {setting.key: setting for setting in SETTINGS if setting.section == section}


def reference() -> str:
    """The settings as Markdown tables, for the reference page."""
    parts = []
    for section, meaning in SECTIONS.items():
        title = "instrument.NAME" if section == "instrument" else section
        rows = [
            f"| `{s.key}` | {s.type_text} | {s.default_text} | {s.meaning} |"
            for s in settings_of(section).values()
        ]
        head = "| key | type and range | default | meaning |\n| --- | --- | --- | --- |"
        parts.append(f"## [{title}]\n\n{meaning}\n\n{head}\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)
