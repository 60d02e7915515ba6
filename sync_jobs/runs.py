"""Runs: what one pull or one comparison did, when, and everything that went wrong on the way, healed or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
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

T = TypeVar("T")

#: tries of one request within a run; afterwards the run fails and the queue tries again later
ATTEMPTS = 5
#: a partner that asks for a longer pause than this ends the run instead
LONGEST_PAUSE_S = 20.0
FIRST_PAUSE = timedelta(milliseconds=300)

RUNNING, SUCCEEDED, FAILED = "RUNNING", "SUCCEEDED", "FAILED"


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

    @property
    def error_kind(self) -> str | None:
        return kind_of(self.error) if self.error is not None else None


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
        if error.retry_after is None:
            return True
        return error.retry_after if error.retry_after <= LONGEST_PAUSE_S else False

    async for tried in stamina.retry_context(
        on=again, attempts=ATTEMPTS, timeout=None, wait_initial=FIRST_PAUSE, wait_max=timedelta(seconds=5)
    ):
        with tried:
            return await attempt()
    raise AssertionError("stamina ends with a result or an error")


async def begin(desk: Desk, connector: Connector, kind: str) -> tuple[RunReport, AnyRow | None]:
    """Open a run; also returns the instance's state as it stood (None: never seen before)."""
    config = connector.config
    now = desk.clock()
    report = RunReport(config.name, kind, new_id("run", desk.county), now)
    async with desk.store.write() as tx:
        await insert_or_ignore(
            tx,
            connector_states,
            [{"instance": config.name, "county": desk.county, "product": config.product, "consecutive_failures": 0}],
        )
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
    """Close a run: its counts, the instance's health, the incidents."""
    now = desk.clock()
    async with desk.store.write() as tx:
        await tx.execute(
            update(sync_runs)
            .where(sync_runs.c.id == report.id)
            .values(
                finished_at=now, state=FAILED if report.error else SUCCEEDED, pages=report.pages,
                pulled=report.pulled, new=report.new, quarantined=report.quarantined,
                incidents=report.incidents.total(), error_kind=report.error_kind,
                error_hint=_hint(report.error),
            )
        )  # fmt: skip
        states = connector_states.c
        health: dict[str, Any]
        if report.error is None:
            health = {
                "last_success_at": now, "consecutive_failures": 0, "last_error_kind": None, "last_error_hint": None,
            }  # fmt: skip
        else:
            health = {
                "consecutive_failures": states.consecutive_failures + 1, "last_error_kind": report.error_kind,
                "last_error_hint": _hint(report.error),
            }  # fmt: skip
        await tx.execute(update(connector_states).where(states.instance == report.instance).values(**health))
        await count_incidents(tx, desk, report.instance, report.incidents, now)


def _hint(error: HubError | None) -> str | None:
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
