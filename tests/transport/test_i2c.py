"""I2C transactions as bytes, and the kernel's own calls with a stand-in that reads the same
structures.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import struct
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import CodecError, LinkLost, LinkNotFound
from fieldstation.instruments import registry
from fieldstation.model import I2cLine
from fieldstation.protocol import i2c
from fieldstation.transport import Runner, play
from fieldstation.transport.address import I2cPort
from fieldstation.transport.bus import BusLink
from fieldstation.transport.i2c import open_i2c

PORT = I2cPort(1)

# struct i2c_msg of linux/i2c.h and struct i2c_rdwr_ioctl_data of linux/i2c-dev.h.
MESSAGE = struct.Struct("@HHHP")
CALL = struct.Struct("@PI")


class Kernel:
    """What /dev/i2c-1 does with chips at its addresses: `chips` take (write, read)."""

    def __init__(self, chips: dict[int, i2c.Chip]) -> None:
        self.chips = chips
        self.now_s = 1_779_969_600.0  # noon, so that light is measured at short ranges
        self.seen: list[tuple[int, bytes, int]] = []
        self.fails = 0

    def ioctl(self, descriptor: int, call: int, argument: Any) -> int:
        assert call == 0x0707
        if self.fails:
            raise OSError(self.fails, "stand-in says no")
        messages, count = CALL.unpack_from(bytes(argument))
        write, into, read, address = b"", 0, 0, -1
        for at in range(count):
            address, flags, length, buffer = MESSAGE.unpack(
                ctypes.string_at(messages + at * MESSAGE.size, MESSAGE.size)
            )
            if flags & 1:
                into, read = buffer, length
            else:
                write = ctypes.string_at(buffer, length)
        self.seen.append((address, write, read))
        chip = self.chips.get(address)
        data = chip.transact(write, read, self.now_s) if chip else None
        if data is None:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        ctypes.memmove(into, data, read)
        return int(count)


class Memory:
    """A chip that writes and reads from a register on."""

    def __init__(self) -> None:
        self.data = bytearray(range(16))

    def transact(self, write: bytes, read: int, utc_s: float) -> bytes | None:
        start = write[0] if write else 0
        for at, value in enumerate(write[1:], start):
            self.data[at] = value
        return bytes(self.data[start : start + read])


async def _link(dev: Path, kernel: Kernel, port: I2cPort = PORT) -> BusLink:
    (dev / "i2c-1").touch()
    device = await open_i2c(port, I2cLine(0x40), dev=dev, ioctl=kernel.ioctl)
    return BusLink(str(port), device)


@given(st.data())
def test_requests_are_cut_out_of_any_split(data: st.DataObject) -> None:
    wanted = data.draw(
        st.lists(st.tuples(st.binary(max_size=i2c.MOST_BYTES), st.integers(0, i2c.MOST_BYTES)))
    )
    stream = b"".join(i2c.encode_request(*part) for part in wanted)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    requests = i2c.Requests()
    edges = zip([0, *cuts], [*cuts, len(stream)], strict=True)
    found = [part for a, b in edges for part in requests.feed(stream[a:b])]
    assert found == [i2c.Transaction(*part) for part in wanted]


@given(st.binary(max_size=8))
def test_reply_carries_status_then_bytes(data: bytes) -> None:
    reply = i2c.encode_reply(i2c.Status.OK, data)
    assert i2c.reply_end(len(data))(reply) == len(reply)
    assert i2c.decode_reply(reply) == data
    assert i2c.reply_end(len(data))(i2c.encode_reply(i2c.Status.ABSENT)) == 1
    assert i2c.decode_reply(i2c.encode_reply(i2c.Status.ABSENT)) is None


@pytest.mark.parametrize("reply", [b"\x02", b"\x07", b""])
def test_reply_that_is_none_is_a_codec_error(reply: bytes) -> None:
    with pytest.raises(CodecError):
        i2c.decode_reply(reply)


def test_transaction_that_fits_no_carrier_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 32 bytes"):
        i2c.encode_request(bytes(33))


def test_chip_that_is_absent_is_told_in_one_sentence() -> None:
    asked: list[bytes] = []

    def nobody(request: bytes) -> bytes:
        asked.append(request)
        return i2c.encode_reply(i2c.Status.ABSENT)

    with pytest.raises(CodecError, match="did not acknowledge its name in 3 tries") as caught:
        play(i2c.transact(b"\x01", 2, name="its name"), nobody)
    assert caught.value.kind == "absent"
    assert asked == [i2c.encode_request(b"\x01", 2)] * 3


async def test_write_then_read_is_one_transaction(tmp_path: Path) -> None:
    kernel = Kernel({0x40: Memory()})
    link = await _link(tmp_path, kernel)
    runner = Runner(link, silence_s=0.0)
    assert await runner.converse(i2c.transact(b"\x03", 2)) == b"\x03\x04"
    assert await runner.converse(i2c.transact(b"\x03\xaa")) == b""
    assert await runner.converse(i2c.transact(b"", 4)) == b"\x00\x01\x02\xaa"
    assert kernel.seen == [(0x40, b"\x03", 2), (0x40, b"\x03\xaa", 0), (0x40, b"", 4)]
    await link.aclose()


async def test_address_of_the_port_wins(tmp_path: Path) -> None:
    kernel = Kernel({0x41: Memory()})
    link = await _link(tmp_path, kernel, I2cPort(1, 0x41))
    assert await Runner(link, silence_s=0.0).converse(i2c.transact(b"\x01", 1)) == b"\x01"
    await link.aclose()


async def test_chip_without_acknowledge_leaves_the_bus_open(tmp_path: Path) -> None:
    kernel = Kernel({})
    link = await _link(tmp_path, kernel)
    runner = Runner(link, silence_s=0.0)
    with pytest.raises(CodecError, match="did not acknowledge"):
        await runner.converse(i2c.transact(b"\x01", 1, again_s=0.0))
    kernel.chips[0x40] = Memory()
    assert await runner.converse(i2c.transact(b"\x01", 1)) == b"\x01"
    await link.aclose()


async def test_stuck_bus_is_told_as_such(tmp_path: Path) -> None:
    kernel = Kernel({0x40: Memory()})
    link = await _link(tmp_path, kernel)
    kernel.fails = errno.ETIMEDOUT
    await link.write(i2c.encode_request(b"\x01", 1))
    with pytest.raises(CodecError, match="bus is stuck"):
        i2c.decode_reply(await link.read())
    await link.aclose()


async def test_bus_that_went_away_breaks_the_link(tmp_path: Path) -> None:
    kernel = Kernel({0x40: Memory()})
    link = await _link(tmp_path, kernel)
    kernel.fails = errno.ENODEV
    with pytest.raises(LinkLost, match="i2c:1 is gone"):
        await link.write(i2c.encode_request(b"\x01", 1))
    await link.aclose()


async def test_bus_that_is_switched_off_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LinkNotFound, match=r"i2c-1 is not there; .*dtparam=i2c_arm=on"):
        await open_i2c(PORT, I2cLine(0x40), dev=tmp_path)


async def test_three_chips_are_read_on_one_bus_through_the_kernel_calls(tmp_path: Path) -> None:
    kinds = {0x40: "si7020", 0x10: "veml7700", 0x38: "bh1745"}
    twins = {at: cast(i2c.ChipTwin, registry.twin(kind, fast=True)) for at, kind in kinds.items()}
    kernel = Kernel({address: twin.chip for address, twin in twins.items()})

    async def visited(address: int, kind: str) -> None:
        link, driver = await _link(tmp_path, kernel, I2cPort(1, address)), registry.driver(kind)
        runner = Runner(link, silence_s=0.0)
        [poll] = driver.plan(await runner.converse(driver.identify()))
        values = await runner.converse(poll.converse())
        assert set(values) == set(poll.layout.names)
        assert values[poll.layout.names[0]] is not None
        await link.aclose()

    async with asyncio.timeout(20):
        await asyncio.gather(*(visited(*chip) for chip in kinds.items()))
    assert {address for address, _, _ in kernel.seen} == set(kinds)
