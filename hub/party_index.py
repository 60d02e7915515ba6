"""The blind index of parties' numbers, in two slots: one is whole and looked up, the other is filled or emptied aside.

So that the index can be made anew under another key while the hub serves. Whoever compares or finds by the index goes
through here: at every moment both ends of a comparison come from the same slot.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnElement, case, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.sealing import KeyRing
from hub.store.tables import parties
from hub.store.tables.identity import store_identity
from hub.store_identity import SLOT

ID, PHONE = "id", "phone"

_slot = select(store_identity.c.value).where(store_identity.c.name == SLOT).scalar_subquery()


def column(kind: str, slot: int) -> Column[Any]:
    """Where the index of a kind (``id``, ``phone``) lies."""
    return parties.c[f"{kind}_index" if slot == 1 else f"{kind}_index_{slot}"]


def compared(kind: str) -> ColumnElement[Any]:
    """What one statement may compare between its rows. Not to search by: no database index serves it."""
    return case((_slot == "2", column(kind, 2)), else_=column(kind, 1)).label(f"{kind}_index")


async def live_slot(tx: AsyncConnection) -> int:
    """The slot that stays whole until this write ends: the one of ``KeyRing.blind_index``."""
    return int(await tx.scalar(select(_slot)) or 1)


def indexed(keys: KeyRing, kind: str, number: str) -> dict[str, str]:
    """The columns of a row that is written now."""
    return {str(column(kind, slot).name): value for slot, value in keys.blind_indexes(kind, number).items()}
