"""A twin that remembers what it told: the ledger that neither station nor hub can touch."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from fieldstation.instruments import registry
from fieldstation.model import Outgoing, Poll, Value
from fieldstation.transport.play import answers, play

# Quick to identify, with one question for its main reading, and eight seldom readings beside it.
KIND = "tristar_mppt"


@dataclass(frozen=True, slots=True)
class Emission:
    """One main reading as the instrument gave it: when (UTC seconds) and the reply's bytes."""

    utc_s: float
    reply: bytes

    def values(self) -> dict[str, Value]:
        """The values that these bytes mean."""
        return dict(play(plan()[0].converse(), lambda _: self.reply))


def plan() -> Sequence[Poll]:
    """What the station polls on such a unit, the main reading first. A poll remembers what it read
    before, so each use wants its own.
    """
    driver = registry.driver(KIND)
    unit = answers(registry.twin(KIND, seed=1, fast=True), lambda: 1.8e9)
    return driver.plan(play(driver.identify(), unit))


@cache
def main_request() -> bytes:
    """The one request of the main poll."""
    asked: list[bytes] = []
    unit = answers(registry.twin(KIND, seed=1, fast=True), lambda: 1.8e9)

    def answer(request: bytes) -> bytes:
        asked.append(request)
        return unit(request)

    play(plan()[0].converse(), answer)
    (request,) = asked
    return request


class TellingTwin:
    """A charge controller's twin, fast, and all the main readings that it gave away."""

    def __init__(self, seed: int) -> None:
        self._twin = registry.twin(KIND, seed=seed, fast=True)
        self.emitted: list[Emission] = []
        self._times: list[float] = []

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        """As `Twin.receive`."""
        sent = self._twin.receive(data, utc_s)
        if sent and data == main_request():
            self.emitted.append(Emission(utc_s, b"".join(piece.data for piece in sent)))
            self._times.append(utc_s)
        return sent

    def behind(self, utc_us: int, slack_s: float = 0.0) -> int | None:
        """The number of the emission that a reading of this time was made from: the last one
        before it, give or take `slack_s`; None when there is none.
        """
        place = bisect_right(self._times, utc_us / 1e6 + slack_s) - 1
        return place if place >= 0 else None
