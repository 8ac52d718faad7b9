"""The zip of an old batch, read with suspicion.

1. Two members, one `.csv` and one `.yaml` of the same stem, at top level; stored or deflated. Their
   names are compared and never used as paths.
2. The directory's size is looked at before it is read, so a million entries cost nothing; what a
   member may unpack to is bounded in bytes and in ratio before it is unpacked.
3. Every byte is read and its checksum verified before the first row is given out.
4. Any bytes give rows or BatchRefused (test_any_damage_is_refused_and_nothing_else).
"""

from __future__ import annotations

import csv
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from fieldstation.errors import BatchRefused, StoreUnavailable
from fieldstation.hub.legacy.columns import LAYOUTS, ROW_NAME
from fieldstation.model import Layout

# Some 580,000 rows: five years at the usual five minutes.
MOST_ZIP = 128 << 20
MOST_UNPACKED = 128 << 20
MOST_METADATA = 64 << 10
# Two members with long names.
MOST_DIRECTORY = 8 << 10
# Tables of one value repeated reach 100; a bomb has 1,000.
MOST_RATIO = 250
RATIO_FREE = 1 << 20
# The raw data of a reading has some 600 characters.
MOST_LINE = 64 << 10
PIECE = 1 << 16

_END = struct.Struct("<4s4H2LH")
_ZIP64 = 20
_MEMBER = re.compile(r"(?P<stem>[^/\\\0]{1,128})\.(?P<sort>csv|yaml)")
_LINE = re.compile(r"(\w+):[ \t]*(.*?)[ \t]*\Z", re.ASCII)
# What a hostile or broken file makes the readers raise. For zipfile NotImplementedError means a
# compression that it does not know, RuntimeError a member that is encrypted.
_BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError, RuntimeError,
    ValueError, OverflowError, LookupError, csv.Error,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OldBatch:
    """A batch that was looked through: where it lies, its metadata by name (lists left out), and
    the layout of its rows, None when it has none.
    """

    path: Path
    metadata: dict[str, str]
    layout: Layout | None

    def rows(self) -> Iterator[list[str]]:
        """The fields of every row, as they come. Raises BatchRefused, StoreUnavailable."""
        with readable(self.path) as file:
            yield from _rows(file)


def look_through(path: Path) -> OldBatch:
    """The batch in this file, every byte of it checked. Raises BatchRefused, StoreUnavailable."""
    try:
        with readable(path) as file:
            table, notes = _members(file)
            with zipfile.ZipFile(file) as archive:
                _drain(archive, table)
                metadata = _metadata(archive.read(notes))
            first = next(_rows(file), None)
    except _BROKEN as error:
        raise _not_a_zip(error) from error
    if first is not None and len(first) not in LAYOUTS:
        raise BatchRefused("wrong_columns", f"The table has {len(first)} columns, not 45 or 9.")
    return OldBatch(path, metadata, LAYOUTS[len(first)] if first else None)


@contextmanager
def readable(path: Path) -> Iterator[BinaryIO]:
    """The file at `path`, open; a disk that fails is told as StoreUnavailable."""
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise StoreUnavailable(f"A batch cannot be read: {error.strerror}.") from error


def _not_a_zip(error: Exception) -> BatchRefused:
    return BatchRefused("not_a_zip", f"The file is no zip that can be read ({error}).")


def _members(file: BinaryIO) -> tuple[zipfile.ZipInfo, zipfile.ZipInfo]:
    """Table and metadata. Raises BatchRefused."""
    _check_directory(file)
    with zipfile.ZipFile(file) as archive:
        listed = archive.infolist()
    members = {_sort(member): member for member in listed}
    stems = {member.filename.rpartition(".")[0] for member in members.values()}
    if any(member.header_offset < 0 for member in listed):
        raise BatchRefused("not_a_zip", "The directory of the zip points outside the file.")
    if len(listed) != 2 or set(members) != {"csv", "yaml"} or len(stems) != 1:
        raise BatchRefused("wrong_members", "The zip does not hold one .csv and its .yaml.")
    _check_sizes(members["csv"], MOST_UNPACKED)
    _check_sizes(members["yaml"], MOST_METADATA)
    return members["csv"], members["yaml"]


def _check_directory(file: BinaryIO) -> None:
    """Raise BatchRefused unless the directory is small and at the end, as zipfile expects it."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _END.size - _ZIP64))
    tail = file.read()
    if len(tail) < _END.size or tail[-_END.size :][:4] != b"PK\5\6":
        raise BatchRefused("not_a_zip", "The file has no directory of a zip at its end.")
    _, _, _, _, entries, directory, _, comment = _END.unpack(tail[-_END.size :])
    if tail[: -_END.size].startswith(b"PK\6\7") or comment:
        raise BatchRefused("not_a_zip", "The zip is of a form that no gateway writes.")
    if entries != 2 or directory > MOST_DIRECTORY:
        raise BatchRefused("wrong_members", f"The zip has {entries} members, not two.")


def _sort(member: zipfile.ZipInfo) -> str:
    found = _MEMBER.fullmatch(member.filename)
    # What zipfile would shorten or turn round is not what the archive says.
    if found is None or member.orig_filename != member.filename:
        raise BatchRefused("wrong_members", "A member of the zip has a name that it may not have.")
    if member.flag_bits & 1 or member.compress_type not in (
        zipfile.ZIP_STORED,
        zipfile.ZIP_DEFLATED,
    ):
        raise BatchRefused("wrong_members", "A member is encrypted or compressed unusually.")
    return found["sort"]


def _check_sizes(member: zipfile.ZipInfo, most: int) -> None:
    size, packed = member.file_size, member.compress_size
    if size > most or size > max(RATIO_FREE, MOST_RATIO * packed):
        raise BatchRefused(
            "too_large", f"A member of {packed} bytes would unpack to {size}, which is too much."
        )


def _drain(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Read it to the end, where its checksum is verified."""
    size = 0
    with archive.open(member) as stream:
        while piece := stream.read(PIECE):
            size += len(piece)
    if size != member.file_size:
        raise zipfile.BadZipFile(f"{size} bytes instead of {member.file_size}")


def _rows(file: BinaryIO) -> Iterator[list[str]]:
    """All rows that are neither blank nor a header."""
    table, _ = _members(file)
    try:
        with zipfile.ZipFile(file) as archive, archive.open(table) as stream:
            for row in csv.reader(_lines(stream)):
                if any(row) and row[: len(ROW_NAME)] != list(ROW_NAME):
                    yield row
    except _BROKEN as error:
        raise _not_a_zip(error) from error


def _lines(stream: IO[bytes]) -> Iterator[str]:
    while line := stream.readline(MOST_LINE):
        if len(line) == MOST_LINE and not line.endswith(b"\n"):
            raise BatchRefused("not_a_table", f"A line of the table has over {MOST_LINE} bytes.")
        yield line.decode("utf-8", "replace")


def _metadata(data: bytes) -> dict[str, str]:
    """The plain entries of the metadata, which is flat YAML: one entry a line."""
    found = (_LINE.match(line) for line in data.decode("utf-8", "replace").splitlines())
    return {entry[1]: _unquoted(entry[2]) for entry in found if entry}


def _unquoted(text: str) -> str:
    quoted: Sequence[str] = ("'", '"')
    if len(text) >= 2 and text[0] == text[-1] and text[0] in quoted:
        return text[1:-1].replace("''", "'")
    return text
