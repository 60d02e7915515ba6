"""Quarantine: one item that cannot be understood stands aside, whole, with the reason, until somebody decides.

Reasons name the broken rule and the field, never a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.desk import Desk
from hub.errors import NotFoundError, UserInputError
from hub.store.ids import new_id
from hub.store.lookup import AnyRow, chunks
from hub.store.tables import inbox_items, quarantine
from hub.versions import Version


async def set_apart(tx: AsyncConnection, desk: Desk, instance: str, refused: Sequence[Version], now: datetime) -> None:
    """Quarantine these items; one that was there before counts another attempt."""
    if not refused:
        return
    known = {}
    for part in chunks([version.item_id for version in refused]):
        query = select(quarantine.c.inbox_item_id, quarantine.c.attempts).where(quarantine.c.inbox_item_id.in_(part))
        known.update({row.inbox_item_id: row.attempts for row in await tx.execute(query)})
    fresh, again = [], []
    for version in refused:
        assert version.problem is not None
        reason = {
            "code": version.problem.code, "field": version.problem.field, "hint": version.problem.hint, "state": "OPEN",
        }  # fmt: skip
        if version.item_id in known:
            again.append({**reason, "item": version.item_id, "attempts": known[version.item_id] + 1})
        else:
            fresh.append(
                {
                    **reason, "id": new_id("qua", desk.county), "county": desk.county, "instance": instance,
                    "inbox_item_id": version.item_id, "attempts": 1, "quarantined_at": now,
                }
            )  # fmt: skip
    if fresh:
        await tx.execute(quarantine.insert(), fresh)
    if again:
        change = update(quarantine).where(quarantine.c.inbox_item_id == bindparam("item"))
        names = ("code", "field", "hint", "state", "attempts")
        await tx.execute(
            change.values({name: bindparam(f"new_{name}") for name in names}),
            [{"item": row["item"], **{f"new_{name}": row[name] for name in names}} for row in again],
        )
    await tx.execute(
        update(inbox_items).where(inbox_items.c.id == bindparam("item")).values(state="QUARANTINED"),
        [{"item": version.item_id} for version in refused],
    )


async def resolve(tx: AsyncConnection, item_ids: Sequence[str], now: datetime) -> None:
    """Items that were understood after all leave the quarantine, and so do older versions of them."""
    understood, other = inbox_items.alias("understood"), inbox_items.c
    for part in chunks(item_ids):
        older = (
            select(other.id)
            .join(understood, (understood.c.instance == other.instance) & (understood.c.item_key == other.item_key))
            .where(understood.c.id.in_(part), other.state.in_(("QUARANTINED", "APPLIED")))
            .where((other.id == understood.c.id) | (other.version < understood.c.version))
        )
        await tx.execute(
            update(quarantine)
            .where(quarantine.c.inbox_item_id.in_(older), quarantine.c.state == "OPEN")
            .values(state="RESOLVED", decided_at=now, decided_by="rule:applied", decided_reason="")
        )


async def listed(
    tx: AsyncConnection, *, instance: str | None = None, state: str | None = "OPEN", limit: int = 100
) -> Sequence[AnyRow]:
    """Quarantined items, newest first: reasons and keys, no content."""
    query = (
        select(
            quarantine, inbox_items.c.item_key, inbox_items.c.native_id, inbox_items.c.native_no,
            inbox_items.c.version, inbox_items.c.received_at,
        )
        .join(inbox_items, inbox_items.c.id == quarantine.c.inbox_item_id)
        .order_by(quarantine.c.id.desc())
        .limit(limit)
    )  # fmt: skip
    if instance:
        query = query.where(quarantine.c.instance == instance)
    if state:
        query = query.where(quarantine.c.state == state)
    return (await tx.execute(query)).all()


async def one(tx: AsyncConnection, quarantine_id: str) -> AnyRow:
    """One quarantined item. Raises NotFoundError."""
    query = (
        select(
            quarantine, inbox_items.c.item_key, inbox_items.c.native_id, inbox_items.c.native_no,
            inbox_items.c.version, inbox_items.c.received_at,
        )
        .join(inbox_items, inbox_items.c.id == quarantine.c.inbox_item_id)
        .where(quarantine.c.id == quarantine_id)
    )  # fmt: skip
    row = (await tx.execute(query)).first()
    if row is None:
        raise NotFoundError(f"nothing in quarantine under {quarantine_id}", hint="See `dispute-hub quarantine list`.")
    return row


async def retry(tx: AsyncConnection, ids: Sequence[str] | None, *, instance: str | None = None) -> int:
    """Put open items back into the line of those to be applied; ``ids`` None means all. Returns how many."""
    query = select(quarantine.c.inbox_item_id).where(quarantine.c.state == "OPEN")
    if instance:
        query = query.where(quarantine.c.instance == instance)
    if ids is not None:
        query = query.where(quarantine.c.id.in_(ids))
    items = list((await tx.execute(query)).scalars())
    for part in chunks(items):
        await tx.execute(update(inbox_items).where(inbox_items.c.id.in_(part)).values(state="PENDING"))
    return len(items)


async def discard(tx: AsyncConnection, quarantine_id: str, *, by: str, reason: str, now: datetime) -> None:
    """Set an item aside for good, with a reason; it stays readable. Raises NotFoundError, UserInputError."""
    if not reason.strip():
        raise UserInputError("a reason is needed to discard", hint="--reason says why nobody will need this item.")
    row = await one(tx, quarantine_id)
    if row.state != "OPEN":
        raise UserInputError(f"{quarantine_id} is {row.state}, not open")
    await tx.execute(
        update(quarantine)
        .where(quarantine.c.id == quarantine_id)
        .values(state="DISCARDED", decided_at=now, decided_by=by, decided_reason=reason)
    )
    await tx.execute(update(inbox_items).where(inbox_items.c.id == row.inbox_item_id).values(state="DISCARDED"))
