"""Waiting for something that another process brings about."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

LOOK_S = 0.02


async def until(what: Callable[[], bool], most_s: float, look_s: float = LOOK_S) -> bool:
    """Look every `look_s` whether it is so, for at most `most_s`. Whether it came about."""
    deadline = time.monotonic() + most_s
    while not what():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(look_s)
    return True
