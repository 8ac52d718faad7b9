"""`replay` and `capture-test`: be the instrument of a capture, or make it a test."""

from __future__ import annotations

import asyncio
import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fieldstation.cli.capture import new_file
from fieldstation.cli.output import emit_json, json_line
from fieldstation.cli.wire import BROKER, Broker, attached, publish_twin, serve_twin
from fieldstation.errors import BadRequest

if TYPE_CHECKING:
    from fieldstation.protocol.capture import Capture

TEST_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
CaptureFile = Annotated[Path, typer.Argument(metavar="FILE", help="What `capture` has written.")]


def replay(
    file: CaptureFile,
    speed: Annotated[
        float, typer.Option(min=0.001, help="Times faster than it was recorded.")
    ] = 1.0,
    decode: Annotated[
        bool, typer.Option(help="Print every frame decoded, a JSON line each, and serve nothing.")
    ] = False,
    broker: Broker = BROKER,
) -> None:
    """Be the instrument of a capture: say what it said to whoever asks the same.

    The port to configure is printed. A question that was not recorded gets no answer. What was
    heard from a broker is published once, in the recorded time.
    """
    from fieldstation.instruments import captured, registry

    taken = read_capture(file)
    if decode:
        for row in captured.rows(taken):
            emit_json(row)
    elif registry.listened(taken.header.kind) is not None:
        asyncio.run(_publish(taken, speed, broker))
    else:
        asyncio.run(_replay(taken, speed))


def read_capture(file: Path) -> Capture:
    """The capture in a file of a kind that there is. Raises BadRequest, NotFound."""
    from fieldstation.instruments import registry
    from fieldstation.protocol.capture import capture_of

    try:
        with file.open(encoding="utf-8") as lines:
            taken = capture_of(lines, str(file))
    except OSError as error:
        raise BadRequest(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadRequest(f"{file} is no capture: byte {error.start} is no UTF-8") from error
    registry.package(taken.header.kind)
    return taken


async def _replay(taken: Capture, speed: float) -> None:
    from fieldstation.instruments import registry
    from fieldstation.model import I2cLine, SpiLine
    from fieldstation.transport.replay import CaptureTwin, ClockedTwin

    line = registry.driver(taken.header.kind).line
    unit: CaptureTwin | ClockedTwin
    if isinstance(line, SpiLine):
        unit = ClockedTwin(taken.pieces, _say_unknown)
    else:
        # A chip's reply is there when its transfer ends, or never.
        speed = math.inf if isinstance(line, I2cLine) else speed
        unit = CaptureTwin(taken.pieces, _say_unknown, speed=speed)
    print(f"{unit.requests} different questions are known", file=sys.stderr)
    await serve_twin(*attached(unit, line))


async def _publish(taken: Capture, speed: float, broker: str) -> None:
    from fieldstation.transport.replay import CaptureSpeaker

    print(f"{len(taken.pieces)} messages are said", file=sys.stderr)
    await publish_twin(CaptureSpeaker(taken.pieces, speed=speed), broker)


def _say_unknown(request: bytes) -> None:
    print(f"not in the capture, no answer: {request[:48].hex(' ')}", file=sys.stderr)


def capture_test(
    file: CaptureFile,
    name: Annotated[str, typer.Argument(help="Name of the new test: lower case, digits and _.")],
    into: Annotated[
        Path | None, typer.Option(help="A checkout of fieldstation; else the installed package.")
    ] = None,
) -> None:
    """Make a capture a test: it is kept in its instrument's folder, with what it decodes to today.

    The tests read every file there, so nothing else is to be done. Look at the values first: from
    now on they are what is right.
    """
    from fieldstation.instruments import captured
    from fieldstation.protocol.capture import lines_of

    if not TEST_NAME.match(name):
        raise BadRequest(f"{name!r} is no name of a test; write it like night_at_low_battery")
    taken = read_capture(file)
    kind = taken.header.kind
    rows = captured.told(taken)
    good = sum(bool(row.get("decoded")) for row in rows)
    if not good:
        raise BadRequest(f"nothing in {file} is decoded by today's {kind} codec; no test is made")
    folder = _captures_folder(kind, into)
    folder.mkdir(exist_ok=True)
    with new_file(folder / f"{name}.jsonl") as out:
        out.writelines(lines_of(taken))
    decoded = folder / f"{name}.decoded.jsonl"
    decoded.write_text("".join(json_line(row) for row in rows), encoding="utf-8")
    print(folder / f"{name}.jsonl")
    print(f"{good} frames decoded, {len(rows) - good} turned down as now", file=sys.stderr)


def _captures_folder(kind: str, checkout: Path | None) -> Path:
    from fieldstation.instruments import registry

    folder = Path(str(registry.module(kind, "codec").__file__)).parent
    if checkout is not None:
        folder = checkout / "src/fieldstation/instruments" / kind
        if not folder.is_dir():
            raise BadRequest(f"{checkout} is no checkout that has {kind}: {folder} is not there")
    return folder / "captures"
