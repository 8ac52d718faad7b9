"""Work that rides with the next commit, and who waits for its outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fieldstation.journal import Journal

Work = Callable[[Journal], Any]


@dataclass(slots=True)
class Rider:
    """`patient`: tried until the journal takes it."""

    work: Work
    done: asyncio.Future[Any]
    patient: bool = False


def settle(riders: list[Rider], results: list[Any]) -> None:
    """Give each rider that still waits its result, or raise it there."""
    for rider, result in zip(riders, results, strict=True):
        if rider.done.done():
            continue
        if isinstance(result, BaseException):
            rider.done.set_exception(result)
        else:
            rider.done.set_result(result)


def forget(done: asyncio.Future[Any]) -> None:
    """Let go of an outcome that nobody waits for."""
    if not done.cancelled():
        done.exception()
