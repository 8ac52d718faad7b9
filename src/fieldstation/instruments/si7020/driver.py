"""How to talk to an Si7020 (I2C sensors sheet, section 1.3).

1. Only commands that do not hold the clock: some masters fail on a stretched clock and then give
   plausible wrong data. While it measures, the chip does not acknowledge.
   `test_chip_that_measures_is_waited_for`
2. A humidity with a wrong checksum is measured again, once.
   `test_wrong_checksum_is_measured_again_once`
3. The chip is reset before its first reading and after it was away, since a heater left on by
   another program would warm it. `test_chip_is_reset_when_it_comes_back`
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fieldstation.errors import ChecksumMismatch, CodecError, LinkTimeout
from fieldstation.instruments.si7020 import channels, codec, words
from fieldstation.model import Conversation, Driver, Exchange, I2cLine, Identity, Poll, Value
from fieldstation.protocol.i2c import transact

MEASURE = b"\xf5"
TEMPERATURE_KEPT = b"\xe0"
RESET = b"\xfe"
USER_REGISTER = b"\xe7"
SERIAL_A, SERIAL_B = b"\xfa\x0f", b"\xfc\xc9"
FIRMWARE = b"\x84\xb8"

# Sections 1.2 and 1.3.
RESET_S = 0.02
MEASURE_S = 0.025
BUSY_S = 0.005
BUSY_TRIES = 10


class Si7020Driver:
    """The driver; see model.talk.Driver."""

    kind = channels.KIND
    default_every_s = 10.0
    line = I2cLine(0x40)
    resync: Exchange[Any] | None = None

    def identify(self) -> Conversation[Identity]:
        """Part, serial number and firmware. Raises CodecError for a part of another family."""
        first = yield from transact(SERIAL_A, 8, name="its serial number")
        second = yield from transact(SERIAL_B, 6, name="its serial number")
        # Checksums stand between; the sheet leaves open how they are made, so they are not used.
        serial = first[::2] + bytes((second[0], second[1], second[3], second[4]))
        part = words.part_of(serial)
        if not part:
            raise CodecError("wrong_model", f"part code {serial[4]:02X} is no Si7020", data=serial)
        firmware = yield from transact(FIRMWARE, 1, name="its firmware")
        facts: dict[str, Value] = {"firmware": words.FIRMWARE.get(firmware[0], firmware.hex())}
        return Identity(self.kind, serial.hex().upper(), part, facts)

    def plan(self, identity: Identity) -> Sequence[Poll]:
        """Humidity and temperature."""
        return (Poll(channels.AMBIENT, _Chip().reading),)


class _Chip:
    """One connection to a chip; `_fresh` until it was reset."""

    def __init__(self) -> None:
        self._fresh = True

    def reading(self) -> Conversation[dict[str, Value]]:
        """Both quantities of one measurement. Raises CodecError."""
        try:
            if self._fresh:
                yield from transact(RESET, name="a reset")
            humidity = yield from self._humidity(RESET_S if self._fresh else 0.0)
            temperature = yield from transact(TEMPERATURE_KEPT, 2, name="its temperature")
            register = yield from transact(USER_REGISTER, 1, name="its user register")
        except (CodecError, LinkTimeout):
            self._fresh = True
            raise
        self._fresh = False
        return codec.read_frame("reading", humidity + temperature + register)

    def _humidity(self, wait_s: float) -> Conversation[bytes]:
        data = yield from _measure(wait_s)
        try:
            codec.decode_frame("humidity", data)
        except ChecksumMismatch:
            data = yield from _measure(0.0)
        return data


def _measure(wait_s: float) -> Conversation[bytes]:
    yield from transact(MEASURE, wait_s=wait_s, name="a measurement")
    return (
        yield from transact(
            b"", 3, wait_s=MEASURE_S, again_s=BUSY_S, tries=BUSY_TRIES, name="its humidity"
        )
    )


DRIVER: Driver = Si7020Driver()
