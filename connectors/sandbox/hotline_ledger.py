"""What a simulated partner's own SQLite file keeps besides its records: agenda, clock, serials, receipts, pushes.

The file belongs to one process. Writes outside :meth:`Ledger.transaction` are committed one by one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import orjson

from connectors.sandbox.court_rows import read_stamp, stamp
from connectors.sandbox.court_store import Step

SCHEMA = """
CREATE TABLE agenda(due TEXT, key TEXT, step TEXT NOT NULL, payload BLOB NOT NULL, PRIMARY KEY(due, key)) WITHOUT ROWID;
CREATE TABLE fact(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE serial(name TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE receipt(key TEXT PRIMARY KEY, content BLOB NOT NULL, answer BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE push(
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, path TEXT NOT NULL, body BLOB NOT NULL, answer BLOB NOT NULL);
"""


class Ledger:
    """One open file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        # a simulated partner may lose its last second in a power cut; it may not be slow
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute("PRAGMA cache_size=-16000")

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

    def receipt(self, key: str) -> tuple[bytes, bytes] | None:
        """(content, answer) of an accepted push with this transaction key."""
        found = self._db.execute("SELECT content, answer FROM receipt WHERE key=?", (key,)).fetchone()
        return (bytes(found[0]), bytes(found[1])) if found else None

    def keep_receipt(self, key: str, content: bytes, answer: bytes) -> None:
        """Remember a transaction key for ever; the first content stays."""
        self._db.execute("INSERT OR IGNORE INTO receipt VALUES(?, ?, ?)", (key, content, answer))

    def note_push(self, at: datetime, path: str, body: bytes, answer: bytes) -> None:
        """Note what was received by push and what was answered."""
        self._db.execute("INSERT INTO push(at, path, body, answer) VALUES(?, ?, ?, ?)", (stamp(at), path, body, answer))

    def pushes(self) -> Iterator[tuple[str, str, bytes, bytes]]:
        """(at, path, body, answer) of every push, in order of arrival."""
        return self._db.execute("SELECT at, path, body, answer FROM push ORDER BY id")
