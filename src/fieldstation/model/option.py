"""Options: settings of a driver that an operator may write into the configuration."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fieldstation.errors import ConfigError

OptionValue = float | int | bool | str


@dataclass(frozen=True, slots=True)
class Option:
    """One line of a driver's table of options. The type of `default` is the type of the option;
    a float takes whole numbers too. `low` and `high` bound a number, `choices` list all there are.
    """

    name: str
    default: OptionValue
    meaning: str
    low: float | None = None
    high: float | None = None
    choices: tuple[OptionValue, ...] = ()

    def fault(self, value: object) -> str | None:
        """What is wrong with `value`, as the end of a sentence that starts with the name; None:
        nothing.
        """
        if not self._typed(value):
            return f"must be {_WORDS[type(self.default)]}, not {value!r}"
        if self.choices and value not in self.choices:
            return f"must be one of {', '.join(map(str, self.choices))}, not {value!r}"
        if isinstance(value, int | float) and not self._within(value):
            return f"must be {self.low:g} to {self.high:g}, not {value!r}"
        return None

    def _typed(self, value: object) -> bool:
        if isinstance(self.default, bool) or isinstance(value, bool):
            return isinstance(self.default, bool) and isinstance(value, bool)
        accepted = int | float if isinstance(self.default, float) else type(self.default)
        return isinstance(value, accepted)

    def _within(self, value: float) -> bool:
        low = self.low is None or self.low <= value
        return low and (self.high is None or value <= self.high)


_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def chosen(options: Sequence[Option], given: Mapping[str, object]) -> dict[str, OptionValue]:
    """All options by name, those of `given` checked, the others at their default.

    Raises ConfigError with one sentence for each option that is unknown or wrong.
    """
    table = {option.name: option for option in options}
    problems = [_unknown(name, table) for name in given if name not in table]
    values: dict[str, OptionValue] = {}
    for name, option in table.items():
        value = given.get(name, option.default)
        if fault := option.fault(value):
            problems.append(f"option {name} {fault}")
        elif isinstance(value, float | int | bool | str):
            values[name] = value
    if problems:
        raise ConfigError(*problems)
    return values


def _unknown(name: str, table: Mapping[str, Option]) -> str:
    near = difflib.get_close_matches(name, table, 1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(table) or 'none'}"
    return f"there is no option {name!r}{hint}"
