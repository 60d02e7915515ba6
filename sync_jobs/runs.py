"""Runs: what one pull or one comparison did, when, and everything that went wrong on the way, healed or not."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import stamina
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.base import Connector
from hub.desk import Desk
from hub.errors import AuthError, HubError, PartnerError, RejectedError, TransientError
from hub.model import Source
from hub.store.ids import new_id
from hub.store.lookup import AnyRow
from hub.store.tables import connector_incidents, connector_states, sync_runs
from hub.store.upsert import insert_or_ignore
from sync_jobs import breaker
from sync_jobs.breaker import CLOSED

T = TypeVar("T")

#: tries of one request within a run; afterwards the run fails and the queue tries again later
ATTEMPTS = 5
#: a partner that asks for a longer pause than this ends the run instead
LONGEST_PAUSE_S = 20.0
FIRST_PAUSE = timedelta(milliseconds=300)

RUNNING, SUCCEEDED, FAILED = "RUNNING", "SUCCEEDED", "FAILED"
PULL, RECONCILE, BACKFILL = "PULL", "RECONCILE", "BACKFILL"
#: a run came to the end of its budget: it goes on at the next due time; or one step of it never ended
RUN_CUT, RUN_TOO_LONG = "RUN_CUT", "RUN_TOO_LONG"
#: a step that is under way when the budget ends gets so much more time, as a part of the budget
_GRACE = 0.25


@dataclass(frozen=True, slots=True)
class Budget:
    """How much of its lane one run may take, so that a partner whose pages never end stops nobody else."""

    seconds: float = math.inf
    pages: int = 1 << 62


#: for runs that a person started and watches
NO_BUDGET = Budget()


@dataclass(slots=True)
class RunReport:
    """What a run did. ``error`` is what ended it, None when it came to its end."""

    instance: str
    kind: str
    id: str
    started_at: datetime
    pages: int = 0
    #: items received, repeats included
    pulled: int = 0
    #: versions nobody knew
    new: int = 0
    applied: int = 0
    quarantined: int = 0
    incidents: Counter[str] = field(default_factory=Counter)
    #: native ids whose newest version a fetch must settle
    ties: set[str] = field(default_factory=set)
    error: HubError | None = None
    #: greatest update time of the partner on the pages so far
    newest_at: datetime | None = None
    #: it came to the end of its budget and goes on from its cursor the next time
    is_cut: bool = False
    #: tries of one request
    attempts: int = ATTEMPTS
    budget: Budget = NO_BUDGET
    #: monotonic
    began: float = field(default_factory=time.monotonic)

    @property
    def error_kind(self) -> str | None:
        return kind_of(self.error) if self.error is not None else None

    @property
    def is_spent(self) -> bool:
        """Whether the budget is used up."""
        return self.pages >= self.budget.pages or time.monotonic() - self.began >= self.budget.seconds

    def ended_by(self, error: PartnerError) -> None:
        """A partner's error ended the run; one that had got on and only ran out of time is cut, not failed."""
        if self.pages and isinstance(error, TransientError) and error.kind == RUN_TOO_LONG:
            self.is_cut = True
        else:
            self.error = error

    def in_time(self) -> asyncio.Timeout:
        """Around one step at the partner: ends it when the run is long past its budget."""
        if self.budget.seconds == math.inf:
            return asyncio.timeout(None)
        left = self.began + self.budget.seconds * (1 + _GRACE) - time.monotonic()
        return asyncio.timeout(max(left, 0.0))


def kind_of(error: Exception) -> str:
    """The short constant under which an error is counted and shown."""
    if isinstance(error, TransientError):
        return error.kind
    if isinstance(error, AuthError):
        return "AUTH"
    if isinstance(error, RejectedError):
        return "REJECTED"
    if isinstance(error, PartnerError):
        return "BAD_PAYLOAD"
    return type(error).__name__


def source_of(connector: Connector) -> Source:
    """What the hub needs to know of the instance behind a connector."""
    config = connector.config
    agency_code = str(config.options.get("agency_code", ""))
    return Source(config.name, config.product, config.live_from, agency_code)


async def with_patience(report: RunReport, attempt: Callable[[], Awaitable[T]]) -> T:
    """Ask again while the partner only cannot answer now; every failed try is an incident of the run."""

    def again(error: Exception) -> bool | float:
        if not isinstance(error, TransientError):
            return False
        report.incidents[error.kind] += 1
        if error.kind == RUN_TOO_LONG:
            return False
        if error.retry_after is None:
            return True
        return error.retry_after if error.retry_after <= LONGEST_PAUSE_S else False

    async for tried in stamina.retry_context(
        on=again, attempts=report.attempts, timeout=None, wait_initial=FIRST_PAUSE, wait_max=timedelta(seconds=5)
    ):
        with tried:
            return await in_time(report, attempt)
    raise AssertionError("stamina ends with a result or an error")


