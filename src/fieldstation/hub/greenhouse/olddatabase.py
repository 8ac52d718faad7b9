"""The old site's SQLite file, read with care: it may come from anywhere.

1. It is opened read-only, with schemas untrusted; only ordinary tables are read, no view, virtual
   table or trigger (test_a_view_is_not_read_as_a_table).
2. A cell has at most `LONGEST_CELL` bytes; a larger one ends the import with a sentence.
3. Tables are known by their columns, as the old site's revisions named them differently.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fieldstation.errors import BadRequest

LONGEST_CELL = 4_000_000
MOST_ROWS = 20_000_000
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class OldUser:
    """An account."""

    number: int
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class OldSensorRow:
    """A sensor; `owner` is a number of a user, or a name in early revisions."""

    number: int
    name: str
    owner: int | str
    units: str
    kind: str


@dataclass(frozen=True, slots=True)
class OldRow:
    """A posted document. `sensor` None: of the single table. `doubtful`: other rows of its table
    have the very same time.
    """

    number: int
    date: str
    body: bytes
    sensor: int | None
    doubtful: bool


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    columns: frozenset[str]

    @property
    def quoted(self) -> str:
        return '"' + self.name.replace('"', '""') + '"'


class OldDatabase:
    """The file, open. Raises BadRequest when it is not the old site's database or is damaged."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise BadRequest(f"{path} is no file; name the old site's SQLite database")
        self._path = path
        self._db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            self._prepare()
            tables = self._tables()
        except sqlite3.Error as error:
            self._db.close()
            raise self._fault(error) from error
        self._users = _first(tables, {"id", "username", "email"})
        self._sensors = _first(tables, {"id", "name", "units"})
        self._rows = [one for one in tables if {"id", "date_posted", "JSON_content"} <= one.columns]
        if not self._rows and not (self._users and self._sensors):
            self._db.close()
            raise BadRequest(
                f"{path} is not a database of the old greenhouse site: it has no table of posted"
                " documents and no sensors"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._db.close()

    def users(self) -> list[OldUser]:
        """All accounts; a cell of a wrong type counts as empty."""
        if self._users is None:
            return []
        rows = self._ask(f"SELECT id, username, email FROM {self._users.quoted} ORDER BY id")  # noqa: S608 - quoted
        return [OldUser(number, _text(name), _text(email)) for number, name, email in rows]

    def sensors(self) -> list[OldSensorRow]:
        """All sensors."""
        table = self._sensors
        if table is None:
            return []
        owner = "user_id" if "user_id" in table.columns else "owner"
        if owner not in table.columns:
            owner = "NULL"
        kind = "type" if "type" in table.columns else "NULL"
        rows = self._ask(
            f"SELECT id, name, {owner}, units, {kind} FROM {table.quoted} ORDER BY id"  # noqa: S608 - quoted
        )
        return [
            OldSensorRow(
                number, _text(name), held if isinstance(held, int) else _text(held), _text(units),
                _text(sort),
            )
            for number, name, held, units, sort in rows
        ]  # fmt: skip

    def count(self) -> int:
        """How many documents there are. Raises BadRequest when they are beyond all reason."""
        found = sum(
            int(next(self._ask(f"SELECT count(*) FROM {one.quoted}"))[0])  # noqa: S608 - quoted
            for one in self._rows
        )
        if found > MOST_ROWS:
            raise BadRequest(f"{self._path} holds {found} documents; {MOST_ROWS} is the most")
        return found

    def rows(self) -> Iterator[OldRow]:
        """All documents, table by table in the order of their numbers."""
        for table in self._rows:
            doubtful = {
                date
                for (date,) in self._ask(
                    f"SELECT date_posted FROM {table.quoted}"  # noqa: S608 - quoted
                    " GROUP BY date_posted HAVING count(*) > 1"
                )
            }
            sensor = "sensor_id" if "sensor_id" in table.columns else "NULL"
            for number, date, body, whose in self._ask(
                f"SELECT id, date_posted, JSON_content, {sensor} FROM {table.quoted} ORDER BY id"  # noqa: S608 - quoted
            ):
                yield OldRow(
                    number, _text(date), _bytes(body), whose if isinstance(whose, int) else None,
                    date in doubtful,
                )  # fmt: skip

    def _prepare(self) -> None:
        self._db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_CELL)
        # Text that is no UTF-8 must not stop the import.
        self._db.text_factory = lambda text: text.decode("utf-8", "replace")
        self._db.execute("PRAGMA trusted_schema=OFF")
        self._db.execute("PRAGMA query_only=ON")
        self._db.execute("PRAGMA cell_size_check=ON")

    def _tables(self) -> list[_Table]:
        named = self._db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
        ordinary = [
            name
            for name, made in named.fetchall()
            if isinstance(made, str) and made.lstrip().upper().startswith("CREATE TABLE")
        ]
        return [
            _Table(
                name,
                frozenset(
                    column
                    for column, hidden in self._db.execute(
                        "SELECT name, hidden FROM pragma_table_xinfo(?)", (name,)
                    )
                    # A generated column would be computed by the file's own words.
                    if not hidden
                ),
            )
            for name in ordinary
        ]

    def _ask(self, query: str) -> Iterator[tuple[Any, ...]]:
        try:
            cursor = self._db.execute(query)
            while rows := cursor.fetchmany(_AT_ONCE):
                yield from rows
        except sqlite3.Error as error:
            raise self._fault(error) from error

    def _fault(self, error: sqlite3.Error) -> BadRequest:
        return BadRequest(
            f"{self._path} cannot be read as the old site's SQLite database ({error}); copy it"
            " again while the old site is stopped"
        )


def _first(tables: list[_Table], columns: set[str]) -> _Table | None:
    return next((one for one in tables if columns <= one.columns), None)


def _text(cell: object) -> str:
    return cell if isinstance(cell, str) else ""


def _bytes(cell: object) -> bytes:
    if isinstance(cell, bytes):
        return cell
    return cell.encode("utf-8", "replace") if isinstance(cell, str) else b""
