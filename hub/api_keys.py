"""API keys: how a partner's program proves who it is. Shown once, stored as a hash, never without an end.

A key reads ``dhk_<id>_<secret>``: scanners of leaked secrets know it by its beginning, and the id finds its row.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.accounts import Grant, grant_of, principal_of
from hub.desk import Desk
from hub.errors import ConflictError, NotFoundError, UserInputError
from hub.principal import LOCAL, Principal, PrincipalKind
from hub.sessions import hash_of
from hub.store.ids import new_id
from hub.store.tables import api_keys

LONGEST_DAYS = 400
#: of one consumer: the old one while the new one is put in its place
ALIVE_AT_ONCE = 2
PREFIX = "key:"
_KEY = re.compile(r"dhk_(\d{6}_[0-9A-Z]{26})_([A-Za-z0-9_-]{43})")
_NAME = re.compile(r"[a-z][a-z0-9._-]{1,63}")
_USED_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key, as an operator sees it: everything but the secret."""

    id: str
    name: str
    grant: Grant
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None

    def is_alive(self, now: datetime) -> bool:
        """Whether it opens the door."""
        return self.revoked_at is None and self.expires_at > now


def _key(row: Any) -> ApiKey:
    return ApiKey(row.id, row.name, grant_of(row), row.created_at, row.expires_at, row.revoked_at, row.last_used_at)


async def issue_key(desk: Desk, name: str, grant: Grant, days: int) -> tuple[ApiKey, str]:
    """A new key of that consumer, and itself, which nobody can show again. Raises UserInputError, ConflictError."""
    if not _NAME.fullmatch(name) or name == LOCAL.name:
        raise UserInputError("a consumer's name has small letters, digits, dots, dashes", hint="e.g. court-platform.")
    if not 1 <= days <= LONGEST_DAYS:
        raise UserInputError(f"a key lives 1 to {LONGEST_DAYS} days")
    grant.check()
    now, secret = desk.clock(), secrets.token_urlsafe(32)
    async with desk.store.write() as tx:
        alive = [key for key in await _of(tx, name) if key.is_alive(now)]
        if len(alive) >= ALIVE_AT_ONCE:
            raise ConflictError(f"{name} has {len(alive)} living keys", hint="Revoke one: `dispute-hub keys revoke`.")
        row = {
            "id": new_id("key", desk.county), "county": desk.county, "name": name, **grant.columns(),
            "secret_hash": hash_of(secret), "created_at": now, "expires_at": now + timedelta(days=days),
        }  # fmt: skip
        await tx.execute(api_keys.insert().values(row))
        (made,) = [key for key in await _of(tx, name) if key.id == row["id"]]
    return made, f"dhk_{made.id.removeprefix('key_')}_{secret}"


async def rotate_key(desk: Desk, name: str, days: int, overlap_days: int) -> tuple[ApiKey, str]:
    """A second key with the same rights; the old one dies after the overlap. Raises NotFoundError, ConflictError."""
    if not 0 <= overlap_days <= 90:
        raise UserInputError("the old key goes on for 0 to 90 days")
    now = desk.clock()
    async with desk.store.read() as connection:
        alive = [key for key in await _of(connection, name) if key.is_alive(now)]
    if not alive:
        raise NotFoundError(f"{name} has no living key", hint="`dispute-hub keys issue` makes one.")
    made, key = await issue_key(desk, name, alive[-1].grant, days)
    ends = now + timedelta(days=overlap_days)
    async with desk.store.write() as tx:
        old = api_keys.c.id.in_([one.id for one in alive if one.expires_at > ends])
        await tx.execute(update(api_keys).where(old).values(expires_at=ends))
    return made, key


async def revoke_key(desk: Desk, key_id: str) -> ApiKey:
    """The key opens nothing from now on. Raises NotFoundError."""
    async with desk.store.write() as tx:
        mine = api_keys.c.id == key_id
        await tx.execute(update(api_keys).where(mine, api_keys.c.revoked_at.is_(None)).values(revoked_at=desk.clock()))
        row = (await tx.execute(select(api_keys).where(mine))).first()
    if row is None:
        raise NotFoundError(f"no key is called {key_id[:64]}", hint="`dispute-hub keys list` shows their ids.")
    return _key(row)


async def all_keys(connection: AsyncConnection) -> Sequence[ApiKey]:
    """Every key there ever was, by consumer, the oldest first."""
    rows = await connection.execute(select(api_keys).order_by(api_keys.c.name, api_keys.c.id))
    return [_key(row) for row in rows]


async def principal_by_key(desk: Desk, key: str) -> Principal | None:
    """Whose key it is, while it lives; and notes that it was used."""
    shape = _KEY.fullmatch(key)
    if shape is None:
        return None
    return await _principal(desk, f"key_{shape[1]}", hash_of(shape[2]))


async def principal_by_id(desk: Desk, key_id: str) -> Principal | None:
    """The same for a key that was proved before."""
    return await _principal(desk, key_id, None)


async def _principal(desk: Desk, key_id: str, secret_hash: str | None) -> Principal | None:
    now = desk.clock()
    async with desk.store.read() as connection:
        row = (await connection.execute(select(api_keys).where(api_keys.c.id == key_id))).first()
    if row is None or not _key(row).is_alive(now):
        return None
    if secret_hash is not None and not hmac.compare_digest(row.secret_hash, secret_hash):
        return None
    if secret_hash is not None and (row.last_used_at is None or row.last_used_at < now - _USED_EVERY):
        async with desk.store.write() as tx:
            await tx.execute(update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=now))
    return principal_of(row.id, PrincipalKind.PARTNER, row.name, grant_of(row), row.expires_at, PREFIX + row.id)


async def _of(connection: AsyncConnection, name: str) -> list[ApiKey]:
    rows = await connection.execute(select(api_keys).where(api_keys.c.name == name).order_by(api_keys.c.id))
    return [_key(row) for row in rows]
