"""Nodes and those who hear them, through a real broker, with the faults that nodes have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from fieldstation.errors import CodecError
from fieldstation.instruments import registry
from fieldstation.model import Heard, Instant, Message, MqttLine, Speaker, Trust, chosen
from fieldstation.testing.broker import PROGRAM, Broker, broker
from fieldstation.transport.broker import MOST_BYTES
from fieldstation.transport.mqtt import open_feed, publish

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="mosquitto is not installed"),
]

START_S = 1_779_969_600
SECONDS = 120


class Witness:
    """A twin that remembers what it published, and the end of whose time can be waited for."""

    def __init__(self, twin: Speaker, step_s: int) -> None:
        self._twin = twin
        self.speaks_every_s = twin.speaks_every_s
        self.said: list[Message] = []
        self.done = asyncio.Event()
        self._moments = iter(range(START_S, START_S + SECONDS * step_s, step_s))

    def wall(self) -> float:
        return float(next(self._moments, START_S))

    def speak(self, utc_s: float) -> list[Message]:
        if self.said and utc_s == START_S:
            self.done.set()
            return []
        said = list(self._twin.speak(utc_s))
        self.said += said
        return said


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Broker]:
    async with broker(tmp_path) as one:
        yield one


async def heard(one: Broker, kind: str, profile: str, fault: str) -> tuple[Witness, list[Heard]]:
    """What a twin said, and what a listener at the other side of the broker made of it."""
    listened = registry.listened(kind)
    assert listened is not None
    options = getattr(registry.module(kind, "simulator"), "OPTIONS", {})
    listener = listened.configured(chosen(listened.options, options)).listener()
    step_s = int(listened.default_every_s) or 10
    witness = Witness(registry.speaker(kind, profile, 4, [fault] if fault else []), step_s)
    line = MqttLine(client_id="hall")
    found = []
    async with open_feed(one.port, line, listener.topics) as feed, asyncio.timeout(30):
        speaking = asyncio.create_task(publish(witness, witness.wall, one.port, speed=1e6))
        await witness.done.wait()
        speaking.cancel()
        with suppress(asyncio.CancelledError):
            await speaking
        now = Instant((START_S + SECONDS * step_s) * 1_000_000, 0, bytes(16), Trust.SYNCED)
        # What is too long for the feed is left out by the broker.
        due = [one.payload for one in witness.said if len(one.payload) <= MOST_BYTES]
        while due:
            arrival = await feed.read()
            feed.settle([arrival])
            if arrival.message.payload != due[0]:
                continue  # the init document comes once for each filter that fits
            del due[0]
            with suppress(CodecError):
                news = listener.hear(arrival.message, now)
                found += [one for one in news if isinstance(one, Heard)]
    return witness, found


@pytest.mark.parametrize("profile", registry.profiles("esp_node"))
async def test_every_model_of_node_is_heard(running: Broker, profile: str) -> None:
    witness, found = await heard(running, "esp_node", profile, "")
    assert found[0].layout.name == "start"
    samples = [one for one in found if one.layout.name == "samples"]
    assert len(samples) == len([one for one in witness.said if b'"id"' in one.payload])
    assert {one.serial for one in found} == {found[0].name[4:]}
    assert all(one.values["time_source"] == "node" for one in samples)


@pytest.mark.parametrize(
    "fault",
    ["restart:0.05", "duplicate:0.5", "backlog:0.9", "leftover:0.3", "open_thermocouple:0.3",
     "bad_air:0.3", "junk:0.3"],
)  # fmt: skip
async def test_no_fault_of_a_node_gives_a_wrong_or_doubled_sample(
    running: Broker, fault: str
) -> None:
    witness, found = await heard(running, "esp_node", "", fault)
    samples = [one for one in found if one.layout.name == "samples"]
    times = [one.utc_us for one in samples]
    assert len(samples) > 60
    assert len(set(times)) == len(times)
    for one in samples:
        told = [b'"id":%d,' % one.values["sample"], _text("kT", one, "thermocouple_temperature"),
                _text("aT", one, "ambient_temperature")]  # fmt: skip
        assert any(all(part in said.payload for part in told) for said in witness.said)
        assert one.utc_us is not None
        assert START_S - 70 <= one.utc_us / 1e6 <= START_S + SECONDS


def _text(member: str, one: Heard, channel: str) -> bytes:
    value = one.values[channel]
    return f'"{member}":{"null" if value is None else f"{float(value):.6f}"}'.encode()


@pytest.mark.parametrize(
    "fault", ["", "duplicate:0.5", "nan:0.3", "deep:0.3", "huge:0.3", "double_key:0.3", "junk:0.3"]
)
async def test_hostile_documents_cost_themselves_only(running: Broker, fault: str) -> None:
    witness, found = await heard(running, "json_node", "", fault)
    good = {said.payload for said in witness.said if _is_weather(said.payload)}
    assert len({one.utc_us for one in found}) == len(found) == len(good) > SECONDS // 2
    assert (len(good) < SECONDS) is (fault not in ("", "duplicate:0.5"))


def _is_weather(payload: bytes) -> bool:
    """By what the faults write, not by how it is read."""
    marks = (b"NaN", b"[[[", b'"light": 1, "light"', b"\xff")
    return len(payload) < MOST_BYTES and not any(mark in payload for mark in marks)
