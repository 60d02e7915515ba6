"""A tick is one row; what was missed is made up once; two schedulers are one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, time, timedelta

import pytest
import pytest_asyncio
from sqlalchemy import select

from hub.desk import Desk, utc_now
from hub.model import SHANGHAI
from hub.reading import connectors
from hub.sealing import KeyRing
from hub.store.engine import Store, open_store
from hub.store.tables import jobs
from sync_jobs.queue import Queue
from sync_jobs.scheduler import Schedule, Scheduler

from .databases import Database

PULL = Schedule("pull:court", "court", every_s=300, instance="court", product="court")
NIGHTLY = Schedule("reconcile:court", "court", at=time(2, 30))
NOON = datetime(2024, 8, 1, 12, 2, 30, tzinfo=SHANGHAI)


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest_asyncio.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = open_store(database.url)
    yield store
    await store.close()


def _desk(store: Store, clock: Callable[[], datetime]) -> Desk:
    return Desk(store, KeyRing(b"k" * 32), "620725", clock)


async def _next_runs(store: Store) -> dict[str, datetime | None]:
    async with store.read() as connection:
        return {row.instance: row.next_run_at for row in await connectors.all_of(connection)}


async def _due(store: Store, state: str = "READY") -> list[tuple[str, datetime]]:
    async with store.read() as connection:
        rows = await connection.execute(
            select(jobs.c.job, jobs.c.due_at).where(jobs.c.state == state).order_by(jobs.c.due_at)
        )
        return [(row[0], row[1].astimezone(SHANGHAI)) for row in rows]


async def _work_off(queue: Queue, now: datetime) -> int:
    done = 0
    while claim := await queue.claim("w", now, 60):
        await queue.finish(claim, now)
        done += 1
    return done


@pytest.mark.parametrize(
    ("schedule", "now", "due"),
    [
        (PULL, NOON, NOON.replace(minute=0, second=0)),
        (PULL, NOON.replace(minute=5, second=0), NOON.replace(minute=5, second=0)),
        (NIGHTLY, NOON, NOON.replace(hour=2, minute=30, second=0)),
        (NIGHTLY, NOON.replace(hour=2, minute=29), NOON.replace(day=31, month=7, hour=2, minute=30, second=0)),
        (NIGHTLY, NOON.replace(hour=2, minute=30, second=0), NOON.replace(hour=2, minute=30, second=0)),
    ],
)
def test_due_times_are_aligned(schedule: Schedule, now: datetime, due: datetime) -> None:
    assert schedule.latest_due(now) == due
    assert schedule.latest_due(now.astimezone(UTC)) == due


async def test_a_first_start_pulls_at_once_and_compares_in_its_first_night(store: Store) -> None:
    clock = Clock(NOON)
    queue = Queue(store, "620725")
    scheduler = Scheduler(_desk(store, clock), queue, [PULL, NIGHTLY])
    assert await scheduler.sweep() == 1
    assert await _due(store) == [("pull:court", NOON.replace(minute=0, second=0))]
    await _work_off(queue, clock.now)
    clock.now += timedelta(days=1)
    assert await scheduler.sweep() == 2


async def test_whoever_asks_is_told_the_next_pull_of_every_instance(store: Store) -> None:
    clock = Clock(NOON)
    police = Schedule("pull:police", "police", every_s=60, instance="police", product="police")
    scheduler = Scheduler(_desk(store, clock), Queue(store, "620725"), [PULL, NIGHTLY, police])
    assert await _next_runs(store) == {}
    # at the start, of one that never ran too
    await scheduler.sweep()
    due = NOON.replace(minute=5, second=0)
    assert await _next_runs(store) == {"court": due, "police": NOON.replace(minute=3, second=0)}
    # at its own tick, while the job of the last one may still wait
    clock.now = due
    await scheduler._tick(PULL)
    assert (await _next_runs(store))["court"] == NOON.replace(minute=10, second=0)
    assert NIGHTLY.next_due(NOON) == NOON.replace(day=2, hour=2, minute=30, second=0)


async def test_missed_ticks_are_made_up_once(store: Store) -> None:
    clock = Clock(NOON)
    queue = Queue(store, "620725")
    await Scheduler(_desk(store, clock), queue, [PULL, NIGHTLY]).sweep()
    await _work_off(queue, clock.now)
    # three days of outage: 864 pulls and three nights were missed
    clock.now += timedelta(days=3)
    for _ in range(3):
        await Scheduler(_desk(store, clock), queue, [PULL, NIGHTLY]).sweep()
    assert sorted(await _due(store)) == [
        ("pull:court", clock.now.replace(minute=0, second=0)),
        ("reconcile:court", clock.now.replace(hour=2, minute=30, second=0)),
    ]
    assert await _work_off(queue, clock.now) == 2
    assert await Scheduler(_desk(store, clock), queue, [PULL, NIGHTLY]).sweep() == 0


async def test_a_tick_lost_to_an_outage_of_the_database_is_made_up_by_the_next_sweep(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(NOON)
    queue = Queue(store, "620725")
    scheduler = Scheduler(_desk(store, clock), queue, [PULL])

    async def refuse(*_: object) -> bool:
        raise ConnectionRefusedError

    with monkeypatch.context() as away:
        away.setattr(queue, "enqueue", refuse)
        await scheduler._tick(PULL)
    assert await scheduler.sweep() == 1


async def test_two_schedulers_give_each_job_once(database: Database, store: Store) -> None:
    other = open_store(database.url)
    clock = Clock(NOON)
    queues = [Queue(store, "620725"), Queue(other, "620725")]
    schedulers = [
        Scheduler(_desk(one, clock), queue, [PULL, NIGHTLY]) for one, queue in zip((store, other), queues, strict=True)
    ]
    ran = 0
    for _ in range(12):
        await asyncio.gather(*(scheduler._tick(PULL) for scheduler in schedulers))
        await asyncio.gather(*(scheduler.sweep() for scheduler in schedulers))
        ran += sum(await asyncio.gather(*(_work_off(queue, clock.now) for queue in queues)))
        clock.now += timedelta(minutes=5)
    assert ran == 12
    await other.close()


async def test_the_ticker_really_ticks(store: Store) -> None:
    queue = Queue(store, "620725")
    scheduler = Scheduler(_desk(store, utc_now), queue, [Schedule("pull:court", "court", every_s=1)])
    await scheduler.start()
    ran = 0
    deadline = utc_now() + timedelta(seconds=8)
    while ran < 3 and utc_now() < deadline:
        ran += await _work_off(queue, utc_now())
        await asyncio.sleep(0.05)
    await scheduler.stop()
    due = [at for _, at in await _due(store, "DONE")]
    assert len(due) == len(set(due)) >= 3
    assert all(at.microsecond == 0 for at in due)
