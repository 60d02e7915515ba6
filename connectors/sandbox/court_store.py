"""The court's own SQLite file: its rows pre-rendered, its agenda, what was pushed to it, and its clock.

Rows are listed by an index over (gxsj, ajbs, ah), so that a page costs a few milliseconds at any scale and memory does
not grow with it. The file belongs to one process.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from connectors.sandbox.court_rows import Row, half_width, read_stamp, stamp

_SCHEMA = """
CREATE TABLE row(
    id INTEGER PRIMARY KEY, ajbs TEXT NOT NULL, ah TEXT NOT NULL, native_no TEXT NOT NULL, fwlsh TEXT NOT NULL,
    gxsj TEXT NOT NULL, hash TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE agenda(due TEXT, key TEXT, step TEXT NOT NULL, payload BLOB NOT NULL, PRIMARY KEY(due, key)) WITHOUT ROWID;
CREATE TABLE fact(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE serial(name TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE receipt(key TEXT PRIMARY KEY, content TEXT NOT NULL, answer TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE submission(sldh TEXT PRIMARY KEY, fwlsh TEXT NOT NULL, row_id INTEGER NOT NULL, decision INTEGER);
CREATE TABLE push(
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, path TEXT NOT NULL, body BLOB NOT NULL, answer BLOB NOT NULL);
"""
#: made after the history is written: building them once is faster than keeping them up
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


@dataclass(frozen=True, slots=True)
class Key:
    """What ``view`` tells of one row."""

    native_id: str
    native_no: str
    version: str
    hash: str


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of the agenda: something the court will do by itself."""

    due: datetime
    key: str
    name: str
    payload: Mapping[str, Any]


class CourtStore:
    """One open store. Writes outside :meth:`transaction` are committed one by one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        # a simulated partner may lose its last second in a power cut; it may not be slow
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute("PRAGMA cache_size=-16000")
        #: how far the partner's clock is off for the next change; none unless it misbehaves
        self.skew: Callable[[], timedelta] = timedelta
        # the pages of one listing ask for the same total again and again
        self._totals: dict[Window, int] = {}

    @classmethod
    def create(cls, path: Path) -> CourtStore:
        """A new, empty store without indexes; :meth:`finish` makes them."""
        store = cls(path)
        store._db.executescript(_SCHEMA)
        return store

    def finish(self) -> None:
        """Make the indexes after the history has been written."""
        self._db.executescript(_INDEXES)
        self._db.execute("ANALYZE")

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; an inner one joins the outer."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

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
        self._changing(row)
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

    # agenda

    def schedule(self, due: datetime, key: str, name: str, **payload: object) -> None:
        """Put a step on the agenda; the same due and key again replaces it."""
        self._db.execute("REPLACE INTO agenda VALUES(?, ?, ?, ?)", (stamp(due), key, name, orjson.dumps(payload)))

    def take_step(self, until: datetime) -> Step | None:
        """Remove and return the earliest step due by then; steps of one second go by their key."""
        query = "SELECT due, key, step, payload FROM agenda WHERE due<=? ORDER BY due, key LIMIT 1"
        found = self._db.execute(query, (stamp(until),)).fetchone()
        if found is None:
            return None
        due, key, name, payload = found
        self._db.execute("DELETE FROM agenda WHERE due=? AND key=?", (due, key))
        return Step(read_stamp(due), key, name, orjson.loads(payload))

    # facts and serials

    def fact(self, name: str) -> str | None:
        """A remembered fact."""
        found = self._db.execute("SELECT value FROM fact WHERE name=?", (name,)).fetchone()
        return str(found[0]) if found else None

    def remember(self, name: str, value: str) -> None:
        """Write a fact."""
        self._db.execute("REPLACE INTO fact VALUES(?, ?)", (name, value))

    def next_serial(self, name: str) -> int:
        """The next number of a series, from 1 without gap."""
        query = "INSERT INTO serial VALUES(?, 1) ON CONFLICT(name) DO UPDATE SET last=last+1 RETURNING last"
        return int(self._db.execute(query, (name,)).fetchall()[0][0])

    def set_serials(self, serials: Mapping[str, int]) -> None:
        """Go on from these serials."""
        self._db.executemany("REPLACE INTO serial VALUES(?, ?)", serials.items())

    # pushes

    def receipt(self, key: str) -> tuple[str, str] | None:
        """(content, answer) of an accepted push with this transaction key."""
        found = self._db.execute("SELECT content, answer FROM receipt WHERE key=?", (key,)).fetchone()
        return (str(found[0]), str(found[1])) if found else None

    def keep_receipt(self, key: str, content: str, answer: str) -> None:
        """Remember a transaction key for ever; the first content stays."""
        self._db.execute("INSERT OR IGNORE INTO receipt VALUES(?, ?, ?)", (key, content, answer))

    def note_push(self, at: datetime, path: str, body: bytes, answer: bytes) -> None:
        """Note what was received by push and what was answered."""
        self._db.execute("INSERT INTO push(at, path, body, answer) VALUES(?, ?, ?, ?)", (stamp(at), path, body, answer))

    def pushes(self) -> Iterator[tuple[str, str, bytes, bytes]]:
        """(at, path, body, answer) of every push, in order of arrival."""
        return self._db.execute("SELECT at, path, body, answer FROM push ORDER BY id")

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

    def _changing(self, row: Row) -> None:
        self._totals.clear()
        skew = self.skew()
        if skew:
            row["gxsj"] = stamp(read_stamp(row["gxsj"]) + skew)


def _columns(row: Row) -> tuple[str, str, str, str, str, str, bytes]:
    body = orjson.dumps(row)
    ah = row["ah"] or ""
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return row["ajbs"], ah, half_width(ah), row["fwlsh"], row["gxsj"], digest, body
