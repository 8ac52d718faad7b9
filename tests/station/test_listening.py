"""Nodes heard through a real broker, and what of them comes into the journal."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

import aiomqtt
import pytest

from fieldstation.batch.facts import Cause, Hole
from fieldstation.errors import NotFound
from fieldstation.instruments import registry
from fieldstation.instruments.esp_node.payload import encode_init, encode_sample
from fieldstation.journal import Reader
from fieldstation.model import Instant, Kept, MqttLine, Trust
from fieldstation.station import collector as collecting_module
from fieldstation.station import listening as listening_module
from fieldstation.station.collector import Collector
from fieldstation.station.config import InstrumentSettings
from fieldstation.station.health import ask_status
from fieldstation.station.listening import Listening
from fieldstation.station.supervisor import instruments, supervise
from fieldstation.testing.broker import PROGRAM, Broker, broker
from fieldstation.transport.mqtt import publish

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="mosquitto is not installed"),
]

T = TypeVar("T")

BASE_S = 1_779_969_600
TOPIC = "data_esp_0badcafe"
NODE = "hall.esp_0badcafe"


class ScriptedClock:
    """Says what it is told, as a station that has its time."""

    kernel = "kernel"
    error_us = 1000

    def __init__(self, utc_s: float = BASE_S + 100_000, boot: bytes = bytes(16)) -> None:
        self.utc_s = utc_s
        self.boot = boot

    def now(self) -> Instant:
        mono_us = round((self.utc_s - BASE_S) * 1e6)
        return Instant(round(self.utc_s * 1e6), mono_us, self.boot, Trust.SYNCED)


class Site:
    """A broker, a journal, and a station's part that listens."""

    def __init__(self, folder: Path, one: Broker) -> None:
        self.folder = folder
        self.broker = one
        self.clock = ScriptedClock()
        self.collector: Collector

    @asynccontextmanager
    async def running(
        self, kind: str = "esp_node", every_s: float = 1.0, commit_every_s: float = 0.02,
        **options: str,
    ) -> AsyncIterator[Listening]:  # fmt: skip
        """The listening part at work until the block ends; the journal is written then."""
        settings = InstrumentSettings(
            "hall", kind, str(self.broker.port), every_s, MqttLine(client_id="hall"), "", options
        )
        file = self.folder / "journal.sqlite3"
        async with Collector(file, self.clock, commit_every_s=commit_every_s) as self.collector:
            (one,) = instruments([settings], self.clock, self.collector)
            assert isinstance(one, Listening)
            writing = asyncio.create_task(self.collector.run())
            working = asyncio.create_task(supervise(one))
            await until(lambda: one.state.state == "good")
            yield one
            working.cancel()
            await asyncio.wait({working})
            self.collector.finish()
            await writing

    async def say(self, *messages: tuple[str, bytes], retain: bool = False) -> None:
        async with aiomqtt.Client(self.broker.port.host, self.broker.port.port) as client:
            for topic, payload in messages:
                await client.publish(topic, payload, 1, retain)

    def kept(self, layout: str = "samples", name: str = NODE) -> list[Kept]:
        return [
            one
            for one in self.read(lambda reader: reader.after(0, 10**6))
            if (one.reading.instrument, one.reading.layout.name) == (name, layout)
        ]

    def numbers(self, name: str = NODE) -> list[int]:
        """Ids of the samples in the journal, in the order of their times."""
        kept = sorted(self.kept(name=name), key=lambda one: one.reading.instant.utc_us)
        return [int(str(one.reading.values[0])) for one in kept]

    def holes(self) -> list[Hole]:
        return self.read(lambda reader: reader.holes())[::-1]

    def read(self, ask: Callable[[Reader], list[T]]) -> list[T]:
        reader = Reader(self.folder / "journal.sqlite3")
        try:
            return ask(reader)
        finally:
            reader.close()


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setattr(listening_module, "WATCH_S", 0.02)
    async with broker(tmp_path) as one:
        yield Site(tmp_path, one)


async def until(true: Callable[[], bool]) -> None:
    """Wait for something that other tasks or programs bring about."""
    async with asyncio.timeout(30):
        while not await asyncio.sleep(0.01, true()):
            pass


def init(base_s: int = BASE_S, topic: str = TOPIC) -> tuple[str, bytes]:
    return "esp001log", encode_init(base_s, {"data_topic": topic, "clock": "chip"})


def samples(*numbers: int, topic: str = TOPIC) -> list[tuple[str, bytes]]:
    return [(topic, encode_sample({"sample": n, "ambient_temperature": float(n)})) for n in numbers]


