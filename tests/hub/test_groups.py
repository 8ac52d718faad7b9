"""Groups alone, with work that can be held."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fieldstation.errors import StoreUnavailable


class Work:
    """Doubles every number once the gate is open; remembers its groups."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.entered = threading.Semaphore(0)
        self.groups: list[list[int]] = []
        self.told: list[list[int]] = []

    def __call__(self, group: list[int]) -> list[int]:
        self.groups.append(group)
        self.entered.release()
        assert self.gate.wait(20)
        if 0 in group:
            raise ZeroDivisionError("a defect of the work")
        return [2 * number for number in group]


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
async def groups(hub: object, work: Work) -> AsyncIterator[object]:
    from fieldstation.hub.groups import Bounds, Groups

    bounds = Bounds(group=4, group_bytes=100, waiting=8, waiting_bytes=1_000)
    made = Groups("test-groups", bounds, work, work.told.append)
    made.start()
    yield made
    work.gate.set()
    await made.stop()


async def waiting(groups: Any, work: Work, *items: tuple[int, int]) -> list[asyncio.Task[int]]:
    """The first one at work, the others behind it."""
    first = asyncio.create_task(groups.submit(1, 1))
    await asyncio.to_thread(work.entered.acquire)
    others = [asyncio.create_task(groups.submit(*item)) for item in items]
    await asyncio.sleep(0)
    return [first, *others]


async def test_a_crowd_is_one_group(groups: Any, work: Work) -> None:
    tasks = await waiting(groups, work, (2, 1), (3, 1), (4, 1))
    work.gate.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6, 8]
    assert work.groups == [[1], [2, 3, 4]]
    assert work.told == [[2], [4, 6, 8]]


async def test_a_group_ends_at_its_number_or_its_bytes(groups: Any, work: Work) -> None:
    tasks = await waiting(groups, work, (2, 1), (3, 100), (4, 1), (5, 1), (6, 1), (7, 1), (8, 1))
    work.gate.set()
    await asyncio.gather(*tasks)
    assert work.groups == [[1], [2, 3], [4, 5, 6, 7], [8]]


@pytest.mark.parametrize("item", [(9, 1), (9, 995)])
async def test_a_desk_that_is_full_says_later(
    groups: Any, work: Work, item: tuple[int, int]
) -> None:
    tasks = await waiting(groups, work, *[(n, 1) for n in range(2, 9 if item[1] == 1 else 8)])
    with pytest.raises(StoreUnavailable):
        await groups.submit(*item)
    work.gate.set()
    await asyncio.gather(*tasks)
    assert await groups.submit(*item) == 18


async def test_a_fault_of_one_group_leaves_the_desk_at_work(groups: Any, work: Work) -> None:
    tasks = await waiting(groups, work, (0, 1), (2, 1))
    work.gate.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in found] == [int, ZeroDivisionError, ZeroDivisionError]
    assert await groups.submit(5, 1) == 10


async def test_other_work_is_done_between_two_groups(groups: Any, work: Work) -> None:
    tasks = await waiting(groups, work, (2, 1))
    seen = groups.between(lambda: len(work.groups))
    work.gate.set()
    assert await seen == 1
    await asyncio.gather(*tasks)


async def test_what_comes_after_the_end_is_sent_away(hub: object, work: Work) -> None:
    from fieldstation.hub.groups import Bounds, Groups

    groups = Groups("test-ended", Bounds(4, 100, 8, 1_000), work)
    groups.start()
    work.gate.set()
    last = asyncio.create_task(groups.submit(1, 1))
    await asyncio.sleep(0)
    await groups.stop()
    assert await last == 2
    with pytest.raises(StoreUnavailable):
        await groups.submit(1, 1)
