"""Connector: one configured partner as the operator sees it."""

from __future__ import annotations

import strawberry

from hub.desk import utc_now
from hub.reading.connectors import BackfillRow, ConnectorRow, IncidentRow, RunRow
from hub.reading.outbox import Backlog
from schema.context import Info
from schema.scalars import Instant, instant
from schema.types.reconciliation import Reconciliation, reconciliation


@strawberry.type(description="One kind of trouble with a partner, counted.")
class Incident:
    kind: str = strawberry.field(description="A constant, e.g. HTML_ANSWER.")
    times: int = strawberry.field(description="How often it happened.")
    hint: str = strawberry.field(description="What to do about it.")
    first_at: Instant = strawberry.field(description="When it first happened.")
    last_at: Instant = strawberry.field(description="When it last happened.")


@strawberry.type(description="One run of a connector.")
class SyncRun:
    kind: str = strawberry.field(description="PULL, RECONCILE or BACKFILL.")
    state: str = strawberry.field(description="RUNNING, SUCCEEDED or FAILED.")
    started_at: Instant = strawberry.field(description="When it started.")
    finished_at: Instant | None = strawberry.field(description="When it ended; null while running.")
    pages: int = strawberry.field(description="Pages received.")
    pulled: int = strawberry.field(description="Items received, repeats included.")
    new: int = strawberry.field(description="Items not known before.")
    quarantined: int = strawberry.field(description="Items that could not be read.")
    incidents: int = strawberry.field(description="Troubles on the way.")
    error_kind: str | None = strawberry.field(description="Why it failed, as a constant.")
    error_hint: str | None = strawberry.field(description="What to do about it.")


@strawberry.type(description="One reading of the partner's past beside the live pull.")
class Backfill:
    generation: int = strawberry.field(description="Its number, counted by instance.")
    since: Instant | None = strawberry.field(description="It reads what changed since then; null: everything.")
    state: str = strawberry.field(description="RUNNING, COMPLETE, HELD_BACK (a person decides) or ABANDONED.")
    pages: int = strawberry.field(description="Pages read so far.")
    pulled: int = strawberry.field(description="Items read so far.")
    new: int = strawberry.field(description="Items not known before.")
    newest_at: Instant | None = strawberry.field(description="The partner's newest update time read so far.")
    absent: int = strawberry.field(description="Records held that no page showed and no further question found.")
    removed: int = strawberry.field(description="Of these, marked as held by the partner no more.")
    held_back: int = strawberry.field(description="Of these, too many at once to be marked.")
    started_at: Instant = strawberry.field(description="When it started.")
    finished_at: Instant | None = strawberry.field(description="When it ended; null while running.")


@strawberry.type(description="Whether the partner is asked at all after failures, in every process of the hub.")
class Breaker:
    state: str = strawberry.field(
        description="CLOSED: asked when due. OPEN: left alone until then. HALF_OPEN: one run tries whether it answers."
    )
    since: Instant | None = strawberry.field(description="When it left CLOSED; null while closed.")
    until: Instant | None = strawberry.field(description="Before then no job asks the partner.")
    reason: str | None = strawberry.field(description="The failure that opened it, as a constant.")
    hint: str | None = strawberry.field(description="The same in words.")


@strawberry.type(description="What of the messages to one partner is not done.")
class OutboxBacklog:
    waiting: int = strawberry.field(description="To be sent, or to be sent again.")
    unanswered: int = strawberry.field(description="The partner has it, its own answer is still to come.")
    dead: int = strawberry.field(description="Dead letters 死信: a person has them tried again or sets them aside.")
    uncertain: int = strawberry.field(description="Nobody knows whether the partner has it: a person asks and decides.")
    refused: int = strawberry.field(
        description="Refused, and nothing was sent in its place since: a person corrects it."
    )


