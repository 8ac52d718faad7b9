"""`capture`: every byte between here and an instrument, in a file."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from fieldstation import __version__
from fieldstation.cli.output import time_text
from fieldstation.cli.station import SITE, ConfigFile, instrument_of
from fieldstation.cli.visit import visit
from fieldstation.errors import BadRequest, CodecError, InstrumentRefused, LinkTimeout

if TYPE_CHECKING:
    from fieldstation.model import Identity, Poll
    from fieldstation.station.config import InstrumentSettings
    from fieldstation.transport.capture import Capture, Piece
    from fieldstation.transport.converse import Runner
    from fieldstation.transport.link import Link

# A poll that fails this way is part of what a capture shows.
POLL_FAILURES = (LinkTimeout, CodecError, InstrumentRefused)


def capture(
    instrument: Annotated[str, typer.Argument(help="Its name in the configuration.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A new file for the capture.")],
    config: ConfigFile = SITE,
    seconds: Annotated[
        float,
        typer.Option(min=0, max=86_400, help="Go on polling for so long; 0: the whole plan once."),
    ] = 0,
    redact: Annotated[
        bool, typer.Option(help="Take the unit's serial number out of the bytes.")
    ] = False,
) -> None:
    """Write every byte between here and an instrument to a file, as lines of JSON.

    The unit is asked who it is, then its whole plan is read. Stop a running station first: a port
    has one owner. Nothing is kept in the journal.
    """
    from fieldstation.station.config import load_config
    from fieldstation.transport.capture import lines_of

    settings = instrument_of(load_config(config), instrument)
    session = Session()
    with new_file(out) as file:
        try:
            asyncio.run(_attend(settings, seconds, session))
        finally:
            if taken := _taken(settings, session, redact):
                file.writelines(lines_of(taken))
            else:
                out.unlink()
    print(f"wrote {len(session.pieces)} pieces to {out}", file=sys.stderr)


@dataclass(slots=True)
class Session:
    """What a capture has so far."""

    pieces: list[Piece] = field(default_factory=list)
    identity: Identity | None = None
    started_us: int = 0


async def _attend(settings: InstrumentSettings, seconds: float, session: Session) -> None:
    """Ask who is there and poll, every byte told to the session."""
    from fieldstation.station.clock import SystemClock
    from fieldstation.transport.capture import ListeningLink, Recorder

    recorder = Recorder()
    session.pieces, session.started_us = recorder.pieces, SystemClock().now().utc_us

    def listening(link: Link) -> Link:
        return ListeningLink(link, recorder, settings.port)

    async with visit(settings, listening) as (driver, runner):
        who = session.identity = await runner.converse(driver.identify())
        print(f"{settings.name} is {who.kind} {who.model} {who.serial}".rstrip(), file=sys.stderr)
        await _rounds(runner, driver.plan(who), settings.every_s, seconds)


async def _rounds(runner: Runner, plan: Sequence[Poll], every_s: float, seconds: float) -> None:
    """Poll as a station would for `seconds`, at least once."""
    from fieldstation.station.schedule import Turns

    now = asyncio.get_running_loop().time
    start_s, index = now(), 0
    turns = Turns([poll.every for poll in plan])
    while index == 0 or index * every_s < seconds:
        await asyncio.sleep(start_s + index * every_s - now())
        for line in turns.take(index):
            await _poll(runner, plan[line])
        index = max(index, int((now() - start_s) / every_s)) + 1
    await asyncio.sleep(start_s + seconds - now())


async def _poll(runner: Runner, poll: Poll) -> None:
    try:
        await runner.converse(poll.converse())
    except POLL_FAILURES as error:
        print(f"{poll.layout.name}: {error}", file=sys.stderr)


def _taken(settings: InstrumentSettings, session: Session, redact: bool) -> Capture | None:
    """The capture; None when nothing was heard, or nobody knows what to take out of it."""
    from fieldstation.transport.capture import Capture, Header, settings_of_line

    if not session.pieces or (redact and session.identity is None):
        return None
    header = Header(
        settings.kind,
        settings_of_line(settings.line),
        f"fieldstation {__version__}",
        time_text(session.started_us),
    )
    whole = Capture(header, tuple(session.pieces))
    serial = session.identity.serial if session.identity else ""
    return _redacted(whole, serial) if redact else whole


def _redacted(whole: Capture, serial: str) -> Capture:
    from fieldstation.instruments import captured
    from fieldstation.transport.redact import redacted

    kind = whole.header.kind

    def cut(data: bytes) -> list[bytes]:
        return [frame.data for frame in captured.frames_of(kind, b"", data)]

    found = redacted(whole, serial, cut, captured.seal(kind))
    if found.pieces == whole.pieces:
        print(
            f"no serial number was found in the bytes ({serial or 'the unit tells none'}); look"
            " before you pass the file on",
            file=sys.stderr,
        )
    return found


def new_file(path: Path) -> IO[str]:
    """A file that was not there before, open for text. Raises BadRequest."""
    try:
        return path.open("x", encoding="utf-8")
    except FileExistsError as error:
        raise BadRequest(f"{path} exists and is kept; name a new file") from error
    except OSError as error:
        raise BadRequest(f"cannot write {path}: {error.strerror}") from error
