"""The worker: claims jobs, runs them under a lease, several lanes side by side. A hanging partner holds nobody up.

A job that takes long gives its place to another one and goes on beside it, so that partners which hang, however many,
do not take all places from those which answer. Any number of workers may run on one store. A worker that is told to
stop finishes what it can in a few seconds and gives the rest back; one that is killed is replaced when its lease runs
out.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.logging import told
from hub.errors import (
    AuthError,
    ConfigurationError,
    LeaseLostError,
    PartnerError,
    PostponedError,
    RejectedError,
    TransientError,
)
from hub.store.ids import new_id
from sync_jobs.queue import Claim, Queue

LEASE_S = 60.0
#: what a job may still do after the worker was told to stop
GRACE_S = 10.0
#: a job that has run so long no longer counts against the lanes: it waits for its partner most of the time
LONG_S = 20.0
#: … but no worker runs more than so many times its lanes
MOST = 4
#: pause after the database refused, so that an outage is not answered with a storm
_PAUSE_S = 2.0
_log = structlog.get_logger("worker")

RunJob = Callable[[Claim], Awaitable[None]]


def worker_name() -> str:
    """Who claims: host and process for the operator, and a tail that no other worker has."""
    return f"{socket.gethostname()}/{os.getpid()}/{new_id('w', '')[-6:]}"


class Worker:
    """Runs jobs until it is told to stop."""

    def __init__(
        self, queue: Queue, run_job: RunJob, clock: Callable[[], datetime], *, lanes: int = 4,
        lease_s: float = LEASE_S, grace_s: float = GRACE_S, long_s: float = LONG_S, is_retrying: bool = True,
    ) -> None:  # fmt: skip
        """``is_retrying``: whether a failed job waits for another attempt, else it has failed for good."""
        self._queue = queue
        self._run_job = run_job
        self._clock = clock
        self._lanes = lanes
        self._lease_s = lease_s
        self._grace_s = grace_s
        self._long_s = long_s
        self._is_retrying = is_retrying
        self.name = worker_name()

    async def run(self, stop: asyncio.Event) -> None:
        """Claim and run until ``stop`` is set; returns when nothing of ours is claimed any more."""
        running: dict[asyncio.Task[None], float] = {}
        async with self._queue.wakeup.listening():
            while not stop.is_set():
                claim = await self._claim() if self._has_place(running) else None
                if claim is not None:
                    running[asyncio.create_task(self._work(claim), name=claim.job)] = time.monotonic()
                else:
                    await self._wait(running, stop)
                running = {task: since for task, since in running.items() if not task.done()}
        await self._finish(set(running))

    def _has_place(self, running: Mapping[asyncio.Task[None], float]) -> bool:
        young = sum(since > time.monotonic() - self._long_s for since in running.values())
        return young < self._lanes and len(running) < self._lanes * MOST

    async def _claim(self) -> Claim | None:
        try:
            return await self._queue.claim(self.name, self._clock(), self._lease_s)
        except (SQLAlchemyError, OSError) as exc:
            _log.warning("the queue cannot be read, tried again", **told(exc))
            await asyncio.sleep(_PAUSE_S)
            return None

    async def _wait(self, running: Mapping[asyncio.Task[None], float], stop: asyncio.Event) -> None:
        """Until something changes: a job ends or gives its place away, work comes, or we are to stop."""
        waiting = {asyncio.create_task(self._queue.wakeup.wait()), asyncio.create_task(stop.wait())}
        ages = [time.monotonic() - since for since in running.values()]
        # none left: the wake-up's own interval is the limit
        next_place = min((self._long_s - age for age in ages if age < self._long_s), default=None)
        try:
            await asyncio.wait(waiting | running.keys(), timeout=next_place, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()

    async def _finish(self, running: set[asyncio.Task[None]]) -> None:
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=self._grace_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _work(self, claim: Claim) -> None:
        """One job: run it under a heartbeat, then tell the queue how it ended."""
        with structlog.contextvars.bound_contextvars(job=claim.job, job_id=claim.id, attempt=claim.attempts):
            started = time.monotonic()
            try:
                await self.run_claimed(claim)
            except LeaseLostError:
                _log.warning("taken over by another worker")
            except PostponedError as exc:
                _log.info("postponed", kind=exc.kind, until=exc.until.isoformat())
            except asyncio.CancelledError:
                _log.info("given back unfinished")
            except (SQLAlchemyError, OSError) as exc:
                _log.warning("the queue could not be told; the lease will run out", **told(exc))
            except Exception as exc:
                # its end is noted in the queue; the worker lives on
                level = _log.warning if isinstance(exc, PartnerError | ConfigurationError) else _log.error
                level("failed", kind=error_kind(exc), **told(exc), seconds=round(time.monotonic() - started, 1))
            else:
                _log.info("done", seconds=round(time.monotonic() - started, 1))

    async def run_claimed(self, claim: Claim) -> None:
        """Run a job that is already claimed and note its end. Raises what the job raised.

        LeaseLostError means that another worker has it: nothing was noted, nothing more will be written. Cancelled,
        it gives the job back; PostponedError puts it off.
        """
        job = asyncio.ensure_future(self._run_job(claim))
        heartbeat = asyncio.create_task(self._keep(claim, job))
        try:
            await job
        except asyncio.CancelledError:
            if heartbeat.done() and not heartbeat.cancelled() and heartbeat.exception() is not None:
                raise LeaseLostError(f"job {claim.job} was taken over", hint="The other worker redoes it.") from None
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)
            await asyncio.shield(self._queue.release(claim))
            raise
        except LeaseLostError:
            raise
        except PostponedError as exc:
            await self._queue.postpone(claim, exc.until, exc.kind, exc.hint)
            raise
        except Exception as exc:
            await self._note_failure(claim, exc)
            raise
        finally:
            heartbeat.cancel()
        await self._queue.finish(claim, self._clock())

    async def _note_failure(self, claim: Claim, exc: Exception) -> None:
        # credentials and settings do not heal by themselves: the next due time tries again soon enough
        is_final = not self._is_retrying or isinstance(exc, AuthError | ConfigurationError | RejectedError)
        retry_after = exc.retry_after if isinstance(exc, TransientError) else None
        hint = exc.hint if isinstance(exc, PartnerError | ConfigurationError) else ""
        await self._queue.fail(claim, self._clock(), error_kind(exc), hint, retry_after=retry_after, is_final=is_final)

    async def _keep(self, claim: Claim, job: asyncio.Future[None]) -> None:
        """Extend the lease while the job runs; stop the job when the lease is lost or cannot be kept."""
        kept_until = time.monotonic() + self._lease_s
        while True:
            await asyncio.sleep(self._lease_s / 3)
            try:
                await self._queue.heartbeat(claim, self._clock(), self._lease_s)
                kept_until = time.monotonic() + self._lease_s
            except LeaseLostError:
                job.cancel()
                raise
            except (SQLAlchemyError, OSError):
                if time.monotonic() > kept_until:
                    job.cancel()
                    raise


def error_kind(exc: BaseException) -> str:
    """A short constant for what went wrong, under which it is shown and counted."""
    if isinstance(exc, TransientError):
        return exc.kind
    known = {AuthError: "AUTH", RejectedError: "REJECTED", ConfigurationError: "CONFIGURATION"}
    return next((kind for error, kind in known.items() if isinstance(exc, error)), type(exc).__name__)


@asynccontextmanager
async def stop_on_signals() -> AsyncIterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set. A second signal ends the process at once."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def told(number: signal.Signals) -> None:
        if stop.is_set():
            loop.remove_signal_handler(number)
            os.kill(os.getpid(), number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told, number)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(ValueError):
                loop.remove_signal_handler(number)
