"""The journal as a sink sees it: behind its own thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

from fieldstation.journal import Journal

T = TypeVar("T")


class Outbox(Protocol):
    """Works run one after the other on the journal's thread. Both calls raise StoreError."""

    @property
    def news(self) -> asyncio.Event:
        """Set when the next reading comes; take it before looking, then nothing is missed."""
        ...

    async def ask(self, work: Callable[[Journal], T]) -> T:
        """Run `work` now."""
        ...

    async def ride(self, work: Callable[[Journal], T], patience_s: float) -> T:
        """Run `work` within the next commit of readings, which saves a write to the disk; alone
        when none comes within `patience_s`.
        """
        ...
