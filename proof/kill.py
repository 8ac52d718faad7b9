"""Station and hub killed again and again in the middle of everything, and the account of it."""

from __future__ import annotations

import asyncio
import random
import tempfile
from dataclasses import dataclass, field, fields
from pathlib import Path

from benchmarks.figure import Figure

from proof.account import Count
from proof.life import WRITING
from proof.part import Part, Progress, zero
from proof.site import PATIENCE_S, Site, newest, site
from proof.wait import until

SITES = 2
LIVES = 480  # of each site's station
CALLS = 240  # writing calls of a life that runs a full cycle, from opening to the next prune
FIRST = 20  # readings of the first life
LIFE_S = (0.3, 2.5)  # of a life that ends at a random moment
MOST_S = 8.0  # of a life that a call should end
BY_CHANCE = 0.2  # share of lives that end at a random moment instead
HUB_LIVES = 16  # the station's for each of the hub's

UNTESTED = (
    "kills between two instructions that write nothing (the random ones meet some of them)",
    "a PostgreSQL or ClickHouse hub killed; the embedded one is",
)


@dataclass(slots=True)
class Deaths:
    """How often and where something was killed."""

    station: int = 0
    hub: int = 0
    calls: set[int] = field(default_factory=set)
    unclean: int = 0


def prove(seed: int, share: float = 1.0) -> Part:
    """Kill at every writing call, and at random moments."""
    return asyncio.run(_prove(seed, max(1, round(LIVES * share))))


async def _prove(seed: int, lives: int) -> Part:
    progress = Progress("lives ended", lives * SITES)
    runs = [_killed(seed + number, lives, progress) for number in range(SITES)]
    counts, deaths = Count(), Deaths()
    for count, death in await asyncio.gather(*runs):
        for f in fields(Count):
            one, other = getattr(counts, f.name), getattr(count, f.name)
            setattr(counts, f.name, max(one, other) if f.type == "float" else one + other)
        deaths.station += death.station
        deaths.hub += death.hub
        deaths.unclean += death.unclean
        deaths.calls |= death.calls
    return Part(_figures(counts, deaths), UNTESTED, tuple(counts.notes))


def _figures(counts: Count, deaths: Deaths) -> tuple[Figure, ...]:
    right = counts.missed - counts.outside_holes - counts.wrong_cause
    return (
        Figure("kills", deaths.station + deaths.hub, "", least=1000),
        Figure("of them hub", deaths.hub, ""),
        Figure("different writing calls met", len(deaths.calls), ""),
        Figure("readings told by the twin", counts.emitted, ""),
        Figure("accepted", counts.accepted, ""),
        zero("accepted and lost", counts.lost),
        zero("at the hub twice", counts.doubled),
        zero("with other values than the twin's", counts.unlike),
        Figure("times at hub and station, most apart", counts.most_apart_s, "s", most=1.0),
        Figure("told and not accepted", counts.missed, ""),
        zero("of them in no hole, or in one that counts too few", counts.outside_holes),
        Figure(
            "of them in a hole with the right cause",
            100.0 * right / counts.missed if counts.missed else 100.0, "%", least=95,
        ),
        zero("last stop not clean", deaths.unclean),
    )  # fmt: skip


async def _killed(seed: int, lives: int, progress: Progress) -> tuple[Count, Deaths]:
    with tempfile.TemporaryDirectory() as scratch:
        async with site(Path(scratch), seed) as here:
            deaths = await _lives(here, seed, lives, progress)
            codes = await here.finish()
            deaths.unclean = sum(code != 0 for code in codes)
            count = here.compare()
            if deaths.unclean:
                count.notes.append(f"exit codes of station and hub: {codes}")
            return count, deaths


async def _lives(here: Site, seed: int, lives: int, progress: Progress) -> Deaths:
    chance, deaths = random.Random(seed), Deaths()
    start = seed * lives
    life = here.start()  # once it works as installed, the kills begin
    await until(lambda: newest(here.journal) > FIRST, PATIENCE_S)
    await life.end(0)
    deaths.station += 1
    here.note()
    for number in range(lives):
        call = 1 + (start + number) % CALLS
        if chance.random() < BY_CHANCE:
            life = here.start()
            await life.end(chance.uniform(*LIFE_S))
        else:
            life = here.start(f"{WRITING}:signal=SIGKILL:when={call}")
            if await life.end(MOST_S):
                deaths.calls.add(call)
        deaths.station += 1
        here.note()
        if number % HUB_LIVES == HUB_LIVES - 1:
            here.kill_hub()
            here.start_hub()
            deaths.hub += 1
        progress.step()
    return deaths
