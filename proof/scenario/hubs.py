"""Two hubs behind one transport: the real one in this process, and a small one that keeps sets.

The small one is a second opinion: it knows the rules of `batch` and `report` only, so that what the
station does can be judged without the hub's own code, and fast.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

import httpx

from fieldstation.batch import UnknownLayout, decode
from fieldstation.batch.facts import Fact, Hole
from fieldstation.batch.model import Receipt
from fieldstation.batch.ranges import Ranges
from fieldstation.batch.report import Answer, Report
from fieldstation.errors import CodecError
from fieldstation.model import Layout

T = TypeVar("T")


class Hub(Protocol):
    """What a scenario does to a hub, and asks of it."""

    transport: httpx.AsyncBaseTransport | None

    async def open(self) -> None:
        """Start it."""
        ...

    async def close(self) -> None:
        """Stop it; what it acknowledged stays."""
        ...

    async def register(self, name: str) -> str:
        """A key for a new gateway."""
        ...

    async def rekey(self, name: str) -> str:
        """Refuse the gateway's key; a new one."""
        ...

    async def back_up(self) -> None:
        """Keep a copy of everything."""
        ...

    async def restore(self) -> bool:
        """Go back to the copy, if there is one."""
        ...

    async def forget_backup(self) -> None:
        """Throw the copy away."""
        ...

    async def readings(self, name: str) -> dict[str, list[int]]:
        """The numbers that each meter of the gateway gave, in the order of their times."""
        ...

    async def holes(self, name: str) -> list[Hole]:
        """What the gateway said is missing."""
        ...

    async def faults(self) -> list[str]:
        """What the hub itself finds wrong when everything is quiet."""
        ...


