"""Who is behind a port: each kind that may be there is asked who it is, until one answers.

1. Only `Driver.identify` is run, which by its contract changes nothing, and each question of it is
   asked once. `test_a_hurried_conversation_asks_each_question_once`
2. Slow lines come first. A byte of a slower line looks to a faster receiver like one run of zeros
   and one of ones, which is no letter of any protocol here; a whole question of a faster line is
   one or two odd bytes to a slower receiver, and no request without its checksum. So an Axpert
   (2400) is asked before Modbus (9600), and both before an Emus (57600), for which a lone `#` at
   the wrong moment has a meaning. `test_slow_lines_are_asked_first`,
   `test_a_slow_question_holds_no_letter_for_a_fast_listener`
3. What answers keeps the port: nothing else is sent there. Only chips with addresses of their own
   share one. `test_nothing_is_sent_behind_an_answer`
4. USB adapters that take bytes as commands of their own (`ADAPTERS`) are not asked, and a HID
   device only by a kind that names its USB number; I2C and SPI buses only when a person names
   them, since another chip may take a question for a write.
   `test_an_adapter_with_commands_of_its_own_is_left_alone`
5. Ports take turns, because the sockets of one instrument may be two of them. One that is busy,
   denied or broken is told and the next one follows. `test_a_busy_port_is_one_sentence`
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from fieldstation.errors import CodecError, InstrumentRefused, LinkError, LinkTimeout
from fieldstation.model import (
    Conversation,
    Driver,
    HidLine,
    I2cLine,
    Identity,
    Line,
    OptionValue,
    SerialLine,
    SpiLine,
)
from fieldstation.transport.address import (
    Address,
    DevicePath,
    HidPort,
    I2cPort,
    SpiPort,
    TcpPort,
    UsbIssPort,
    UsbPort,
    parse_address,
)
from fieldstation.transport.converse import Runner
from fieldstation.transport.locate import DEV, SYS, HidDevice, hid_devices, serial_ports
from fieldstation.transport.opening import open_link
from fieldstation.transport.play import FAILURES, Talk

# A whole identification: an inverter at 2400 baud answers some twenty questions, each in well under
# a second, and lets some of them pass.
WHOLE_S = 60.0
# Silence that shows a line to owe nothing, for kinds without a resync.
SILENCE_S = 0.5

ADAPTERS = {
    (0x04D8, 0xFFEE): "a USB-ISS adapter; scan what is behind it with --port usb-iss:{port}"
}

UsbNumber = tuple[int, int]
"""Vendor and product number of a USB device."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One way to ask for a kind: `driver` with the `options` that differ from its usual ones.
    `usb` are the HID devices that it may be.
    """

    kind: str
    driver: Driver
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    usb: frozenset[UsbNumber] = frozenset()


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere an instrument may be: `port` is the address to configure, `device` its name at the
    moment, `usb` its USB number where it is known. `alike` means any of several equal adapters,
    among which a unit with a number is followed; "" for the only one of its kind.
    """

    port: str
    device: str = ""
    label: str = ""
    usb: UsbNumber | None = None
    alike: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a place told: a `probe` and who answered it, or a `note` why not."""

    place: Place
    probe: Probe | None = None
    identity: Identity | None = None
    note: str = ""


def places(probes: Sequence[Probe], dev: Path = DEV, sys: Path = SYS) -> list[Place]:
    """All serial ports, and the HID devices that a probe knows."""
    found = []
    ports = serial_ports(dev, sys)
    equal = Counter(port.usb for port in ports if port.usb)
    for port in ports:
        usb = port.usb
        number = (usb.vendor, usb.product) if usb else None
        alike = str(UsbPort(*number)) if usb and number and equal[usb] > 1 else ""
        found.append(Place(port.stable, port.device, usb.label if usb else "", number, alike))
    known = frozenset[UsbNumber]().union(*(probe.usb for probe in probes))
    devices = hid_devices(sys)
    for device in devices:
        if (device.vendor, device.product) in known:
            number, name = (device.vendor, device.product), _hid_name(device, devices)
            alike = str(HidPort(*number)) if name == str(device.by_socket) else ""
            found.append(Place(name, str(dev / device.node), device.label, number, alike))
    return found


def named_place(port: str, known: Iterable[Place], sys: Path = SYS) -> Place:
    """The place that a person calls `port`, under its stable name where it has one. Raises
    ConfigError.
    """
    address = parse_address(port)
    if isinstance(address, HidPort):
        return Place(port, usb=(address.vendor, address.product))
    if not isinstance(address, DevicePath):
        return Place(port)
    real = os.path.realpath(port)
    for place in known:
        if place.device and os.path.realpath(place.device) == real:
            return place
    for device in hid_devices(sys):
        if device.node == os.path.basename(real):
            return Place(port, real, device.label, (device.vendor, device.product))
    return Place(port)


def suitable(place: Place, probes: Iterable[Probe]) -> list[Probe]:
    """The probes that make sense at a place, in the order of rule 2."""
    address = parse_address(place.port)
    fitting = [probe for probe in probes if _fits(address, place, probe)]
    return sorted(fitting, key=lambda probe: (_pace(probe.driver.line), probe.kind))


async def ask_place(place: Place, probes: Iterable[Probe]) -> list[Finding]:
    """Who is at a place: one finding, or one for each chip of a bus. Raises nothing that a port or
    an instrument can cause.
    """
    if (adapter := ADAPTERS.get(place.usb or (0, 0))) and place.port.startswith("/"):
        return [Finding(place, note=adapter.format(port=place.port))]
    found: list[Finding] = []
    notes: list[str] = []
    for probe in suitable(place, probes):
        if found and not isinstance(probe.driver.line, I2cLine):
            break
        try:
            who = await _identify(place.port, probe.driver.line, probe.driver)
            found.append(Finding(place, probe, who))
        except (LinkTimeout, TimeoutError):
            continue
        except LinkError as error:
            return [*found, Finding(place, note=str(error))]
        except (CodecError, InstrumentRefused) as error:
            if not _absent(error):
                notes.append(f"{probe.kind}: {error}")
    return found or [Finding(place, note=_nobody(notes))]


def hurried(conversation: Conversation[Identity]) -> Conversation[Identity]:
    """`conversation` with a single attempt at each question."""
    talk = Talk(conversation)
    try:
        while (exchange := talk.exchange) is not None:
            try:
                value = yield replace(exchange, attempts=1)
            except FAILURES as error:
                talk.fail(error)
            else:
                talk.reply(value)
        return talk.result
    finally:
        talk.close()


async def serial_at(place: Address, line: Line, driver: Driver) -> str:
    """The number of the unit at a place; "" where nobody answers `driver`, or no number."""
    try:
        return (await _identify(place, line, driver)).serial
    except (LinkError, CodecError, InstrumentRefused, TimeoutError):
        return ""


async def _identify(port: Address | str, line: Line, driver: Driver) -> Identity:
    link = await open_link(port, line)
    try:
        resync = None if driver.resync is None else replace(driver.resync, attempts=1)
        runner = Runner(link, resync=resync, silence_s=SILENCE_S)
        async with asyncio.timeout(WHOLE_S):
            return await runner.converse(hurried(driver.identify()))
    finally:
        await link.aclose()


def _absent(error: CodecError | InstrumentRefused) -> bool:
    """True for a bus that says by itself that nobody acknowledged."""
    return isinstance(error, CodecError) and error.kind == "absent"


def _nobody(notes: Sequence[str]) -> str:
    if not notes:
        return "nothing answered"
    return f"something is there, but no kind that is known ({'; '.join(notes)})"


def _hid_name(device: HidDevice, devices: Sequence[HidDevice]) -> str:
    """By serial number, else by model where it is the only one, else by socket."""
    plain = HidPort(device.vendor, device.product, device.serial)
    alone = sum(other.fits(plain) for other in devices) == 1
    return str(plain if alone else device.by_socket)


def _fits(address: Address, place: Place, probe: Probe) -> bool:
    line = probe.driver.line
    match address:
        case HidPort():
            return place.usb in probe.usb
        case DevicePath() if place.usb in probe.usb:
            return True
        case DevicePath(path) if os.path.basename(os.path.realpath(path)).startswith("hidraw"):
            return False
        case DevicePath():
            return isinstance(line, SerialLine) and probe.options.get("wire") != "tcp"
        case TcpPort() | UsbPort():
            return isinstance(line, SerialLine)
        case UsbIssPort():
            return isinstance(line, I2cLine | SpiLine)
        case I2cPort():
            return isinstance(line, I2cLine)
        case SpiPort():
            return isinstance(line, SpiLine)
        case _:
            return False


def _pace(line: Line) -> tuple[int, int]:
    """Where a line stands in the order: serial lines by speed, then chips, then SPI."""
    match line:
        case SerialLine(baud):
            return 0, baud
        case HidLine():
            return 1, 0
        case I2cLine(address):
            return 2, address
        case _:
            return 3, 0
