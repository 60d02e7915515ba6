"""The first filing of the live demonstration: a dispute that a person can ask for again and again, and see grow."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.wiring import Hub
from hub.model import SHANGHAI
from hub.store.tables import case_records, disputes, handling_events

#: from here on the court lives
_LIVE_FROM = datetime(2024, 8, 1, tzinfo=SHANGHAI)

#: one dispute by its code: what the live demonstration hands to whoever wants to see a history grow
GROWING = """\
{
  dispute(code: "%s") {
    code title state stateSince holder { name }
    history(last: 50) { totalCount edges { node { occurredAt kind text source sequence actor { name } } } }
  }
}"""


async def watch_first_filing(
    hub: Hub, stop: asyncio.Event, on_filing: Callable[[str], None], on_growth: Callable[[str], None]
) -> None:
    """Tell the code of the first dispute that is filed from now on, and when its history has grown; then return."""
    since = hub.desk.clock()
    code, told = "", 0
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 1.0)
        try:
            async with hub.store.read() as connection:
                if not code:
                    code, told = await _first_filing(connection, since) or ("", 0)
                    if code:
                        on_filing(code)
                elif await _history_length(connection, code) > told:
                    on_growth(code)
                    return
        except SQLAlchemyError:
            # it only watches: whoever works on the database tells what is wrong with it
            continue


async def _first_filing(connection: AsyncConnection, since: datetime) -> tuple[str, int] | None:
    """The first dispute filed at court after ``since`` that nothing else came of yet, and how long its history is.

    Only a filing is sure to go on: many a call, letter or order never tells more than its beginning.
    """
    query = (
        select(disputes.c.code)
        .join(case_records, case_records.c.dispute_id == disputes.c.id)
        .where(disputes.c.is_live, disputes.c.state == "REGISTERED", disputes.c.registered_at >= _LIVE_FROM)
        .where(disputes.c.record_count == 1, case_records.c.first_seen_at > since, case_records.c.system == "court")
        .order_by(disputes.c.code)
        .limit(1)
    )
    code = (await connection.execute(query)).scalar_one_or_none()
    return None if code is None else (code, await _history_length(connection, code))


async def _history_length(connection: AsyncConnection, code: str) -> int:
    query = (
        select(func.count())
        .select_from(handling_events)
        .join(case_records, case_records.c.id == handling_events.c.record_id)
        .join(disputes, disputes.c.id == case_records.c.dispute_id)
        .where(disputes.c.code == code)
    )
    return int((await connection.execute(query)).scalar_one())
