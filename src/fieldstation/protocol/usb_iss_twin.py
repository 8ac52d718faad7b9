"""A simulated USB-ISS adapter: behind it the twins of SPI and I2C instruments are reached through
the same frames as the hardware. Pure.

1. A command that stops half-way is forgotten after GAP_S, as the adapter does it.
   `test_half_a_command_is_forgotten`
2. It powers up as an I2C master; SPI before its mode was set is refused.
   `test_spi_before_the_mode_is_refused`
3. An address without a chip is not acknowledged. `test_address_without_a_chip_is_not_acknowledged`
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fieldstation.model import Outgoing, Twin
from fieldstation.protocol import i2c
from fieldstation.protocol.usb_iss import (
    ACK,
    I2C_DIRECT,
    I2C_MODE,
    LAST_READ,
    MODULE,
    NO_CHIP,
    READ,
    RESTART,
    SERIAL,
    SET_MODE,
    SETUP,
    SPI,
    SPI_MODES,
    START,
    STOP,
    VERSION,
    WRITE,
)

GAP_S = 0.5
FIRMWARE = 8
# What a USB round trip to the adapter takes.
LATENCY_S = 0.002

UNKNOWN_COMMAND = b"\0\x05"
SET = bytes((ACK, 0))

FAULTS = ("adapter_nack", "adapter_short", "adapter_mode_lost")


def _never(_fault: str) -> bool:
    return False


class UsbIssTwin:
    """An adapter with `spi` at its select line or chips at the addresses of `i2c`. `strikes` says
    whether one of FAULTS hits the command at hand.
    """

    def __init__(
        self,
        spi: Twin | None = None,
        i2c: Mapping[int, Twin] | None = None,
        *,
        serial: str = "00000001",
        strikes: Callable[[str], bool] = _never,
    ) -> None:
        self._spi = spi
        self._chips = dict(i2c or {})
        self._serial = serial.encode()
        self._strikes = strikes
        self._pending = bytearray()
        self._heard_s = 0.0
        self.mode = I2C_MODE

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        """As `Twin.receive`."""
        if utc_s - self._heard_s > GAP_S:
            self._pending.clear()
        self._heard_s = utc_s
        self._pending += data
        replies = []
        while length := _command_length(self._pending):
            command = bytes(self._pending[:length])
            del self._pending[:length]
            replies.append(Outgoing(self._spoiled(command, utc_s), LATENCY_S))
        return [reply for reply in replies if reply.data]

    def _spoiled(self, command: bytes, utc_s: float) -> bytes:
        if self._strikes("adapter_mode_lost"):
            self.mode = I2C_MODE
        if command not in (VERSION, SERIAL) and self._strikes("adapter_nack"):
            return b"\0\x06"
        reply = self._answer(command, utc_s)
        return reply[:-1] if self._strikes("adapter_short") else reply

    def _answer(self, command: bytes, utc_s: float) -> bytes:
        if command == VERSION:
            return bytes((MODULE, FIRMWARE, self.mode))
        if command == SERIAL:
            return self._serial
        if command[0] == SETUP and command[1] == SET_MODE:
            return self._set_mode(command[2])
        if command[0] == SPI and self.mode in SPI_MODES.values():
            return bytes((ACK,)) + self._clock(command[1:], utc_s)
        if command[0] == I2C_DIRECT and self.mode == I2C_MODE:
            return self._sequence(command[1:], utc_s)
        return UNKNOWN_COMMAND

    def _set_mode(self, mode: int) -> bytes:
        if mode != I2C_MODE and mode not in SPI_MODES.values():
            return UNKNOWN_COMMAND
        self.mode = mode
        return SET

    def _clock(self, data: bytes, utc_s: float) -> bytes:
        # A line with nobody at it floats high.
        heard = _joined(self._spi.receive(data, utc_s)) if self._spi else b""
        return heard.ljust(len(data), b"\xff")[: len(data)]

    def _sequence(self, steps: bytes, utc_s: float) -> bytes:
        """Play an I2C sequence that speaks to one chip."""
        parts = _parts(steps)
        address = parts[0].written[0] >> 1 if parts and parts[0].written else -1
        write = b"".join(part.written[1:] for part in parts)
        read = sum(part.wanted for part in parts)
        data = None
        if chip := self._chips.get(address):
            heard = _joined(chip.receive(i2c.encode_request(write, read), utc_s))
            # A captured chip says nothing to what it was not asked.
            data = heard[1:] if heard[:1] == bytes((i2c.Status.OK,)) else None
        return bytes((0, NO_CHIP)) if data is None else bytes((ACK, len(data))) + data


@dataclass(slots=True)
class _Part:
    """One start of a sequence: the bytes written behind it, the address first, and how many are
    read.
    """

    written: bytearray = field(default_factory=bytearray)
    wanted: int = 0


def _parts(steps: bytes) -> list[_Part]:
    parts: list[_Part] = []
    at = 0
    while at < len(steps):
        step, at = steps[at], at + 1
        if step in (START, RESTART):
            parts.append(_Part())
        elif parts and READ <= step < WRITE:
            parts[-1].wanted += step - READ + 1
        elif parts and step >= WRITE:
            run = step - WRITE + 1
            parts[-1].written += steps[at : at + run]
            at += run
    return parts


def _command_length(data: bytearray) -> int | None:
    """Length of the command at the start of `data`; None while it is incomplete."""
    if not data:
        return None
    if data[0] == SETUP:
        needed = 4 if data[1:2] == bytes((SET_MODE,)) else 2
        return needed if len(data) >= needed else None
    if data[0] == SPI:
        # Its end is the end of the USB packet, which is one piece here.
        return len(data) if len(data) > 1 else None
    if data[0] == I2C_DIRECT:
        return _sequence_length(data)
    return 1


def _sequence_length(data: bytearray) -> int | None:
    at = 1
    while at < len(data):
        step = data[at]
        if step == STOP:
            return at + 1
        known = step in (START, RESTART, LAST_READ) or READ <= step < WRITE
        if not known and not WRITE <= step < WRITE + 16:
            return at + 1
        at += step - WRITE + 2 if step >= WRITE else 1
    return None


def _joined(pieces: Sequence[Outgoing]) -> bytes:
    return b"".join(piece.data for piece in pieces)
