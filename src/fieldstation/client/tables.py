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


def _frame(columns: Mapping[str, NDArray[Any]], times: Times) -> Any:
    try:
        pandas: Any = import_module("pandas")
    except ImportError as error:
        raise ConfigError("Tables need pandas; install it with: pip install pandas") from error
    index = pandas.DatetimeIndex(times, tz="UTC", name="time")
    return pandas.DataFrame(dict(columns), index=index)
