"""What each job does: carry one partner's records in, compare one partner's list with ours, tidy up."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta
from datetime import time as time_of_day

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app import files
from app.wiring import Hub
from app.worker import Worker, worker_name
from connectors import registry
from connectors.base import Window
from hub import nonces, quarantine
from hub.applying import Applied, apply_pending
from hub.errors import ConflictError, HubError, NotFoundError, PostponedError
from hub.jobs import APPLY, PUSH, push_lane_of
from hub.jobs import lane_of as lane_of
from hub.reading.worklists import QuarantineRow, quarantined
from hub.sequencer import sequence_all
from hub.store.tables import connector_states
from hub.store.tables import quarantine as quarantine_rows
from sync_jobs.backfill import run_slice
from sync_jobs.breaker import OPEN, breaker_of
from sync_jobs.differences import ReconcileReport
from sync_jobs.generations import RUNNING, Generation, latest
from sync_jobs.pull import Progress, pull_instance
from sync_jobs.push import PushReport, push_instance
from sync_jobs.queue import Claim
from sync_jobs.reconcile import Key, reconcile_instance
from sync_jobs.runs import NO_BUDGET, Budget, RunReport, source_of
from sync_jobs.scheduler import Schedule, Scheduler

PULL, RECONCILE, BACKFILL, PRUNE, RETRY = "pull", "reconcile", "backfill", "prune", "retry"
#: how often the outbox of an instance is looked into though nobody asked for it
PUSH_SWEEP_S = 300
#: how long finished jobs are remembered
_KEPT = timedelta(days=30)
_log = structlog.get_logger("jobs")


def schedules(hub: Hub) -> list[Schedule]:
    """What runs when, by the settings."""
    made = [Schedule(PRUNE, PRUNE, at=time_of_day(3, 30))]
    for name, one in hub.settings.instances.items():
        made.append(Schedule(f"{PULL}:{name}", lane_of(name), one.pull_every_s, instance=name, product=one.connector))
        if one.reconcile_time is not None:
            made.append(Schedule(f"{RECONCILE}:{name}", lane_of(name), at=one.reconcile_time))
        if registry.carried_by(one.connector):
            # a message puts its own job in line; this finds what a pause or a failed job left behind
            made.append(Schedule(f"{PUSH}:{name}", push_lane_of(name), PUSH_SWEEP_S))
    return made


async def run_job(hub: Hub, claim: Claim) -> None:
    """Do a claimed job of the queue. Raises what ended it, so that the queue knows."""
    kind, _, instance = claim.job.partition(":")
    if kind == PRUNE:
        await hub.queue.prune(hub.desk.clock() - _KEPT)
        await nonces.forget_old(hub.desk)
        return
    if instance not in hub.settings.instances:
        # configured no more; the row is done with
        _log.warning("the instance is not configured", job=claim.job)
        return
    if await pause_reason(hub, instance) is not None:
        return
    await hub.reload_codes()
    one = hub.settings.instances[instance]
    run: RunReport | None
    if kind == APPLY:
        # what is kept already is applied whatever its partner does now
        await apply_waiting(hub, claim, instance)
        if not (await breaker_of(hub.store, instance)).holds_back(hub.desk.clock()):
            async with hub.wire(instance) as wire:
                await files.fetch(hub, claim, instance, wire)
        return
    await _wait_for_breaker(hub, instance)
    if kind == PUSH:
        await push(hub, claim, instance)
        return
    if kind == PULL:
        run = await pull(hub, claim, instance, budget=Budget(one.max_run_s, one.max_run_pages))
    elif kind == RECONCILE:
        run = (await reconcile(hub, claim, instance, budget=Budget(one.max_reconcile_s))).run
    elif kind == BACKFILL:
        run = await _go_on_with_backfill(hub, claim, instance, Budget(one.max_run_s, one.max_run_pages))
    else:
        raise NotFoundError(f"no job is called {kind}")
    if run is None:
        return
    _log.info("run ended", instance=instance, run=run.id, pulled=run.pulled, new=run.new,
              quarantined=run.quarantined, incidents=dict(run.incidents))  # fmt: skip
    if run.error is not None:
        # once the breaker is open, it and not the queue says when the next try comes
        await _wait_for_breaker(hub, instance)
        raise run.error


async def _wait_for_breaker(hub: Hub, instance: str) -> None:
    """Raises PostponedError while nobody is to ask this partner: the same job comes again when one run may try."""
    found = await breaker_of(hub.store, instance)
    if found.until is not None and found.holds_back(hub.desk.clock()):
        raise PostponedError(
            f"{instance} is left alone for now", until=found.until, kind=found.reason_kind or OPEN,
            hint=f"Its breaker is open; the last error: {found.reason_hint or 'unknown'}",
        )  # fmt: skip


async def pull(
    hub: Hub, claim: Claim, instance: str, progress: Progress | None = None, since: datetime | None = None,
    budget: Budget = NO_BUDGET,
) -> RunReport:  # fmt: skip
    """One pull under the claim, from the kept cursor or ``since``. A partner's error stands in the report."""
    async with hub.wire(instance) as wire:
        run = await pull_instance(
            hub.fenced_desk(claim), hub.connector(instance), wire, since=since, progress=progress, budget=budget
        )
        if run.error is None:
            # at once: the addresses just delivered expire. Where the partner failed, its files wait with it
            await files.fetch(hub, claim, instance, wire)
        return run


