"""Bringing the old site's database over, by the command, in a process of its own."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fieldstation.errors import BadRequest
from fieldstation.hub.greenhouse.olddatabase import OldDatabase

START = "2019-10-31 10:00:00.123456"
BMS = {"Battery Charge": {"battery charge": 1}}
TRISTAR = {"ADC data": {"battery voltage": 12.5}}
DAILY = {"Daily Logger Values": {"time_ab_daily": 5}}

LOOK = """
import json, sys
from pathlib import Path
from fieldstation.hub import run
run.setup(Path(sys.argv[1]))
from fieldstation.hub.accounts.models import User
from fieldstation.hub.greenhouse.models import DoubtfulTime, OldSensor
from fieldstation.hub.sensors.models import Document, Sensor
from fieldstation.series.embedded import EmbeddedStore
store = EmbeddedStore(Path(sys.argv[1]) / "series.sqlite3")
print(json.dumps({
    "users": {u.username: u.has_usable_password() for u in User.objects.all()},
    "sensors": {str(o.number): [o.sensor_id, o.sensor.name, o.public_reading, o.sensor.legacy_posts]
                for o in OldSensor.objects.select_related("sensor")},
    "documents": Document.objects.count(),
    "marked": Document.objects.filter(marked=True).count(),
    "doubtful": DoubtfulTime.objects.count(),
    "readings": sum(entry.readings for entry in store.catalogue()),
}))
store.close()
"""


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    path = tmp_path / "site.db"
    db = sqlite3.connect(path)
    db.executescript(
        """
        CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT, email TEXT, password BLOB);
        CREATE TABLE sensors (id INTEGER PRIMARY KEY, name TEXT, units TEXT, user_id INTEGER);
        CREATE TABLE sensor_data_entry (id INTEGER PRIMARY KEY, date_posted DATETIME,
                                        JSON_content TEXT, sensor_id INTEGER);
        CREATE TABLE json_data_entry (id INTEGER PRIMARY KEY, date_posted DATETIME,
                                      JSON_content TEXT);
        """
    )
    db.executemany(
        "INSERT INTO users VALUES (?, ?, ?, ?)",
        [(1, "admin", "a@example.org", b"$2b$12$x"), (2, "bad@name", "b@example.org", b"")],
    )
    db.executemany(
        "INSERT INTO sensors VALUES (?, ?, ?, ?)",
        [(7, "VEML7700", "lux", 1), (8, "", None, 1), (9, "lost", "", 2)],
    )
    rows = [BMS, TRISTAR, DAILY, BMS, {}, {"other": 1}]
    db.executemany(
        "INSERT INTO json_data_entry VALUES (?, ?, ?)",
        [(n, START, json.dumps(row)) for n, row in enumerate(rows, start=1)]
        + [(90, "2019-11-01 09:00:00", json.dumps(BMS)), (91, "soon", json.dumps(BMS))],
    )
    db.executemany(
        "INSERT INTO sensor_data_entry VALUES (?, ?, ?, ?)",
        [(1, "2019-11-21 23:08:30.5", '{"lux": 122000}', 7), (2, START, "no json", 7),
         (3, "2019-11-21 23:09:30.5", '{"lux": NaN, "a": 1}', 8)],
    )  # fmt: skip
    db.commit()
    db.close()
    return path


def bring(file: Path, data: Path, *more: str, code: int = 0) -> Any:
    command = [sys.executable, "-m", "fieldstation.cli", "import", "greenhouse", str(file)]
    done = subprocess.run(
        [*command, "--data", str(data), "--json", *more],
        capture_output=True, text=True, check=False, env=clean(),
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if code == 0 else done.stderr


def look(data: Path) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(data)], capture_output=True, text=True, check=True,
        env=clean(),
    )  # fmt: skip
    return json.loads(done.stdout)


def clean() -> dict[str, str]:
    return {key: word for key, word in os.environ.items() if not key.startswith("FIELDSTATION")}


@pytest.mark.slow
def test_importing_twice_brings_nothing_twice(old_file: Path, tmp_path: Path) -> None:
    data = tmp_path / "hub"
    planned = bring(old_file, data, "--dry-run")
    assert look(data)["documents"] == 0
    first = bring(old_file, data)
    assert {**planned, "dry_run": False} == first
    assert first["accounts"] == {"brought": 1, "known": 0}
    assert first["sensors"] == {"brought": 2, "known": 0}
    assert first["documents"] == {"brought": 7, "known": 0}
    assert first["doubtful_times"] == 4
    assert first["left_behind"] == 6
    kept = look(data)
    assert kept["users"] == {"admin": False}
    assert kept["sensors"] == {"7": [7, "VEML7700", True, True], "8": [8, "sensor 8", True, True]}
    assert (kept["documents"], kept["marked"], kept["doubtful"]) == (7, 7, 3)
    assert kept["readings"] == 7
    second = bring(old_file, data)
    assert second["documents"] == {"brought": 0, "known": 7}
    assert second["accounts"] == {"brought": 0, "known": 1}
    assert look(data) == kept


@pytest.mark.slow
def test_what_is_no_old_site_is_refused_with_a_sentence(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    other.write_bytes(b"not a database" * 100)
    assert "cannot be read" in bring(other, tmp_path / "hub", code=2)


def test_an_empty_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    sqlite3.connect(path).close()
    with pytest.raises(BadRequest, match="not a database of the old greenhouse site"):
        OldDatabase(path)
    with pytest.raises(BadRequest, match="is no file"):
        OldDatabase(tmp_path / "nowhere.db")


def test_a_view_is_not_read_as_a_table(tmp_path: Path) -> None:
    path = tmp_path / "view.db"
    db = sqlite3.connect(path)
    db.execute("CREATE VIEW json_data_entry AS SELECT 1 id, 2 date_posted, 3 JSON_content")
    db.close()
    with pytest.raises(BadRequest, match="not a database"):
        OldDatabase(path)


def test_a_cell_beyond_the_limit_ends_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "big.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE json_data_entry (id, date_posted, JSON_content)")
    db.execute("INSERT INTO json_data_entry VALUES (1, ?, zeroblob(5000000))", (START,))
    db.commit()
    db.close()
    with OldDatabase(path) as old, pytest.raises(BadRequest, match="cannot be read"):
        list(old.rows())


def test_strange_names_and_cells_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "strange.db"
    db = sqlite3.connect(path)
    db.execute('CREATE TABLE "a""; DROP TABLE x; --" (id, date_posted, JSON_content, sensor_id)')
    db.execute('INSERT INTO "a""; DROP TABLE x; --" VALUES (NULL, 5, 7.5, "x")')
    db.commit()
    db.close()
    with OldDatabase(path) as old:
        (row,) = old.rows()
    assert (row.date, row.body, row.sensor) == ("", b"", None)