async def test_nodes_are_followed_without_being_configured(site: Site) -> None:
    other = "data-esp-00112233"
    async with site.running() as one:
        await site.say(init(), *samples(*range(5)))
        await site.say(init(BASE_S + 50, other), *samples(0, 1, topic=other))
        await until(lambda: one.state.readings == 9)
        summary = one.summary
        assert summary["nodes"][NODE]["serial"] == "0badcafe"
        assert summary["nodes"]["hall.esp-00112233"]["readings"] == 3
    assert site.numbers() == [0, 1, 2, 3, 4]
    assert site.numbers("hall.esp-00112233") == [0, 1]
    (start,) = site.kept("start")
    assert start.reading.instant.utc_us == BASE_S * 1_000_000
    sample = site.kept()[3].reading
    assert sample.instant.utc_us == (BASE_S + 3) * 1_000_000
    assert sample.by_name()["ambient_temperature"] == 3.0
    announced = site.read(lambda reader: list(reader.announcements.values()))
    every = {(a.instrument, a.layout.name): (a.every_us, a.serial, a.model) for a in announced}
    assert every[NODE, "samples"] == (1_000_000, "0badcafe", "esp_node")
    assert every[NODE, "start"] == (0, "0badcafe", "esp_node")


async def test_what_was_said_while_the_station_was_away_is_heard_later(site: Site) -> None:
    async with site.running() as one:
        await site.say(init(), *samples(0, 1))
        await until(lambda: one.state.readings == 3)
    await site.say(*samples(*range(2, 300)))
    site.clock = ScriptedClock(boot=bytes(range(16)))
    async with site.running() as one:
        await until(lambda: one.state.readings == 298)
    assert site.numbers() == list(range(300))


async def test_a_restarted_station_knows_what_it_kept(site: Site) -> None:
    await site.say(init(), retain=True)
    await site.say(*samples(7), retain=True)
    async with site.running() as one:
        await until(lambda: one.state.readings == 2)
        assert one.counts.keys() <= {"known_start"}
    await site.say(init(BASE_S + 9, "data_esp_00112233"), retain=True)
    async with site.running() as one:
        await site.say(*samples(7, 8))
        await until(lambda: one.state.readings == 2)
        assert one.counts["duplicate"] >= 2
    assert site.numbers() == [7, 8]


async def test_kept_junk_gives_nothing_and_hides_nothing(site: Site) -> None:
    junk = {
        "esp001log": b"hello",
        TOPIC: b'[{"id":43100,"kT":1.0,"aT":2.0,"aH":3.0}]',
        "data_esp_00112233": b"<Connect_lost>",
        "status": b"\xff\xfe\x00",
        "door": b"[]",
        "huge": b"[" * 60_000,
        "number": b'[{"id":1e400,"kT":null,"aT":null,"aH":null}]',
    }
    await site.say(*junk.items(), retain=True)
    async with site.running() as one:
        await site.say(init(), *samples(0), retain=True)
        await until(lambda: one.state.readings == 2)
        found = {word: n for word, n in one.counts.items() if word != "known_start"}
        assert found == {"not_init": 2, "unplaced": 1, "marker": 1, "foreign": 4}
        await site.broker.stop()
        await until(lambda: one.state.state == "lost")
        await site.broker.start()
        await until(lambda: one.state.state == "good")
        await site.say(*samples(1))
        await until(lambda: one.state.readings == 3)
    assert site.numbers() == [0, 1]


async def test_a_broker_that_is_away_is_told_once_and_found_again(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "fieldstation.station")
    async with site.running() as one:
        await site.say(init(), *samples(0))
        await until(lambda: one.state.readings == 2)
        await site.broker.stop(kill=True)
        await until(lambda: one.state.state == "lost")
        assert one.state.cause == "unplugged"
        await until(lambda: one.state.failures["unplugged"] > 1)
        await site.broker.start()
        await until(lambda: one.state.state == "good")
        await site.say(*samples(1))
        await until(lambda: one.state.readings == 3)
    words = Counter(record.getMessage() for record in caplog.records)
    assert (words["instrument lost"], words["instrument is back"]) == (1, 1)
    assert words["node is there"] == 1
    assert site.numbers() == [0, 1]


async def test_a_silent_node_leaves_a_hole(site: Site) -> None:
    site.clock.utc_s = BASE_S + 100
    async with site.running() as one:
        await site.say(init(), *samples(0, 1, 2))
        await until(lambda: one.state.readings == 4)
        site.clock.utc_s += 150
        await until(lambda: one.summary["nodes"][NODE]["state"] == "silent")
        (hole,) = one.summary["holes"]
        assert (hole["cause"], hole["count"]) == (Cause.SILENT, 20)
        await site.say(init(BASE_S + 98), *samples(2, 3))
        await until(lambda: one.state.readings == 7)
        site.clock.utc_s += 130
        await until(lambda: one.summary["missed"] == {Cause.SILENT: 97})
        await until(lambda: not one.summary["holes"])
        assert one.summary["nodes"][NODE]["state"] == "good"
        assert one.summary["due"] == 104
    (kept,) = [hole for hole in site.holes() if not hole.open]
    assert (kept.instrument, kept.layout, kept.cause, kept.count) == (NODE, "samples", "silent", 97)
    assert kept.first_utc_us == (BASE_S + 3) * 1_000_000
    assert kept.last_utc_us == (BASE_S + 99) * 1_000_000


