"""The scheduler: at each due time one row in the queue, no more. It runs nothing itself.

APScheduler only ticks: by itself it forgets a job that was killed, skips one due during an outage, and two of them on
one store run everything twice. Here a tick inserts a row that is unique by job and due time. What was missed is made
up once: the latest due time that has no row, however many were missed. With every tick the instance's state is told
when its next pull is due.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from hub.desk import Desk
from hub.model import SHANGHAI
from hub.store.tables import connector_states
from hub.store.upsert import insert_or_ignore
from sync_jobs.queue import Queue

#: how often the scheduler looks for due times that brought no row (the database was away, the machine slept)
_SWEEP_S = 60
_EPOCH = datetime(2024, 1, 1, tzinfo=SHANGHAI)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When one job is due: every so many seconds, or daily at a Shanghai time of day. Exactly one is set."""

    #: e.g. ``pull:court``
    job: str
    lane: str
    every_s: int = 0
    at: time | None = None
    #: the instance that a pull asks, and its product; empty for every other job
    instance: str = ""
    product: str = ""

    def latest_due(self, now: datetime) -> datetime:
        """The newest due time that is not after ``now``; the same from any scheduler at any moment."""
        if self.at is None:
            passed = (now - _EPOCH) // timedelta(seconds=self.every_s)
            return (_EPOCH + timedelta(seconds=passed * self.every_s)).astimezone(UTC)
        today = datetime.combine(now.astimezone(SHANGHAI).date(), self.at, SHANGHAI)
        return (today if today <= now else today - timedelta(days=1)).astimezone(UTC)

    def next_due(self, now: datetime) -> datetime:
        """The first due time after ``now``."""
        # no clock in Shanghai is ever put forward or back
        return self.latest_due(now) + timedelta(seconds=self.every_s, days=0 if self.at is None else 1)

    def trigger(self) -> Any:
        """The same times for APScheduler."""
        if self.at is None:
            return IntervalTrigger(seconds=self.every_s, start_date=_EPOCH, timezone=UTC)
        return CronTrigger(hour=self.at.hour, minute=self.at.minute, timezone=SHANGHAI)


class Scheduler:
    """Ticks for a set of schedules. Any number of them may run on one store: each due time gives one job."""

    def __init__(self, desk: Desk, queue: Queue, schedules: Sequence[Schedule]) -> None:
        self._desk = desk
        self._queue = queue
        self._schedules = schedules
        self._ticker: Any = None

    async def start(self) -> None:
        """Make up what was missed, then tick. Returns at once; needs a running event loop."""
        await self.sweep()
        # coalesce and no grace time: a tick that comes late still comes, once
        self._ticker = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1}
        )
        for schedule in self._schedules:
            self._ticker.add_job(self._tick, schedule.trigger(), args=(schedule,), id=schedule.job)
        self._ticker.add_job(self._tick_sweep, "interval", seconds=_SWEEP_S, id="sweep")
        self._ticker.start()

    async def stop(self) -> None:
        """No tick comes after this."""
        if self._ticker is not None:
            self._ticker.shutdown(wait=False)
            self._ticker = None

    async def sweep(self) -> int:
        """Queue each latest due time that has no row yet; returns how many were queued."""
        known = await self._queue.last_due()
        now = self._desk.clock()
        queued = 0
        for schedule in self._schedules:
            due, last = schedule.latest_due(now), known.get(schedule.job)
            if last is None and schedule.at is not None:
                # a nightly job that never was owes nothing yet; from here on a missed night is made up
                await self._queue.skip(schedule.job, schedule.lane, due, now)
            elif last is None or due > last:
                queued += await self._queue.enqueue(schedule.job, schedule.lane, due)
        await self._announce(self._schedules, now)
        return queued

    async def _announce(self, schedules: Iterable[Schedule], now: datetime) -> None:
        """Write down when the next pull of each instance is due, of one that never ran too."""
        # two schedulers lock the rows in one order
        pulls = sorted((one for one in schedules if one.instance), key=lambda one: one.instance)
        if not pulls:
            return
        c = connector_states.c
        rows = [
            {
                "instance": pull.instance, "county": self._desk.county, "product": pull.product,
                "consecutive_failures": 0,
            }
            for pull in pulls
        ]  # fmt: skip
        async with self._desk.store.write() as tx:
            await insert_or_ignore(tx, connector_states, rows)
            for pull in pulls:
                await tx.execute(
                    update(connector_states).where(c.instance == pull.instance).values(next_run_at=pull.next_due(now))
                )

    async def _tick(self, schedule: Schedule) -> None:
        try:
            now = self._desk.clock()
            await self._queue.enqueue(schedule.job, schedule.lane, schedule.latest_due(now))
            await self._announce([schedule], now)
        except (SQLAlchemyError, OSError) as exc:
            _log.warning("tick not queued, made up later", job=schedule.job, error=type(exc).__name__)

    async def _tick_sweep(self) -> None:
        try:
            await self.sweep()
        except (SQLAlchemyError, OSError) as exc:
            _log.warning("sweep failed, tried again", error=type(exc).__name__)
