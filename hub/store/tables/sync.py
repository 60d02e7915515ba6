"""Sync: what each connector did and when, the jobs that carry it, leases, and the nightly comparison."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, text

from hub.store.tables.base import Instant, Json, county_column, id_column, metadata

connector_states = Table(
    "connector_states",
    metadata,
    Column("instance", Text, primary_key=True),
    county_column(),
    Column("product", Text, nullable=False),
    Column("cursor", Json),
    #: greatest update time of the partner seen so far
    Column("high_water_at", Instant),
    Column("last_attempt_at", Instant),
    Column("last_success_at", Instant),
    Column("last_error_kind", Text),
    Column("last_error_hint", Text),
    Column("consecutive_failures", Integer, nullable=False),
    Column("paused_at", Instant),
    Column("paused_reason", Text),
    #: the next pull, as a scheduler last said; in the past where none runs
    Column("next_run_at", Instant),
    #: begin of the latest pull that came to the partner's present: what lags is measured from here
    Column("caught_up_at", Instant),
)

breakers = Table(
    "breakers",
    metadata,
    Column("instance", Text, primary_key=True),
    county_column(),
    #: CLOSED, OPEN (nobody asks before ``until``), HALF_OPEN (one run tries)
    Column("state", Text, nullable=False),
    #: runs that failed in a row
    Column("failures", Integer, nullable=False),
    #: how often it opened since a run last succeeded: the pauses grow with it
    Column("openings", Integer, nullable=False),
    Column("opened_at", Instant),
    Column("until", Instant),
    Column("reason_kind", Text),
    Column("reason_hint", Text),
)

connector_incidents = Table(
    "connector_incidents",
    metadata,
    Column("instance", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    county_column(),
    Column("hint", Text, nullable=False),
    Column("times", BigInteger, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
)

sync_runs = Table(
    "sync_runs",
    metadata,
    id_column(),
    county_column(),
    Column("instance", Text, nullable=False),
    #: PULL, RECONCILE or BACKFILL
    Column("kind", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    #: RUNNING, SUCCEEDED, FAILED
    Column("state", Text, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("pulled", Integer, nullable=False),
    Column("new", Integer, nullable=False),
    Column("quarantined", Integer, nullable=False),
    Column("incidents", Integer, nullable=False),
    Column("error_kind", Text),
    Column("error_hint", Text),
    Index("ix_sync_runs_instance", "instance", "started_at"),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    #: fencing token: grows with every grant, so that a holder who slept is told apart
    Column("token", BigInteger, nullable=False),
    Column("holder", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    id_column(),
    county_column(),
    #: e.g. ``pull:court``
    Column("job", Text, nullable=False),
    Column("due_at", Instant, nullable=False),
    #: jobs of one lane never run side by side
    Column("lane", Text, nullable=False),
    #: READY, CLAIMED, DONE, FAILED
    Column("state", Text, nullable=False),
    Column("token", BigInteger, nullable=False, server_default=text("0")),
    Column("claimed_by", Text),
    Column("lease_expires_at", Instant),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    Column("error_kind", Text),
    Column("error_hint", Text),
    UniqueConstraint("job", "due_at"),
    Index("uq_jobs_claimed_lane", "lane", unique=True, sqlite_where=text("state = 'CLAIMED'"),
          postgresql_where=text("state = 'CLAIMED'")),
    Index("ix_jobs_waiting", "due_at", sqlite_where=text("state IN ('READY', 'CLAIMED')"),
          postgresql_where=text("state IN ('READY', 'CLAIMED')")),
)  # fmt: skip

reconciliations = Table(
    "reconciliations",
    metadata,
    id_column(),
    county_column(),
    Column("instance", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("window_start", Instant),
    Column("window_end", Instant),
    #: keys in the partner's own list; of these held by us, and held in quarantine
    Column("expected", Integer, nullable=False),
    Column("held", Integer, nullable=False),
    Column("quarantined", Integer, nullable=False),
    Column("repaired", Integer, nullable=False),
    Column("removed", Integer, nullable=False),
    #: gone there, and too many at once to be marked without a person
    Column("held_back", Integer, nullable=False, server_default=text("0")),
    Index("ix_reconciliations_instance", "instance", "started_at"),
)

reconciliation_differences = Table(
    "reconciliation_differences",
    metadata,
    id_column(),
    county_column(),
    Column("reconciliation_id", Text, ForeignKey("reconciliations.id"), nullable=False),
    Column("native_id", Text, nullable=False),
    Column("native_no", Text, nullable=False),
    #: MISSING (they hold it, we did not), STALE (ours is another content), GONE (they no longer hold it)
    Column("difference", Text, nullable=False),
    #: FETCHED, REMOVED, QUARANTINED, HELD_BACK, OPEN
    Column("resolution", Text, nullable=False),
    Index("ix_reconciliation_differences_reconciliation_id", "reconciliation_id"),
)
