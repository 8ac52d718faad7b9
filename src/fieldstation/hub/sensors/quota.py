"""How often a sensor may post: a bucket that fills with the minutes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from fieldstation.hub.sensors.limits import LIMITS


class Quota:
    """Counts posts by sensor, in the memory of this process."""

    def __init__(
        self,
        per_minute: int = LIMITS.posts_per_minute,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = per_minute
        self._clock_s = clock_s
        self._left: dict[int, tuple[float, float]] = {}

    def wait_s(self, sensor: int) -> int:
        """0 when the post is taken, which is counted; else the whole seconds until one is."""
        now = self._clock_s()
        left, then = self._left.get(sensor, (float(self._most), now))
        left = min(self._most, left + (now - then) * self._most / 60)
        if left < 1:
            self._left[sensor] = (left, now)
            return math.ceil((1 - left) * 60 / self._most)
        self._left[sensor] = (left - 1, now)
        return 0
