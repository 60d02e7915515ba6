"""The public order is kept going while the web server runs: whatever is committed has its place within a second.

Sync runs give their own events a place when they end; what a person does here belongs to no run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.logging import told
from hub.desk import Desk
from hub.sequencer import sequence_all

#: how long what was committed may wait for its place
EVERY_S = 0.5
_log = structlog.get_logger("sequencing")


async def keep_sequencing(desk: Desk, on_growth: Callable[[], None]) -> None:
    """Until cancelled; any number of processes may do it on one database. A database that is away is waited for."""
    is_away = False
    while True:
        try:
            given = await sequence_all(desk)
            is_away = False
        except (SQLAlchemyError, OSError) as exc:
            given = 0
            if not is_away:
                _log.warning("the public order waits for the database", **told(exc))
            is_away = True
        if given:
            on_growth()
        await asyncio.sleep(EVERY_S)
