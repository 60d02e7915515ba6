"""Jobs put in line by a change that needs one, in the change's own transaction: both stand, or neither.

The worker's queue claims them like any other (``sync_jobs/queue.py``).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.desk import Desk
from hub.store.ids import new_id
from hub.store.tables import jobs

#: take in what waits in the inbox of one instance, by webhook or put back by a person; asks the partner nothing
APPLY = "apply"

#: carry what waits in the outbox to one instance
PUSH = "push"

#: what a waiting worker listens on
CHANNEL = "hub_jobs"


def lane_of(instance: str) -> str:
    """Everything that touches one partner's records shares a lane: never two at once."""
    return f"instance:{instance}"


def push_lane_of(instance: str) -> str:
    """Pushes do not wait for a pull, nor a pull for pushes."""
    return f"push:{instance}"


async def put_in_line(tx: AsyncConnection, desk: Desk, kind: str, instance: str, *, at: datetime | None = None) -> None:
    """Have a worker do this job after the commit, at once or ``at``. One that waits unclaimed till then serves both."""
    job, due_at = f"{kind}:{instance}", at or desk.clock()
    waiting = select(jobs.c.id, jobs.c.due_at).where(jobs.c.job == job, jobs.c.state == "READY")
    # the lock keeps it unclaimed until our commit: a worker that ran it before would not see what it is for
    found = (await tx.execute(waiting.with_for_update(read=at is None))).first()
    if found is not None and found.due_at <= due_at:
        return
    if found is not None:
        await tx.execute(jobs.update().where(jobs.c.id == found.id).values(due_at=due_at))
        await announce(tx)
        return
    latest = (await tx.execute(select(func.max(jobs.c.due_at)).where(jobs.c.job == job))).scalar_one()
    lane = push_lane_of(instance) if kind == PUSH else lane_of(instance)
    await tx.execute(jobs.insert().values(job_row(desk.county, job, lane, _after(latest, due_at))))
    await announce(tx)


def job_row(county: str, job: str, lane: str, due_at: datetime, state: str = "READY") -> dict[str, Any]:
    """A new row of the queue."""
    return {"id": new_id("job", county), "county": county, "job": job, "lane": lane, "due_at": due_at, "state": state}


async def announce(tx: AsyncConnection) -> None:
    """Wake every worker when this transaction commits, where the database can carry it; others look by themselves."""
    if tx.dialect.name == "postgresql":
        await tx.execute(text(f"NOTIFY {CHANNEL}"))


def _after(latest: datetime | None, now: datetime) -> datetime:
    # a job's row is unique by its due time, and a clock may stand still or go back
    return now if latest is None or latest < now else latest + timedelta(microseconds=1)