async def backfill(
    hub: Hub, claim: Claim, instance: str, generation: Generation, progress: Progress | None = None,
    budget: Budget = NO_BUDGET,
) -> tuple[RunReport, Generation]:  # fmt: skip
    """One slice of a generation under the claim; it ends early when the instance's live pull is due."""
    async with hub.wire(instance) as wire:
        run, reached = await run_slice(
            hub.fenced_desk(claim), hub.connector(instance), wire, generation, progress=progress, budget=budget,
            is_other_due=lambda: hub.queue.is_due(f"{PULL}:{instance}", hub.desk.clock()),
        )  # fmt: skip
        if run.error is None:
            await files.fetch(hub, claim, instance, wire)
        return run, reached


async def _go_on_with_backfill(hub: Hub, claim: Claim, instance: str, budget: Budget) -> RunReport | None:
    """A backfill whose command was killed: the next slice. Raises PostponedError while there is more."""
    generation = await latest(hub.store, instance, RUNNING)
    if generation is None:
        return None
    run, generation = await backfill(hub, claim, instance, generation, budget=budget)
    if run.error is None and generation.state == RUNNING:
        # due behind whatever waits by now, the live pull first of all
        raise PostponedError("there is more to read", until=hub.desk.clock(), kind="MAKES_ROOM")
    return run


async def run_due_pull(hub: Hub, instance: str) -> None:
    """The instance's live pull, if it is due and nobody has taken it; how it ends is noted in the queue."""
    claim = await hub.queue.claim_named(
        f"{PULL}:{instance}", f"cli {worker_name()}", hub.desk.clock(), hub.settings.lease_s
    )
    if claim is None:
        return
    worker = Worker(hub.queue, lambda held: run_job(hub, held), hub.desk.clock, lease_s=hub.settings.lease_s)
    with contextlib.suppress(HubError):
        await worker.run_claimed(claim)


async def reconcile(
    hub: Hub, claim: Claim, instance: str, progress: Progress | None = None, window: Window | None = None,
    budget: Budget = NO_BUDGET, *, accepted: Collection[Key] = (),
) -> ReconcileReport:  # fmt: skip
    """One comparison under the claim. A partner's error stands in the report's run."""
    async with hub.wire(instance) as wire:
        return await reconcile_instance(
            hub.fenced_desk(claim), hub.connector(instance), wire, window=window, progress=progress, budget=budget,
            accepted=accepted,
        )  # fmt: skip


async def push(hub: Hub, claim: Claim, instance: str) -> PushReport:
    """Carry what is due in the outbox to one partner, under the claim. A partner's error stands in the report.

    Messages have pauses of their own: a run that a partner's error ended comes again when the next may be tried.
    """
    async with hub.wire(instance) as wire:
        done = await push_instance(
            hub.fenced_desk(claim), hub.connector(instance), wire,
            request_s=hub.settings.instances[instance].request_timeout_s * 2,
        )  # fmt: skip
    _log.info("push ended", instance=instance, tried=done.tried, delivered=done.delivered, refused=done.refused,
              dead=done.dead, uncertain=done.uncertain, error=done.error_kind)  # fmt: skip
    return done


async def ask_to_apply(hub: Hub, instance: str) -> None:
    """Have a worker take in soon what waits; one that waits for its turn already will find it."""
    await hub.queue.enqueue(f"{APPLY}:{instance}", lane_of(instance), hub.desk.clock())


async def apply_waiting(hub: Hub, claim: Claim, instance: str) -> Applied:
    """Take in what was kept without a run; the partner is not asked.

    A tie is left to the next pull, which reads the same stretch again.
    """
    desk, connector = hub.fenced_desk(claim), hub.connector(instance)
    applied = await apply_pending(desk, source_of(connector), connector)
    await sequence_all(desk)
    return applied


