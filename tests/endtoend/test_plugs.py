"""The plug of every process of the demo is pulled, in any order; then the calendar adds up."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.endtoend.test_demo import sign_in, told_by

from fieldstation.cli.past import LIVE_STEP_S
from fieldstation.instruments import registry

pytestmark = pytest.mark.slow

PATIENCE_S = 240.0
ROUNDS = 3
GATEWAY = "/api/v1/gateways/demo-station"
ENDS = ("first", "last")
# Those with one kind of reading, so that what is due can be told from the time alone.
EVERY_TWO_SECONDS = ("climate", "daylight", "colour", "roof")


@contextmanager
def demo(
    folder: Path, told: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """A demo with no past, and a signed-in visitor of its hub; `told` takes what it prints."""
    command = [sys.executable, "-m", "fieldstation.cli", "demo", "--port", "0", "--weeks", "0"]
    process = subprocess.Popen(
        [*command, "--data", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        told |= told_by(process)
        with httpx.Client(
            base_url=told["address"], follow_redirects=True, trust_env=False, timeout=PATIENCE_S
        ) as client:
            sign_in(client, told)
            yield process, client
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=PATIENCE_S) == 0
    finally:
        process.kill()
        process.communicate()


def children(parent: int) -> dict[int, str]:
    """The processes below this one, with the words that they were started with."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if status[0] != "Z" and int(status[1]) == parent:
            found |= {int(folder.name): words} | children(int(folder.name))
    return found


def lives(process: int) -> bool:
    """Whether it runs; one that has ended and was not waited for has no words any more."""
    try:
        return bool(Path(f"/proc/{process}/cmdline").read_bytes())
    except OSError:
        return False


def until(true: Callable[[], bool], what: str) -> None:
    """Ask again and again."""
    deadline = time.monotonic() + PATIENCE_S
    while not _holds(true):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def _holds(true: Callable[[], bool]) -> bool:
    try:
        return true()
    except httpx.TransportError:
        return False


def counts(client: httpx.Client) -> dict[str, int]:
    """Readings of each instrument that the station reads."""
    rows = client.get("/api/v1/instruments").raise_for_status().json()["instruments"]
    return {row["name"]: row["readings"] for row in rows if row["kind"] in registry.kinds()}


def calendar(client: httpx.Client) -> list[dict[str, Any]]:
    """Each day of each instrument."""
    answer = client.get(f"{GATEWAY}/calendar")
    rows: list[dict[str, Any]] = answer.raise_for_status().json()["rows"]
    return rows


def pull_every_plug(demo: subprocess.Popen[str], chance: random.Random) -> None:
    """Kill all that runs below the demo, in any order."""
    victims = list(children(demo.pid))
    chance.shuffle(victims)
    for victim in victims:
        with suppress(ProcessLookupError):  # a child of one before
            os.kill(victim, signal.SIGKILL)
        time.sleep(chance.choice((0, 0, 0.5)))  # any distance in time will do


def holes(client: httpx.Client) -> list[dict[str, Any]]:
    """All that is missing."""
    answer = client.get(f"{GATEWAY}/holes", params={"limit": 1000}).raise_for_status()
    rows: list[dict[str, Any]] = answer.json()["holes"]
    return rows


def span_s(client: httpx.Client, name: str, missing: list[dict[str, Any]]) -> float:
    """Seconds from the first to the last reading or missed reading of an instrument."""
    rows = client.get("/api/v1/instruments").json()["instruments"]
    (row,) = [row for row in rows if row["name"] == name]
    times = [row["first_reading"], row["last_reading"]]
    times += [hole[end] for hole in missing if hole["instrument"] == name for end in ENDS]
    instants = [datetime.fromisoformat(one) for one in times]
    return (max(instants) - min(instants)).total_seconds()


def test_a_demo_whose_plugs_are_pulled_has_a_calendar_that_adds_up(tmp_path: Path) -> None:
    folder, told, chance = tmp_path / "demo", dict[str, str](), random.Random(1)
    with demo(folder, told) as (process, client):
        until(lambda: len(counts(client)) >= len(registry.kinds()), "an instrument is missing")
        for _ in range(ROUNDS):
            before = counts(client)
            pull_every_plug(process, chance)
            until(partial(_more, client, before), "an instrument did not come back")
        running = children(process.pid)
        process.kill()
        process.wait()
    until(lambda: not any(map(lives, running)), "a child outlived the demo")
    with demo(folder, told) as (_, client):
        until(partial(_more, client, before), "an instrument did not come back")
    with hub(folder, told) as client:
        found, stored = calendar(client), counts(client)
        missing = holes(client)
        spans = {name: span_s(client, name, missing) for name in EVERY_TWO_SECONDS}
    assert {row["instrument"] for row in found} == stored.keys()
    for row in found:
        assert row["adds_up"], row
        assert row["in_transit"] == 0, row
        assert row["due"] == row["stored"] + row["missed"] + row["refused"], row
    for name, count in stored.items():
        assert sum(row["stored"] for row in found if row["instrument"] == name) == count
    assert {hole["cause"] for hole in missing} >= {"stopped"}
    for name, seconds in spans.items():
        due = sum(row["due"] for row in found if row["instrument"] == name)
        # At each start the grid may begin anew.
        assert due == pytest.approx(seconds / LIVE_STEP_S + 1, abs=ROUNDS + 3), name


@contextmanager
def hub(folder: Path, told: dict[str, str]) -> Iterator[httpx.Client]:
    """The demo's hub alone."""
    command = [sys.executable, "-m", "fieldstation.cli", "serve", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--data", str(folder / "hub")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        with httpx.Client(
            base_url=address, follow_redirects=True, trust_env=False, timeout=PATIENCE_S
        ) as client:
            sign_in(client, told | {"address": address})
            yield client
    finally:
        process.kill()
        process.communicate()


def _more(client: httpx.Client, before: dict[str, int]) -> bool:
    now = counts(client)
    return all(now.get(name, 0) > count for name, count in before.items())
