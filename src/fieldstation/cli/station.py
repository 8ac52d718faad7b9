"""Commands at the field site: run the station, look at what it reads and keeps."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fieldstation.cli.output import AsJson, emit_json, emit_table, time_text, value_text
from fieldstation.errors import BadRequest, NotFound

if TYPE_CHECKING:
    from fieldstation.journal.reader import Reader
    from fieldstation.model import Kept, Layout, Value
    from fieldstation.station.config import Config, InstrumentSettings

ConfigFile = Annotated[
    Path,
    typer.Option("--config", "-c", envvar="FIELDSTATION_CONFIG", help="The station's site.toml."),
]
SITE = Path("site.toml")
EXPORT_ROWS = 5000  # looked at in one step, so that memory stays flat
Since = Annotated[str, typer.Option(help="From when: 2h, 3d, or a time such as 2026-11-01.")]
Until = Annotated[str, typer.Option(help="Until when, written alike.")]


def run(
    config: ConfigFile = SITE,
    hub_url: Annotated[str, typer.Option(help="Send to this hub instead.")] = "",
    key_file: Annotated[Path | None, typer.Option(help="With the key in this file.")] = None,
) -> None:
    """Run the station: poll, keep, forward, until it is told to stop."""
    from fieldstation.station.config import load_config, with_hub
    from fieldstation.station.service import run as run_station

    loaded = load_config(config)
    if hub_url and key_file:
        loaded = with_hub(loaded, hub_url, key_file)
    run_station(loaded)


def check(config: ConfigFile = SITE, as_json: AsJson = False) -> None:
    """Read the configuration and list every fault at once; opens no port."""
    from fieldstation.station.config import load_config

    loaded = load_config(config)
    if as_json:
        emit_json({"ok": True, "instruments": [row.name for row in loaded.instruments]})
        return
    rows = [(row.name, row.kind, row.port, f"{row.every_s:g} s") for row in loaded.instruments]
    emit_table(("instrument", "kind", "port", "every"), rows)
    where = loaded.hub.url if loaded.hub else "nowhere: readings stay here"
    print(f"\n{config} is in order. Readings go to {where}", file=sys.stderr)


def read(
    instrument: Annotated[str, typer.Argument(help="Its name in the configuration.")],
    config: ConfigFile = SITE,
    as_json: AsJson = False,
) -> None:
    """Read an instrument once, now. Nothing is kept."""
    from fieldstation.station.config import load_config

    layout, values = asyncio.run(_read(instrument_of(load_config(config), instrument)))
    _show_reading(layout, values, as_json)


async def _read(settings: InstrumentSettings) -> tuple[Layout, dict[str, Value]]:
    from fieldstation.cli.visit import visit
    from fieldstation.model import Identity

    async with visit(settings) as (driver, runner):
        poll = driver.plan(Identity(settings.kind))[0]
        return poll.layout, await runner.converse(poll.converse())


def _show_reading(layout: Layout, values: dict[str, Value], as_json: bool) -> None:
    if as_json:
        emit_json(values)
        return
    rows = [
        (channel.name, value_text(channel, values.get(channel.name)), channel.label)
        for channel in layout.channels
        if values.get(channel.name) is not None
    ]
    emit_table(("channel", "value", "meaning"), rows)


def recent(
    instrument: Annotated[str | None, typer.Argument(help="Only this instrument.")] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=100_000)] = 10,
    config: ConfigFile = SITE,
    as_json: AsJson = False,
) -> None:
    """The last readings in the journal, newest first; with --json one line each."""
    from fieldstation.station.config import load_config

    loaded = load_config(config)
    if instrument is not None:
        instrument_of(loaded, instrument)
    journal = _journal(loaded)
    try:
        for kept in journal.recent(count, instrument):
            if as_json:
                emit_json(_kept_json(kept))
            else:
                print(_kept_line(kept))
    finally:
        journal.close()


def _kept_json(kept: Kept) -> dict[str, Any]:
    reading = kept.reading
    return {
        "sequence": kept.sequence,
        "time": time_text(reading.instant.utc_us),
        "clock": reading.instant.trust.name.lower(),
        "instrument": reading.instrument,
        "layout": reading.layout.name,
        "values": reading.by_name(),
    }


def _kept_line(kept: Kept) -> str:
    reading = kept.reading
    pairs = list(zip(reading.layout.channels, reading.values, strict=True))
    shown = [pair for pair in pairs if pair[0].headline] or pairs[:6]
    values = ", ".join(f"{c.label or c.name} {value_text(c, v)}" for c, v in shown)
    when = time_text(reading.instant.utc_us)
    return f"{kept.sequence:>9}  {when}  {reading.instrument}/{reading.layout.name}  {values}"


def export(
    instrument: Annotated[str, typer.Argument(help="Its name in the configuration.")],
    config: ConfigFile = SITE,
    layout: Annotated[str, typer.Option(help="Which of its readings.")] = "",
    since: Since = "",
    until: Until = "",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File; else printed.")] = None,
    unit_row: Annotated[bool, typer.Option(help="A second header row with the units.")] = False,
) -> None:
    """Write the readings in the journal as CSV: any range, full precision, times in UTC."""
    from fieldstation.export.csv import csv_text
    from fieldstation.station.config import load_config

    loaded = load_config(config)
    instrument_of(loaded, instrument)
    start, end = moment(since, 0), moment(until, 2**62)
    if start >= end:
        raise BadRequest(f"--since {since} is not before --until {until or 'now'}")
    journal = _journal(loaded)
    try:
        table = _layout_of(journal, instrument, layout)
        text = csv_text(
            table.channels, _pieces(journal, instrument, table, start, end), unit_row=unit_row
        )
        _write(text, out)
    finally:
        journal.close()


def _write(text: Iterator[str], out: Path | None) -> None:
    if out is None:
        for piece in text:
            sys.stdout.write(piece)
        return
    try:
        with out.open("w", encoding="utf-8", newline="") as file:
            file.writelines(text)
    except OSError as error:
        raise BadRequest(f"cannot write {out}: {error.strerror}") from error


def _layout_of(journal: Reader, instrument: str, name: str) -> Layout:
    """The newest layout of the instrument with that name; its only or first one without."""
    known = [a.layout for (owner, _), a in journal.announcements.items() if owner == instrument]
    if not known:
        raise NotFound(f"the journal holds no reading of {instrument!r} yet")
    for layout in reversed(known):
        if layout.name == name:
            return layout
    if name:
        raise NotFound(f"{instrument!r} has no layout {name!r}; it has {_names(known)}")
    return known[0]


def _names(layouts: Sequence[Layout]) -> str:
    return ", ".join(sorted({layout.name for layout in layouts}))


def _pieces(
    journal: Reader, instrument: str, layout: Layout, start: int, end: int
) -> Iterator[tuple[list[int], list[list[Value]]]]:
    """The journal in steps of bounded size, in sequence order."""
    position = 0
    while position < journal.last:
        kept = journal.after(position, EXPORT_ROWS)
        position = kept[-1].sequence if kept else position + EXPORT_ROWS
        rows = [
            one.reading
            for one in kept
            if one.reading.instrument == instrument
            and one.reading.layout.id == layout.id
            and start <= one.reading.instant.utc_us < end
        ]
        if rows:
            columns = [list(column) for column in zip(*(row.values for row in rows), strict=True)]
            yield [row.instant.utc_us for row in rows], columns


def moment(text: str, default: int) -> int:
    """A time from the command line as UTC microseconds: an age such as 2h, or an ISO 8601 time."""
    if not text:
        return default
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
    try:
        if text[-1] in units:
            moment = datetime.now(UTC) - timedelta(seconds=float(text[:-1]) * units[text[-1]])
        else:
            moment = datetime.fromisoformat(text).astimezone(UTC)
        return round(moment.timestamp() * 1e6)
    except (ValueError, OverflowError) as error:
        raise BadRequest(
            f"{text!r} is no time; write an age (90s, 2h, 3d) or a date (2026-11-01T12:00)"
        ) from error


def status(config: ConfigFile = SITE, as_json: AsJson = False) -> None:
    """How the running station is doing: instruments, journal, sinks."""
    from fieldstation.cli.health import show_status
    from fieldstation.station.config import load_config

    show_status(load_config(config), as_json)


def instrument_of(config: Config, name: str) -> InstrumentSettings:
    """The instrument of that name in the configuration. Raises NotFound."""
    for row in config.instruments:
        if row.name == name:
            return row
    names = ", ".join(row.name for row in config.instruments)
    raise NotFound(f"{config.file} has no instrument {name!r}; it has {names}")


def _journal(config: Config) -> Reader:
    from fieldstation.journal.reader import Reader

    return Reader(config.station.data / "journal.sqlite3")
