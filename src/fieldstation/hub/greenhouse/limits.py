"""How often one address may post without a token: a bucket that fills with the minutes."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address, ip_network

# Beyond this many addresses the one that was quiet longest is forgotten.
MOST_SOURCES = 10_000


class SourceLimit:
    """Counts posts by address, in the memory of this process; for one thread."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, address: str, per_minute: int) -> int:
        """0 when the post may pass, which is counted; else the whole seconds until one may."""
        now, source = self._clock_s(), _source(address)
        left, then = self._left.pop(source, (float(per_minute), now))
        left = min(per_minute, left + (now - then) * per_minute / 60)
        self._left[source] = (max(left - 1, left if left < 1 else 0), now)
        if len(self._left) > MOST_SOURCES:
            self._left.popitem(last=False)
        return 0 if left >= 1 else math.ceil((1 - left) * 60 / max(per_minute, 1))


def _source(address: str) -> str:
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    # One subscriber owns a whole /64.
    return str(ip_network((ip, 64), strict=False)) if ip.version == 6 else address
