"""How to talk to an OPC-N3: who is there, and what to ask it how often (OPC-N3 sheet, section 10).

1. Fan and laser are switched off at the end. `test_farewell_switches_laser_and_fan_off`
2. However seldom readings are wanted, the unit is asked every 5 to 10 s (unit), and spoken to when
   the first one is not due yet. `test_a_counter_is_never_left_alone_however_seldom_readings_are`
3. Bin edges and PM diameters are settings of the unit, so labels are made of what it tells.
   `test_unit_is_identified_with_its_settings`
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fieldstation.errors import CodecError
from fieldstation.instruments.opc_n3 import blocks, channels
from fieldstation.instruments.opc_n3.commands import (
    CHECK_STATUS,
    READ_CONFIG,
    READ_INFO,
    READ_SERIAL,
)
from fieldstation.instruments.opc_n3.handshake import read, ready
from fieldstation.instruments.opc_n3.unit import LONGEST_STEP_S, Unit, switched_off
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

POWER_EVERY_S = 60.0


class OpcN3Driver:
    """The driver; see model.talk.Driver, Paced, Restless and Leaving. `every_s` lies between two
    readings.
    """

    kind = channels.KIND
    default_every_s = LONGEST_STEP_S
    # Section 1. Bytes may follow each other after 10 µs at the earliest.
    line = SpiLine(mode=1, hz=500_000, pause_us=20)
    resync: Exchange[Any] | None = None

    def __init__(self, every_s: float = LONGEST_STEP_S) -> None:
        self._every_s = every_s

    def paced(self, every_s: float) -> Driver:
        """The driver for readings so far apart."""
        return OpcN3Driver(every_s)

    def idle(self) -> Conversation[None]:
        """A unit that hears nothing for 65 s may begin to log on its own."""
        yield from ready(CHECK_STATUS)

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
        unit = Unit(self._every_s)
        return (
            Poll(_layout(identity), unit.reading),
            Poll(channels.POWER, unit.power, every=max(1, round(POWER_EVERY_S / self._every_s))),
        )

    def farewell(self) -> Conversation[None]:
        """Laser off, then fan off."""
        yield from switched_off()


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
