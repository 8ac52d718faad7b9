"""Rows of old batches: each is stored once, whatever comes again, in whatever order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fieldstation.errors import StoreFull
from fieldstation.series.embedded import EmbeddedStore

MINUTE_US = 60_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    one = EmbeddedStore(tmp_path / "series.sqlite3", background=False)
    yield one
    one.close()


@pytest.fixture
def file(gateway: Any, store: EmbeddedStore, tmp_path: Path, old: Any) -> Callable[..., Any]:
    """Store the rows of a table, as the desk does."""
    from fieldstation.hub.legacy.filing import Filing
    from fieldstation.hub.legacy.zipped import look_through

    def filed(rows: Sequence[str], zone: Any = UTC, **options: Any) -> Any:
        path = tmp_path / "batch.zip"
        path.write_bytes(old.zipped(old.table(rows)))
        return Filing(store, gateway.id, zone, **options).file(look_through(path))

    return filed


def counts(count: Any) -> tuple[int, int, int, int]:
    """New, known, differing, refused."""
    from fieldstation.hub.legacy.tables import Verdict

    of = count.rows
    return of[Verdict.NEW], of[Verdict.KNOWN], of[Verdict.DIFFERING], count.refused


def test_rows_of_one_minute_keep_the_order_of_their_numbers(
    file: Any, store: Any, gateway: Any, old: Any
) -> None:
    rows = [old.row(number, "2021-01-14 15:45", number) for number in (3, 1, 2)]
    assert counts(file(rows)) == (3, 0, 0, 0)
    file([*rows, old.row(4, "2021-01-14 15:45", 4), old.row(5, "2021-01-14 15:46", 5)])
    found = old.stored(store, gateway.id)
    assert [row["number"] for row in found] == [1, 2, 3, 4, 5]
    first = found[0]["utc_us"]
    assert first % MINUTE_US == 0
    assert [row["utc_us"] - first for row in found] == [0, 1, 2, 3, MINUTE_US]
    assert {row["stamp"] for row in found[:4]} == {"2021-01-14 15:45"}


def test_minutes_go_on_across_rounds(
    file: Any, store: Any, gateway: Any, old: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldstation.hub.legacy import filing

    monkeypatch.setattr(filing, "ROWS_AT_ONCE", 2)
    rows = [old.row(number, "2021-01-14 15:45", number) for number in range(1, 8)]
    assert counts(file(rows)) == (7, 0, 0, 0)
    found = old.stored(store, gateway.id)
    assert [row["utc_us"] - found[0]["utc_us"] for row in found] == list(range(7))


def test_a_database_made_anew_is_told_by_its_times(
    file: Any, store: Any, gateway: Any, old: Any
) -> None:
    before = [old.row(number, f"2021-01-14 15:{number:02}", 1) for number in range(1, 6)]
    anew = [old.row(number, f"2021-02-01 09:{number:02}", 2) for number in range(1, 9)]
    assert counts(file(before)) == (5, 0, 0, 0)
    assert counts(file(anew[:3])) == (3, 0, 0, 0)
    assert counts(file(anew)) == (5, 3, 0, 0)
    assert counts(file(before)) == (0, 5, 0, 0)
    found = old.stored(store, gateway.id)
    assert [row["number"] for row in found] == [1, 2, 3, 4, 5, *range(1, 9)]
    assert [row["temperature"] for row in found] == [1] * 5 + [2] * 8


def test_other_values_under_the_same_identity_are_counted_and_the_first_kept(
    file: Any, store: Any, gateway: Any, old: Any
) -> None:
    file([old.row(1, "2021-01-14 15:40", 20.0)])
    count = file([old.row(1, "2021-01-14 15:40", 21.0), old.row(2, "2021-01-14 15:41", 21.0)])
    assert counts(count) == (1, 0, 1, 0)
    assert "row 1 was stored before with other values" in count.reason
    assert [row["temperature"] for row in old.stored(store, gateway.id)] == [20.0, 21.0]


def test_a_bad_row_is_counted_and_the_others_stored(file: Any, old: Any) -> None:
    rows = [
        old.row(1, "2021-01-14 15:40"), "x" + old.row(2, "2021-01-14 15:41"),
        old.row(3, "tomorrow"), old.row(4, "2021-01-14 15:43")[:40], old.row(5, "2021-01-14 15:44"),
    ]  # fmt: skip
    count = file(rows)
    assert counts(count) == (2, 0, 0, 3)
    assert "no number of a reading" in count.reason


def test_rows_that_came_late_into_a_gap_are_stored(
    file: Any, store: Any, gateway: Any, old: Any
) -> None:
    rows = {number: old.row(number, f"2021-01-14 15:{number:02}") for number in range(1, 8)}
    assert counts(file([rows[1], rows[2], rows[5], rows[7]])) == (4, 0, 0, 0)
    assert counts(file(list(rows.values()))) == (3, 4, 0, 0)
    assert [row["number"] for row in old.stored(store, gateway.id)] == list(rows)


def test_every_gadget_of_a_table_is_an_instrument(
    file: Any, store: Any, gateway: Any, old: Any
) -> None:
    rows = [
        old.row(number, "2021-01-14 15:40", gadget=gadget)
        for number, gadget in enumerate(["A", "B/1", "None", "x" * 90])
    ]
    assert counts(file(rows, gadget="told")) == (4, 0, 0, 0)
    names = [entry.name for entry in store.catalogue(gateway.id)]
    assert {"A", "B/1", "told"} <= set(names)
    assert max(map(len, names)) == 63


def test_the_end_of_the_hub_waits_for_one_round_only(file: Any, store: Any, old: Any) -> None:
    from fieldstation.hub.legacy.filing import Interrupted

    with pytest.raises(Interrupted):
        file([old.row(1, "2021-01-14 15:40")], ending=lambda: True)
    assert store.catalogue() == []


@pytest.mark.slow
def test_a_crowd_of_gadgets_is_refused(file: Any, old: Any) -> None:
    from fieldstation.hub.legacy.filing import MOST_GADGETS

    rows = [old.row(1, "2021-01-14 15:40", gadget=f"g{at}") for at in range(MOST_GADGETS + 3)]
    assert counts(file(rows)) == (MOST_GADGETS, 0, 0, 3)


def test_a_doubtful_time_is_marked(file: Any, store: Any, gateway: Any, old: Any) -> None:
    from fieldstation.hub.legacy.stamps import zone_of

    stamps = ("2021-10-31 00:30", "2021-10-31 01:30", "2021-10-31 02:30")
    file([old.row(at, stamp) for at, stamp in enumerate(stamps)], zone_of("Europe/Dublin"))
    found = old.stored(store, gateway.id)
    assert [row["stamp_doubt"] for row in found] == [0, 1, 0]
    assert [row["stamp"] for row in found] == list(stamps)


def test_both_tables_of_one_gadget_are_read_together(
    file: Any, store: Any, gateway: Any, old: Any
) -> None:
    file(['1,2021-01-14 15:40,TST_001,20.5,46.7,1.4,2.6,6.3,"{""a"": 1}"'])
    file([old.row(1, "2021-01-15 15:40", 21.5)])
    found = old.stored(store, gateway.id)
    assert [row["temperature"] for row in found] == [20.5, 21.5]
    assert [row["raw_data"] for row in found] == ['{"a": 1}', None]


def test_a_full_disk_stores_nothing_twice_and_loses_nothing(
    file: Any, store: Any, gateway: Any, old: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldstation.hub.legacy import filing

    monkeypatch.setattr(filing, "ROWS_AT_ONCE", 3)
    rows = [old.row(number, f"2021-01-14 15:{number:02}") for number in range(10)]
    real, calls = store.apply, []

    def sometimes_full(uploads: Any) -> Any:
        calls.append(len(uploads))
        if len(calls) % 2 == 0:
            raise StoreFull("The disk of the hub is full.")
        return real(uploads)

    monkeypatch.setattr(store, "apply", sometimes_full)
    for _ in range(4):
        try:
            count = file(rows)
        except StoreFull:
            continue
        break
    assert sum(counts(count)) == 10
    assert [row["number"] for row in old.stored(store, gateway.id)] == list(range(10))


@pytest.mark.slow
def test_many_columns_that_do_not_compress_go_in_smaller_batches(
    file: Any, store: Any, gateway: Any, old: Any
) -> None:
    import random

    noise = random.Random(4)
    rows = [
        f"{number},2021-01-14 15:40,TST_001,1,1,1,1,1,{noise.randbytes(1900).hex()}"
        for number in range(1000)
    ]
    assert counts(file(rows)) == (1000, 0, 0, 0)
    assert counts(file(rows)) == (0, 1000, 0, 0)


def test_a_row_stored_and_not_remembered_stays_single_in_another_zone(
    file: Any, store: Any, gateway: Any, old: Any
) -> None:
    from fieldstation.hub.legacy.models import Marks
    from fieldstation.hub.legacy.stamps import zone_of

    rows = [old.row(number, f"2021-07-14 15:{number:02}") for number in range(9)]
    file(rows[:5])
    Marks.objects.filter(table__gateway_id=gateway.id).delete()
    assert counts(file(rows, zone_of("Europe/Dublin"))) == (4, 0, 5, 0)
    assert counts(file(rows)) == (0, 9, 0, 0)
    assert sorted(row["number"] for row in old.stored(store, gateway.id)) == list(range(9))


TABLE = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["15:40", "15:41"]), st.integers(0, 1)),
    max_size=6,
    unique_by=lambda row: row[0],
)


@pytest.mark.slow
# A gateway of its own for every example comes from the factory.
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(st.lists(TABLE, max_size=5))
def test_each_identity_is_stored_once_with_its_first_values(
    tmp_path_factory: pytest.TempPathFactory,
    new_gateway: Callable[[], Any],
    old: Any,
    tables: list[list[tuple[int, str, int]]],
) -> None:
    """Model: a dictionary from (number, time) to the first values."""
    from fieldstation.hub.legacy.filing import Filing
    from fieldstation.hub.legacy.zipped import look_through

    folder, gateway = tmp_path_factory.mktemp("rows"), new_gateway()
    store = EmbeddedStore(folder / "series.sqlite3", background=False)
    model: dict[tuple[int, str], int] = {}
    try:
        for rows in tables:
            lines = [old.row(number, f"2021-01-14 {at}", value) for number, at, value in rows]
            (folder / "b.zip").write_bytes(old.zipped(old.table(lines)))
            count = Filing(store, gateway.id, UTC).file(look_through(folder / "b.zip"))
            new = {(number, at): value for number, at, value in rows if (number, at) not in model}
            assert counts(count)[0] == len(new)
            model |= new
        found = old.stored(store, gateway.id) if model else []
        stored = {(row["number"], row["stamp"][-5:]): int(row["temperature"]) for row in found}
        assert (stored, len(found)) == (model, len(model))
    finally:
        store.close()
