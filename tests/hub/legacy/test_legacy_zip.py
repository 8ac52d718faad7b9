"""The zip of an old batch: taken as the gateways make it, refused in any other way."""

from __future__ import annotations

import contextlib
import io
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import BatchRefused, CodecError
from fieldstation.hub.legacy import columns, zipped
from fieldstation.hub.legacy.stamps import Doubt, utc_of, zone_of
from fieldstation.hub.legacy.zipped import look_through

REF = "2021-01-14_15:48_1"
MIB = 1 << 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "batch.zip"


def code(path: Path) -> str:
    """Why a file is refused; "" when it is taken to its last row."""
    try:
        list(look_through(path).rows())
    except BatchRefused as error:
        return error.code
    return ""


def members(**named: bytes) -> bytes:
    """A zip with these members, deflated."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in named.items():
            archive.writestr(name, content)
    return data.getvalue()


def test_the_shared_example_is_taken(old: Any) -> None:
    example = old.SHARED / "opc_batch_example.zip"
    if not example.exists():
        pytest.skip("the shared vectors are not beside the checkout")
    batch = look_through(example)
    (vector,) = [row for row in old.vectors("batch-zip") if "zip_file" in row]
    assert batch.layout is columns.LAYOUTS[45]
    assert batch.metadata["device_id"] == "a0b1c2d3e4f5a6b7c8d9"
    assert [",".join(row) for row in batch.rows()] == vector["csv_text"].split("\r\n")[1:-1]
    assert list(columns.LONG) == vector["expect"]["columns"]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_stored_and_deflated_are_the_same(path: Path, old: Any, method: int) -> None:
    path.write_bytes(old.zipped(old.table([old.row(1, "2021-01-14 15:40")]), "k", REF, method))
    (row,) = look_through(path).rows()
    assert row[:4] == ["1", "2021-01-14 15:40", "TST_001", "22.5"]


def test_the_short_table_is_told_by_its_nine_columns(path: Path, old: Any) -> None:
    line = '7,2021-01-14 15:40,TST_001,22.5,46.7,None,,6.3,"{""a"": [1, 2]}"'
    path.write_bytes(old.zipped(old.table([line])))
    batch = look_through(path)
    assert batch.layout is columns.LAYOUTS[9]
    row = columns.row_of(next(batch.rows()), batch.layout)
    assert row.values == (22.5, 46.7, None, None, 6.3, '{"a": [1, 2]}')


def test_a_header_line_of_a_repaired_client_is_no_row(path: Path, old: Any) -> None:
    rows = [",".join(columns.LONG), old.row(1, "2021-01-14 15:40")]
    path.write_bytes(old.zipped(old.table(rows)))
    assert len(list(look_through(path).rows())) == 1


def test_an_empty_table_is_taken(path: Path, old: Any) -> None:
    path.write_bytes(old.zipped(old.table([])))
    batch = look_through(path)
    assert (batch.layout, list(batch.rows())) == (None, [])


def test_metadata_in_quotes_are_read(path: Path, old: Any) -> None:
    path.write_bytes(old.zipped(old.table([]), device_id="'12345678901234567890'"))
    assert look_through(path).metadata["device_id"] == "12345678901234567890"


def test_another_number_of_columns_is_refused(path: Path, old: Any) -> None:
    path.write_bytes(old.zipped("\r\n1,2,3\r\n"))
    assert code(path) == "wrong_columns"


@pytest.mark.parametrize(
    "names",
    [
        [], ["a.csv"], ["a.yaml"], ["a.csv", "b.yaml"], ["a.csv", "a.yaml", "b.csv"],
        ["a.csv", "a.csv"], ["a.txt", "a.yaml"], ["../a.csv", "../a.yaml"],
        ["/a.csv", "/a.yaml"], ["x/a.csv", "x/a.yaml"], ["..\\a.csv", "..\\a.yaml"],
        ["a.csv/", "a.yaml"],
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_other_members_are_refused_and_nothing_is_written(
    path: Path, tmp_path: Path, names: list[str]
) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "1")
    before = sorted(tmp_path.parent.rglob("*"))
    assert code(path) in ("wrong_members", "not_a_zip")
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_a_link_is_only_text(path: Path, old: Any) -> None:
    link = zipfile.ZipInfo("a.csv")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("a.yaml", "x: y\n")
    assert code(path) == "wrong_columns"


def test_a_nested_zip_is_no_table(path: Path, old: Any) -> None:
    inner = old.zipped(old.table([old.row(1, "2021-01-14 15:40")]))
    path.write_bytes(members(**{"a.csv": inner, "a.yaml": b"x: y\n"}))
    assert code(path) in ("wrong_columns", "not_a_zip")


@pytest.mark.slow
@pytest.mark.parametrize("mib", [2, 100, 200])
def test_a_bomb_is_refused_before_it_unpacks(path: Path, mib: int) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    check, body = 0, b""
    for _ in range(mib):
        check = zlib.crc32(bytes(MIB), check)
        body += packer.compress(bytes(MIB))
    body += packer.flush()
    path.write_bytes(_made_by_hand(body, check, mib * MIB))
    tracemalloc.start()
    try:
        assert code(path) == "too_large"
        assert tracemalloc.get_traced_memory()[1] < MIB
    finally:
        tracemalloc.stop()


def test_a_bomb_that_lies_about_its_size_is_refused(path: Path) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packer.compress(bytes(100 * MIB)) + packer.flush()
    path.write_bytes(_made_by_hand(body, zlib.crc32(bytes(1000)), 1000))
    tracemalloc.start()
    try:
        assert code(path) in ("wrong_columns", "not_a_zip")
        assert tracemalloc.get_traced_memory()[1] < 2 * MIB
    finally:
        tracemalloc.stop()


def _made_by_hand(body: bytes, check: int, size: int) -> bytes:
    """A zip whose table has this deflated body and claims this checksum and size."""
    made, directory = b"", b""
    for name, method, part, crc, length in (
        (b"a.csv", 8, body, check, size),
        (b"a.yaml", 0, b"", 0, 0),
    ):
        about = struct.pack("<5H3L2H", 20, 0, method, 0, 33, crc, len(part), length, len(name), 0)
        rest = struct.pack("<3H2L", 0, 0, 0, 0, len(made))
        directory += b"PK\1\2" + struct.pack("<H", 20) + about + rest + name
        made += b"PK\3\4" + about + name + part
    end = struct.pack("<4H2LH", 0, 0, 2, 2, len(directory), len(made), 0)
    return made + directory + b"PK\5\6" + end


def test_zips_made_by_hand_are_taken_when_they_are_true(path: Path, old: Any) -> None:
    text = old.table([old.row(1, "2021-01-14 15:40")]).encode()
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packer.compress(text) + packer.flush()
    path.write_bytes(_made_by_hand(body, zlib.crc32(text), len(text)))
    assert code(path) == ""


@pytest.mark.slow
def test_a_hundred_thousand_members_cost_nothing(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(100_000):
            archive.writestr(f"{number}.csv", b"")
    # The true count; the lie that it has two; the same with a small directory.
    for at, lie in ((0, b""), (8, struct.pack("<2H", 2, 2)), (12, struct.pack("<L", 100))):
        with path.open("r+b") as file:
            file.seek(at - 22, io.SEEK_END)
            file.write(lie)
        tracemalloc.start()
        try:
            assert code(path) in ("wrong_members", "not_a_zip")
            assert tracemalloc.get_traced_memory()[1] < MIB
        finally:
            tracemalloc.stop()


def test_every_wrong_checksum_is_noticed(path: Path, old: Any) -> None:
    data = bytearray(old.zipped(old.table([old.row(1, "2021-01-14 15:40")]), "k"))
    at = data.index(b"22.5")
    data[at] ^= 1
    path.write_bytes(data)
    assert code(path) == "not_a_zip"


def test_cut_at_every_twentieth_it_is_refused(path: Path, old: Any) -> None:
    rows = [old.row(number, "2021-01-14 15:40") for number in range(200)]
    data = old.zipped(old.table(rows), "k")
    for part in range(20):
        path.write_bytes(data[: len(data) * part // 20])
        assert code(path) == "not_a_zip"
    path.write_bytes(data)
    assert code(path) == ""


@given(st.data())
def test_any_damage_is_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    good = members(**{"a.csv": b"\r\n" + b"1,2021-01-14 15:40,T" + b",1" * 42, "a.yaml": b"x: y"})
    bad = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        bad[data.draw(st.integers(0, len(bad) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("zip") / "batch.zip"
    path.write_bytes(bad)
    assert code(path) in ("", "not_a_zip", "wrong_members", "wrong_columns", "too_large")


@given(st.binary(max_size=2000))
def test_any_bytes_are_a_table_or_refused(
    tmp_path_factory: pytest.TempPathFactory, text: bytes
) -> None:
    path = tmp_path_factory.mktemp("zip") / "batch.zip"
    path.write_bytes(members(**{"a.csv": text, "a.yaml": text}))
    try:
        batch = look_through(path)
        for fields in batch.rows():
            assert batch.layout
            _row_or_refused(fields, batch.layout)
    except BatchRefused:
        pass


def _row_or_refused(fields: list[str], layout: Any) -> None:
    with contextlib.suppress(CodecError):
        utc_of(columns.row_of(fields, layout).stamp, zone_of("UTC"))


def test_a_line_without_end_is_refused(path: Path) -> None:
    path.write_bytes(members(**{"a.csv": b"1," * zipped.MOST_LINE, "a.yaml": b"x: y"}))
    assert code(path) == "not_a_table"


@pytest.mark.parametrize("text", ["", "None", "nan", "inf", "-Infinity", "1e999"])
def test_what_is_no_number_is_missing(old: Any, text: str) -> None:
    fields = old.row(1, "2021-01-14 15:40").split(",")
    fields[3] = text
    assert columns.row_of(fields, columns.LAYOUTS[45]).values[0] is None


@pytest.mark.parametrize(
    ("place", "text"),
    [(3, "warm"), (3, "1,5"), (0, ""), (0, "-1"), (0, "1.0"), (0, "9" * 17), (0, "9" * 16)],
)
def test_a_field_without_sense_refuses_its_row(old: Any, place: int, text: str) -> None:
    fields = old.row(1, "2021-01-14 15:40").split(",")
    fields[place] = text
    with pytest.raises(CodecError):
        columns.row_of(fields, columns.LAYOUTS[45])


def test_columns_are_the_channels_of_an_opc_n3_where_they_correspond() -> None:
    table = {channel.old_name: channel for channel in columns.LAYOUTS[45].channels}
    assert (table["temp"].name, table["temp"].unit) == ("temperature", "°C")
    assert (table["pm_25"].name, table["pm_25"].unit) == ("pm_b", "µg/m³")
    assert (table["bin_23"].name, table["bin_23"].unit) == ("bin_23_concentration", "1/cm³")
    assert (table["last_status"].name, table["bin7_mtof"].unit) == ("laser_status", "µs")
    assert len(table) == 45


@pytest.mark.parametrize(
    ("zone", "stamp", "utc", "doubt"),
    [
        ("UTC", "2021-01-14 15:40", "2021-01-14 15:40", Doubt.NONE),
        ("Europe/Dublin", "2021-07-01 14:00", "2021-07-01 13:00", Doubt.NONE),
        # Set back at 02:00 to 01:00, forward at 01:00 to 02:00.
        ("Europe/Dublin", "2021-10-31 01:30", "2021-10-31 01:30", Doubt.TWICE),
        ("Europe/Dublin", "2021-10-31 02:00", "2021-10-31 02:00", Doubt.NONE),
        ("Europe/Dublin", "2021-03-28 01:30", "2021-03-28 00:30", Doubt.SKIPPED),
        ("Europe/Dublin", "2021-03-28 02:00", "2021-03-28 01:00", Doubt.NONE),
        ("America/New_York", "2021-11-07 01:30", "2021-11-07 06:30", Doubt.TWICE),
        ("America/New_York", "2021-03-14 02:30", "2021-03-14 06:30", Doubt.SKIPPED),
    ],
)
def test_a_time_at_a_clock_change_takes_the_later_offset_and_is_marked(
    zone: str, stamp: str, utc: str, doubt: Doubt
) -> None:
    expected, _ = utc_of(utc, zone_of("UTC"))
    assert utc_of(stamp, zone_of(zone)) == (expected, doubt)


@pytest.mark.parametrize(
    "stamp", ["", "2021-01-14", "2021-13-14 15:40", "1969-12-31 23:59", "9999-12-31 23:59", "now"]
)
def test_a_stamp_without_sense_is_refused(stamp: str) -> None:
    with pytest.raises(CodecError):
        utc_of(stamp, zone_of("UTC"))
