"""Columns of an answer as numpy arrays, and on request as pandas tables.

1. Times are `datetime64[us]` in UTC. Numbers, integers, flags and numeric codes are float64 with
   NaN for no value; texts are objects with None (test_columns_are_arrays_and_nothing_is_nan).
2. Pages are joined here; who asks never sees a cursor
   (test_pages_put_together_are_all_readings).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fieldstation.errors import ConfigError

Times = NDArray[np.datetime64]
Dates = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings in time order; every column is as long as `times`."""

    times: Times
    values: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, channel: str) -> NDArray[Any]:
        return self.values[channel]

    def pandas(self) -> Any:
        """A pandas DataFrame with a column for each channel, indexed by UTC time."""
        return _frame(dict(self.values), self.times)


@dataclass(frozen=True, slots=True)
class Buckets:
    """Spans of `span_s` seconds of one channel; spans without a value are left out."""

    channel: str
    span_s: int
    start: Times
    n: NDArray[np.int64]
    minimum: NDArray[np.float64]
    mean: NDArray[np.float64]
    maximum: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.start)

    def pandas(self) -> Any:
        """A pandas DataFrame with n, min, mean and max, indexed by the start in UTC."""
        columns = {"n": self.n, "min": self.minimum, "mean": self.mean, "max": self.maximum}
        return _frame(columns, self.start)


@dataclass(frozen=True, slots=True)
class Days:
    """One curve day by day; `day` in the site's time zone, `total` in `total_unit`, NaN where there
    is no value.
    """

    total_unit: str
    day: Dates
    n: NDArray[np.int64]
    minimum: NDArray[np.float64]
    mean: NDArray[np.float64]
    maximum: NDArray[np.float64]
    change: NDArray[np.float64]
    total: NDArray[np.float64]
    completeness: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.day)

    def pandas(self) -> Any:
        """A pandas DataFrame indexed by the day."""
        names = ("n", "minimum", "mean", "maximum", "change", "total", "completeness")
        return _by_day({name: getattr(self, name) for name in names}, self.day)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The account of instruments and UTC days, a row for each; NaN where the station told nothing
    of a day.
    """

    day: Dates
    instrument: NDArray[np.object_]
    state: NDArray[np.object_]
    due: NDArray[np.float64]
    stored: NDArray[np.int64]
    missed: NDArray[np.int64]
    refused: NDArray[np.int64]
    in_transit: NDArray[np.int64]
    completeness: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.day)

    def pandas(self) -> Any:
        """A pandas DataFrame indexed by the day."""
        names = ("instrument", "state", "due", "stored", "missed", "refused", "in_transit",
                 "completeness")  # fmt: skip
        return _by_day({name: getattr(self, name) for name in names}, self.day)


def days_from(row: Mapping[str, Any]) -> Days:
    """One curve's days of an answer."""
    days = row["days"]
    return Days(
        row["total_unit"],
        _dates([day["day"] for day in days]),
        np.asarray([day["n"] for day in days], dtype="int64"),
        *(
            _column([day[name] for day in days])
            for name in ("min", "mean", "max", "change", "total", "completeness")
        ),
    )


def calendar_from(rows: Sequence[Mapping[str, Any]]) -> Calendar:
    """All rows of a calendar as one table."""
    columns = {name: [row[name] for row in rows] for name in Calendar.__dataclass_fields__}
    counts = {
        name: np.asarray(columns[name], dtype="int64")
        for name in ("stored", "missed", "refused", "in_transit")
    }
    return Calendar(
        day=_dates(columns["day"]),
        instrument=np.asarray(columns["instrument"], dtype=object),
        state=np.asarray(columns["state"], dtype=object),
        due=_column(columns["due"]),
        completeness=_column(columns["completeness"]),
        **counts,
    )


def joined(pages: Sequence[Mapping[str, Any]]) -> Readings:
    """All pages of readings as one table."""
    times = np.concatenate([_times(page["times"]) for page in pages])
    names = pages[0]["values"]
    columns = {name: [cell for page in pages for cell in page["values"][name]] for name in names}
    return Readings(times, {name: _column(cells) for name, cells in columns.items()})


def buckets_from(span_s: int, row: Mapping[str, Any]) -> Buckets:
    """One channel's buckets of an answer."""
    start = np.asarray(row["start_s"], dtype="int64").astype("datetime64[s]")
    return Buckets(
        row["channel"],
        span_s,
        start.astype("datetime64[us]"),
        np.asarray(row["n"], dtype="int64"),
        *(np.asarray(row[name], dtype="float64") for name in ("min", "mean", "max")),
    )


def _times(texts: Sequence[str]) -> Times:
    return np.asarray([text.removesuffix("Z") for text in texts], dtype="datetime64[us]")


def _column(cells: Sequence[Any]) -> NDArray[Any]:
    if any(isinstance(cell, str) for cell in cells):
        return np.asarray(cells, dtype=object)
    return np.asarray([np.nan if cell is None else cell for cell in cells], dtype="float64")


def _dates(texts: Sequence[str]) -> Dates:
    return np.asarray(texts, dtype="datetime64[D]")


def _by_day(columns: Mapping[str, NDArray[Any]], days: Dates) -> Any:
    pandas = _pandas()
    index = pandas.DatetimeIndex(days.astype("datetime64[s]"), name="day")
    return pandas.DataFrame(dict(columns), index=index)


def _pandas() -> Any:
    try:
        return import_module("pandas")
    except ImportError as error:
        raise ConfigError("Tables need pandas; install it with: pip install pandas") from error


def _frame(columns: Mapping[str, NDArray[Any]], times: Times) -> Any:
    pandas = _pandas()
    index = pandas.DatetimeIndex(times, tz="UTC", name="time")
    return pandas.DataFrame(dict(columns), index=index)
