"""How samples become a reading, and how the original logger did it (SE521 sheet, section 10). Pure.

1. One averaged row per record interval, always: the original has no threshold and waits for no
   change. Where small changes do not matter, a reading may repeat the temperatures before; it is
   there all the same. `test_a_small_change_is_not_told_until_it_has_added_up`
2. An input's mean is that of its valid samples, and null when it had none
   (`test_an_open_input_is_averaged_over_the_samples_it_had`).
3. The window is centred on the full minute (`test_the_window_is_centred_on_the_minute`).
4. A row within a second of its minute gets that minute exactly; else its own middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fieldstation.instruments.se521.channels import INPUTS
from fieldstation.model import Value

MINUTE_S = 60
# One exchange, as the original assumes it.
EXCHANGE_S = 0.11
FIRST_LEAD_S, NEXT_LEAD_S = 5.0, 2.0
NEAR_S = 1.0
DECIMALS = 3


def mean(samples: Sequence[float | None]) -> float | None:
    """Arithmetic mean of the samples that are values; None when none is."""
    valid = [sample for sample in samples if sample is not None]
    return sum(valid) / len(valid) if valid else None


def averaged(samples: Sequence[dict[str, Value]]) -> dict[str, Value]:
    """The channels of several replies as one: means of the temperatures, the last of all else; an
    input is ok when it had a value, and the whole is live when every sample was.
    """
    last = dict(samples[-1])
    for name in (*(f"temperature_{number}" for number in INPUTS), "temperature_difference"):
        found = mean([_number(sample[name]) for sample in samples])
        last[name] = None if found is None else round(found, DECIMALS)
    for number in INPUTS:
        if last[f"temperature_{number}"] is not None:
            last[f"input_{number}_state"] = "ok"
    return last | {"samples": len(samples), "live": all(sample["live"] for sample in samples)}


class Told:
    """The temperatures that were told last; smaller changes than `least_k` are not told, 0 tells
    all.
    """

    def __init__(self, least_k: float) -> None:
        self._least_k = least_k
        self._last: dict[str, float] = {}

    def settled(self, values: dict[str, Value]) -> dict[str, Value]:
        """`values` with what changed too little replaced by what was told before."""
        found = dict(values)
        for name in (f"temperature_{number}" for number in INPUTS):
            value = _number(values[name])
            before = self._last.get(name)
            if value is None:
                self._last.pop(name, None)
            elif before is not None and abs(value - before) < self._least_k:
                found[name] = before
            else:
                self._last[name] = value
        return found


def _number(value: Value) -> float | None:
    return None if value is None else float(value)


@dataclass(frozen=True, slots=True)
class Window:
    """A window of samples: `minute` counts since 1970; `start_s` and `nominal_s` are UTC."""

    minute: int
    start_s: float

    @property
    def nominal_s(self) -> int:
        """The full minute on which the window is centred."""
        return self.minute * MINUTE_S


def half_window_s(samples: int, pause_s: float) -> float:
    """Half the length of a window of so many samples with a pause after each."""
    return 0.5 * samples * (pause_s + EXCHANGE_S)


def first_window(now_s: float, half_s: float) -> Window:
    """The first window that begins 5 s or more after `now_s`."""
    return _from(int(now_s // MINUTE_S), 1, now_s + FIRST_LEAD_S, half_s)


def next_window(now_s: float, before: Window, half_s: float, every_min: int = 1) -> Window:
    """The window after `before` that begins 2 s or more after `now_s`."""
    return _from(before.minute + every_min, every_min, now_s + NEXT_LEAD_S, half_s)


def _from(minute: int, step: int, earliest_s: float, half_s: float) -> Window:
    while minute * MINUTE_S - half_s < earliest_s:
        minute += step
    return Window(minute, minute * MINUTE_S - half_s)


def row_time_s(window: Window, began_s: float, ended_s: float) -> float:
    """The time of a row whose samples were taken from `began_s` to `ended_s`."""
    middle_s = (began_s + ended_s) / 2
    return window.nominal_s if abs(middle_s - window.nominal_s) <= NEAR_S else middle_s
