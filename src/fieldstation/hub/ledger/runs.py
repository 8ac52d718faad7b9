"""The runs of a station: when each began to report, when it was last heard, how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from fieldstation.hub.ledger.models import Event, Run

# One late word may have been under way; see `reports`, rule 3.
TWO_AT_ONCE = 2


class Ending(StrEnum):
    """How a run ended, as far as the hub can know."""

    NONE = ""  # nothing says that it has
    STOPPED = "stopped"  # it was told to, and said so
    WENT_DOWN = "went_down"  # it said nothing, and the machine has started anew since
    CRASHED = "crashed"  # it said nothing, and the machine ran on
    BESIDE = "beside"  # it has not: it reports beside the one that followed it


@dataclass(frozen=True, slots=True)
class History:
    """One run of the station program."""

    run: Run
    ending: Ending
    superseded: bool


def history(gateway: UUID, most: int) -> list[History]:
    """The last `most` runs of a gateway, the newest first."""
    runs = list(Run.objects.filter(gateway_id=gateway).order_by("-place")[:most])
    said = Event.objects.filter(
        gateway_id=gateway, origin="", what="stopped", boot__in=[run.boot for run in runs]
    )
    stopped = set(said.values_list("boot", flat=True))
    newest = [None, *runs]
    return [
        History(run, _ending(run, after, run.boot in stopped), after is not None)
        for after, run in zip(newest, runs, strict=False)
    ]


def _ending(run: Run, after: Run | None, stopped: bool) -> Ending:
    if stopped:
        return Ending.STOPPED
    if after is None:
        return Ending.NONE
    if run.late >= TWO_AT_ONCE:
        return Ending.BESIDE
    return Ending.CRASHED if after.kernel == run.kernel else Ending.WENT_DOWN
