"""The master key is replaced while the hub serves: at no moment is there a value that no running process can open.

First the new key lies in the key file beside the old one: every process finds it there when it meets a value that it
cannot open. Then, at one moment, all writes seal with it. Then what the old one sealed is sealed anew, batch by batch,
until a whole pass finds nothing. Then the old one leaves the file. Killed anywhere, it is run again and goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Table, bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import key_file
from hub.backup import KEYS
from hub.desk import Desk
from hub.errors import ConfigurationError, ConflictError
from hub.inbox import key_owner
from hub.rotations import BATCH, KEY, Advance, Rotation, Turn, all_rotations, rows_of, set_identity, turn
from hub.sealing import KEY_BYTES, KeyRing, fingerprint_of
from hub.store.tables import attachment_contents, backups, data_keys, parties
from hub.store_identity import KEY as KEY_IN_FORCE


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A table's columns that the master key seals."""

    table: Table
    columns: tuple[str, ...]
    #: what else is needed to open them
    beside: tuple[str, ...]
    renew: Callable[[KeyRing, Any, str], bytes]


def _field(keys: KeyRing, row: Any, column: str) -> bytes:
    return keys.renew_field(getattr(row, column), table="parties", row=row.id, column=column)


def _of_record(keys: KeyRing, row: Any, column: str) -> bytes:
    return keys.renew_data_key(getattr(row, column), key_owner(row.instance, row.native_id))


def _of_content(keys: KeyRing, row: Any, column: str) -> bytes:
    return keys.renew_data_key(getattr(row, column), row.id)


#: all that a master key seals; everything else is sealed by a key that is sealed here
SEALED = (
    _Sealed(parties, ("id_sealed", "phone_sealed"), (), _field),
    _Sealed(data_keys, ("wrapped",), ("instance", "native_id"), _of_record),
    _Sealed(attachment_contents, ("wrapped",), (), _of_content),
)


async def prepare(desk: Desk, file: Path) -> str:
    """Lay a new key beside the one in force and return its fingerprint; one that lies there already is taken.

    Nothing is sealed with it yet. Raises ConflictError, ConfigurationError.
    """
    async with turn(desk, KEY) as (_, unfinished):
        if unfinished is not None:
            raise ConflictError("a rotation of the key is unfinished", hint="First `dispute-hub rotate key`.")
        return await _prepared(desk, file) or _lay_beside(file)


async def is_unfinished(desk: Desk) -> bool:
    """Whether a new key is in force and something of the old one may be left."""
    async with desk.store.read() as connection:
        return any(one.kind == KEY and one.finished_at is None for one in await all_rotations(connection))


async def is_prepared(desk: Desk, file: Path) -> bool:
    """Whether a key waits in the file that was never in force here."""
    return bool(await _prepared(desk, file))


async def copies_of(desk: Desk, fingerprint: str) -> list[str]:
    """Where copies of this master key were put, as far as this database knows; the newest first."""
    query = select(backups.c.place).where(backups.c.kind == KEYS, backups.c.key_fingerprint == fingerprint)
    async with desk.store.read() as connection:
        return list((await connection.execute(query.order_by(backups.c.at.desc()))).scalars())


async def rotate(desk: Desk, file: Path, advance: Advance) -> Rotation:
    """Put a new master key in force, seal everything anew, and take the old one out of the file.

    An unfinished rotation is gone on with. Raises ConflictError, ConfigurationError, LeaseLostError, UnreadableError.
    """
    async with turn(desk, KEY) as (mine, rotation):
        if rotation is None:
            rotation = await _switch(mine, await _prepared(desk, file) or _lay_beside(file))
        # every row is looked at twice
        total = 2 * await rows_of(desk, tuple(str(one.table.name) for one in SEALED))
        # what was sealed in an earlier run is passed over; a whole pass without a find proves that nothing is left
        while await _pass(mine, rotation, lambda done: advance(done, total)):
            pass
        old = rotation.old
        key_file.change(file, lambda keys: [key for key in keys if fingerprint_of(key) != old])
        return await mine.finish(rotation)


async def _prepared(desk: Desk, file: Path) -> str:
    async with desk.store.read() as connection:
        retired = {one.old for one in await all_rotations(connection) if one.kind == KEY}
    unused = [one for one in map(fingerprint_of, key_file.load(file)) if one not in {desk.keys.fingerprint, *retired}]
    if len(unused) > 1:
        raise ConfigurationError(
            f"{file} holds {len(unused)} keys that are not in force: {', '.join(unused)}", hint="Leave one of them."
        )
    return unused[0] if unused else ""


def _lay_beside(file: Path) -> str:
    key = os.urandom(KEY_BYTES)
    key_file.change(file, lambda keys: [*keys, key])
    return fingerprint_of(key)


async def _switch(mine: Turn, new: str) -> Rotation:
    keys = mine.desk.keys
    if not keys.holds(new):
        raise ConfigurationError(f"the new key {new} is gone from the key file", hint="Run the command again.")

    async def act(tx: AsyncConnection) -> Rotation:
        await set_identity(tx, {KEY_IN_FORCE: new, **keys.kept(under=new)})
        return await mine.begin(tx, KEY, keys.fingerprint, new)

    return await mine.change(act)


async def _pass(mine: Turn, rotation: Rotation, advance: Callable[[int], None]) -> int:
    """Seal anew what another key than the one in force sealed; returns how many values that were."""
    # the first act of this write is to take up the key in force
    async with mine.write():
        pass
    if mine.desk.keys.fingerprint != rotation.new:
        raise ConflictError("the master key in force is not the one of this rotation", hint="Please report it.")
    changed = 0
    for place in SEALED:
        after = ""
        while rows := await _next(mine.desk, place, after):
            changed += await _renew(mine, rotation, place, rows)
            after = rows[-1].id
            advance(len(rows))
            await mine.breathe()
    return changed


async def _next(desk: Desk, place: _Sealed, after: str) -> Sequence[Any]:
    c = place.table.c
    wanted: list[Column[Any]] = [c[name] for name in ("id", *place.columns, *place.beside)]
    is_sealed = or_(*(c[name].is_not(None) for name in place.columns))
    query = select(*wanted).where(c.id > after, is_sealed).order_by(c.id).limit(BATCH)
    async with desk.store.read() as connection:
        return (await connection.execute(query)).all()


async def _renew(mine: Turn, rotation: Rotation, place: _Sealed, rows: Sequence[Any]) -> int:
    changed = 0
    for column in place.columns:
        due = []
        for row in rows:
            before = getattr(row, column)
            if before is not None and (now := place.renew(mine.desk.keys, row, column)) != before:
                due.append({"of": row.id, "before": before, "now": now})
        if due:
            c = place.table.c
            # a row that was written anew meanwhile has the new key already
            same = place.table.update().where(c.id == bindparam("of"), c[column] == bindparam("before"))
            async with mine.write() as tx:
                await tx.execute(same.values({column: bindparam("now")}), due)
                await mine.count(tx, rotation, len(due))
            changed += len(due)
    return changed
