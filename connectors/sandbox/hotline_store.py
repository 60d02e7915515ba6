"""The hotline's own SQLite file: its orders listed by (updatedAt, id), and the events it tells by webhook."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import orjson

from connectors.sandbox.hotline_orders import Order
from connectors.sandbox.partner_store import Key, PartnerStore
from connectors.sandbox.stamps import moved_on, read_stamp, stamp

_TABLES = """
CREATE TABLE receipt(key TEXT PRIMARY KEY, content BLOB NOT NULL, answer BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE item(
    id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, updated_at TEXT NOT NULL, hash TEXT NOT NULL,
    body BLOB NOT NULL);
CREATE TABLE hook(
    id INTEGER PRIMARY KEY, code TEXT NOT NULL, event TEXT NOT NULL, seq INTEGER NOT NULL, occurred_at TEXT NOT NULL,
    body BLOB NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, due REAL NOT NULL);
CREATE INDEX hook_due ON hook(due) WHERE state = 'waiting';
CREATE TABLE attempt(
    id INTEGER PRIMARY KEY, hook_id INTEGER NOT NULL, at REAL NOT NULL, nonce TEXT NOT NULL, outcome TEXT NOT NULL);
CREATE INDEX attempt_hook ON attempt(hook_id);
"""
#: made after the history is written: building it once is faster than keeping it up
_INDEX = "CREATE UNIQUE INDEX item_listed ON item(updated_at, id);"
_INSERT = "INSERT INTO item(id, code, updated_at, hash, body) VALUES(?, ?, ?, ?, ?)"
#: states of an event: waiting for its next attempt, over in one way or another
WAITING, DELIVERED, GIVEN_UP, UNSENT, DROPPED = "waiting", "delivered", "given up", "unsent", "dropped"


@dataclass(frozen=True, slots=True)
class Hook:
    """An event that waits for an attempt."""

    id: int
    body: bytes
    #: attempts made so far
    attempts: int


class HotlineStore(PartnerStore):
    """One open store."""

    tables, indexes = _TABLES, _INDEX

    # orders

    def fill(self, orders: Iterable[Order]) -> None:
        """Insert orders of the history as they are, numbered in this order."""
        self._db.executemany(_INSERT, (_columns(self._numbered(order)) for order in orders))

    def add(self, order: Order) -> Order:
        """Insert an order, which gets its id; raises sqlite3.IntegrityError when its code is taken."""
        self._changing(order)
        self._db.execute(_INSERT, _columns(self._numbered(order)))
        return order

    def replace(self, order: Order) -> None:
        """Write a changed order."""
        self._changing(order)
        order_id, *columns = _columns(order)
        self._db.execute("UPDATE item SET code=?, updated_at=?, hash=?, body=? WHERE id=?", (*columns, order_id))

    def delete(self, code: str) -> None:
        """Take an order away without notice."""
        self._db.execute("DELETE FROM item WHERE code=?", (code,))

    def get(self, code: str) -> Order | None:
        """The order, unless it is unknown or was deleted."""
        found = self._db.execute("SELECT body FROM item WHERE code=?", (code,)).fetchone()
        return orjson.loads(found[0]) if found else None

    def after(self, updated_at: str, order_id: int, limit: int) -> list[Order]:
        """Orders whose (updatedAt, id) is greater, ascending."""
        query = "SELECT body FROM item WHERE (updated_at, id) > (?, ?) ORDER BY updated_at, id LIMIT ?"
        return [orjson.loads(body) for (body,) in self._db.execute(query, (updated_at, order_id, limit))]

    def keys(self, code: str = "") -> Iterator[Key]:
        """(code, '', version, hash) of every order, or of one."""
        condition, values = ("WHERE code=?", (code,)) if code else ("", ())
        query = f"SELECT code, '', updated_at, hash FROM item {condition} ORDER BY updated_at, id"
        return (Key(*columns) for columns in self._db.execute(query, values))

    def codes(self) -> list[str]:
        """Every workordercode, in order of id."""
        return [code for (code,) in self._db.execute("SELECT code FROM item ORDER BY id")]

    def orders(self) -> Iterator[Order]:
        """Every order, in order of id."""
        return (orjson.loads(body) for (body,) in self._db.execute("SELECT body FROM item ORDER BY id"))

    def _numbered(self, order: Order) -> Order:
        order["id"] = self.next_serial("id")
        return order

    def _changing(self, order: Order) -> None:
        skew = self.skew()
        if skew:
            held = self.get(order["workordercode"])
            order["updatedAt"] = moved_on(read_stamp(order["updatedAt"]) + skew, held["updatedAt"] if held else None)

    # calls of the hub

    def receipt(self, key: str) -> tuple[bytes, bytes] | None:
        """(content, answer) of an accepted call with this transaction key."""
        found = self._db.execute("SELECT content, answer FROM receipt WHERE key=?", (key,)).fetchone()
        return (bytes(found[0]), bytes(found[1])) if found else None

    def keep_receipt(self, key: str, content: bytes, answer: bytes) -> None:
        """Remember a transaction key for ever; the first content stays."""
        self._db.execute("INSERT OR IGNORE INTO receipt VALUES(?, ?, ?)", (key, content, answer))

    # events

    def add_hook(self, code: str, event: str, seq: int, at: datetime, body: bytes, state: str) -> None:
        """Note an event; a waiting one is due at once."""
        self._db.execute(
            "INSERT INTO hook(code, event, seq, occurred_at, body, state, attempts, due) VALUES(?,?,?,?,?,?,0,0)",
            (code, event, seq, stamp(at), body, state),
        )

    def due_hooks(self, now: float) -> list[Hook]:
        """Events to try now, in order of their happening."""
        query = "SELECT id, body, attempts FROM hook WHERE state='waiting' AND due<=? ORDER BY id"
        return [Hook(*columns) for columns in self._db.execute(query, (now,))]

    def next_due(self, now: float) -> float | None:
        """When the next event after ``now`` falls due; None where none waits for later."""
        query = "SELECT min(due) FROM hook WHERE state='waiting' AND due>?"
        found = self._db.execute(query, (now,)).fetchone()[0]
        return None if found is None else float(found)

    def note_attempt(self, hook_id: int, at: float, nonce: str, outcome: str) -> None:
        """Note one request and what came of it."""
        query = "INSERT INTO attempt(hook_id, at, nonce, outcome) VALUES(?, ?, ?, ?)"
        self._db.execute(query, (hook_id, at, nonce, outcome))

    def settle_hook(self, hook_id: int, state: str, attempts: int, due: float) -> None:
        """What becomes of an event after an attempt."""
        query = "UPDATE hook SET state=?, attempts=?, due=? WHERE id=?"
        self._db.execute(query, (state, attempts, due, hook_id))

    def hooks(self, code: str = "") -> Iterator[dict[str, object]]:
        """Every event with its attempts, in order of happening; with ``code`` those of one order."""
        condition, values = ("WHERE code=?", (code,)) if code else ("", ())
        query = f"SELECT id, code, event, seq, occurred_at, state FROM hook {condition} ORDER BY id"
        for hook_id, *columns in self._db.execute(query, values):
            found = self._db.execute("SELECT at, nonce, outcome FROM attempt WHERE hook_id=? ORDER BY id", (hook_id,))
            attempts = [dict(zip(("at", "nonce", "outcome"), attempt, strict=True)) for attempt in found]
            names = ("workordercode", "event", "seq", "occurredAt", "state")
            yield dict(zip(names, columns, strict=True)) | {"attempts": attempts}


def _columns(order: Order) -> tuple[int, str, str, str, bytes]:
    body = orjson.dumps(order)
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return order["id"], order["workordercode"], order["updatedAt"], digest, body
