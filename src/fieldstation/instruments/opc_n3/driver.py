"""How to talk to an OPC-N3: who is there, keep it running, read it (OPC-N3 sheet, sections 10, 15).

1. A unit is taken as it is found: still running after a crash, out of step, fan or laser off. Only
   what is off is switched on, and power status tells whether it worked.
   `test_unit_left_running_by_a_crash_is_used_as_it_is`
2. The first histogram after a start, a fault or a pause covers an unknown time and is thrown away.
   `test_first_histogram_is_thrown_away`
3. A histogram with a wrong checksum is never kept. Its counters are gone, so rule 2 follows.
   `test_damaged_histogram_costs_one_period_and_is_never_kept`
4. When nothing at all is counted, power status is asked: a unit that lost fan or laser is started
   again. `test_unit_that_lost_its_laser_is_started_again`
5. Fan and laser are switched off at the end. `test_farewell_switches_laser_and_fan_off`
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fieldstation.errors import CodecError, LinkTimeout
from fieldstation.instruments.opc_n3 import blocks, channels, codec, frame
from fieldstation.instruments.opc_n3.commands import (
    CHECK_STATUS,
    FAN,
    LASER,
    READ_CONFIG,
    READ_HISTOGRAM,
    READ_INFO,
    READ_POWER,
    READ_SERIAL,
    WRITE_POWER,
    power_option,
)
from fieldstation.instruments.opc_n3.handshake import GAP_S, RECOVER_S, read, ready, write
from fieldstation.model import (
    Conversation,
    Driver,
    Exchange,
    Identity,
    Layout,
    Poll,
    SpiLine,
    Value,
)

MODEL = "OPC-N3"

# Section 2: the fan needs 5 s to a stable speed, the laser up to 1 s.
FAN_S = 5.0
LASER_S = 1.0
# Between the histogram that is thrown away and the first that counts (section 2: 2.5 to 10 s).
PERIOD_S = 2.5


class OpcN3Driver:
    """The driver; see model.talk.Driver."""

    kind = channels.KIND
    # Section 2: a histogram every 5 to 10 s; beyond 20 s counters may overflow.
    default_every_s = 10.0
    # Section 1. Bytes may follow each other after 10 µs at the earliest.
    line = SpiLine(mode=1, hz=500_000, pause_us=20)
    resync: Exchange[Any] | None = None

    def identify(self) -> Conversation[Identity]:
        """Model, serial number, firmware and settings. Raises CodecError for another model."""
        yield from ready(CHECK_STATUS)
        info = blocks.decode_info((yield from read(READ_INFO)))
        if info["model"] != MODEL:
            raise CodecError(
                "wrong_model", f"the unit calls itself {info['text'].strip()!r}, not an {MODEL}"
            )
        serial = blocks.decode_serial((yield from read(READ_SERIAL)))
        facts: dict[str, Value] = {"firmware": info["firmware"]}
        facts |= _config_facts((yield from read(READ_CONFIG)))
        return Identity(self.kind, serial["serial"], MODEL, facts)

    def plan(self, identity: Identity) -> Sequence[Poll]:
        """Histograms, and the state of fan and laser once a minute."""
        unit = _Unit()
        return (
            Poll(_layout(identity), unit.histogram),
            Poll(channels.POWER, unit.power, every=6),
        )

    def farewell(self) -> Conversation[None]:
        """Laser off, then fan off."""
        yield from write(WRITE_POWER, power_option(LASER, False))
        yield from write(WRITE_POWER, power_option(FAN, False))


class _Unit:
    """One connection to a unit. `_running` is False when the next histogram would cover an unknown
    time, or nothing.
    """

    def __init__(self) -> None:
        self._running = False

    def histogram(self) -> Conversation[dict[str, Value]]:
        """One histogram that covers a known period. Raises CodecError."""
        values = yield from self._attempt(first=True)
        if values is None:
            values = yield from self._attempt(first=False)
        if values is None:
            raise CodecError("unsettled", "the OPC-N3 counts nothing: fan or laser went off again")
        return values

    def power(self) -> Conversation[dict[str, Value]]:
        """State of fan, laser and gain."""
        values = codec.read_power(blocks.decode_power((yield from read(READ_POWER))))
        if not (values["fan_on"] and values["laser_on"]):
            self._running = False
        return values

    def _attempt(self, *, first: bool) -> Conversation[dict[str, Value] | None]:
        """A histogram; None when it cannot be used and asking once more makes sense."""
        wait_s = GAP_S if first else RECOVER_S
        if not self._running:
            yield from self._start(wait_s)
            wait_s = PERIOD_S
        self._running = False
        try:
            data = yield from read(READ_HISTOGRAM, wait_s=wait_s)
            frame.check(READ_HISTOGRAM, data)
        except (CodecError, LinkTimeout):
            if first:
                return None
            raise
        values = codec.read_histogram(blocks.decode_histogram(data))
        if values["nothing_counted"] and not (yield from _lit()):
            return None
        self._running = True
        return values

    def _start(self, wait_s: float) -> Conversation[None]:
        """Fan and laser on, and the histogram of an unknown time thrown away."""
        power = blocks.decode_power((yield from read(READ_POWER, wait_s=wait_s)))
        settle_s = GAP_S
        if not power["fan_on"]:
            yield from write(WRITE_POWER, power_option(FAN, True))
            settle_s = FAN_S
        if not power["laser_switch"]:
            yield from write(WRITE_POWER, power_option(LASER, True), wait_s=settle_s)
            settle_s = LASER_S
        if not (yield from _lit(settle_s)):
            raise CodecError(
                "not_started", "fan or laser of the OPC-N3 stays off; check its 5 V supply"
            )
        yield from read(READ_HISTOGRAM)


def _lit(wait_s: float = GAP_S) -> Conversation[bool]:
    """Whether fan and laser are on."""
    power = blocks.decode_power((yield from read(READ_POWER, wait_s=wait_s)))
    return bool(power["fan_on"] and power["laser_switch"])


def _config_facts(data: bytes) -> dict[str, Value]:
    """Bin edges and PM diameters, in µm, as text with blanks between; nothing from a block that
    cannot be right, as it has no checksum.
    """
    try:
        config: dict[str, Any] = blocks.decode_config(data)
    except CodecError:
        return {}
    diameters = [config[f"pm_diameter_{letter}_um"] for letter in "abc"]
    return {
        "bin_boundaries_um": _text(config["bin_boundaries_um"]),
        "pm_diameters_um": _text(diameters),
        "bin_weighting_index": config["bin_weighting_index"],
    }


def _layout(identity: Identity) -> Layout:
    boundaries, diameters = (
        _numbers(identity.facts.get(key)) for key in ("bin_boundaries_um", "pm_diameters_um")
    )
    if len(boundaries) != channels.BINS + 1 or len(diameters) != len(channels.PM_DIAMETERS_UM):
        return channels.HISTOGRAM
    return channels.histogram(boundaries, diameters)


def _text(numbers: Sequence[float]) -> str:
    return " ".join(f"{number:g}" for number in numbers)


def _numbers(text: Value) -> list[float]:
    return [float(word) for word in text.split()] if isinstance(text, str) else []


DRIVER: Driver = OpcN3Driver()
