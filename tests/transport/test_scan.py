"""Who is behind a port: asked in an order that harms nobody, over real ptys and sockets."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from fieldstation.cli.scan import all_probes
from fieldstation.errors import ConfigError, LinkTimeout
from fieldstation.instruments import registry
from fieldstation.model import Identity, Outgoing, SerialLine, Twin
from fieldstation.protocol.usb_iss_twin import UsbIssTwin
from fieldstation.transport.host import pty_host, tcp_host
from fieldstation.transport.opening import open_link
from fieldstation.transport.play import answers, play
from fieldstation.transport.scan import (
    Finding,
    Place,
    Probe,
    ask_place,
    hurried,
    named_place,
    places,
    suitable,
)

PROBES = all_probes()
NOON_S = 1_779_969_600.0


class Overhearing:
    """`twin` that keeps what it was asked."""

    def __init__(self, twin: Twin | None = None) -> None:
        self.heard: list[bytes] = []
        self._twin = twin

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        if data:
            self.heard.append(data)
        return self._twin.receive(data, utc_s) if self._twin else []


def kinds(probes: list[Probe]) -> list[str]:
    return [probe.kind for probe in probes]


def of_kind(*names: str) -> list[Probe]:
    return [probe for probe in PROBES if probe.kind in names]


def found(finding: Finding) -> tuple[str, Identity]:
    assert finding.probe is not None, finding.note
    assert finding.identity is not None
    return finding.probe.kind, finding.identity


# --- what is asked where ---


def test_slow_lines_are_asked_first() -> None:
    asked = suitable(Place("/dev/ttyUSB0"), PROBES)
    lines = [probe.driver.line for probe in asked]
    speeds = [line.baud for line in lines if isinstance(line, SerialLine)]
    assert speeds == sorted(speeds)
    assert len(speeds) == len(asked)
    assert kinds(asked)[0] == "axpert"
    assert kinds(asked)[-1] == "emus_bms"


def waveform(data: bytes, line: SerialLine) -> list[int]:
    """The levels of a line that sends `data` between two pauses, one for each bit."""
    levels = [1] * 20
    for byte in data:
        levels += [0, *(byte >> bit & 1 for bit in range(8)), *[1] * line.stop_bits]
    return levels + [1] * 20


def misheard(levels: list[int], sent: int, heard: int) -> list[int]:
    """What a receiver at `heard` bits a second makes of a line at `sent`, framing errors aside."""
    found, at_s, end_s = [], 0.0, (len(levels) - 10) / sent
    while at_s < end_s:
        if levels[int(at_s * sent)]:
            at_s += 0.02 / heard
            continue
        bits = [levels[int((at_s + (n + 0.5) / heard) * sent)] for n in range(10)]
        if not bits[0] and bits[9]:
            found.append(sum(bit << n for n, bit in enumerate(bits[1:9])))
        at_s += 9.5 / heard
        while at_s < end_s and not bits[9] and not levels[int(at_s * sent)]:
            at_s += 0.02 / heard
    return found


def first_questions(probe: Probe) -> list[bytes]:
    """What is sent to a line on which nobody answers."""
    driver, asked = probe.driver, list[bytes]()

    def silence(request: bytes) -> bytes:
        asked.append(request)
        return b""

    with pytest.raises(LinkTimeout):
        play(hurried(driver.identify()), silence)
    return asked + ([driver.resync.request] if driver.resync else [])


def test_a_slow_question_holds_no_letter_for_a_fast_listener() -> None:
    levels = waveform(b"QPI#\r", SerialLine(2400))
    assert bytes(misheard(levels, 2400, 2400)) == b"QPI#\r"
    asked = suitable(Place("/dev/ttyS0"), PROBES)
    lines = [(probe, line) for probe in asked if isinstance(line := probe.driver.line, SerialLine)]
    for probe, line in lines:
        for _other, faster in lines:
            if faster.baud <= line.baud:
                continue
            for question in first_questions(probe):
                heard = misheard(waveform(question, line), line.baud, faster.baud)
                assert not any(0x20 <= byte < 0x7F or byte in b"\r\n" for byte in heard)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (Place("hid:0665:5161", usb=(0x0665, 0x5161)), ["axpert"]),
        (Place("hid:04d9:e000", usb=(0x04D9, 0xE000)), ["se521"]),
        (Place("hid:1234:5678", usb=(0x1234, 0x5678)), []),
        (Place("i2c:1"), ["veml7700", "bh1745", "si7020"]),
        (Place("spi:0.0"), ["opc_n3"]),
        (Place("usb-iss:/dev/ttyACM0"), ["veml7700", "bh1745", "si7020", "opc_n3"]),
        (Place("mqtt://localhost"), []),
    ],
)
def test_a_kind_is_asked_only_where_it_can_be(place: Place, expected: list[str]) -> None:
    assert kinds(suitable(place, PROBES)) == expected


def test_modbus_over_tcp_is_asked_on_the_network_only() -> None:
    wires = {str(probe.options.get("wire", "")) for probe in suitable(Place("/dev/ttyS0"), PROBES)}
    assert "tcp" not in wires
    asked = suitable(Place("tcp://10.0.0.5:502"), PROBES)
    assert ("tristar_mppt", "tcp") in {(p.kind, p.options.get("wire")) for p in asked}


def test_a_hurried_conversation_asks_each_question_once() -> None:
    for probe in PROBES:
        conversation = hurried(probe.driver.identify())
        first = next(conversation)
        assert first.attempts == 1, probe.kind
        conversation.close()
    twin = registry.twin("axpert", seed=2, fast=True)
    driver = registry.driver("axpert")
    usual = play(driver.identify(), answers(twin, lambda: NOON_S))
    assert play(hurried(driver.identify()), answers(twin, lambda: NOON_S)) == usual
    with pytest.raises(LinkTimeout):
        play(hurried(driver.identify()), lambda _request: b"")


# --- who answers ---


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["axpert", "emus_bms"])
async def test_a_unit_on_a_serial_line_is_found_among_all_kinds(kind: str) -> None:
    twin = Overhearing(registry.twin(kind, seed=4, fast=True))
    async with pty_host(twin, time.time) as port:
        (finding,) = await ask_place(Place(port), PROBES)
    name, identity = found(finding)
    assert name == kind
    assert identity.serial


async def test_nothing_is_sent_behind_an_answer() -> None:
    twin = Overhearing(registry.twin("emus_bms", seed=4, fast=True))
    probes = of_kind("emus_bms")
    async with pty_host(twin, time.time) as port:
        (finding,) = await ask_place(Place(port), [*probes, *probes])
    assert found(finding)[0] == "emus_bms"
    assert twin.heard[0].startswith(b"\r\nVR1,?,")
    assert sum(b"VR1,?," in request for request in twin.heard) == 1


async def test_a_unit_behind_a_serial_server_is_found() -> None:
    twin = registry.twin("emus_bms", seed=4, fast=True)
    async with tcp_host(twin, time.time) as port:
        (finding,) = await ask_place(Place(str(port)), of_kind("emus_bms"))
    assert found(finding)[0] == "emus_bms"


@pytest.mark.slow
async def test_chips_of_one_adapter_are_all_found_and_spi_is_left_out() -> None:
    adapter = UsbIssTwin(
        i2c={0x10: registry.twin("veml7700", fast=True), 0x40: registry.twin("si7020", fast=True)}
    )
    async with pty_host(adapter, time.time) as port:
        findings = await ask_place(Place(f"usb-iss:{port}"), PROBES)
    assert [found(finding)[0] for finding in findings] == ["veml7700", "si7020"]
    assert found(findings[1])[1].serial


@pytest.mark.slow
async def test_a_particle_counter_behind_an_adapter_is_found() -> None:
    adapter = UsbIssTwin(spi=registry.twin("opc_n3", fast=True))
    async with pty_host(adapter, time.time) as port:
        (finding,) = await ask_place(Place(f"usb-iss:{port}"), PROBES)
    assert found(finding)[0] == "opc_n3"


# --- who does not ---


async def test_a_busy_port_is_one_sentence() -> None:
    twin = Overhearing()
    async with pty_host(twin, time.time) as port:
        owner = await open_link(port, SerialLine())
        (finding,) = await ask_place(Place(port), PROBES)
        await owner.aclose()
    assert "in use by another program" in finding.note
    assert twin.heard == []


async def test_a_port_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    (finding,) = await ask_place(Place(str(tmp_path / "gone")), PROBES)
    assert "is not there" in finding.note


async def test_an_adapter_with_commands_of_its_own_is_left_alone() -> None:
    twin = Overhearing()
    async with pty_host(twin, time.time) as port:
        (finding,) = await ask_place(Place(port, usb=(0x04D8, 0xFFEE)), PROBES)
    assert f"--port usb-iss:{port}" in finding.note
    assert twin.heard == []


@pytest.mark.slow
async def test_a_line_with_nobody_on_it_is_told_in_time() -> None:
    async with pty_host(Overhearing(), time.time) as port:
        (finding,) = await ask_place(Place(port), PROBES)
    assert finding.note == "nothing answered"


async def test_a_unit_that_refuses_is_told_with_what_it_said() -> None:
    twin = registry.twin("emus_bms", "pack8", 1, ("bootloader",), fast=True)
    async with pty_host(twin, time.time) as port:
        (finding,) = await ask_place(Place(port), of_kind("emus_bms"))
    assert "bootloader" in finding.note


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["axpert", "emus_bms", "tristar_mppt"])
async def test_questions_for_others_leave_a_unit_as_it_was(kind: str) -> None:
    others = [probe for probe in PROBES if probe.kind != kind]
    async with pty_host(registry.twin(kind, seed=4, fast=True), time.time) as port:
        (nobody,) = await ask_place(Place(port), others)
        assert nobody.identity is None
        (finding,) = await ask_place(Place(port), of_kind(kind))
    usual = play(
        registry.driver(kind).identify(),
        answers(registry.twin(kind, seed=4, fast=True), time.time),
    )
    assert found(finding)[1].serial == usual.serial


# --- names ---


def plug_hid(sys: Path, node: str, number: str, serial: str, socket: str) -> None:
    device = sys / "class/hidraw" / node / "device"
    device.mkdir(parents=True)
    lines = f"HID_ID=0003:{number}\nHID_NAME=Cypress\nHID_PHYS={socket}/input0\nHID_UNIQ={serial}\n"
    (device / "uevent").write_text(lines)


def plug_serial(root: Path, name: str, socket: str) -> None:
    """An adapter without a number of its own, at a USB socket."""
    usb = root / "devices" / socket
    node = usb / "1.0" / name
    node.mkdir(parents=True)
    for key, value in {"idVendor": "067b", "idProduct": "2303", "serial": ""}.items():
        (usb / key).write_text(value)
    (root / "class/tty" / name).mkdir(parents=True)
    (root / "class/tty" / name / "device").symlink_to(node)
    (root / name).touch()
    for folder, link in (("by-id", "usb-Prolific"), ("by-path", f"pci-{socket}")):
        place = root / "serial" / folder / link
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(root / name)


def test_equal_adapters_are_named_by_their_sockets(tmp_path: Path) -> None:
    plug_serial(tmp_path, "ttyUSB0", "1-1")
    assert [p.port for p in places(PROBES, tmp_path, tmp_path)] == [
        str(tmp_path / "serial/by-id/usb-Prolific")
    ]
    plug_serial(tmp_path, "ttyUSB1", "1-2")
    found_places = places(PROBES, tmp_path, tmp_path)
    assert [p.port for p in found_places] == [
        str(tmp_path / "serial/by-path/pci-1-1"),
        str(tmp_path / "serial/by-path/pci-1-2"),
    ]
    assert {p.usb for p in found_places} == {(0x067B, 0x2303)}
    assert [p.alike for p in found_places] == ["usb:067b:2303"] * 2


def test_usb_devices_are_named_by_number_or_by_socket_when_two_are_alike(tmp_path: Path) -> None:
    known, other = "00000665:00005161", "0000046D:0000C31C"
    plug_hid(tmp_path, "hidraw0", known, "", "usb-1")
    plug_hid(tmp_path, "hidraw1", other, "", "usb-2")
    assert [(p.port, p.device) for p in places(PROBES, tmp_path, tmp_path)] == [
        ("hid:0665:5161", str(tmp_path / "hidraw0"))
    ]
    plug_hid(tmp_path, "hidraw2", known, "", "usb-3")
    assert [(p.port, p.alike) for p in places(PROBES, tmp_path, tmp_path)] == [
        ("hid:0665:5161:usb-1", "hid:0665:5161"),
        ("hid:0665:5161:usb-3", "hid:0665:5161"),
    ]


def test_a_port_that_a_person_names_gets_its_stable_name(tmp_path: Path) -> None:
    (tmp_path / "ttyUSB0").touch()
    link = tmp_path / "inverter"
    link.symlink_to("ttyUSB0")
    stable = Place("/dev/serial/by-id/usb-1", str(tmp_path / "ttyUSB0"), "FT232R", (0x0403, 0x6001))
    assert named_place(str(link), [stable], tmp_path) == stable
    assert named_place("hid:0665:5161", [stable], tmp_path).usb == (0x0665, 0x5161)
    assert named_place("i2c:1", [], tmp_path) == Place("i2c:1")
    with pytest.raises(ConfigError):
        named_place("ttyUSB0", [], tmp_path)
