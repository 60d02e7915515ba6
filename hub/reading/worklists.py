"""What waits for a person, as lists: quarantined items by key and reason, never their content, and unknown codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.reading.filters import limited
from hub.reading.listing import Listing
from hub.reading.paging import KeyType, Ordering, bytewise
from hub.store.tables import (
    case_records,
    connector_states,
    inbox_items,
    mapping_worklist,
    native_codes,
    quarantine,
    record_unknown_codes,
)


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """One item that could not be understood, and what was decided about it."""

    id: str
    instance: str
    item_key: str
    native_id: str
    native_no: str
    code: str
    field: str
    hint: str
    state: str
    attempts: int
    version: int
    quarantined_at: datetime
    received_at: datetime
    #: the partner's own time of this version; None where its wire gives none
    updated_at: datetime | None
    #: its state in the inbox: PENDING while a worker is about to try it again
    item_state: str
    decided_at: datetime | None
    decided_by: str | None
    decided_reason: str | None


@dataclass(frozen=True, slots=True)
class QuarantineFilter:
    """Conditions that all hold together; None asks for any."""

    instances: Sequence[str] | None = None
    states: Sequence[str] | None = None
    codes: Sequence[str] | None = None


_BY_ID = Ordering("quarantine", (("id", KeyType.TEXT),), descending=True)
_OF_ITEM = {"item_state": inbox_items.c.state}
_QUARANTINE = [
    _OF_ITEM[name].label(name) if name in _OF_ITEM
    else (quarantine if name in quarantine.c else inbox_items).c[name]
    for name in QuarantineRow.__slots__
]  # fmt: skip


def quarantine_listing(wanted: QuarantineFilter) -> Listing[QuarantineRow]:
    """Quarantined items, the latest set apart first. Raises UserInputError."""
    rows = _quarantine_rows()
    for column, values, name in (
        (quarantine.c.instance, wanted.instances, "instances"),
        (quarantine.c.state, wanted.states, "states"),
        (quarantine.c.code, wanted.codes, "codes"),
    ):
        if values is not None:
            rows = rows.where(column.in_(limited(values, name)))
    return Listing(rows, _BY_ID, _quarantine_row)


async def quarantined(connection: AsyncConnection, quarantine_id: str) -> QuarantineRow | None:
    """One item; None where nothing is known under that id."""
    row = (await connection.execute(_quarantine_rows().where(quarantine.c.id == quarantine_id))).first()
    return None if row is None else _quarantine_row(row)


def _quarantine_rows() -> Select[Any]:
    return select(*_QUARANTINE).join_from(quarantine, inbox_items, inbox_items.c.id == quarantine.c.inbox_item_id)


def _quarantine_row(row: Row[Any]) -> QuarantineRow:
    return QuarantineRow(*(row._mapping[name] for name in QuarantineRow.__slots__))


@dataclass(frozen=True, slots=True)
class UnknownCodeRow:
    """A native code that no table explains, and who waits for somebody to explain it."""

    id: str
    instance: str
    #: the product
    system: str
    table_name: str
    native_code: str
    #: what an operator called it; records may still wait to be mapped again
    label: str | None
    first_seen_at: datetime
    last_seen_at: datetime
    waiting: int
    example_record_id: str | None


_BY_PLACE = Ordering(
    "mappingWorklist",
    (("instance", KeyType.TEXT), ("table_name", KeyType.TEXT), ("native_code", KeyType.TEXT), ("id", KeyType.TEXT)),
)


def mapping_worklist_listing(
    *, instances: Sequence[str] | None = None, systems: Sequence[str] | None = None, tables: Sequence[str] | None = None
) -> Listing[UnknownCodeRow]:
    """Unknown codes by instance, table and code. Raises UserInputError."""
    c, carried = mapping_worklist.c, record_unknown_codes.c
    # one that never ran here is most often named like its product
    system = func.coalesce(connector_states.c.product, c.instance)
    who = (
        select(record_unknown_codes)
        .join(case_records, case_records.c.id == carried.record_id)
        .where(carried.table_name == c.table_name, carried.native_code == c.native_code)
        .where(case_records.c.instance == c.instance)
    )
    rows = (
        select(
            c.id, bytewise(c.instance).label("instance"), system.label("system"),
            bytewise(c.table_name).label("table_name"), bytewise(c.native_code).label("native_code"),
            native_codes.c.label.label("label"), c.first_seen_at, c.last_seen_at,
            who.with_only_columns(func.count()).scalar_subquery().label("waiting"),
            who.with_only_columns(func.min(carried.record_id)).scalar_subquery().label("example_record_id"),
        )
        .select_from(mapping_worklist)
        .outerjoin(connector_states, connector_states.c.instance == c.instance)
        .outerjoin(
            native_codes,
            (native_codes.c.system == system)
            & (native_codes.c.table_name == c.table_name)
            & (native_codes.c.native_code == c.native_code),
        )
    )  # fmt: skip
    for column, values, name in (
        (c.instance, instances, "instances"), (system, systems, "systems"), (c.table_name, tables, "tables"),
    ):  # fmt: skip
        if values is not None:
            rows = rows.where(column.in_(limited(values, name)))
    return Listing(rows, _BY_PLACE, _unknown_code_row)


def _unknown_code_row(row: Row[Any]) -> UnknownCodeRow:
    return UnknownCodeRow(*(row._mapping[name] for name in UnknownCodeRow.__slots__))
