"""Rows straight from the pages of an SQLite file, for files that SQLite itself gives up.

1. Every page is looked at for itself: no table of contents, no tree and no header is needed, so a
   page that is lost costs what it held and nothing else.
   `test_a_lost_page_costs_only_its_own_rows`
2. Any bytes are taken: what cannot be a row is passed over.
   `test_random_bytes_give_no_row_and_no_error`
3. Nothing here is believed. A page that was given free still holds its old rows, and a damaged one
   may hold anything: the caller has digests.

Format: SQLite's "Database File Format", sections 1.6 (pages), 2.1 (records), 4.1 (log).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple

PAGE_BYTES = 1024
_TABLE_LEAF, _INDEX_LEAF, _INDEX_INNER = 0x0D, 0x0A, 0x02
_LOG_HEAD, _FRAME_HEAD = 32, 24
_INTEGER_BYTES = (0, 1, 2, 3, 4, 6, 8)
_MOST_PAYLOAD = 1 << 22  # larger than any row: a size that was never written by us
_NO_ROW = (IndexError, ValueError, OverflowError)


class Record(NamedTuple):
    """One row. `shape` has a letter for each column: n(ull), i(nteger), f(loat), t(ext), b(lob).
    Texts are their bytes. `rowid` 0: a table without one.
    """

    rowid: int
    shape: str
    values: tuple[int | bytes | None, ...]


class PageFile:
    """A database file and its log, read page by page. Use within `with`."""

    def __init__(self, path: Path) -> None:
        self._open = ExitStack()
        log = path.with_name(path.name + "-wal")
        self._main = self._opened(path)
        self._log = self._opened(log)
        self._frames: dict[int, int] = {}
        for start in self._places(self._log, _LOG_HEAD, _FRAME_HEAD):
            head = self._read(self._log, start - _FRAME_HEAD, 4)
            self._frames[int.from_bytes(head, "big")] = start

    def __enter__(self) -> PageFile:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._open.close()

    def pages(self) -> Iterator[bytes]:
        """All pages: those of the file, then those of the log, also where one has several."""
        for handle, head, gap in ((self._main, 0, 0), (self._log, _LOG_HEAD, _FRAME_HEAD)):
            for start in self._places(handle, head, gap):
                yield self._read(handle, start, PAGE_BYTES)

    def records(self, page: bytes) -> Iterator[Record]:
        """What can be read as rows in a page."""
        kind = page[0] if len(page) == PAGE_BYTES else 0
        if kind not in (_TABLE_LEAF, _INDEX_LEAF, _INDEX_INNER):
            return
        for at in _cells(page):
            try:
                yield self._record(page, at, kind)
            except _NO_ROW:
                continue

    def _record(self, page: bytes, at: int, kind: int) -> Record:
        size, at = _varint(page, at + 4 * (kind == _INDEX_INNER))
        rowid = 0
        if kind == _TABLE_LEAF:
            rowid, at = _varint(page, at)
        if not 0 < size <= _MOST_PAYLOAD or not 0 <= rowid < 1 << 63:
            raise ValueError("no row is so large")
        return Record(rowid, *_columns(self._payload(page, at, size, kind)))

    def _payload(self, page: bytes, at: int, size: int, kind: int) -> bytes:
        """A cell's payload of `size` bytes, gathered from its overflow pages."""
        least = (PAGE_BYTES - 12) * 32 // 255 - 23
        most = PAGE_BYTES - 35 if kind == _TABLE_LEAF else (PAGE_BYTES - 12) * 64 // 255 - 23
        if size <= most:
            return _slice(page, at, size)
        here = least + (size - least) % (PAGE_BYTES - 4)
        here = here if here <= most else least
        parts, rest = [_slice(page, at, here)], size - here
        following = int.from_bytes(_slice(page, at + here, 4), "big")
        while rest > 0:
            more = self._page(following)
            parts.append(_slice(more, 4, min(rest, PAGE_BYTES - 4)))
            rest -= len(parts[-1])
            following = int.from_bytes(more[:4], "big")
        return b"".join(parts)

    def _page(self, number: int) -> bytes:
        start = self._frames.get(number)
        if start is not None:
            return self._read(self._log, start, PAGE_BYTES)
        if number < 1:
            raise ValueError("pages count from 1")
        return self._read(self._main, (number - 1) * PAGE_BYTES, PAGE_BYTES)

    def _opened(self, path: Path) -> BinaryIO | None:
        return self._open.enter_context(path.open("rb")) if path.is_file() else None

    @staticmethod
    def _places(handle: BinaryIO | None, head: int, gap: int) -> Iterator[int]:
        """Where pages begin, as far as the file is there."""
        if handle is not None:
            end = handle.seek(0, 2)
            yield from range(head + gap, end - PAGE_BYTES + 1, PAGE_BYTES + gap)

    @staticmethod
    def _read(handle: BinaryIO | None, start: int, count: int) -> bytes:
        """The bytes there; zeros where the disk does not give them."""
        if handle is None:
            return b""
        try:
            handle.seek(start)
            return handle.read(count)
        except OSError:
            return bytes(count)


def _cells(page: bytes) -> list[int]:
    """Where the cells of a page begin, as its array of pointers says."""
    head = 12 if page[0] == _INDEX_INNER else 8
    count = min(int.from_bytes(page[3:5], "big"), (PAGE_BYTES - head) // 2)
    pointers = (page[at : at + 2] for at in range(head, head + 2 * count, 2))
    return [int.from_bytes(pointer, "big") for pointer in pointers]


def _columns(payload: bytes) -> tuple[str, tuple[int | bytes | None, ...]]:
    """Shape and values of a record."""
    end, at = _varint(payload, 0)
    if not at <= end <= len(payload):
        raise ValueError("its head is longer than it is")
    place, shape, values = end, "", list[int | bytes | None]()
    while at < end:
        code, at = _varint(payload, at)
        letter, size = _made(code)
        data = _slice(payload, place, size)
        shape += letter
        values.append(_value(code, letter, data))
        place += size
    return shape, tuple(values)


def _made(code: int) -> tuple[str, int]:
    """Letter and size of a column from its serial type."""
    if code >= 12:
        return "bt"[code % 2], (code - 12) // 2
    if code == 7:
        return "f", 8
    if code in (10, 11):
        raise ValueError("these are never written")
    return ("i" if code else "n"), (0 if code in (8, 9) else _INTEGER_BYTES[code])


def _value(code: int, letter: str, data: bytes) -> int | bytes | None:
    if letter == "i":
        return code - 8 if code in (8, 9) else int.from_bytes(data, "big", signed=True)
    return None if letter == "n" else data


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of up to nine bytes, and where it ends."""
    value = 0
    for place in range(at, at + 8):
        value = value << 7 | data[place] & 0x7F
        if data[place] < 0x80:
            return value, place + 1
    return value << 8 | data[at + 8], at + 9


def _slice(data: bytes, at: int, size: int) -> bytes:
    part = data[at : at + size]
    if len(part) != size:
        raise ValueError("it ends before that")
    return part
