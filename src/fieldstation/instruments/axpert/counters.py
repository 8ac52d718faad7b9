"""Energy counters of a twin: whole Wh by day, month, year and in all (PI30 sheet, section 5.14).

Days that the plant lived through are integrated; earlier ones back to COMMISSIONED are drawn from
the seed, so that day, month, year and total always agree.
"""

from __future__ import annotations

from datetime import date, timedelta

from fieldstation.instruments.axpert.weather import DAY_S
from fieldstation.instruments.chance import between

COMMISSIONED = date(2024, 1, 1)
_EPOCH = date(1970, 1, 1)
# Wh of a day that nobody lived through, lowest and highest.
_USUAL_WH = {"pv": (1500.0, 7500.0), "load": (5000.0, 8000.0)}


def energy_wh(
    lived_wh: dict[int, float], side: str, seed: int, utc_s: float, spell: str
) -> int | None:
    """Wh of the days that `spell` names: `YYYY`, `YYYYMM`, `YYYYMMDD`, or all for an empty one.
    None when it is no date. `side` is `pv` or `load`; days after `utc_s` count nothing.
    """
    try:
        first, last = _span(spell)
    except ValueError:
        return None
    today = int(utc_s // DAY_S)
    days = range(max(_number(first), _number(COMMISSIONED)), min(_number(last), today) + 1)
    low, high = _USUAL_WH[side]
    drawn = (
        lived_wh[day] if day in lived_wh else between(low, high, seed, "usual", side, day)
        for day in days
    )
    return int(sum(drawn))


def _number(day: date) -> int:
    return (day - _EPOCH).days


def _span(spell: str) -> tuple[date, date]:
    """First and last day of a spell. Raises ValueError."""
    if not spell:
        return COMMISSIONED, date.max
    year, month, day = int(spell[:4]), int(spell[4:6] or 0), int(spell[6:8] or 0)
    if day:
        return date(year, month, day), date(year, month, day)
    if month:
        after = date(year + month // 12, month % 12 + 1, 1)
        return date(year, month, 1), after - timedelta(days=1)
    return date(year, 1, 1), date(year, 12, 31)
