"""Files that records name, as anyone may read of them; and the content of a stored one, opened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.sealing import KeyRing
from hub.sight import Sight
from hub.store.tables import attachment_contents, attachments, case_records


@dataclass(frozen=True, slots=True)
class AttachmentRow:
    """A file that a record names, and what became of it."""

    id: str
    instance: str
    record_id: str
    kind: str
    name: str
    state: str
    reason: str | None
    attempts: int
    next_try_at: datetime
    first_seen_at: datetime
    fetched_at: datetime | None
    media_type: str | None
    bytes: int | None
    deleted_at_source: datetime | None


@dataclass(frozen=True, slots=True)
class SealedFile:
    """A stored file as it lies there."""

    id: str
    record_id: str
    name: str
    media_type: str
    content_id: str
    wrapped: bytes
    body_sealed: bytes

    def open(self, keys: KeyRing) -> bytes:
        """Its content. Raises UnreadableError."""
        return keys.open_data_key(self.wrapped, self.content_id).open(self.body_sealed, self.content_id)


_COLUMNS = [attachments.c[name] for name in AttachmentRow.__slots__]


def _row(found: Row[Any]) -> AttachmentRow:
    return AttachmentRow(*(found._mapping[name] for name in AttachmentRow.__slots__))


async def by_ids(connection: AsyncConnection, sight: Sight, ids: Iterable[str]) -> dict[str, AttachmentRow]:
    """The files with these keys; unknown keys are missing."""
    found = await connection.execute(select(*_COLUMNS).where(attachments.c.id.in_(list(ids)), sight.attachments()))
    return {row.id: _row(row) for row in found}


async def of_records(
    connection: AsyncConnection, sight: Sight, record_ids: Iterable[str]
) -> Mapping[str, Sequence[AttachmentRow]]:
    """The files each record names, in the record's own order; those it named once come too, marked."""
    statement = (
        select(*_COLUMNS)
        .where(attachments.c.record_id.in_(list(record_ids)), sight.attachments())
        .order_by(attachments.c.position, attachments.c.id)
    )
    groups: dict[str, list[AttachmentRow]] = defaultdict(list)
    for row in await connection.execute(statement):
        groups[row.record_id].append(_row(row))
    return groups


async def of_disputes(
    connection: AsyncConnection, sight: Sight, dispute_ids: Iterable[str]
) -> Mapping[str, Sequence[AttachmentRow]]:
    """The files of all records of each dispute, the earliest received record's first."""
    statement: Select[Any] = (
        select(*_COLUMNS, case_records.c.dispute_id)
        .join(case_records, case_records.c.id == attachments.c.record_id)
        .where(case_records.c.dispute_id.in_(list(dispute_ids)), sight.attachments())
        .order_by(case_records.c.received_at, case_records.c.id, attachments.c.position, attachments.c.id)
    )
    groups: dict[str, list[AttachmentRow]] = defaultdict(list)
    for row in await connection.execute(statement):
        groups[row.dispute_id].append(_row(row))
    return groups


async def listed(
    connection: AsyncConnection,
    sight: Sight,
    *,
    instance: str | None = None,
    states: Sequence[str] = (),
    limit: int = 100,
) -> list[AttachmentRow]:
    """The latest named first."""
    query = select(*_COLUMNS).where(sight.attachments()).order_by(attachments.c.id.desc()).limit(limit)
    if instance is not None:
        query = query.where(attachments.c.instance == instance)
    if states:
        query = query.where(attachments.c.state.in_(states))
    return [_row(row) for row in await connection.execute(query)]


async def sealed_of(connection: AsyncConnection, sight: Sight, id: str) -> SealedFile | None:
    """The stored file. None where it is unknown, hidden, not stored, or erased."""
    kept = attachment_contents.c
    c = attachments.c
    query = (
        select(c.id, c.record_id, c.name, kept.media_type, kept.id, kept.wrapped, kept.body_sealed)
        .join(attachment_contents, kept.id == attachments.c.content_id)
        .where(attachments.c.id == id, sight.attachments())
    )
    row = (await connection.execute(query)).first()
    return None if row is None else SealedFile(*row)
