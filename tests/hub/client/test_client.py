"""The Python client against a running hub, and against one that is away."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldstation.client import Hub
from fieldstation.client.token import find_token
from fieldstation.client.wire import Wire
from fieldstation.errors import BadRequest, ConfigError, HubUnreachable, KeyRejected, NotFound

from ..apiworld import settled

HOW_TO = Path(__file__).parents[3] / "docs/how-to/read-data-with-python.md"
START_US = 1_780_000_000_000_000
RANGE = {"start": "2026-05-28T20:00:00Z", "end": datetime(2026, 5, 29, tzinfo=UTC)}


@pytest.fixture
def token_file(hub: Any, name: str, tmp_path: Path) -> Path:
    from fieldstation.hub.accounts import tokens
    from fieldstation.hub.accounts.models import User

    text, _ = tokens.make(User.objects.get(username=name), "client", "read", 7)
    file = tmp_path / "token"
    file.write_text(text + "\n", encoding="ascii")
    return file


@pytest.fixture
def asked(hub: Any, token_file: Path) -> Iterator[Hub]:
    with Hub(hub.url, token_file=token_file) as client:
        yield client


def test_instruments_are_listed_and_found_by_name(asked: Hub, station: Any) -> None:
    station.send(instrument="a/b ü?")
    listed = {(one.gateway, one.name): one for one in asked.instruments()}
    one = asked.instrument(station.slug, "a/b ü?")
    assert listed[station.slug, "a/b ü?"] == one
    assert (one.state, one.kind, one.every_s) == ("fresh", "axpert", 10.0)
    assert one.latest().values["battery_voltage"] == 51.2
    assert one.latest().times["battery_voltage"] == one.last_reading
    codes = {channel.name: channel.codes for channel in one.channels()}["mode"]
    assert codes == ((1, "Line"), (2, "Battery"))


def test_columns_are_arrays_and_nothing_is_nan(asked: Hub, station: Any) -> None:
    rows = [(51.2, 430, 2, True, "well"), (None,) * 5, (50.1, -7, 1, False, "=x")]
    station.send(rows, start_us=START_US)
    found = asked.instrument(station.slug, "inverter").readings(**RANGE)
    assert found.times.dtype == "datetime64[us]"
    assert found.times[0] == np.datetime64("2026-05-28T20:26:40")
    assert np.array_equal(found["battery_voltage"], [51.2, np.nan, 50.1], equal_nan=True)
    assert np.array_equal(found["load_on"], [1.0, np.nan, 0.0], equal_nan=True)
    assert found["note"].tolist() == ["well", None, "=x"]
    assert len(found) == 3


def test_pages_put_together_are_all_readings(asked: Hub, station: Any) -> None:
    station.send([(n / 7, n, 1, True, "") for n in range(500)], start_us=START_US)
    one = asked.instrument(station.slug, "inverter")
    assert len(list(one.pages("load_power", limit=7, **RANGE))) == 72
    whole = one.readings("load_power", **RANGE)
    assert whole["load_power"].tolist() == list(range(500))
    assert (np.diff(whole.times) == np.timedelta64(10, "s")).all()


def test_an_empty_range_is_an_empty_table(asked: Hub, station: Any) -> None:
    station.send(start_us=START_US)
    one = asked.instrument(station.slug, "inverter")
    found = one.readings("load_power", start="2020-01-01T00:00:00Z", end="2020-01-02T00:00:00Z")
    assert (len(found), found["load_power"].dtype) == (0, "float64")


def test_buckets_keep_the_spike(asked: Hub, station: Any) -> None:
    rows = [(1000.0 if n == 77 else 50.0, n, 1, True, "") for n in range(200)]
    station.send(rows, start_us=START_US, step_us=1_000_000)
    one = asked.instrument(station.slug, "inverter")
    spans = one.buckets("battery_voltage", points=100, **RANGE)["battery_voltage"]
    assert spans.maximum.max() == 1000.0
    assert spans.n.sum() == 200
    assert spans.start.dtype == "datetime64[us]"
    assert len(spans) <= 100


@pytest.mark.parametrize("ending", ["csv", "ndjson"])
def test_an_export_is_a_whole_file(asked: Hub, station: Any, tmp_path: Path, ending: str) -> None:
    station.send([(n / 7, n, 1, True, "") for n in range(1000)], start_us=START_US)
    file = tmp_path / f"all.{ending}"
    size = asked.instrument(station.slug, "inverter").export(file, "load_power", **RANGE)
    assert file.stat().st_size == size
    assert len(file.read_text().splitlines()) == 1000 + (ending == "csv")
    assert not list(tmp_path.glob("*.part"))


def test_a_refusal_is_an_error_with_the_hubs_own_words(asked: Hub, station: Any) -> None:
    station.send()
    one = asked.instrument(station.slug, "inverter")
    with pytest.raises(NotFound, match="Did you mean inverter"):
        asked.instrument(station.slug, "invertr")
    with pytest.raises(BadRequest, match="is no instant"):
        one.readings(start="yesterday")
    with pytest.raises(BadRequest, match="has no time zone"):
        one.readings(start=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(BadRequest, match=r"neither in \.csv"):
        one.export("all.xlsx")


def test_a_token_that_is_over_is_told_apart_from_a_hub_that_is_away(
    hub: Any, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("fst_unknown")
    with Hub(hub.url, token_file=file) as client, pytest.raises(KeyRejected, match="Sign in"):
        client.me()
    away = Hub("http://127.0.0.1:9", token_file=file, pause=lambda s: None)
    with away, pytest.raises(HubUnreachable, match="cannot be reached"):
        away.me()


def test_a_token_is_found_in_file_or_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("FIELDSTATION_TOKEN", raising=False)
    with pytest.raises(ConfigError, match="account page"):
        find_token()
    usual = tmp_path / ".config/fieldstation/token"
    usual.parent.mkdir(parents=True)
    usual.write_text("fst_usual\n")
    assert find_token() == "fst_usual"
    usual.write_text("password")
    with pytest.raises(ConfigError, match="begins with fst_"):
        find_token()
    monkeypatch.setenv("FIELDSTATION_TOKEN", "fst_from_environment")
    assert find_token() == "fst_from_environment"


@pytest.fixture
def scripted() -> Iterator[Callable[..., tuple[str, list[str]]]]:
    """Starts a server that gives these (status, headers) in turn; returns its address and the
    paths that were asked for.
    """
    servers: list[HTTPServer] = []

    def start(*script: tuple[int, dict[str, str]]) -> tuple[str, list[str]]:
        left, seen = list(script), []

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append(self.path)
                status, headers = left.pop(0)
                body = b'{"detail": "Busy."}' if status != 200 else b'{"name": "me"}'
                self.send_response(status)
                for name, value in (headers | {"Content-Length": str(len(body))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words: Any) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Answers)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}", seen

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_busy_hub_is_asked_again_and_no_more_than_so_often(
    scripted: Callable[..., tuple[str, list[str]]],
) -> None:
    url, seen = scripted((503, {}), (502, {}), (200, {}), *[(503, {})] * 3)
    waits: list[float] = []
    wire = Wire(url, "fst_x", tries=3, pause=waits.append)
    assert wire.ask("me") == {"name": "me"}
    assert waits == [0.5, 1.0]
    with pytest.raises(HubUnreachable, match=r"Busy\."):
        wire.ask("me")
    wire.close()
    assert seen == ["/api/v1/me"] * 6


def test_the_hub_says_how_long_to_wait(scripted: Callable[..., tuple[str, list[str]]]) -> None:
    script = [(429, {"Retry-After": "7"}), (429, {"Retry-After": "9999"}), (200, {})]
    url, _ = scripted(*script)
    waits: list[float] = []
    wire = Wire(url, "fst_x", pause=waits.append)
    assert wire.ask("me") == {"name": "me"}
    wire.close()
    assert waits == [7.0, 60.0]


def test_a_token_follows_no_redirect(scripted: Callable[..., tuple[str, list[str]]]) -> None:
    elsewhere, seen = scripted((200, {}))
    url, _ = scripted((302, {"Location": f"{elsewhere}/api/v1/me"}))
    wire = Wire(url, "fst_x")
    with pytest.raises(BadRequest):
        wire.ask("me")
    wire.close()
    assert seen == []


def test_the_examples_of_the_how_to_run(
    hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, station: Any
) -> None:
    station.send([(51.2, n, 2, True, "") for n in range(300)])
    blocks = re.findall(r"```python\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 9
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    with settled(hub, station) as owner:
        header = owner.program("write").headers["Authorization"]
        monkeypatch.setenv("FIELDSTATION_TOKEN", header.removeprefix("Bearer "))
        for block in blocks:
            here = block.replace("https://hub.example", hub.url)
            exec(here.replace('"roof', f'"{station.slug}'), names)
    assert (tmp_path / "inverter.csv").stat().st_size == names["size"] > 100
    assert (tmp_path / "load.png").read_bytes()[:4] == b"\x89PNG"
    assert names["board"].name == "Wall in the hall"
