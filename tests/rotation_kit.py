"""A hub on a key file of its own, for tests that change its keys; and rotations that are killed where a test says."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from hub import key_file, rotating_index, rotating_key, rotations
from hub.desk import Desk
from hub.errors import HubError
from hub.inbox import key_owner
from hub.sealing import KeyRing, fingerprint_of
from hub.store.engine import open_store
from hub.store.tables import data_keys, inbox_items, leases, parties
from hub.store_identity import open_keys

from .hub_kit import COUNTY, Clock

#: one for all desks of a test: machines agree on the time
_clock = Clock()


def quiet(_done: int, _total: int) -> None:
    """Nobody watches."""


@asynccontextmanager
async def opened_hub(url: str, file: Path) -> AsyncIterator[Desk]:
    """A process's own desk: a ring of its own, which knows of the others by the file and the database alone."""
    store = open_store(url)
    try:
        yield Desk(store, await open_keys(store, file, COUNTY), COUNTY, _clock)
    finally:
        await store.close()


async def opens(desk: Desk, keys: KeyRing) -> tuple[int, int]:
    """How many sealed values there are, of fields, data keys and raw items, and how many of them these keys open."""
    there = opened = 0

    def tried(open_it: Callable[[], Any]) -> Any:
        nonlocal there, opened
        there += 1
        with contextlib.suppress(HubError):
            found = open_it()
            opened += 1
            return found

    async with desk.store.read() as connection:
        for one in await connection.execute(select(parties)):
            for column in ("id_sealed", "phone_sealed"):
                if (sealed := getattr(one, column)) is not None:
                    tried(lambda s=sealed, r=one.id, c=column: keys.open_field(s, table="parties", row=r, column=c))
        items = (await connection.execute(select(inbox_items))).all()
        for one in await connection.execute(select(data_keys)):
            key = tried(lambda o=one: keys.open_data_key(o.wrapped, key_owner(o.instance, o.native_id)))
            for item in items:
                if item.data_key_id == one.id and key is not None:
                    tried(lambda k=key, i=item: k.open(i.body_sealed, i.id))
    return there, opened


def held(file: Path) -> list[str]:
    """The names of the keys in the file."""
    return [fingerprint_of(key) for key in key_file.load(file)]


class Killed(Exception):
    """The end of the process."""


#: before which call of what a rotation is killed; each is a moment between two states on the disk
KEY_MOMENTS = ("_switch:1", "_pass:1", "_renew:2", "replace:2", "finish:1")
INDEX_MOMENTS = ("_fill:1", "breathe:2", "_switched:2", "_empty:1", "breathe:-1")
_PLACES: dict[str, Any] = {
    "_switch": rotating_key, "_pass": rotating_key, "_renew": rotating_key, "replace": key_file,
    "_fill": rotating_index, "_switched": rotating_index, "_empty": rotating_index,
    "finish": rotations.Turn, "breathe": rotations.Turn,
}  # fmt: skip


@contextlib.contextmanager
def killed_at(moment: str) -> Any:
    """A rotation inside the block dies at this moment, and gives nothing back."""
    name, _, number = moment.partition(":")
    left = int(number)
    place = _PLACES[name]
    whole = getattr(place, name)
    seen_empty = False

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0 or (int(number) < 0 and seen_empty):
            raise Killed
        return whole(*args, **kwargs)

    whole_empty = rotating_index._empty

    async def empty(*args: Any) -> None:
        nonlocal seen_empty
        seen_empty = True
        await whole_empty(*args)

    async def keeps(*_: Any) -> None:
        """A killed process releases nothing."""

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rotations, "release", keeps)
        patched.setattr(rotations, "BATCH", 2)
        patched.setattr(rotating_key, "BATCH", 2)
        patched.setattr(rotating_index, "BATCH", 2)
        if name != "_empty":
            patched.setattr(rotating_index, "_empty", empty)
        patched.setattr(place, name, counted)
        with pytest.raises(Killed):
            yield


async def time_passes(desk: Desk) -> None:
    """What a killed process held is free again."""
    async with desk.store.write() as tx:
        await tx.execute(
            update(leases).where(leases.c.name == rotations.LEASE).values(expires_at=datetime(2000, 1, 1, tzinfo=UTC))
        )
