"""A store belongs to one county and one master key; whoever opens it with another is told at once.

It also says which of several keys is sealed with and which index is looked up. A process learns of a change at the
beginning of its next write, before it can seal anything: who changes it waits until no older write is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import key_file
from hub.errors import ConfigurationError
from hub.sealing import CONTENT, KeyRing, index_name
from hub.store.engine import Store
from hub.store.tables.identity import store_identity
from hub.store.upsert import insert_or_ignore

COUNTY, KEY, SLOT = "COUNTY", "KEY", "INDEX_SLOT"
#: of PostgreSQL's advisory lock: held shared by every write, and alone by who changes the keys
LOCK = 0x6B657973
_SLOTS = (1, 2)


async def open_keys(store: Store, file: Path, county: str) -> KeyRing:
    """The keys of this store. A store that was never opened gets a key of its own, made in ``file``.

    Raises ConfigurationError when the store belongs to another county or was sealed with another key, and when its
    key file is gone: a fresh key would open nothing of what is kept.
    """
    async with store.read() as connection:
        known = await identity(connection)
    if known.get(COUNTY, county) != county:
        raise ConfigurationError(
            f"this database belongs to county {known[COUNTY]}, the settings say {county}",
            hint="Check [hub] county and database_url: every county has its own database.",
        )
    if KEY in known and _is_missing(file):
        raise ConfigurationError(
            f"the master key {file} is missing",
            hint="Put back your copy: everything kept in this database is sealed with it.",
        )
    keys = KeyRing(*key_file.load_or_create(file), reload=lambda: key_file.load(file))
    if KEY in known and not keys.use(known[KEY]):
        raise ConfigurationError(
            f"{file} is not the key this database was sealed with: it wants {known[KEY]}",
            hint="Put back the copy that belongs to it, or after a rotation copy the file from the machine it ran on.",
        )
    if not {COUNTY, KEY, CONTENT, SLOT} <= known.keys():
        async with store.write() as tx:
            # of two that come first the earlier one's stay
            first = {COUNTY: county, KEY: keys.fingerprint, SLOT: "1", **keys.kept()}
            await insert_or_ignore(tx, store_identity, [{"name": k, "value": v} for k, v in first.items()])
            known = await identity(tx)
    follow(keys, known)
    store.before_write = Following(keys, known)
    return keys


def _is_missing(file: Path) -> bool:
    return not file.exists()


async def identity(connection: AsyncConnection) -> dict[str, str]:
    """What the store says of itself, by name."""
    return {row.name: row.value for row in await connection.execute(select(store_identity))}


def follow(keys: KeyRing, known: Mapping[str, str]) -> None:
    """Work with the keys that the store names. Raises ConfigurationError, UnreadableError."""
    if not keys.use(known[KEY]):
        raise ConfigurationError(
            f"the database is sealed with the master key {known[KEY]} now, which is not in the key file here",
            hint="Copy the key file from the machine where `dispute-hub rotate key` ran.",
        )
    keys.take_kept(known[CONTENT], index_keys(known), int(known[SLOT]))


def index_keys(known: Mapping[str, str]) -> dict[int, str]:
    """The wrapped key of each slot that is filled."""
    return {slot: known[index_name(slot)] for slot in _SLOTS if index_name(slot) in known}


class Following:
    """What a process does first in every write: see whether the keys changed since its last one."""

    def __init__(self, keys: KeyRing, known: Mapping[str, str]) -> None:
        self._keys, self._known = keys, dict(known)

    async def __call__(self, tx: AsyncConnection) -> None:
        if tx.dialect.name == "postgresql":
            # a statement of its own: the next one must see what was committed while this one waited
            await tx.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": LOCK})
        known = await identity(tx)
        if known != self._known and known:
            follow(self._keys, known)
            self._known = known