async def in_time(report: RunReport, step: Callable[[], Awaitable[T]]) -> T:
    """One step at the partner, ended when the run is long past its budget. Raises TransientError then."""
    try:
        async with report.in_time():
            return await step()
    except TimeoutError:
        raise TransientError(
            "the partner took longer than a run may", kind=RUN_TOO_LONG, hint=f"{report.budget.seconds:g} s"
        ) from None


async def each_in_time(report: RunReport, entries: AsyncIterator[T]) -> AsyncIterator[T]:
    """What an iterator over a partner's list gives, as long as the run has time. Raises TransientError."""
    end = object()
    while True:
        entry: Any = await in_time(report, lambda: anext(entries, end))
        if entry is end:
            return
        yield entry


async def begin(
    desk: Desk, connector: Connector, kind: str, budget: Budget = NO_BUDGET
) -> tuple[RunReport, AnyRow | None]:
    """Open a run; also returns the instance's state as it stood (None: never seen before).

    A partner whose breaker was not closed is on trial: each request is sent once.
    """
    config = connector.config
    now = desk.clock()
    report = RunReport(config.name, kind, new_id("run", desk.county), now, budget=budget)
    async with desk.store.write() as tx:
        await insert_or_ignore(
            tx,
            connector_states,
            [{"instance": config.name, "county": desk.county, "product": config.product, "consecutive_failures": 0}],
        )
        if (await breaker.begin_run(tx, desk.county, config.name)).state != CLOSED:
            report.attempts = 1
        query = select(connector_states).where(connector_states.c.instance == config.name)
        state = (await tx.execute(query)).first()
        await tx.execute(
            update(connector_states)
            .where(connector_states.c.instance == config.name)
            .values(last_attempt_at=now, product=config.product)
        )
        await tx.execute(
            insert(sync_runs).values(
                id=report.id, county=desk.county, instance=config.name, kind=kind, started_at=now, state=RUNNING,
                pages=0, pulled=0, new=0, quarantined=0, incidents=0,
            )
        )  # fmt: skip
    return report, state


async def finish(desk: Desk, report: RunReport) -> None:
    """Close a run: its counts, the instance's health and breaker, the incidents."""
    now = desk.clock()
    async with desk.store.write() as tx:
        await tx.execute(
            update(sync_runs)
            .where(sync_runs.c.id == report.id)
            .values(
                finished_at=now, state=FAILED if report.error else SUCCEEDED, pages=report.pages,
                pulled=report.pulled, new=report.new, quarantined=report.quarantined,
                incidents=report.incidents.total(), error_kind=report.error_kind,
                error_hint=hint_of(report.error),
            )
        )  # fmt: skip
        states = connector_states.c
        health: dict[str, Any]
        if report.error is None:
            health = {
                "last_success_at": now, "consecutive_failures": 0, "last_error_kind": None, "last_error_hint": None,
            }  # fmt: skip
            if report.kind == PULL and not report.is_cut:
                health["caught_up_at"] = report.started_at
        else:
            health = {
                "consecutive_failures": states.consecutive_failures + 1, "last_error_kind": report.error_kind,
                "last_error_hint": hint_of(report.error),
            }  # fmt: skip
        await tx.execute(update(connector_states).where(states.instance == report.instance).values(**health))
        await breaker.end_run(
            tx, report.instance, report.error, report.error_kind, hint_of(report.error), now,
            longest_wait_s=LONGEST_PAUSE_S,
        )  # fmt: skip
        await count_incidents(tx, desk, report.instance, report.incidents, now)


def hint_of(error: HubError | None) -> str | None:
    """What an operator reads of an error."""
    if error is None:
        return None
    return f"{error.message} {error.hint}".strip()


async def count_incidents(
    tx: AsyncConnection, desk: Desk, instance: str, incidents: Mapping[str, int], now: datetime
) -> None:
    """Add to what went wrong with this partner, healed or not."""
    if not incidents:
        return
    kinds = sorted(incidents)
    rows = [
        {
            "instance": instance, "kind": kind, "county": desk.county, "hint": "", "times": 0, "first_at": now,
            "last_at": now,
        }
        for kind in kinds
    ]  # fmt: skip
    await insert_or_ignore(tx, connector_incidents, rows)
    c = connector_incidents.c
    await tx.execute(
        update(connector_incidents)
        .where(c.instance == bindparam("i"), c.kind == bindparam("k"))
        .values(times=c.times + bindparam("n"), last_at=now),
        [{"i": instance, "k": kind, "n": incidents[kind]} for kind in kinds],
    )
