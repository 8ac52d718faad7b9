"""What leaves as CSV reads back as it was, and harms nobody's spreadsheet."""

from __future__ import annotations

import csv
import io
import math

from hypothesis import given
from hypothesis import strategies as st

from fieldstation.export.csv import csv_text
from fieldstation.model import Channel, Kind

VOLTAGE = Channel("battery_voltage", Kind.NUMBER, "V")
COUNT = Channel("cells", Kind.INTEGER)
LAMP = Channel("lamp_on", Kind.FLAG)
NOTE = Channel("note", Kind.TEXT)


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=20))
def test_numbers_read_back_bit_for_bit(values: list[float]) -> None:
    text = "".join(csv_text([VOLTAGE], [(range(len(values)), [values])]))
    back = [float(row[1]) for row in rows_of(text)[1:]]
    assert [math.copysign(1, v) for v in back] == [math.copysign(1, v) for v in values]
    assert back == values


def test_every_kind_has_its_form_and_no_value_is_an_empty_cell() -> None:
    columns = [[51.2, math.nan], [3.0, None], [1.0, None], ['a "b", c', None]]
    text = "".join(csv_text([VOLTAGE, COUNT, LAMP, NOTE], [([1_500_000, 2_000_000], columns)]))
    assert rows_of(text)[1:] == [
        ["1970-01-01T00:00:01.500000Z", "51.2", "3", "true", 'a "b", c'],
        ["1970-01-01T00:00:02.000000Z", "", "", "", ""],
    ]


def test_a_row_of_units_stands_below_the_names_when_asked_for() -> None:
    text = "".join(csv_text([VOLTAGE, COUNT], [], unit_row=True))
    assert rows_of(text) == [["time", "battery_voltage", "cells"], ["UTC", "V", ""]]


def test_a_hostile_text_is_no_formula() -> None:
    text = "".join(csv_text([NOTE], [([0, 0], [["=cmd|'/c calc'!A1", "@SUM(A1)"]])]))
    assert [row[1][0] for row in rows_of(text)[1:]] == ["'", "'"]


def test_a_hostile_unit_is_no_formula() -> None:
    channel = Channel("own_sensor", Kind.NUMBER, "=1+1")
    text = "".join(csv_text([channel], [], unit_row=True))
    assert rows_of(text)[1] == ["UTC", "'=1+1"]
