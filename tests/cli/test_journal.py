from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fieldstation.cli.app import app
from fieldstation.errors import NotFound, StoreDamaged, StoreUnavailable
from fieldstation.journal import Reader, open_journal

GOLDEN = Path(__file__).parents[1] / "journal" / "form1.sqlite3"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    file = tmp_path / "site.toml"
    instrument = '[instrument.inverter]\nkind = "axpert"\nport = "tcp://127.0.0.1:1"\n'
    file.write_text(f'[station]\nname = "hut"\ndata = "{tmp_path}"\n{instrument}')
    return file


def _run(*words: str) -> str:
    result = CliRunner().invoke(app, ["journal", *words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def _journal(site: Path) -> Path:
    path = site.parent / "journal.sqlite3"
    shutil.copy(GOLDEN, path)
    journal, _ = open_journal(path, utc_us=lambda: 1_700_000_000_000_000)
    journal.close()
    return path


def test_check_counts_what_is_intact_and_says_what_is_not(site: Path) -> None:
    _journal(site)
    with pytest.raises(StoreDamaged, match=r"1 rows do not fit their digests, 0 faults"):
        _run("check", "--config", str(site))


def test_salvage_brings_back_what_was_put_aside(site: Path) -> None:
    path = _journal(site)
    path.write_bytes(bytes(1024) + path.read_bytes()[1024:])
    open_journal(path, utc_us=lambda: 1_700_000_000_000_000)[0].close()
    assert "119 readings of 120 were salvaged" in _run("salvage", "--config", str(site))
    reader = Reader(path)
    assert len(reader.after(0, 1000)) == 119
    reader.close()
    assert "nothing was put aside" in _run("salvage", "--config", str(site))


def test_back_restores_the_older_form_and_says_what_it_lacks(site: Path) -> None:
    _journal(site)
    assert "is the journal again; it lacks no reading" in _run("back", "--config", str(site))
    with pytest.raises(StoreUnavailable, match="older form 1"):
        Reader(site.parent / "journal.sqlite3")


def test_nothing_is_changed_under_a_running_station(site: Path) -> None:
    _journal(site)
    handle = os.open(site.parent / "station.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        for word in ("salvage", "back"):
            with pytest.raises(StoreUnavailable, match="a station works in"):
                _run(word, "--config", str(site))
    finally:
        os.close(handle)


def test_a_file_that_is_not_there_is_no_journal_to_salvage(site: Path) -> None:
    with pytest.raises(NotFound, match="there is no file"):
        _run("salvage", str(site.parent / "nothing"), "--config", str(site))
