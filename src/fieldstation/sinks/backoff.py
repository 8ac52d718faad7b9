"""How long to wait before the next try, so that many that failed together do not come back
together.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable


class Backoff:
    """Waits that double from `first_s` to `most_s`, each shortened by chance to as little as half.

    `chance` gives numbers from 0 to 1.
    """

    def __init__(
        self, first_s: float, most_s: float, chance: Callable[[], float] = random.random
    ) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._chance = chance
        self._whole_s = first_s

    def next_s(self, most_s: float = math.inf) -> float:
        """The wait after one more failure, in seconds; at most `most_s` this time."""
        wait_s = min(self._whole_s, most_s) * (0.5 + 0.5 * self._chance())
        self._whole_s = min(self._whole_s * 2, self._most_s)
        return wait_s

    def reset(self) -> None:
        """Something worked: start from the first wait again."""
        self._whole_s = self._first_s
