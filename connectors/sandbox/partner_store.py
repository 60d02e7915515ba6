"""A simulated partner's own SQLite file: its agenda, its clock and serials, what was pushed to it; tables of its own.

Memory does not grow with the partner's size. The file belongs to one process.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Self

import orjson

from connectors.sandbox.stamps import read_stamp, stamp

_SCHEMA = """
CREATE TABLE agenda(due TEXT, key TEXT, step TEXT NOT NULL, payload BLOB NOT NULL, PRIMARY KEY(due, key)) WITHOUT ROWID;
CREATE TABLE fact(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE serial(name TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE push(
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, path TEXT NOT NULL, body BLOB NOT NULL, answer BLOB NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Key:
    """What ``view`` tells of one row."""

    native_id: str
    native_no: str
    version: str
    hash: str


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of the agenda: something the partner will do by itself."""

    due: datetime
    key: str
    name: str
    payload: Mapping[str, Any]


class PartnerStore:
    """One open store. Writes outside :meth:`transaction` are committed one by one."""

    #: the partner's own tables
    tables: ClassVar[str] = ""
    #: made after the history is written: building them once is faster than keeping them up
    indexes: ClassVar[str] = ""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        # a simulated partner may lose its last second in a power cut; it may not be slow
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute("PRAGMA cache_size=-16000")
        #: how far the partner's clock is off for the next change; none unless it misbehaves
        self.skew: Callable[[], timedelta] = timedelta

    @classmethod
    def create(cls, path: Path) -> Self:
        """A new, empty store without indexes; :meth:`finish` makes them."""
        store = cls(path)
        store._db.executescript(_SCHEMA + cls.tables)
        return store

    def finish(self) -> None:
        """Make the indexes after the history has been written."""
        self._db.executescript(self.indexes)
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

    def note_push(self, at: datetime, path: str, body: bytes, answer: bytes) -> None:
        """Note what was received by push and what was answered."""
        self._db.execute("INSERT INTO push(at, path, body, answer) VALUES(?, ?, ?, ?)", (stamp(at), path, body, answer))

    def pushes(self) -> Iterator[tuple[str, str, bytes, bytes]]:
        """(at, path, body, answer) of every push, in order of arrival."""
        return self._db.execute("SELECT at, path, body, answer FROM push ORDER BY id")
