"""A station's configuration: TOML to frozen objects, every fault told at once."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fieldstation.errors import ConfigError, NotFound
from fieldstation.instruments import registry
from fieldstation.model import (
    Driver,
    Line,
    Listened,
    MqttLine,
    Option,
    OptionValue,
    SerialLine,
)
from fieldstation.model.talk import Tunable, configured, paced
from fieldstation.sinks.keyfile import read_key
from fieldstation.station.brokers import BROKER_KEYS, broker_faults, broker_line, client_id_of
from fieldstation.station.lines import Lines
from fieldstation.station.seats import UNIT, Seats
from fieldstation.station.settings import NAME, SECTIONS, Setting, settings_of
from fieldstation.transport.address import MqttPort, UsbPort, parse_address


@dataclass(frozen=True, slots=True)
class StationSettings:
    """Section [station]. `data` is absolute."""

    name: str
    data: Path


@dataclass(frozen=True, slots=True)
class InstrumentSettings:
    """Section [instrument.NAME]; what the file left open is filled in from the driver. `options`
    are those of the driver's own that the file gives.
    """

    name: str
    kind: str
    port: str
    every_s: float
    line: Line
    serial_number: str = ""
    options: Mapping[str, OptionValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HubSettings:
    """Section [hub]. Paths are absolute; `proxy` "" and `ca_file` None: none."""

    url: str
    key_file: Path
    upload_every_s: float
    proxy: str = ""
    ca_file: Path | None = None
    bytes_per_day: int = 0


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """Section [journal]."""

    commit_every_s: float
    keep_days: float
    keep_mb: int
    most_mb: int
    reserve_mb: int


@dataclass(frozen=True, slots=True)
class Config:
    """The whole file. `hub` None: readings stay here."""

    file: Path
    station: StationSettings
    instruments: tuple[InstrumentSettings, ...]
    hub: HubSettings | None
    journal: JournalSettings


def load_config(file: Path) -> Config:
    """The configuration in `file`. Raises ConfigError with one sentence for each fault, in file
    order.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not UTF-8 text at byte {error.start}") from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is no valid TOML: {error}") from error
    return _Parser(file, data, Lines(text)).config()


def with_hub(config: Config, url: str, key_file: Path) -> Config:
    """The configuration with this hub instead of its own. Raises ConfigError."""
    if fault := settings_of("hub")["url"].fault(url):
        raise ConfigError(f"hub url {fault}")
    read_key(key_file)
    every_s = (
        config.hub.upload_every_s if config.hub else settings_of("hub")["upload_every_s"].default
    )
    return replace(config, hub=HubSettings(url, key_file.absolute(), float(every_s)))


_LINE_KEYS = ("baud", "data_bits", "parity", "stop_bits")
_NO_OPTIONS: Mapping[str, Option] = MappingProxyType({})


