"""What a pump asks of a place that readings go to, and how that place says no."""

from __future__ import annotations

from typing import Protocol

from fieldstation.batch.model import Batch, Receipt
from fieldstation.batch.packed import Packed
from fieldstation.batch.report import Answer, Report
from fieldstation.errors import UplinkError


class BatchTooLarge(UplinkError):
    """The destination wants less at once."""


class NoReports(UplinkError):
    """The destination takes readings, and knows nothing of reports."""


class Destination(Protocol):
    """One sink's way out. `name` is its cursor's name in the journal."""

    name: str

    @property
    def traffic(self) -> int:
        """Bytes sent and received since the start, what the network adds included."""
        ...

    async def deliver(self, batch: Batch | Packed) -> Receipt:
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


class Reporter(Protocol):
    """A destination that wants to know more than readings."""

    async def report(self, report: Report) -> Answer:
        """Send a report and give the answer. Raises as `Destination.deliver`, and NoReports."""
        ...
