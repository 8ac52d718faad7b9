"""Which ports there are, the name of each that stays the same over replugging, and where a unit may
be that is known by its own number.

Read from /dev and /sys, or from copies of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fieldstation.transport.address import Address, DevicePath, HidPort, UsbPort

DEV = Path("/dev")
SYS = Path("/sys")


@dataclass(frozen=True, slots=True)
class Usb:
    """A USB device in sysfs; `interface` and `port` tell the ports of one adapter apart."""

    vendor: int
    product: int
    serial: str
    label: str
    interface: str
    port: str


@dataclass(frozen=True, slots=True)
class Port:
    """A serial port. `stable` is the best name to configure: by-id when it means one adapter only,
    else by-path (the socket it is plugged into), else the device itself.
    """

    device: str
    by_id: str
    by_path: str
    usb: Usb | None
    stable: str


@dataclass(frozen=True, slots=True)
class HidDevice:
    """A hidraw node: `node` is its name in /dev at the moment, `socket` where it is plugged in."""

    node: str
    vendor: int
    product: int
    serial: str
    socket: str
    label: str

    @property
    def by_socket(self) -> HidPort:
        """The address that names it by its USB socket."""
        return HidPort(self.vendor, self.product, self.socket)

    def fits(self, port: HidPort) -> bool:
        """True when `port` means this device."""
        same_model = (self.vendor, self.product) == (port.vendor, port.product)
        return same_model and port.which in ("", self.serial, self.socket)


def serial_ports(dev: Path = DEV, sys: Path = SYS) -> list[Port]:
    """All serial ports with hardware behind them, ordered by device name."""
    found = {
        node.name: _usb(node / "device") for node in _entries(sys / "class/tty") if _real(node)
    }
    # Equal adapters without serial numbers of their own share one by-id name, which then means
    # whichever was plugged in last.
    alike = Counter(found.values())
    by_id, by_path = _links(dev / "serial/by-id"), _links(dev / "serial/by-path")
    ports = []
    for name, usb in found.items():
        device, id_name, path_name = str(dev / name), by_id.get(name, ""), by_path.get(name, "")
        unique = usb is None or alike[usb] == 1
        stable = (unique and id_name) or path_name or device
        ports.append(Port(device, id_name, path_name, usb, stable))
    return ports


def stable_name(path: str, dev: Path = DEV, sys: Path = SYS) -> str:
    """The name to configure for the port that is `path` now; `path` itself when it is no known
    port.
    """
    device = Path(path).resolve().name
    names = (port.stable for port in serial_ports(dev, sys) if Path(port.device).name == device)
    return next(names, path)


def whereabouts(address: Address, dev: Path = DEV, sys: Path = SYS) -> list[Address]:
    """Where a unit with a number of its own may be at the moment: each adapter or HID device that
    fits `address`; for an address that means one place only, that.
    """
    match address:
        case UsbPort(vendor, product):
            return [
                DevicePath(port.stable)
                for port in serial_ports(dev, sys)
                if port.usb and (port.usb.vendor, port.usb.product) == (vendor, product)
            ]
        case HidPort():
            return [device.by_socket for device in hid_devices(sys) if device.fits(address)]
        case _:
            return [address]


def hid_devices(sys: Path = SYS) -> list[HidDevice]:
    """All hidraw nodes, ordered by name."""
    devices = []
    for node in _entries(sys / "class/hidraw"):
        facts = dict(
            line.split("=", 1) for line in _text(node / "device/uevent").splitlines() if "=" in line
        )
        # HID_ID is bus:vendor:product, the numbers with leading zeros (hid-core.c of the kernel)
        ids = facts.get("HID_ID", "").split(":")
        if len(ids) == 3:
            socket = facts.get("HID_PHYS", "").partition("/")[0]
            serial, label = facts.get("HID_UNIQ", ""), facts.get("HID_NAME", "")
            vendor, product = int(ids[1], 16), int(ids[2], 16)
            devices.append(HidDevice(node.name, vendor, product, serial, socket, label))
    return devices


def _real(node: Path) -> bool:
    """False for consoles and for UARTs that the board lacks (type 0, PORT_UNKNOWN)."""
    return (node / "device").exists() and _text(node / "type") != "0"


def _usb(device: Path) -> Usb | None:
    interface = port = ""
    for place in _upwards(device.resolve()):
        port = port or _text(place / "port_number")
        interface = interface or _text(place / "bInterfaceNumber")
        if (place / "idVendor").is_file():
            label = f"{_text(place / 'manufacturer')} {_text(place / 'product')}".strip()
            vendor, product = (int(_text(place / name), 16) for name in ("idVendor", "idProduct"))
            return Usb(vendor, product, _text(place / "serial"), label, interface, port)
    return None


def _upwards(place: Path) -> Iterator[Path]:
    yield place
    yield from place.parents


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _links(folder: Path) -> dict[str, str]:
    """Device name -> link that leads to it."""
    return {link.resolve().name: str(link) for link in _entries(folder)}


def _text(path: Path) -> str:
    """A sysfs attribute, empty when it is absent or the device has just gone."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
