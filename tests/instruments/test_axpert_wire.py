"""The Axpert driver and its twin over real lines, with the faults that real lines have."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence

import pytest

from fieldstation.errors import CodecError, FieldstationError, InstrumentRefused, LinkTimeout
from fieldstation.instruments import registry
from fieldstation.instruments.axpert.answers import Answers
from fieldstation.instruments.axpert.codec import read_frame
from fieldstation.instruments.axpert.frame import encode_reply
from fieldstation.instruments.axpert.profiles import profile
from fieldstation.instruments.axpert.simulator import AxpertTwin
from fieldstation.instruments.faults import FaultPlan, FaultyTwin
from fieldstation.model import Identity, Poll, SerialLine, acquainted
from fieldstation.testing.virtualtime import in_virtual_time
from fieldstation.transport import Runner, open_link
from fieldstation.transport.host import pty_host
from fieldstation.transport.loopback import LoopLink

NOON_S = 1_779_969_600.0
DRIVER = registry.driver("axpert")
STATUS = DRIVER.plan(Identity("axpert"))[0]


def wall() -> float:
    return NOON_S + asyncio.get_running_loop().time()


def loop_runner(
    model: str = "", faults: Sequence[str] = (), seed: int = 1, *, fast: bool = False
) -> Runner:
    twin = registry.twin("axpert", model, seed, faults, fast=fast)
    return Runner(LoopLink(twin, wall), resync=DRIVER.resync)


async def identified(runner: Runner) -> tuple[Identity, Sequence[Poll]]:
    identity = await runner.converse(acquainted(DRIVER))
    return identity, DRIVER.plan(identity)


@pytest.mark.parametrize("model", registry.profiles("axpert"))
async def test_every_model_is_polled_over_a_pty(model: str) -> None:
    twin = registry.twin("axpert", model, seed=1, fast=True)
    async with pty_host(twin, time.time, speed=math.inf) as path, asyncio.timeout(20):
        link = await open_link(path, SerialLine(115_200))
        runner = Runner(link, resync=DRIVER.resync)
        # The line's quiet times are real here, so only the main poll is made.
        values = await runner.converse(STATUS.converse())
        await link.aclose()
    assert STATUS.layout.row(values)[0] is not None


@in_virtual_time
async def test_identity_and_plan_over_a_line_at_its_own_speed() -> None:
    runner = loop_runner("max_8048")
    identity, plan = await identified(runner)
    assert identity.serial == "92932105105315"
    for poll in plan:
        values = await runner.converse(poll.converse())
        assert any(value is not None for value in poll.layout.row(values)), poll.layout.name


@in_virtual_time
async def test_status_takes_less_than_a_second_and_a_half_of_line_time() -> None:
    runner = loop_runner()
    await runner.converse(STATUS.converse())
    before_s = asyncio.get_running_loop().time()
    await runner.converse(STATUS.converse())
    assert asyncio.get_running_loop().time() - before_s < 1.5


class Witness(Answers):
    """Answers that remember the last text given to each query."""

    def __init__(self) -> None:
        super().__init__(profile(""), 1)
        self.given: dict[str, str | None] = {}

    def text(self, name: str, argument: str, utc_s: float) -> str | None:
        self.given[name] = super().text(name, argument, utc_s)
        return self.given[name]


@pytest.mark.parametrize(
    "fault",
    [
        "silence:0.2", "flip:0.3", "truncate:0.3", "lose_byte:0.3", "late:0.2", "duplicate:0.5",
        "garbage:0.5", "slow:0.1", "lf_after_cr", "stale:0.3", "unescaped_crc", "nak:0.1",
    ],
)  # fmt: skip
def test_no_fault_of_the_line_ever_gives_a_wrong_or_older_value(fault: str) -> None:
    witness, plan = Witness(), FaultPlan([fault], 1)
    twin = FaultyTwin(AxpertTwin(witness, 1, plan, fast=False), plan, 1)

    @in_virtual_time
    async def poll() -> int:
        runner = Runner(LoopLink(twin, wall), resync=DRIVER.resync)
        read = 0
        for _ in range(25):
            try:
                values = await runner.converse(STATUS.converse())
            except (CodecError, LinkTimeout, InstrumentRefused):
                continue
            read += 1
            for query in ("QPIGS", "QMOD"):
                said = read_frame(query, encode_reply(str(witness.given[query])))
                assert said.items() <= values.items()
        return read

    assert poll() > 5


@in_virtual_time
async def test_refusal_reaches_whoever_asked() -> None:
    runner = loop_runner()
    _status, trackers = DRIVER.plan(Identity("axpert", facts={"queries": "QPIGS QPIGS2"}))
    with pytest.raises(InstrumentRefused):
        await runner.converse(trackers.converse())


@in_virtual_time
async def test_silent_unit_is_an_error_with_a_sentence() -> None:
    with pytest.raises(FieldstationError, match=r"QPI|answer|reply"):
        await loop_runner(faults=["silence"]).converse(DRIVER.identify())
