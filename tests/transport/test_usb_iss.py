"""The USB-ISS adapter: its frames, its twin, and the links behind it, on a real pty."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import CodecError, ConfigError, LinkBusy, LinkLost, LinkNotFound
from fieldstation.instruments import registry
from fieldstation.instruments.faults import FaultPlan
from fieldstation.model import I2cLine, Outgoing, SpiLine
from fieldstation.protocol import i2c
from fieldstation.protocol import usb_iss as iss
from fieldstation.protocol.usb_iss_twin import GAP_S, UsbIssTwin
from fieldstation.transport import Runner, open_link, parse_address, usb_iss
from fieldstation.transport.address import I2cPort, SpiPort, UsbIssPort
from fieldstation.transport.host import pty_host

NOON_S = 1_779_969_600.0
START_S = time.monotonic()

ONE_BY_ONE = SpiLine(mode=1, hz=500_000, pause_us=20)
WHOLE = SpiLine(mode=1, hz=500_000)


class Inverter:
    """An SPI instrument that answers each byte with its complement; keeps how they came."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        self.pieces.append(data)
        return [Outgoing(bytes(byte ^ 0xFF for byte in data))]


class Memory:
    """A chip that reads from a register on, and keeps what was written."""

    def __init__(self, first: int = 0) -> None:
        self.data = bytearray(range(first, first + 64))

    def transact(self, write: bytes, read: int, utc_s: float) -> bytes | None:
        start = write[0] if write else 0
        for at, value in enumerate(write[1:], start):
            self.data[at] = value
        return bytes(self.data[start : start + read])


def _wall() -> float:
    return NOON_S + time.monotonic() - START_S


def _answer(twin: UsbIssTwin, data: bytes, utc_s: float = 0.0) -> bytes:
    return b"".join(piece.data for piece in twin.receive(data, utc_s))


# --- addresses ---


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("spi:0.1", SpiPort(0, 1)),
        ("i2c:1", I2cPort(1)),
        ("i2c:1:0x39", I2cPort(1, 0x39)),
        ("usb-iss:/dev/ttyACM0", UsbIssPort("/dev/ttyACM0")),
        ("usb-iss:/dev/ttyACM0?i2c=0x10", UsbIssPort("/dev/ttyACM0", 0x10)),
    ],
)
def test_address_of_a_bus_is_read_and_written_alike(text: str, address: object) -> None:
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("spi:0", "must look like spi:0.0"),
        ("i2c:1:39", "must look like"),
        ("i2c:1:0x80", "addresses from 0x08 to 0x77"),
        ("usb-iss:ttyACM0", "must look like"),
        ("usb-iss:/dev/ttyACM0?spi", "must look like"),
        ("usb-iss:/dev/", "must look like"),
    ],
)
def test_wrong_address_of_a_bus_is_one_sentence(text: str, advice: str) -> None:
    with pytest.raises(ConfigError, match=advice) as caught:
        parse_address(text)
    assert repr(text) in str(caught.value)


# --- frames ---


def test_trace_of_a_counters_start_is_byte_exact() -> None:
    assert bytes.fromhex("5a01") == iss.VERSION
    assert iss.encode_spi_mode(1, 500_000) == bytes.fromhex("5a02920b")
    assert iss.encode_spi(b"\x30") == bytes.fromhex("6130")


def test_transaction_is_a_sequence_of_starts_writes_and_reads() -> None:
    assert iss.encode_i2c(0x40, b"\xf5", 0).hex() == "57013180f503"
    assert iss.encode_i2c(0x40, b"", 1).hex() == "570130810420" + "03"
    assert iss.encode_i2c(0x40, b"\xe0", 3).hex() == "5701" + "3180e0" + "0230812104" + "2003"


@pytest.mark.parametrize("hz", [0, 400_001, 6_000_000, 23_000, 7_000_000])
def test_clock_that_the_adapter_cannot_make_is_refused(hz: int) -> None:
    with pytest.raises(ValueError, match=f"no SPI clock of {hz} Hz"):
        iss.encode_spi_mode(1, hz)


@given(st.binary(min_size=1, max_size=62))
def test_reply_ends_where_its_command_says(data: bytes) -> None:
    reply = bytes((iss.ACK,)) + data
    end = iss.spi_end(len(data))
    assert [end(reply[:length]) for length in range(1, len(reply))] == [None] * (len(reply) - 1)
    assert end(reply + b"\xff") == len(reply)


