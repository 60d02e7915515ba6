"""A store belongs to one county and one master key; whoever opens it with another is told at once."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from hub.errors import ConfigurationError
from hub.sealing import KeyRing, load_or_create_master_key
from hub.store.engine import Store
from hub.store.tables.identity import store_identity
from hub.store.upsert import insert_or_ignore

COUNTY, KEY = "COUNTY", "KEY"


async def open_keys(store: Store, key_file: Path, county: str) -> KeyRing:
    """The keys of this store. A store that was never opened gets a key of its own, made in ``key_file``.

    Raises ConfigurationError when the store belongs to another county or was sealed with another key, and when its
    key file is gone: a fresh key would open nothing of what is kept.
    """
    async with store.read() as connection:
        known = {row.name: row.value for row in await connection.execute(select(store_identity))}
    if known.get(COUNTY, county) != county:
        raise ConfigurationError(
            f"this database belongs to county {known[COUNTY]}, the settings say {county}",
            hint="Check [hub] county and database_url: every county has its own database.",
        )
    if KEY in known and _is_missing(key_file):
        raise ConfigurationError(
            f"the master key {key_file} is missing",
            hint="Put back your copy: everything kept in this database is sealed with it.",
        )
    keys = KeyRing(load_or_create_master_key(key_file))
    if known.get(KEY, keys.fingerprint) != keys.fingerprint:
        raise ConfigurationError(
            f"{key_file} is not the key this database was sealed with", hint="Put back the copy that belongs to it."
        )
    if len(known) < 2:
        async with store.write() as tx:
            rows = [{"name": COUNTY, "value": county}, {"name": KEY, "value": keys.fingerprint}]
            await insert_or_ignore(tx, store_identity, rows)
    return keys


def _is_missing(key_file: Path) -> bool:
    return not key_file.exists()
