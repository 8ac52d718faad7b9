"""A small instrument that does what tests tell it to, its driver, and a world to run it in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from fieldstation.errors import ChecksumMismatch, InstrumentRefused
from fieldstation.model import (
    Channel,
    Conversation,
    Exchange,
    Identity,
    Instant,
    Kind,
    Layout,
    Outgoing,
    Poll,
    SerialLine,
    Trust,
    Value,
    ask,
)
from fieldstation.station.clock import Clock
from fieldstation.station.collector import Collector
from fieldstation.station.config import InstrumentSettings
from fieldstation.station.instrument import Instrument
from fieldstation.station.port import Bus, Port
from fieldstation.testing.echo import frame, frame_end
from fieldstation.transport.loopback import LoopLink

START_US = 1_700_000_000_000_000
BOOT = bytes(range(16))
MAIN = Layout("meter", "status", (Channel("count", Kind.INTEGER),))
SELDOM = Layout("meter", "ratings", (Channel("power", Kind.NUMBER, "W"),))


class MeterTwin:
    """Answers `who`, `read` and `rate`. `mode` is good, silent, garbled or refusing."""

    def __init__(self, serial: str = "A1") -> None:
        self.serial = serial
        self.mode = "good"
        self.delay_s = 0.0
        self.count = 0
        self._heard = b""

    def receive(self, data: bytes, utc_s: float) -> Sequence[Outgoing]:
        *requests, self._heard = (self._heard + data).split(b"\n")
        replies = [self._answer(request) for request in requests]
        return [Outgoing(reply, self.delay_s) for reply in replies if reply]

    def _answer(self, request: bytes) -> bytes:
        if self.mode == "silent":
            return b""
        if self.mode == "refusing" and request != b"who":
            return frame(b"no")
        if request == b"who":
            return frame(b"who " + self.serial.encode())
        self.count += 1
        reply = frame(b"%s %d" % (request, self.count))
        return b"#" + reply[1:] if self.mode == "garbled" else reply


def _decode(word: bytes, data: bytes) -> str:
    text = data.rpartition(b" ")[0]
    if frame(text) != data or (text != b"no" and not text.startswith(word)):
        raise ChecksumMismatch("not what was asked for", data=data)
    if text == b"no":
        raise InstrumentRefused("no", "the meter says no")
    return text.partition(b" ")[2].decode()


def _exchange(word: bytes) -> Exchange[str]:
    return Exchange(
        word + b"\n", frame_end, lambda data: _decode(word, data), 1.0, 0.01, 2, word.decode()
    )


class MeterDriver:
    """The meter's driver; `crash` makes each reading raise."""

    kind = "meter"
    default_every_s = 10.0
    line = SerialLine()
    resync = _exchange(b"who")

    def __init__(self) -> None:
        self.crash: Exception | None = None

    def identify(self) -> Conversation[Identity]:
        serial = yield from ask(_exchange(b"who"))
        return Identity("meter", serial, "M")

    def plan(self, identity: Identity) -> Sequence[Poll]:
        return [Poll(MAIN, self._status), Poll(SELDOM, self._ratings, 6)]

    def _status(self) -> Conversation[dict[str, Value]]:
        if self.crash is not None:
            raise self.crash
        reply = yield from ask(_exchange(b"read"))
        return {"count": int(reply)}

    def _ratings(self) -> Conversation[dict[str, Value]]:
        reply = yield from ask(_exchange(b"rate"))
        return {"power": float(reply)}


class LoopClock:
    """A clock that runs with the event loop; `jump_us` moves the wall clock, `passed_us` both."""

    kernel = "kernel"
    error_us = 1000

    def __init__(self) -> None:
        self.jump_us = self.passed_us = 0
        self.boot = BOOT
        self._loop = asyncio.get_running_loop()

    def now(self) -> Instant:
        mono_us = round(self._loop.time() * 1e6) + self.passed_us
        return Instant(START_US + self.jump_us + mono_us, mono_us, self.boot, Trust.SYNCED)


def settings(
    name: str = "meter", *, port: str = "loop:", every_s: float = 10.0, serial: str = ""
) -> InstrumentSettings:
    return InstrumentSettings(name, "meter", port, every_s, SerialLine(), serial)


def instrument(
    one: InstrumentSettings,
    twin: MeterTwin,
    clock: LoopClock,
    collector: Collector,
    driver: MeterDriver | None = None,
) -> Instrument:
    """An instrument whose port is its twin in memory."""
    return Instrument(
        one,
        driver or MeterDriver(),
        clock,
        collector,
        port=Port(
            Bus(),
            one.port,
            one.line,
            loop_link=lambda: LoopLink(twin, lambda: clock.now().utc_us / 1e6),
        ),
    )


@asynccontextmanager
async def collecting(path: Path, clock: Clock) -> AsyncIterator[Collector]:
    """A collector at work on a journal in the folder `path`."""
    async with Collector(path / "journal.sqlite3", clock) as collector:
        writer = asyncio.create_task(collector.run())
        try:
            yield collector
        finally:
            collector.finish()
            await writer


async def end(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks and wait for their end."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
