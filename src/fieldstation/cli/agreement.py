"""Whether vectors say what we decode: a count for people, beside the lines for programs.

1. Numbers agree to one part in a million, since a file may print fewer digits than a value has.
2. Some keys describe and are no facts of the bytes: prose, and what another program makes of them.
   They are not compared, which is said.
3. A file may hold entries of other kinds of thing. They are left out, and how many is said; an
   entry that names the instrument itself is never left out.
   `test_what_is_of_another_kind_is_left_out_and_said`
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isclose
from typing import Any

from fieldstation.instruments import registry

ANY_ERROR = "any"
UNSUPPORTED = "unsupported"
ABSENT = "(absent)"
DESCRIPTIVE = ("note", "original_record", "original_would_return")


@dataclass(slots=True)
class Agreement:
    """What was compared so far."""

    entries: int = 0
    agreeing: int = 0
    others: int = 0
    odd: list[str] = field(default_factory=list)
    aside: Counter[str] = field(default_factory=Counter)

    def compare(
        self, name: object, entry: Mapping[str, Any], found: Mapping[str, Any], kind: str = ""
    ) -> None:
        """Take note of one entry and what `kind` decoded of it. Left out are entries of another
        kind of thing, and those that expect nothing.
        """
        device = entry.get("device")
        if device != kind and (found.get("error") == UNSUPPORTED or device in registry.kinds()):
            self.others += 1
            return
        good = self._good(entry, found)
        if good is None:
            return
        self.entries += 1
        self.agreeing += good
        if not good:
            self.odd.append(str(name))

    def _good(self, entry: Mapping[str, Any], found: Mapping[str, Any]) -> bool | None:
        error, wanted = _expected(entry, found)
        if error:
            return found.get("error") == error or (error == ANY_ERROR and "error" in found)
        if not wanted:
            return None
        self.aside.update(key for key in DESCRIPTIVE if key in wanted)
        decoded = found.get("decoded") or {}
        # A file of exchanges says what it cares for; one of frames says all.
        keys = wanted.keys() if "expect" in entry else decoded.keys() | wanted.keys()
        return all(
            agrees(decoded.get(key, ABSENT), wanted.get(key, ABSENT))
            for key in keys - set(DESCRIPTIVE)
        )

    def sentences(self) -> list[str]:
        """The result, in a line or two; nothing when no entry expects anything."""
        told = [f"{self.agreeing} of {self.entries} entries agree"] if self.entries else []
        if self.others:
            told.append(f"{self.others} of other kinds are left out")
        if self.odd:
            told.append("not: " + ", ".join(self.odd))
        if self.aside:
            keys = ", ".join(f"{key} ({count})" for key, count in self.aside.items())
            told.append(f"descriptive keys not compared: {keys}")
        return told


def _expected(entry: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The error that an entry expects (empty: none), and the values. Where an entry has no place
    for them they stand in the entry itself.
    """
    expect, decoded = entry.get("expect"), entry.get("decoded")
    error = str(entry.get("expected_error") or "")
    if isinstance(expect, Mapping):
        return (ANY_ERROR, {}) if expect.get("error") is True else (error, expect)
    if isinstance(decoded, Mapping):
        return error, decoded
    if "decoded" in entry:
        return error or str(expect or ""), {}
    return error, {key: entry[key] for key in found.get("decoded") or {} if key in entry}


def agrees(found: object, wanted: object) -> bool:
    """Equality of decoded values, numbers to one part in a million."""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if isinstance(found, int | float) and isinstance(wanted, int | float):
        return isclose(found, wanted, rel_tol=1e-6, abs_tol=1e-6)
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        return found.keys() == wanted.keys() and all(
            agrees(value, wanted[key]) for key, value in found.items()
        )
    if isinstance(found, list | tuple) and isinstance(wanted, list | tuple):
        return len(found) == len(wanted) and all(map(agrees, found, wanted))
    return found == wanted
