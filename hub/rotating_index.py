"""The blind index is made anew under another key while the hub serves: finding and linking never see half of it.

The empty slot gets a key, and from that moment every write fills both. Then the rows of before are filled, batch by
batch. When none is left, at one moment the slots change places: what is compared comes from the new one alone. Then
the old one is emptied. Killed anywhere, it is run again and goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.desk import Desk
from hub.errors import ConflictError
from hub.party_index import ID, PHONE, column
from hub.rotations import BATCH, INDEX, Advance, Rotation, Turn, rows_of, set_identity, turn
from hub.sealing import index_name
from hub.store.tables import parties
from hub.store.tables.identity import store_identity
from hub.store_identity import SLOT, identity

_KINDS = (ID, PHONE)


async def rotate(desk: Desk, advance: Advance) -> Rotation:
    """Index all numbers under a new random key. Raises ConflictError, LeaseLostError, UnreadableError."""
    async with turn(desk, INDEX) as (mine, rotation):
        rotation = rotation or await _begin(mine)
        old, new = int(rotation.old), int(rotation.new)
        total = await rows_of(desk, ("parties",))
        if await _live(desk) != new:
            while not await _switched(mine, old, new):
                await _fill(mine, rotation, new, lambda done: advance(done, total))
        await _empty(mine, old)
        return await mine.finish(rotation)


async def _live(desk: Desk) -> int:
    async with desk.store.read() as connection:
        return int((await identity(connection))[SLOT])


async def _begin(mine: Turn) -> Rotation:
    async def act(tx: AsyncConnection) -> Rotation:
        live = int((await identity(tx))[SLOT])
        new = 3 - live
        name = index_name(new)
        await set_identity(tx, {name: mine.desk.keys.new_kept(name)})
        return await mine.begin(tx, INDEX, str(live), str(new))

    return await mine.change(act)


def _missing(slot: int) -> ColumnElement[bool]:
    """Parties that have a number which this slot lacks."""
    return or_(*(
        and_(parties.c[f"{kind}_sealed"].is_not(None), column(kind, slot).is_(None)) for kind in _KINDS
    ))  # fmt: skip


async def _switched(mine: Turn, old: int, new: int) -> bool:
    """Look up the new slot from now on, and forget the old one's key; False while a row lacks it."""

    async def act(tx: AsyncConnection) -> bool:
        if await tx.scalar(select(exists().where(_missing(new)))):
            return False
        await set_identity(tx, {SLOT: str(new)})
        await tx.execute(store_identity.delete().where(store_identity.c.name == index_name(old)))
        return True

    return await mine.change(act)


async def _fill(mine: Turn, rotation: Rotation, slot: int, advance: Any) -> None:
    # the first act of this write is to take up the new slot's key
    async with mine.write():
        pass
    after = ""
    while rows := await _next(mine.desk, slot, after):
        values = [_values(mine.desk, row, slot) for row in rows]
        same = update(parties).where(
            parties.c.id == bindparam("of"),
            # a row whose number changed meanwhile was filled by who changed it
            *(parties.c[f"{kind}_sealed"].is_not_distinct_from(bindparam(f"{kind}_before")) for kind in _KINDS),
        )
        async with mine.write() as tx:
            await tx.execute(
                same.values({column(kind, slot).name: bindparam(f"{kind}_now") for kind in _KINDS}), values
            )
            await mine.count(tx, rotation, sum(one[f"{kind}_now"] is not None for one in values for kind in _KINDS))
        after = rows[-1].id
        advance(len(rows))
        await mine.breathe()


async def _next(desk: Desk, slot: int, after: str) -> Sequence[Any]:
    c = parties.c
    query = select(c.id, c.id_sealed, c.phone_sealed).where(c.id > after, _missing(slot)).order_by(c.id).limit(BATCH)
    async with desk.store.read() as connection:
        return (await connection.execute(query)).all()


def _values(desk: Desk, row: Any, slot: int) -> dict[str, Any]:
    values: dict[str, Any] = {"of": row.id}
    for kind in _KINDS:
        name = f"{kind}_sealed"
        sealed, now = getattr(row, name), None
        if sealed is not None:
            number = desk.keys.open_field(sealed, table="parties", row=row.id, column=name)
            now = desk.keys.blind_indexes(kind, number).get(slot)
            if now is None:
                raise ConflictError("the new index has no key in this process", hint="Please report it.")
        values |= {f"{kind}_before": sealed, f"{kind}_now": now}
    return values


async def _empty(mine: Turn, slot: int) -> None:
    """Take away what the old key made: its values could still be tried by who has that key."""
    columns = [column(kind, slot) for kind in _KINDS]
    query = select(parties.c.id).where(or_(*(one.is_not(None) for one in columns))).limit(BATCH)
    while True:
        async with mine.write() as tx:
            ids = (await tx.execute(query)).scalars().all()
            await tx.execute(update(parties).where(parties.c.id.in_(ids)).values({one.name: None for one in columns}))
        if not ids:
            return
        await mine.breathe()
