"""A store opened with the wrong key, without its key, or for another county says so before anything is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.errors import ConfigurationError
from hub.store.engine import open_store
from hub.store_identity import open_keys

from .databases import Database


async def test_a_store_keeps_to_its_key_and_county(database: Database, tmp_path: Path) -> None:
    store = open_store(database.url)
    try:
        key = tmp_path / "keys" / "master.key"
        first = await open_keys(store, key, "620725")
        assert key.stat().st_mode & 0o077 == 0
        assert (await open_keys(store, key, "620725")).fingerprint == first.fingerprint
        with pytest.raises(ConfigurationError, match="belongs to county 620725"):
            await open_keys(store, key, "620702")
        kept = key.read_text()
        key.unlink()
        with pytest.raises(ConfigurationError, match="is missing"):
            await open_keys(store, key, "620725")
        # no other key is put in its place
        assert not key.exists()
        key.write_text("0" * 64)
        with pytest.raises(ConfigurationError, match="is not the key"):
            await open_keys(store, key, "620725")
        key.write_text("not a key")
        with pytest.raises(ConfigurationError, match="is no master key"):
            await open_keys(store, key, "620725")
        key.write_text(kept)
        assert (await open_keys(store, key, "620725")).fingerprint == first.fingerprint
    finally:
        await store.close()
