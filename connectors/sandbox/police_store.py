"""The police's own SQLite file: every version of every form, every batch that left, what the hub handed in.

The held version of a form is the one with the greatest GXSJ (ties: the one written later), as WIRES.md 2.7 says.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import orjson

from connectors.sandbox.partner_store import Key, PartnerStore
from connectors.sandbox.police_forms import JJD, NUMBER, WITHDRAWN, YSHZ, Form, clock_of
from connectors.sandbox.police_life import Change
from connectors.sandbox.stamps import moved_on, read_stamp, stamp

_INSERT = "INSERT INTO version(dataset, number, jjdbh, gxsj, clock, send_at, body) VALUES(?, ?, ?, ?, ?, ?, ?)"
_HELD = "ORDER BY gxsj DESC, id DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one form."""

    id: int
    dataset: str
    row: Form
    #: serial of the batch that first carried it; None while it waits
    batch: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as it was written."""

    id: int
    serial: int
    name: str
    sha256: str
    #: ``rows``, or the last second of the month that a month-end file is about
    kind: str
    #: how often its content was sent before
    tries: int
    #: written, double (to be overwritten), withheld (its serial never comes), acked, rejected
    state: str
    #: dataset → first data line, ids of the versions in the order of their lines
    parts: dict[str, tuple[int, Sequence[int]]]


class PoliceStore(PartnerStore):
    """One open store."""

    tables = """
    CREATE TABLE version(
        id INTEGER PRIMARY KEY, dataset TEXT NOT NULL, number TEXT NOT NULL, jjdbh TEXT NOT NULL, gxsj TEXT NOT NULL,
        clock TEXT NOT NULL, send_at TEXT NOT NULL, batch INTEGER, body BLOB NOT NULL);
    CREATE INDEX version_waiting ON version(send_at) WHERE batch IS NULL;
    CREATE INDEX version_clock ON version(dataset, clock);
    CREATE INDEX version_form ON version(dataset, number, gxsj);
    CREATE TABLE again(send_at TEXT NOT NULL, version INTEGER NOT NULL);
    CREATE TABLE deleted(jjdbh TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE batch(
        id INTEGER PRIMARY KEY, serial INTEGER NOT NULL, name TEXT NOT NULL, sha256 TEXT NOT NULL, kind TEXT NOT NULL,
        tries INTEGER NOT NULL, state TEXT NOT NULL, ack BLOB);
    CREATE INDEX batch_name ON batch(name, sha256);
    CREATE TABLE part(
        batch INTEGER NOT NULL, dataset TEXT NOT NULL, first_line INTEGER NOT NULL, versions BLOB NOT NULL,
        PRIMARY KEY(batch, dataset)) WITHOUT ROWID;
    CREATE TABLE handed_in(key TEXT PRIMARY KEY, content TEXT NOT NULL, file TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE seen(path TEXT PRIMARY KEY, mark TEXT NOT NULL) WITHOUT ROWID;
    """
    indexes = "CREATE INDEX version_call ON version(jjdbh, dataset, number, gxsj);"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._db.execute("PRAGMA temp_store=FILE")

    # forms

    def fill(self, changes: Iterable[Change]) -> None:
        """Insert versions of the history as they are."""
        self._db.executemany(_INSERT, (_columns(c.dataset, c.row, c.send_at, None) for c in changes))

    def write(self, dataset: str, row: Form, send_at: datetime) -> Version:
        """Insert a version; its GXSJ moves past the held one's, and by the partner's skew if it misbehaves."""
        held = self.held(dataset, row[NUMBER[dataset]])
        clock = None
        if held is not None:
            if row["GXSJ"] <= held.row["GXSJ"]:
                row = row | {"GXSJ": stamp(read_stamp(held.row["GXSJ"]) + timedelta(seconds=1))}
            if row["GXBS"] == WITHDRAWN:
                # an emptied row still belongs to its month
                found = self._db.execute("SELECT clock FROM version WHERE id=?", (held.id,)).fetchone()
                clock = str(found[0])
        skew = self.skew()
        if skew:
            row = row | {"GXSJ": moved_on(read_stamp(row["GXSJ"]) + skew, held.row["GXSJ"] if held else None)}
        inserted = self._db.execute(_INSERT, _columns(dataset, row, send_at, clock))
        return Version(int(inserted.lastrowid or 0), dataset, row)

    def rewrite(self, version: Version) -> None:
        """Change a version in place: the book itself says so."""
        self._db.execute("UPDATE version SET body=? WHERE id=?", (orjson.dumps(version.row), version.id))

    def held(self, dataset: str, number: str) -> Version | None:
        """The valid or withdrawn latest version of a form."""
        query = f"SELECT id, dataset, body, batch FROM version WHERE dataset=? AND number=? {_HELD}"
        found = self._db.execute(query, (dataset, number)).fetchone()
        return _version(found) if found else None

    def of_call(self, jjdbh: str) -> list[Version]:
        """The held version of every form of one call."""
        query = "SELECT id, dataset, body, batch, number FROM version WHERE jjdbh=? ORDER BY dataset, number, gxsj, id"
        latest = {(found[1], found[4]): found for found in self._db.execute(query, (jjdbh,))}
        return [_version(found[:4]) for found in latest.values()]

    def knows(self, jjdbh: str) -> bool:
        """Some form of this call was written, and the call not deleted."""
        found = self._db.execute("SELECT 1 FROM version WHERE jjdbh=? LIMIT 1", (jjdbh,)).fetchone()
        return found is not None

    def delete(self, jjdbh: str) -> None:
        """Take a call out of the book, with all its forms; nothing more is ever written about it."""
        # rows of a batch that still can be rejected are no longer there to be repaired
        self._db.execute("DELETE FROM again WHERE version IN (SELECT id FROM version WHERE jjdbh=?)", (jjdbh,))
        self._db.execute("DELETE FROM version WHERE jjdbh=?", (jjdbh,))
        self._db.execute("INSERT OR IGNORE INTO deleted VALUES(?)", (jjdbh,))

    def is_deleted(self, jjdbh: str) -> bool:
        """The call was taken out of the book."""
        return self._db.execute("SELECT 1 FROM deleted WHERE jjdbh=?", (jjdbh,)).fetchone() is not None

    def versions(self, dataset: str) -> Iterator[tuple[str, str, int, Form]]:
        """(JJDBH, number, batch, row) of every version, call by call, each form's oldest first."""
        query = (
            "SELECT jjdbh, number, coalesce(batch, 0), body FROM version WHERE dataset=?"
            " ORDER BY jjdbh, number, gxsj, id"
        )
        for jjdbh, number, batch, body in self._db.execute(query, (dataset,)):
            yield jjdbh, number, batch, orjson.loads(body)

    def calls(self, month: str = "") -> list[str]:
        """Every JJDBH, or those of one ``YYYY-MM``."""
        query = "SELECT DISTINCT jjdbh FROM version WHERE dataset=? AND clock>=? AND clock<? ORDER BY jjdbh"
        return [jjdbh for (jjdbh,) in self._db.execute(query, (JJD, month, f"{month}~"))]

    def keys(self, jjdbh: str = "") -> Iterator[Key]:
        """(JJDBH, '', greatest GXSJ of its forms, hash of their held versions) of every call, or of one."""
        condition, values = ("AND jjdbh=?", (jjdbh,)) if jjdbh else ("", ())
        query = (
            "SELECT jjdbh, dataset, number, gxsj, body FROM version WHERE jjdbh<>''"
            f" {condition} ORDER BY jjdbh, dataset, number, gxsj, id"
        )
        call, version = "", ""
        bodies: dict[tuple[str, str], bytes] = {}
        for found, dataset, number, gxsj, body in self._db.execute(query, values):
            if found != call and call:
                yield _key(call, version, bodies)
            if found != call:
                call, version, bodies = found, "", {}
            version, bodies[dataset, number] = max(version, gxsj), body
        if call:
            yield _key(call, version, bodies)

    def month(self, dataset: str, columns: Iterable[str], month: str, until: datetime) -> list[Form]:
        """Held at that moment: these columns of the latest version of every form of the month, withdrawn or not."""
        query = (
            "SELECT number, body FROM version WHERE dataset=? AND clock>=? AND clock<?"
            # what a wrong clock stamped later was held by then all the same
            " AND (gxsj<=? OR send_at<=?) ORDER BY number, gxsj, id"
        )
        values = (dataset, month, f"{month}~", stamp(until), stamp(until))
        latest: dict[str, Form] = {}
        for number, body in self._db.execute(query, values):
            row = orjson.loads(body)
            latest[number] = {name: row[name] for name in columns}
        return list(latest.values())

    # what leaves the house

    def waiting(self, until: datetime) -> list[int]:
        """Versions that may leave by then, in the order in which they became ready; repeats of earlier ones last."""
        query = "SELECT id FROM version WHERE batch IS NULL AND send_at<=? ORDER BY send_at, id"
        ids = [found for (found,) in self._db.execute(query, (stamp(until),))]
        again = [found for (found,) in self._db.execute("SELECT version FROM again WHERE send_at<=?", (stamp(until),))]
        self._db.execute("DELETE FROM again WHERE send_at<=?", (stamp(until),))
        return ids + again

    def repeat(self, version: int, send_at: datetime) -> None:
        """Send a version once more with a later batch."""
        self._db.execute("INSERT INTO again VALUES(?, ?)", (stamp(send_at), version))

    def load(self, ids: Sequence[int]) -> list[Version]:
        """These versions in this order; what was deleted meanwhile is left out."""
        found: dict[int, Version] = {}
        for start in range(0, len(ids), 500):
            some = ids[start : start + 500]
            query = f"SELECT id, dataset, body, batch FROM version WHERE id IN ({','.join('?' * len(some))})"
            found.update((columns[0], _version(columns)) for columns in self._db.execute(query, tuple(some)))
        return [found[id] for id in ids if id in found]

    def carried(self, ids: Iterable[int], serial: int) -> None:
        """These versions left with the batch of this serial, unless they left before."""
        self._db.executemany(
            "UPDATE version SET batch=? WHERE id=? AND batch IS NULL", ((serial, version) for version in ids)
        )

    def keep_batch(self, batch: Batch) -> int:
        """Note a batch; returns its id."""
        inserted = self._db.execute(
            "INSERT INTO batch(serial, name, sha256, kind, tries, state) VALUES(?, ?, ?, ?, ?, ?)",
            (batch.serial, batch.name, batch.sha256, batch.kind, batch.tries, batch.state),
        )
        batch_id = int(inserted.lastrowid or 0)
        for dataset, (first_line, versions) in batch.parts.items():
            packed = array("q", versions).tobytes()
            self._db.execute("INSERT INTO part VALUES(?, ?, ?, ?)", (batch_id, dataset, first_line, packed))
        return batch_id

    def batch(self, name: str, sha256: str) -> Batch | None:
        """The latest batch of this name and content."""
        return self._batch("name=? AND sha256=?", (name, sha256))

    def batch_of_id(self, batch_id: int) -> Batch | None:
        """The batch of this id."""
        return self._batch("id=?", (batch_id,))

    def settle(self, batch: Batch, state: str, ack: bytes | None = None) -> None:
        """Note what became of a batch."""
        self._db.execute("UPDATE batch SET state=?, ack=coalesce(?, ack) WHERE id=?", (state, ack, batch.id))

    def batches(self) -> Iterator[tuple[int, str, str, str, int, str, bytes | None]]:
        """(serial, name, sha256, kind, tries, state, ack) of every batch, as written."""
        return self._db.execute("SELECT serial, name, sha256, kind, tries, state, ack FROM batch ORDER BY id")

    def _batch(self, condition: str, values: tuple[object, ...]) -> Batch | None:
        columns = "id, serial, name, sha256, kind, tries, state"
        query = f"SELECT {columns} FROM batch WHERE {condition} ORDER BY id DESC LIMIT 1"
        found = self._db.execute(query, values).fetchone()
        if found is None:
            return None
        parts: dict[str, tuple[int, Sequence[int]]] = {}
        rows = self._db.execute("SELECT dataset, first_line, versions FROM part WHERE batch=?", (found[0],))
        for dataset, first_line, packed in rows:
            ids = array("q")
            ids.frombytes(packed)
            parts[dataset] = (first_line, ids)
        id_, serial, name, sha256, kind, tries, state = found
        return Batch(id_, serial, name, sha256, kind, tries, state, parts)

    # what the hub hands in

    def handed_in(self, key: str) -> str | None:
        """The content of a row that was accepted under this key."""
        found = self._db.execute("SELECT content FROM handed_in WHERE key=?", (key,)).fetchone()
        return str(found[0]) if found else None

    def accept(self, key: str, content: str, file: str) -> None:
        """Remember a key for ever; the first content stays."""
        self._db.execute("INSERT OR IGNORE INTO handed_in VALUES(?, ?, ?)", (key, content, file))

    def mark_of(self, path: str) -> str:
        """What was last noted about a file; '' for one that was never seen."""
        found = self._db.execute("SELECT mark FROM seen WHERE path=?", (path,)).fetchone()
        return str(found[0]) if found else ""

    def mark(self, path: str, mark: str) -> None:
        """Note something about a file."""
        self._db.execute("REPLACE INTO seen VALUES(?, ?)", (path, mark))


def _columns(
    dataset: str, row: Form, send_at: datetime, clock: str | None
) -> tuple[str, str, str, str, str, str, bytes]:
    by = clock_of(dataset, row) if clock is None else clock
    # the answer to a case of ours names the call that it led to, but is no form of that call
    jjdbh = "" if dataset == YSHZ else row["JJDBH"]
    return dataset, row[NUMBER[dataset]], jjdbh, row["GXSJ"], by, stamp(send_at), orjson.dumps(row)


def _version(found: tuple[int, str, bytes, int | None]) -> Version:
    return Version(found[0], found[1], orjson.loads(found[2]), found[3])


def _key(jjdbh: str, version: str, bodies: dict[tuple[str, str], bytes]) -> Key:
    digest = hashlib.md5(b"\n".join(bodies.values()), usedforsecurity=False).hexdigest()
    return Key(jjdbh, "", version, digest)
