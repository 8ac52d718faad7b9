"""The twin of a BH1745NUC (I2C sensors sheet, section 6): registers that count up by themselves,
holes that read FF, and a VALID bit that reading clears. What is written during a reset is lost.
`fast` makes measurements and resets at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fieldstation.errors import NotFound
from fieldstation.instruments import outdoors
from fieldstation.instruments.bh1745 import light
from fieldstation.instruments.faults import FaultPlan
from fieldstation.protocol.i2c import ChipTwin

FAULTS = {
    "absent": "does not acknowledge",
    "power_dip": "forgets its settings and measures nothing",
    "never_valid": "ends no measurement",
    "full": "counts 65535 of red",
}
"""Faults that belong to this instrument, beside those of any line."""

PROFILES: Mapping[str, float] = MappingProxyType(
    {"outdoors": 0.5, "greenhouse": 0.3, "indoors": 0.005}
)
"""Places, and the share of the sky's light that reaches them."""

SYSTEM, MODE1, MODE2, MODE3, RED, MAKER = 0x40, 0x41, 0x42, 0x44, 0x50, 0x92
RESET = MappingProxyType(
    {
        SYSTEM: light.PART_ID, MODE1: 0x00, MODE2: 0x00, MODE3: 0x00,
        **dict.fromkeys(range(RED, RED + 10), 0),
        0x60: 0x00, 0x61: 0x01, 0x62: 0xFF, 0x63: 0xFF, 0x64: 0x00, 0x65: 0x00,
        MAKER: light.MANUFACTURER,
    }
)  # fmt: skip
READ_ONLY = frozenset({MAKER, *range(RED, RED + 10)})
HOLE = 0xFF
SOFT_RESET = 0x80
RESET_S = 0.005

# Daylight: counts beside those of green.
DAYLIGHT = {"red": 0.60, "green": 1.0, "blue": 0.75, "clear": 0.12}
LX_PER_GREEN = 0.202 * DAYLIGHT["red"] + 0.766


class Bh1745Chip:
    """One simulated part; `registers` are its own, `plan` holds its faults. A reset takes
    `reset_s`.
    """

    def __init__(self, share: float, seed: int, plan: FaultPlan, *, fast: bool) -> None:
        self._share = share
        self._seed = seed
        self.plan = plan
        self._fast = fast
        self.registers = dict(RESET)
        self.reset_s = 0.0 if fast else RESET_S
        self._awake_s = 0.0
        self._pointer = SYSTEM
        self._begun_s = 0.0
        self._valid_of_s = 0.0

    def transact(self, write: bytes, read: int, utc_s: float) -> bytes | None:
        """As `Chip.transact`."""
        if self.plan.strikes("absent"):
            return None
        if self.plan.strikes("power_dip"):
            self.registers = dict(RESET)
        if utc_s >= self._awake_s:
            self.registers[SYSTEM] &= ~SOFT_RESET
        self._measure(utc_s)
        if write:
            self._pointer = write[0]
            for value in write[1:]:
                self._put(value, utc_s)
        return bytes(self._take() for _ in range(read))

    def _put(self, value: int, utc_s: float) -> None:
        register, self._pointer = self._pointer, self._pointer + 1 & 0xFF
        if utc_s < self._awake_s:
            return
        if register == SYSTEM and value & SOFT_RESET:
            self.registers = RESET | {SYSTEM: light.PART_ID | SOFT_RESET}
            self._awake_s = utc_s + self.reset_s
        elif register in (MODE1, MODE2, MODE3):
            self.registers[register] = value & ~light.VALID
            self._begun_s = utc_s
        elif register in self.registers and register not in READ_ONLY and register != SYSTEM:
            self.registers[register] = value

    def _take(self) -> int:
        register, self._pointer = self._pointer, self._pointer + 1 & 0xFF
        value = self.registers.get(register, HOLE)
        if register == MODE2:
            self.registers[MODE2] &= ~light.VALID
        return value

    def _measure(self, utc_s: float) -> None:
        """Bring data and VALID to what they are at `utc_s`."""
        mode = light.decode_mode1(self.registers[MODE1]) | light.decode_mode2(self.registers[MODE2])
        time_ms, gain = mode["measurement_ms"], mode["gain"]
        working = mode["rgbc_enabled"] and self.registers[MODE3] == 0x02
        if not working or time_ms is None or gain is None or self.plan.strikes("never_valid"):
            return
        period_s = time_ms / 1000
        ended_s = utc_s
        if not self._fast:
            ended_s = self._begun_s + (utc_s - self._begun_s) // period_s * period_s
            if ended_s <= max(self._begun_s, self._valid_of_s):
                return
        self._valid_of_s = ended_s
        self.registers[MODE2] |= light.VALID
        self._count(ended_s, gain * time_ms / 160)

    def _count(self, utc_s: float, sensitivity: float) -> None:
        light_lx = outdoors.illuminance_lx(utc_s, self._seed) * self._share
        green = light_lx * sensitivity / LX_PER_GREEN
        full = self.plan.strikes("full")
        for number, colour in enumerate(light.COLOURS):
            counts = min(light.FULL, int(green * DAYLIGHT[colour]))
            if full and colour == "red":
                counts = light.FULL
            self.registers[RED + 2 * number] = counts & 0xFF
            self.registers[RED + 2 * number + 1] = counts >> 8


def twin(profile_name: str, seed: int, plan: FaultPlan, *, fast: bool = False) -> ChipTwin:
    """A part at the named place; outdoors for an empty name. Raises NotFound."""
    share = PROFILES.get(profile_name or "outdoors")
    if share is None:
        known = ", ".join(PROFILES)
        raise NotFound(f"no BH1745NUC twin is called {profile_name!r}; there are {known}")
    return ChipTwin(Bh1745Chip(share, seed, plan, fast=fast))
