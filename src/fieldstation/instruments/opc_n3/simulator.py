"""The twin of an OPC-N3, one reply byte for each byte clocked in (OPC-N3 sheet, section 15.2).

1. A silence of more than 2 s inside a transaction ends it (`test_silence_ends_a_transaction`).
2. A byte that is not the command while it polls aborts the command and stops counting until the
   next whole histogram (`test_aborted_command_stops_the_counting`).
3. Data are frozen when "ready" goes out; then the counters begin anew.
4. `fast` leaves out what takes time: start-up and rule 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from fieldstation.errors import CodecError, NotFound
from fieldstation.instruments.faults import FaultPlan
from fieldstation.instruments.opc_n3 import blocks
from fieldstation.instruments.opc_n3.air import CLEAN, URBAN, Place
from fieldstation.instruments.opc_n3.commands import (
    BUSY,
    BY_CODE,
    FAN,
    GAIN,
    LASER,
    LASER_POT,
    READ_HISTOGRAM,
    READ_PM,
    READY,
    RESET,
    SET_POT,
    SET_WEIGHTING,
    WRITE_CONFIG,
    WRITE_POWER,
    Command,
)
from fieldstation.instruments.opc_n3.sampler import Sampler
from fieldstation.model import Outgoing

FAULTS = {
    "stuck_00": "the line reads 00, as without power",
    "stuck_ff": "the line reads FF, as with a cut cable",
    "busy": "is busy for ten polls before it is ready",
    "endless_busy": "is never ready",
    "stale_ready": "says ready to the first byte, as after an aborted transaction",
    "bad_crc": "sends a wrong checksum",
    "empty": "sends a histogram of zeros, as while it starts",
    "zero_period": "gives a sampling period of 0",
    "fan_stuck": "does not switch the fan on",
    "laser_lost": "loses its laser before a histogram",
    "own_logging": "logs on its own after 65 s without a command, and answers no more",
}
"""Faults that belong to this instrument, beside those of any line."""

BOOT_S = 2.0
ABORT_S = 2.0
OWN_LOGGING_S = 65.0
BUSY_POLLS = 10


@dataclass(frozen=True, slots=True)
class Profile:
    """A unit as somebody has it. `fresh`: it gets its power with the first byte."""

    place: Place = URBAN
    firmware: str = "1.17a"
    model: str = "OPC-N3"
    serial: str = "177700019"
    fresh: bool = False
    config: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


_WIDE = [round(0.5 * 1.2**edge, 2) for edge in range(25)]

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "urban": Profile(),
        "clean": Profile(place=CLEAN, serial="177701234", firmware="1.14"),
        "fresh": Profile(fresh=True),
        "own_bins": Profile(config={"bin_boundaries_um": _WIDE, "pm_diameter_c_um": 4.25}),
    }
)


class OpcN3Twin:
    """One simulated unit. `power` is its power status, `config` its settings, by the sheet's
    names; `plan` holds its faults.
    """

    def __init__(self, profile: Profile, seed: int, plan: FaultPlan, *, fast: bool) -> None:
        self._profile = profile
        self.plan = plan
        self._fast = fast
        self._booted_s: float | None = None
        self._heard_s = 0.0
        self._mute = False
        self._begin()
        self.power: dict[str, Any] = blocks.decode_power(blocks.encode_power({}))
        self.config: dict[str, Any] = blocks.FACTORY_CONFIG | dict(profile.config)
        self._sampler = Sampler(profile.place, seed, self.config)

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        """A reply byte for each byte, at once."""
        if self._booted_s is None:
            self._heard_s = utc_s
            self._booted_s = utc_s if self._profile.fresh else utc_s - 10 * BOOT_S
            self._sampler.arm(self._booted_s)
        self._notice_silence(utc_s)
        reply = bytes(self._clock(byte, utc_s) for byte in data)
        return [Outgoing(reply)] if reply else []

    # --- the state machine ---

    def _begin(self) -> None:
        """Go back to waiting for a command."""
        self._command: Command | None = None
        self._ready = False
        self._polls = 0
        self._block = b""
        self._payload = bytearray()

    def _notice_silence(self, utc_s: float) -> None:
        silent_s, self._heard_s = utc_s - self._heard_s, utc_s
        if silent_s > ABORT_S and not self._fast:
            self._begin()
        if silent_s > OWN_LOGGING_S and self.plan.strikes("own_logging"):
            self._mute = True

    def _clock(self, byte: int, utc_s: float) -> int:
        if self._mute or self._booting(utc_s) or self.plan.strikes("stuck_00"):
            return 0x00
        if self.plan.strikes("stuck_ff"):
            return 0xFF
        if self._command is None:
            return self._start(byte)
        if not self._ready:
            return self._poll(byte, self._command, utc_s)
        if self._command.writes:
            return self._take(byte, self._command, utc_s)
        return self._give()

    def _booting(self, utc_s: float) -> bool:
        return not self._fast and utc_s - (self._booted_s or 0.0) < BOOT_S

    def _start(self, byte: int) -> int:
        self._command = BY_CODE.get(byte)
        self._polls = BUSY_POLLS if self.plan.strikes("busy") else 0
        return READY if self.plan.strikes("stale_ready") else BUSY

    def _poll(self, byte: int, command: Command, utc_s: float) -> int:
        if byte != command.code:
            self._sampler.disarm()
            self._begin()
            return BUSY
        if self.plan.strikes("endless_busy"):
            return BUSY
        if self._polls:
            self._polls -= 1
            return BUSY
        self._ready = True
        self._block = self._frozen(command, utc_s)
        if not command.reads and not command.writes:
            self._begin()
            if command == RESET:
                self._restart(utc_s)
        return READY

    def _give(self) -> int:
        byte, self._block = self._block[0], self._block[1:]
        if not self._block:
            self._begin()
        return byte

    def _take(self, byte: int, command: Command, utc_s: float) -> int:
        echo = self._payload[-1] if self._payload else command.code
        self._payload.append(byte)
        if len(self._payload) == command.writes:
            self._apply(command, bytes(self._payload), utc_s)
            self._begin()
        return echo

    # --- what commands do ---

    def _frozen(self, command: Command, utc_s: float) -> bytes:
        """The block that a reading command gives, as it is now."""
        match command.name:
            case "read_histogram" | "read_pm":
                return self._counted(command, utc_s)
            case "read_power_status":
                return blocks.encode_power(self.power)
            case "read_config":
                return blocks.encode_config(self.config)
            case "read_info":
                return blocks.encode_info(self._profile.model, self._profile.firmware)
            case "read_serial":
                return blocks.encode_serial(self._profile.model, self._profile.serial)
            case "read_firmware":
                major, minor = self._profile.firmware.rstrip("abc").split(".")
                return bytes((int(major), int(minor)))
        return b""

    def _counted(self, command: Command, utc_s: float) -> bytes:
        if command == READ_HISTOGRAM and self.plan.strikes("laser_lost"):
            self._switch(LASER, False, utc_s)
        values = self._sampler.sample(utc_s)
        if self.plan.strikes("empty"):
            values = {}
        if self.plan.strikes("zero_period"):
            values["sampling_period_s"] = 0.0
        encode = blocks.encode_pm if command == READ_PM else blocks.encode_histogram
        block = encode(values)
        if self.plan.strikes("bad_crc"):
            block = block[:-1] + bytes((block[-1] ^ 0x80,))
        return block

    def _apply(self, command: Command, payload: bytes, utc_s: float) -> None:
        if command == WRITE_POWER:
            self._switch(payload[0] >> 1, bool(payload[0] & 1), utc_s)
        elif command == SET_POT:
            self.power["laser_dac" if payload[0] else "fan_dac"] = payload[1]
        elif command == SET_WEIGHTING:
            self.config["bin_weighting_index"] = payload[0]
        elif command == WRITE_CONFIG:
            self.config |= blocks.decode_config(payload) if _plausible(payload) else {}

    def _switch(self, target: int, on: bool, utc_s: float) -> None:
        if target == FAN:
            self.power["fan_on"] = int(on and not self.plan.strikes("fan_stuck"))
        elif target == LASER:
            self.power["laser_switch"] = int(on)
        elif target == LASER_POT:
            self.power["laser_dac_on"] = int(on)
        elif target == GAIN:
            self.power |= {"high_gain": on, "auto_gain_toggle": False}
        lit = bool(self.power["fan_on"]) and bool(self.power["laser_switch"])
        self._sampler.light(lit, bool(self.power["laser_switch"]), utc_s)

    def _restart(self, utc_s: float) -> None:
        self.power = blocks.decode_power(blocks.encode_power({}))
        self._sampler.light(False, False, utc_s)
        self._sampler.arm(utc_s)
        self._booted_s = utc_s


def _plausible(payload: bytes) -> bool:
    """Whether a configuration block can be one; a real unit would take any."""
    try:
        blocks.decode_config(payload)
    except CodecError:
        return False
    return True


def twin(profile_name: str, seed: int, plan: FaultPlan, *, fast: bool = False) -> OpcN3Twin:
    """A unit of the named profile; `urban` for an empty name. Raises NotFound."""
    profile = PROFILES.get(profile_name or "urban")
    if profile is None:
        raise NotFound(
            f"no OPC-N3 twin is called {profile_name!r}; there are {', '.join(PROFILES)}"
        )
    return OpcN3Twin(profile, seed, plan, fast=fast)
