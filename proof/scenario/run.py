"""Runs scenarios, several at a time, and adds up what they showed."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from unittest.mock import patch

from fieldstation.station import service
from fieldstation.testing.virtualtime import run_virtual
from proof.scenario.checker import Judgement, judge
from proof.scenario.hubs import Hub, RealHub, SmallHub
from proof.scenario.machine import Machine
from proof.scenario.script import Script
from proof.scenario.wire import Wire

START_US = 1_790_000_000_000_000  # September 2026
MACHINES = 2


@dataclass(slots=True)
class Outcome:
    """What one seed gave."""

    seed: int
    real_hub: bool
    judgement: Judgement
    events: Counter[str] = field(default_factory=Counter)
    exchanges: Counter[str] = field(default_factory=Counter)
    quiet: bool = False
    virtual_s: float = 0.0
    real_s: float = 0.0

    @property
    def violations(self) -> list[str]:
        """All that is wrong."""
        late = [] if self.quiet else ["it never became quiet"]
        return self.judgement.violations + late


def scenario(seed: int, *, real_hub: bool = False, folder: Path | None = None) -> Outcome:
    """Run one seed. The files lie in `folder`, or in memory and are thrown away."""
    if real_hub:
        _hub_data()
    began_s = time.perf_counter()
    place = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with _quietly(), tempfile.TemporaryDirectory(dir=place, prefix="scenario-") as scratch:
        outcome = run_virtual(_play(seed, real_hub, folder or Path(scratch)))
    outcome.real_s = time.perf_counter() - began_s
    return outcome


@contextmanager
def _quietly() -> Iterator[None]:
    """Without log, and without status sockets: an open socket lets virtual time run at real
    pace.
    """
    logging.disable(logging.CRITICAL)
    try:
        with patch.object(service, "status_socket", _no_socket):
            yield
    finally:
        logging.disable(logging.NOTSET)


@asynccontextmanager
async def _no_socket(*_: object) -> AsyncIterator[None]:
    yield


async def _play(seed: int, real_hub: bool, folder: Path) -> Outcome:
    loop = asyncio.get_running_loop()

    def true_us() -> int:
        return START_US + round(loop.time() * 1e6)

    rng = random.Random(seed)
    wire = Wire(rng)
    hub = await _hub(real_hub, true_us)
    wire.reach(hub.transport)
    machines = []
    for name in [f"machine{place}" for place in range(1, MACHINES + 1)]:
        key = await hub.register(name)
        machines.append(Machine(name, folder / name, true_us, rng, wire, key))
    script = Script(seed, machines, hub, wire, true_us, folder)
    await script.run()
    quiet = await script.calm()
    for machine in machines:
        await machine.stop()
    judgement = await judge(machines, hub, script.faults, true_us())
    await hub.close()
    return Outcome(
        seed, real_hub, judgement, script.counts, wire.counts, quiet, virtual_s=loop.time()
    )


async def _hub(real: bool, true_us: Callable[[], int]) -> Hub:
    if not real:
        small = SmallHub(true_us)
        await small.open()
        return small
    time.time_ns = lambda: true_us() * 1000  # the hub's clock is the true one
    hub = RealHub(_hub_data(), true_us)
    await hub.fresh()
    await hub.open()
    return hub


def _hub_data() -> Path:
    """The hub's files in this process; Django has one place for them."""
    data = Path(os.environ["FIELDSTATION_HUB_DATA"])
    if not (data / "hub.sqlite3").exists():
        RealHub.prepare(data)
    return data


def many(
    seeds: Sequence[int], *, real_hub: bool, workers: int, told: Callable[[Outcome], None]
) -> list[Outcome]:
    """Run these seeds in processes of their own; `told` hears of each as it ends."""
    place = "/dev/shm" if Path("/dev/shm").is_dir() else None
    scratch = Path(tempfile.mkdtemp(dir=place, prefix="scenario-hub-"))
    context = multiprocessing.get_context("spawn")
    outcomes = []
    try:
        with context.Pool(workers, partial(_settle_in, scratch)) as pool:
            for outcome in pool.imap_unordered(partial(scenario, real_hub=real_hub), seeds):
                told(outcome)
                outcomes.append(outcome)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return sorted(outcomes, key=lambda one: one.seed)


def _settle_in(scratch: Path) -> None:
    os.environ["FIELDSTATION_HUB_DATA"] = str(scratch / f"hub-{os.getpid()}")


def violations(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Every violation with its seed."""
    for outcome in outcomes:
        for text in outcome.violations:
            yield f"seed {outcome.seed}{' with hub' if outcome.real_hub else ''}: {text}"


def named_share(outcomes: Sequence[Outcome]) -> dict[str, tuple[int, int]]:
    """By kind of fault: how many were named by their holes, of how many that cost readings."""
    costly: Counter[str] = Counter()
    named: Counter[str] = Counter()
    for outcome in outcomes:
        costly.update(outcome.judgement.costly)
        named.update(outcome.judgement.named)
    return {word: (named[word], costly[word]) for word in sorted(costly)}
