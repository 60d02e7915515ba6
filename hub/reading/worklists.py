"""What waits for a person, as lists: quarantined items, by key and reason; never their content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.reading.filters import limited
from hub.reading.listing import Listing
from hub.reading.paging import KeyType, Ordering
from hub.store.tables import inbox_items, quarantine


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
