"""The door to OPC-N3 bytes for driver, twin, vectors, captures and the conformance kit.

A frame is what the unit sends during one transaction, busy bytes included; its name is the
command's. `decode_frame` gives the sheet's names, `read_frame` the channels that are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fieldstation.errors import CodecError
from fieldstation.instruments.opc_n3 import blocks, frame
from fieldstation.instruments.opc_n3 import vectors as vector_forms
from fieldstation.instruments.opc_n3.channels import BINS, MTOF_BINS
from fieldstation.instruments.opc_n3.commands import BY_NAME, Command
from fieldstation.model import Channel, Kind, Value
from fieldstation.model.talk import FrameEnd

__all__ = [
    "CHECKED", "FRAMES", "FRAME_LIMIT", "decode_frame", "decode_vector", "encode_frame",
    "frame_end", "read_frame", "read_histogram", "read_power", "vector_frame",
]  # fmt: skip

CHECKED = frozenset({"read_histogram", "read_pm"})
"""Only these carry a checksum."""

FRAME_LIMIT = frame.FRAME_LIMIT

decode_vector = vector_forms.decode_vector
vector_frame = vector_forms.vector_frame

DECODERS: dict[str, Callable[[bytes], dict[str, Any]]] = {
    "read_histogram": blocks.decode_histogram,
    "read_pm": blocks.decode_pm,
    "read_config": blocks.decode_config,
    "read_power_status": blocks.decode_power,
    "read_info": blocks.decode_info,
    "read_serial": blocks.decode_serial,
    "read_firmware": blocks.decode_firmware,
}


def decode_frame(name: str, data: bytes) -> dict[str, Any]:
    """Values of the reply to the command `name`; without a name the command is guessed by length
    and named under `command`. Raises CodecError.
    """
    if not name:
        return {"command": (guessed := _guess(data))} | decode_frame(guessed, data)
    command = _command(name)
    block = frame.open_reply(command, data)
    frame.check(command, block)
    return DECODERS[name](block)


def read_frame(name: str, data: bytes) -> dict[str, Value]:
    """What is kept of the reply to the command `name`, by channel name; empty for commands that
    bring no readings. Raises CodecError.
    """
    values = decode_frame(name, data)
    if name == "read_histogram":
        return read_histogram(values)
    return read_power(values) if name == "read_power_status" else {}


def encode_frame(name: str, values: Mapping[str, Any]) -> bytes:
    """What a unit sends that has `values`, given by the sheet's names. Raises CodecError for a
    command that reads nothing of this kind.
    """
    encode = _ENCODERS.get(name)
    if encode is None:
        raise CodecError("unsupported", f"no reply to {name!r} is made of values")
    return frame.close_reply(encode(values))


def frame_end(name: str) -> FrameEnd:
    """Where the reply to the command `name` ends. Raises CodecError for a name that is none."""
    return frame.frame_end(_command(name))


def read_histogram(values: Mapping[str, Any]) -> dict[str, Value]:
    """Channels of a decoded histogram. PM that is no mass and concentrations of no volume are
    None, each with its flag (OPC-N3 sheet, sections 7.2 and 8.2).
    """
    counts: list[int] = values["bins"]
    numbers: list[float | None] = values["bin_conc_per_cm3"] or [None] * BINS
    pm = {name: values[name] for name in ("pm_a", "pm_b", "pm_c")}
    kept: dict[str, Value] = {
        name: mass if blocks.valid_pm(mass) else None for name, mass in pm.items()
    }
    kept |= {"temperature": values["temperature_c"], "humidity": values["humidity_pct"]}
    kept |= {"total_concentration": values["total_conc_per_cm3"]}
    kept |= {f"bin_{at}_concentration": number for at, number in enumerate(numbers)}
    kept |= {f"bin_{at}_count": count for at, count in enumerate(counts)}
    kept |= {f"mtof_bin_{b}": t for b, t in zip(MTOF_BINS, values["mtof_us"], strict=True)}
    kept |= {
        "sampling_period": values["sampling_period_s"],
        "sample_flow_rate": values["sample_flow_rate_ml_s"],
        **{name: values[name] for name in blocks.REJECTS},
        "fan_revolutions": values["fan_rev_count"],
        "laser_status": values["laser_status"],
        "no_sample_volume": values["bin_conc_per_cm3"] is None,
        "pm_invalid": not all(map(blocks.valid_pm, pm.values())),
        "saturated": blocks.FULL in counts,
        "nothing_counted": not any(counts) and not any(pm.values()),
    }
    return kept


def read_power(values: Mapping[str, Any]) -> dict[str, Value]:
    """Channels of a decoded power status."""
    return {
        "fan_on": bool(values["fan_on"]),
        "laser_on": bool(values["laser_switch"]),
        "laser_dac_on": bool(values["laser_dac_on"]),
        "fan_dac": values["fan_dac"],
        "laser_dac": values["laser_dac"],
        "high_gain": values["high_gain"],
        "automatic_gain": values["auto_gain_toggle"],
    }


def _command(name: str) -> Command:
    if name not in DECODERS:
        raise CodecError("unsupported", f"{name!r} is no command of an OPC-N3 that reads")
    return BY_NAME[name]


# Commands of one length look alike; then the first is meant.
_GUESSES = (
    "read_histogram", "read_config", "read_info", "read_pm", "read_power_status", "read_firmware",
)  # fmt: skip


def _guess(data: bytes) -> str:
    at = frame.ready_at(data)
    rest = len(data) - 1 - (len(data) if at is None else at)
    for name in _GUESSES:
        if BY_NAME[name].reads == rest:
            return name
    raise CodecError("unexpected_reply", f"no command reads {max(rest, 0)} bytes", data=data)


_ENCODERS: dict[str, Callable[[Mapping[str, Any]], bytes]] = {
    "read_histogram": blocks.encode_histogram,
    "read_pm": blocks.encode_pm,
    "read_config": blocks.encode_config,
    "read_power_status": blocks.encode_power,
}


def _raw(*names: str, high: int = 65_535) -> tuple[Channel, ...]:
    return tuple(Channel(name, Kind.INTEGER, low=0, high=high) for name in names)


def _scaled(*names: str, high: float, decimals: int) -> tuple[Channel, ...]:
    return tuple(Channel(name, Kind.NUMBER, low=0, high=high, decimals=decimals) for name in names)


# Whole micrograms are exact in the unit's short floats.
_PM = _scaled("pm_a", "pm_b", "pm_c", high=10_000, decimals=0)

FRAMES: tuple[tuple[str, tuple[Channel, ...]], ...] = (
    (
        "read_histogram",
        (
            *_PM,
            *_scaled("sampling_period_s", "sample_flow_rate_ml_s", high=655.35, decimals=2),
            *_raw("temperature_raw", "humidity_raw", *blocks.REJECTS, "laser_status"),
        ),
    ),
    ("read_pm", _PM),
    ("read_power_status", _raw("fan_dac", "laser_dac", high=255)),
    ("read_config", _raw("max_tof")),
)
"""Replies that `encode_frame` makes, each with the values that it carries."""
