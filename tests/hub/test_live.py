"""Live values: server-sent events over HTTP, and the board's promise to those who come back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest


async def next_reading(lines: AsyncIterator[str], slug: str) -> tuple[str, dict[str, Any]]:
    """Id and data of the next event about this gateway."""
    last_id = ""
    async for line in lines:
        if line.startswith("id: "):
            last_id = line[4:]
        if line.startswith("data: ") and json.loads(line[6:])["gateway"] == slug:
            return last_id, json.loads(line[6:])
    raise AssertionError("the stream ended")


@pytest.fixture
async def viewer(hub: Any, person: httpx.Client) -> AsyncIterator[httpx.AsyncClient]:
    cookies = {"session": person.cookies["session"]}
    async with httpx.AsyncClient(base_url=hub.url, cookies=cookies, timeout=20) as client:
        yield client


@pytest.fixture
def quiet(new_station: Any) -> Any:
    """A second station, which sends once."""
    return new_station()


async def test_a_new_reading_reaches_who_looks(viewer: httpx.AsyncClient, station: Any) -> None:
    station.send([(51.2, 1, 1, True, "")])
    async with viewer.stream("GET", "/events") as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        lines = answer.aiter_lines()
        _, event = await next_reading(lines, station.slug)
        assert event["values"]["battery_voltage"] == 51.2
        station.send([(52.5, 1, 1, True, "")])
        _, event = await next_reading(lines, station.slug)
        assert (event["instrument"], event["values"]["battery_voltage"]) == ("inverter", 52.5)


async def test_a_follower_that_returns_gets_what_changed_meanwhile(
    viewer: httpx.AsyncClient, station: Any, quiet: Any
) -> None:
    quiet.send()
    station.send([(51.2, 1, 1, True, "")])
    async with viewer.stream("GET", "/events") as answer:
        lines = answer.aiter_lines()
        ids = [(await next_reading(lines, one.slug))[0] for one in sorted_as_sent(quiet, station)]
    station.send([(53.0, 1, 1, True, "")])
    seen = []
    headers = {"Last-Event-ID": max(ids, key=lambda one: int(one.partition("-")[2]))}
    async with viewer.stream("GET", "/events", headers=headers) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                seen.append(json.loads(line[6:]))
                if seen[-1]["gateway"] == station.slug:
                    break
    assert seen[-1]["values"]["battery_voltage"] == 53.0
    assert quiet.slug not in {event["gateway"] for event in seen}


def sorted_as_sent(*stations: Any) -> list[Any]:
    """The board tells instruments in the order of their gateways' names."""
    return sorted(stations, key=lambda station: station.name)


async def test_an_id_of_another_run_means_everything(
    viewer: httpx.AsyncClient, station: Any
) -> None:
    station.send([(51.2, 1, 1, True, "")])
    headers = {"Last-Event-ID": "0badc0de-999999"}
    async with viewer.stream("GET", "/events", headers=headers) as answer:
        _, event = await next_reading(answer.aiter_lines(), station.slug)
    assert event["values"]["battery_voltage"] == 51.2


def test_strangers_get_no_stream(anyone: httpx.Client) -> None:
    assert anyone.get("/events").status_code == 401


async def test_a_stream_ends_with_its_client(viewer: httpx.AsyncClient, station: Any) -> None:
    from fieldstation.hub import runtime

    board = runtime.running().live
    before = board.followers
    async with viewer.stream("GET", "/events") as answer:
        station.send()
        await next_reading(answer.aiter_lines(), station.slug)
        assert board.followers == before + 1
    async with asyncio.timeout(10):
        while board.followers != before:
            assert (await viewer.get("/healthz")).status_code == 200


def test_a_stream_ends_when_its_session_ended(hub: Any, person: httpx.Client) -> None:
    from fieldstation.hub.instruments.events import sites_seen

    key = person.cookies["session"]
    assert sites_seen(key)
    token = hub.token(person, "/")
    person.post("/logout", data={"csrfmiddlewaretoken": token})
    assert sites_seen(key) is None


@pytest.fixture
def stranger(new_person: Any) -> httpx.Client:
    """Signed in, and a member of no site."""
    client: httpx.Client = new_person("")
    return client


async def test_the_stream_tells_each_person_of_their_own_sites_only(
    hub: Any, stranger: httpx.Client, station: Any, viewer: httpx.AsyncClient
) -> None:
    from fieldstation.hub import runtime

    cookies = {"session": stranger.cookies["session"]}
    async with (
        httpx.AsyncClient(base_url=hub.url, cookies=cookies, timeout=20) as outside,
        outside.stream("GET", "/events") as silent,
    ):
        heard: list[str] = []

        async def listen() -> None:
            async for line in silent.aiter_lines():
                heard.append(line)

        listening = asyncio.create_task(listen())
        async with viewer.stream("GET", "/events") as answer:
            station.send([(51.2, 1, 1, True, "")])
            await next_reading(answer.aiter_lines(), station.slug)
        assert runtime.running().live.followers >= 1
        listening.cancel()
    assert "retry: 2000" in heard
    assert [line for line in heard if line.startswith("data:")] == []
