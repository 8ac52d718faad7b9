from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fieldstation.batch.model import Announcement
from fieldstation.errors import StoreFull, StoreUnavailable
from fieldstation.journal import Journal, Reader, open_journal
from fieldstation.model import Channel, Kind, Layout, Trust, Value

from .conftest import LAYOUT, NOW_US, VALUES, reading


def test_readings_come_back_as_they_were_in_the_order_given(journal: Journal) -> None:
    kept = journal.append([reading(0), reading(1, trust=Trust.UNSYNCED), reading(2)])

    assert [one.sequence for one in kept] == [1, 2, 3]
    assert journal.after(0, 10) == kept
    assert journal.after(1, 1) == kept[1:2]
    assert journal.recent(2) == [kept[2], kept[1]]
    assert journal.recent(5, "nobody") == []


value = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)


@given(values=st.tuples(value, value, value, value, value))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_value_comes_back_with_its_type(journal: Journal, values: tuple[Value, ...]) -> None:
    kept = journal.append([reading(values=values)])[0]

    back = journal.after(kept.sequence - 1, 1)[0].reading.values
    assert [(type(v), repr(v)) for v in back] == [(type(v), repr(v)) for v in values]


def test_a_reading_that_is_no_number_is_refused_and_nothing_is_kept(journal: Journal) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        journal.append([reading(), reading(values=(float("nan"), 1, True, "L", ""))])

    assert journal.last == 0
    assert journal.append([reading()])[0].sequence == 1


def test_no_readings_asked_for_are_none_given(journal: Journal) -> None:
    assert journal.after(0, 0) == journal.recent(0) == []
    journal.append([reading(), reading()])
    assert journal.after(0, 0) == journal.after(1, 0) == journal.recent(0) == []


def test_sequences_go_on_after_a_restart_and_after_everything_was_pruned(
    opened: Callable[..., Journal],
) -> None:
    first = opened()
    first.append([reading(index) for index in range(5)])
    gone = first.prune([], now=reading(10_000).instant, keep_us=1, keep_bytes=10**9)
    first.close()

    second = opened()
    assert gone == 5
    assert second.after(0, 10) == []
    assert second.append([reading()])[0].sequence == 6


def test_one_transaction_holds_several_works_or_none(journal: Journal) -> None:
    def works() -> None:
        journal.append([reading()])
        journal.quarantine("hub", 1, 1, "x", "y")
        raise KeyError("stop")

    with pytest.raises(KeyError):
        journal.transact(works)

    assert journal.last == 0
    assert journal.cursor("hub").settled == 0
    assert journal.quarantined() == []


def test_a_full_store_accepts_nothing_and_goes_on_when_there_is_room(
    opened: Callable[..., Journal],
) -> None:
    journal = opened(most_bytes=100_000)

    def fill() -> None:
        for index in range(5000):
            journal.append([reading(index)])

    with pytest.raises(StoreFull, match="free disk space"):
        fill()
    count = journal.last
    assert 100 < count < 5000
    journal.close()

    larger = opened(most_bytes=200_000)
    assert larger.append([reading()])[0].sequence == count + 1
    assert len(larger.after(0, 10_000)) == count + 1


def test_a_locked_journal_says_that_another_program_has_it(journal: Journal, path: Path) -> None:
    journal._db.execute("PRAGMA busy_timeout=10")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreUnavailable, match="locked by another program"):
        journal.append([reading()])

    other.execute("ROLLBACK")
    other.close()
    assert journal.append([reading()])[0].sequence == 1


def test_a_journal_of_a_newer_program_is_left_alone(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version=99")
    db.close()

    with pytest.raises(StoreUnavailable, match="update fieldstation"):
        open_journal(path, utc_us=lambda: NOW_US)


def test_a_second_program_reads_while_the_station_writes(journal: Journal, path: Path) -> None:
    journal.append([reading(0)])
    reader = Reader(path)
    other = Layout("axpert", "ratings", (Channel("power", Kind.INTEGER, "W"),))
    kept = journal.append([reading(1), reading(2, layout=other, values=(5,))])

    assert reader.after(1, 10) == kept
    assert reader.last == 3
    assert reader.quarantined() == []
    reader.close()


def test_a_reader_without_a_journal_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="has the station run"):
        Reader(tmp_path / "none.sqlite3")


