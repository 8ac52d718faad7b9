"""A JSON node has the channels that the configuration gives it; this is how they are written.

One channel a line: `NAME POINTER [KEY=VALUE ...]`, for example
`level /tank/level unit=m low=0 high=3 label="Water level"`. A line that starts with `#` is a
comment. Keys are unit, kind (number, integer, flag or text), label, low, high, decimals, headline
(yes) and topic.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from fieldstation.errors import ConfigError
from fieldstation.instruments.json_node.pointer import parse_pointer
from fieldstation.instruments.names import node_name
from fieldstation.model import Channel, Kind, Layout

KIND = "json_node"

LAYOUTS: tuple[Layout, ...] = ()
"""None before a configuration names channels."""

KEYS = ("unit", "kind", "label", "low", "high", "decimals", "headline", "topic")
KINDS = {kind.value: kind for kind in (Kind.NUMBER, Kind.INTEGER, Kind.FLAG, Kind.TEXT)}
MOST_CHANNELS = 200
LONGEST_LABEL = 200
MOST_DECIMALS = 12


@dataclass(frozen=True, slots=True)
class Place:
    """A channel and the place of its value: a topic filter, and the steps into the document."""

    channel: Channel
    topic: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """All channels that come from one topic filter."""

    topic: str
    layout: Layout
    steps: tuple[tuple[str, ...], ...]


def read_table(text: str, topic: str) -> tuple[Source, ...]:
    """The table of channels in `text`; lines without a topic of their own have `topic`.

    Raises ConfigError with one sentence for each line that is wrong.
    """
    places, problems = [], []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            words = [] if line.lstrip().startswith("#") else shlex.split(line)
            if words:
                places.append(_place(words, topic))
        except ValueError as error:
            problems.append(f"option channels, row {number}: {error}")
    if not problems and not 1 <= len(places) <= MOST_CHANNELS:
        problems.append(
            f"option channels must hold 1 to {MOST_CHANNELS} rows such as: level /tank/level unit=m"
        )
    if problems:
        raise ConfigError(*problems)
    return _by_topic(places, topic)


def _by_topic(places: list[Place], usual: str) -> tuple[Source, ...]:
    """Sources in order; the layout of the usual topic is called `document`, others by the topic."""
    grouped: dict[str, list[Place]] = {}
    for place in places:
        grouped.setdefault(place.topic, []).append(place)
    try:
        return tuple(
            Source(
                topic,
                Layout(
                    KIND,
                    "document" if topic == usual else node_name(topic),
                    tuple(place.channel for place in together),
                ),
                tuple(place.steps for place in together),
            )
            for topic, together in grouped.items()
        )
    except ValueError as error:
        raise ConfigError(f"option channels: {error}") from error


def _place(words: list[str], topic: str) -> Place:
    if len(words) < 2:
        raise ValueError(f"{words[0]!r} needs a JSON pointer behind it, such as /temperature")
    name, pointer, *rest = words
    settings = dict(map(_setting, rest))
    topic = settings.pop("topic", topic)
    if fault := filter_fault(topic):
        raise ValueError(f"channel {name} needs a topic; {fault}")
    return Place(_channel(name, settings), topic, parse_pointer(pointer))


def _setting(word: str) -> tuple[str, str]:
    key, sign, value = word.partition("=")
    if not sign or key not in KEYS:
        near = difflib.get_close_matches(key, KEYS, 1)
        hint = f"did you mean {near[0]}=?" if near else f"there are {', '.join(KEYS)}"
        raise ValueError(f"{word!r} is no KEY=VALUE of a channel; {hint}")
    return key, value


def _channel(name: str, settings: Mapping[str, str]) -> Channel:
    for key in ("unit", "label"):
        text = settings.get(key, "")
        if len(text) > LONGEST_LABEL or not text.isprintable():
            raise ValueError(f"{key} of {name} must be at most {LONGEST_LABEL} plain characters")
    kind = KINDS.get(settings.get("kind", Kind.NUMBER))
    if kind is None:
        raise ValueError(f"kind of {name} must be {', '.join(KINDS)}, not {settings['kind']!r}")
    decimals = _number("decimals", settings.get("decimals", "0"))
    if decimals not in range(MOST_DECIMALS + 1):
        raise ValueError(f"decimals of {name} must be 0 to {MOST_DECIMALS}")
    return Channel(
        name,
        kind,
        settings.get("unit", ""),
        settings.get("label", ""),
        _number("low", settings["low"]) if "low" in settings else None,
        _number("high", settings["high"]) if "high" in settings else None,
        int(decimals),
        headline=settings.get("headline", "") == "yes",
    )


def _number(key: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise ValueError(f"{key}={text} is not a number")
    return value


def filter_fault(topic: str) -> str:
    """What is wrong with a topic filter (MQTT 3.1.1, section 4.7); empty: nothing."""
    levels = topic.split("/")
    if not topic or len(topic) > LONGEST_LABEL or not topic.isprintable():
        return "set the option topic, or topic=... in the row"
    if "#" in topic and (levels[-1] != "#" or topic.count("#") > 1):
        return "# may only be the last level of a topic"
    if any("+" in level and level != "+" for level in levels):
        return "+ must be a whole level of a topic"
    return ""
