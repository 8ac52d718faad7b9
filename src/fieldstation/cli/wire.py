"""Commands about bytes on the wire: decode a captured frame, run a twin."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from fieldstation.errors import BadRequest
from fieldstation.model import HidLine, I2cLine, Line, Speaker, SpiLine, Twin
from fieldstation.station.clock import SystemClock

Broker = Annotated[str, typer.Option(help="Where an instrument that is heard publishes to.")]
BROKER = "mqtt://127.0.0.1:1883"
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
    the entry's number stands in for a missing id. Where entries say what they expect, standard
    error tells how many agree.
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
    from fieldstation.cli.agreement import Agreement
    from fieldstation.instruments import registry

    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadRequest(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise BadRequest(f"{path} is not JSON: {error}") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadRequest(f"{path} is not a list of vectors")
    agreement = Agreement()
    for number, entry in enumerate(entries):
        name, found = entry.get("id", number), registry.decode_entry(kind, entry)
        agreement.compare(name, entry, found, kind)
        print(_line({"id": name, **found}))
    for sentence in agreement.sentences():
        print(sentence, file=sys.stderr)


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
    bare: Annotated[
        bool,
        typer.Option(
            help="Bare bytes on a pty: no USB-ISS adapter in front of an SPI or I2C instrument, no"
            " reports of a USB one."
        ),
    ] = False,
    broker: Broker = BROKER,
) -> None:
    """Be an instrument: a byte-exact twin on a pseudo-terminal.

    The port to configure is printed. SPI and I2C instruments are served behind a USB-ISS adapter,
    USB instruments as reports.
    """
    from fieldstation.instruments import registry

    faults = tuple(fault or ())
    if registry.listened(kind) is not None:
        asyncio.run(publish_twin(registry.speaker(kind, profile, seed, faults), broker))
        return
    unit = registry.twin(kind, profile=profile, seed=seed, faults=faults, fast=fast)
    line = registry.driver(kind).line
    if isinstance(line, HidLine) and not bare and tcp is None:
        asyncio.run(serve_reports(unit, line))
        return
    served, prefix = (unit, "") if bare else attached(unit, line)
    if prefix and tcp is not None:
        raise BadRequest(f"the adapter of {kind} is a serial port; leave out --tcp, or add --bare")
    asyncio.run(serve_twin(served, prefix, tcp))


async def publish_twin(speaker: Speaker, broker: str) -> None:
    """Let a node's twin publish until cancelled. Raises BadRequest for an address of no broker."""
    from fieldstation.transport.address import MqttPort, parse_address
    from fieldstation.transport.mqtt import publish

    port = parse_address(broker)
    if not isinstance(port, MqttPort):
        raise BadRequest(f"{broker!r} is no broker; write mqtt://HOST:PORT")
    clock = SystemClock()
    print(port, flush=True)
    await publish(speaker, lambda: clock.now().utc_us / 1e6, port)


def attached(unit: Twin, line: Line) -> tuple[Twin, str]:
    """`unit` as a serial port carries it, and what its address begins with: one of an SPI or I2C
    bus is behind a USB-ISS adapter.
    """
    from fieldstation.protocol.usb_iss_twin import UsbIssTwin

    match line:
        case SpiLine():
            return UsbIssTwin(spi=unit), "usb-iss:"
        case I2cLine(address):
            return UsbIssTwin(i2c={address: unit}), "usb-iss:"
        case _:
            return unit, ""


async def serve_reports(unit: Twin, line: HidLine) -> None:
    """Serve `unit` as a USB device until told to stop; the path of its node's stand-in, which goes
    with it, is printed.
    """
    from fieldstation.cli.children import run_until_signal
    from fieldstation.transport.hid_host import hid_host

    clock = SystemClock()
    async with hid_host(unit, lambda: clock.now().utc_us / 1e6, line) as path:
        print(path, flush=True)
        await run_until_signal().wait()


async def serve_twin(unit: Twin, prefix: str = "", tcp: int | None = None) -> None:
    """Serve `unit` on a pty (or a TCP port) until cancelled; its address is printed behind
    `prefix`.
    """
    from fieldstation.transport.host import pty_host, tcp_host

    clock = SystemClock()

    def wall() -> float:
        return clock.now().utc_us / 1e6

    host = pty_host(unit, wall) if tcp is None else tcp_host(unit, wall, port=tcp)
    async with host as address:
        print(f"{prefix}{address}", flush=True)
        await asyncio.Event().wait()
