"""The court's own SQLite file: its rows pre-rendered, the receipts of what was pushed to it, filings of ours.

Rows are listed by an index over (gxsj, ajbs, ah), so that a page costs a few milliseconds at any scale and memory does
not grow with it. The file belongs to one process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from connectors.sandbox.court_rows import Row, half_width
from connectors.sandbox.partner_store import Key as Key
from connectors.sandbox.partner_store import PartnerStore
from connectors.sandbox.partner_store import Step as Step
from connectors.sandbox.stamps import moved_on, read_stamp

_TABLES = """
CREATE TABLE row(
    id INTEGER PRIMARY KEY, ajbs TEXT NOT NULL, ah TEXT NOT NULL, native_no TEXT NOT NULL, fwlsh TEXT NOT NULL,
    gxsj TEXT NOT NULL, hash TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE receipt(key TEXT PRIMARY KEY, content TEXT NOT NULL, answer TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE submission(sldh TEXT PRIMARY KEY, fwlsh TEXT NOT NULL, row_id INTEGER NOT NULL, decision INTEGER);
"""
_INDEXES = """
CREATE INDEX row_listed ON row(gxsj, ajbs, ah);
CREATE INDEX row_stamp ON row(gxsj);
CREATE UNIQUE INDEX row_identity ON row(ajbs, native_no);
CREATE INDEX row_service ON row(fwlsh);
CREATE INDEX row_number ON row(native_no) WHERE native_no <> '';
"""
_INSERT = "INSERT INTO row(ajbs, ah, native_no, fwlsh, gxsj, hash, body) VALUES(?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows a listing asks for; bounds are inclusive."""

    begin: str = ""
    end: str = "9999"
    ajbs: str = ""


class CourtStore(PartnerStore):
    """One open store of the court."""

    tables, indexes = _TABLES, _INDEXES

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        # the pages of one listing ask for the same total again and again
        self._totals: dict[Window, int] = {}

    # rows

    def fill(self, rows: Iterable[Row]) -> None:
        """Insert rows of the history as they are."""
        self._db.executemany(_INSERT, (_columns(row) for row in rows))

    def add(self, row: Row) -> int:
        """Insert a row and return its id; raises sqlite3.IntegrityError when ajbs and number are taken."""
        self._changing(row)
        return int(self._db.execute(_INSERT, _columns(row)).lastrowid or 0)

    def replace(self, row_id: int, row: Row) -> None:
        """Write a changed row."""
        self._changing(row, row_id)
        self._db.execute(
            "UPDATE row SET ajbs=?, ah=?, native_no=?, fwlsh=?, gxsj=?, hash=?, body=? WHERE id=?",
            (*_columns(row), row_id),
        )

    def delete(self, row_id: int) -> None:
        """Take a row away without notice."""
        self._totals.clear()
        self._db.execute("DELETE FROM row WHERE id=?", (row_id,))

    def get(self, row_id: int) -> Row | None:
        """The row, unless it was deleted."""
        found = self._db.execute("SELECT body FROM row WHERE id=?", (row_id,)).fetchone()
        return orjson.loads(found[0]) if found else None

    def of_ajbs(self, ajbs: str) -> list[tuple[int, Row]]:
        """All rows of one ajbs, oldest first."""
        found = self._db.execute("SELECT id, body FROM row WHERE ajbs=? ORDER BY id", (ajbs,))
        return [(row_id, orjson.loads(body)) for row_id, body in found]

    def has_service_no(self, fwlsh: str) -> bool:
        """Some row has this fwlsh."""
        return self._db.execute("SELECT 1 FROM row WHERE fwlsh=? LIMIT 1", (fwlsh,)).fetchone() is not None

    def has_number(self, number: str) -> bool:
        """Some row has this 案号, whatever the brackets."""
        found = self._db.execute("SELECT 1 FROM row WHERE native_no=? AND native_no<>''", (half_width(number),))
        return found.fetchone() is not None

    def total(self, window: Window) -> int:
        """How many rows the window holds."""
        if window.ajbs:
            query = "SELECT count(*) FROM row WHERE ajbs=? AND gxsj BETWEEN ? AND ?"
            return int(self._db.execute(query, (window.ajbs, window.begin, window.end)).fetchone()[0])
        if window not in self._totals:
            query = "SELECT count(*) FROM row INDEXED BY row_stamp WHERE gxsj BETWEEN ? AND ?"
            found = int(self._db.execute(query, (window.begin, window.end)).fetchone()[0])
            if len(self._totals) > 64:
                self._totals.clear()
            self._totals[window] = found
        return self._totals[window]

    def bodies(self, window: Window, limit: int, offset: int) -> list[bytes]:
        """One page of rows as JSON, by (gxsj, ajbs, ah with null first)."""
        condition, values = "gxsj BETWEEN ? AND ?", [window.begin, window.end]
        if window.ajbs:
            condition, values = condition + " AND ajbs=?", [*values, window.ajbs]
        # the inner query walks the index alone; only the page's own rows are read from the table
        inner = f"SELECT id FROM row WHERE {condition} ORDER BY gxsj, ajbs, ah LIMIT ? OFFSET ?"
        query = f"SELECT body FROM row WHERE id IN ({inner}) ORDER BY gxsj, ajbs, ah"
        return [body for (body,) in self._db.execute(query, (*values, limit, offset))]

    def keys(self, native_id: str = "") -> Iterator[Key]:
        """(id, number, version, hash) of every row, or of those of one id."""
        condition, values = ("WHERE ajbs=?", (native_id,)) if native_id else ("", ())
        query = f"SELECT ajbs, native_no, gxsj, hash FROM row {condition} ORDER BY gxsj, ajbs, ah"
        return (Key(*columns) for columns in self._db.execute(query, values))

    def ids(self) -> list[int]:
        """The internal ids of all rows, ascending."""
        return [row_id for (row_id,) in self._db.execute("SELECT id FROM row ORDER BY id")]

    def all_rows(self) -> Iterator[Row]:
        """Every row."""
        return (orjson.loads(body) for (body,) in self._db.execute("SELECT body FROM row ORDER BY id"))

    # pushes

    def receipt(self, key: str) -> tuple[str, str] | None:
        """(content, answer) of an accepted push with this transaction key."""
        found = self._db.execute("SELECT content, answer FROM receipt WHERE key=?", (key,)).fetchone()
        return (str(found[0]), str(found[1])) if found else None

    def keep_receipt(self, key: str, content: str, answer: str) -> None:
        """Remember a transaction key for ever; the first content stays."""
        self._db.execute("INSERT OR IGNORE INTO receipt VALUES(?, ?, ?)", (key, content, answer))

    # filings of ours

    def submit(self, sldh: str, fwlsh: str, row_id: int) -> None:
        """Note a filing that waits for the desk."""
        self._db.execute("INSERT INTO submission VALUES(?, ?, ?, NULL)", (sldh, fwlsh, row_id))

    def decide(self, sldh: str, decision: int) -> None:
        """Note the desk's answer to a filing."""
        self._db.execute("UPDATE submission SET decision=? WHERE sldh=?", (decision, sldh))

    def last_submission(self, fwlsh: str) -> tuple[int, int | None] | None:
        """(row id, decision or None) of the latest filing of ours under this fwlsh."""
        query = "SELECT row_id, decision FROM submission WHERE fwlsh=? ORDER BY rowid DESC LIMIT 1"
        found = self._db.execute(query, (fwlsh,)).fetchone()
        return (int(found[0]), found[1]) if found else None

    def _changing(self, row: Row, row_id: int = 0) -> None:
        self._totals.clear()
        skew = self.skew()
        if skew:
            held = self._db.execute("SELECT gxsj FROM row WHERE id=?", (row_id,)).fetchone()
            row["gxsj"] = moved_on(read_stamp(row["gxsj"]) + skew, held[0] if held else None)


def _columns(row: Row) -> tuple[str, str, str, str, str, str, bytes]:
    body = orjson.dumps(row)
    ah = row["ah"] or ""
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return row["ajbs"], ah, half_width(ah), row["fwlsh"], row["gxsj"], digest, body
