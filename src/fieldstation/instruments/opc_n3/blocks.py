"""The blocks of bytes that an OPC-N3 gives, to plain values and back (OPC-N3 sheet, sections 4 to
9). Names are those of the sheet. All numbers are little-endian.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from fieldstation.errors import CodecError
from fieldstation.instruments.opc_n3.channels import BINS, BOUNDARIES_UM, PM_DIAMETERS_UM
from fieldstation.protocol.checksum import crc16_modbus

HISTOGRAM = struct.Struct("<24H4B4H3f7H")
PM = struct.Struct("<3fH")
CONFIG = struct.Struct("<25H25H24H3H4H6B")
CONFIG_WRITE = struct.Struct("<25H25H24H3H4H5B")

# A counter stops (or wraps, nobody knows) here.
FULL = 65_535

REJECTS = ("reject_glitch", "reject_long_tof", "reject_ratio", "reject_out_of_range")

# Section 7.1: edges in units of the converter, of a real unit.
BOUNDARIES_ADC = (
    14, 40, 80, 120, 145, 215, 340, 590, 846, 1363, 2029, 2848, 4119, 5527, 7076, 8624, 10204,
    11815, 13457, 15897, 18305, 20698, 22966, 25140, 27158,
)  # fmt: skip
# Section 9, in wire order behind the PM diameters.
CONFIG_NUMBERS = (
    "max_tof", "am_sampling_interval_count", "am_idle_interval_count", "am_max_data_arrays_in_file",
    "am_only_save_pm", "am_fan_on_in_idle", "am_laser_on_in_idle", "tof_to_sfr_factor", "pvp",
    "bin_weighting_index",
)  # fmt: skip
FACTORY_CONFIG: dict[str, Any] = {
    "bin_boundaries_adc": list(BOUNDARIES_ADC),
    "bin_boundaries_um": list(BOUNDARIES_UM),
    "bin_weightings_raw": [165] * BINS,
    "pm_diameter_a_um": PM_DIAMETERS_UM[0],
    "pm_diameter_b_um": PM_DIAMETERS_UM[1],
    "pm_diameter_c_um": PM_DIAMETERS_UM[2],
    **dict(zip(CONFIG_NUMBERS, (4095, 1, 0, 61798, 0, 0, 0, 56, 48, 2), strict=True)),
}


# --- histogram and PM ---


def decode_histogram(data: bytes) -> dict[str, Any]:
    """All that 86 bytes say, a wrong checksum included (`crc_ok`). Floats may be NaN or infinite
    here. Concentrations are None when no volume was sampled.
    """
    values = HISTOGRAM.unpack(data)
    bins, mtof, (period, flow, temperature, humidity) = values[:24], values[24:28], values[28:32]
    period_s, flow_ml_s = period / 100, flow / 100
    volume_ml = period_s * flow_ml_s
    numbers = [count / volume_ml for count in bins] if volume_ml else None
    return {
        **crc(data),
        "bins": list(bins),
        "mtof_raw": list(mtof),
        "mtof_us": [raw / 3 for raw in mtof],
        "sampling_period_s": period_s,
        "sample_flow_rate_ml_s": flow_ml_s,
        "sample_volume_ml": volume_ml,
        "temperature_raw": temperature,
        "temperature_c": -45 + 175 * temperature / 65535,
        "humidity_raw": humidity,
        "humidity_pct": 100 * humidity / 65535,
        **_pm(values[32:35]),
        **dict(zip((*REJECTS, "fan_rev_count", "laser_status"), values[35:41], strict=True)),
        "bin_conc_per_cm3": numbers,
        "total_conc_per_cm3": sum(bins) / volume_ml if volume_ml else None,
    }


def encode_histogram(values: Mapping[str, Any]) -> bytes:
    """86 bytes with a right checksum; what `values` lacks is zero."""
    return _sealed(
        HISTOGRAM.pack(
            *values.get("bins", (0,) * BINS),
            *values.get("mtof_raw", (0,) * 4),
            round(values.get("sampling_period_s", 0) * 100),
            round(values.get("sample_flow_rate_ml_s", 0) * 100),
            values.get("temperature_raw", 0),
            values.get("humidity_raw", 0),
            *(values.get(f"pm_{letter}", 0.0) for letter in "abc"),
            *(values.get(name, 0) for name in (*REJECTS, "fan_rev_count", "laser_status")),
            0,
        )
    )


def decode_pm(data: bytes) -> dict[str, Any]:
    """All that 14 bytes say, a wrong checksum included (`crc_ok`)."""
    return crc(data) | _pm(PM.unpack(data)[:3])


def encode_pm(values: Mapping[str, Any]) -> bytes:
    """14 bytes with a right checksum."""
    return _sealed(PM.pack(*(values.get(f"pm_{letter}", 0.0) for letter in "abc"), 0))


def status_of(values: Mapping[str, Any]) -> str:
    """`ok`, or what is wrong with a decoded histogram or PM block, joined by `+`."""
    faults = []
    if not values["crc_ok"]:
        faults.append("crc_error")
    if values.get("bin_conc_per_cm3", ()) is None:
        faults.append("no_sample_volume")
    if not all(valid_pm(values[f"pm_{letter}"]) for letter in "abc"):
        faults.append("pm_invalid")
    return "+".join(faults) or "ok"


def valid_pm(value: float) -> bool:
    """False for what is no mass: NaN, infinite, negative (section 8.2)."""
    return math.isfinite(value) and value >= 0


def _pm(values: Sequence[float]) -> dict[str, float]:
    return {f"pm_{letter}": value for letter, value in zip("abc", values, strict=True)}


def crc(data: bytes) -> dict[str, Any]:
    """Length and checksums of a block whose last two bytes are its checksum."""
    received, computed = int.from_bytes(data[-2:], "little"), crc16_modbus(data[:-2])
    return {
        "length": len(data),
        "crc_received": received,
        "crc_computed": computed,
        "crc_ok": received == computed,
    }


def _sealed(data: bytes) -> bytes:
    body = data[:-2]
    return body + crc16_modbus(body).to_bytes(2, "little")


# --- the rest ---


def decode_power(data: bytes) -> dict[str, Any]:
    """The six bytes of power status (section 6)."""
    fan, laser_dac_on, fan_dac, laser_dac, laser, gain = data
    return {
        "fan_on": fan,
        "laser_dac_on": laser_dac_on,
        "fan_dac": fan_dac,
        "laser_dac": laser_dac,
        "laser_switch": laser,
        "high_gain": bool(gain & 1),
        "auto_gain_toggle": bool(gain & 2),
    }


def encode_power(values: Mapping[str, Any]) -> bytes:
    """Six bytes; what `values` lacks is as after power-up."""
    gain = values.get("high_gain", True) | values.get("auto_gain_toggle", True) << 1
    names = ("fan_on", "laser_dac_on", "fan_dac", "laser_dac", "laser_switch")
    defaults = (0, 1, 255, 140, 0)
    return bytes((*map(values.get, names, defaults), gain))


def decode_config(data: bytes) -> dict[str, Any]:
    """The configuration, 168 bytes as read or 167 as written. Raises CodecError when the block
    cannot be one: it has no checksum, but edges and diameters must rise.
    """
    form = CONFIG if len(data) == CONFIG.size else CONFIG_WRITE
    values = form.unpack(data)
    adc, micrometres, diameters = values[:25], values[25:50], values[74:77]
    for series in (adc, micrometres, diameters):
        if any(low >= high for low, high in pairwise(series)):
            raise CodecError("bad_config", "bin edges or PM diameters do not rise", data=data)
    return {
        "bin_boundaries_adc": list(adc),
        "bin_boundaries_um": [edge / 100 for edge in micrometres],
        "bin_weightings_raw": list(values[50:74]),
        **{
            f"pm_diameter_{letter}_um": size / 100
            for letter, size in zip("abc", diameters, strict=True)
        },
        **dict(zip(CONFIG_NUMBERS, values[77:], strict=False)),
    }


def encode_config(values: Mapping[str, Any]) -> bytes:
    """168 bytes; what `values` lacks is as it leaves the factory."""
    full = FACTORY_CONFIG | dict(values)
    return CONFIG.pack(
        *full["bin_boundaries_adc"],
        *(round(edge * 100) for edge in full["bin_boundaries_um"]),
        *full["bin_weightings_raw"],
        *(round(full[f"pm_diameter_{letter}_um"] * 100) for letter in "abc"),
        *(full[name] for name in CONFIG_NUMBERS),
    )


def decode_text(data: bytes) -> str:
    """Characters of a text block; what an idle line leaves (00, FF) is taken out."""
    return data.replace(b"\0", b"").replace(b"\xff", b"").decode("ascii", "replace")


def decode_info(data: bytes) -> dict[str, Any]:
    """Model and firmware of the information text (section 4.2)."""
    text = decode_text(data)
    firmware = text.partition("FirmwareVer=")[2].partition("..")[0]
    return {"text": text, "model": (text.split() or [""])[0], "firmware": firmware.strip()}


def encode_info(model: str, firmware: str) -> bytes:
    """The information text, 60 characters."""
    return f"{model} Iss1.1 FirmwareVer={firmware}".encode().ljust(58, b".")[:58] + b"BS"


def decode_serial(data: bytes) -> dict[str, Any]:
    """The serial number is the second word of its text (section 4.2)."""
    text = decode_text(data)
    words = text.split()
    return {"text": text, "serial": words[1] if len(words) > 1 else ""}


def encode_serial(model: str, serial: str) -> bytes:
    """The serial number text, 60 characters."""
    return f"{model} {serial}".encode().ljust(60)[:60]


def decode_firmware(data: bytes) -> dict[str, Any]:
    """Major and minor version."""
    return {"major": data[0], "minor": data[1]}
