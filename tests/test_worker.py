"""Workers run what is due, survive failing and hanging partners, give back what they cannot finish."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import select

from app.worker import Worker
from hub.desk import utc_now
from hub.errors import AuthError, LeaseLostError, TransientError
from hub.store.engine import Store, open_store
from hub.store.tables import jobs
from sync_jobs.queue import Claim, Queue

from .databases import Database

Job = Callable[[Claim], Awaitable[None]]


@pytest_asyncio.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = open_store(database.url)
    yield store
    await store.close()


@pytest.fixture
def queue(store: Store) -> Queue:
    return Queue(store, "620725")


async def _state(store: Store, job: str) -> tuple[str, str | None, int]:
    async with store.read() as connection:
        row = (await connection.execute(select(jobs).where(jobs.c.job == job))).one()
        return row.state, row.error_kind, row.attempts


async def _until(condition: Callable[[], Awaitable[bool]], limit_s: float = 60.0) -> None:
    async with asyncio.timeout(limit_s):
        while not await condition():
            await asyncio.sleep(0.02)


async def _enqueue(queue: Queue, *names: str) -> datetime:
    now = utc_now()
    for place, name in enumerate(names):
        await queue.enqueue(name, f"lane:{name}", now - timedelta(seconds=60 - place))
    return now


class Running:
    """A worker in the background, stopped at the end of the block."""

    def __init__(self, queue: Queue, job: Job, **options: float) -> None:
        self.worker = Worker(queue, job, utc_now, **options)  # type: ignore[arg-type]
        self.stop = asyncio.Event()

    async def __aenter__(self) -> Running:
        self.task = asyncio.create_task(self.worker.run(self.stop))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop.set()
        await asyncio.wait_for(self.task, 60)


async def test_due_jobs_are_done(store: Store, queue: Queue) -> None:
    ran: list[str] = []

    async def job(claim: Claim) -> None:
        ran.append(claim.job)

    await _enqueue(queue, "a", "b", "c")
    async with Running(queue, job):
        await _until(lambda: _is(store, "c", "DONE"))
    assert sorted(ran) == ["a", "b", "c"]


async def _is(store: Store, job: str, state: str) -> bool:
    return (await _state(store, job))[0] == state


async def test_work_that_comes_later_is_heard_of(store: Store, queue: Queue) -> None:
    async def job(claim: Claim) -> None:
        pass

    async with Running(queue, job):
        await asyncio.sleep(0.1)
        await _enqueue(queue, "late")
        await _until(lambda: _is(store, "late", "DONE"), 2)


async def test_a_hanging_partner_holds_its_own_lane_only(store: Store, queue: Queue) -> None:
    async def job(claim: Claim) -> None:
        if claim.job == "hangs":
            await asyncio.Event().wait()

    await _enqueue(queue, "hangs", "a", "b", "c")
    async with Running(queue, job, grace_s=0.1):
        for name in "abc":
            await _until(lambda name=name: _is(store, name, "DONE"))  # type: ignore[misc]
        assert await _is(store, "hangs", "CLAIMED")


@pytest.mark.parametrize(
    ("error", "state", "kind"),
    [
        (TransientError("no", kind="HTML_ANSWER"), "READY", "HTML_ANSWER"),
        (AuthError("no"), "FAILED", "AUTH"),
        (ZeroDivisionError("10 % of 张三"), "READY", "ZeroDivisionError"),
    ],
)
async def test_a_failing_job_is_noted_and_the_others_go_on(
    store: Store, queue: Queue, error: Exception, state: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def job(claim: Claim) -> None:
        if claim.job == "fails":
            raise error

    await _enqueue(queue, "fails", "works")
    async with Running(queue, job):
        await _until(lambda: _is(store, "works", "DONE"))
        await _until(lambda: _is(store, "fails", state))
    assert await _state(store, "fails") == (state, kind, 1)
    assert "张三" not in "".join(capsys.readouterr())


async def test_told_to_stop_it_finishes_what_it_can_and_gives_back_the_rest(store: Store, queue: Queue) -> None:
    started = asyncio.Event()

    async def job(claim: Claim) -> None:
        started.set()
        await asyncio.sleep(0.2 if claim.job == "short" else 3600)

    await _enqueue(queue, "short", "long")
    async with Running(queue, job, grace_s=1.0):
        await started.wait()
        await _until(lambda: _is(store, "long", "CLAIMED"))
    assert await _state(store, "short") == ("DONE", None, 1)
    assert await _state(store, "long") == ("READY", None, 0)


async def test_the_lease_is_extended_while_the_job_runs(store: Store, queue: Queue) -> None:
    ran = 0

    async def job(claim: Claim) -> None:
        nonlocal ran
        ran += 1
        await asyncio.sleep(3.0)

    await _enqueue(queue, "long")
    # shorter than the job, and long enough that a loaded machine's stall between two extensions is not its end
    async with Running(queue, job, lease_s=2.0), Running(Queue(store, "620725"), job, lease_s=2.0):
        await _until(lambda: _is(store, "long", "DONE"))
    assert ran == 1


async def test_a_job_taken_over_is_stopped(store: Store, queue: Queue) -> None:
    was_cancelled = asyncio.Event()

    async def job(claim: Claim) -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            was_cancelled.set()
            raise

    now = await _enqueue(queue, "long")
    claim = await queue.claim("w", now, 60)
    assert claim is not None
    running = asyncio.create_task(Worker(queue, job, utc_now, lease_s=0.3).run_claimed(claim))
    await asyncio.sleep(0.05)
    heir = await queue.claim("heir", now + timedelta(seconds=61), 3600)
    assert heir is not None
    with pytest.raises(LeaseLostError):
        await asyncio.wait_for(running, 30)
    assert was_cancelled.is_set()
    await queue.finish(heir, now)


_KILLED = """
import asyncio, sys
from app.worker import Worker
from hub.desk import utc_now
from hub.store.engine import open_store
from sync_jobs.queue import Queue

async def job(claim):
    print("claimed", flush=True)
    await asyncio.sleep(3600)

async def main():
    queue = Queue(open_store(sys.argv[1]), "620725")
    await Worker(queue, job, utc_now, lease_s=1.0).run(asyncio.Event())

asyncio.run(main())
"""


async def test_a_worker_killed_with_kill_9_is_replaced(database: Database, store: Store, queue: Queue) -> None:
    await _enqueue(queue, "long")
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, database.url], stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent
    )
    assert process.stdout is not None
    assert await asyncio.to_thread(process.stdout.readline) == b"claimed\n"
    process.kill()
    process.wait()
    process.stdout.close()

    async def job(claim: Claim) -> None:
        assert claim.attempts == 2

    async with Running(queue, job):
        await _until(lambda: _is(store, "long", "DONE"))


def test_a_worker_imports_neither_the_schema_nor_the_web_server() -> None:
    code = (
        "import sys, app.worker, app.jobs, app.wiring\n"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in ('strawberry', 'uvicorn', 'starlette', 'schema')))"
    )
    root = Path(__file__).parent.parent
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert found.stdout.strip() == "[]"
