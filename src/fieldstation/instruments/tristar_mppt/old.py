"""The documents of the previous system, key for key (TriStar MPPT sheet, sections 9.1 to 9.8).

They are made of the same channels, under their old names. Its server and its Raspberry Pi reader
spelled some keys and lists differently; a Spelling says how.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fieldstation.instruments.tristar_mppt import channels, labels
from fieldstation.instruments.tristar_mppt.forms import USUAL
from fieldstation.instruments.tristar_mppt.registers import BY_NAME
from fieldstation.instruments.tristar_mppt.values import SWITCHED, switches
from fieldstation.model import Layout, Value

Document = dict[str, dict[str, Any]]

INSTANTANEOUS = {
    "ADC data": channels.ADC,
    "Temperature data": channels.TEMPERATURE,
    "Status": channels.STATUS,
    "Charger Data": channels.CHARGER,
    "MPPT Data": channels.MPPT,
}
DAILY = {"Daily Logger Values": channels.DAILY, "Charge Settings": channels.SETTINGS}

STATES = {
    "charge_state": (
        {code: label.replace("_", " ").upper() for code, label in labels.CHARGE_STATE.items()},
        "Charge state value not recognized.",
    ),
    "led_state": (labels.OLD_LED_STATE, "LED State value not recognized."),
}
"""Old texts of codes, and the text for any other code."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """How one program wrote: `keys` other than the server's, the text of no bit set, what stands
    between and after texts, and whether the target voltage was left as a count.
    """

    keys: Mapping[str, str] = field(default_factory=dict)
    none: str | None = None
    between: str = ", "
    between_daily: str = ", "
    after: str = ""
    after_switch: str = ""
    unscaled_target: bool = False
    corrections: Mapping[str, str] = field(default_factory=dict)
    undefined: str = "N/A "


SPELLINGS = {
    "server": Spelling(),
    "pi_reader": Spelling(
        keys={
            "dipswitch": "DIP switch status",
            "target regulation voltage": "target regulatoin voltage",
        },
        none="",
        between_daily="",
        after=", ",
        after_switch=" ",
        unscaled_target=True,
        corrections={"Entered float": "Enered float"},
        undefined="N/A_",
    ),
}


def instantaneous(values: Mapping[str, Value], spelling: Spelling) -> Document:
    """The document sent in every loop, without `name` and `date`, of decoded registers."""
    return _document(INSTANTANEOUS, values, spelling)


def daily(values: Mapping[str, Value], spelling: Spelling) -> Document:
    """The document sent once a day."""
    return _document(DAILY, values, spelling)


def _document(
    parts: Mapping[str, Layout], values: Mapping[str, Value], spelling: Spelling
) -> Document:
    return {
        title: {
            spelling.keys.get(channel.old_name, channel.old_name): _old(
                channel.name, values[channel.name], spelling
            )
            for channel in layout.channels
            if channel.old_name and channel.name in values
        }
        for title, layout in parts.items()
    }


def _old(name: str, value: Value, spelling: Spelling) -> Any:
    if name in labels.BITS:
        return _list(name, int(value or 0), spelling)
    if name == SWITCHED:
        return " ".join(("OFF", "ON")[on] for on in switches(value)) + spelling.after_switch
    if name in STATES:
        texts, unknown = STATES[name]
        return texts.get(int(value or 0), unknown)
    if name == "target_voltage" and spelling.unscaled_target:
        return BY_NAME[name].form.encode(value, USUAL)[0]
    return value


def _list(name: str, mask: int, spelling: Spelling) -> str | None:
    texts = [_text(text, spelling) for text in labels.BITS[name].old_set_in(mask)]
    if not texts:
        return spelling.none
    if name.startswith("daily"):
        return spelling.between_daily.join(texts)
    return spelling.between.join(texts) + spelling.after


def _text(text: str, spelling: Spelling) -> str:
    return spelling.corrections.get(text, text).replace("N/A ", spelling.undefined)
