"""The petition office's own SQLite file: its letters, which of them were exchanged, and what it holds of our pushes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import orjson

from connectors.sandbox.partner_store import Key, PartnerStore
from connectors.sandbox.petition_letters import Letter
from connectors.sandbox.stamps import moved_on, read_stamp

WAITING, EXCHANGED = "0", "20"
_INSERT = "INSERT INTO letter(gxsj, hash, body, sjjhzt, xfjbh) VALUES(?, ?, ?, ?, ?)"
_UPDATE = "UPDATE letter SET gxsj=?, hash=?, body=?, sjjhzt=? WHERE xfjbh=?"


class PetitionStore(PartnerStore):
    """One open store of the petition office."""

    tables = """
CREATE TABLE letter(
    id INTEGER PRIMARY KEY, xfjbh TEXT NOT NULL UNIQUE, gxsj TEXT NOT NULL, sjjhzt TEXT NOT NULL, hash TEXT NOT NULL,
    body BLOB NOT NULL);
CREATE TABLE held(sxfjbh TEXT PRIMARY KEY, hash TEXT NOT NULL, item BLOB NOT NULL) WITHOUT ROWID;
"""
    indexes = """
CREATE INDEX letter_listed ON letter(gxsj, xfjbh);
CREATE INDEX letter_waiting ON letter(gxsj, xfjbh) WHERE sjjhzt = '0';
"""

    def fill(self, letters: Iterable[Letter]) -> None:
        """Insert letters of the history as they are, none of them exchanged yet."""
        self._db.executemany(_INSERT, (_columns(letter) for letter in letters))

    def add(self, letter: Letter) -> None:
        """Insert a letter; raises sqlite3.IntegrityError when its xfjbh is taken."""
        self._changing(letter)
        self._db.execute(_INSERT, _columns(letter))

    def replace(self, letter: Letter) -> None:
        """Write a changed letter; any change makes it wait for exchange again (3.9)."""
        self._changing(letter)
        self._db.execute(_UPDATE, _columns(letter))

    def delete(self, xfjbh: str) -> None:
        """Take a letter away without notice."""
        self._db.execute("DELETE FROM letter WHERE xfjbh=?", (xfjbh,))

    def get(self, xfjbh: str) -> Letter | None:
        """The letter, unless it was deleted."""
        found = self._db.execute("SELECT body FROM letter WHERE xfjbh=?", (xfjbh,)).fetchone()
        return orjson.loads(found[0]) if found else None

    def row(self, xfjbh: str) -> Letter | None:
        """The letter as the wire shows it (3.3)."""
        found = self._db.execute("SELECT body, hash, sjjhzt FROM letter WHERE xfjbh=?", (xfjbh,)).fetchone()
        return _row(*found) if found else None

    def waiting(self, limit: int) -> list[str]:
        """The xfjbh of letters not exchanged yet, oldest change first."""
        query = "SELECT xfjbh FROM letter WHERE sjjhzt='0' ORDER BY gxsj, xfjbh LIMIT ?"
        return [xfjbh for (xfjbh,) in self._db.execute(query, (limit,))]

    def exchange(self, numbers: Iterable[str]) -> list[Letter]:
        """Mark these letters exchanged and return them as the wire shows them, in that order."""
        rows: list[Letter] = []
        for xfjbh in numbers:
            self._db.execute("UPDATE letter SET sjjhzt=? WHERE xfjbh=?", (EXCHANGED, xfjbh))
            row = self.row(xfjbh)
            if row is not None:
                rows.append(row)
        return rows

    def listing(self, begin: str, end: str) -> list[Letter]:
        """``{xfjbh, gxsj, hash}`` of every letter with begin ≤ gxsj < end."""
        query = "SELECT xfjbh, gxsj, hash FROM letter WHERE gxsj>=? AND gxsj<? ORDER BY gxsj, xfjbh"
        names = ("xfjbh", "gxsj", "hash")
        return [dict(zip(names, found, strict=True)) for found in self._db.execute(query, (begin, end))]

    def keys(self, native_id: str = "") -> Iterator[Key]:
        """Key of every letter, or of one."""
        condition, values = ("WHERE xfjbh=?", (native_id,)) if native_id else ("", ())
        query = f"SELECT xfjbh, gxsj, hash FROM letter {condition} ORDER BY gxsj, xfjbh"
        return (Key(xfjbh, "", gxsj, digest) for xfjbh, gxsj, digest in self._db.execute(query, values))

    def numbers(self) -> list[str]:
        """Every xfjbh, in the order of registration."""
        return [xfjbh for (xfjbh,) in self._db.execute("SELECT xfjbh FROM letter ORDER BY id")]

    def all_letters(self) -> Iterator[Letter]:
        """Every letter."""
        return (orjson.loads(body) for (body,) in self._db.execute("SELECT body FROM letter ORDER BY id"))

    # what we pushed

    def hold(self, sxfjbh: str, item: Letter) -> None:
        """Remember a push that was taken, for ever."""
        body = orjson.dumps(item)
        self._db.execute("INSERT INTO held VALUES(?, ?, ?)", (sxfjbh, _digest(body), body))

    def held(self, sxfjbh: str) -> Letter | None:
        """``{sxfjbh, hash, item}`` of a push that was taken (3.8)."""
        found = self._db.execute("SELECT hash, item FROM held WHERE sxfjbh=?", (sxfjbh,)).fetchone()
        return {"sxfjbh": sxfjbh, "hash": found[0], "item": orjson.loads(found[1])} if found else None

    def _changing(self, letter: Letter) -> None:
        skew = self.skew()
        if skew:
            held = self.get(letter["xfjbh"])
            letter["gxsj"] = moved_on(read_stamp(letter["gxsj"]) + skew, held["gxsj"] if held else None)


def _columns(letter: Letter) -> tuple[str, str, bytes, str, str]:
    content = orjson.dumps([letter["xfj"], letter["xfr"], letter["blfss"]])
    return letter["gxsj"], _digest(content), orjson.dumps(letter), WAITING, letter["xfjbh"]


def _row(body: bytes, digest: str, sjjhzt: str) -> Letter:
    letter: Letter = orjson.loads(body)
    return {
        "xfjbh": letter["xfjbh"], "gxsj": letter["gxsj"], "hash": digest, "xfj": letter["xfj"] | {"sjjhzt": sjjhzt},
        "xfr": letter["xfr"], "blfss": letter["blfss"],
    }  # fmt: skip


def _digest(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