async def test_a_node_that_counted_on_lost_its_samples_itself(site: Site) -> None:
    site.clock.utc_s = BASE_S + 100
    async with site.running() as one:
        await site.say(init(), *samples(0, 1, 2))
        await until(lambda: one.state.readings == 4)
        site.clock.utc_s += 150
        await until(lambda: one.summary["missed"] == {Cause.SILENT: 20})
        # What its queue held of the outage, and the present.
        await site.say(*samples(*range(3, 64), 250))
        await until(lambda: one.state.readings == 66)
        site.clock.utc_s += 130
        await until(lambda: one.summary["missed"] == {Cause.SILENT: 0, Cause.OVERWRITTEN: 186})
        await until(lambda: not one.summary["holes"])
    lost = [hole for hole in site.holes() if hole.state == "lost"]
    assert [(hole.cause, hole.count) for hole in lost] == [("overwritten", 186)]
    assert lost[0].first_utc_us == (BASE_S + 64) * 1_000_000


async def test_what_a_full_journal_cost_says_so(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting_module, "MOST_WAITING", 2)
    monkeypatch.setattr(listening_module, "FULL_S", 0.01)
    site.clock.utc_s = BASE_S + 100
    async with site.running(commit_every_s=3600.0) as one:
        await site.say(init(), *samples(100))
        await until(lambda: one.state.readings == 2 and not site.collector.state.waiting)
        polls = one.state.polls
        await site.say(*samples(101, 102, 103))
        await until(lambda: one.state.polls == polls + 3)
        assert one.state.readings == 4
        site.clock.utc_s += 700
        await until(lambda: one.summary["missed"].get(Cause.STORE, 0) > 100)
        site.collector.hurry()
        await until(lambda: one.state.readings == 5)
        await site.say(*samples(800))
        await until(lambda: one.state.readings == 6)
        site.clock.utc_s += 130
        await until(lambda: one.summary["missed"] == {Cause.STORE: 696})
        await until(lambda: not one.summary["holes"])


