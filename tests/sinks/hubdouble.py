"""A hub that speaks the contract of receipts and reports over real HTTP, and misbehaves when told
to.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from fieldstation.batch import UnknownLayout, decode
from fieldstation.batch import report as reports
from fieldstation.batch.facts import ClockFact, Fact, Tally
from fieldstation.batch.model import Batch, Receipt
from fieldstation.batch.ranges import Ranges
from fieldstation.batch.report import Report
from fieldstation.errors import CodecError
from fieldstation.model import Layout, Reading

KEY = "fsk_right"
Answer = tuple[int, str, bytes]

Fault = Callable[["HubDouble", bytes], "Answer | None"]
"""What happens to one request instead of the usual: an answer, or None for a closed connection."""


@dataclass
class Known:
    """What the hub knows of one journal."""

    through: int = 0
    facts: dict[tuple[object, ...], Fact] = field(default_factory=dict)


@dataclass
class HubDouble:
    """Everything it received, by boot and sequence; `faults` are used up, one for each batch,
    `report_faults` one for each report.
    """

    key: str = KEY
    most_readings: int = 10_000
    refuse: Callable[[Reading], bool] = lambda reading: False
    stored: dict[tuple[bytes, int], Reading] = field(default_factory=dict)
    doubled: int = 0
    layouts: dict[str, Layout] = field(default_factory=dict)
    requests: list[tuple[int, int, int]] = field(default_factory=list)
    missing: list[tuple[int, int]] = field(default_factory=list)
    faults: deque[Fault] = field(default_factory=deque)
    clocks: dict[tuple[bytes, int], ClockFact | None] = field(default_factory=dict)
    utc_us: int = 1_800_000_000_000_000
    knows_reports: bool = True
    refuse_fact: Callable[[Fact], bool] = lambda fact: False
    journals: dict[str, Known] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)
    talk: list[str] = field(default_factory=list)
    report_faults: deque[Fault] = field(default_factory=deque)
    url: str = ""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    serving: set[asyncio.Task[None]] = field(default_factory=set)

    def answer(self, path: str, key: str, body: bytes) -> Answer | None:
        if path == reports.PATH:
            return self.answer_report(key, body)
        if self.faults:
            return self.faults.popleft()(self, body)
        if key != f"Bearer {self.key}":
            return problem(401, "key-rejected")
        return self.apply(body)

    def answer_report(self, key: str, body: bytes) -> Answer | None:
        if not self.knows_reports:
            return problem(404, "not-found")
        if self.report_faults:
            return self.report_faults.popleft()(self, body)
        if key != f"Bearer {self.key}":
            return problem(401, "key-rejected")
        report = Report.from_json(body)
        self.reports.append(report)
        self.talk.append("report")
        if any(self.refuse_fact(fact) for _, fact in report.facts):
            return problem(422, "never", code="bad_field")
        known = self.journals.setdefault(report.journal, Known())
        if report.after <= known.through:
            for revision, fact in report.facts:
                known.facts[_key(fact)] = fact
                known.through = max(known.through, revision)
        missing = tuple(self._absent(report))
        self._stir()
        answer = reports.Answer(self.utc_us, known.through, missing)
        return 200, "application/json", json.dumps(answer.as_json()).encode()

    def _absent(self, report: Report) -> list[reports.Span]:
        out = []
        for boot, first, last in report.settled:
            here = Ranges()
            for one, sequence in sorted(self.stored):
                if one == boot:
                    here.add(sequence, sequence)
            out += [(boot, *pair) for pair in here.absent(first, last)]
        return out

    def apply(self, body: bytes) -> Answer:
        self.talk.append("batch")
        try:
            batch = decode(body, self.layouts)
        except UnknownLayout as error:
            return problem(409, "layout-unknown", layouts=list(error.ids))
        except CodecError as error:
            return problem(422, str(error), code=error.kind)
        self.layouts |= {a.layout.id: a.layout for a in batch.announcements}
        self.requests.append((batch.number, batch.first, batch.last))
        if len(batch.readings) > self.most_readings:
            return 413, "text/html", b"<html>too large</html>"
        if any(self.refuse(kept.reading) for kept in batch.readings):
            return problem(422, "never", code="contradiction")
        return 200, "application/json", json.dumps(self._store(batch).as_json()).encode()

    def _store(self, batch: Batch) -> Receipt:
        known = 0
        for kept in batch.readings:
            before = self.stored.setdefault((batch.boot, kept.sequence), kept.reading)
            known += before is not kept.reading
            self.doubled += before != kept.reading
            self.clocks[batch.boot, kept.sequence] = batch.clock
        self._stir()
        missing, self.missing = tuple(self.missing), []
        fresh = len(batch.readings) - known
        return Receipt(batch.boot, batch.first, batch.last, fresh, known, missing)

    def _stir(self) -> None:
        self.arrived.set()
        self.arrived = asyncio.Event()

    async def until(self, done: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait until something is true after a batch or a report arrived."""
        async with asyncio.timeout(seconds):
            while True:
                arrived = self.arrived
                if done():
                    return
                await arrived.wait()

    def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self.serve_one(reader, writer))
        self.serving.add(task)
        task.add_done_callback(self.serving.discard)

    async def serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode("latin-1").split("\r\n")
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in lines[1:])
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                path = lines[0].split(" ")[1].removeprefix("http://hub.example")
                answer = self.answer(path, headers.get("authorization", ""), body)
                if answer is None:
                    break
                writer.write(response(*answer))
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()


def _key(fact: Fact) -> tuple[object, ...]:
    if isinstance(fact, Tally):
        return fact.kind, fact.boot, fact.instrument, fact.day
    return fact.kind, fact.boot, fact.number


def response(status: int, media: str, body: bytes) -> bytes:
    more = "location: http://127.0.0.1:9/\r\n" if 300 <= status < 400 else ""
    return (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {media}\r\n{more}"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode() + body


def problem(status: int, detail: str, **more: object) -> Answer:
    body = json.dumps({"title": "no", "status": status, "detail": detail, **more})
    return status, "application/problem+json", body.encode()


def lost_reply(hub: HubDouble, body: bytes) -> None:
    """The batch is stored, its receipt never arrives."""
    hub.apply(body)


def reset(hub: HubDouble, body: bytes) -> None:
    """The connection breaks before anything is stored."""


def status(code: int, body: bytes = b"<html>sorry</html>") -> Fault:
    """Answer with a page."""
    return lambda hub, request: (code, "text/html", body)


def receipt_for(first: int, last: int) -> Fault:
    """A well-formed receipt for something else."""
    other = Receipt(bytes(16), first, last, 1, 0).as_json()
    return lambda hub, request: (200, "application/json", json.dumps(other).encode())


@asynccontextmanager
async def hub_double() -> AsyncIterator[HubDouble]:
    """A hub on an ephemeral port."""
    hub = HubDouble()
    server = await asyncio.start_server(hub.connect, "127.0.0.1", 0, limit=1 << 22)
    hub.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield hub
    finally:
        server.close()
        for task in hub.serving:
            task.cancel()
        if hub.serving:
            await asyncio.wait(hub.serving)
