"""What a pump asks of a place that readings go to, and how that place says no."""

from __future__ import annotations

from typing import Protocol

from fieldstation.batch.model import Batch, Receipt
from fieldstation.errors import UplinkError


class BatchTooLarge(UplinkError):
    """The destination wants fewer readings at once."""


class Destination(Protocol):
    """One sink's way out. `name` is its cursor's name in the journal."""

    name: str

    async def deliver(self, batch: Batch) -> Receipt:
        """Send a batch and give the receipt. Raises

        HubUnreachable (try again later), UnknownLayout (send it with announcements), BatchTooLarge,
        BatchRefused (it will never take this one), KeyRejected (a person has to act).
        """
        ...

    async def renewed(self) -> None:
        """Returns when a person may have acted on a KeyRejected; never, if that cannot be seen."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...
