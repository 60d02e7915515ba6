"""Handling events that are facts now: of one record, or of a dispute over all its records in one order.

Superseded and retracted events stay in the store and are not shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Subquery, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.reading import paging
from hub.reading.paging import KeyType, Ordering, Page, Window, bytewise
from hub.sight import Sight
from hub.store.tables import case_records, event_words, handling_events, public_log, record_entries


@dataclass(frozen=True, slots=True)
class EventRow:
    """One thing that happened."""

    id: str
    #: of the record whose stream it belongs to; None for an act of the hub
    record_id: str | None
    #: the record's system; '' for an act of the hub
    system: str
    kind: str
    occurred_at: datetime
    recorded_at: datetime
    actor_code: str
    from_state: str
    to_state: str
    native_code: str
    source: str
    source_event_id: str
    #: codes and numbers
    data: Mapping[str, str]
    #: what people wrote; None where nobody wrote, or after erasure
    words: str | None
    #: place in the public order; None until it is given
    sequence: int | None


class Stream(Enum):
    """Whose history is asked for."""

    DISPUTE = "dispute"
    RECORD = "record"


ORDERING = Ordering(
    "history",
    (
        ("occurred_at", KeyType.INSTANT),
        ("position", KeyType.INTEGER),
        ("kind_rank", KeyType.INTEGER),
        ("source_order", KeyType.TEXT),
        ("id", KeyType.TEXT),
    ),
)

_OWN = (
    "id", "record_id", "kind", "occurred_at", "recorded_at", "actor_code", "from_state", "to_state", "native_code",
    "source", "source_event_id", "data", "position", "kind_rank",
)  # fmt: skip


def _event_columns() -> list[ColumnElement[Any]]:
    source_order = bytewise(handling_events.c.source_event_id).label("source_order")
    return [*(handling_events.c[name] for name in _OWN), source_order]


def _of_records(sight: Sight, parent: ColumnElement[str]) -> Select[Any]:
    return (
        select(parent.label("parent_id"), case_records.c.system.label("system"), *_event_columns())
        .select_from(case_records)
        .join(record_entries, record_entries.c.record_id == case_records.c.id)
        .join(handling_events, handling_events.c.id == record_entries.c.event_id)
        .where(record_entries.c.is_live, sight.records())
    )


def _own_acts(sight: Sight) -> Select[Any]:
    later = handling_events.alias("later")
    taken_back = (
        select(1)
        .where(later.c.dispute_id == handling_events.c.dispute_id, later.c.previous_id == handling_events.c.id)
        .exists()
    )
    return select(
        handling_events.c.dispute_id.label("parent_id"), literal("").label("system"), *_event_columns()
    ).where(handling_events.c.operation != "RETRACT", ~taken_back, sight.dispute_ids(handling_events.c.dispute_id))


def _histories(sight: Sight, stream: Stream, parents: Sequence[str], kinds: Sequence[str] | None) -> Select[Any]:
    """Every current event of these streams, with column ``parent_id``."""
    parts = []
    if stream is Stream.RECORD:
        parts.append(_of_records(sight, case_records.c.id).where(case_records.c.id.in_(parents)))
    else:
        parts.append(_of_records(sight, case_records.c.dispute_id).where(case_records.c.dispute_id.in_(parents)))
        parts.append(_own_acts(sight).where(handling_events.c.dispute_id.in_(parents)))
    if kinds is not None:
        parts = [part.where(handling_events.c.kind.in_(kinds)) for part in parts]
    if len(parts) == 1:
        return parts[0]
    together = union_all(*parts).subquery()
    return select(together)


def _with_words(source: Subquery) -> Select[Any]:
    return (
        select(source, event_words.c.words.label("words"), public_log.c.sequence.label("sequence"))
        .select_from(source)
        .outerjoin(event_words, event_words.c.event_id == source.c.id)
        .outerjoin(public_log, public_log.c.entry_id == source.c.id)
    )


def _row(found: Row[Any]) -> EventRow:
    values = dict(found._mapping)
    # nobody wrote any, or only the actor's name stands beside the event
    values["words"] = values["words"] or None
    return EventRow(*(values[name] for name in EventRow.__slots__))


def _cursor(found: Row[Any]) -> str:
    return ORDERING.encode([found._mapping[name] for name, _ in ORDERING.keys])


async def pages(
    connection: AsyncConnection,
    sight: Sight,
    stream: Stream,
    parents: Sequence[str],
    kinds: Sequence[str] | None,
    asked: Window,
) -> Mapping[str, Page[EventRow]]:
    """The same page of several histories, in one statement; a history without rows there is missing."""
    source = paging.grouped(_histories(sight, stream, parents, kinds), ORDERING, asked)
    found = await connection.execute(_with_words(source).order_by(source.c.parent_id, source.c.place))
    groups: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in found:
        groups[row.parent_id].append(row)
    return {parent: _page(rows, asked) for parent, rows in groups.items()}


def _page(rows: Sequence[Row[Any]], asked: Window) -> Page[EventRow]:
    kept = rows[: asked.size]
    if asked.backward:
        kept = kept[::-1]
    return Page([(_row(row), _cursor(row)) for row in kept], len(rows) > asked.size)


async def totals(
    connection: AsyncConnection, sight: Sight, stream: Stream, parents: Sequence[str], kinds: Sequence[str] | None
) -> Mapping[str, int]:
    """How many current events each history holds; an empty one is missing."""
    return await paging.group_totals(connection, _histories(sight, stream, parents, kinds))


async def any_behind(
    connection: AsyncConnection,
    sight: Sight,
    stream: Stream,
    parents: Sequence[str],
    kinds: Sequence[str] | None,
    asked: Window,
) -> frozenset[str]:
    """The histories with events on the other side of the place that the page started from."""
    return await paging.groups_behind(connection, _histories(sight, stream, parents, kinds), ORDERING, asked)


async def by_ids(connection: AsyncConnection, sight: Sight, ids: Iterable[str]) -> dict[str, EventRow]:
    """The events with these keys that are facts now; others are missing."""
    wanted = list(ids)
    together = union_all(
        _of_records(sight, case_records.c.id).where(record_entries.c.event_id.in_(wanted)),
        _own_acts(sight).where(handling_events.c.id.in_(wanted), handling_events.c.dispute_id.is_not(None)),
    ).subquery()
    return {row.id: _row(row) for row in await connection.execute(_with_words(together))}
