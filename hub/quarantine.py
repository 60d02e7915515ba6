"""Quarantine: one item that cannot be understood stands aside, whole, with the reason, until somebody decides.

Reasons name the broken rule and the field, never a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.desk import Desk
from hub.errors import ConflictError, MissingFieldError, NotFoundError, UserInputError, VersionConflictError
from hub.jobs import APPLY, put_in_line
from hub.said import LONGEST_REASON, words_of
from hub.store.ids import new_id
from hub.store.lookup import AnyRow, chunks
from hub.store.tables import connector_states, inbox_items, quarantine
from hub.store.turn import take_turn
from hub.versions import Version
from hub.vocabulary import QuarantineState

OPEN, RESOLVED, DISCARDED = (str(state.value) for state in QuarantineState)
#: items that one request may name
MAX_IDS = 100


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
            "code": version.problem.code, "field": version.problem.field, "hint": version.problem.hint, "state": OPEN,
        }  # fmt: skip
        if version.item_id in known:
            again.append({**reason, "item": version.item_id, "attempts": known[version.item_id] + 1})
        else:
            fresh.append(
                {
                    **reason, "id": new_id("qua", desk.county), "county": desk.county, "instance": instance,
                    "inbox_item_id": version.item_id, "attempts": 1, "quarantined_at": now,
                    "version": 1,
                }
            )  # fmt: skip
    if fresh:
        await tx.execute(quarantine.insert(), fresh)
    if again:
        change = update(quarantine).where(quarantine.c.inbox_item_id == bindparam("item"))
        names = ("code", "field", "hint", "state", "attempts")
        await tx.execute(
            change.values(
                {name: bindparam(f"new_{name}") for name in names}
                | {"version": quarantine.c.version + 1}
                | dict.fromkeys(("decided_at", "decided_by", "decided_reason"))
            ),
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
            .where(quarantine.c.inbox_item_id.in_(older), quarantine.c.state == OPEN)
            .values(
                state=RESOLVED, decided_at=now, decided_by="rule:applied", decided_reason="",
                version=quarantine.c.version + 1,
            )
        )  # fmt: skip


async def retry(tx: AsyncConnection, ids: Sequence[str] | None, *, instance: str | None = None) -> int:
    """Put open items back into the line of those to be applied; ``ids`` None means all. Returns how many."""
    query = select(quarantine.c.inbox_item_id).where(quarantine.c.state == OPEN)
    if instance:
        query = query.where(quarantine.c.instance == instance)
    if ids is not None:
        query = query.where(quarantine.c.id.in_(ids))
    items = list((await tx.execute(query)).scalars())
    for part in chunks(items):
        await tx.execute(update(inbox_items).where(inbox_items.c.id.in_(part)).values(state="PENDING"))
    return len(items)


async def retry_later(desk: Desk, ids: Sequence[str] | None, instance: str | None) -> dict[str, int]:
    """Have a worker try open items again: these, or all of an instance. Returns how many of each instance.

    All or none. Raises MissingFieldError, UserInputError, NotFoundError, ConflictError.
    """
    if (ids is None) is (instance is None):
        kind = MissingFieldError if ids is None else UserInputError
        raise kind("give either ids or an instance", field="ids")
    if ids is not None and len(ids) > MAX_IDS:
        raise UserInputError(f"at most {MAX_IDS} items at once", field="ids", hint="Or all of an instance.")
    async with desk.store.write() as tx:
        await take_turn(tx, desk.county)
        concerned = [instance] if instance is not None else await _instances_of(tx, ids or ())
        if instance is not None:
            await _check_known(tx, instance)
        queued = {name: await retry(tx, ids, instance=name) for name in concerned}
        for name in concerned:
            if queued[name]:
                await put_in_line(tx, desk, APPLY, name)
    return queued


async def discard(desk: Desk, quarantine_id: str, *, by: str, reason: str, expected_version: int | None = None) -> None:
    """Set an open item aside for good, with a reason; it stays listed.

    Raises NotFoundError, MissingFieldError, UserInputError, ConflictError, VersionConflictError.
    """
    reason = words_of(reason, "reason", longest=LONGEST_REASON)
    if not reason:
        raise MissingFieldError("a reason is needed to discard", field="reason", hint="Why will nobody need this item?")
    async with desk.store.write() as tx:
        await take_turn(tx, desk.county)
        found = (await tx.execute(select(quarantine).where(quarantine.c.id == quarantine_id))).first()
        if found is None:
            raise not_there(quarantine_id, "id")
        if expected_version is not None and expected_version != found.version:
            raise VersionConflictError(expected_version, found.version)
        _check_open(found)
        await tx.execute(
            update(quarantine)
            .where(quarantine.c.id == quarantine_id)
            .values(
                state=DISCARDED, decided_at=desk.clock(), decided_by=by, decided_reason=reason,
                version=quarantine.c.version + 1,
            )
        )  # fmt: skip
        await tx.execute(update(inbox_items).where(inbox_items.c.id == found.inbox_item_id).values(state=DISCARDED))


def not_there(quarantine_id: str, field: str = "") -> NotFoundError:
    """What to say of an id that nothing has."""
    return NotFoundError(f"nothing in quarantine under {quarantine_id}", hint="Take an id of the list.", field=field)


async def _instances_of(tx: AsyncConnection, ids: Sequence[str]) -> list[str]:
    found = (await tx.execute(select(quarantine).where(quarantine.c.id.in_(ids)))).all()
    missing = sorted(set(ids) - {row.id for row in found})
    if missing:
        raise not_there(missing[0], "ids")
    for row in found:
        _check_open(row)
    return sorted({row.instance for row in found})


async def _check_known(tx: AsyncConnection, instance: str) -> None:
    known = select(connector_states.c.instance).where(connector_states.c.instance == instance)
    if (await tx.execute(known)).first() is None:
        raise NotFoundError("no such instance ever ran", hint="Take a name of `connectors`.", field="instance")


def _check_open(row: AnyRow) -> None:
    if row.state != OPEN:
        raise ConflictError(f"{row.id} is {row.state}, not {OPEN}", hint="It was decided already.")
