"""Stable names, from a copy of /dev and /sys."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldstation.errors import LinkError, LinkNotFound
from fieldstation.model import SerialLine
from fieldstation.transport import opening
from fieldstation.transport.address import DevicePath, HidPort, LoopPort, UsbPort
from fieldstation.transport.locate import hid_devices, serial_ports, stable_name, whereabouts


class Machine:
    """Folders that look like /dev and /sys to `locate`."""

    def __init__(self, root: Path) -> None:
        self.dev, self.sys = root / "dev", root / "sys"
        (self.dev / "serial/by-id").mkdir(parents=True)
        (self.dev / "serial/by-path").mkdir()

    def plug(
        self, name: str, socket: str, serial: str, *, interface: str = "00", port: str = "0"
    ) -> None:
        usb = self.sys / "devices/pci0000:00/usb1" / socket
        place = usb / f"{socket}:1.{int(interface)}" / name
        place.mkdir(parents=True)
        facts = {"idVendor": "0403", "idProduct": "6001", "product": "FT232R", "serial": serial}
        for key, value in facts.items():
            (usb / key).write_text(value + "\n")
        (place.parent / "bInterfaceNumber").write_text(interface + "\n")
        (place / "port_number").write_text(port + "\n")
        node = self.sys / "class/tty" / name
        node.mkdir(parents=True)
        (node / "device").symlink_to(place)
        (self.dev / name).touch()
        self.link("by-id", f"usb-FTDI_{serial or 'FT232R'}-if{interface}-port{port}", name)
        self.link("by-path", f"pci-usb-{socket}:1.{int(interface)}-port{port}", name)

    def link(self, kind: str, name: str, device: str) -> None:
        place = self.dev / "serial" / kind / name
        place.unlink(missing_ok=True)
        place.symlink_to(f"../../{device}")

    def stable(self) -> dict[str, str]:
        ports = serial_ports(self.dev, self.sys)
        return {
            Path(port.device).name: str(Path(port.stable).relative_to(self.dev)) for port in ports
        }


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_adapter_with_a_serial_number_is_named_by_id(machine: Machine) -> None:
    machine.plug("ttyUSB0", "1-2", "A1")
    (port,) = serial_ports(machine.dev, machine.sys)
    assert port.stable == port.by_id == str(machine.dev / "serial/by-id/usb-FTDI_A1-if00-port0")
    assert port.usb is not None
    assert (port.usb.vendor, port.usb.product, port.usb.serial) == (0x0403, 0x6001, "A1")
    assert port.usb.label == "FT232R"


def test_equal_adapters_are_named_by_their_sockets(machine: Machine) -> None:
    machine.plug("ttyUSB0", "1-2", "")
    machine.plug("ttyUSB1", "1-3", "")
    assert machine.stable() == {
        "ttyUSB0": "serial/by-path/pci-usb-1-2:1.0-port0",
        "ttyUSB1": "serial/by-path/pci-usb-1-3:1.0-port0",
    }


def test_ports_of_one_adapter_are_told_apart_by_id(machine: Machine) -> None:
    machine.plug("ttyUSB0", "1-2", "A1", interface="00")
    machine.plug("ttyUSB1", "1-2", "A1", interface="01")
    assert machine.stable() == {
        "ttyUSB0": "serial/by-id/usb-FTDI_A1-if00-port0",
        "ttyUSB1": "serial/by-id/usb-FTDI_A1-if01-port0",
    }


def test_uart_of_the_board_is_named_by_its_device_and_absent_ones_are_left_out(
    machine: Machine,
) -> None:
    for name, kind in (("ttyS0", "4"), ("ttyS1", "0")):
        node = machine.sys / "class/tty" / name
        (node / "device").mkdir(parents=True)
        (node / "type").write_text(kind + "\n")
    (machine.sys / "class/tty/tty1").mkdir()
    assert machine.stable() == {"ttyS0": "ttyS0"}


def test_stable_name_of_a_device_and_of_a_link_to_it(machine: Machine) -> None:
    machine.plug("ttyUSB0", "1-2", "A1")
    by_id = str(machine.dev / "serial/by-id/usb-FTDI_A1-if00-port0")
    by_path = str(machine.dev / "serial/by-path/pci-usb-1-2:1.0-port0")
    for name in (str(machine.dev / "ttyUSB0"), by_id, by_path):
        assert stable_name(name, machine.dev, machine.sys) == by_id
    assert stable_name("/dev/ttyUSB9", machine.dev, machine.sys) == "/dev/ttyUSB9"


def test_a_unit_may_be_behind_any_adapter_that_its_address_fits(machine: Machine) -> None:
    machine.plug("ttyUSB0", "1-2", "")
    machine.plug("ttyUSB1", "1-3", "")
    machine.plug("ttyUSB2", "1-4", "A1")
    names = ("by-path/pci-usb-1-2:1.0-port0", "by-path/pci-usb-1-3:1.0-port0",
             "by-id/usb-FTDI_A1-if00-port0")  # fmt: skip
    found = whereabouts(UsbPort(0x0403, 0x6001), machine.dev, machine.sys)
    assert found == [DevicePath(str(machine.dev / "serial" / name)) for name in names]
    assert whereabouts(UsbPort(0x0403, 0x6015), machine.dev, machine.sys) == []


def test_a_unit_may_be_any_hid_device_that_its_address_fits(machine: Machine) -> None:
    for node, socket in (("hidraw0", "usb-1"), ("hidraw1", "usb-2")):
        device = machine.sys / "class/hidraw" / node / "device"
        device.mkdir(parents=True)
        facts = f"HID_ID=0003:00000665:00005161\nHID_PHYS={socket}/input0\nHID_UNIQ=\n"
        (device / "uevent").write_text(facts)
    inverters = HidPort(0x0665, 0x5161)
    both = [HidPort(0x0665, 0x5161, "usb-1"), HidPort(0x0665, 0x5161, "usb-2")]
    assert whereabouts(inverters, machine.dev, machine.sys) == both
    assert whereabouts(both[1], machine.dev, machine.sys) == both[1:]
    assert whereabouts(LoopPort(), machine.dev, machine.sys) == [LoopPort()]


async def test_an_address_of_several_adapters_alone_opens_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(LinkNotFound, match="usb:dead:beef: no such USB adapter"):
        await opening.open_link("usb:dead:beef", SerialLine())
    two = [DevicePath("/dev/a"), DevicePath("/dev/b")]
    monkeypatch.setattr(opening, "whereabouts", lambda _port: two)
    with pytest.raises(LinkError, match=r"fits 2 adapters.*serial_number.*/dev/a or /dev/b"):
        await opening.open_link("usb:dead:beef", SerialLine())
    monkeypatch.setattr(opening, "whereabouts", lambda _port: two[:1])
    with pytest.raises(LinkNotFound, match="/dev/a"):
        await opening.open_link("usb:dead:beef", SerialLine())


def test_machine_without_any_port_has_an_empty_list(tmp_path: Path) -> None:
    assert serial_ports(tmp_path, tmp_path) == []
    assert hid_devices(tmp_path) == []


def test_ports_of_this_machine_can_be_listed() -> None:
    assert all(port.device.startswith("/dev/") for port in serial_ports())
