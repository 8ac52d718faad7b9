"""Fresh, late or lost: how old an instrument's newest reading may be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

# For instruments that announce no interval.
USUAL_EVERY_S = 60.0
# A station uploads every 10 s, and one upload may fail without anybody having to worry.
ON_THE_WAY_S = 30.0
SHORTEST_LOST_S = 600.0


class State(StrEnum):
    """The word on the badge."""

    FRESH = "fresh"
    LATE = "late"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Patience:
    """Ages in seconds from which an instrument counts as late and as lost."""

    late_after_s: float
    lost_after_s: float

    def state(self, age_s: float) -> State:
        """The state at this age."""
        if age_s >= self.lost_after_s:
            return State.LOST
        return State.LATE if age_s >= self.late_after_s else State.FRESH


def patience(every_us: int) -> Patience:
    """Late when two readings in a row are missing, lost when ten are, with time for the upload."""
    every_s = every_us / 1e6 or USUAL_EVERY_S
    return Patience(
        late_after_s=2 * every_s + ON_THE_WAY_S,
        lost_after_s=max(10 * every_s + ON_THE_WAY_S, SHORTEST_LOST_S),
    )
