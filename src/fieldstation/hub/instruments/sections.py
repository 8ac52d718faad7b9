"""What an instrument's page shows besides pictures and plot, read off the channel table alone.

1. Flags are lamps. Flags whose names share their first words, at least three, stand together under
   these words (test_flags_of_one_word_stand_together); the others follow. A lamp that tells of
   trouble when lit says so; lamps with the same label are called by their names.
2. The states to see first, at most two, are drawn day by day.
3. What an instrument counts anew each day says "today" in its label.
4. Settings are the channels of the layouts that hold them: a lamp or a daily value is none of them
   (test_a_setting_is_no_lamp). Raw bits are shown in the full table only.
5. A small curve is drawn in every tile of a measured number. Who measures few numbers shows all.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from fieldstation.errors import NotFound
from fieldstation.hub.instruments.trouble import level_of
from fieldstation.hub.instruments.words import plain_label
from fieldstation.instruments import registry
from fieldstation.model import Channel, Kind, Value

LEAST_IN_A_GROUP = 3
MOST_TIMELINES = 2
MOST_TILES = 8
# Layouts of what a person may set, whatever the instrument.
SETTINGS = frozenset({"settings", "ratings", "switches", "equalization", "control"})
_TODAY = re.compile(r"\btoday\b", re.IGNORECASE)
_RAW = re.compile(r".*_(?:mask|raw)")


@dataclass(frozen=True, slots=True)
class Lamp:
    """A flag. `level` is what it means when lit: a level of attention, or nothing special."""

    channel: Channel
    label: str
    level: str


@dataclass(frozen=True, slots=True)
class Lamps:
    """Flags that belong together; the title of those that have nothing in common is empty."""

    title: str
    lamps: tuple[Lamp, ...]


def lamps(kind: str, channels: Iterable[Channel]) -> list[Lamps]:
    """All flags but settings, groups with a title first."""
    left_out = _setting_names(kind)
    flags = [one for one in channels if one.kind is Kind.FLAG and one.name not in left_out]
    by_word: dict[str, list[Channel]] = {}
    for flag in flags:
        by_word.setdefault(flag.name.split("_")[0], []).append(flag)
    groups = [group for group in by_word.values() if len(group) >= LEAST_IN_A_GROUP]
    grouped = {flag.name for group in groups for flag in group}
    found = [_group(group) for group in groups]
    single = tuple(_lamps([flag for flag in flags if flag.name not in grouped], ""))
    return [*found, Lamps("", single)] if single else found


def timelines(channels: Iterable[Channel]) -> list[Channel]:
    """The states that are drawn day by day."""
    marked = [one for one in channels if one.headline and one.kind is Kind.ENUM]
    return marked[:MOST_TIMELINES]


def of_today(channels: Iterable[Channel]) -> list[Channel]:
    """What is counted anew each day."""
    return [one for one in channels if _TODAY.search(one.label) and not _RAW.fullmatch(one.name)]


def settings(kind: str, channels: Iterable[Channel]) -> list[Channel]:
    """What a person has set."""
    names = _setting_names(kind)
    return [one for one in channels if one.name in names]


def tiles(
    headlines: Sequence[Channel], channels: Iterable[Channel], values: Mapping[str, Value]
) -> list[Channel]:
    """The newest values at the top of the page; `values` are the newest."""
    numbers = [one for one in channels if one.kind is Kind.NUMBER]
    others = [one for one in numbers if one not in headlines and values.get(one.name) is not None]
    return [*headlines, *(others if len(numbers) <= MOST_TILES else ())]


def _setting_names(kind: str) -> frozenset[str]:
    try:
        tables = registry.layouts(kind)
    except NotFound:
        return frozenset()
    return frozenset(c.name for table in tables if table.name in SETTINGS for c in table.channels)


def _group(flags: Sequence[Channel]) -> Lamps:
    names = [flag.name.split("_") for flag in flags]
    shared = len([*takewhile(lambda words: len(set(words)) == 1, zip(*names, strict=False))])
    title = " ".join(plain_label(flags[0]).split()[:shared])
    return Lamps(title, tuple(_lamps(flags, title)))


def _lamps(flags: Sequence[Channel], title: str) -> Iterator[Lamp]:
    times = Counter(map(plain_label, flags))
    for flag in flags:
        label = plain_label(flag)
        if times[label] > 1:
            label = flag.name.replace("_", " ")
        rest = label.removeprefix(f"{title} ") if title else label
        yield Lamp(flag, rest[:1].upper() + rest[1:], level_of(flag, value=True))
