"""From a reply to what is kept: names that are unique in the instrument, and derived values.

1. Only channels of the query's layout pass; labels, lists and raw extras stay behind.
2. Current into the battery is positive (test_battery_current_is_signed).
3. A token that is missing makes everything derived from it missing, never zero.
"""

from __future__ import annotations

from fieldstation.instruments.axpert import channels
from fieldstation.instruments.axpert.channels import RENAMED
from fieldstation.instruments.axpert.reply import Reply, split
from fieldstation.model import Channel, Kind, Layout, Value

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


def kept(reply: Reply) -> dict[str, Value]:
    """Values by channel name of the query's layout, each of the type its channel demands."""
    name, _argument = split(reply.command)
    if name not in KEPT_IN or "ack" in reply.values:
        return {}
    values = dict(reply.values.get("flags", reply.values))
    if name == "QPIGS":
        values |= _derive_status(reply)
    if name == "QPIWS":
        values |= _derive_warnings(reply)
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


def _derive_status(reply: Reply) -> dict[str, Value]:
    values, token = reply.values, reply.tokens[_PV_CURRENT]
    volts, scc_volts = values["battery_voltage"], values["battery_voltage_scc"]
    charge, discharge = values["battery_charging_current"], values["battery_discharge_current"]
    current = None if charge is None or discharge is None else charge - discharge
    power = None if current is None or volts is None else round(current * volts, 1)
    amps = values["pv1_input_current"]
    side = None if amps is None else "pv" if "." in token else "battery"
    derived: dict[str, Value] = {
        "battery_current": current,
        "battery_power": power,
        "pv1_current_side": side,
    }
    if "pv1_charging_power" not in values and side == "battery" and scc_volts is not None:
        derived["pv1_charging_power"] = round(amps * scc_volts)
    return derived


def _derive_warnings(reply: Reply) -> dict[str, Value]:
    faults, warnings = reply.values["faults"], reply.values["warnings"]
    return {
        "fault_count": len(faults),
        "warning_count": len(warnings),
        "fault_names": ",".join(faults),
        "warning_names": ",".join(warnings),
    }
