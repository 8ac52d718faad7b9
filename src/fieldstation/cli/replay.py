"""`replay` and `capture-test`: be the instrument of a capture, or make it a test."""

from __future__ import annotations

import asyncio
import json
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fieldstation.cli.capture import new_file
from fieldstation.cli.output import emit_json
from fieldstation.cli.wire import attached, serve_twin
from fieldstation.errors import BadRequest

if TYPE_CHECKING:
    from fieldstation.transport.capture import Capture

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
) -> None:
    """Be the instrument of a capture: say what it said to whoever asks the same.

    The port to configure is printed. A question that was not recorded gets no answer.
    """
    taken = read_capture(file)
    if decode:
        for row in _decoded(taken):
            emit_json(row)
        return
    asyncio.run(_replay(taken, speed))


def read_capture(file: Path) -> Capture:
    """The capture in a file of a kind that there is. Raises BadRequest, NotFound."""
    from fieldstation.instruments import registry
    from fieldstation.transport.capture import capture_of

    try:
        with file.open(encoding="utf-8") as lines:
            taken = capture_of(lines, str(file))
    except OSError as error:
        raise BadRequest(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadRequest(f"{file} is no capture: byte {error.start} is no UTF-8") from error
    registry.driver(taken.header.kind)
    return taken


async def _replay(taken: Capture, speed: float) -> None:
    from fieldstation.instruments import registry
    from fieldstation.model import I2cLine, SpiLine
    from fieldstation.transport.replay import CaptureTwin

    line = registry.driver(taken.header.kind).line
    if isinstance(line, SpiLine):
        raise BadRequest("an SPI bus answers byte by byte and cannot be replayed; use --decode")
    # A chip's reply is there when its transfer ends, or never.
    speed = math.inf if isinstance(line, I2cLine) else speed
    unit = CaptureTwin(taken.pieces, _say_unknown, speed=speed)
    print(f"{unit.requests} different questions are known", file=sys.stderr)
    await serve_twin(*attached(unit, line))


def _say_unknown(request: bytes) -> None:
    print(f"not in the capture, no answer: {request[:48].hex(' ')}", file=sys.stderr)


def _decoded(taken: Capture) -> Iterator[dict[str, Any]]:
    from fieldstation.instruments import captured
    from fieldstation.transport.capture import answered

    kind = taken.header.kind
    for one in answered(taken.pieces):
        head = {"t": round(one.t_s, 6), "request": one.request.hex()}
        if not one.heard:
            yield {**head, "error": "silence", "message": "no answer was recorded"}
        for frame in captured.frames_of(kind, one.request, one.reply):
            yield {**head, "frame": frame.data.hex(), **captured.told(kind, frame)}


def capture_test(
    file: CaptureFile,
    name: Annotated[str, typer.Argument(help="Name of the new test: lower case, digits and _.")],
    into: Annotated[
        Path | None, typer.Option(help="A checkout of fieldstation; else the installed package.")
    ] = None,
) -> None:
    """Make a capture a test: what was heard, as the codec of today decodes it, becomes vectors.

    The tests of the kind read every file of its vectors folder, so nothing else is to be done.
    Look at the values first: from now on they are what is right.
    """
    from fieldstation.instruments import captured
    from fieldstation.transport.capture import answered

    if not TEST_NAME.match(name):
        raise BadRequest(f"{name!r} is no name of a test; write it like night_at_low_battery")
    taken = read_capture(file)
    kind = taken.header.kind
    frames = [
        frame
        for one in answered(taken.pieces)
        for frame in captured.frames_of(kind, one.request, one.reply)
    ]
    rows = captured.vectors(kind, frames, name, f"captured: {file.name}")
    good = sum(row["decoded"] is not None for row in rows)
    if not good:
        raise BadRequest(f"nothing in {file} is decoded by today's {kind} codec; no test is made")
    target = _vectors_folder(kind, into) / f"{name}.json"
    with new_file(target) as out:
        out.write(json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    print(target)
    print(f"{good} frames decoded, {len(rows) - good} turned down as now", file=sys.stderr)


def _vectors_folder(kind: str, checkout: Path | None) -> Path:
    from fieldstation.instruments import registry

    folder = Path(str(registry.module(kind, "codec").__file__)).parent
    if checkout is not None:
        folder = checkout / "src/fieldstation/instruments" / kind
        if not folder.is_dir():
            raise BadRequest(f"{checkout} is no checkout that has {kind}: {folder} is not there")
    return folder / "vectors"
