"""The public log as somebody reads it: in its order, from any place on, and nothing of what is hidden from them.

An entry about a hidden row is passed over, and the place to go on from moves past it all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.errors import UserInputError
from hub.sight import Sight
from hub.store.lookup import chunks
from hub.store.tables import case_records, disputes, handling_events, link_decisions, public_log, unsequenced

#: entries that one page looks at, hidden ones included
SCAN = 500
#: entries that one page tells
PAGE = 100

#: what an act in a dispute's own stream names besides its dispute
_OTHER_DISPUTES, _OTHER_RECORDS = ("into", "to"), ("record",)


@dataclass(frozen=True, slots=True)
class ChangedDispute:
    """A dispute that an entry concerns, as it stood when the entry was read."""

    id: str
    code: str
    version: int


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One entry of the log: what it is about, by keys; never a word of it."""

    sequence: int
    #: EVENT, LINK or RECORD
    entry_kind: str
    #: what happened; None where it is no event
    event_kind: str | None
    at: datetime
    disputes: tuple[ChangedDispute, ...]
    record_ids: tuple[str, ...]
    #: every dispute it concerns, hidden ones and those merged into them included: only to compare with, never to tell
    about: frozenset[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Changes:
    """A stretch of the log."""

    rows: Sequence[ChangeRow]
    #: read up to here, hidden entries included: the next page begins behind it
    position: int
    #: whether the log may go on right behind ``position``
    more: bool


async def head(connection: AsyncConnection) -> int:
    """The sequence of the newest entry; 0 while there is none."""
    newest: int | None = (await connection.execute(select(func.max(public_log.c.sequence)))).scalar_one()
    return newest or 0


async def waiting(connection: AsyncConnection) -> int:
    """How many committed entries have no place yet."""
    return int((await connection.execute(select(func.count()).select_from(unsequenced))).scalar_one())


async def page(connection: AsyncConnection, sight: Sight, after: int, first: int = PAGE, scan: int = SCAN) -> Changes:
    """Entries behind ``after``: at most ``first``, out of the next ``scan``. The connection sees one moment
    (``Store.snapshot``), else an entry may be told as of two. Raises UserInputError where the log has not come so far.
    """
    found = (await connection.execute(_entries(after, scan))).all() if after >= 0 else []
    if not found:
        await check_reached(connection, after)
        return Changes((), after, False)
    about = await _About.of(connection, sight, found)
    rows: list[ChangeRow] = []
    for entry in found:
        row = about.told(entry)
        if row is None:
            continue
        if len(rows) == first:
            return Changes(rows, rows[-1].sequence if rows else after, True)
        rows.append(row)
    return Changes(rows, found[-1].sequence, len(found) == scan)


async def check_reached(connection: AsyncConnection, after: int) -> None:
    """Raises UserInputError where the log has not come so far."""
    if after < 0 or (after > 0 and after > await head(connection)):
        # the place was given by another database, or before a backup was restored
        raise UserInputError(
            "the public log has no such place", hint="Ask for changes without after, then read what you show anew.",
            field="after",
        )  # fmt: skip


def _entries(after: int, scan: int) -> Any:
    log, event, decision = public_log.c, handling_events.c, link_decisions.c
    return (
        select(
            log.sequence, log.entry_kind, log.entry_id, log.sequenced_at, event.kind, event.record_id,
            event.dispute_id, event.data, decision.from_record_id, decision.to_record_id,
        )
        .select_from(public_log)
        .outerjoin(handling_events, event.id == log.entry_id)
        .outerjoin(link_decisions, decision.id == log.entry_id)
        .where(log.sequence > after)
        .order_by(log.sequence)
        .limit(scan)
    )  # fmt: skip


class _About:
    """What some entries are about: records, disputes and what was merged into these; and which of them are seen."""

    def __init__(self) -> None:
        #: the dispute of each record, as of now
        self._dispute_of: dict[str, str | None] = {}
        self._seen_records: set[str] = set()
        self._seen_disputes: dict[str, ChangedDispute] = {}
        #: disputes whose first record belongs to this one now: what was merged into it
        self._merged: dict[str, set[str]] = {}

    @classmethod
    async def of(cls, connection: AsyncConnection, sight: Sight, entries: Iterable[Row[Any]]) -> _About:
        about = cls()
        records: set[str] = set()
        known: set[str] = set()
        for entry in entries:
            records.update(_records(entry))
            known.update(_own_disputes(entry))
        await about._read_records(connection, sight, records)
        known.update(dispute for dispute in about._dispute_of.values() if dispute is not None)
        await about._read_disputes(connection, sight, known)
        return about

    async def _read_records(self, connection: AsyncConnection, sight: Sight, ids: Collection[str]) -> None:
        rec = case_records.c
        for part in chunks(ids):
            query = select(rec.id, rec.dispute_id).where(rec.id.in_(part))
            self._dispute_of.update((row.id, row.dispute_id) for row in await connection.execute(query))
            seen = select(rec.id).where(rec.id.in_(part), sight.records())
            self._seen_records.update((await connection.execute(seen)).scalars())

    async def _read_disputes(self, connection: AsyncConnection, sight: Sight, ids: Collection[str]) -> None:
        one, rec = disputes.c, case_records.c
        for part in chunks(ids):
            seen = select(one.id, one.code, one.version).where(one.id.in_(part), sight.disputes())
            for row in await connection.execute(seen):
                self._seen_disputes[row.id] = ChangedDispute(row.id, row.code, row.version)
            merged = (
                select(rec.dispute_id.label("into"), one.id)
                .join(disputes, one.opening_record_id == rec.id)
                .where(rec.dispute_id.in_(part))
            )
            for into, shell in await connection.execute(merged):
                self._merged.setdefault(into, set()).add(shell)

    def told(self, entry: Row[Any]) -> ChangeRow | None:
        """The entry as it may be told; None where it is hidden."""
        records = _records(entry)
        if entry.entry_kind != "EVENT" or entry.record_id is not None:
            if not records or not all(record in self._seen_records for record in records):
                return None
            concerned = dict.fromkeys(self._dispute_of[record] for record in records)
        else:
            if entry.dispute_id not in self._seen_disputes:
                return None
            concerned = dict.fromkeys(_own_disputes(entry))
        ids = [dispute for dispute in concerned if dispute is not None]
        about = frozenset(ids).union(*(self._merged.get(dispute, ()) for dispute in ids))
        return ChangeRow(
            entry.sequence, entry.entry_kind, entry.kind, entry.sequenced_at,
            tuple(self._seen_disputes[one] for one in ids if one in self._seen_disputes),
            tuple(record for record in records if record in self._seen_records), about,
        )  # fmt: skip


def _records(entry: Row[Any]) -> list[str]:
    if entry.entry_kind == "LINK":
        return [entry.from_record_id, entry.to_record_id]
    if entry.entry_kind == "RECORD":
        return [entry.entry_id.partition("@")[0]]
    if entry.record_id is not None:
        return [entry.record_id]
    return [entry.data[name] for name in _OTHER_RECORDS if name in entry.data]


def _own_disputes(entry: Row[Any]) -> list[str]:
    if entry.dispute_id is None:
        return []
    return [entry.dispute_id, *(entry.data[name] for name in _OTHER_DISPUTES if name in entry.data)]
