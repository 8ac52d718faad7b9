"""The ingest desk alone, with a store that can be held."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from fieldstation.batch import Receipt
from fieldstation.errors import FieldstationError, KeyRejected, StoreUnavailable


class HeldStore:
    """Answers every upload with a receipt once the gate is open; remembers its groups."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.entered = threading.Semaphore(0)
        self.groups: list[int] = []

    def apply(self, uploads: Sequence[Any]) -> list[Receipt | FieldstationError]:
        self.groups.append(len(uploads))
        self.entered.release()
        assert self.gate.wait(20)
        if any(upload.body == b"fault" for upload in uploads):
            raise ZeroDivisionError("a defect of the store")
        return [Receipt(upload.body.ljust(16), 1, 1, 1, 0) for upload in uploads]


@pytest.fixture
def key(hub: Any, request: pytest.FixtureRequest) -> str:
    from fieldstation.hub.stations import keys

    return keys.add_gateway(f"{request.node.name[:60]}-{id(request)}")


@pytest.fixture
def store() -> HeldStore:
    return HeldStore()


@pytest.fixture
async def desk(key: str, store: HeldStore) -> AsyncIterator[Any]:
    from fieldstation.hub.ingest.desk import IngestDesk

    desk = IngestDesk(store, lambda stations: None)  # type: ignore[arg-type]
    desk.start()
    yield desk
    store.gate.set()
    await desk.stop()


async def test_concurrent_uploads_share_a_group(desk: Any, store: HeldStore, key: str) -> None:
    first = asyncio.create_task(desk.submit(key, b"a"))
    await asyncio.to_thread(store.entered.acquire)
    others = [asyncio.create_task(desk.submit(key, b"%d" % n)) for n in range(9)]
    await asyncio.sleep(0)
    store.gate.set()
    verdicts = await asyncio.gather(first, *others)
    assert store.groups == [1, 9]
    assert [v.receipt.boot.strip() for v in verdicts] == [b"a", *(b"%d" % n for n in range(9))]


async def test_unknown_keys_do_not_spoil_the_group(desk: Any, store: HeldStore, key: str) -> None:
    store.gate.set()
    verdicts = await asyncio.gather(
        *(desk.submit(k, b"x") for k in (key, "fsk_unknown", key, "fsk_other"))
    )
    assert [isinstance(v, KeyRejected) for v in verdicts] == [False, True, False, True]


async def test_full_desk_says_later(hub: Any, store: HeldStore, key: str) -> None:
    from fieldstation.hub.groups import Bounds
    from fieldstation.hub.ingest.desk import IngestDesk

    bounds = Bounds(group=9, group_bytes=99, waiting=9, waiting_bytes=10)
    desk = IngestDesk(store, lambda stations: None, bounds)  # type: ignore[arg-type]
    desk.start()
    waiting = asyncio.create_task(desk.submit(key, b"12345678"))
    await asyncio.to_thread(store.entered.acquire)
    with pytest.raises(StoreUnavailable, match="busy"):
        await desk.submit(key, b"123")
    store.gate.set()
    await waiting
    assert (await desk.submit(key, b"123")).receipt.stored == 1  # type: ignore[union-attr]
    await desk.stop()


async def test_a_fault_in_one_group_leaves_the_desk_at_work(
    desk: Any, store: HeldStore, key: str
) -> None:
    store.gate.set()
    with pytest.raises(ZeroDivisionError):
        await desk.submit(key, b"fault")
    assert (await desk.submit(key, b"fine")).receipt.stored == 1


async def test_what_waits_at_the_end_is_still_answered(
    desk: Any, store: HeldStore, key: str
) -> None:
    first = asyncio.create_task(desk.submit(key, b"a"))
    await asyncio.to_thread(store.entered.acquire)
    second = asyncio.create_task(desk.submit(key, b"b"))
    await asyncio.sleep(0)
    end = asyncio.create_task(desk.stop())
    store.gate.set()
    await asyncio.gather(first, second, end)
    assert store.groups == [1, 1]


async def test_a_client_that_left_harms_nobody(desk: Any, store: HeldStore, key: str) -> None:
    first = asyncio.create_task(desk.submit(key, b"a"))
    await asyncio.to_thread(store.entered.acquire)
    first.cancel()
    store.gate.set()
    assert (await desk.submit(key, b"b")).receipt.stored == 1
