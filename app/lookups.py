"""Reads that only the command line needs: code tables, the mapping worklist, a record's deliveries."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.errors import NotFoundError
from hub.reading import records
from hub.reading.worklists import mapping_worklist_listing
from hub.sight import EVERYTHING
from hub.store.tables import (
    case_records,
    disputes,
    handling_events,
    inbox_items,
    inbox_pages,
    native_codes,
    public_log,
    quarantine,
)

#: more unknown codes than this are one fault, not so many
_MOST_CODES = 1000


async def native_code_rows(
    connection: AsyncConnection, system: str | None = None, table: str | None = None
) -> list[dict[str, Any]]:
    """Native codes with their meaning and who said so."""
    query = select(native_codes).order_by(native_codes.c.system, native_codes.c.table_name, native_codes.c.native_code)
    if system:
        query = query.where(native_codes.c.system == system)
    if table:
        query = query.where(native_codes.c.table_name == table)
    return [
        {
            "system": row.system, "table": row.table_name, "code": row.native_code, "label": row.label,
            "classes": list(row.classes), "source": row.source, "changedAt": row.changed_at,
        }
        for row in await connection.execute(query)
    ]  # fmt: skip


async def unknown_code_rows(
    connection: AsyncConnection, system: str | None = None, table: str | None = None
) -> list[dict[str, Any]]:
    """Codes that came over a wire and that no table explains, with who waits for them."""
    listing = mapping_worklist_listing(systems=[system] if system else None, tables=[table] if table else None)
    rows = await listing.all(connection, _MOST_CODES)
    examples = await records.by_ids(
        connection, EVERYTHING, [row.example_record_id for row in rows if row.example_record_id]
    )
    return [
        {
            "instance": row.instance, "system": row.system, "table": row.table_name, "code": row.native_code,
            "waiting": row.waiting, "firstSeenAt": row.first_seen_at, "lastSeenAt": row.last_seen_at,
            "exampleNativeId": examples[row.example_record_id].native_id if row.example_record_id in examples else None,
        }
        for row in rows
    ]  # fmt: skip


async def trace(connection: AsyncConnection, instance: str, native_id: str) -> dict[str, Any]:
    """Everything that came of one native id: deliveries, records, events, disputes. No citizen's data.

    Raises NotFoundError.
    """
    deliveries = await _deliveries(connection, instance, native_id)
    query = (
        select(case_records)
        .where(case_records.c.instance == instance, case_records.c.native_id == native_id)
        .order_by(case_records.c.received_at, case_records.c.id)
    )
    records = (await connection.execute(query)).all()
    if not deliveries and not records:
        raise NotFoundError(
            f"nothing was ever received from {instance} under {native_id}", hint="The id is the partner's own."
        )
    return {
        "instance": instance,
        "nativeId": native_id,
        "deliveries": deliveries,
        "records": [await _record(connection, row) for row in records],
    }


async def _deliveries(connection: AsyncConnection, instance: str, native_id: str) -> list[dict[str, Any]]:
    query = (
        select(inbox_items, inbox_pages.c.origin, inbox_pages.c.run_id, quarantine.c.code, quarantine.c.field)
        .join(inbox_pages, inbox_pages.c.id == inbox_items.c.page_id)
        .outerjoin(quarantine, quarantine.c.inbox_item_id == inbox_items.c.id)
        .where(inbox_items.c.instance == instance, inbox_items.c.native_id == native_id)
        .order_by(inbox_items.c.id)
    )
    return [
        {
            "itemId": row.id, "nativeNo": row.native_no, "version": row.version, "receivedAt": row.received_at,
            "origin": row.origin, "runId": row.run_id, "state": row.state, "appliedAt": row.applied_at,
            "mappingVersion": row.mapping_version, "recordId": row.record_id, "contentHash": row.content_hash,
            "quarantine": None if row.code is None else {"code": row.code, "field": row.field},
        }
        for row in await connection.execute(query)
    ]  # fmt: skip


async def _record(connection: AsyncConnection, record: Row[Any]) -> dict[str, Any]:
    dispute = (
        await connection.execute(select(disputes).where(disputes.c.id == record.dispute_id))
    ).first() if record.dispute_id else None  # fmt: skip
    query = (
        select(handling_events, public_log.c.sequence)
        .outerjoin(public_log, public_log.c.entry_id == handling_events.c.id)
        .where(handling_events.c.record_id == record.id)
        .order_by(handling_events.c.stream_seq)
    )
    return {
        "id": record.id,
        "nativeNo": record.native_no,
        "state": record.state,
        "nativeState": record.native_state,
        "receivedAt": record.received_at,
        "nativeUpdatedAt": record.native_updated_at,
        "newestItemId": record.newest_item_id,
        "deletedAtSource": record.deleted_at_source,
        "dispute": None if dispute is None else {"id": dispute.id, "code": dispute.code, "state": dispute.state},
        "link": {"method": record.link_method, "confidence": record.link_confidence},
        "events": [
            {
                "id": row.id, "streamSeq": row.stream_seq, "operation": row.operation, "kind": row.kind,
                "occurredAt": row.occurred_at, "recordedAt": row.recorded_at, "nativeCode": row.native_code,
                "actor": row.actor_code, "sourceEventId": row.source_event_id, "itemId": row.item_id,
                "sequence": row.sequence,
            }
            for row in await connection.execute(query)
        ],
    }  # fmt: skip
