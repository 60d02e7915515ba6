"""Once: an act that a client sends again under the same key is done once, and answered the same.

The key is the client's own, within what one person decided. It is written in the act's own transaction: both stand, or
neither, so that a client that heard nothing may simply ask again.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.desk import Desk
from hub.errors import ConflictError
from hub.once_key import OnceKey
from hub.store.tables import acts_done


class AlreadyDoneError(ConflictError):
    """The act was done before under this key; ``result`` is what it came to then."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__("it was done before under this key")
        self.result = result


class IdempotencyMismatchError(ConflictError):
    """The key was used before with another input."""

    def __init__(self) -> None:
        super().__init__("this key was used before with another input", hint="Take a new clientMutationId.")
        self.field = "clientMutationId"


async def check(tx: AsyncConnection, by: str, key: OnceKey | None) -> None:
    """Call it first in the act's transaction. Raises AlreadyDoneError, IdempotencyMismatchError."""
    if key is None:
        return
    query = select(acts_done).where(acts_done.c.decided_by == by, acts_done.c.key == key.key)
    found = (await tx.execute(query)).first()
    if found is None:
        return
    if found.input_hash != key.input_hash:
        raise IdempotencyMismatchError
    raise AlreadyDoneError(dict(found.result))


async def keep(tx: AsyncConnection, desk: Desk, by: str, key: OnceKey | None, result: dict[str, Any]) -> None:
    """Call it last. ``result`` holds ids alone."""
    if key is None:
        return
    await tx.execute(
        acts_done.insert().values(
            decided_by=by, key=key.key, county=desk.county, input_hash=key.input_hash, result=result, at=desk.clock()
        )
    )