class SmallHub:
    """Sets and dictionaries."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._keys: dict[str, str] = {}
        self._state: dict[str, Any] = {}
        self._copy: dict[str, Any] | None = None
        self.transport: httpx.AsyncBaseTransport | None = None
        self._count = 0

    async def open(self) -> None:
        """As `Hub.open`."""
        self.transport = httpx.MockTransport(self._answer)

    async def close(self) -> None:
        """As `Hub.close`."""
        self.transport = None

    async def register(self, name: str) -> str:
        """As `Hub.register`."""
        self._state[name] = {"rows": {}, "ranges": {}, "layouts": {}, "facts": {}, "through": {}}
        return await self.rekey(name)

    async def rekey(self, name: str) -> str:
        """As `Hub.rekey`."""
        self._count += 1
        key = f"fsk_small{self._count}"
        self._keys = {k: who for k, who in self._keys.items() if who != name} | {key: name}
        return key

    async def back_up(self) -> None:
        """As `Hub.back_up`."""
        self._copy = _deep(self._state)

    async def restore(self) -> bool:
        """As `Hub.restore`."""
        if self._copy is None:
            return False
        self._state = self._state | _deep(self._copy)
        return True

    async def forget_backup(self) -> None:
        """As `Hub.forget_backup`."""
        self._copy = None

    async def readings(self, name: str) -> dict[str, list[int]]:
        """As `Hub.readings`."""
        found: dict[str, list[int]] = {}
        for meter, number in self._state[name]["rows"].values():
            found.setdefault(meter, []).append(number)
        return found

    async def holes(self, name: str) -> list[Hole]:
        """As `Hub.holes`."""
        return [fact for fact in self._state[name]["facts"].values() if isinstance(fact, Hole)]

    async def faults(self) -> list[str]:
        """As `Hub.faults`."""
        return []

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        name = self._keys.get(request.headers["authorization"].removeprefix("Bearer "))
        if name is None:
            return _problem(401)
        body, state = request.content, self._state[name]
        try:
            if request.url.path.endswith("report"):
                return httpx.Response(200, json=self._report(Report.from_json(body), state))
            return httpx.Response(200, json=_ingest(body, state))
        except UnknownLayout as error:
            return _problem(409, layouts=list(error.ids))
        except CodecError as error:
            return _problem(422, code=error.kind)

    def _report(self, report: Report, state: dict[str, Any]) -> dict[str, Any]:
        known = state["through"].get(report.journal, 0)
        if report.after <= known:
            for revision, fact in report.facts:
                state["facts"][_key(fact)] = fact
                known = max(known, revision)
        state["through"][report.journal] = known
        missing = [
            (boot, *gap)
            for boot, first, last in report.settled
            for gap in state["ranges"].get(boot, Ranges()).absent(first, last)
        ]
        return Answer(self._now_us(), known, tuple(missing[:1000])).as_json()


def _ingest(body: bytes, state: dict[str, Any]) -> dict[str, Any]:
    batch = decode(body, state["layouts"])
    layouts: dict[str, Layout] = state["layouts"]
    layouts |= {each.layout.id: each.layout for each in batch.announcements}
    ranges = state["ranges"].setdefault(batch.boot, Ranges())
    stored = 0
    for kept in batch.readings:
        key = (batch.boot, kept.sequence)
        row = (kept.reading.instrument, kept.reading.values[0])
        stored += key not in state["rows"]
        if state["rows"].setdefault(key, row) != row:
            raise CodecError("contradiction", "other values were received before")
    ranges.add(batch.first, batch.last)
    receipt = Receipt(
        batch.boot, batch.first, batch.last, stored, len(batch.readings) - stored,
        ranges.missing(batch.last, 1000),
    )  # fmt: skip
    return receipt.as_json()


def _key(fact: Fact) -> tuple[object, ...]:
    names = ("instrument", "day") if fact.kind == "tally" else ("number",)
    return (fact.kind, fact.boot, *(getattr(fact, name) for name in names))


def _problem(status: int, **more: object) -> httpx.Response:
    return httpx.Response(status, json={"status": status, "detail": "no", **more})


def _deep(state: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {
            "rows": dict(one["rows"]),
            "ranges": {boot: Ranges(each.pairs) for boot, each in one["ranges"].items()},
            "layouts": dict(one["layouts"]),
            "facts": dict(one["facts"]),
            "through": dict(one["through"]),
        }
        for name, one in state.items()
    }


class RealHub:
    """The hub itself: Django, ingest desk, report desk and series store in this process, on the
    files in `data`, which one process can have once. `fresh` puts it back to its beginnings.
    """

    def __init__(self, data: Path, now_us: Callable[[], int]) -> None:
        self._data = data
        self._now_us = now_us
        self.transport: httpx.AsyncBaseTransport | None = None
        self._scope: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    @staticmethod
    def prepare(data: Path) -> None:
        """Make the files of an empty hub, once in a process."""
        from fieldstation.hub import run

        run.setup(data)
        shutil.copytree(data, _beside(data, "empty"))

    async def fresh(self) -> None:
        """An empty hub."""
        self._replace(_beside(self._data, "empty"))
        await self.forget_backup()

    async def open(self) -> None:
        """As `Hub.open`."""
        from fieldstation.hub.application import Hub as Application

        application = Application()
        ready, self._stop = asyncio.Event(), asyncio.Event()
        told = iter((_nothing, self._stop.wait))

        async def receive() -> dict[str, str]:
            await next(told)()
            return {"type": "lifespan"}

        async def send(message: dict[str, str]) -> None:
            ready.set()

        life = application({"type": "lifespan"}, receive, send)
        self._scope = asyncio.get_running_loop().create_task(life)
        await asyncio.wait(
            {self._scope, asyncio.ensure_future(ready.wait())},
            return_when=asyncio.FIRST_COMPLETED,
        )
        if self._scope.done():
            self._scope.result()
        self.transport = httpx.ASGITransport(application)

    async def close(self) -> None:
        """As `Hub.close`."""
        self.transport = None
        self._stop.set()
        if self._scope is not None:
            await self._scope
            self._scope = None

    async def register(self, name: str) -> str:
        """As `Hub.register`."""
        from fieldstation.hub.stations import keys

        return await _in_database(lambda: keys.add_gateway(name))

    async def rekey(self, name: str) -> str:
        """As `Hub.rekey`."""
        from fieldstation.hub.stations import keys
        from fieldstation.hub.stations.models import Gateway

        def work() -> str:
            keys.revoke(name)
            return keys.renew(Gateway.objects.get(name=name))

        return await _in_database(work)

    async def back_up(self) -> None:
        """As `Hub.back_up`."""
        target = _beside(self._data, "backup")
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        # The series first: a report that is kept without its readings only asks for them again.
        for name in ("series.sqlite3", "hub.sqlite3"):
            await asyncio.to_thread(_hot_copy, self._data / name, target / name)

    async def restore(self) -> bool:
        """As `Hub.restore`."""
        source = _beside(self._data, "backup")
        if not source.exists():
            return False
        running = self.transport is not None
        if running:
            await self.close()
        self._replace(source)
        if running:
            await self.open()
        return True

    async def forget_backup(self) -> None:
        """As `Hub.forget_backup`."""
        shutil.rmtree(_beside(self._data, "backup"), ignore_errors=True)

    def _replace(self, source: Path) -> None:
        for file in self._data.iterdir():
            if ".sqlite3" in file.name:
                file.unlink()
        for file in source.glob("*.sqlite3"):
            shutil.copyfile(file, self._data / file.name)

    async def readings(self, name: str) -> dict[str, list[int]]:
        """As `Hub.readings`."""
        from fieldstation.hub import runtime

        station = await self._station(name)
        store = runtime.running().store

        def work() -> dict[str, list[int]]:
            found: dict[str, list[int]] = {}
            for entry in store.catalogue(station):
                pieces = store.walk(station, entry.name, ["count", "half"], 0, 2**53)
                rows = [
                    (int(count), half)
                    for piece in pieces
                    for count, half in zip(piece.values["count"], piece.values["half"], strict=True)
                ]
                assert all(count == 2 * half for count, half in rows), "a value has changed"
                found[entry.name] = [count for count, _ in rows]
            return found

        return await asyncio.to_thread(work)

    async def holes(self, name: str) -> list[Hole]:
        """As `Hub.holes`."""
        from fieldstation.hub.ledger import models

        station = await self._station(name)

        def work() -> list[Hole]:
            return [_hole(row) for row in models.Hole.objects.filter(gateway_id=station)]

        return await _in_database(work)

    async def faults(self) -> list[str]:
        """As `Hub.faults`: days that do not add up."""
        from fieldstation.batch.facts import DAY_US
        from fieldstation.hub import runtime
        from fieldstation.hub.ledger.calendar import calendar
        from fieldstation.hub.stations.models import Gateway

        now_us = self._now_us()
        store = runtime.running().store

        def work() -> list[str]:
            wrong = []
            for gateway in Gateway.objects.all():
                for row in calendar(store, gateway.id, 0, now_us // DAY_US + 4000, "", now_us):
                    if not row.adds_up or row.in_transit:
                        wrong.append(
                            f"{gateway.name} {row.instrument} day {row.day}: counted {row.counted},"
                            f" arrived {row.arrived}, in transit {row.in_transit}"
                        )
            return wrong

        return await _in_database(work)

    async def _station(self, name: str) -> str:
        from fieldstation.hub.stations.models import Gateway

        return await _in_database(lambda: Gateway.objects.get(name=name).id.hex)


def _hole(row: Any) -> Hole:
    from fieldstation.batch.facts import State

    return Hole(
        row.number, row.instrument, row.layout, row.cause, bytes.fromhex(row.boot),
        row.first_utc_us, row.last_utc_us, row.count, State(row.state),
    )  # fmt: skip


async def _in_database(work: Callable[[], T]) -> T:
    from django.db import connections

    def closing() -> T:
        try:
            return work()
        finally:
            connections.close_all()

    return await asyncio.to_thread(closing)


def _hot_copy(source: Path, target: Path) -> None:
    with suppress(sqlite3.Error):
        live, copy = sqlite3.connect(source), sqlite3.connect(target)
        live.backup(copy)
        copy.close()
        live.close()


def _beside(data: Path, word: str) -> Path:
    return data.with_name(f"{data.name}-{word}")


async def _nothing() -> None:
    """The first message of a lifespan is there at once."""
