"""Commands about bytes on the wire: decode a captured frame, run a twin."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from fieldstation.errors import BadRequest
from fieldstation.model import Twin
from fieldstation.station.clock import SystemClock

Kind = Annotated[str, typer.Argument(metavar="INSTRUMENT", help="Kind of instrument: axpert …")]


def decode(
    kind: Kind,
    frame: Annotated[
        str | None,
        typer.Argument(help="A captured frame, as hex or as text; - reads it from standard input."),
    ] = None,
    command: Annotated[
        str, typer.Option(help="The request that the frame answers, where the kind needs it.")
    ] = "",
    vectors: Annotated[
        Path | None,
        typer.Option(help="A file of vectors: decode each entry, print one JSON line for each."),
    ] = None,
) -> None:
    """Decode what an instrument sent, to JSON.

    A vector file gives one line per entry, {"id": …, "decoded": {…}} or {"id": …, "error": "kind"};
    the entry's number stands in for a missing id.
    """
    if vectors is not None:
        _decode_file(kind, vectors)
        return
    if frame is None:
        raise BadRequest("name a frame (hex or text), or a file of them with --vectors")
    from fieldstation.instruments import registry

    text = sys.stdin.read() if frame == "-" else frame
    print(_line(registry.decode_frame(kind, _bytes(kind, text), command)))


def _decode_file(kind: str, path: Path) -> None:
    from fieldstation.instruments import registry

    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadRequest(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise BadRequest(f"{path} is not JSON: {error}") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadRequest(f"{path} is not a list of vectors")
    for number, entry in enumerate(entries):
        print(_line({"id": entry.get("id", number), **registry.decode_entry(kind, entry)}))


def _line(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, allow_nan=False)


def _bytes(kind: str, text: str) -> bytes:
    """A frame typed by a person: hex with or without blanks, else the characters themselves."""
    from fieldstation.instruments import registry

    try:
        return bytes.fromhex(text.strip())
    except ValueError:
        return registry.frame_of_text(kind, text.strip("\n").replace("\\r", "\r"))


def twin(
    kind: Kind,
    profile: Annotated[
        str, typer.Option(help="Which model to be; see the instrument's page.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Weather, loads and faults follow from it.")] = 1,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="A fault to show: NAME always, NAME:0.1 at times, NAME*3 three times."),
    ] = None,
    fast: Annotated[bool, typer.Option(help="Answer at once instead of at line speed.")] = False,
    tcp: Annotated[
        int | None, typer.Option(help="Serve on this TCP port of 127.0.0.1 instead of a pty.")
    ] = None,
) -> None:
    """Be an instrument: a byte-exact twin on a pseudo-terminal, whose path is printed."""
    from fieldstation.instruments import registry

    unit = registry.twin(kind, profile=profile, seed=seed, faults=tuple(fault or ()), fast=fast)
    asyncio.run(_serve(unit, tcp))


async def _serve(unit: Twin, tcp: int | None) -> None:
    from fieldstation.transport.host import pty_host, tcp_host

    clock = SystemClock()

    def wall() -> float:
        return clock.now().utc_us / 1e6

    host = pty_host(unit, wall) if tcp is None else tcp_host(unit, wall, port=tcp)
    async with host as address:
        print(address, flush=True)
        await asyncio.Event().wait()
