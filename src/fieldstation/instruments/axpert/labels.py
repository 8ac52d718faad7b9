"""Codes of PI30 enumerations and what they mean. Sections are those of the PI30 sheet."""

from __future__ import annotations

from collections.abc import Mapping

Codes = Mapping[int | str, str]


def _counted(words: str) -> Codes:
    return dict(enumerate(words.split()))


# Section 5.2; C is "charge" in the GK/MK document, one peer calls it bypass.
DEVICE_MODE: Codes = {
    "P": "power_on",
    "S": "standby",
    "L": "line",
    "B": "battery",
    "F": "fault",
    "H": "power_saving",
    "D": "shutdown",
    "C": "charge",
    "Y": "bypass",
    "E": "eco",
}
# Section 5.3, tokens 13 to 27.
BATTERY_TYPE = _counted("agm flooded user pylontech shinheung weco soltaro bak lib lic")
INPUT_VOLTAGE_RANGE = _counted("appliance ups")
OUTPUT_SOURCE_PRIORITY = _counted("utility_first solar_first sbu_first hybrid")
CHARGER_SOURCE_PRIORITY = _counted("utility_first solar_first solar_and_utility solar_only")
MACHINE_TYPE: Codes = {
    "00": "grid_tie",
    "01": "off_grid",
    "10": "hybrid",
    "11": "off_grid_2_trackers",
    "20": "off_grid_3_trackers",
}
TOPOLOGY = _counted("transformerless transformer")
OUTPUT_MODE = _counted(
    "single parallel phase_1_of_3 phase_2_of_3 phase_3_of_3 phase_1_of_2 phase_2_of_2_120deg"
    " phase_2_of_2_180deg"
)
PV_OK_CONDITION = _counted("any_unit all_units")
PV_POWER_BALANCE = _counted("charge_current_limit charge_plus_load")
OPERATION_LOGIC = _counted("automatic online eco")
# Section 5.11.
CHARGING_STAGES = _counted("automatic two_stage three_stage")
# Section 5.17.
CHARGE_STAGE: Codes = {"10": "not_charging", "11": "bulk", "12": "absorb", "13": "float"}
# Section 5.6, token 20: two bits together.
BATTERY_STATUS: Codes = {"00": "normal", "01": "under", "10": "open"}
# Section 5.1: which side of the solar charger token 13 of QPIGS measures.
CURRENT_SIDE: Codes = {"battery": "battery side", "pv": "panel side"}
