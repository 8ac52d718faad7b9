"""The tables of old gateways: their columns, and the channels that they become.

Source: wire-compatibility sheet, C.4. A column that an OPC-N3 of today has too is the same channel,
found by its old name; all are numbers, as the old logger rounded everything to one decimal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite

from fieldstation.batch.limits import LIMITS, MOST_INTEGER
from fieldstation.errors import CodecError
from fieldstation.hub.legacy.stamps import Doubt
from fieldstation.instruments.opc_n3.channels import BINS, HISTOGRAM, KIND, MTOF_BINS
from fieldstation.model import Channel, Kind, Layout, Value

ROW_NAME = ("rdg_no", "timestamp", "gadget_id")
MEASURED = ("temp", "rh", "pm_01", "pm_25", "pm_10")
LONG = (
    *ROW_NAME, *MEASURED,
    *(f"bin_{at}" for at in range(BINS)),
    *(f"bin{at}_mtof" for at in MTOF_BINS),
    "sampling_period", "sample_flow_rate",
    "reject_count_glitch", "reject_count_longtof", "reject_count_ratio", "reject_count_outofrange",
    "fan_rev_count", "last_status", "checksum",
)  # fmt: skip
# Made by the batcher when it runs before the logger.
SHORT = (*ROW_NAME, *MEASURED, "raw_data")

NUMBER = re.compile(r"\d{1,16}", re.ASCII)
# What the old programs write where there is no value.
MISSING = ("", "None", "nan", "NaN", "NULL")

_TODAY = {channel.old_name: channel for channel in HISTOGRAM.channels if channel.old_name}
_OWN = {
    "checksum": Channel("checksum", Kind.NUMBER, label="Checksum", old_name="checksum"),
    "raw_data": Channel("raw_data", Kind.TEXT, label="Raw data", old_name="raw_data"),
}
_OF_THE_ROW = (
    Channel("number", Kind.INTEGER, label="Number at the gateway", old_name="rdg_no"),
    Channel("stamp", Kind.TEXT, label="Time as the gateway wrote it", old_name="timestamp"),
    Channel(
        "stamp_doubt",
        Kind.ENUM,
        label="Clock change",
        codes={
            int(Doubt.NONE): "no",
            int(Doubt.TWICE): "happened twice",
            int(Doubt.SKIPPED): "never happened",
        },
    ),
)


def _channel(column: str) -> Channel:
    if column in _OWN:
        return _OWN[column]
    return replace(_TODAY[column], kind=Kind.NUMBER)


def _layout(name: str, columns: Sequence[str]) -> Layout:
    measured = (_channel(column) for column in columns[len(ROW_NAME) :])
    return Layout(KIND, name, (*_OF_THE_ROW, *measured))


LAYOUTS = {
    len(LONG): _layout("old_batch", LONG),
    len(SHORT): _layout("old_batch_short", SHORT),
}
"""The two variants by their number of columns, which is how they are told apart."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number, time and gadget as written (gadget empty when missing), and the measured
    values in column order.
    """

    number: int
    stamp: str
    gadget: str
    values: tuple[Value, ...]


def row_of(fields: Sequence[str], layout: Layout) -> Row:
    """The row in these fields of a table with this layout. Raises CodecError `bad_value`."""
    channels = layout.channels[len(_OF_THE_ROW) :]
    if len(fields) != len(ROW_NAME) + len(channels):
        raise CodecError("bad_value", f"a row has {len(fields)} columns")
    number, stamp, gadget = (field.strip() for field in fields[: len(ROW_NAME)])
    if not NUMBER.fullmatch(number) or int(number) >= MOST_INTEGER:
        raise CodecError("bad_value", f"{number[:40]!r} is no number of a reading")
    measured = zip(channels, fields[len(ROW_NAME) :], strict=True)
    values = tuple(_value(channel, field.strip()) for channel, field in measured)
    return Row(int(number), stamp, "" if gadget in MISSING else gadget, values)


def _value(channel: Channel, field: str) -> Value:
    if field in MISSING:
        return None
    if channel.kind is Kind.TEXT:
        if len(field) > LIMITS.text:
            raise CodecError("bad_value", f"{channel.old_name} has {len(field)} characters")
        return field
    try:
        number = float(field)
    except ValueError as error:
        raise CodecError("bad_value", f"{channel.old_name} is {field[:40]!r}") from error
    return number if isfinite(number) else None
