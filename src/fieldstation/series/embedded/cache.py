"""A bounded store of decoded columns, the longest unused ones forgotten first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from fieldstation.series.embedded.buckets import Fold


class Cache:
    """Safe to use from several threads. `most_bytes` bounds the arrays that it holds."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._size = 0
        self._found: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What is kept under `key`, made now if it is not there. Callers must not change it."""
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
        # Made outside the lock: two threads may make the same, which costs time but no harm.
        made = make()
        with self._lock:
            if key not in self._found:
                self._found[key] = made
                self._size += _size(made)
            while self._size > self._most:
                self._size -= _size(self._found.popitem(last=False)[1])
        return made


def _size(made: Any) -> int:
    if isinstance(made, Fold):
        return sum(column.nbytes for column in made.columns())
    # A column of texts holds pointers; the texts themselves are shared with its table.
    return int(made.nbytes) if isinstance(made, np.ndarray) else 0