def test_ordinary_tools_see_typed_columns(journal: Journal, path: Path) -> None:
    renamed = Layout("axpert", "status", (Channel("utc", Kind.NUMBER, "h"),))
    journal.append([reading(0), reading(1, values=(None,) * 5)])
    journal.append([reading(2, layout=renamed, values=(3.5,))])
    db = sqlite3.connect(path)

    cursor = db.execute("SELECT * FROM axpert_status ORDER BY sequence")
    assert [column[0] for column in cursor.description] == [
        "sequence", "instrument", "utc", "utc_us", "clock", *LAYOUT.names,
    ]  # fmt: skip
    assert cursor.fetchall() == [
        (1, "inverter", "2023-11-14T22:13:20.000Z", NOW_US, "synced", 231.5, 7, 1, "L", VALUES[4]),
        (2, "inverter", "2023-11-14T22:13:21.000Z", NOW_US + 10**6, "synced", *[None] * 5),
    ]
    types = "SELECT typeof(voltage), typeof(count), typeof(note) FROM axpert_status LIMIT 1"
    assert db.execute(types).fetchall() == [("real", "integer", "text")]
    query = f'SELECT utc_value FROM "axpert_status_{renamed.id}"'  # noqa: S608 - an id is hex
    later = db.execute(query).fetchall()
    assert later == [(3.5,)]
    db.close()


def test_what_is_told_about_a_stream_is_remembered_and_can_change(
    opened: Callable[..., Journal],
) -> None:
    journal = opened()
    relabelled = Layout("axpert", "status", (*LAYOUT.channels[:-1], Channel("note", Kind.TEXT)))
    journal.append([reading()])
    journal.announce([Announcement("inverter", relabelled, 10_000_000, "9293", "King")])
    journal.close()

    told = opened().announcements["inverter", LAYOUT.id]
    assert (told.every_us, told.serial, told.model) == (10_000_000, "9293", "King")


FAULT = sqlite3.OperationalError("disk I/O error")
FAULT.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC


class FailingDisk:
    """A connection whose next COMMITs fail, before or after they reached the file."""

    def __init__(self, db: sqlite3.Connection, *, reached: bool) -> None:
        self.db, self.reached = db, reached

    def __getattr__(self, name: str) -> object:
        return getattr(self.db, name)

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql == "COMMIT":
            self.db.execute("COMMIT" if self.reached else "ROLLBACK")
            raise FAULT
        return self.db.execute(sql, *values)


@pytest.mark.parametrize("reached", [False, True])
def test_after_a_failed_sync_a_new_connection_decides_what_is_kept(
    journal: Journal, reached: bool
) -> None:
    journal.append([reading(0)])
    broken = FailingDisk(journal._db, reached=reached)
    journal._db = broken  # type: ignore[assignment]

    kept = journal.append([reading(1), reading(2)])

    assert journal._db is not broken  # type: ignore[comparison-overlap]
    assert [one.sequence for one in kept] == [2, 3]
    assert journal.after(1, 10) == kept


def test_a_disk_that_fails_twice_is_reported_and_nothing_is_accepted(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reopen() -> sqlite3.Connection:
        return FailingDisk(real(), reached=False)  # type: ignore[return-value]

    real = journal._open
    monkeypatch.setattr(journal, "_open", reopen)
    journal._reopen(({}, {}))
    with pytest.raises(StoreUnavailable, match="check the disk"):
        journal.append([reading()])

    monkeypatch.undo()
    journal._reopen(({}, {}))
    assert journal.last == 0
    assert journal.append([reading()])[0].sequence == 1


WRITER = """
import sys
sys.path[:0] = [{tests!r}]
from pathlib import Path
from typing import Any
from fieldstation.journal import open_journal
from conftest import reading
journal, _ = open_journal(Path({path!r}), utc_us=lambda: 1)
for index in range(10_000):
    for kept in journal.append([reading(index)] * (1 + index % 3)):
        print(kept.sequence, flush=True)
"""


@pytest.mark.slow
def test_nothing_accepted_is_lost_when_the_writer_is_killed(path: Path) -> None:
    chance = random.Random(os.environ.get("PYTEST_XDIST_WORKER", "0"))
    code = WRITER.format(tests=str(Path(__file__).parent), path=str(path))
    newest = 0
    for _ in range(8):
        writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        for _ in range(chance.randrange(1, 400)):
            newest = int(writer.stdout.readline())
        writer.kill()
        rest = writer.stdout.read().split("\n")[:-1]
        writer.stdout.close()
        writer.wait()
        newest = int(rest[-1]) if rest else newest

        reader = Reader(path)
        numbers = [kept.sequence for kept in reader.after(0, 10**6)]
        reader.close()
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= newest
