"""Jobs are claimed once, survive killed workers, and a worker that slept is fenced out."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from sqlalchemy import func, select, text, update

from hub.errors import LeaseLostError
from hub.store.engine import Store, open_store
from hub.store.tables import jobs
from sync_jobs.lease import FencedStore
from sync_jobs.queue import BACKOFF_S, MAX_ATTEMPTS, Claim, Queue, holds

from .databases import Database

NOW = datetime(2024, 8, 1, 0, 30, tzinfo=UTC)
LEASE_S = 60.0


@pytest_asyncio.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = open_store(database.url)
    yield store
    await store.close()


@pytest.fixture
def queue(store: Store) -> Queue:
    return Queue(store, "620725")


async def _row(store: Store, job_id: str) -> dict[str, object]:
    async with store.read() as connection:
        return dict((await connection.execute(select(jobs).where(jobs.c.id == job_id))).one()._mapping)


async def _claim(queue: Queue, worker: str = "w1", now: datetime = NOW) -> Claim:
    claim = await queue.claim(worker, now, LEASE_S)
    assert claim is not None
    return claim


async def test_a_due_time_gives_one_row(store: Store, queue: Queue) -> None:
    added = await asyncio.gather(*(Queue(store, "620725").enqueue("pull:court", "court", NOW) for _ in range(12)))
    assert sum(added) == 1


async def test_a_finished_due_time_is_not_queued_again(queue: Queue) -> None:
    await queue.enqueue("pull:court", "court", NOW)
    await queue.finish(await _claim(queue), NOW)
    assert not await queue.enqueue("pull:court", "court", NOW)
    assert await queue.enqueue("pull:court", "court", NOW + timedelta(minutes=5))


async def test_waiting_work_is_not_piled_up(queue: Queue) -> None:
    assert await queue.enqueue("pull:court", "court", NOW)
    assert not await queue.enqueue("pull:court", "court", NOW + timedelta(minutes=5))


async def test_nothing_is_claimed_before_it_is_due(queue: Queue) -> None:
    await queue.enqueue("pull:court", "court", NOW + timedelta(seconds=1))
    assert await queue.claim("w1", NOW, LEASE_S) is None
    assert await queue.claim("w1", NOW + timedelta(seconds=1), LEASE_S) is not None


async def test_two_jobs_of_one_partner_may_be_put_off_to_the_same_instant(store: Store, queue: Queue) -> None:
    until = NOW + timedelta(minutes=1)
    await queue.enqueue("pull:court", "court", NOW)
    first = await _claim(queue)
    # the next one comes due while the first still runs, and meets the same open breaker
    await queue.enqueue("pull:court", "court", NOW + timedelta(seconds=5))
    await queue.postpone(first, until, "TIMEOUT")
    second = await _claim(queue, now=NOW + timedelta(seconds=5))
    await queue.postpone(second, until, "TIMEOUT")
    rows = [await _row(store, claim.id) for claim in (first, second)]
    assert [row["state"] for row in rows] == ["READY", "READY"]
    assert rows[0]["due_at"] == until
    assert rows[1]["due_at"] == until + timedelta(microseconds=1)


async def test_many_workers_run_each_job_once_and_no_lane_twice_at_a_time(database: Database) -> None:
    stores = [open_store(database.url) for _ in range(6)]
    async with contextlib.AsyncExitStack() as stack:
        for store in stores:
            stack.push_async_callback(store.close)
        first = Queue(stores[0], "620725")
        rounds, lanes = 10, 5
        for number in range(rounds * lanes):
            await first.enqueue(f"job:{number}", f"lane:{number % lanes}", NOW + timedelta(seconds=number))
        ran: Counter[str] = Counter()
        running: Counter[str] = Counter()

        async def work(store: Store, worker: str) -> None:
            queue = Queue(store, "620725")
            while sum(ran.values()) < rounds * lanes:
                claim = await queue.claim(worker, NOW + timedelta(hours=1), LEASE_S)
                if claim is None:
                    await asyncio.sleep(0.002)
                    continue
                running[claim.lane] += 1
                assert running[claim.lane] == 1
                ran[claim.job] += 1
                await asyncio.sleep(0.001)
                running[claim.lane] -= 1
                await queue.finish(claim, NOW + timedelta(hours=1))

        await asyncio.gather(*(work(store, f"w{n}") for n, store in enumerate(stores)))
    assert set(ran.values()) == {1}
    assert len(ran) == rounds * lanes


async def test_the_database_itself_refuses_a_second_claim_of_a_lane(store: Store, queue: Queue) -> None:
    assert await queue.enqueue_claimed("pull:court", "court", "cli", NOW, LEASE_S) is not None
    assert await queue.enqueue_claimed("reconcile:court", "court", "cli", NOW, LEASE_S) is None
    await queue.enqueue("pull:police", "police", NOW)
    with pytest.raises(Exception, match=r"(?i)unique"):
        async with store.write() as connection:
            await connection.execute(update(jobs).values(state="CLAIMED", lane="court"))


async def test_a_busy_lane_holds_no_other(queue: Queue) -> None:
    await queue.enqueue("pull:court", "court", NOW)
    await queue.enqueue("reconcile:court", "court", NOW)
    await queue.enqueue("pull:police", "police", NOW + timedelta(seconds=1))
    claims = [await queue.claim("w1", NOW + timedelta(seconds=2), LEASE_S) for _ in range(3)]
    assert [claim.lane for claim in claims if claim] == ["court", "police"]


async def test_a_killed_worker_is_replaced_and_fenced_out(store: Store, queue: Queue) -> None:
    await queue.enqueue("pull:court", "court", NOW)
    killed = await _claim(queue, "killed")
    before_the_end = NOW + timedelta(seconds=LEASE_S - 1)
    assert await queue.claim("heir", before_the_end, LEASE_S) is None
    later = NOW + timedelta(seconds=LEASE_S)
    heir = await _claim(queue, "heir", later)
    assert (heir.id, heir.attempts) == (killed.id, 2)
    assert heir.token > killed.token
    for stale in (
        queue.heartbeat(killed, later, LEASE_S),
        queue.finish(killed, later),
        queue.fail(killed, later, "TIMEOUT"),
        queue.release(killed),
    ):
        with pytest.raises(LeaseLostError):
            await stale
    async with store.write() as connection:
        assert not await holds(connection, killed.id, killed.token)
        assert await holds(connection, heir.id, heir.token)
    await queue.finish(heir, later)
    assert (await _row(store, heir.id))["state"] == "DONE"


async def test_a_heartbeat_keeps_the_job(queue: Queue) -> None:
    await queue.enqueue("pull:court", "court", NOW)
    claim = await _claim(queue)
    await queue.heartbeat(claim, NOW + timedelta(seconds=LEASE_S - 1), LEASE_S)
    assert await queue.claim("heir", NOW + timedelta(seconds=LEASE_S + 1), LEASE_S) is None


async def test_a_fenced_store_writes_under_the_claim_only(store: Store, queue: Queue) -> None:
    await queue.enqueue("pull:court", "court", NOW)
    claim = await _claim(queue)
    fenced = FencedStore(store, claim)
    async with fenced.write() as connection:
        await connection.execute(text("UPDATE leases SET token = token"))
    await _claim(queue, "heir", NOW + timedelta(seconds=LEASE_S))
    with pytest.raises(LeaseLostError):
        async with fenced.write() as connection:
            pytest.fail("the block must not run")


async def test_nobody_takes_over_in_the_middle_of_a_fenced_transaction(database: Database, store: Store) -> None:
    queue, other = Queue(store, "620725"), open_store(database.url)
    await queue.enqueue("pull:court", "court", NOW)
    claim = await _claim(queue)
    late = NOW + timedelta(seconds=LEASE_S * 2)
    async with FencedStore(store, claim).write() as connection:
        takeover = asyncio.create_task(Queue(other, "620725").claim("heir", late, LEASE_S))
        # PostgreSQL passes the row by; SQLite's second writer waits for our end
        await asyncio.wait({takeover}, timeout=0.3)
        assert not takeover.done() or takeover.result() is None
        await connection.execute(text("UPDATE leases SET token = token"))
    await takeover
    await other.close()


async def test_failures_are_tried_again_after_a_pause_and_end(store: Store, queue: Queue) -> None:
    await queue.enqueue("pull:court", "court", NOW)
    now = NOW
    for pause in BACKOFF_S:
        claim = await _claim(queue, now=now)
        assert await queue.fail(claim, now, "TIMEOUT", "60 s")
        assert await queue.claim("w1", now + timedelta(seconds=pause - 1), LEASE_S) is None
        now += timedelta(seconds=pause)
    claim = await _claim(queue, now=now)
    assert claim.attempts == MAX_ATTEMPTS
    assert not await queue.fail(claim, now, "TIMEOUT", "60 s")
    row = await _row(store, claim.id)
    assert (row["state"], row["error_kind"], row["error_hint"]) == ("FAILED", "TIMEOUT", "60 s")


async def test_the_partners_own_pause_is_kept(queue: Queue) -> None:
    await queue.enqueue("pull:court", "court", NOW)
    await queue.fail(await _claim(queue), NOW, "RATE_LIMITED", retry_after=300)
    assert await queue.claim("w1", NOW + timedelta(seconds=299), LEASE_S) is None
    assert await queue.claim("w1", NOW + timedelta(seconds=300), LEASE_S) is not None


async def test_a_job_that_kills_its_workers_ends(store: Store, queue: Queue) -> None:
    await queue.enqueue("pull:court", "court", NOW)
    now = NOW
    for attempt in range(1, MAX_ATTEMPTS + 1):
        claim = await _claim(queue, now=now)
        assert claim.attempts == attempt
        now += timedelta(seconds=LEASE_S)
    assert await queue.claim("w1", now, LEASE_S) is None
    assert (await _row(store, claim.id))["state"] == "FAILED"


async def test_a_released_job_is_as_if_untried(store: Store, queue: Queue) -> None:
    await queue.enqueue("pull:court", "court", NOW)
    await queue.release(await _claim(queue))
    assert (await _claim(queue, "w2")).attempts == 1


async def test_old_finished_jobs_are_pruned(store: Store, queue: Queue) -> None:
    for days in range(4):
        due = NOW + timedelta(days=days)
        await queue.enqueue("pull:court", "court", due)
        await queue.finish(await _claim(queue, now=due), due)
    assert await queue.prune(NOW + timedelta(days=2)) == 2
    async with store.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(jobs)) == 2


async def test_a_waiting_worker_hears_of_new_work(database: Database, store: Store) -> None:
    queue, other = Queue(store, "620725"), open_store(database.url)
    announcer = queue if database.kind == "sqlite" else Queue(other, "620725")
    async with queue.wakeup.listening():
        waiting = asyncio.create_task(queue.wakeup.wait(60))
        await asyncio.sleep(0.05)
        await announcer.enqueue("pull:court", "court", NOW)
        await asyncio.wait_for(waiting, 30)
    await other.close()
