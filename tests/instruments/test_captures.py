"""The captures of every instrument folder: they decode as they say, read again, and name nobody."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fieldstation.instruments import registry
from fieldstation.instruments.captured import listener, rows, told
from fieldstation.instruments.redacted import SHORTEST, forms_of, redacted, serials_in
from fieldstation.model import Heard, Identity, Instant, Message, SpiLine, Trust, Value, configured
from fieldstation.protocol.capture import Capture, capture_of, lines_of
from fieldstation.testing.conformance import agrees
from fieldstation.transport.play import answers, play
from fieldstation.transport.replay import CaptureTwin, ClockedTwin

DECODED = ".decoded.jsonl"
MOST_BYTES = 30_000


def captures(kind: str) -> Iterator[Path]:
    folder = Path(str(registry.module(kind, "codec").__file__)).parent / "captures"
    return (file for file in sorted(folder.glob("*.jsonl")) if not file.name.endswith(DECODED))


def read(file: Path) -> Capture:
    return capture_of(file.read_text("utf-8").splitlines(), file.name)


def files(name: str = "") -> list[Any]:
    """The captures of all kinds, or those called `name`, as parameters of a test."""
    return [
        pytest.param(file, id=f"{kind}-{file.stem}")
        for kind in registry.kinds()
        for file in captures(kind)
        if name in ("", file.stem)
    ]


# A driver may learn to ask more, which an old capture does not answer; that of a twin is then made
# anew.
TWINS = files("twin")


def readings(taken: Capture) -> tuple[Identity, list[dict[str, Value]]]:
    """Who is in a capture and what is read from it, by the driver or listener of its kind."""
    header, utc_us = taken.header, taken.header.started_us
    if registry.listened(header.kind) is not None:
        hearing = listener(header.kind, header.options)
        heard = [
            one
            for piece in taken.pieces
            for one in hearing.hear(
                Message(piece.topic, piece.data, piece.retained),
                Instant(utc_us + round(piece.t_s * 1e6), 0, bytes(16), Trust.SYNCED),
            )
            if isinstance(one, Heard)
        ]
        return Identity(header.kind, heard[0].serial), [dict(one.values) for one in heard]
    driver = configured(registry.driver(header.kind), header.options)
    clocked = isinstance(driver.line, SpiLine)
    unit = ClockedTwin(taken.pieces) if clocked else CaptureTwin(taken.pieces, speed=math.inf)
    answer = answers(unit, lambda: utc_us / 1e6)
    if driver.resync is not None:
        answer(driver.resync.request)
    who = play(driver.identify(), answer)
    return who, [play(poll.converse(), answer) for poll in driver.plan(who)]


@pytest.mark.parametrize("kind", registry.kinds())
def test_every_instrument_has_a_small_capture(kind: str) -> None:
    sizes = {file.stem: file.stat().st_size for file in captures(kind)}
    assert "twin" in sizes
    assert max(sizes.values()) < MOST_BYTES


@pytest.mark.parametrize("file", files())
def test_a_capture_decodes_as_it_says(file: Path) -> None:
    kept = file.with_name(f"{file.stem}{DECODED}").read_text("utf-8").splitlines()
    assert agrees(json.loads(json.dumps(told(read(file)))), [json.loads(line) for line in kept])


@pytest.mark.parametrize("file", TWINS)
def test_a_capture_is_read_like_the_unit(file: Path) -> None:
    _who, values = readings(read(file))
    assert values
    assert all(any(value is not None for value in reading.values()) for reading in values)


@pytest.mark.parametrize("file", TWINS)
def test_a_redacted_capture_says_the_same_and_names_nobody(file: Path) -> None:
    taken = read(file)
    who, values = readings(taken)
    clean = redacted(taken, who.serial)
    assert clean.header.redacted is bool(who.serial)
    text = "".join(lines_of(clean))
    payloads = b"".join(piece.data for piece in clean.pieces) + text.encode()
    for serial in filter(None, (who.serial, *serials_in(taken))):
        assert forms_of(serial)
        assert not any(form in payloads for form in forms_of(serial))
    again, read_again = readings(capture_of(text.splitlines(), "clean"))
    assert again.serial != who.serial or not who.serial
    assert again.model == who.model
    assert [without_name(row, again) for row in read_again] == [
        without_name(row, who) for row in values
    ]
    before, after = list(rows(taken)), list(rows(clean))
    assert [row.get("error") for row in after] == [row.get("error") for row in before]
    assert len(told(clean)) == len(told(taken))


def without_name(reading: dict[str, Value], who: Identity) -> dict[str, Value]:
    """A reading without the unit's number in its texts, such as topics."""
    number = who.serial if len(who.serial) >= SHORTEST else "no number"
    return {
        key: value.replace(number, "") if isinstance(value, str) else value
        for key, value in reading.items()
    }
