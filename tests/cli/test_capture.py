"""`capture`, `replay` and `capture-test` as a person types them, with twins on ptys."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fieldstation.cli.wire import attached
from fieldstation.instruments import registry
from fieldstation.instruments.captured import told
from fieldstation.protocol.capture import capture_of
from fieldstation.testing.broker import PROGRAM, broker
from fieldstation.transport.address import MqttPort
from fieldstation.transport.host import pty_host
from fieldstation.transport.mqtt import publish

SITE = '[instrument.unit]\nkind = "{kind}"\nport = "{port}"\n'
HEADER = '{"capture": 1, "kind": "axpert"}\n'
HEARD = '{"capture": 1, "kind": "json_node", "options": {"mast": "left"}}\n'
FOLDERS = Path(str(registry.__file__)).parent
MODE = '{"t": 0, "way": "out", "hex": "514d4f4449c10d"}\n{"t": 0, "way": "in", "hex": "%s"}\n'


def fieldstation(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program as its user would."""
    return subprocess.run(
        [sys.executable, "-m", "fieldstation.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"NO_COLOR": "1", "COLUMNS": "200"},
    )


async def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program while a twin is served here."""
    return await asyncio.to_thread(fieldstation, *arguments)


@asynccontextmanager
async def replaying(*arguments: str) -> AsyncIterator[tuple[str, asyncio.StreamReader]]:
    """`replay` at work: the address that it prints, and its standard error."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fieldstation.cli", "replay", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(30):
            yield (await process.stdout.readline()).decode().strip(), process.stderr
    finally:
        process.terminate()
        await process.communicate()


async def taken(folder: Path, kind: str, *more: str) -> Path:
    """A capture of a twin, by the command."""
    out, site = folder / f"{kind}.jsonl", folder / "site.toml"
    unit, prefix = attached(registry.twin(kind, seed=6, fast=True), registry.driver(kind).line)
    async with pty_host(unit, time.time) as port:
        site.write_text(SITE.format(kind=kind, port=f"{prefix}{port}"))
        result = await run("capture", "unit", "--config", str(site), "--out", str(out), *more)
    assert result.returncode == 0, result.stderr
    assert str(out) in result.stderr
    return out


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


CHANNELS = {
    "axpert": "battery_voltage",
    "emus_bms": "pack_voltage",
    "opc_n3": "fan_revolutions",
    "se521": "battery_level",
    "si7020": "humidity_unclamped",
    "tristar_mppt": "array_voltage",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", CHANNELS)
async def test_a_capture_is_replayed_and_decoded(tmp_path: Path, kind: str) -> None:
    file = await taken(tmp_path, kind)
    header, *pieces = rows(file.read_text())
    assert header["kind"] == kind
    assert {piece["way"] for piece in pieces} == {"in", "out"}
    assert [piece["t"] for piece in pieces] == sorted(piece["t"] for piece in pieces)

    site = tmp_path / "again.toml"
    async with replaying(str(file), "--speed", "4") as (port, _errors):
        site.write_text(SITE.format(kind=kind, port=port))
        read = await run("read", "unit", "--json", "--config", str(site))
    assert read.returncode == 0, read.stderr

    decoded = rows((await run("replay", str(file), "--decode")).stdout)
    values = [row["decoded"] for row in decoded if "decoded" in row]
    said = CHANNELS[kind].replace("fan_revolutions", "fan_rev_count")
    # What is read is rounded to the decimals of its channel.
    value = pytest.approx(json.loads(read.stdout)[CHANNELS[kind]], rel=1e-3)
    assert value in [one[said] for one in values if said in one]


@pytest.mark.parametrize("kind", registry.kinds())
def test_a_capture_becomes_a_test_by_one_command(tmp_path: Path, kind: str) -> None:
    file = FOLDERS / kind / "captures" / "twin.jsonl"
    checkout = tmp_path / "checkout"
    (checkout / "src/fieldstation/instruments" / kind).mkdir(parents=True)
    made = fieldstation("capture-test", str(file), "noon", "--into", str(checkout))
    assert made.returncode == 0, made.stderr
    kept = Path(made.stdout.strip())
    assert kept == checkout / "src/fieldstation/instruments" / kind / "captures" / "noon.jsonl"
    whole = capture_of(kept.read_text("utf-8").splitlines(), "noon")
    assert whole == capture_of(file.read_text("utf-8").splitlines(), "twin")
    decoded = rows(kept.with_name("noon.decoded.jsonl").read_text("utf-8"))
    assert decoded == json.loads(json.dumps(told(whole)))
    again = fieldstation("capture-test", str(file), "noon", "--into", str(checkout))
    assert again.returncode == 2
    assert "exists and is kept" in again.stderr


@asynccontextmanager
async def speaking(kind: str, folder: Path) -> AsyncIterator[MqttPort]:
    """A broker with its files in `folder`, to which the twin of a kind publishes."""
    async with broker(folder) as one:
        task = asyncio.create_task(publish(registry.speaker(kind, seed=6), time.time, one.port))
        yield one.port
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.slow
@pytest.mark.skipif(PROGRAM is None, reason="mosquitto is not installed")
async def test_messages_are_captured_and_said_again(tmp_path: Path) -> None:
    site, out, again = (tmp_path / name for name in ("site.toml", "out.jsonl", "again.jsonl"))
    (first := tmp_path / "first").mkdir()
    async with speaking("esp_node", first) as port:
        site.write_text(SITE.format(kind="esp_node", port=port) + 'user = "gardener"\n')
        capture = ("capture", "unit", "--config", str(site), "--seconds", "3")
        result = await run(*capture, "--out", str(out), "--redact")
    assert result.returncode == 0, result.stderr
    assert "gardener" not in out.read_text()
    header, *messages = rows(out.read_text())
    assert header["redacted"] is True
    assert messages[0]["retained"] is True
    (topic,) = {one["topic"] for one in messages} - {"esp001log"}
    assert topic == "data_esp_00000000"
    decoded = rows((await run("replay", str(out), "--decode")).stdout)
    samples = [reading["values"] for row in decoded for reading in row["decoded"]]
    assert samples[-1]["ambient_temperature"] > -40

    async with broker(tmp_path) as empty:
        site.write_text(SITE.format(kind="esp_node", port=empty.port))
        hearing = asyncio.create_task(run(*capture[:-1], "5", "--out", str(again)))
        async with replaying(str(out), "--broker", str(empty.port)) as (_port, _errors):
            assert (await hearing).returncode == 0
    said = {one["hex"] for one in messages}
    assert {one["hex"] for one in rows(again.read_text())[1:]} <= said
    assert len(rows(again.read_text())) > 2


@pytest.mark.slow
async def test_a_redacted_file_names_no_unit(tmp_path: Path) -> None:
    twin = registry.twin("axpert", seed=6, fast=True)
    serial = b"".join(piece.data for piece in twin.receive(b"QID\xd6\xea\r", 0.0))[1:15]
    assert serial.isdigit()
    file = await taken(tmp_path, "axpert", "--redact")
    header, *pieces = rows(file.read_text())
    assert header["redacted"] is True
    assert serial.hex() not in "".join(piece["hex"] for piece in pieces if piece["way"] == "in")
    site = tmp_path / "again.toml"
    async with replaying(str(file), "--speed", "1000") as (port, _errors):
        site.write_text(SITE.format(kind="axpert", port=port))
        scanned = await run("scan", "--port", port, "--json")
    assert json.loads(scanned.stdout)[0]["serial"] == "0" * 14


@pytest.mark.slow
async def test_a_longer_capture_polls_again_and_hears_what_is_said_unasked(tmp_path: Path) -> None:
    once = rows((await taken(tmp_path, "emus_bms")).read_text())
    (tmp_path / "emus_bms.jsonl").unlink()
    longer = rows((await taken(tmp_path, "emus_bms", "--seconds", "20")).read_text())
    assert longer[-1]["t"] > once[-1]["t"]
    assert bytes_heard(longer) > bytes_heard(once)


def bytes_heard(pieces: list[dict[str, Any]]) -> int:
    return sum(len(row["hex"]) // 2 for row in pieces if row.get("way") == "in")


@pytest.mark.slow
async def test_an_interrupted_capture_keeps_what_it_has(tmp_path: Path) -> None:
    site, out = tmp_path / "site.toml", tmp_path / "out.jsonl"
    async with pty_host(registry.twin("emus_bms", seed=6, fast=True), time.time) as port:
        site.write_text(SITE.format(kind="emus_bms", port=port))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "fieldstation.cli", "capture", "unit", "--seconds", "600"),
            *("--config", str(site), "--out", str(out)),
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        async with asyncio.timeout(60):
            assert b"unit is emus_bms" in await process.stderr.readline()
            process.send_signal(signal.SIGINT)
            assert b"Traceback" not in await process.stderr.read()
            assert await process.wait() == 130
    assert {row["way"] for row in rows(out.read_text())[1:]} == {"in", "out"}


async def test_a_question_that_is_not_in_the_capture_is_told(tmp_path: Path) -> None:
    file = tmp_path / "mode.jsonl"
    file.write_text(HEADER + MODE % "2842e7c90d")
    async with replaying(str(file)) as (port, errors):
        assert b"1 different questions" in await errors.readline()
        descriptor = os.open(port, os.O_RDWR | os.O_NOCTTY)
        os.write(descriptor, b"PBT02\r")
        assert b"not in the capture, no answer: 50 42 54" in await errors.readline()
        os.close(descriptor)


def test_a_capture_is_decoded_frame_by_frame(tmp_path: Path) -> None:
    file = tmp_path / "mode.jsonl"
    file.write_text(HEADER + MODE % "2842e7c90d" + '{"t": 2, "way": "out", "hex": "00"}\n')
    mode, silence = rows(fieldstation("replay", str(file), "--decode").stdout)
    assert mode["name"] == "QMOD"
    assert mode["decoded"] == {"device_mode": "B", "device_mode_label": "battery"}
    assert (silence["t"], silence["error"]) == (2, "silence")


@pytest.mark.parametrize(
    ("arguments", "text", "code", "words"),
    [
        (("replay",), None, 2, "cannot read"),
        (("replay",), "[]", 2, "no object"),
        (("replay",), '{"capture": 1, "kind": "axpret"}', 4, "'axpert'"),
        (("replay", "--broker", "tcp://a:1"), '{"capture": 1, "kind": "esp_node"}', 2, "no broker"),
        (("replay", "--decode"), HEARD + '{"t": 1, "way": "in", "hex": "00"}', 78, "mast"),
        (("capture-test", "noon"), HEADER + MODE % "ff", 2, "nothing in"),
        (("capture-test", "No on"), HEADER + MODE % "2842e7c90d", 2, "is no name"),
        (("capture-test", "n", "--into", "/proc"), HEADER + MODE % "2842e7c90d", 2, "no checkout"),
    ],
)
def test_a_mistake_gets_one_sentence(
    tmp_path: Path, arguments: tuple[str, ...], text: str | None, code: int, words: str
) -> None:
    file = tmp_path / "capture.jsonl"
    if text is not None:
        file.write_text(text)
    command, *rest = arguments
    result = fieldstation(command, str(file), *rest)
    assert result.returncode == code, result.stderr
    (line,) = result.stderr.strip().splitlines()[-1:]
    assert words in line
    assert "Traceback" not in result.stderr


def test_nothing_is_left_behind_when_the_port_does_not_open(tmp_path: Path) -> None:
    site, out = tmp_path / "site.toml", tmp_path / "out.jsonl"
    site.write_text(SITE.format(kind="axpert", port=tmp_path / "gone"))
    result = fieldstation("capture", "unit", "--config", str(site), "--out", str(out))
    assert result.returncode == 69
    assert not out.exists()


@pytest.mark.slow
async def test_a_unit_that_does_not_answer_leaves_what_was_asked(tmp_path: Path) -> None:
    site, out = tmp_path / "site.toml", tmp_path / "out.jsonl"
    master, far_side = os.openpty()
    site.write_text(SITE.format(kind="emus_bms", port=os.ttyname(far_side)))
    result = await run("capture", "unit", "--config", str(site), "--out", str(out))
    os.close(master)
    os.close(far_side)
    assert result.returncode == 75
    assert {row["way"] for row in rows(out.read_text())[1:]} >= {"out"}
