"""How often one principal may look for people or see their numbers, counted in the access log itself.

So it holds over every server process, over restarts and over an account's many sessions; what was refused counts not.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.desk import Desk
from hub.errors import TooOftenError
from hub.principal import Principal
from hub.store.tables import access_log
from hub.store.turn import take_look_turn
from hub.vocabulary import AccessKind

WINDOW = timedelta(hours=1)


async def require_room(
    tx: AsyncConnection, desk: Desk, principal: Principal, kind: AccessKind, most: int, what: str
) -> None:
    """Call it in the transaction that writes the look. Raises TooOftenError from the ``most``-th within an hour on."""
    await take_look_turn(tx, principal.id)
    now = desk.clock()
    if most < 1:
        raise TooOftenError(what, int(WINDOW.total_seconds()))
    c = access_log.c
    lately = (
        select(c.at)
        .where(c.principal_id == principal.id, c.kind == kind.value, c.at > now - WINDOW)
        .order_by(c.at.desc())
        .limit(1)
        # the one whose hour must be over before there is room again
        .offset(most - 1)
    )
    oldest = (await tx.execute(lately)).scalar()
    if oldest is not None:
        raise TooOftenError(what, max(1, int((oldest + WINDOW - now).total_seconds()) + 1))
