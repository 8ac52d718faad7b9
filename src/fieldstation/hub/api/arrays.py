"""Columns of the store as JSON, without a detour over Python objects where it can be avoided.

1. No value is `null`, never NaN: JSON has no such word (test_nan_never_leaves_the_hub).
2. Flags are `true` and `false`, integers have no point, numbers are the shortest text that reads
   back as the same double.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from fieldstation.hub.instruments.spans import Spans
from fieldstation.model import Kind
from fieldstation.series.api import Buckets, Column

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def json_bytes(data: Any) -> bytes:
    """`data`, which may hold numpy arrays, as JSON; NaN becomes null."""
    return orjson.dumps(data, option=orjson.OPT_SERIALIZE_NUMPY)


def rfc3339(utc_us: int) -> str:
    """One instant in UTC to the microsecond."""
    return (_EPOCH + timedelta(microseconds=utc_us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(at: datetime) -> str:
    """A moment of the hub's own tables in the same form."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def rfc3339_column(times_us: NDArray[np.int64]) -> list[str]:
    """Many instants in UTC to the microsecond."""
    texts = np.datetime_as_string(times_us.astype("datetime64[us]"), timezone="UTC")
    return list(texts.tolist())


def column(values: Column, kind: Kind) -> Any:
    """One channel's values in a form that `json_bytes` takes."""
    if values.dtype == object:
        return values.tolist()
    if kind is Kind.NUMBER:
        return np.ascontiguousarray(values)
    exact = bool if kind is Kind.FLAG else int
    return [None if value != value else exact(value) for value in values.tolist()]


def bucket_columns(buckets: Buckets) -> dict[str, Any]:
    """One channel's buckets; starts in whole seconds since 1970, as the shortest span is one."""
    return {
        "channel": buckets.channel,
        "start_s": np.ascontiguousarray(buckets.start_us // 1_000_000),
        "n": np.ascontiguousarray(buckets.n),
        "min": np.ascontiguousarray(buckets.minimum),
        "mean": np.ascontiguousarray(buckets.mean),
        "max": np.ascontiguousarray(buckets.maximum),
        "first": np.ascontiguousarray(buckets.first),
        "last": np.ascontiguousarray(buckets.last),
    }


def span_columns(spans: Spans, kind: Kind) -> dict[str, Any]:
    """One channel's spans; instants in seconds since 1970, no value where there were several."""
    values = column(spans.value, kind)
    return {
        "channel": spans.channel,
        "n": spans.n,
        "start_s": spans.start_us / 1e6,
        "end_s": spans.end_us / 1e6,
        "value": [
            None if mixed else value for value, mixed in zip(values, spans.mixed, strict=True)
        ],
    }
