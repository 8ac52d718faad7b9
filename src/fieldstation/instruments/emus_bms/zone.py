"""The unit's clock, which has no zone, held against UTC (Emus BMS sheet, section 8).

1. Times stay as the unit gives them, without a zone, unless the operator says how far its clock is
   ahead of UTC (`test_times_have_no_zone_unless_the_operator_names_one`).
2. With that they become UTC, and say so with a Z.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from fieldstation.errors import ConfigError
from fieldstation.instruments.emus_bms.fields import Values

# From the western end of the world's time zones to the eastern.
EARLIEST, LATEST = timedelta(hours=-12), timedelta(hours=14)
_OFFSET = re.compile(r"([+-])([0-9]{2}):([0-5][0-9])\Z")


def offset_of(text: str) -> timedelta | None:
    """How far a clock is ahead of UTC, from `+02:00`; None for an empty text. Raises
    ConfigError.
    """
    if not text:
        return None
    found = _OFFSET.match(text)
    if found:
        size = timedelta(hours=int(found[2]), minutes=int(found[3]))
        offset = -size if found[1] == "-" else size
        if EARLIEST <= offset <= LATEST:
            return offset
    raise ConfigError(
        f"option clock_utc_offset must be like +02:00, from -12:00 to +14:00, not {text!r}"
    )


def dated(values: Mapping[str, object], offset: timedelta | None) -> Values:
    """Values whose times (names that end in `_time`) are in UTC, or unchanged without an offset."""
    if offset is None:
        return dict(values)
    return {
        name: _utc(value, offset) if name.endswith("_time") and isinstance(value, str) else value
        for name, value in values.items()
    }


def _utc(text: str, offset: timedelta) -> str:
    try:
        return f"{(datetime.fromisoformat(text) - offset).isoformat()}Z"
    except OverflowError:
        return text