def test_data_that_looks_like_a_refusal_stays_data() -> None:
    assert iss.decode_spi(b"\xff\x00\xff\x05") == b"\x00\xff\x05"
    assert iss.decode_i2c(b"\xff\x02\x00\x01") == b"\x00\x01"


def test_refusal_without_a_reason_is_a_refusal() -> None:
    assert iss.spi_end(5)(b"\x00") == 1
    assert iss.decode_spi(b"\x00") == iss.Refusal(0)
    assert iss.decode_spi(b"\x00\x05") == iss.Refusal(5)
    assert iss.Refusal(5).word == "unknown_command"


@given(st.binary(max_size=8))
def test_any_bytes_are_a_reply_or_a_codec_error(data: bytes) -> None:
    for decode in (iss.decode_version, iss.decode_mode, iss.decode_spi, iss.decode_i2c):
        try:
            decode(data)
        except CodecError:
            continue


# --- the twin ---


@given(st.binary(max_size=i2c.MOST_BYTES), st.integers(0, i2c.MOST_BYTES), st.data())
def test_every_transaction_passes_the_adapter_as_it_was(
    write: bytes, read: int, data: st.DataObject
) -> None:
    seen: list[i2c.Transaction] = []

    class Chip:
        def transact(self, write: bytes, read: int, utc_s: float) -> bytes | None:
            seen.append(i2c.Transaction(write, read))
            return bytes(range(read))

    twin = UsbIssTwin(i2c={0x40: i2c.ChipTwin(Chip())})
    frame = iss.encode_i2c(0x40, write, read)
    cut = data.draw(st.integers(0, len(frame)))
    reply = _answer(twin, frame[:cut]) + _answer(twin, frame[cut:])
    assert seen == [i2c.Transaction(write, read)]
    assert iss.decode_i2c(reply) == bytes(range(read))


def test_address_without_a_chip_is_not_acknowledged() -> None:
    twin = UsbIssTwin(i2c={0x40: i2c.ChipTwin(Memory())})
    assert iss.decode_i2c(_answer(twin, iss.encode_i2c(0x41, b"\0", 1))) == iss.Refusal(iss.NO_CHIP)


def test_spi_before_the_mode_is_refused() -> None:
    twin = UsbIssTwin(Inverter())
    assert iss.decode_spi(_answer(twin, iss.encode_spi(b"\x30"))) == iss.Refusal(5)
    assert iss.decode_mode(_answer(twin, iss.encode_spi_mode(1, 500_000))) is None
    assert iss.decode_spi(_answer(twin, iss.encode_spi(b"\x30"))) == b"\xcf"


def test_half_a_command_is_forgotten() -> None:
    twin = UsbIssTwin(Inverter())
    assert _answer(twin, b"\x5a\x02\x92", 10.0) == b""
    assert _answer(twin, iss.VERSION, 10.0 + 2 * GAP_S) == b"\x07\x08\x40"


@given(st.lists(st.binary(max_size=20), max_size=6))
def test_adapter_twin_survives_any_bytes(pieces: list[bytes]) -> None:
    twin = UsbIssTwin(Inverter(), {0x40: i2c.ChipTwin(Memory())})
    for piece in pieces:
        twin.receive(piece, 0.0)


# --- links ---


async def test_bytes_with_a_pause_take_a_frame_each() -> None:
    far = Inverter()
    async with pty_host(UsbIssTwin(far), _wall) as path:
        link = await open_link(f"usb-iss:{path}", ONE_BY_ONE)
        await link.write(b"\x01\x02\x03")
        assert await link.read() == b"\xfe\xfd\xfc"
        assert far.pieces == [b"\x01", b"\x02", b"\x03"]
        await link.aclose()


async def test_long_transfer_is_cut_to_the_adapters_frames() -> None:
    far = Inverter()
    async with pty_host(UsbIssTwin(far), _wall) as path:
        link = await open_link(f"usb-iss:{path}", WHOLE)
        await link.write(bytes(100))
        assert await link.read() == b"\xff" * 100
        assert [len(piece) for piece in far.pieces] == [62, 38]
        await link.aclose()


