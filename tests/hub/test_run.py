"""The hub as a process: starts, says what is wrong in one sentence, ends cleanly, survives kill."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fieldstation.errors import BadRequest, ConfigError, NotFound
from fieldstation.hub import datafolder, run

SERVE = """
import sys
from pathlib import Path
from fieldstation.hub import run
run.serve(Path(sys.argv[1]), port=0, ready=lambda url: print(url, flush=True))
"""
KEY = "import sys; from pathlib import Path; from fieldstation.hub import run; {}"
ADD_KEY = KEY.format("print(run.add_gateway(Path(sys.argv[1]), 'roof'))")
CHECK = KEY.format(
    "run.setup(Path(sys.argv[1])); from django.core.management import call_command; "
    "call_command('check', deploy=True, fail_level='CRITICAL')"
)


def python(code: str, data: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a process of its own with the data folder as its argument."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(data)],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | environment,
        check=False,
    )


class Process:
    """A hub process and its address."""

    def __init__(self, data: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", SERVE, str(data)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={k: v for k, v in os.environ.items() if k != "FIELDSTATION_HUB_URL"},
        )
        assert self.process.stdout
        self.url = self.process.stdout.readline().strip()

    def end(self, sign: signal.Signals) -> tuple[int, str]:
        """Send a signal; exit code and what was said on stderr."""
        self.process.send_signal(sign)
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, said


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[[], Process]]:
    processes: list[Process] = []

    def start() -> Process:
        processes.append(Process(tmp_path))
        return processes[-1]

    yield start
    for one in processes:
        with one.process:
            one.process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_hub_cleanly(
    started: Callable[[], Process], sign: signal.Signals
) -> None:
    hub = started()
    assert httpx.get(f"{hub.url}/healthz").text == "ok\n"
    assert hub.end(sign) == (0, "")


@pytest.mark.slow
def test_receipts_survive_kill_9(
    started: Callable[[], Process], tmp_path: Path, new_station: Callable[[], Any]
) -> None:
    key = python(ADD_KEY, tmp_path).stdout.strip()
    sender = new_station()
    sender.key = key
    stored = 0
    for _ in range(3):
        hub = started()
        with httpx.Client(base_url=hub.url) as sender.client:
            for _ in range(5):
                stored += sender.send().json()["stored"]
        assert hub.end(signal.SIGKILL)[0] == -signal.SIGKILL
    hub = started()
    with httpx.Client(base_url=hub.url) as sender.client:
        receipt = sender.send().json()
    assert (stored, receipt["missing"], receipt["last"]) == (15, [], 16)


@pytest.mark.slow
def test_live_streams_do_not_hold_up_the_end(
    started: Callable[[], Process], tmp_path: Path
) -> None:
    add = KEY.format("run.add_user(Path(sys.argv[1]), 'ada', 'a long way to the sea')")
    assert python(add, tmp_path).returncode == 0
    hub = started()
    with httpx.Client(base_url=hub.url, timeout=20) as client:
        token = client.get("/login").text.partition('token" value="')[2].partition('"')[0]
        form = {"csrfmiddlewaretoken": token, "name": "ada", "password": "a long way to the sea"}
        assert client.post("/login", data=form).status_code == 302
        with client.stream("GET", "/events") as stream:
            lines = stream.iter_lines()
            assert next(lines) == "retry: 2000"
            hub.process.send_signal(signal.SIGTERM)
            assert list(lines) == [""]
    assert hub.process.wait(run.GRACE_S) == 0


def test_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port}: Address already in use") as said:
            run.serve(tmp_path / "data", port=port)
    assert len(said.value.problems) == 1
    assert not (tmp_path / "data").exists()


def test_secret_key_is_made_once_and_is_for_the_owner_only(tmp_path: Path) -> None:
    datafolder.prepare(tmp_path / "data")
    key = datafolder.secret_key(tmp_path / "data")
    datafolder.prepare(tmp_path / "data")
    assert datafolder.secret_key(tmp_path / "data") == key
    assert len(key) >= 50
    assert stat.S_IMODE((tmp_path / "data" / "secret.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_unusable_data_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be used"):
        datafolder.prepare(tmp_path / "file" / "data")


def test_one_process_serves_one_folder(hub: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"serves .* already"):
        run.setup(tmp_path / "other")
    run.setup(hub.data)


@pytest.mark.slow
def test_deployment_check_has_nothing_to_say_behind_https(tmp_path: Path) -> None:
    done = python(CHECK, tmp_path, FIELDSTATION_HUB_URL="https://hub.example")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no issues" in done.stdout


@pytest.mark.slow
def test_deployment_check_on_loopback_warns_only_of_missing_https(tmp_path: Path) -> None:
    done = python(CHECK, tmp_path, FIELDSTATION_HUB_URL="http://127.0.0.1:8000")
    warned = {line[4:17] for line in done.stderr.splitlines() if line.startswith("?: ")}
    assert warned == {"security.W004", "security.W008", "security.W012", "security.W016"}


@pytest.mark.slow
def test_migrations_are_complete(tmp_path: Path) -> None:
    code = KEY.format(
        "run.setup(Path(sys.argv[1])); from django.core.management import call_command; "
        "call_command('makemigrations', check=True, dry_run=True)"
    )
    assert python(code, tmp_path).returncode == 0


def test_gateways_are_listed_with_their_state(hub: Any, new_station: Callable[[], Any]) -> None:
    one, other = new_station(), new_station()
    run.revoke_gateway(hub.data, other.name)
    rows = {row.name: row for row in run.list_gateways(hub.data)}
    assert rows[one.name].revoked_at is None
    assert rows[other.name].revoked_at is not None


def test_wrong_gateway_names_get_a_sentence(hub: Any, station: Any) -> None:
    with pytest.raises(BadRequest, match="already"):
        run.add_gateway(hub.data, station.name)
    with pytest.raises(BadRequest, match="printable"):
        run.add_gateway(hub.data, "two\nlines")
    with pytest.raises(NotFound, match=f"Did you mean .*{station.name}"):
        run.revoke_gateway(hub.data, station.name + "x")


def test_gateways_with_alike_names_get_different_addresses(hub: Any) -> None:
    from fieldstation.hub.stations.models import Gateway

    for name in ("Roof Süd 7", "roof sud 7", "屋根 7", "屋根"):
        run.add_gateway(hub.data, name)
    slugs = Gateway.objects.filter(name__in=["Roof Süd 7", "roof sud 7", "屋根 7", "屋根"])
    found = [gateway.slug for gateway in slugs]
    assert len(set(found)) == 4
    assert all(slug.isascii() for slug in found)


def test_key_is_long_and_says_what_it_is(station: Any) -> None:
    assert station.key.startswith("fsk_")
    assert len(station.key) == 4 + 43
    assert json.dumps(station.key).isascii()
