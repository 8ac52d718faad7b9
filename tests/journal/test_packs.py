"""Readings that wait for long, as packs: the same readings to everybody."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldstation.batch import decode
from fieldstation.batch.packed import encode_packed
from fieldstation.errors import StoreDamaged
from fieldstation.journal import Journal, Reader, open_journal
from fieldstation.journal.packing import LOOSE
from fieldstation.journal.packs import MOST, USUAL, Sizes
from fieldstation.journal.salvage import Salvage
from fieldstation.model import Kept, Trust, Value

from .conftest import LAYOUT, NOW_US, VALUES, reading

OTHER = b"o" * 16


def _append(journal: Journal, count: int, **facts: object) -> list[Kept]:
    names = ("inverter", "second", "third")
    readings = [reading(n, instrument=names[n % 3], **facts) for n in range(count)]  # type: ignore[arg-type]
    return journal.append(readings)


def _pack_all(journal: Journal, loose: int = 0, sizes: Sizes = USUAL) -> None:
    while journal.pack(["hub"], loose, sizes):
        pass


def _shapes(path: Path) -> tuple[int, list[tuple[int, int]]]:
    """How many rows there are, and the ends of the packs."""
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT count(*) FROM reading").fetchone()[0]
        return rows, db.execute("SELECT first, last FROM pack ORDER BY first").fetchall()


def _plainly(readings: list[Kept]) -> list[tuple[object, ...]]:
    """Told apart: 1 from 1.0 and from true, zero from minus zero."""
    return [
        (k.sequence, k.reading.instrument, k.reading.layout.id, repr(k.reading.instant),
         repr(k.reading.values))
        for k in readings
    ]  # fmt: skip


_ROWS: st.SearchStrategy[tuple[Value, ...]] = st.tuples(
    st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([-0.0, 231.5]),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.booleans(),
    st.none() | st.sampled_from(["L", "B", 7]),
    st.none() | st.text(st.characters(codec="utf-8"), max_size=9),
)
_TAKEN = st.tuples(
    st.integers(0, 10**9), st.booleans(), st.sampled_from(["inverter", "second"]), _ROWS
)


@settings(max_examples=60, deadline=None)
@given(taken=st.lists(_TAKEN, min_size=1, max_size=20))
def test_packed_readings_are_the_same_bit_for_bit(
    taken: list[tuple[int, bool, str, tuple[Value, ...]]],
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal.sqlite3"
        journal, _ = open_journal(path, utc_us=lambda: NOW_US)
        journal.append(
            [
                reading(at, trust=Trust(synced), instrument=name, values=values)
                for at, synced, name, values in taken
            ]
        )
        before = _plainly(journal.after(0, 100)), _plainly(journal.recent(100, "second"))
        accounts = journal.ledger("hub", 0, 999_999)
        _pack_all(journal, sizes=Sizes(1, len(taken)))
        assert _shapes(path) == (0, [(1, len(taken))])
        assert (_plainly(journal.after(0, 100)), _plainly(journal.recent(100, "second"))) == before
        assert journal.ledger("hub", 0, 999_999) == accounts
        assert journal.check().good
        journal.close()
        journal, _ = open_journal(path, utc_us=lambda: NOW_US)
        assert _plainly(journal.after(0, 100)) == before[0]
        assert journal.append([reading()])[0].sequence == len(taken) + 1
        journal.close()


def test_a_station_that_reaches_its_hub_packs_nothing(journal: Journal, path: Path) -> None:
    for _ in range(LOOSE // 1000):
        _append(journal, 1000)
    journal.settle("hub", 1, 900)
    assert not journal.pack(["hub"])
    _append(journal, MOST + 899)
    assert not journal.pack(["hub"])
    assert not journal.pack([])
    assert _shapes(path) == (LOOSE + MOST + 899, [])
    _append(journal, 1)
    assert journal.pack(["hub"])
    assert not journal.pack(["hub"])
    assert _shapes(path) == (LOOSE + 900, [(901, 900 + MOST)])


def test_a_pack_ends_with_its_run(journal: Journal, path: Path) -> None:
    _append(journal, 100)
    _append(journal, MOST + 70, boot=OTHER)
    _pack_all(journal)
    assert _shapes(path) == (70, [(1, 100), (101, 100 + MOST)])
    assert journal.seal("hub", 10_000, packed=True) is not None
    assert {kept.reading.instant.boot for kept in journal.after(100, 10_000)} == {OTHER}


def test_a_pack_is_a_tenth_as_large_as_its_rows(journal: Journal) -> None:
    for _ in range(10):
        _append(journal, 1200)
    before = journal.size_bytes
    _pack_all(journal)
    assert journal.size_bytes < before / 8


def test_a_pack_goes_out_as_the_bytes_that_lie_in_the_journal(journal: Journal, path: Path) -> None:
    kept = _append(journal, 2 * MOST)
    _pack_all(journal)
    with closing(sqlite3.connect(path)) as db:
        bodies = [body for (body,) in db.execute("SELECT body FROM pack ORDER BY first")]
    for number, body in enumerate(bodies, 1):
        sealed = journal.seal("hub", 5000, packed=True)
        assert sealed is not None
        assert sealed.packed is not None
        assert sealed.packed.body == body
        assert (sealed.count, sealed.kept, sealed.unsynced) == (MOST, (), False)
        assert journal.seal("hub", 1, packed=True) == sealed
        batch = decode(encode_packed(sealed.packed), {LAYOUT.id: LAYOUT})
        assert batch.number == sealed.number == number
        assert list(batch.readings) == kept[sealed.first - 1 : sealed.last]
        again = journal.seal("hub", 1)
        assert again is not None
        assert again.kept == batch.readings
        journal.settle("hub", sealed.first, sealed.last)
    assert journal.seal("hub", 5000, packed=True) is None


def test_a_pack_that_the_sink_has_in_part_is_sliced(journal: Journal) -> None:
    kept = _append(journal, 2 * MOST + 50)
    _pack_all(journal)
    journal.settle("hub", 1, 10)
    spans = []
    while (sealed := journal.seal("hub", 10_000, packed=True)) is not None:
        spans.append((sealed.first, sealed.last, sealed.packed is not None))
        if sealed.packed is None:
            assert list(sealed.kept) == kept[sealed.first - 1 : sealed.last]
        journal.settle("hub", sealed.first, sealed.last)
    assert spans == [
        (11, MOST, False), (MOST + 1, 2 * MOST, True), (2 * MOST + 1, 2 * MOST + 50, False)
    ]  # fmt: skip


def test_readings_that_are_not_ready_wait_in_packs_too(journal: Journal) -> None:
    _append(journal, 2 * MOST, trust=Trust.UNSYNCED)
    _append(journal, 100, boot=OTHER)
    _pack_all(journal)

    def ready(kept: Kept) -> bool:
        return kept.reading.instant.trust is Trust.SYNCED

    sealed = journal.seal("hub", 10_000, ready=ready, packed=True)
    assert sealed is not None
    assert (sealed.first, sealed.last, sealed.boot) == (2 * MOST + 1, 2 * MOST + 100, OTHER)
    journal.settle("hub", sealed.first, sealed.last)
    assert journal.seal("hub", 10_000, ready=ready, packed=True) is None
    sealed = journal.seal("hub", 10_000, ready=lambda kept: True, packed=True)
    assert sealed is not None
    assert sealed.packed is not None
    assert sealed.unsynced


def test_what_a_batch_cannot_say_stays_a_row(journal: Journal, path: Path) -> None:
    long = (*VALUES[:4], "x" * 5000)
    journal.append([reading(n, values=long if n == 300 else VALUES) for n in range(MOST)])
    before = journal.after(0, 10_000)
    _append(journal, MOST)
    _pack_all(journal)
    assert _shapes(path) == (MOST, [(MOST + 1, 2 * MOST)])
    assert journal.after(0, MOST) == before


def test_packs_are_pruned_whole_and_only_when_settled(journal: Journal, path: Path) -> None:
    _append(journal, 3 * MOST)
    _pack_all(journal)
    far = reading(10**9).instant
    journal.settle("hub", 1, 2 * MOST - 1)
    assert journal.prune(["hub"], now=far, keep_us=1, keep_bytes=0) == MOST
    assert _shapes(path) == (0, [(MOST + 1, 2 * MOST), (2 * MOST + 1, 3 * MOST)])
    rows = journal.ledger("hub", 0, 99_999)
    assert sum(row.stored for row in rows) == 3 * MOST
    assert sum(row.waiting for row in rows) == MOST + 1
    assert all(row.adds_up for row in rows)
    journal.settle("hub", 2 * MOST, 3 * MOST)
    assert journal.prune(["hub"], now=far, keep_us=1, keep_bytes=10**9) == 2 * MOST
    assert journal.last == 3 * MOST
    assert journal.append([reading()])[0].sequence == 3 * MOST + 1


def test_the_sink_gets_again_what_it_lost_out_of_packs(journal: Journal) -> None:
    _append(journal, 2 * MOST)
    _pack_all(journal)
    journal.settle("hub", 1, 2 * MOST)
    assert journal.resend("hub", bytes(range(16)), 100, MOST + 20)
    assert journal.unsettled("hub") == [(100, MOST + 20)]
    assert not journal.resend("hub", OTHER, 1, 50)
    assert journal.settled_spans("hub", 9) == [
        (bytes(range(16)), MOST + 21, 2 * MOST), (bytes(range(16)), 1, 99)
    ]  # fmt: skip


def test_a_reader_beside_the_station_sees_packs(journal: Journal, path: Path) -> None:
    kept = _append(journal, MOST + 100)
    journal.pack(["hub"], 0)
    with closing(Reader(path)) as reader:
        assert reader.after(0, 10_000) == kept
        assert (
            reader.recent(5, "third")
            == [one for one in reversed(kept) if one.reading.instrument == "third"][:5]
        )
        assert len(reader.recent(10_000, "third")) == (MOST + 100) // 3
        assert reader.last == MOST + 100
        assert reader.check().rows == MOST + 100


def test_a_flipped_bit_in_a_pack_costs_this_pack_only(
    opened: Callable[..., Journal], path: Path
) -> None:
    journal = opened()
    kept = _append(journal, 3 * MOST)
    _pack_all(journal)
    body = journal._db.execute("SELECT body FROM pack WHERE first = ?", (MOST + 1,)).fetchone()[0]
    wrong = bytearray(body)
    wrong[len(wrong) // 2] ^= 4
    journal._db.execute("UPDATE pack SET body = ? WHERE first = ?", (bytes(wrong), MOST + 1))

    assert journal.after(0, 10_000) == kept[:MOST] + kept[2 * MOST :]
    assert [(q.first, q.last, q.code) for q in journal.quarantined()] == [
        (MOST + 1, 2 * MOST, "damaged")
    ]
    holes = journal.holes()
    assert {hole.cause for hole in holes} == {"damaged"}
    assert sorted((hole.instrument, hole.count) for hole in holes) == [
        ("inverter", 200), ("second", 200), ("third", 200)
    ]  # fmt: skip
    lost = {hole.instrument: (hole.first_utc_us, hole.last_utc_us) for hole in holes}
    of_second = [
        k.reading.instant.utc_us
        for k in kept[MOST : 2 * MOST]
        if k.reading.instrument == "second"
    ]  # fmt: skip
    assert lost["second"] == (of_second[0], of_second[-1])
    rows = journal.ledger("hub", 0, 99_999)
    assert all(row.adds_up for row in rows)
    assert sum(row.stored for row in rows) == 2 * MOST
    assert sum(row.failed.get("damaged", 0) for row in rows) == MOST
    assert journal.check().damaged == tuple(range(MOST + 1, 2 * MOST + 1))
    spans = []
    while (sealed := journal.seal("hub", 10_000, packed=True)) is not None:
        spans += [sealed.first, sealed.last] if sealed.count else []
        journal.settle("hub", sealed.first, sealed.last)
    assert spans == [1, MOST, 2 * MOST + 1, 3 * MOST]
    assert journal.unsettled("hub") == []


@pytest.mark.parametrize("place", [1, 2, 3])
@pytest.mark.parametrize("last", ["last", "7000000000", "0"])
def test_a_pack_of_which_nothing_is_left_becomes_holes(
    journal: Journal, place: int, last: str
) -> None:
    kept = _append(journal, 3 * MOST + 30)
    _pack_all(journal, loose=30)
    first = (place - 1) * MOST + 1
    journal._db.execute(
        f"UPDATE pack SET body = x'00', outline = '[1,[]]', last = {last} WHERE first = ?",  # noqa: S608
        (first,),
    )
    numbers = range(first, first + MOST)
    rest = [one for one in kept if one.sequence not in numbers]
    assert journal.after(0, 10_000) == rest
    holes = journal.holes()
    assert {(hole.cause, hole.boot) for hole in holes} == {
        ("damaged", rest[0].reading.instant.boot)
    }
    assert sorted((hole.instrument, hole.count) for hole in holes) == [
        ("inverter", 200), ("second", 200), ("third", 200)
    ]  # fmt: skip
    times = [one.reading.instant.utc_us for one in rest]
    for hole in holes:
        assert [at for at in times if hole.first_utc_us < at < hole.last_utc_us] == []
        assert place == 1 or hole.first_utc_us > kept[first - 2].reading.instant.utc_us
        assert hole.last_utc_us <= kept[first + MOST - 1].reading.instant.utc_us
    rows = journal.ledger("hub", 0, 99_999)
    assert all(row.adds_up for row in rows)
    assert sum(row.stored for row in rows) == len(rest)
    assert sum(row.failed.get("damaged", 0) for row in rows) == MOST
    assert journal.check().damaged == tuple(numbers)
    assert journal.holes() == holes


def test_two_packs_of_which_nothing_is_left_become_holes(journal: Journal) -> None:
    _append(journal, 3 * MOST + 30)
    _pack_all(journal, loose=30)
    journal._db.execute(
        "UPDATE pack SET body = x'00', outline = '[1,[]]' WHERE first IN (1, ?)", (MOST + 1,)
    )
    assert [one.sequence for one in journal.after(0, 1200)] == []
    assert len(journal.after(1200, 10_000)) == MOST + 30
    assert sum(hole.count for hole in journal.holes()) == 2 * MOST


def test_a_damaged_outline_costs_no_reading(journal: Journal) -> None:
    kept = _append(journal, 2 * MOST)
    _pack_all(journal)
    accounts = journal.ledger("hub", 0, 99_999)
    journal._db.execute("UPDATE pack SET outline = '[1,[]]' WHERE first = 1")
    journal._db.execute("UPDATE pack SET last = 7, boot = 99 WHERE first = ?", (MOST + 1,))
    assert journal.after(0, 10_000) == kept
    assert journal.ledger("hub", 0, 99_999) == accounts
    assert journal.check().notes == ("pack 1", f"pack {MOST + 1}")
    assert journal.holes() == []


@pytest.mark.slow
def test_no_flipped_bit_of_a_packed_file_yields_a_wrong_reading(path: Path, tmp_path: Path) -> None:
    journal, _ = open_journal(path, utc_us=lambda: NOW_US)
    good = {kept.sequence: kept for kept in _append(journal, 2 * MOST)}
    _pack_all(journal)
    journal._db.execute("VACUUM")  # no page is free
    journal.close()
    pristine, chance, lost, copy = path.read_bytes(), random.Random(9), 0, tmp_path / "flipped"
    for _ in range(300):
        flipped = bytearray(pristine)
        place = chance.randrange(8 * len(flipped))
        flipped[place // 8] ^= 1 << place % 8
        copy.write_bytes(flipped)
        try:
            with closing(Reader(copy)) as reader:
                found = reader.after(0, 10_000)
        except StoreDamaged:
            lost += 1
            continue
        assert all(good[kept.sequence] == kept for kept in found)
        lost += len(found) < len(good)
    assert lost > 30


def test_packs_are_salvaged_from_a_file_without_its_first_page(path: Path) -> None:
    journal, _ = open_journal(path, utc_us=lambda: NOW_US)
    kept = _append(journal, MOST + 100)
    journal.pack(["hub"], 0)
    journal.close()
    data = path.read_bytes()
    path.write_bytes(bytes(1024) + data[1024:])
    found = [one for step in Salvage(path).steps() for one in step]
    assert sorted(found, key=lambda one: one.sequence) == kept


_PACKER = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from fieldstation.journal import open_journal
from conftest import NOW_US, reading
journal, _ = open_journal(Path({path!r}), utc_us=lambda: NOW_US)
print("ready", flush=True)
while True:
    journal.append([reading(n) for n in range(80)])
    while journal.pack(["hub"], 100):
        print(journal.last, flush=True)
"""


