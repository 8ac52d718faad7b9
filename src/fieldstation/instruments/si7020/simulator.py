"""The twin of an Si7020 (I2C sensors sheet, section 6).

While it measures or restarts it does not acknowledge; `fast` makes it do both in no time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from fieldstation.errors import NotFound
from fieldstation.instruments import outdoors
from fieldstation.instruments.chance import between
from fieldstation.instruments.faults import FaultPlan
from fieldstation.instruments.si7020.words import HEATER_ON, VDD_LOW, crc8
from fieldstation.protocol.i2c import ChipTwin

FAULTS = {
    "bad_crc": "sends a wrong checksum",
    "absent": "does not acknowledge",
    "condensation": "reads 100 % because it is wet",
    "low_supply": "has less than 1.9 V",
    "held_low": "gives zeros, as on a bus that is held low",
}
"""Faults that belong to this instrument, beside those of any line."""

USER_RESET = 0x3A
# A user may set resolution and heater; the rest stays as it is.
USER_MASK = 0x85
RESET_S = 0.005
# Section 1.2, at full resolution; a humidity measures temperature as well.
HUMIDITY_S, TEMPERATURE_S = 0.012, 0.0108
WARMING_S = 30.0

PROFILES: Mapping[str, int] = MappingProxyType({"si7020": 0x14, "si7021": 0x15})
"""Models and their part codes."""


class Si7020Chip:
    """One simulated chip. `measuring_s` is how long a humidity takes, `plan` holds its faults."""

    def __init__(self, part: int, seed: int, plan: FaultPlan, *, fast: bool) -> None:
        self._seed = seed
        self.plan = plan
        self.measuring_s = HUMIDITY_S + TEMPERATURE_S
        self._fast = fast
        number = (seed & 0xFFFFFFFF).to_bytes(4, "big")
        self._serial = number + bytes((part, 0xFF, 0xB5, 0xFF))
        self._measured = 0
        self._awake_s = 0.0
        self._kept = b"\0\0"
        self._heater = 0
        self._reset(0.0)

    def transact(self, write: bytes, read: int, utc_s: float) -> bytes | None:
        """As `Chip.transact`."""
        if self.plan.strikes("absent") or utc_s < self._awake_s:
            return None
        if not write:
            return self._result(read, utc_s)
        data = self._command(write, utc_s)
        if data is None:
            return None
        if self.plan.strikes("held_low"):
            return bytes(read)
        return data.ljust(read, b"\xff")[:read]

    def _command(self, write: bytes, utc_s: float) -> bytes | None:
        match write[0], write[1:]:
            case 0xF5, _:
                self._measure(utc_s, self.measuring_s, self._humidity_code(utc_s))
            case 0xF3, _:
                self._measure(utc_s, TEMPERATURE_S, self._temperature_code(utc_s))
            case 0xE0, _:
                return self._kept
            case 0xFE, _:
                self._reset(utc_s)
            case 0xE6, payload if payload:
                self._set_user(payload[0], utc_s)
            case 0xE7, _:
                return bytes((self._user | (VDD_LOW if self.plan.strikes("low_supply") else 0),))
            case 0x51, payload if payload:
                self._heater = payload[0] & 0x0F
            case 0x11, _:
                return bytes((self._heater,))
            case 0xFA, b"\x0f":
                return _interleaved(self._serial[:4], 1)
            case 0xFC, b"\xc9":
                return _interleaved(self._serial[4:], 2)
            case 0x84, b"\xb8":
                return b"\x20"
            case _:
                return None
        return b""

    def _reset(self, utc_s: float) -> None:
        self._user, self._heater = USER_RESET, 0
        self._heated_since_s: float | None = None
        self._awake_s = utc_s if self._fast else utc_s + RESET_S
        self._due_s: float | None = None
        self._word = b"\0\0"

    def _set_user(self, value: int, utc_s: float) -> None:
        self._user = self._user & ~USER_MASK | value & USER_MASK
        if not value & HEATER_ON:
            self._heated_since_s = None
        elif self._heated_since_s is None:
            self._heated_since_s = utc_s

    def _measure(self, utc_s: float, takes_s: float, code: int) -> None:
        self._measured += 1
        self._due_s = utc_s + (0.0 if self._fast else takes_s)
        self._word = code.to_bytes(2, "big")
        self._kept = self._temperature_code(utc_s).to_bytes(2, "big")

    def _result(self, read: int, utc_s: float) -> bytes | None:
        """The measurement, once, as soon as it is there; the checksum if a third byte is read."""
        if self._due_s is None or utc_s < self._due_s:
            return None
        self._due_s = None
        crc = crc8(self._word) ^ (0x55 if self.plan.strikes("bad_crc") else 0)
        return (self._word + bytes((crc,)))[:read].ljust(read, b"\xff")

    def _temperature_code(self, utc_s: float) -> int:
        celsius = outdoors.temperature_c(utc_s, self._seed) + self._warmth(utc_s)
        celsius += 0.01 * between(-1, 1, self._seed, "noise", self._measured)
        return round((celsius + 46.85) / 175.72 * 65536) & 0xFFFC

    def _humidity_code(self, utc_s: float) -> int:
        percent = outdoors.humidity_percent(utc_s, self._seed) * math.pow(0.94, self._warmth(utc_s))
        percent += 0.03 * between(-1, 1, self._seed, "damp", self._measured)
        if self.plan.strikes("condensation"):
            percent = 101.0
        return round((percent + 6) / 125 * 65536) & 0xFFFC | 0b10

    def _warmth(self, utc_s: float) -> float:
        """Kelvin that the heater adds: one for each level, gained slowly."""
        if self._heated_since_s is None:
            return 0.0
        share = 1 - math.exp(-max(0.0, utc_s - self._heated_since_s) / WARMING_S)
        return (1 + self._heater) * share


def _interleaved(data: bytes, every: int) -> bytes:
    """`data` with the running checksum behind every `every` bytes."""
    return b"".join(
        data[at : at + every] + bytes((crc8(data[: at + every]),))
        for at in range(0, len(data), every)
    )


def twin(profile_name: str, seed: int, plan: FaultPlan, *, fast: bool = False) -> ChipTwin:
    """A chip of the named model; an Si7020 for an empty name. Raises NotFound."""
    part = PROFILES.get(profile_name or "si7020")
    if part is None:
        known = ", ".join(PROFILES)
        raise NotFound(f"no Si7020 twin is called {profile_name!r}; there are {known}")
    return ChipTwin(Si7020Chip(part, seed, plan, fast=fast))