async def pause_reason(hub: Hub, instance: str) -> str | None:
    """Why an operator paused the instance, '' where nobody said; None where it is not paused."""
    c = connector_states.c
    async with hub.store.read() as connection:
        query = select(c.paused_reason).where(c.instance == instance, c.paused_at.is_not(None))
        row = (await connection.execute(query)).first()
    return None if row is None else row.paused_reason or ""


async def take_lane(
    hub: Hub, job: str, lane: str, *, wait_s: float = 600, waiting: Callable[[], None] | None = None
) -> Claim:
    """Claim a job of our own as soon as nothing else runs on its lane. Raises ConflictError after ``wait_s``."""
    deadline = time.monotonic() + wait_s
    told = False
    while True:
        claim = await hub.queue.enqueue_claimed(
            job, lane, f"cli {worker_name()}", hub.desk.clock(), hub.settings.lease_s
        )
        if claim is not None:
            return claim
        if time.monotonic() > deadline:
            raise ConflictError(f"{lane} is busy", hint="A worker is at it; see `dispute-hub connectors list`.")
        if waiting is not None and not told:
            waiting()
            told = True
        await asyncio.sleep(0.5)


async def run_now(hub: Hub, claim: Claim, work: Callable[[Claim], Awaitable[None]]) -> None:
    """Run work under a claim of our own, heartbeat included. Whoever asked for it sees it fail and asks again."""
    await Worker(hub.queue, work, hub.desk.clock, lease_s=hub.settings.lease_s, is_retrying=False).run_claimed(claim)


async def one_quarantined(connection: AsyncConnection, item: str) -> QuarantineRow:
    """A quarantined item. Raises NotFoundError."""
    row = await quarantined(connection, item)
    if row is None:
        raise quarantine.not_there(item)
    return row


async def retry_quarantined(hub: Hub, item: str | None, instance: str | None) -> dict[str, int]:
    """Try open quarantined items again, each instance under its lane."""
    query = select(quarantine_rows.c.instance).where(quarantine_rows.c.state == "OPEN").distinct()
    async with hub.store.read() as connection:
        if item is not None:
            names = [(await one_quarantined(connection, item)).instance]
        else:
            names = [name for name in (await connection.execute(query)).scalars() if instance in (None, name)]
    retried = still = 0
    for name in names:
        counts: list[int] = []

        async def again(claim: Claim, name: str = name, counts: list[int] = counts) -> None:
            async with hub.fenced_desk(claim).store.write() as tx:
                counts.append(await quarantine.retry(tx, [item] if item else None, instance=name))
            counts.append((await apply_waiting(hub, claim, name)).quarantined)

        await run_now(hub, await take_lane(hub, f"{RETRY}:{name}", lane_of(name)), again)
        retried, still = retried + counts[0], still + counts[1]
    return {"retried": retried, "stillQuarantined": still}


async def retry_files(hub: Hub, file: str | None, instance: str | None) -> dict[str, int]:
    """Fetch files that were refused, failed or wait, now, each instance under its lane."""
    totals = {"retried": 0, "stored": 0, "missed": 0}
    async with hub.store.read() as connection:
        names = await files.with_missing(connection, file)
    for name in (name for name in names if instance in (None, name)):

        async def again(claim: Claim, name: str = name) -> None:
            report, retried = await files.retry(hub, claim, name, file)
            totals["retried"] += retried
            totals["stored"] += report.stored
            totals["missed"] += report.missed.total()

        await run_now(hub, await take_lane(hub, f"{RETRY}:{name}", lane_of(name)), again)
    return totals


async def run_worker(hub: Hub, stop: asyncio.Event, *, lanes: int | None = None, is_scheduling: bool = True) -> None:
    """Work, and schedule unless another process does, until ``stop``."""
    worker = Worker(
        hub.queue, lambda claim: run_job(hub, claim), hub.desk.clock, lanes=lanes or hub.settings.worker_lanes,
        lease_s=hub.settings.lease_s,
    )  # fmt: skip
    scheduler = Scheduler(hub.desk, hub.queue, schedules(hub)) if is_scheduling else None
    _log.info("worker started", worker=worker.name, instances=sorted(hub.settings.instances))
    if scheduler is not None:
        await scheduler.start()
    try:
        await worker.run(stop)
    finally:
        if scheduler is not None:
            await scheduler.stop()
    _log.info("worker stopped", worker=worker.name)