@pytest.mark.slow
def test_a_kill_while_packing_leaves_rows_or_the_pack(path: Path) -> None:
    chance = random.Random(os.environ.get("PYTEST_XDIST_WORKER", "0"))
    code = _PACKER.format(tests=str(Path(__file__).parent), path=str(path))
    for _ in range(6):
        packer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert packer.stdout is not None
        for _ in range(chance.randrange(1, 12)):
            packer.stdout.readline()
        packer.kill()
        packer.stdout.close()
        packer.wait()
        with closing(Reader(path)) as reader:
            numbers = [kept.sequence for kept in reader.after(0, 10**6)]
            assert numbers == list(range(1, len(numbers) + 1))
            assert reader.check().good
            assert sum(row.stored for row in reader.ledger("hub", 0, 99_999)) == len(numbers)
        rows, packs = _shapes(path)
        assert rows + sum(last - first + 1 for first, last in packs) == len(numbers)
    assert packs


def test_readings_of_a_pack_may_be_refused_one_by_one(journal: Journal) -> None:
    _append(journal, MOST)
    _pack_all(journal)
    sealed = journal.seal("hub", 10_000, packed=True)
    assert sealed is not None
    shorter = journal.shorten("hub", 1)
    assert shorter is not None
    assert [kept.sequence for kept in shorter.kept] == [1]
    journal.quarantine("hub", 1, 1, "refused", "never")
    rest = journal.seal("hub", 10_000, packed=True)
    assert rest is not None
    assert [kept.sequence for kept in rest.kept] == list(range(2, MOST + 1))
    assert sum(row.refused for row in journal.ledger("hub", 0, 99_999)) == 1