async def test_a_hole_is_recovered_by_what_comes_late(site: Site) -> None:
    site.clock.utc_s = BASE_S + 100
    async with site.running() as one:
        await site.say(init(), *samples(0, 1, 2))
        await until(lambda: one.state.readings == 4)
        await site.say(*samples(20, 40, 41))
        await until(lambda: one.state.readings == 7)
        site.clock.utc_s += 160
        await until(lambda: one.summary["missed"].get(Cause.OVERWRITTEN, 0) >= 17 + 19)
        before = one.summary["missed"][Cause.OVERWRITTEN]
        await site.say(*samples(*range(3, 20), 25))
        await until(lambda: one.state.readings == 25)
        assert one.summary["missed"][Cause.OVERWRITTEN] == before - 18
        due = one.summary["due"]
    closed = [hole for hole in site.holes() if not hole.open]
    spans = {(hole.first_utc_us // 10**6 - BASE_S, hole.count, str(hole.state)) for hole in closed}
    assert spans == {(3, 17, "recovered"), (21, 4, "lost"), (26, 14, "lost")}
    missing = sum(hole.count for hole in site.holes() if hole.state != "recovered")
    assert len(site.kept()) + missing == due - 1  # the start is no due reading


async def test_what_is_missing_over_a_pause_of_the_station_says_so(site: Site) -> None:
    site.clock.utc_s = BASE_S + 100
    async with site.running() as one:
        await site.say(init(), *samples(0, 1, 2))
        await until(lambda: one.state.readings == 4)
    site.clock = ScriptedClock(BASE_S + 5000, bytes(range(16)))
    async with site.running() as one:
        await site.say(*samples(5000))
        await until(lambda: one.state.readings == 1)
        site.clock.utc_s += 130
        await until(lambda: one.summary["missed"] == {Cause.STOPPED: 4997})


async def test_what_is_missing_while_the_broker_was_away_says_so(site: Site) -> None:
    site.clock.utc_s = BASE_S + 100
    async with site.running() as one:
        await site.say(init(), *samples(100))
        await until(lambda: one.state.readings == 2)
        await site.broker.stop()
        site.clock.utc_s += 10
        await until(lambda: one.state.state == "lost")
        site.clock.utc_s += 500
        await site.broker.start()
        await until(lambda: one.state.state == "good")
        await site.say(*samples(610))
        await until(lambda: one.state.readings == 3)
        site.clock.utc_s += 130
        await until(lambda: one.summary["missed"] == {Cause.UNPLUGGED: 509})


async def test_junk_is_counted_and_logged_ever_more_seldom(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "fieldstation.station")
    async with site.running() as one:
        await site.say(init(), *[(TOPIC, b"[1e400]")] * 15, (TOPIC, b"<Data_end>"), *samples(1))
        await until(lambda: one.state.readings == 2)
        assert (one.counts["bad_number"], one.counts["marker"]) == (15, 1)
    told = [record for record in caplog.records if record.getMessage() == "message not kept"]
    words = [(vars(one)["kind"], one.levelname, vars(one)["count"]) for one in told]
    assert [word for word in words if word[0] != "known_start"] == [
        ("bad_number", "WARNING", 1),
        ("bad_number", "WARNING", 10),
        ("marker", "INFO", 1),
    ]


async def test_a_full_journal_leaves_messages_with_the_broker(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting_module, "MOST_WAITING", 3)
    monkeypatch.setattr(listening_module, "FULL_S", 0.01)
    async with site.running() as one:
        await site.say(init(), *samples(*range(100)))
        await until(lambda: one.state.readings == 101)
    assert site.numbers() == list(range(100))


async def test_a_crowd_does_not_wait_for_a_slow_commit(site: Site) -> None:
    async with site.running(commit_every_s=60.0) as one:
        await site.say(init(), *samples(*range(200)))
        # mosquitto leaves 20 unacknowledged, so most of these came after others were settled.
        await until(lambda: one.state.readings == 201)
    assert site.numbers() == list(range(200))


async def test_a_bad_value_costs_itself_only(site: Site) -> None:
    channels = "level /l\nmode /m kind=text"
    async with site.running("json_node", 0.0, topic="tank", channels=channels) as one:
        await site.say(("tank", b'{"l": "high", "m": "on"}'), ("tank", b'{"l": 2, "m": "on"}'))
        await until(lambda: one.state.readings == 2)
        assert one.counts == {"unfit": 1}
    rows = [one.reading.values for one in site.kept("document", "hall")]
    assert rows == [(None, "on"), (2.0, "on")]


@pytest.mark.parametrize(("kind", "count"), [("esp_node", 100), ("json_node", 30)])
async def test_the_twin_is_heard_as_it_speaks(site: Site, kind: str, count: int) -> None:
    start_s = time.monotonic()
    options = registry.module(kind, "simulator").OPTIONS if kind == "json_node" else {}

    def wall() -> float:
        return BASE_S + (time.monotonic() - start_s) * 100

    async with site.running(kind, **options) as one:
        twin = registry.speaker(kind, "", 5, ["duplicate:0.3"])
        speaking = asyncio.create_task(publish(twin, wall, site.broker.port, speed=100))
        await until(lambda: one.state.readings >= count and one.counts.get("duplicate", 0) >= 5)
        speaking.cancel()
        with suppress(asyncio.CancelledError):
            await speaking
        (node,) = one.nodes.values()
    if kind == "esp_node":
        numbers = site.numbers(node.name)
        assert len(set(numbers)) == len(numbers) >= 99


RUN = """
import sys
from pathlib import Path
from fieldstation.station.config import load_config
from fieldstation.station.service import run
run(load_config(Path(sys.argv[1])))
"""


async def test_no_sample_is_lost_or_kept_twice_by_a_crash(site: Site) -> None:
    least, pause_s, kills = 1500, 0.002, 0
    config = site.folder / "site.toml"
    config.write_text(
        f'[station]\ndata = "."\n[instrument.hall]\nkind = "esp_node"\n'
        f'port = "{site.broker.port}"\n[journal]\ncommit_every_s = 0.2\n'
    )

    async def start() -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", RUN, str(config), stderr=asyncio.subprocess.DEVNULL
        )
        while True:
            with suppress(NotFound):
                status = await asyncio.to_thread(ask_status, site.folder)
                if status["instruments"]["hall"]["state"] == "good":
                    return process
            await asyncio.sleep(0.02)

    async def speak() -> int:
        """Speak until there were kills enough; how many samples it took."""
        host, port, said = site.broker.port.host, site.broker.port.port, 0
        async with aiomqtt.Client(host, port) as client:
            await client.publish(*init(BASE_S - 10**6), 1, True)
            while said < least or kills < 3:
                ((topic, payload),) = samples(said)
                await client.publish(topic, payload, 1, True)
                said += 1
                await asyncio.sleep(pause_s)
        return said

    process = await start()
    speaking = asyncio.create_task(speak())
    while not speaking.done():
        await asyncio.sleep(0.35)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        kills += 1
        process = await start()
    count = await speaking
    await until(lambda: bool(site.numbers()) and site.numbers()[-1] == count - 1)
    process.terminate()
    assert await process.wait() == 0
    assert site.numbers() == list(range(count))
