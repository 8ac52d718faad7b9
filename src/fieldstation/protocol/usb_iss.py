"""The frames of a Devantech USB-ISS adapter: USB to SPI or I2C behind a serial port. Pure.

1. The adapter frames nothing: it takes a command in one piece and gives a reply whose length
   follows from the command. `test_reply_ends_where_its_command_says`
2. Only the first byte of a reply is the adapter's own word; bytes behind it may be anything.
   `test_data_that_looks_like_a_refusal_stays_data`
3. A refusal is 00 and a reason. The reason may be missing, so a refusal ends at its 00; whoever
   asks next throws the rest away. `test_refusal_without_a_reason_is_a_refusal`

Numbers are those of the USB-ISS documentation of Devantech (general, SPI and I2C parts).
"""

from __future__ import annotations

from dataclasses import dataclass

from fieldstation.errors import CodecError
from fieldstation.model.talk import FrameEnd

MODULE = 7
ACK = 0xFF

SETUP, SPI, I2C_DIRECT = 0x5A, 0x61, 0x57
VERSION = bytes((SETUP, 1))
SET_MODE = 2
SERIAL = bytes((SETUP, 3))

# The adapter's own numbering: modes 1 and 2 of the standard are exchanged.
SPI_MODES = {0: 0x90, 1: 0x92, 2: 0x91, 3: 0x93}
SPI_BASE_HZ = 6_000_000
# The whole frame may have 63 bytes.
MOST_SPI_BYTES = 62

# 100 kHz, made by software: what the adapter powers up in, and it waits for slow chips.
I2C_MODE = 0x40
# The two pins that I2C leaves free stay inputs.
I2C_PINS = 0x04
START, RESTART, STOP, LAST_READ = 1, 2, 3, 4
READ, WRITE = 0x20, 0x30
MOST_I2C_RUN = 16
MOST_I2C_FRAME = 60

NO_CHIP = 1
REASONS = {
    NO_CHIP: "no_acknowledge",
    2: "frame_too_long",
    3: "write_data_missing",
    4: "unknown_sequence",
    5: "unknown_command",
    6: "internal_error_1",
    7: "internal_error_2",
}


@dataclass(frozen=True, slots=True)
class Version:
    """What the adapter says of itself. `mode` is its mode byte."""

    module: int
    firmware: int
    mode: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """The adapter's no. `reason` is 0 when it gave none."""

    reason: int

    @property
    def word(self) -> str:
        """The reason as a short word."""
        return REASONS.get(self.reason, f"reason_{self.reason}")


# --- requests ---


def encode_spi_mode(mode: int, hz: int) -> bytes:
    """Make the adapter an SPI master. Raises ValueError for a clock that it cannot make exactly:
    6 MHz divided by 2 to 256.
    """
    divisor = SPI_BASE_HZ // hz - 1 if hz > 0 else 0
    if not 1 <= divisor <= 255 or hz * (divisor + 1) != SPI_BASE_HZ:
        raise ValueError(f"a USB-ISS adapter has no SPI clock of {hz} Hz; 500000 is one")
    return bytes((SETUP, SET_MODE, SPI_MODES[mode], divisor))


def encode_i2c_mode() -> bytes:
    """Make the adapter an I2C master at 100 kHz."""
    return bytes((SETUP, SET_MODE, I2C_MODE, I2C_PINS))


def encode_spi(data: bytes) -> bytes:
    """Clock out `data` under one select. Raises ValueError for more than MOST_SPI_BYTES."""
    if not 1 <= len(data) <= MOST_SPI_BYTES:
        raise ValueError(f"one SPI frame holds 1 to {MOST_SPI_BYTES} bytes, not {len(data)}")
    return bytes((SPI,)) + data


def encode_i2c(address: int, write: bytes, read: int) -> bytes:
    """One I2C transaction: write, then read behind a repeated start. Raises ValueError when it does
    not fit the adapter's frame.
    """
    frame = bytearray((I2C_DIRECT,))
    if write or not read:
        frame += bytes((START,)) + _writes(bytes((address << 1,)) + write)
    if read:
        start = RESTART if write else START
        frame += bytes((start,)) + _writes(bytes((address << 1 | 1,))) + _reads(read)
    frame.append(STOP)
    if max(len(frame), 2 + read) > MOST_I2C_FRAME:
        raise ValueError(f"a USB-ISS adapter takes no I2C transaction of {len(frame)} bytes")
    return bytes(frame)


def _writes(data: bytes) -> bytes:
    """`data` as write commands of at most 16 bytes."""
    runs = [data[at : at + MOST_I2C_RUN] for at in range(0, len(data), MOST_I2C_RUN)]
    return b"".join(bytes((WRITE + len(run) - 1,)) + run for run in runs)


def _reads(count: int) -> bytes:
    """Read commands for `count` bytes; the last one is not acknowledged, as the bus demands."""
    most, rest = divmod(count - 1, MOST_I2C_RUN)
    runs = [MOST_I2C_RUN] * most + ([rest] if rest else [])
    return bytes(READ + run - 1 for run in runs) + bytes((LAST_READ, READ))


# --- replies ---


def version_end(data: bytes) -> int | None:
    """End of the reply to VERSION."""
    return 3 if len(data) >= 3 else None


def mode_end(data: bytes) -> int | None:
    """End of the reply to a mode."""
    return 2 if len(data) >= 2 else None


def spi_end(count: int) -> FrameEnd:
    """End of the reply to an SPI frame of `count` bytes."""

    def end(data: bytes) -> int | None:
        length = 1 + count if data[0] == ACK else 1
        return length if len(data) >= length else None

    return end


def i2c_end(data: bytes) -> int | None:
    """End of the reply to an I2C frame."""
    if len(data) < 2:
        return None
    length = 2 + data[1] if data[0] == ACK else 2
    return length if len(data) >= length else None


def decode_version(reply: bytes) -> Version:
    """Raises CodecError when something other than a USB-ISS adapter answers."""
    if len(reply) < 3:
        raise CodecError("short_read", "the adapter told only part of its version", data=reply)
    if reply[0] != MODULE:
        raise CodecError("wrong_module", "what answers is no USB-ISS adapter", data=reply)
    return Version(*reply[:3])


def decode_mode(reply: bytes) -> Refusal | None:
    """None when the mode is set."""
    if len(reply) < 2:
        raise CodecError("short_read", "the adapter told only part of its answer", data=reply)
    return None if reply[0] == ACK else Refusal(reply[1])


def decode_spi(reply: bytes) -> bytes | Refusal:
    """The bytes clocked in. Raises CodecError for a first byte that is no status."""
    return _decode(reply, behind=1)


def decode_i2c(reply: bytes) -> bytes | Refusal:
    """The bytes read. Raises CodecError for a first byte that is no status."""
    return _decode(reply, behind=2)


def _decode(reply: bytes, behind: int) -> bytes | Refusal:
    if reply[:1] == bytes((ACK,)):
        return reply[behind:]
    if reply[:1] == b"\0":
        return Refusal(reply[1] if len(reply) > 1 else 0)
    raise CodecError("bad_status", "no reply of a USB-ISS adapter begins so", data=reply)
