"""`capture`: every byte between here and an instrument, in a file."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from secrets import token_hex
from typing import IO, TYPE_CHECKING, Annotated

import typer

from fieldstation import __version__
from fieldstation.cli.output import time_text
from fieldstation.cli.station import SITE, ConfigFile, instrument_of
from fieldstation.cli.visit import visit
from fieldstation.errors import BadRequest, CodecError, InstrumentRefused, LinkTimeout
from fieldstation.model import MqttLine

if TYPE_CHECKING:
    from fieldstation.model import Poll
    from fieldstation.protocol.capture import Capture, Piece
    from fieldstation.station.config import InstrumentSettings
    from fieldstation.transport.capture import Recorder
    from fieldstation.transport.converse import Runner
    from fieldstation.transport.link import Link

# A poll that fails this way is part of what a capture shows.
POLL_FAILURES = (LinkTimeout, CodecError, InstrumentRefused)

HEARD_S = 30.0


def capture(
    instrument: Annotated[str, typer.Argument(help="Its name in the configuration.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A new file for the capture.")],
    config: ConfigFile = SITE,
    seconds: Annotated[
        float,
        typer.Option(
            min=0, max=86_400, help="Go on for so long; 0: the whole plan once, or 30 s heard."
        ),
    ] = 0,
    redact: Annotated[bool, typer.Option(help="Take serial numbers out of the bytes.")] = False,
) -> None:
    """Write every byte between here and an instrument to a file, as lines of JSON.

    The unit is asked who it is, then its whole plan is read. Stop a running station first: a port
    has one owner. An instrument that is heard is listened to beside the station. Nothing is kept in
    the journal.
    """
    from fieldstation.protocol.capture import lines_of
    from fieldstation.station.config import load_config

    settings = instrument_of(load_config(config), instrument)
    session = Session()
    attend = _listen if isinstance(settings.line, MqttLine) else _attend
    with new_file(out) as file:
        try:
            asyncio.run(attend(settings, seconds, session))
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
    # None while nobody knows who was there.
    serial: str | None = None
    started_us: int = 0

    def recorder(self) -> Recorder:
        """What keeps the pieces; time starts now."""
        from fieldstation.station.clock import SystemClock
        from fieldstation.transport.capture import Recorder

        recorder = Recorder()
        self.pieces, self.started_us = recorder.pieces, SystemClock().now().utc_us
        return recorder


async def _attend(settings: InstrumentSettings, seconds: float, session: Session) -> None:
    """Ask who is there and poll, every byte told to the session."""
    from fieldstation.transport.capture import ListeningLink

    recorder = session.recorder()

    def listening(link: Link) -> Link:
        return ListeningLink(link, recorder, settings.port)

    async with visit(settings, listening) as (driver, runner):
        who = await runner.converse(driver.identify())
        session.serial = who.serial
        print(f"{settings.name} is {who.kind} {who.model} {who.serial}".rstrip(), file=sys.stderr)
        await _rounds(runner, driver.plan(who), settings.every_s, seconds)


async def _listen(settings: InstrumentSettings, seconds: float, session: Session) -> None:
    """Hear what is published, in a session of its own that the broker forgets, every message told
    to the capture.
    """
    from fieldstation.instruments import captured
    from fieldstation.transport.address import MqttPort, parse_address
    from fieldstation.transport.mqtt import open_feed
    from fieldstation.transport.secret import read_secret

    port, line = parse_address(settings.port), settings.line
    assert isinstance(port, MqttPort)
    assert isinstance(line, MqttLine)
    password = read_secret(Path(line.password_file)) if line.password_file else ""
    own = replace(line, client_id=f"fieldstation-capture-{token_hex(4)}")
    topics = captured.listener(settings.kind, settings.options).topics
    async with open_feed(port, own, topics, password=password, keep=False) as feed:
        recorder, session.serial = session.recorder(), ""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds or HEARD_S):
                while True:
                    arrival = await feed.read()
                    recorder.hear(arrival.message)
                    feed.settle([arrival])


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
    from fieldstation.instruments.redacted import redacted
    from fieldstation.protocol.capture import Capture, Header, settings_of_line

    if not session.pieces or (redact and session.serial is None):
        return None
    line = settings.line
    header = Header(
        settings.kind,
        # What opens a broker's door is nothing that an instrument said.
        {} if isinstance(line, MqttLine) else settings_of_line(line),
        dict(settings.options),
        f"fieldstation {__version__}",
        time_text(session.started_us),
    )
    whole = Capture(header, tuple(session.pieces))
    if not redact:
        return whole
    found = redacted(whole, session.serial or "")
    if not found.header.redacted:
        print(
            f"no serial number was found in the bytes ({session.serial or 'the unit tells none'});"
            " look before you pass the file on",
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
