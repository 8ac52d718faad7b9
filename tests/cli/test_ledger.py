"""`fieldstation holes` and `fieldstation ledger` beside a journal that is open for writing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fieldstation.batch.facts import Hole, State
from fieldstation.cli.app import app
from fieldstation.journal import Journal, open_journal
from fieldstation.model import Channel, Instant, Kind, Layout, Reading, Trust

BOOT = b"b" * 16
NOW_US = time.time_ns() // 1000
HOUR_US = 3_600_000_000
LAYOUT = Layout("axpert", "status", (Channel("voltage", Kind.NUMBER, "V"),))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    file = tmp_path / "site.toml"
    file.write_text(
        f'[station]\nname = "s"\ndata = "{tmp_path}"\n'
        '[instrument.inverter]\nkind = "axpert"\nport = "/dev/ttyUSB0"\n'
    )
    return file


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal, _ = open_journal(tmp_path / "journal.sqlite3", utc_us=lambda: NOW_US)
    yield journal
    journal.close()


def _run(*words: str, site: Path) -> str:
    done = CliRunner().invoke(app, [*words, "--config", str(site)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def _hole(number: int, hours_ago: int, state: State = State.LOST) -> Hole:
    start = NOW_US - hours_ago * HOUR_US
    return Hole(number, "inverter", "", "silent", BOOT, start, start, 7, state)


def test_holes_are_listed_with_cause_and_state(journal: Journal, site: Path) -> None:
    assert "nothing is missing" in _run("holes", site=site)
    journal.write_hole(_hole(2, 1, State.OPEN))
    journal.write_hole(_hole(1, 50))

    lines = _run("holes", site=site).splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["inverter", "silent"]] * 2
    assert [line.split()[-2:] for line in lines[1:]] == [["7", "lost"], ["7", "OPEN"]]
    recent = _run("holes", "--since", "2d", "--instrument", "inverter", "--json", site=site)
    (row,) = map(json.loads, recent.splitlines())
    assert (row["cause"], row["readings"], row["state"]) == ("silent", 7, "open")


def test_the_ledger_says_where_readings_are_and_that_it_adds_up(
    journal: Journal, site: Path
) -> None:
    assert "nothing was due" in _run("ledger", site=site)
    instant = Instant(NOW_US, 5, BOOT, Trust.SYNCED)
    journal.append([Reading("inverter", LAYOUT, instant, (1.5,))] * 4)
    journal.settle("hub", 1, 3)
    journal.flush()
    journal.write_hole(_hole(1, 0))

    shown = _run("ledger", "--days", "2", site=site)
    assert "silent 7" in shown
    assert "It adds up." in shown
    row = json.loads(_run("ledger", "--days", "2", "--json", site=site))
    assert (row["due"], row["stored"], row["settled"], row["waiting"]) == (11, 4, 3, 1)
    assert row["adds_up"] is True

    journal.count_in(BOOT, "inverter", NOW_US // 86_400_000_000, 1)
    assert "does not add up" in _run("ledger", "--days", "2", site=site)
