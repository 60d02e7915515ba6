"""Each configured partner as the operator sees it: when it last answered, what went wrong, what waits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Row, Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.tables import (
    backfills,
    breakers,
    case_records,
    connector_incidents,
    connector_states,
    mapping_worklist,
    quarantine,
    reconciliation_differences,
    reconciliations,
    sync_runs,
)


@dataclass(frozen=True, slots=True)
class ConnectorRow:
    """Where one instance stands. What its breaker says is None where no run of it ever ended."""

    instance: str
    product: str
    last_attempt_at: datetime | None
    last_success_at: datetime | None
    high_water_at: datetime | None
    last_error_kind: str | None
    last_error_hint: str | None
    consecutive_failures: int
    paused_at: datetime | None
    paused_reason: str | None
    next_run_at: datetime | None
    caught_up_at: datetime | None
    breaker_state: str | None
    breaker_opened_at: datetime | None
    breaker_until: datetime | None
    breaker_reason_kind: str | None
    breaker_reason_hint: str | None

    def lag_s(self, now: datetime) -> int | None:
        """Seconds since the begin of the latest pull that came to the partner's present; None: there was none.

        What the partner committed before that instant is here, as far as its pull tells (late commits are left to
        the comparison). A run that failed or was cut off by its budget does not shorten it.
        """
        return None if self.caught_up_at is None else max(int((now - self.caught_up_at).total_seconds()), 0)

    @property
    def next_at(self) -> datetime | None:
        """When this partner is asked next: as scheduled, or when its open breaker allows it; None while paused."""
        if self.paused_at is not None:
            return None
        return self.breaker_until if self.breaker_state == "OPEN" else self.next_run_at


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """One kind of trouble, counted."""

    kind: str
    hint: str
    times: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run of a connector."""

    kind: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    pages: int
    pulled: int
    new: int
    quarantined: int
    incidents: int
    error_kind: str | None
    error_hint: str | None


@dataclass(frozen=True, slots=True)
class ReconciliationRow:
    """One comparison of the partner's own list with ours."""

    id: str
    instance: str
    started_at: datetime
    finished_at: datetime | None
    window_start: datetime | None
    window_end: datetime | None
    expected: int
    held: int
    quarantined: int
    repaired: int
    removed: int
    held_back: int


@dataclass(frozen=True, slots=True)
class BackfillRow:
    """One generation of a backfill."""

    generation: int
    since: datetime | None
    state: str
    pages: int
    pulled: int
    new: int
    newest_at: datetime | None
    absent: int
    removed: int
    held_back: int
    started_at: datetime
    finished_at: datetime | None


R = TypeVar("R", IncidentRow, RunRow, ReconciliationRow, BackfillRow)


async def all_of(connection: AsyncConnection) -> Sequence[ConnectorRow]:
    """Every instance that was ever scheduled, run or paused, by name."""
    own, prefix = connector_states.c, "breaker_"
    columns = [
        breakers.c[name.removeprefix(prefix)] if name.startswith(prefix) else own[name]
        for name in ConnectorRow.__slots__
    ]
    joined = connector_states.outerjoin(breakers, breakers.c.instance == own.instance)
    statement = select(*columns).select_from(joined).order_by(own.instance)
    return [ConnectorRow(*row) for row in await connection.execute(statement)]


async def incidents(connection: AsyncConnection, instances: Iterable[str]) -> Mapping[str, Sequence[IncidentRow]]:
    """The incidents of each instance, the latest first."""
    statement = (
        select(connector_incidents)
        .where(connector_incidents.c.instance.in_(list(instances)))
        .order_by(connector_incidents.c.last_at.desc(), connector_incidents.c.kind)
    )
    groups: dict[str, list[IncidentRow]] = defaultdict(list)
    for row in await connection.execute(statement):
        groups[row.instance].append(_as(IncidentRow, row))
    return groups


async def last_runs(connection: AsyncConnection, instances: Iterable[str]) -> dict[str, RunRow]:
    """The latest run of each instance."""
    return await _latest(connection, sync_runs, instances, RunRow)


async def last_reconciliations(connection: AsyncConnection, instances: Iterable[str]) -> dict[str, ReconciliationRow]:
    """The latest comparison of each instance."""
    return await _latest(connection, reconciliations, instances, ReconciliationRow)


async def last_backfills(connection: AsyncConnection, instances: Iterable[str]) -> dict[str, BackfillRow]:
    """The latest generation of each instance."""
    return await _latest(connection, backfills, instances, BackfillRow)


async def held_back_keys(connection: AsyncConnection, instance: str) -> Sequence[tuple[str, str]]:
    """Native id and number of each removal that the instance's latest finished comparison held back."""
    finished = (reconciliations.c.instance == instance) & reconciliations.c.finished_at.is_not(None)
    newest = (
        select(reconciliations.c.id)
        .where(finished)
        .order_by(reconciliations.c.started_at.desc(), reconciliations.c.id.desc())
        .limit(1)
    )
    c = reconciliation_differences.c
    query = select(c.native_id, c.native_no).where(
        c.reconciliation_id.in_(newest.scalar_subquery()), c.resolution == "HELD_BACK"
    )
    return [(row.native_id, row.native_no) for row in await connection.execute(query)]


async def open_quarantine(connection: AsyncConnection, instances: Iterable[str]) -> dict[str, int]:
    """How many items of each instance wait in quarantine."""
    return await _count(connection, quarantine, instances, quarantine.c.state == "OPEN")


async def unmapped_codes(connection: AsyncConnection, instances: Iterable[str]) -> dict[str, int]:
    """How many native codes of each instance no table explains."""
    return await _count(connection, mapping_worklist, instances)


async def held_records(connection: AsyncConnection, instances: Iterable[str]) -> dict[str, int]:
    """How many records of each instance are held and not gone at their source."""
    return await _count(connection, case_records, instances, case_records.c.deleted_at_source.is_(None))


def _as(cls: type[R], found: Row[Any]) -> R:
    return cls(*(found._mapping[name] for name in cls.__slots__))


async def _latest(connection: AsyncConnection, table: Table, instances: Iterable[str], cls: type[R]) -> dict[str, R]:
    newest = func.row_number().over(
        partition_by=table.c.instance, order_by=(table.c.started_at.desc(), table.c.id.desc())
    )
    ranked = select(table, newest.label("place")).where(table.c.instance.in_(list(instances))).subquery()
    found = await connection.execute(select(ranked).where(ranked.c.place == 1))
    return {row.instance: _as(cls, row) for row in found}


async def _count(
    connection: AsyncConnection, table: Table, instances: Iterable[str], *conditions: Any
) -> dict[str, int]:
    statement = (
        select(table.c.instance, func.count())
        .where(table.c.instance.in_(list(instances)), *conditions)
        .group_by(table.c.instance)
    )
    return {instance: count for instance, count in await connection.execute(statement)}
