"""Replay: what was kept is mapped and applied again, without asking the partner; twice changes nothing.

After a connector was mended, old deliveries are read with the new mapping. Tried dry, everything is done in
transactions that are rolled back, and only the differences remain: columns and codes, never what people wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.applying import apply_versions
from hub.desk import Desk
from hub.errors import NotFoundError
from hub.model import Mapper, Source
from hub.store.tables import case_records, data_keys, handling_events, inbox_items, referrals
from hub.store.turn import take_turn
from hub.versions import pending

#: native ids in one transaction
BATCH = 100
#: what is mapped again; what a person discarded stays so
_STATES = ("APPLIED", "PARKED", "QUARANTINED")
#: columns that every applying moves, or that say where a record stands among others
_MOVING = frozenset(
    {
        "id", "first_seen_at", "last_seen_at", "version", "stream_seq", "stream_hash", "order_key", "family_hash",
        "newest_item_id", "mapping_version", "record_id", "county",
    }
)  # fmt: skip
#: columns whose values are codes and may be shown
_CODES = frozenset(
    {"state", "native_state", "category", "category_native", "region_code", "classification", "channel", "outcome",
     "result_outcome", "procedure", "opens_dispute", "owes_return", "is_live", "direction"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """What of one record is another than before: columns, ``old → new`` where they hold codes."""

    native_id: str
    native_no: str
    columns: dict[str, str]
    #: further lines of its history
    events: int
    #: of its referrals
    referrals: dict[str, str]


@dataclass(slots=True)
class Replayed:
    """What a replay did, or would do."""

    items: int = 0
    records: int = 0
    quarantined: int = 0
    #: kept items whose content was erased
    erased: int = 0
    changes: list[Change] = field(default_factory=list)


class _RolledBackError(Exception):
    pass


async def replay(
    desk: Desk, source: Source, mapper: Mapper, *, native_id: str | None = None, is_dry: bool = False
) -> Replayed:
    """Map and apply again what is kept of one record, or of the whole instance. Raises NotFoundError."""
    done = Replayed()
    async with desk.store.read() as connection:
        ids = await _native_ids(connection, source.instance, native_id)
    if native_id is not None and not ids:
        raise NotFoundError(f"nothing is kept of {native_id}", hint="Take a key of `trace` or of `quarantine list`.")
    for start in range(0, len(ids), BATCH):
        try:
            async with desk.store.write() as tx:
                await take_turn(tx, desk.county)
                part = await _again(tx, desk, source, mapper, ids[start : start + BATCH])
                if is_dry:
                    raise _RolledBackError
        except _RolledBackError:
            pass
        done.items, done.records = done.items + part.items, done.records + part.records
        done.quarantined, done.erased = done.quarantined + part.quarantined, done.erased + part.erased
        done.changes += part.changes
    return done


async def _native_ids(tx: AsyncConnection, instance: str, native_id: str | None) -> list[str]:
    query = select(inbox_items.c.native_id).where(inbox_items.c.instance == instance).distinct()
    if native_id is not None:
        query = query.where(inbox_items.c.native_id == native_id)
    return list((await tx.execute(query.order_by(inbox_items.c.native_id))).scalars())


async def _again(tx: AsyncConnection, desk: Desk, source: Source, mapper: Mapper, ids: Sequence[str]) -> Replayed:
    c = inbox_items.c
    mine = (c.instance == source.instance, c.native_id.in_(ids), c.state.in_(_STATES))
    readable = select(data_keys.c.id).where(data_keys.c.id == c.data_key_id, data_keys.c.wrapped.is_not(None)).exists()
    kept = list((await tx.execute(select(c.id).where(*mine, c.body_sealed.is_not(None), readable))).scalars())
    total = (await tx.execute(select(func.count()).select_from(inbox_items).where(*mine))).scalar_one()
    before = await _standing(tx, source.instance, ids)
    done = Replayed(erased=total - len(kept))
    if kept:
        await tx.execute(update(inbox_items).where(c.id.in_(kept)).values(state="PENDING"))
        waiting = await pending(tx, desk, source.instance, mapper, limit=len(kept), item_ids=kept)
        applied = await apply_versions(tx, desk, source, mapper, waiting)
        done.items, done.quarantined = len(kept), applied.quarantined
    after = await _standing(tx, source.instance, ids)
    done.records = len(after)
    done.changes = [
        change
        for name in sorted(after.keys() | before.keys())
        if (change := _changed(name, before.get(name, _NOTHING), after.get(name, _NOTHING))) is not None
    ]
    return done


@dataclass(frozen=True, slots=True)
class _Standing:
    columns: dict[str, Any]
    events: int
    referrals: dict[str, dict[str, Any]]


_NOTHING = _Standing({}, 0, {})


async def _standing(tx: AsyncConnection, instance: str, ids: Sequence[str]) -> dict[tuple[str, str], _Standing]:
    """Each record as it stands in this transaction."""
    r = case_records.c
    records = (await tx.execute(select(case_records).where(r.instance == instance, r.native_id.in_(ids)))).all()
    members = [row.id for row in records]
    query = select(handling_events.c.record_id, func.count()).where(handling_events.c.record_id.in_(members))
    events: dict[str, int] = {row[0]: row[1] for row in await tx.execute(query.group_by(handling_events.c.record_id))}
    handed: dict[str, dict[str, dict[str, Any]]] = {}
    for row in await tx.execute(select(referrals).where(referrals.c.record_id.in_(members))):
        handed.setdefault(row.record_id, {})[row.source_event_id] = _plain(row._mapping)
    return {
        (row.native_id, row.native_no): _Standing(_plain(row._mapping), events.get(row.id, 0), handed.get(row.id, {}))
        for row in records
    }


def _plain(row: Any) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _MOVING}


def _changed(name: tuple[str, str], before: _Standing, after: _Standing) -> Change | None:
    columns = _differences(before.columns, after.columns)
    handed = {
        f"{key} {column}": told
        for key in sorted(before.referrals.keys() | after.referrals.keys())
        for column, told in _differences(before.referrals.get(key, {}), after.referrals.get(key, {})).items()
    }
    events = after.events - before.events
    return Change(*name, columns, events, handed) if columns or handed or events else None


def _differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, str]:
    if not before or not after:
        return {} if before == after else {"record": "new" if not before else "gone"}
    return {
        column: f"{before[column] or '-'} → {value or '-'}" if column in _CODES else "changed"
        for column, value in after.items()
        if before[column] != value
    }
