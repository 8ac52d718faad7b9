"""From a reply to what is kept: names that are unique in the instrument, and derived values.

1. Only channels of the query's layout pass; labels, lists and raw extras stay behind.
2. Current into the battery is positive (test_battery_current_is_signed).
3. A token that is missing makes everything derived from it missing, never zero.
4. What models do differently and no reply tells is a rule that the operator may change
   (`Rules`; test_what_no_reply_tells_is_an_option).
5. A Sorotec Revo says PI30 and gives two tokens of the status another meaning: PV power and the
   energy of the day (section 5.19). Its apparent power is always 0; of such a status only the PV
   power is kept of these two (test_a_revo_gives_its_pv_power_and_no_false_current).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fieldstation.instruments.axpert import channels
from fieldstation.instruments.axpert.channels import RENAMED
from fieldstation.instruments.axpert.reply import Reply, split
from fieldstation.model import Channel, Kind, Layout, Value

BY_FORM, UTILITY_FIRST, SOLAR_FIRST = "by_form", "utility_first", "solar_first"


@dataclass(frozen=True, slots=True)
class Rules:
    """What differs between models and no reply tells (sections 5.14, 5.1 and 8.17): the unit of the
    energy totals, where the PV current is measured, and what code 0 of the charger source means.
    """

    energy_totals_in: str = "Wh"
    pv_current_side: str = BY_FORM
    charger_source_0: str = UTILITY_FIRST


USUAL = Rules()

_COUNTERS = ("QET", "QEY", "QEM", "QED", "QLT", "QLY", "QLM", "QLD")
KEPT_IN: dict[str, Layout] = {
    "QPIGS": channels.STATUS,
    "QMOD": channels.STATUS,
    "QPIGS2": channels.TRACKERS,
    "QPIWS": channels.WARNINGS,
    "Q1": channels.CHARGER,
    "QBMS": channels.BMS,
    "QFLAG": channels.SWITCHES,
    "QPIRI": channels.RATINGS,
    "QBEQI": channels.EQUALIZATION,
} | dict.fromkeys(_COUNTERS, channels.ENERGY)
"""The layout that each query's reply belongs to; replies to others are not kept."""

# Position of the PV current in QPIGS.
_PV_CURRENT = 12


def kept(reply: Reply, rules: Rules = USUAL) -> dict[str, Value]:
    """Values by channel name of the query's layout, each of the type its channel demands."""
    name, _argument = split(reply.command)
    if name not in KEPT_IN or "ack" in reply.values:
        return {}
    values = dict(reply.values.get("flags", reply.values))
    if name == "QPIGS":
        values |= _derive_status(reply, rules)
    if name == "QPIWS":
        values |= _derive_warnings(reply)
    values |= _ruled(values, rules)
    renamed = {RENAMED.get((name, key), key): value for key, value in values.items()}
    return {
        channel.name: _typed(channel, renamed[channel.name])
        for channel in KEPT_IN[name].channels
        if channel.name in renamed
    }


def _typed(channel: Channel, value: Value) -> Value:
    if isinstance(value, int | float):
        if channel.kind is Kind.NUMBER:
            return float(value)
        if channel.kind is Kind.INTEGER:
            return round(value)
    return value


def _ruled(values: dict[str, Value], rules: Rules) -> dict[str, Value]:
    """What the rules make of values that models count differently."""
    found: dict[str, Value] = {}
    if rules.energy_totals_in == "kWh":
        totals = ("pv_energy_total", "load_energy_total")
        found = {key: 1000 * value for key in totals if isinstance(value := values.get(key), int)}
    source = values.get("charger_source_priority")
    if rules.charger_source_0 == SOLAR_FIRST and isinstance(source, int):
        found["charger_source_priority"] = source + 1
    return found


def _derive_status(reply: Reply, rules: Rules) -> dict[str, Value]:
    values = reply.values
    if values["ac_output_apparent_power"] == 0 and (values["ac_output_active_power"] or 0) > 0:
        return _of_a_revo(values)
    token = reply.tokens[_PV_CURRENT]
    volts, scc_volts = values["battery_voltage"], values["battery_voltage_scc"]
    charge, discharge = values["battery_charging_current"], values["battery_discharge_current"]
    current = None if charge is None or discharge is None else charge - discharge
    power = None if current is None or volts is None else round(current * volts, 1)
    amps = values["pv1_input_current"]
    side = None if amps is None else _side(token, rules)
    derived: dict[str, Value] = {
        "battery_current": current,
        "battery_power": power,
        "pv1_current_side": side,
    }
    if "pv1_charging_power" not in values and side == "battery" and scc_volts is not None:
        derived["pv1_charging_power"] = round(amps * scc_volts)
    return derived


def _side(token: str, rules: Rules) -> str:
    if rules.pv_current_side != BY_FORM:
        return rules.pv_current_side
    return "pv" if "." in token else "battery"


def _of_a_revo(values: dict[str, Any]) -> dict[str, Value]:
    wrong = ("pv1_input_current", "battery_discharge_current")
    return {**dict.fromkeys(wrong), "pv1_charging_power": values["pv1_input_current"]}


def _derive_warnings(reply: Reply) -> dict[str, Value]:
    faults, warnings = reply.values["faults"], reply.values["warnings"]
    return {
        "fault_count": len(faults),
        "warning_count": len(warnings),
        "fault_names": ",".join(faults),
        "warning_names": ",".join(warnings),
    }
