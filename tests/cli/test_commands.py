"""Commands as a person types them: one sentence for every mistake, the right code, no traceback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from fieldstation.instruments import registry

SITE = """
[station]
name = "test"
data = "station"
[instrument.inverter]
kind = "axpert"
port = "{port}"
"""


def fieldstation(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program as its user would."""
    return subprocess.run(
        [sys.executable, "-m", "fieldstation.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=60,
        check=False,
        env=os.environ | {"NO_COLOR": "1", "COLUMNS": "200"},
    )


def one_sentence(result: subprocess.CompletedProcess[str], code: int) -> str:
    """The only line on standard error, after the checks that hold for every mistake."""
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    (line,) = result.stderr.strip().splitlines()
    return line


def test_a_frame_in_hex_becomes_json() -> None:
    result = fieldstation("decode", "axpert", "28 42 e7 c9 0d", "--command", "QMOD")
    assert json.loads(result.stdout) == {"device_mode": "B", "device_mode_label": "battery"}


def test_a_frame_copied_as_text_becomes_json() -> None:
    result = fieldstation("decode", "axpert", "(EakxyDbjuvz", "--command", "QFLAG")
    assert json.loads(result.stdout)["flags"]["buzzer"] is True


def test_a_file_of_vectors_gives_a_line_for_each_entry(tmp_path: Path) -> None:
    entries = [
        {"id": "mode", "command": "QMOD", "response_hex": "2842e7c90d"},
        {"command": "QMOD", "response_hex": "284e414b73730d"},
        {"id": "local", "command": "PBFT99.9", "response_hex": None},
    ]
    file = tmp_path / "vectors.json"
    file.write_text(json.dumps(entries))
    lines = fieldstation("decode", "axpert", "--vectors", str(file)).stdout.splitlines()
    answers = [json.loads(line) for line in lines]
    assert answers[0] == {
        "id": "mode",
        "decoded": {"device_mode": "B", "device_mode_label": "battery"},
    }
    assert (answers[1]["id"], answers[1]["error"]) == (1, "nak")
    assert (answers[2]["id"], answers[2]["error"]) == ("local", "invalid_argument")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("decode", "axpret", "28"), 4, "'axpert'"),
        (("decode", "axpert"), 2, "--vectors"),
        (("decode", "axpert", "28 42 e7 c8 0d"), 65, "damaged"),
        (("decode", "axpert", "--vectors", "/nowhere.json"), 2, "/nowhere.json"),
        (("twin", "axpert", "--fault", "latte"), 4, "'late'"),
        (("twin", "axpert", "--profile", "nobody"), 4, "nobody"),
        (("check", "--config", "/nowhere.toml"), 78, "/nowhere.toml"),
        (("demo", "--data", "/proc"), 2, "not empty"),
    ],
)
def test_a_mistake_gets_one_sentence_and_its_code(
    arguments: tuple[str, ...], code: int, words: str
) -> None:
    assert words in one_sentence(fieldstation(*arguments), code)


def test_check_lists_every_fault_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(SITE.format(port="ttyUSB0") + 'evry_s = 5\n[journal]\nkeep_days = "x"\n')
    result = fieldstation("check", "--config", str(file))
    assert result.returncode == 78
    lines = result.stderr.strip().splitlines()
    assert [line.partition("line ")[2].partition(":")[0] for line in lines] == ["7", "8", "10"]
    assert "'every_s'" in result.stderr


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A configuration whose port is not there."""
    file = tmp_path / "site.toml"
    file.write_text(SITE.format(port=tmp_path / "gone"))
    return file


def test_read_of_a_missing_port_says_what_to_look_at(site: Path) -> None:
    line = one_sentence(fieldstation("read", "inverter", "--config", str(site)), 69)
    assert "gone is not there" in line


def test_read_of_an_unknown_instrument_names_those_there_are(site: Path) -> None:
    line = one_sentence(fieldstation("read", "invreter", "--config", str(site)), 4)
    assert "it has inverter" in line


def test_questions_about_a_station_that_never_ran_say_so(site: Path) -> None:
    one_sentence(fieldstation("status", "--config", str(site)), 4)
    one_sentence(fieldstation("recent", "--config", str(site)), 74)
    one_sentence(fieldstation("export", "inverter", "--config", str(site)), 74)


async def test_read_prints_one_reading_of_a_twin(tmp_path: Path) -> None:
    import asyncio
    import time

    from fieldstation.transport.host import pty_host

    async with pty_host(registry.twin("axpert", seed=3, fast=True), time.time) as port:
        file = tmp_path / "site.toml"
        file.write_text(SITE.format(port=port))
        result = await asyncio.to_thread(
            fieldstation, "read", "inverter", "--json", "--config", str(file)
        )
    values = json.loads(result.stdout)
    assert 40 < values["battery_voltage"] < 62
    assert values["device_mode"] in "BLSFHD"


def test_a_taken_port_gets_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = fieldstation("serve", "--data", str(tmp_path / "hub"), "--port", port)
    assert port in one_sentence(result, 78)


@pytest.mark.slow
def test_a_gateway_key_goes_to_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    data, file = str(tmp_path / "hub"), tmp_path / "gateway.key"
    made = fieldstation("hub", "add-gateway", "roof", "--data", data, "--key-file", str(file))
    assert made.returncode == 0, made.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    key = file.read_text().strip()
    assert key.startswith("fsk_")
    assert key not in made.stdout + made.stderr
    again = fieldstation("hub", "add-gateway", "roof", "--data", data)
    assert "roof" in one_sentence(again, 2)
    listed = json.loads(fieldstation("hub", "gateways", "--json", "--data", data).stdout)
    assert [row["name"] for row in listed] == ["roof"]


def test_recent_and_export_show_what_the_journal_holds(site: Path) -> None:
    from fieldstation.journal import open_journal
    from fieldstation.model import Instant, Reading

    layout = registry.layouts("axpert")[0]
    data = site.parent / "station"
    data.mkdir()
    journal, _ = open_journal(data / "journal.sqlite3", utc_us=lambda: 0)
    for second in (1, 2, 3):
        instant = Instant(second * 1_000_000, second, b"b" * 16)
        values = layout.row({"battery_voltage": 50.0 + second / 10, "device_mode": "B"})
        journal.append([Reading("inverter", layout, instant, values)])
    journal.close()
    lines = fieldstation("recent", "-n", "2", "--json", "--config", str(site)).stdout.splitlines()
    assert [json.loads(line)["sequence"] for line in lines] == [3, 2]
    assert json.loads(lines[0])["values"]["battery_voltage"] == 50.3
    out = site.parent / "out.csv"
    since = ("--since", "1970-01-01T00:00:02+00:00", "--until", "1970-01-01T00:00:03+00:00")
    done = fieldstation("export", "inverter", "--config", str(site), "--out", str(out), *since)
    assert done.returncode == 0, done.stderr
    rows = [line.split(",") for line in out.read_text().splitlines()]
    column = rows[0].index("battery_voltage")
    assert [(row[0], row[column]) for row in rows[1:]] == [("1970-01-01T00:00:02.000000Z", "50.2")]