class _Parser:
    def __init__(self, file: Path, data: Mapping[str, Any], lines: Lines) -> None:
        self._file = file
        self._data = data
        self._lines = lines
        self._problems: list[tuple[int, str]] = []
        self._folder = file.parent

    def config(self) -> Config:
        for section in self._data.keys() - SECTIONS.keys():
            self._say((section,), f"there is no section [{section}]{_near(section, SECTIONS)}")
        station = self._section(("station",), "station")
        self._folder = self._path(station["data"])
        journal = self._section(("journal",), "journal")
        hub = self._hub() if "hub" in self._data else None
        instruments = self._instruments()
        if self._problems:
            raise ConfigError(*(text for _, text in sorted(self._problems, key=lambda p: p[0])))
        return Config(
            self._file,
            StationSettings(station["name"], self._folder),
            tuple(instruments),
            hub,
            JournalSettings(**journal),
        )

    # --- sections ---

    def _hub(self) -> HubSettings | None:
        values = self._section(("hub",), "hub")
        for key in ("key_file", "ca_file"):
            values[key] = self._path(values[key]) if values[key] else None
        try:
            read_key(values["key_file"])
        except ConfigError as error:
            self._say(("hub", "key_file"), f"[hub] key_file: {error}")
        if values["ca_file"] and not values["ca_file"].is_file():
            self._say(("hub", "ca_file"), f"[hub] ca_file: {values['ca_file']} is not there")
        if not values["url"]:
            return None
        return HubSettings(**values | {"proxy": values["proxy"] or ""})

    def _instruments(self) -> list[InstrumentSettings]:
        sections = self._data.get("instrument", {})
        if not isinstance(sections, dict):
            self._say(("instrument",), "instrument must be sections such as [instrument.inverter]")
            return []
        if not sections:
            self._say((), "no instrument is configured; add a section [instrument.NAME]")
        found: list[InstrumentSettings] = []
        seats = Seats()
        for name in sections:
            instrument = self._instrument(name)
            if instrument is None:
                continue
            serial, unit = instrument.serial_number, _unit_of(instrument)
            if fault := seats.fault(name, instrument.port, instrument.line, unit, serial):
                self._say(("instrument", name, "port"), fault)
            found.append(instrument)
        return found

    def _instrument(self, name: str) -> InstrumentSettings | None:
        path = ("instrument", name)
        if not NAME.match(name):
            self._say(
                path,
                f"instrument name {name!r} must be 1 to 63 lower case letters, digits, _ or - and"
                " start with a letter",
            )
        driver = self._driver(path)
        table: Sequence[Option] = driver.options if isinstance(driver, Tunable) else ()
        options = {option.name: option for option in table}
        values = self._section(path, "instrument", options)
        if driver is None or not values["port"] or not self._right_port(path, values, driver.line):
            return None
        given = {key: values[key] for key in options if values[key] is not None}
        if listened := registry.listened(values["kind"]):
            for key, fault in broker_faults(listened, name, values, given, self._path):
                self._say((*path, key), f"[{'.'.join(path)}] {fault}")
        every_s = float(values["every_s"] or driver.default_every_s)
        if not listened:
            driver = self._paced(path, registry.driver(values["kind"]), given, every_s)
        return InstrumentSettings(
            name,
            values["kind"],
            values["port"],
            every_s,
            self._line(path, driver.line, values),
            values["serial_number"] or "",
            given,
        )

    def _paced(
        self, path: tuple[str, ...], driver: Driver, given: Mapping[str, object], every_s: float
    ) -> Driver:
        """The driver with its options and its interval; says when they do not go together."""
        try:
            ready = configured(driver, given)
        except ConfigError as error:
            for problem in error.problems:
                self._say(path, f"[{'.'.join(path)}] {problem}")
            return driver
        try:
            return paced(ready, every_s)
        except ConfigError as error:
            self._say((*path, "every_s"), f"[{'.'.join(path)}] every_s {error}")
            return ready

    def _driver(self, path: tuple[str, ...]) -> Driver | Listened | None:
        """The driver of an instrument's kind, if its section names one that there is."""
        section = self._data["instrument"][path[-1]]
        kind = section.get("kind") if isinstance(section, dict) else None
        if not isinstance(kind, str):
            return None
        try:
            return registry.listened(kind) or registry.driver(kind)
        except NotFound as error:
            self._say((*path, "kind"), f"[{'.'.join(path)}] kind: {error}")
            return None

    def _right_port(self, path: tuple[str, ...], values: dict[str, Any], line: Line) -> bool:
        """Whether the port is a broker for an instrument that is heard, and none for others."""
        heard, address = isinstance(line, MqttLine), parse_address(values["port"])
        if isinstance(address, UsbPort) and not values["serial_number"]:
            self._say(
                (*path, "port"),
                f"[{'.'.join(path)}] port: {address} may be several adapters; name the unit's"
                " serial_number, by which it is found, or a port of its own",
            )
        if heard == isinstance(address, MqttPort):
            return True
        wanted = (
            'is heard through a broker; write port = "mqtt://HOST"'
            if heard
            else ("is asked over a line of its own, not through a broker")
        )
        self._say((*path, "port"), f"[{'.'.join(path)}] port: {values['kind']} {wanted}")
        return False

    def _line(self, path: tuple[str, ...], line: Line, values: dict[str, Any]) -> Line:
        of_serial = {key: values[key] for key in _LINE_KEYS if values[key] is not None}
        of_broker = [key for key in BROKER_KEYS if values[key] is not None]
        if not isinstance(line, SerialLine):
            self._superfluous(path, of_serial, "serial line")
        if not isinstance(line, MqttLine):
            self._superfluous(path, of_broker, "broker")
        if isinstance(line, SerialLine):
            return replace(line, **of_serial)
        if isinstance(line, MqttLine):
            return broker_line(values, self._path, client_id_of(self._folder, path[-1]))
        return line

    def _superfluous(self, path: tuple[str, ...], keys: Iterable[str], what: str) -> None:
        for key in keys:
            self._say(
                (*path, key),
                f"[{'.'.join(path)}] {key}: an instrument of this kind has no {what}; leave it out",
            )

    def _section(
        self, path: tuple[str, ...], section: str, options: Mapping[str, Option] = _NO_OPTIONS
    ) -> dict[str, Any]:
        """The settings (and options) of one section, defaults filled in; None for what is off."""
        title = ".".join(path)
        table: dict[str, Setting | Option] = {**options, **settings_of(section)}
        given: Any = self._data
        for part in path:
            given = given.get(part, {})
        if not isinstance(given, dict):
            self._say(path, f"{title} must be a section [{title}]")
            given = {}
        for key in given.keys() - table.keys():
            self._say((*path, key), f"[{title}] has no setting {key!r}{_near(key, table)}")
        values: dict[str, Any] = {}
        for key, setting in table.items():
            values[key] = setting.default if isinstance(setting, Setting) else None
            if key not in given:
                if isinstance(setting, Setting) and setting.required:
                    self._say(path, f"[{title}] needs {key}: {setting.meaning}")
            elif fault := setting.fault(given[key]):
                self._say((*path, key), f"[{title}] {key} {fault}")
            else:
                values[key] = given[key]
        return values

    # --- words ---

    def _say(self, path: tuple[str, ...], sentence: str) -> None:
        line = self._lines.of(path)
        self._problems.append((line, f"{self._file}, line {line}: {sentence}"))

    def _path(self, text: str) -> Path:
        return (self._file.absolute().parent / Path(text).expanduser()).resolve()


def _unit_of(one: InstrumentSettings) -> OptionValue | None:
    """The number that tells units on one line apart; None where there is no such number."""
    driver = registry.listened(one.kind) or registry.driver(one.kind)
    table: Sequence[Option] = driver.options if isinstance(driver, Tunable) else ()
    defaults = {option.name: option.default for option in table}
    return one.options.get(UNIT, defaults.get(UNIT))


def _near(word: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(word, known, 1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(known)}"
