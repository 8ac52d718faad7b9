"""The demo as its first user meets it: one command, live values, Ctrl-C."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from fieldstation.cli.nodes import PROGRAM
from fieldstation.instruments import registry

pytestmark = pytest.mark.slow

PATIENCE_S = 90.0


def told_by(demo: subprocess.Popen[str]) -> dict[str, str]:
    """Address, user and password, as the demo prints them."""
    told: dict[str, str] = {}
    assert demo.stdout is not None
    while not {"address", "user", "password"} <= told.keys():
        line = demo.stdout.readline()
        assert line, "the demo ended before it had said where to look"
        if match := re.match(r"\s+(address|user|password)\s+(\S+)", line):
            told[match[1]] = match[2]
    return told


def sign_in(client: httpx.Client, told: dict[str, str]) -> None:
    """Get a session by way of the login page."""
    token = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', client.get("/login").text)
    assert token is not None, client.get("/login").text
    form = {"name": told["user"], "password": told["password"], "csrfmiddlewaretoken": token[1]}
    answer = client.post("/login", data=form, headers={"Referer": told["address"]})
    assert answer.status_code == 200


def of_this_demo(folder: Path) -> list[str]:
    """Command lines of running programs that name the demo's folder."""
    lines = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if str(folder) in words and "pytest" not in words:
            lines.append(words)
    return lines


def test_every_instrument_is_live_and_has_a_past_and_ctrl_c_leaves_nothing_running(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "demo"
    command = [sys.executable, "-m", "fieldstation.cli", "demo", "--port", "0", "--weeks", "0.2"]
    demo = subprocess.Popen(
        [*command, "--data", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        asked = {kind for kind in registry.kinds() if PROGRAM or registry.listened(kind) is None}
        told = told_by(demo)
        with httpx.Client(
            base_url=told["address"], follow_redirects=True, trust_env=False
        ) as client:
            sign_in(client, told)
            wait_for_new_readings(client, asked)
            wait_for_the_past(client, asked)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(timeout=PATIENCE_S) == 0
    finally:
        demo.kill()
        demo.communicate()
    assert of_this_demo(folder) == []


def wait_for_new_readings(client: httpx.Client, kinds: set[str]) -> None:
    """Until every kind is fresh and the hub has more readings of it than at first."""
    deadline = time.monotonic() + PATIENCE_S
    before = {kind: count for kind, (_, count) in told_of(client).items()}
    live: set[str] = set()
    while not kinds <= live:
        now = told_of(client)
        live = {
            kind
            for kind, (state, count) in now.items()
            if state == "fresh" and count > before.get(kind, 0)
        }
        assert time.monotonic() < deadline, f"not alive: {sorted(kinds - live)}"


def wait_for_the_past(client: httpx.Client, kinds: set[str]) -> None:
    """Until every kind has readings from the beginning of the past (1.4 days ago) on."""
    deadline = time.monotonic() + PATIENCE_S
    old: set[str] = set()
    while not kinds <= old:
        rows = client.get("/api/v1/instruments").json()["instruments"]
        begins = {row["kind"]: datetime.fromisoformat(row["first_reading"]) for row in rows}
        day = timedelta(days=1)
        old = {kind for kind, begin in begins.items() if datetime.now(UTC) - begin > day}
        assert time.monotonic() < deadline, f"without a past: {sorted(kinds - old)}"


def told_of(client: httpx.Client) -> dict[str, tuple[str, int]]:
    """State and number of readings of each kind, as the API has them."""
    rows = client.get("/api/v1/instruments").json()["instruments"]
    return {row["kind"]: (row["state"], row["readings"]) for row in rows}
