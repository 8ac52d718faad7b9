"""Commands that say what is missing: the holes, and the account of each day. Both read the journal
while the station runs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fieldstation.cli.output import AsJson, emit_json, emit_table, time_text
from fieldstation.cli.station import SITE, ConfigFile, Since, Until, instrument_of, moment
from fieldstation.errors import BadRequest

if TYPE_CHECKING:
    from fieldstation.batch.facts import Hole
    from fieldstation.journal import Account, Reader

MOST_HOLES = 50_000  # as many as a journal keeps
EPOCH = date(1970, 1, 1)


def holes(
    config: ConfigFile = SITE,
    instrument: Annotated[str, typer.Option(help="Only this instrument.")] = "",
    since: Since = "",
    until: Until = "",
    as_json: AsJson = False,
) -> None:
    """What is missing: when, how many readings, and why; with --json one line each."""
    start, end = moment(since, -(2**62)), moment(until, 2**62)
    if start >= end:
        raise BadRequest(f"--since {since} is not before --until {until or 'now'}")
    with _opened(config, instrument) as journal:
        found = journal.holes(MOST_HOLES)
    found = [
        hole
        for hole in sorted(found, key=lambda hole: (hole.first_utc_us, hole.instrument))
        if instrument in ("", hole.instrument)
        and hole.first_utc_us < end
        and hole.last_utc_us >= start
    ]
    if as_json:
        for hole in found:
            emit_json(_hole_json(hole))
    elif found:
        header = ("instrument", "cause", "from", "until", "readings", "state")
        emit_table(header, map(_hole_row, found))
    else:
        print("nothing is missing", file=sys.stderr)


def _hole_row(hole: Hole) -> tuple[str, ...]:
    name = f"{hole.instrument}/{hole.layout}" if hole.layout else hole.instrument
    state = "OPEN" if hole.open else hole.state.value
    span = (time_text(hole.first_utc_us), time_text(hole.last_utc_us))
    return (name, hole.cause, *span, str(hole.count), state)


def _hole_json(hole: Hole) -> dict[str, Any]:
    return {
        "instrument": hole.instrument,
        "layout": hole.layout,
        "cause": hole.cause,
        "first": time_text(hole.first_utc_us),
        "last": time_text(hole.last_utc_us),
        "readings": hole.count,
        "state": hole.state.value,
        "run": hole.boot.hex(),
    }


def ledger(
    config: ConfigFile = SITE,
    days: Annotated[int, typer.Option(min=1, max=36_500, help="How many days back.")] = 7,
    sink: Annotated[str, typer.Option(help="Whose readings.")] = "hub",
    as_json: AsJson = False,
) -> None:
    """Where every due reading is, for each instrument and UTC day; with --json one line each."""
    today = (datetime.now(UTC).date() - EPOCH).days
    with _opened(config) as journal:
        accounts = journal.ledger(sink, today - days + 1, today)
    if as_json:
        for account in accounts:
            emit_json(_account_json(account))
        return
    header = (
        "day", "instrument", "due", "taken", "stored", "sent", "settled", "refused", "waiting",
        "missed",
    )  # fmt: skip
    emit_table(header, map(_account_row, accounts))
    wrong = [account for account in accounts if not account.adds_up]
    for account in wrong:
        text = f"{account.instrument} on {_day(account.day)} does not add up"
        print(f"{text}: run 'fieldstation journal check'", file=sys.stderr)
    if accounts and not wrong:
        print("\nIt adds up.", file=sys.stderr)
    if not accounts:
        print("nothing was due on these days", file=sys.stderr)


def _account_row(account: Account) -> tuple[str, ...]:
    counts = (
        account.due, account.taken, account.stored, account.forwarded, account.settled,
        account.refused, account.waiting,
    )  # fmt: skip
    failed = ", ".join(f"{cause} {count}" for cause, count in sorted(account.failed.items()))
    return (_day(account.day), account.instrument, *map(str, counts), failed or "-")


def _account_json(account: Account) -> dict[str, Any]:
    return {
        "day": _day(account.day),
        "instrument": account.instrument,
        "due": account.due,
        "taken": account.taken,
        "failed": dict(account.failed),
        "stored": account.stored,
        "forwarded": account.forwarded,
        "settled": account.settled,
        "refused": account.refused,
        "waiting": account.waiting,
        "adds_up": account.adds_up,
    }


def _day(day: int) -> str:
    return (EPOCH + timedelta(days=day)).isoformat()


@contextmanager
def _opened(config: Path, instrument: str = "") -> Iterator[Reader]:
    """The journal of a configuration, which has the `instrument` if one is named."""
    from fieldstation.journal import Reader
    from fieldstation.station.config import load_config

    loaded = load_config(config)
    # A node behind a broker is named "broker.node" and stands in no configuration.
    if instrument and "." not in instrument:
        instrument_of(loaded, instrument)
    journal = Reader(loaded.station.data / "journal.sqlite3")
    try:
        yield journal
    finally:
        journal.close()
