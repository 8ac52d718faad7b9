"""Care for a station's journal: check it, bring back what a damaged one holds, go back to the older
form. Only checking works while the station runs.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fieldstation.cli.output import AsJson, emit_json
from fieldstation.cli.station import SITE, ConfigFile
from fieldstation.errors import NotFound, StoreDamaged, StoreUnavailable

if TYPE_CHECKING:
    from fieldstation.batch.facts import Event
    from fieldstation.journal import Journal

app = typer.Typer(no_args_is_help=True)


@app.command()
def check(config: ConfigFile = SITE, as_json: AsJson = False) -> None:
    """Read the whole journal and compare every row with its digest."""
    from fieldstation.journal import Reader

    path = _journal_of(config)
    journal = Reader(path)
    try:
        found = journal.check()
    finally:
        journal.close()
    if as_json:
        emit_json(
            {
                "good": found.good, "readings": found.rows, "damaged": list(found.damaged),
                "structure": list(found.structure), "facts": found.facts,
                "damaged_facts": found.damaged_facts, "notes": list(found.notes),
            }
        )  # fmt: skip
    else:
        print(f"{found.rows} readings and {found.facts} facts are intact.")
    if not found.good:
        bad = len(found.damaged) + found.damaged_facts + len(found.notes)
        told = f": {found.structure[0]}" if found.structure else ""
        raise StoreDamaged(
            f"{path}: {bad} rows do not fit their digests, {len(found.structure)} faults in the"
            f" file's structure{told}; what is intact still goes out. If the structure is damaged,"
            " stop the station, rename the file to journal.damaged-1.sqlite3 (with its -wal) and"
            " type: fieldstation journal salvage"
        )


@app.command()
def salvage(
    file: Annotated[
        Path | None, typer.Argument(help="A damaged journal; else all that were put aside.")
    ] = None,
    config: ConfigFile = SITE,
) -> None:
    """Bring what damaged journals hold back into the journal; a running station does it itself."""
    from fieldstation.journal import open_journal
    from fieldstation.journal.salvage import waiting

    path = _journal_of(config)
    if file is not None and not file.is_file():
        raise NotFound(f"there is no file {file}: name a damaged journal")
    with _stopped(path.parent):
        files = [file] if file is not None else waiting(path)
        if not files:
            print("nothing was put aside", file=sys.stderr)
            return
        journal, aside = open_journal(path, utc_us=_utc_us)
        try:
            files += [aside] if aside else []
            for number, one in enumerate(files):
                event = _salvage(journal, one, len(files) - number)
                print(event.text if event else f"{one.name} was salvaged before")
        finally:
            journal.close()


def _salvage(journal: Journal, aside: Path, nth: int) -> Event | None:
    from fieldstation.journal.aside import move
    from fieldstation.journal.putback import conclude, put_back, tell_again
    from fieldstation.journal.salvage import Salvage, done_name
    from fieldstation.station.clock import SystemClock

    now = SystemClock().now()
    found = Salvage(aside, journal.announcements.values(), nth=nth)
    for kept in found.steps():
        put_back(journal, found, kept)
    tell_again(journal, found.facts)
    event = conclude(journal, found, now, 0)
    if done_name(aside) != aside:
        move(aside, done_name(aside))
    return event


@app.command()
def back(config: ConfigFile = SITE) -> None:
    """Restore the journal of the older form, for an older fieldstation; the present one is kept."""
    from fieldstation.journal.migrate import back as go_back

    path = _journal_of(config)
    with _stopped(path.parent):
        restored, kept, held, newest = go_back(path, _utc_us)
    lacks = f"readings {held + 1} to {newest}" if newest > held else "no reading"
    print(
        f"{restored.name} is the journal again; it lacks {lacks}, what was delivered and what was"
        f" noted since; that lies in {kept.name}"
    )


def _journal_of(config: Path) -> Path:
    from fieldstation.station.config import load_config

    return load_config(config).station.data / "journal.sqlite3"


def _utc_us() -> int:
    from fieldstation.station.clock import SystemClock

    return SystemClock().now().utc_us


@contextmanager
def _stopped(data: Path) -> Iterator[None]:
    """Hold the data folder, which no station may do meanwhile."""
    try:
        handle = os.open(data / "station.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise StoreUnavailable(
            f"the data folder {data} cannot be used: {error.strerror}; check its owner"
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreUnavailable(
                f"a station works in {data}: stop it first, or leave it to the station"
            ) from error
        yield
    finally:
        os.close(handle)
