"""How to talk to a BH1745NUC (I2C sensors sheet, sections 3.2 and 3.3).

1. Modes are written once, not before each reading: writing them begins the measurement anew.
   `test_modes_are_written_once`
2. After a change nothing is read before the part says that a measurement has ended.
   `test_result_from_before_a_change_is_never_kept`
3. The part is reset before its first reading, since another program may have left it anyhow. Modes
   are read back with every reading; a part that lost them is reset and set again.
   `test_chip_is_reset_when_it_is_first_met`, `test_chip_that_lost_its_settings_is_set_again`
4. Gain and time follow the light, at most 8 steps for a reading.
   `test_range_follows_the_light`
5. The sheet does not say how long a soft reset takes, so the part is asked until it is over.
   `test_reset_is_waited_for`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fieldstation.errors import CodecError
from fieldstation.instruments.bh1745 import channels, codec
from fieldstation.instruments.bh1745.ladder import LONGER, MOST_STEPS, START, Range, next_range
from fieldstation.instruments.bh1745.light import (
    GAINS,
    MANUFACTURER,
    PART_ID,
    TIMES_MS,
    VALID,
    encode_modes,
)
from fieldstation.model import (
    Conversation,
    Driver,
    Exchange,
    I2cLine,
    Identity,
    Option,
    OptionValue,
    Poll,
    Value,
)
from fieldstation.protocol.i2c import transact

SYSTEM, MODE1, MODE2, MODE3, COLOURS, MAKER = 0x40, 0x41, 0x42, 0x44, 0x50, 0x92
SOFT_RESET = 0x80
# Section 3.1: must be written so.
MODE3_VALUE = 0x02

# The data sheet names no time. 10 ms are taken for enough; one program waits for 100 (section 3.2).
RESET_S, RESET_TRIES = 0.01, 12
POLL_S = 0.01

OPTIONS = (
    Option(
        "window", 1.0, "Share of the light that a cover lets through.", low=0.001, high=1.0,
    ),
    Option("automatic_range", True, "Let gain and time follow the light."),
    Option(
        "gain", START.gain, "Gain, or the first one when the range is automatic.",
        choices=tuple(GAINS.values()),
    ),
    Option(
        "measurement_ms", START.measurement_ms, "Measurement time in milliseconds, or the first"
        " one when the range is automatic.", choices=TIMES_MS,
    ),
    Option(
        "longest_ms", 2560, "Longest measurement time that the automatic range takes.",
        choices=TIMES_MS,
    ),
)  # fmt: skip


class Bh1745Driver:
    """The driver; see model.talk.Driver and Tunable. `values` are its options."""

    kind = channels.KIND
    default_every_s = 10.0
    line = I2cLine(0x38)
    resync: Exchange[Any] | None = None
    options = OPTIONS

    def __init__(self, values: Mapping[str, OptionValue] | None = None) -> None:
        self._values = values or {option.name: option.default for option in OPTIONS}

    def configured(self, values: Mapping[str, OptionValue]) -> Driver:
        """The driver with these options."""
        return Bh1745Driver(values)

    def identify(self) -> Conversation[Identity]:
        """Maker and part tell; it has no number of its own. Raises CodecError for another part."""
        maker = yield from transact(bytes((MAKER,)), 1, name="its maker")
        system = yield from transact(bytes((SYSTEM,)), 1, name="its part number")
        if maker[0] != MANUFACTURER or system[0] & 0x3F != PART_ID:
            raise CodecError(
                "wrong_model", f"maker {maker[0]:02X} part {system[0]:02X} is no BH1745NUC"
            )
        return Identity(self.kind, "", "BH1745NUC", {"window": float(self._values["window"])})

    def plan(self, identity: Identity) -> Sequence[Poll]:
        """Colours."""
        return (Poll(channels.COLOUR, _Chip(self._values).reading),)


class _Chip:
    """One connection to a part, `_fresh` until it was reset. `_range` is what it should be set
    to.
    """

    def __init__(self, values: Mapping[str, OptionValue]) -> None:
        self._fresh = True
        self._range = Range(int(values["gain"]), int(values["measurement_ms"]))
        self._window = float(values["window"])
        self._longest_ms = int(values["longest_ms"])
        self._automatic = bool(values["automatic_range"])

    def reading(self) -> Conversation[dict[str, Value]]:
        """Colours, at a range that suits the light. Raises CodecError."""
        modes = yield from transact(bytes((MODE1,)), 2, name="its modes")
        if self._fresh or not self._set_so(modes):
            yield from self._reset()
            self._fresh = False
        data = yield from self._colours()
        for _ in range(MOST_STEPS if self._automatic else 0):
            better = next_range(_counts(data), self._range, self._longest_ms)
            if better is None:
                break
            self._range = better
            yield from self._configure()
            data = yield from self._colours()
        modes = bytes(encode_modes(self._range.gain, self._range.measurement_ms))
        return codec.read_frame("reading", modes + data, self._window)

    def _set_so(self, modes: bytes) -> bool:
        expected = encode_modes(self._range.gain, self._range.measurement_ms)
        return (modes[0] & 7, modes[1] & ~VALID & 0xFF) == expected

    def _reset(self) -> Conversation[None]:
        yield from transact(bytes((SYSTEM, SOFT_RESET)), name="a reset")
        for _ in range(RESET_TRIES):
            system = yield from transact(bytes((SYSTEM,)), 1, wait_s=RESET_S, name="its reset")
            if not system[0] & SOFT_RESET:
                yield from self._configure()
                return
        raise CodecError(
            "no_reset", "the BH1745NUC does not come back from a reset; check its supply"
        )

    def _configure(self) -> Conversation[None]:
        """Write the modes and wait for the first measurement made with them."""
        time, gain = encode_modes(self._range.gain, self._range.measurement_ms)
        yield from transact(bytes((MODE1, time)), name="its time")
        yield from transact(bytes((MODE3, MODE3_VALUE)), name="its third mode")
        yield from transact(bytes((MODE2, gain)), name="its gain")
        pause_s = self._range.measured_s
        for _ in range(1 + int((LONGER - 1) * self._range.measured_s / POLL_S)):
            mode = yield from transact(bytes((MODE2,)), 1, wait_s=pause_s, name="its gain")
            if mode[0] & VALID:
                return
            pause_s = POLL_S
        raise CodecError(
            "no_result", "the BH1745NUC ended no measurement; does another program set its modes?"
        )

    def _colours(self) -> Conversation[bytes]:
        return (yield from transact(bytes((COLOURS,)), 8, name="its colours"))


def _counts(data: bytes) -> list[int]:
    """Red, green, blue and clear."""
    return [int.from_bytes(data[at : at + 2], "little") for at in (0, 2, 4, 6)]


DRIVER: Driver = Bh1745Driver()
