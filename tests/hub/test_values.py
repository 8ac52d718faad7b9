"""How values are written on the pages; no server. The browser writes them alike
(`tests/browser/test_values.py`).
"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.hub.instruments.words import TELLING, decimals_shown, number_text
from fieldstation.instruments import registry
from fieldstation.model import Channel, Kind

CHANNELS = {
    f"{kind}.{channel.name}": channel
    for kind in registry.kinds()
    for layout in registry.layouts(kind)
    for channel in layout.channels
}


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("tristar_mppt.battery_current", 0.0, "0.00"),
        ("tristar_mppt.battery_current", -12.3456, "-12.35"),
        ("tristar_mppt.battery_current", -0.001, "0.00"),
        ("tristar_mppt.array_voltage", 0.0, "0.0"),
        ("tristar_mppt.array_voltage", 118.349, "118.3"),
        ("tristar_mppt.supply_3v_voltage", 3.29876, "3.299"),
        ("emus_bms.remaining_capacity", 123.4567, "123.5"),
        ("emus_bms.cell_voltage_0", 3.39, "3.39"),
        ("se521.temperature_1", 20.222, "20.2"),
        ("si7020.humidity", 53.84, "53.8"),
        ("opc_n3.total_concentration", 0.0, "0.00"),
        ("opc_n3.total_concentration", 0.034, "0.034"),
        ("opc_n3.total_concentration", 456.789, "456.8"),
        ("veml7700.illuminance", 0.0042, "0.004"),
        ("veml7700.illuminance", 12345.678, "12345.7"),
        ("axpert.ac_output_active_power", 350, "350"),
    ],
)
def test_a_number_has_the_decimals_that_its_range_makes_worth_reading(
    name: str, value: float, text: str
) -> None:
    assert number_text(CHANNELS[name], value) == text


def test_a_channel_without_a_range_shows_what_its_table_says() -> None:
    assert decimals_shown(Channel("level", Kind.NUMBER, "m", decimals=3)) == 3
    assert number_text(Channel("level", Kind.NUMBER, "m"), 1.23456789) == "1.23457"


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
RANGES = st.none() | st.floats(-1e6, 1e6)
MEASURED = st.builds(
    Channel, st.just("a"), st.just(Kind.NUMBER), low=RANGES, high=RANGES, decimals=st.integers(1, 6)
)


@given(MEASURED, NUMBERS)
def test_any_number_is_written_near_itself_and_never_as_minus_nothing(
    channel: Channel, value: float
) -> None:
    text = number_text(channel, value)
    found = re.fullmatch(r"-?\d+(?:\.(\d+))?", text)
    assert found is not None, text
    places = len(found[1] or "")
    assert places <= min(channel.decimals, TELLING - 1)
    assert abs(float(text) - value) <= 0.5 * 10**-places * 1.001 + abs(value) * 1e-12
    assert text.startswith("-") is (value < 0 and float(text) != 0)