async def test_chips_of_one_adapter_share_it() -> None:
    chips = {0x40: Memory(0), 0x10: Memory(100)}
    twin = UsbIssTwin(i2c={at: i2c.ChipTwin(chip) for at, chip in chips.items()})
    async with pty_host(twin, _wall) as path:
        links = [
            await open_link(f"usb-iss:{path}", I2cLine(0x40)),
            await open_link(f"usb-iss:{path}?i2c=0x10", I2cLine(0x77)),
        ]
        runners = [Runner(link, silence_s=0.0) for link in links]
        for _ in range(5):
            talks = (runner.converse(i2c.transact(b"\x01", 2)) for runner in runners)
            assert await asyncio.gather(*talks) == [b"\x01\x02", b"\x65\x66"]
        await links[0].aclose()
        assert await runners[1].converse(i2c.transact(b"\x02", 1)) == b"\x66"
        await links[1].aclose()


async def test_adapter_in_spi_mode_has_one_owner() -> None:
    async with pty_host(UsbIssTwin(Inverter()), _wall) as path:
        link = await open_link(f"usb-iss:{path}", ONE_BY_ONE)
        for line in (ONE_BY_ONE, I2cLine(0x40)):
            with pytest.raises(LinkBusy, match="serves another instrument"):
                await open_link(f"usb-iss:{path}", line)
        await link.aclose()
        await (await open_link(f"usb-iss:{path}", I2cLine(0x40))).aclose()


async def test_adapter_that_forgot_its_mode_is_set_again() -> None:
    twin = UsbIssTwin(Inverter())
    async with pty_host(twin, _wall) as path:
        link = await open_link(f"usb-iss:{path}", ONE_BY_ONE)
        twin.mode = iss.I2C_MODE
        await link.write(b"\x01")
        assert await link.read() == b"\xfe"
        await link.aclose()


async def test_adapter_that_keeps_refusing_breaks_the_link() -> None:
    plan = FaultPlan(["adapter_nack"])
    async with pty_host(UsbIssTwin(Inverter(), strikes=plan.strikes), _wall) as path:
        with pytest.raises(LinkLost, match="refused its mode"):
            await open_link(f"usb-iss:{path}", ONE_BY_ONE)


async def test_silent_adapter_breaks_the_link_and_opens_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = FaultPlan()
    twin = UsbIssTwin(i2c={0x40: i2c.ChipTwin(Memory())}, strikes=lambda name: plan.strikes(name))
    async with pty_host(twin, _wall) as path:
        links = [await open_link(f"usb-iss:{path}", I2cLine(0x40)) for _ in range(2)]
        plan = FaultPlan(["adapter_short*1"])
        monkeypatch.setattr(usb_iss, "REPLY_S", 0.1)
        request = i2c.encode_request(b"\x01", 2)
        with pytest.raises(LinkLost, match="did not answer"):
            await links[0].write(request)
        await links[0].aclose()
        # The first to notice closes only its own part; the port comes free when the last has left.
        with pytest.raises(LinkLost, match="did not answer"):
            await links[1].write(request)
        await links[1].aclose()
        monkeypatch.undo()
        again = await open_link(f"usb-iss:{path}", I2cLine(0x40))
        await again.write(request)
        assert await again.read() == b"\x00\x01\x02"
        await again.aclose()


async def test_something_else_at_the_port_is_told_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(usb_iss, "REPLY_S", 0.1)
    async with pty_host(Inverter(), _wall) as path:
        with pytest.raises(LinkLost, match="USB-ISS adapter"):
            await open_link(f"usb-iss:{path}", ONE_BY_ONE)
        # The failed attempt left the port free.
        with pytest.raises(LinkLost, match="USB-ISS adapter"):
            await open_link(f"usb-iss:{path}", ONE_BY_ONE)


async def test_absent_adapter_and_impossible_clock_are_one_sentence() -> None:
    with pytest.raises(LinkNotFound, match="is not there"):
        await open_link("usb-iss:/dev/no-such-adapter", ONE_BY_ONE)
    with pytest.raises(ConfigError, match="no SPI clock of 450000 Hz"):
        await open_link("usb-iss:/dev/no-such-adapter", SpiLine(hz=450_000))


@pytest.mark.parametrize("kind", ["si7020", "veml7700", "bh1745"])
async def test_chip_is_identified_and_read_behind_the_adapter(kind: str) -> None:
    driver = registry.driver(kind)
    assert isinstance(driver.line, I2cLine)
    twin = UsbIssTwin(i2c={driver.line.address: registry.twin(kind)})
    async with pty_host(twin, _wall) as path:
        link = await open_link(f"usb-iss:{path}", driver.line)
        runner = Runner(link, silence_s=0.0)
        plan = driver.plan(await runner.converse(driver.identify()))
        values = await runner.converse(plan[0].converse())
        assert set(values) == set(plan[0].layout.names)
        await link.aclose()
