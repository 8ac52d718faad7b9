"""An OPC-N3 kept running, and its readings (OPC-N3 sheet, sections 2, 10 and 15).

1. A unit that is met running, and was not read for a minute, was left so by a crash: laser and fan
   are switched off, then it is started like any other. One that was just read goes on as it is.
   `test_unit_left_running_by_a_crash_is_switched_off_first`,
   `test_unit_that_was_read_a_moment_ago_is_used_as_it_is`
2. Only what is off is switched on, and power status tells whether it worked.
   `test_fan_that_will_not_start_is_one_sentence`
3. The first histogram after a start, a fault or a pause covers an unknown time and is thrown away.
   `test_first_histogram_is_thrown_away`
4. A histogram with a wrong checksum is never kept. Its counters are gone, so rule 3 follows. Nor is
   one of a unit that is not ready yet: it has zeros even for the climate.
   `test_damaged_histogram_costs_one_period_and_is_never_kept`, `test_empty_histogram_is_never_kept`
5. When nothing at all is counted, power status is asked: a unit that lost fan or laser is started
   again. `test_unit_that_lost_its_laser_is_started_again`
6. A histogram is read every 5 to 10 s, however long a reading lasts, and the reading sums them up.
   Counters would fill, and a unit that hears nothing for long logs on its own.
   `test_reading_of_a_minute_sums_up_histograms_of_ten_seconds`
7. A histogram that fails for good ends the reading with what was counted so far; the first one ends
   it without. `test_unit_that_dies_in_a_long_reading_leaves_what_it_counted`
"""

from __future__ import annotations

import math

from fieldstation.errors import CodecError, LinkTimeout
from fieldstation.instruments.opc_n3 import blocks, codec, frame
from fieldstation.instruments.opc_n3.commands import (
    FAN,
    LASER,
    READ_HISTOGRAM,
    READ_POWER,
    WRITE_POWER,
    power_option,
)
from fieldstation.instruments.opc_n3.handshake import GAP_S, RECOVER_S, read, write
from fieldstation.instruments.opc_n3.summing import summed
from fieldstation.model import Conversation, Value

# Section 2: the fan needs 5 s to a stable speed, the laser up to 1 s.
FAN_S = 5.0
LASER_S = 1.0
# Between the histogram that is thrown away and the first that counts (section 2: 2.5 to 10 s).
PERIOD_S = 2.5
# A start at its longest: a silence, fan, laser, the histogram that is thrown away.
START_S = RECOVER_S + FAN_S + LASER_S + PERIOD_S
# Between histograms (section 10: 5 to 10 s; beyond 20 s counters may overflow).
LONGEST_STEP_S = 10.0
# Nobody who uses a unit leaves it alone for longer (section 10).
LEFT_ALONE_S = 60.0


class Unit:
    """One connection to a unit. `_met` is False before its first start, `_running` when the next
    histogram would cover an unknown time, or nothing. `_at_s` is for how long the reading under
    way lasts, about.
    """

    def __init__(self, every_s: float) -> None:
        self._steps = max(1, math.ceil(every_s / LONGEST_STEP_S))
        self._step_s = every_s / self._steps
        self._met = self._running = False
        self._at_s = 0.0

    def reading(self) -> Conversation[dict[str, Value]]:
        """What was counted since the reading before. Raises CodecError, LinkTimeout."""
        self._at_s = 0.0
        histograms = [(yield from self._histogram(GAP_S))]
        for step in range(1, self._steps):
            wait_s = step * self._step_s - self._at_s
            # What a start ran over is left out, so that the next reading is in time.
            if wait_s < self._step_s / 2:
                continue
            try:
                histograms.append((yield from self._histogram(wait_s)))
            except (CodecError, LinkTimeout):
                break
            # The unit's own clock tells what reading takes beside the waiting.
            period_s = histograms[-1]["sampling_period"]
            self._at_s += max(0.0, float(period_s or 0.0) - wait_s)
        return summed(histograms)

    def power(self) -> Conversation[dict[str, Value]]:
        """State of fan, laser and gain."""
        values = codec.read_power(blocks.decode_power((yield from read(READ_POWER))))
        if not (values["fan_on"] and values["laser_on"]):
            self._running = False
        return values

    def _histogram(self, wait_s: float) -> Conversation[dict[str, Value]]:
        """One histogram that covers a known period, after `wait_s`. Raises CodecError."""
        values = yield from self._attempt(wait_s, first=True)
        if values is None:
            values = yield from self._attempt(RECOVER_S, first=False)
        if values is None:
            raise CodecError("unsettled", "the OPC-N3 counts nothing: fan or laser went off again")
        return values

    def _attempt(self, wait_s: float, *, first: bool) -> Conversation[dict[str, Value] | None]:
        """A histogram; None when it cannot be used and asking once more makes sense."""
        self._at_s += wait_s
        if not self._running:
            yield from self._start(wait_s)
            wait_s = PERIOD_S
        self._running = False
        try:
            values = _checked((yield from read(READ_HISTOGRAM, wait_s=wait_s)))
        except (CodecError, LinkTimeout):
            if first:
                return None
            raise
        if values["nothing_counted"] and not (yield from _lit()):
            return None
        self._running = True
        return values

    def _start(self, wait_s: float) -> Conversation[None]:
        """Fan and laser on, and the histogram of an unknown time thrown away."""
        self._at_s += START_S
        power = blocks.decode_power((yield from read(READ_POWER, wait_s=wait_s)))
        fan, laser = power["fan_on"], power["laser_switch"]
        if not self._met and (fan or laser) and (yield from _left_alone()):
            yield from switched_off()
            fan = laser = 0
        self._met = True
        settle_s = GAP_S
        if not fan:
            yield from write(WRITE_POWER, power_option(FAN, True))
            settle_s = FAN_S
        if not laser:
            yield from write(WRITE_POWER, power_option(LASER, True), wait_s=settle_s)
            settle_s = LASER_S
        if not (yield from _lit(settle_s)):
            raise CodecError(
                "not_started", "fan or laser of the OPC-N3 stays off; check its 5 V supply"
            )
        yield from read(READ_HISTOGRAM)


def switched_off() -> Conversation[None]:
    """Laser off, then fan off."""
    yield from write(WRITE_POWER, power_option(LASER, False))
    yield from write(WRITE_POWER, power_option(FAN, False))


def _left_alone() -> Conversation[bool]:
    """Whether nobody read the unit for long. Its histogram, which tells, is gone then."""
    histogram = blocks.decode_histogram((yield from read(READ_HISTOGRAM)))
    return not histogram["crc_ok"] or histogram["sampling_period_s"] > LEFT_ALONE_S


def _checked(data: bytes) -> dict[str, Value]:
    """Channels of a histogram. Raises ChecksumMismatch, and CodecError for an empty one."""
    frame.check(READ_HISTOGRAM, data)
    values = blocks.decode_histogram(data)
    if not values["temperature_raw"] and not values["humidity_raw"]:
        raise CodecError("not_ready", "the OPC-N3 sent an empty histogram; it is still starting")
    return codec.read_histogram(values)


def _lit(wait_s: float = GAP_S) -> Conversation[bool]:
    """Whether fan and laser are on."""
    power = blocks.decode_power((yield from read(READ_POWER, wait_s=wait_s)))
    return bool(power["fan_on"] and power["laser_switch"])
