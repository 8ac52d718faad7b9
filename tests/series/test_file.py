"""The file itself: what others read from it, what is refused, what damage and a full disk do."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fieldstation.batch import Announcement, Batch, Receipt, encode
from fieldstation.errors import (
    BadRequest,
    BatchRefused,
    CodecError,
    NotFound,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreUnavailable,
)  # fmt: skip
from fieldstation.model import Channel, Instant, Kept, Kind, Layout, Reading, Trust, Value
from fieldstation.series.api import UnknownLayout, Upload
from fieldstation.series.embedded import EmbeddedStore, squeeze

LAYOUT = Layout(
    "meter",
    "status",
    (
        Channel("volts", Kind.NUMBER, "V", "Voltage"),
        Channel("raw", Kind.NUMBER),
        Channel("mode", Kind.ENUM, codes={"L": "line"}),
        Channel("on", Kind.FLAG),
    ),
)
BOOT = b"b" * 16
START_US = 1_700_000_000_000_000
PAGE = Path(__file__).parents[2] / "docs/reference/series-file.md"


def row(number: int) -> tuple[Value, ...]:
    """The values of reading `number`: decimals, a long fraction, texts, gaps."""
    gap = number % 7 == 3
    return (number / 10, None if gap else number / 3, None if gap else "LB"[number % 2], True)


def upload(first: int, last: int, *, told: bool = True, shift: float = 0.0) -> Upload:
    """Readings `first` to `last`, ten seconds apart."""
    readings = []
    for number in range(first, last + 1):
        instant = Instant(START_US + number * 10_000_000, number, BOOT, Trust.SYNCED)
        values = (row(number)[0] + shift, *row(number)[1:])
        readings.append(Kept(number, Reading("m1", LAYOUT, instant, values)))
    tables = (Announcement("m1", LAYOUT, 10_000_000, "S-1", "M"),) if told else ()
    return Upload("site", encode(Batch(BOOT, first, first, last, tuple(readings), tables)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "series.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[EmbeddedStore]:
    store = EmbeddedStore(path, background=False)
    yield store
    store.close()


def test_the_decoder_of_the_manual_reads_a_real_file(store: EmbeddedStore, path: Path) -> None:
    store.apply([upload(1, 500), upload(501, 900)])
    store.seal_now()
    found = re.search(r"<!-- decoder -->\n```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    assert found is not None
    for place, channel in enumerate(LAYOUT.names):
        command = [sys.executable, "-c", found[1], str(path), "site", "m1", channel]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        pairs = [line.split(" ", 1) for line in lines.splitlines()]
        assert [int(time) for time, _ in pairs] == [
            START_US + number * 10_000_000 for number in range(1, 901)
        ]
        assert [json.loads(value) for _, value in pairs] == [
            row(number)[place] for number in range(1, 901)
        ]


def test_the_views_tell_what_is_there(store: EmbeddedStore, path: Path) -> None:
    store.apply([upload(1, 50)])
    store.seal_now()
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as other:
        channels = other.execute("SELECT channel, unit, sealed_readings FROM catalogue").fetchall()
        holdings = other.execute("SELECT instrument, readings, begins FROM holdings").fetchall()
    other.close()
    assert channels[0] == ("volts", "V", 50)
    assert holdings == [("m1", 50, "2023-11-14T22:13:30Z")]


def test_columns_written_without_zstandard_are_read_with_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = EmbeddedStore(path, background=False)
    with monkeypatch.context() as without:
        without.setattr(squeeze, "_zstandard", None)
        store.apply([upload(1, 300)])
        store.seal_now()
        store.apply([upload(301, 600)])
    store.seal_now()
    assert len(store.read("site", "m1", ["volts"], 0, 2**53).times_us) == 600
    store.close()


def test_columns_that_need_zstandard_say_so_where_it_is_missing(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.apply([upload(1, 300)])
    store.seal_now()
    monkeypatch.setattr(squeeze, "_zstandard", None)
    with pytest.raises(StoreUnavailable, match="install the package zstandard"):
        store.read("site", "m1", ["raw"], 0, 2**53)


def test_a_newer_file_is_refused_with_a_sentence(path: Path) -> None:
    EmbeddedStore(path, background=False).close()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(StoreUnavailable, match="newer fieldstation"):
        EmbeddedStore(path)


def test_a_file_that_is_no_series_store_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE diary (day TEXT)")
    other.close()
    with pytest.raises(StoreDamaged, match="not a series store"):
        EmbeddedStore(path)
    path.write_bytes(b"these are no tables" * 100)
    with pytest.raises(StoreDamaged, match="is damaged"):
        EmbeddedStore(path)


def test_a_second_hub_on_the_same_file_is_refused(store: EmbeddedStore, path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="in use by another hub"):
        EmbeddedStore(path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        EmbeddedStore(tmp_path / "missing" / "series.sqlite3")


def test_a_flipped_bit_in_a_column_is_noticed(path: Path) -> None:
    store = EmbeddedStore(path, background=False)
    store.apply([upload(1, 300)])
    store.seal_now()
    store.close()
    with sqlite3.connect(path) as other:
        number, data = other.execute("SELECT id, data FROM piece WHERE id % 1024 = 9").fetchone()
        damaged = bytearray(data)
        damaged[len(data) // 2] ^= 1
        other.execute("UPDATE piece SET data = ? WHERE id = ?", (bytes(damaged), number))
    other.close()
    store = EmbeddedStore(path, background=False)
    with pytest.raises(StoreDamaged, match="checksum"):
        store.read("site", "m1", ["raw"], 0, 2**53)
    assert len(store.read("site", "m1", ["volts"], 0, 2**53).times_us) == 300
    store.close()


def test_a_damaged_upload_in_the_inbox_is_named_at_the_start(path: Path) -> None:
    store = EmbeddedStore(path, background=False)
    store.apply([upload(1, 30)])
    store.close()
    with sqlite3.connect(path) as other:
        other.execute("UPDATE inbox SET body = zeroblob(length(body))")
    other.close()
    with pytest.raises(StoreDamaged, match="upload 1 in the series store's inbox"):
        EmbeddedStore(path)


def test_a_full_disk_accepts_nothing_and_heals_by_itself(store: EmbeddedStore, path: Path) -> None:
    store.apply([upload(1, 100)])
    pages = store._files.writer.execute("PRAGMA page_count").fetchone()[0]
    store._files.writer.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StoreFull, match="free some disk space"):
        store.apply([upload(101, 900), upload(901, 1700)])
    assert store.catalogue()[0].readings == 100
    answers = store.apply([upload(101, 900), upload(901, 1700)])
    assert [answer.stored for answer in answers if isinstance(answer, Receipt)] == [800, 800]
    assert store.catalogue()[0].readings == 1700


def test_a_full_disk_during_sealing_loses_nothing(store: EmbeddedStore, path: Path) -> None:
    store.apply([upload(1, 3000)])
    pages = store._files.writer.execute("PRAGMA page_count").fetchone()[0]
    store._files.writer.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StoreError):
        store.seal_now()
    assert len(store.read("site", "m1", ["volts"], 0, 2**53).times_us) == 3000
    store.apply([upload(3001, 3010)])
    store.seal_now()
    assert store.read("site", "m1", ["volts"], 0, 2**53).values["volts"].tolist() == [
        number / 10 for number in range(1, 3011)
    ]
    assert store._files.writer.execute("SELECT count(*) FROM inbox").fetchone() == (0,)


def test_a_faulty_upload_gets_its_error_and_disturbs_no_other(store: EmbeddedStore) -> None:
    broken = bytearray(upload(11, 20).body)
    broken[-1] ^= 1
    stranger = Upload("other", upload(1, 5, told=False).body)
    answers = store.apply([upload(1, 10), Upload("site", bytes(broken)), stranger, upload(11, 20)])
    assert isinstance(answers[0], Receipt)
    assert isinstance(answers[1], CodecError)
    assert isinstance(answers[2], UnknownLayout)
    assert answers[2].ids == (LAYOUT.id,)
    assert isinstance(answers[3], Receipt)
    assert store.catalogue()[0].readings == 20
    assert store.catalogue("other") == []


def test_other_values_for_the_same_range_are_a_contradiction(store: EmbeddedStore) -> None:
    store.apply([upload(1, 10)])
    (answer,) = store.apply([upload(1, 10, shift=1.0)])
    assert isinstance(answer, BatchRefused)
    assert answer.code == "contradiction"
    assert store.read("site", "m1", ["volts"], 0, 2**53).values["volts"][0] == 0.1


def test_the_same_readings_with_tables_beside_them_are_a_duplicate(store: EmbeddedStore) -> None:
    store.apply([upload(1, 10)])
    (answer,) = store.apply([upload(1, 10, told=False)])
    assert answer == Receipt(BOOT, 1, 10, 0, 10)


def test_questions_that_make_no_sense_are_answered_with_sentences(store: EmbeddedStore) -> None:
    store.apply([upload(1, 10)])
    with pytest.raises(NotFound, match=r"no instrument is named 'm2'; near it: m1"):
        store.latest("site", "m2")
    with pytest.raises(NotFound, match=r"no channel is named 'volt'; near it: volts"):
        store.read("site", "m1", ["volt"], 0, 1)
    with pytest.raises(NotFound):
        store.walk("site", "m1", ["volt"], 0, 1)
    with pytest.raises(BadRequest, match="empty"):
        store.read("site", "m1", ["volts"], 5, 5)
    with pytest.raises(BadRequest, match="at least one"):
        store.read("site", "m1", ["volts"], 0, 5, 0)
    with pytest.raises(BadRequest, match="holds text"):
        store.buckets("site", "m1", ["mode"], 0, 5, 10)
    with pytest.raises(BadRequest, match="at least one bucket"):
        store.buckets("site", "m1", ["volts"], 0, 5, 0)


def test_freed_room_goes_back_to_the_system(store: EmbeddedStore, path: Path) -> None:
    for first in range(1, 6001, 60):
        store.apply([upload(first, first + 59)])
    store.seal_now()
    free, pages = (
        store._files.writer.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("freelist_count", "page_count")
    )
    assert free * 20 <= pages
    assert path.stat().st_size == pages * 1024
