"""Whatever the line does to replies, no reply is taken for that of another request."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldstation.errors import CodecError, InstrumentRefused, LinkTimeout
from fieldstation.testing.echo import RESYNC, EchoTwin, number
from fieldstation.testing.links import Fault, FaultyLink, random_faults
from fieldstation.testing.virtualtime import run_virtual
from fieldstation.transport.converse import Runner
from fieldstation.transport.loopback import LoopLink


@dataclass(frozen=True)
class Step:
    """Ask for a number, maybe give up after `patience_s`, then be idle for `idle_s`."""

    attempts: int = 3
    patience_s: float = math.inf
    idle_s: float = 0.0


def seconds(most: float) -> st.SearchStrategy[float]:
    return st.floats(0.0, most, allow_nan=False)


NOISE = st.one_of(st.just(b""), st.just(b"noise\n"), st.binary(max_size=30))
FLIPS = st.one_of(st.none(), st.integers(0, 200))
# What a line repeats follows at once: after a pause it could not be told from a new reply.
REPEATED = st.builds(
    Fault, delay_s=seconds(9.0), copies=st.integers(1, 3), garbage=NOISE, flip=FLIPS
)
BROKEN = st.builds(
    Fault,
    delay_s=seconds(9.0),
    garbage=NOISE,
    split_at=st.integers(0, 30),
    gap_s=seconds(0.5),
    flip=FLIPS,
)
# A unit that is slow for a while: every reply is late, the resyncs' as well.
SLOW = st.builds(Fault, delay_s=st.floats(2.6, 9.0), copies=st.integers(1, 2))
# Noise that looks like a frame, and only then the reply.
NOISE_FIRST = st.builds(
    Fault, garbage=st.just(b"noise\n"), split_at=st.just(6), gap_s=st.floats(0.1, 3.0)
)
LOST = st.sampled_from([Fault(deaf=True), Fault(drop=True)])
SCRIPTS = st.lists(
    st.one_of(st.just(Fault()), LOST, REPEATED, BROKEN, NOISE_FIRST, SLOW), max_size=20
) | st.lists(SLOW, min_size=4, max_size=20)
STEPS = st.builds(
    Step,
    attempts=st.integers(1, 3),
    patience_s=st.one_of(st.just(math.inf), seconds(8.0)),
    idle_s=st.one_of(st.just(0.0), seconds(4.0)),
)


async def pairings(
    steps: Sequence[Step], faults: Sequence[Fault], budget_s: float = math.inf
) -> list[tuple[int, int]]:
    """(asked, answered) of each step that got an answer."""
    loop = asyncio.get_running_loop()
    link = FaultyLink(LoopLink(EchoTwin(), loop.time, speed=math.inf), faults)
    runner = Runner(link, resync=RESYNC, budget_s=budget_s)
    found = []
    for asked, step in enumerate(steps):
        try:
            async with asyncio.timeout(step.patience_s if step.patience_s < math.inf else None):
                found.append((asked, await runner.converse(number(asked, attempts=step.attempts))))
        except (LinkTimeout, CodecError, InstrumentRefused, TimeoutError):
            pass
        await asyncio.sleep(step.idle_s)
    await link.aclose()
    return found


def wrong(found: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(asked, answered) for asked, answered in found if asked != answered]


@settings(deadline=None, max_examples=300)
@given(
    st.lists(STEPS, min_size=2, max_size=8), SCRIPTS, st.sampled_from((math.inf, 12.0, 3.0, 0.4))
)
def test_no_reply_is_ever_paired_with_another_request(
    steps: list[Step], faults: list[Fault], budget_s: float
) -> None:
    assert wrong(run_virtual(pairings(steps, faults, budget_s))) == []


@pytest.mark.parametrize("seed", range(4))
def test_long_talk_on_a_bad_line_pairs_nothing_wrongly_and_gets_most_of_it(seed: int) -> None:
    found = run_virtual(pairings([Step()] * 250, list(islice(random_faults(seed), 1000))))
    assert wrong(found) == []
    assert len(found) > 200


def test_line_heals_once_its_faults_are_over() -> None:
    faults = [Fault(deaf=True), Fault(drop=True), Fault(delay_s=9.0)] * 4
    found = run_virtual(pairings([Step()] * 12, faults))
    assert [asked for asked, _ in found[-4:]] == [8, 9, 10, 11]
