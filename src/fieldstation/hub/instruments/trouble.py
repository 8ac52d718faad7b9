"""Values that tell of trouble: texts that list alarms or faults, flags of a protection that acts.

Which channels these are follows from their names
(test_every_channel_that_tells_of_trouble_exists).
"""

from __future__ import annotations

import re

from fieldstation.hub.instruments.words import channel_label, value_text
from fieldstation.model import Channel, Kind, Value

DANGER, WARNING, NOTICE = "danger", "warning", "notice"
# Texts that are empty while all is well.
TEXTS = {"faults": DANGER, "fault_names": DANGER, "alarms": WARNING, "warning_names": WARNING}
_FLAGS = re.compile(r"protection_|power_reduction_")
# No grid is what an off-grid site has (PI30 sheet, section 5.7).
_CALM = frozenset({"", "none", "no_faults", "no_alarms", "0", "line_fail"})


def trouble(channel: Channel, value: Value) -> tuple[str, str] | None:
    """Level and words, if this value tells of trouble."""
    level = level_of(channel, value)
    if not level or channel.kind is Kind.FLAG:
        return (level, channel_label(channel)) if level else None
    return level, f"{channel_label(channel)}: {value_text(channel, str(value).strip())}"


def level_of(channel: Channel, value: Value) -> str:
    """How urgent this value is; empty when it tells of no trouble."""
    if channel.kind is Kind.FLAG:
        return DANGER if value and _FLAGS.match(channel.name) else ""
    words = {word.strip().replace(" ", "_") for word in str(value or "").lower().split(",")}
    return TEXTS.get(channel.name, "") if channel.kind is Kind.TEXT and words - _CALM else ""