@strawberry.type(description="One configured partner.")
class Connector:
    instance: str = strawberry.field(description="Its name in the settings.")
    product: str = strawberry.field(description="The connector that speaks its wire.")
    last_attempt_at: Instant | None = strawberry.field(description="When it was last asked.")
    last_success_at: Instant | None = strawberry.field(description="When it last answered well.")
    high_water_at: Instant | None = strawberry.field(description="Its newest update time seen so far.")
    last_error_kind: str | None = strawberry.field(description="The last failure, as a constant.")
    last_error_hint: str | None = strawberry.field(description="What to do about it.")
    consecutive_failures: int = strawberry.field(description="Failures since it last answered well.")
    paused: bool = strawberry.field(description="Whether an operator stopped it.")
    next_run_at: Instant | None = strawberry.field(
        description="When it is asked next; in the past while no worker schedules, null while it is paused."
    )
    caught_up_at: Instant | None = strawberry.field(
        description="When the latest pull began that came to the partner's present; null before the first."
    )
    lag_seconds: int | None = strawberry.field(
        description="Seconds since `caughtUpAt`: how old what the hub knows of this partner may be."
    )
    breaker: Breaker = strawberry.field(description="Whether it is left alone after failures.")

    @strawberry.field(description="Troubles so far, the latest first.")
    async def incidents(self, info: Info) -> list[Incident]:
        return [_incident(row) for row in await info.context.loaders.incidents.load(self.instance)]

    @strawberry.field(description="Its latest run.")
    async def last_run(self, info: Info) -> SyncRun | None:
        row = await info.context.loaders.last_runs.load(self.instance)
        return None if row is None else _run(row)

    @strawberry.field(description="Its latest comparison.")
    async def last_reconciliation(self, info: Info) -> Reconciliation | None:
        row = await info.context.loaders.last_reconciliations.load(self.instance)
        return None if row is None else reconciliation(row)

    @strawberry.field(description="Its latest backfill.")
    async def last_backfill(self, info: Info) -> Backfill | None:
        row = await info.context.loaders.last_backfills.load(self.instance)
        return None if row is None else _backfill(row)

    @strawberry.field(description="Items waiting in quarantine.")
    async def quarantined(self, info: Info) -> int:
        return await info.context.loaders.open_quarantine.load(self.instance) or 0

    @strawberry.field(description="What waits to be told to this partner, and what of it waits for a person.")
    async def outbox(self, info: Info) -> OutboxBacklog:
        found = await info.context.loaders.backlogs.load(self.instance) or Backlog()
        return OutboxBacklog(
            waiting=found.waiting,
            unanswered=found.unanswered,
            dead=found.dead,
            uncertain=found.uncertain,
            refused=found.refused,
        )

    @strawberry.field(description="Native codes that no table explains yet.")
    async def mapping_worklist(self, info: Info) -> int:
        return await info.context.loaders.unmapped_codes.load(self.instance) or 0

    @strawberry.field(description="Fields that are new, gone or of another type, and that nobody has accepted.")
    async def drift(self, info: Info) -> int:
        return len(await info.context.loaders.drifts.load(self.instance))

    @strawberry.field(description="Records held that the partner still holds.")
    async def records(self, info: Info) -> int:
        return await info.context.loaders.held_records.load(self.instance) or 0


def connector(row: ConnectorRow) -> Connector:
    """The public connector of a row."""
    return Connector(
        instance=row.instance,
        product=row.product,
        last_attempt_at=instant(row.last_attempt_at),
        last_success_at=instant(row.last_success_at),
        high_water_at=instant(row.high_water_at),
        last_error_kind=row.last_error_kind,
        last_error_hint=row.last_error_hint,
        consecutive_failures=row.consecutive_failures,
        paused=row.paused_at is not None,
        next_run_at=instant(row.next_at),
        caught_up_at=instant(row.caught_up_at),
        lag_seconds=row.lag_s(utc_now()),
        breaker=Breaker(
            state=row.breaker_state or "CLOSED",
            since=instant(row.breaker_opened_at),
            until=instant(row.breaker_until),
            reason=row.breaker_reason_kind,
            hint=row.breaker_reason_hint,
        ),
    )


def _incident(row: IncidentRow) -> Incident:
    return Incident(
        kind=row.kind,
        times=row.times,
        hint=row.hint,
        first_at=Instant(row.first_at),
        last_at=Instant(row.last_at),
    )


def _run(row: RunRow) -> SyncRun:
    return SyncRun(
        kind=row.kind,
        state=row.state,
        started_at=Instant(row.started_at),
        finished_at=instant(row.finished_at),
        pages=row.pages,
        pulled=row.pulled,
        new=row.new,
        quarantined=row.quarantined,
        incidents=row.incidents,
        error_kind=row.error_kind,
        error_hint=row.error_hint,
    )


def _backfill(row: BackfillRow) -> Backfill:
    return Backfill(
        generation=row.generation,
        since=instant(row.since),
        state=row.state,
        pages=row.pages,
        pulled=row.pulled,
        new=row.new,
        newest_at=instant(row.newest_at),
        absent=row.absent,
        removed=row.removed,
        held_back=row.held_back,
        started_at=Instant(row.started_at),
        finished_at=instant(row.finished_at),
    )
