"""The queue: work is rows, unique by job and due time; workers claim them under a lease with a fencing token.

A job runs at least once. Two jobs of one lane never run side by side: the database itself forbids a second claimed
row of a lane. Whoever sleeps past the lease is fenced out: its token no longer matches (law 11).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.errors import LeaseLostError
from hub.jobs import announce, job_row
from hub.store.engine import Store
from hub.store.tables import jobs
from sync_jobs.wakeup import Wakeup

#: seconds to wait before each further attempt; after the last the job has failed
BACKOFF_S = (15, 60, 240, 600)
MAX_ATTEMPTS = len(BACKOFF_S) + 1
_LONGEST_PAUSE_S = 3600.0


@dataclass(frozen=True, slots=True)
class Claim:
    """One job held by one worker. Worth nothing once the lease ran out and another took it over."""

    id: str
    job: str
    lane: str
    due_at: datetime
    #: grows with every claim of the row
    token: int
    #: this one included
    attempts: int
    worker: str


async def holds(connection: AsyncConnection, job_id: str, token: int) -> bool:
    """Whether the claim still stands, and keeps it so until this transaction ends.

    Call it first in every transaction that writes on behalf of a job. On PostgreSQL the row is locked FOR KEY SHARE:
    a take-over (FOR UPDATE SKIP LOCKED) passes it by, our own heartbeat does not wait. SQLite has one writer anyway.
    """
    wanted = select(jobs.c.id).where(jobs.c.id == job_id, jobs.c.token == token, jobs.c.state == "CLAIMED")
    found = await connection.execute(wanted.with_for_update(read=True, key_share=True))
    return found.first() is not None


class Queue:
    """The jobs of one store. Instants are passed in; they come from the worker's clock."""

    def __init__(self, store: Store, county: str) -> None:
        self._store = store
        self._county = county
        self.wakeup = Wakeup(store)

    async def enqueue(self, job: str, lane: str, due_at: datetime) -> bool:
        """Add a job once for its due time; False when it was there already, or waits unclaimed from earlier."""
        table = postgresql.insert(jobs) if self._store.kind == "postgresql" else sqlite.insert(jobs)
        async with self._store.write() as connection:
            # a job that still waits covers this due time too: an hour's maintenance must not pile up pulls
            if (await connection.execute(select(jobs.c.id).where(jobs.c.job == job, jobs.c.state == "READY"))).first():
                return False
            added = await connection.execute(
                table.values(self._row(job, lane, due_at, state="READY")).on_conflict_do_nothing()
            )
            if added.rowcount:
                await announce(connection)
        if added.rowcount:
            self.wakeup.ring()
        return bool(added.rowcount)

    async def skip(self, job: str, lane: str, due_at: datetime, now: datetime) -> None:
        """Count a due time as over without running it."""
        table = postgresql.insert(jobs) if self._store.kind == "postgresql" else sqlite.insert(jobs)
        row = self._row(job, lane, due_at, state="DONE") | {"finished_at": now, "error_kind": "SKIPPED"}
        async with self._store.write() as connection:
            await connection.execute(table.values(row).on_conflict_do_nothing())

    async def enqueue_claimed(self, job: str, lane: str, worker: str, now: datetime, lease_s: float) -> Claim | None:
        """A job of our own, claimed in the moment it is made; None while another one runs on the lane."""
        await self._release_expired(now)
        row = self._row(job, lane, now, state="CLAIMED") | {
            "token": 1, "attempts": 1, "claimed_by": worker, "started_at": now,
            "lease_expires_at": now + timedelta(seconds=lease_s),
        }  # fmt: skip
        try:
            async with self._store.write() as connection:
                await connection.execute(insert(jobs).values(row))
        except IntegrityError:
            return None
        return Claim(row["id"], job, lane, now, 1, 1, worker)

    async def claim(self, worker: str, now: datetime, lease_s: float) -> Claim | None:
        """Take the job that is due longest on a lane where nothing runs; None when there is none."""
        if not await self._is_work_waiting(now):
            return None
        await self._release_expired(now)
        # two workers may choose two jobs of one lane: the unique index refuses the later, who looks again
        for _ in range(8):
            try:
                return await self._claim_first(worker, now, lease_s)
            except IntegrityError:
                continue
        return None

    async def is_due(self, job: str, now: datetime) -> bool:
        """Whether this job waits to be run now."""
        async with self._store.read() as connection:
            due = select(jobs.c.id).where(jobs.c.job == job, jobs.c.state == "READY", jobs.c.due_at <= now)
            paused = or_(jobs.c.lease_expires_at.is_(None), jobs.c.lease_expires_at <= now)
            return (await connection.execute(due.where(paused).limit(1))).first() is not None

    async def claim_named(self, job: str, worker: str, now: datetime, lease_s: float) -> Claim | None:
        """Take this job if it waits to be run now and its lane is free."""
        try:
            return await self._claim_first(worker, now, lease_s, job)
        except IntegrityError:
            return None

    async def heartbeat(self, claim: Claim, now: datetime, lease_s: float) -> None:
        """Extend the lease. Raises LeaseLostError."""
        await self._change(claim, lease_expires_at=now + timedelta(seconds=lease_s))

    async def finish(self, claim: Claim, now: datetime) -> None:
        """The job is done. Raises LeaseLostError."""
        await self._change(
            claim, state="DONE", finished_at=now, lease_expires_at=None, error_kind=None, error_hint=None
        )

    async def fail(
        self, claim: Claim, now: datetime, kind: str, hint: str = "", *, retry_after: float | None = None,
        is_final: bool = False,
    ) -> bool:  # fmt: skip
        """Note the failure; True when it will be tried again after a pause. Raises LeaseLostError."""
        if is_final or claim.attempts >= MAX_ATTEMPTS:
            await self._change(
                claim, state="FAILED", finished_at=now, lease_expires_at=None, error_kind=kind, error_hint=hint
            )
            return False
        pause = BACKOFF_S[claim.attempts - 1] if retry_after is None else min(retry_after, _LONGEST_PAUSE_S)
        await self._change(
            claim, state="READY", claimed_by=None, error_kind=kind, error_hint=hint,
            lease_expires_at=now + timedelta(seconds=pause),
        )  # fmt: skip
        return True

    async def postpone(self, claim: Claim, until: datetime, kind: str, hint: str = "") -> None:
        """The job is due at ``until`` instead, as if it had not been tried. Raises LeaseLostError.

        Its due time moves with it: work that came due meanwhile goes first.
        """
        # a breaker gives every job of its partner the same instant, and a job's rows are unique by theirs
        taken = select(jobs.c.due_at).where(jobs.c.job == claim.job, jobs.c.id != claim.id, jobs.c.due_at >= until)
        async with self._store.read() as connection:
            others = set((await connection.execute(taken)).scalars())
        while until in others:
            until += timedelta(microseconds=1)
        await self._change(
            claim, state="READY", due_at=until, claimed_by=None, lease_expires_at=None, attempts=0, error_kind=kind,
            error_hint=hint,
        )  # fmt: skip
        self.wakeup.ring()

    async def release(self, claim: Claim) -> None:
        """Give an unfinished job back, as if it had not been tried. Raises LeaseLostError."""
        await self._change(
            claim, state="READY", claimed_by=None, lease_expires_at=None, attempts=max(claim.attempts - 1, 0)
        )
        self.wakeup.ring()

    async def prune(self, older_than: datetime) -> int:
        """Forget finished jobs; returns how many."""
        async with self._store.write() as connection:
            gone = await connection.execute(
                delete(jobs).where(jobs.c.state.in_(("DONE", "FAILED")), jobs.c.finished_at < older_than)
            )
            return gone.rowcount

    async def last_due(self) -> dict[str, datetime]:
        """The latest due time that each job has a row for."""
        async with self._store.read() as connection:
            rows = await connection.execute(select(jobs.c.job, func.max(jobs.c.due_at)).group_by(jobs.c.job))
            return {row[0]: row[1] for row in rows}

    # --- inside

    def _row(self, job: str, lane: str, due_at: datetime, *, state: str) -> dict[str, Any]:
        return job_row(self._county, job, lane, due_at, state)

    async def _is_work_waiting(self, now: datetime) -> bool:
        async with self._store.read() as connection:
            waiting = select(jobs.c.id).where(or_(_is_ready(now), _is_expired(now))).limit(1)
            return (await connection.execute(waiting)).first() is not None

    async def _claim_first(self, worker: str, now: datetime, lease_s: float, job: str = "") -> Claim | None:
        wanted = _first_ready(now).where(jobs.c.job == job) if job else _first_ready(now)
        async with self._store.write() as connection:
            row = (await connection.execute(wanted)).first()
            if row is None:
                return None
            claim = Claim(row.id, row.job, row.lane, row.due_at, row.token + 1, row.attempts + 1, worker)
            await connection.execute(
                update(jobs)
                .where(jobs.c.id == claim.id)
                .values(
                    state="CLAIMED", token=claim.token, attempts=claim.attempts, claimed_by=worker, started_at=now,
                    lease_expires_at=now + timedelta(seconds=lease_s),
                )
            )  # fmt: skip
            return claim

    async def _release_expired(self, now: datetime) -> None:
        """Take jobs from workers that went silent: back to READY with a new token, or FAILED after the last attempt."""
        async with self._store.read() as connection:
            if (await connection.execute(select(jobs.c.id).where(_is_expired(now)).limit(1))).first() is None:
                return
        async with self._store.write() as connection:
            # skips a row whose holder is writing at this moment: it is alive after all
            silent = select(jobs.c.id, jobs.c.attempts).where(_is_expired(now)).with_for_update(skip_locked=True)
            for row in (await connection.execute(silent)).all():
                is_last = row.attempts >= MAX_ATTEMPTS
                await connection.execute(
                    update(jobs)
                    .where(jobs.c.id == row.id)
                    .values(
                        state="FAILED" if is_last else "READY", token=jobs.c.token + 1, claimed_by=None,
                        lease_expires_at=None, finished_at=now if is_last else None, error_kind="LEASE_EXPIRED",
                        error_hint="its worker went silent",
                    )
                )  # fmt: skip

    async def _change(self, claim: Claim, **values: Any) -> None:
        async with self._store.write() as connection:
            changed = await connection.execute(
                update(jobs)
                .where(jobs.c.id == claim.id, jobs.c.token == claim.token, jobs.c.state == "CLAIMED")
                .values(**values)
            )
        if not changed.rowcount:
            raise LeaseLostError(f"job {claim.job} was taken over", hint="The other worker redoes it.")


def _is_ready(now: datetime) -> ColumnElement[bool]:
    """Due, past the pause after a failure (kept in ``lease_expires_at``: no claim before then), its lane free."""
    other = jobs.alias("other")
    lane_is_busy = select(other.c.id).where(other.c.lane == jobs.c.lane, other.c.state == "CLAIMED").exists()
    return and_(
        jobs.c.state == "READY",
        jobs.c.due_at <= now,
        or_(jobs.c.lease_expires_at.is_(None), jobs.c.lease_expires_at <= now),
        ~lane_is_busy,
    )


def _is_expired(now: datetime) -> ColumnElement[bool]:
    return and_(jobs.c.state == "CLAIMED", jobs.c.lease_expires_at <= now)


def _first_ready(now: datetime) -> Select[Any]:
    # SQLite drops the locking clause: its writers queue at BEGIN IMMEDIATE
    return (
        select(jobs.c.id, jobs.c.job, jobs.c.lane, jobs.c.due_at, jobs.c.token, jobs.c.attempts)
        .where(_is_ready(now))
        .order_by(jobs.c.due_at, jobs.c.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=jobs)
    )
