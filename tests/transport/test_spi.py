"""SPI by the kernel's own calls, with a stand-in for the kernel that reads the same structures."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fieldstation.errors import ConfigError, LinkBusy, LinkError, LinkLost, LinkNotFound
from fieldstation.instruments import registry
from fieldstation.model import I2cLine, SerialLine, SpiLine, Twin
from fieldstation.transport import Runner, open_link
from fieldstation.transport.address import SpiPort
from fieldstation.transport.bus import BusLink, open_bus
from fieldstation.transport.spi import open_spi

PORT = SpiPort(0, 0)
LINE = SpiLine(mode=1, hz=500_000, pause_us=20)
WHOLE = SpiLine(mode=0, hz=1_000_000)

# struct spi_ioc_transfer of linux/spi/spidev.h: two pointers, two words, two halves, six bytes.
PIECE = struct.Struct("<QQIIHBBBBBx")


class Kernel:
    """What /dev/spidev does: settings, and messages whose pieces name user memory."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self.answer = answer
        self.settings: dict[int, int] = {}
        self.pieces: list[tuple[int, int, int]] = []  # bytes, pause, release of the select line
        self.fails = 0

    def ioctl(self, descriptor: int, call: int, argument: Any) -> int:
        data = bytes(argument)
        if call >> 30 == 1 and call & 0xFF00 == 0x6B00 and call & 0xFF == 0:
            assert call >> 16 & 0x3FFF == len(data)
            if self.fails:
                raise OSError(self.fails, "stand-in says no")
            for at in range(0, len(data), PIECE.size):
                self._piece(*PIECE.unpack_from(data, at))
        else:
            assert call >> 16 & 0x3FFF == len(data)
            self.settings[call & 0xFF] = int.from_bytes(data, "little")
        return 0

    def _piece(self, out: int, into: int, length: int, hz: int, pause: int, *rest: int) -> None:
        reply = self.answer(ctypes.string_at(out, length))
        ctypes.memmove(into, reply, length)
        self.pieces.append((length, pause, rest[1]))


def _plus_one(data: bytes) -> bytes:
    return bytes((byte + 1) & 0xFF for byte in data)


async def _link(dev: Path, kernel: Kernel, line: SpiLine) -> BusLink:
    (dev / "spidev0.0").touch()
    return BusLink(str(PORT), await open_spi(PORT, line, dev=dev, ioctl=kernel.ioctl))


async def test_reply_of_a_transfer_is_read(tmp_path: Path) -> None:
    link = await _link(tmp_path, Kernel(_plus_one), WHOLE)
    await link.write(b"\x01\x02\x03")
    assert await link.read() == b"\x02\x03\x04"
    await link.aclose()


async def test_bus_is_set_as_the_instrument_wants_it(tmp_path: Path) -> None:
    kernel = Kernel(_plus_one)
    link = await _link(tmp_path, kernel, LINE)
    assert kernel.settings == {1: 1, 3: 8, 4: 500_000}
    await link.aclose()


async def test_bytes_with_a_pause_are_selected_one_by_one(tmp_path: Path) -> None:
    kernel = Kernel(_plus_one)
    link = await _link(tmp_path, kernel, LINE)
    await link.write(bytes(3))
    # On its last piece the flag would keep the line selected.
    assert kernel.pieces == [(1, 20, 1), (1, 20, 1), (1, 20, 0)]
    await link.aclose()


async def test_bytes_without_a_pause_go_in_one_piece(tmp_path: Path) -> None:
    kernel = Kernel(_plus_one)
    link = await _link(tmp_path, kernel, WHOLE)
    await link.write(bytes(3))
    assert kernel.pieces == [(3, 0, 0)]
    await link.aclose()


async def test_long_transfer_is_cut_to_what_a_call_can_hold(tmp_path: Path) -> None:
    kernel = Kernel(_plus_one)
    link = await _link(tmp_path, kernel, LINE)
    await link.write(bytes(600))
    assert await link.read() == b"\x01" * 600
    assert len(kernel.pieces) == 600
    await link.aclose()


async def test_cancelled_transfer_is_finished_and_drained(tmp_path: Path) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def slow(data: bytes) -> bytes:
        entered.set()
        go_on.wait(10)
        return data

    link = await _link(tmp_path, Kernel(slow), WHOLE)
    task = asyncio.create_task(link.write(b"old"))
    await asyncio.to_thread(entered.wait, 10)
    task.cancel()
    drained = asyncio.create_task(link.drain())
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not drained.done()
    go_on.set()
    assert await drained == b"old"
    await link.write(b"new")
    assert await link.read() == b"new"
    await link.aclose()


async def test_broken_bus_breaks_the_link(tmp_path: Path) -> None:
    kernel = Kernel(_plus_one)
    link = await _link(tmp_path, kernel, WHOLE)
    kernel.fails = errno.ESHUTDOWN
    with pytest.raises(LinkLost, match=r"spi:0\.0 is gone"):
        await link.write(b"\x01")
    with pytest.raises(LinkLost):
        await link.read()
    await link.aclose()


async def test_second_owner_of_a_select_line_is_refused(tmp_path: Path) -> None:
    first = await _link(tmp_path, Kernel(_plus_one), WHOLE)
    with pytest.raises(LinkBusy, match="in use"):
        await _link(tmp_path, Kernel(_plus_one), WHOLE)
    await first.aclose()
    await (await _link(tmp_path, Kernel(_plus_one), WHOLE)).aclose()


async def test_bus_that_is_switched_off_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LinkNotFound, match=r"spidev0\.0 is not there; .*dtparam=spi=on"):
        await open_spi(PORT, LINE, dev=tmp_path)


async def test_file_that_is_no_bus_is_refused_by_the_real_kernel(tmp_path: Path) -> None:
    (tmp_path / "spidev0.0").touch()
    with pytest.raises(LinkError, match="cannot be opened"):
        await open_spi(PORT, LINE, dev=tmp_path)


@pytest.mark.parametrize(
    ("port", "line", "word"),
    [("spi:0.0", SerialLine(), "a serial line"), ("i2c:1", LINE, "an SPI bus"),
     ("spi:0.0", I2cLine(0x40), "an I2C bus")],
)  # fmt: skip
async def test_port_of_another_bus_is_one_sentence(port: str, line: Any, word: str) -> None:
    with pytest.raises(ConfigError, match=f"none for this instrument, which has {word}"):
        await open_link(port, line)
    with pytest.raises(ConfigError):
        await open_bus(PORT, SerialLine())


@pytest.mark.slow
async def test_particle_counter_is_read_through_the_kernel_calls(tmp_path: Path) -> None:
    twin: Twin = registry.twin("opc_n3")
    for command in (b"\x03\x03\x03", b"\x03\x03\x07", b"\x30" * 88):  # at work already
        twin.receive(command, time.time())
    kernel = Kernel(lambda data: twin.receive(data, time.time())[0].data)
    link, driver = await _link(tmp_path, kernel, LINE), registry.driver("opc_n3")
    runner = Runner(link, silence_s=0.0)
    async with asyncio.timeout(20):
        identity = await runner.converse(driver.identify())
        histogram, power = driver.plan(identity)
        values = await runner.converse(histogram.converse())
        states = await runner.converse(power.converse())
    assert identity.serial == "177700019"
    assert values["total_concentration"]
    assert (states["fan_on"], states["laser_on"]) == (True, True)
    await link.aclose()
