"""One at a time: who links records and settles disputes waits for its turn, on any machine; so does who keeps a page,
and who looks for people.

Two transactions that do not see each other's records would each miss the link between them for ever, and two that keep
the same item at once would both think it new. SQLite has one writer anyway; PostgreSQL takes a lock that ends with the
transaction.
"""

from __future__ import annotations

from hashlib import blake2b

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection


async def take_turn(tx: AsyncConnection, county: str) -> None:
    """Wait until no other transaction of this county is at it; taken again in one transaction it waits for nothing.

    Call it before anything is read that the transaction will decide by.
    """
    await _take(tx, f"turn/{county}")


async def take_inbox_turn(tx: AsyncConnection, instance: str) -> None:
    """The same for keeping what one partner delivered: a webhook may bring what a pull brings in the same moment."""
    await _take(tx, f"inbox/{instance}")


async def take_look_turn(tx: AsyncConnection, principal_id: str) -> None:
    """The same for one principal's looks at people: two at once would both think there was room for one more."""
    await _take(tx, f"look/{principal_id}")


async def _take(tx: AsyncConnection, name: str) -> None:
    if tx.dialect.name == "postgresql":
        key = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
        await tx.execute(select(func.pg_advisory_xact_lock(key)))
