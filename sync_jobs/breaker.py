"""The breaker: a partner that fails run after run is left alone for growing pauses, by every process, then tried once.

It stands in the database, one row an instance, and changes with the end of every run:

* CLOSED: asked when it is due. Three failed runs in a row open it; refused credentials open it at once, because
  asking on with them locks accounts; so does a partner that asks for a longer pause than a run waits (Retry-After).
* OPEN: no job asks before ``until``. Pauses double from one opening to the next, up to a bound, and are spread by
  chance, so that many partners behind one gateway do not come back in one moment.
* HALF_OPEN: one run tries, each request once. It closes or opens again. A run that a person starts is such a trial.

Pulls and pushes of one instance run side by side, each in a lane of its own: who ends first is told of first.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.errors import AuthError, HubError, TransientError
from hub.store.engine import Store
from hub.store.tables import breakers
from hub.store.upsert import insert_or_ignore

CLOSED, OPEN, HALF_OPEN = "CLOSED", "OPEN", "HALF_OPEN"
#: failed runs in a row that open it
FAILURES = 3
FIRST_PAUSE_S = 60.0
LONGEST_PAUSE_S = 1800.0
#: the first pause after refused credentials: nothing but a person heals them
AUTH_PAUSE_S = 900.0
#: a pause is longer or shorter by chance, by up to this part of it
JITTER = 0.2


@dataclass(frozen=True, slots=True)
class Breaker:
    """Where one instance's breaker stands."""

    state: str = CLOSED
    failures: int = 0
    openings: int = 0
    opened_at: datetime | None = None
    until: datetime | None = None
    reason_kind: str | None = None
    reason_hint: str | None = None

    def holds_back(self, now: datetime) -> bool:
        """Whether no job may ask the partner now."""
        return self.state == OPEN and self.until is not None and now < self.until


def after_run(
    before: Breaker, error: HubError | None, kind: str | None, hint: str | None, now: datetime, *,
    longest_wait_s: float, chance: float,
) -> Breaker:  # fmt: skip
    """The breaker after a run that ended so. ``chance`` is in 0..1; pure.

    ``longest_wait_s``: how long a run waits by itself when a partner asks for a pause.
    """
    if error is None:
        return Breaker()
    failures = before.failures + 1
    wanted = error.retry_after if isinstance(error, TransientError) else None
    is_told = wanted is not None and wanted > longest_wait_s
    is_auth = isinstance(error, AuthError)
    if not (is_told or is_auth or before.state != CLOSED or failures >= FAILURES):
        return replace(before, failures=failures)
    openings = before.openings + 1
    first = AUTH_PAUSE_S if is_auth else FIRST_PAUSE_S
    pause = min(first * 2.0 ** min(openings - 1, 16), LONGEST_PAUSE_S) * (1 + JITTER * (2 * chance - 1))
    if wanted is not None and is_told:
        # the partner's own word: not a second earlier
        pause, openings = wanted, before.openings
    return Breaker(
        OPEN, failures, openings, before.opened_at if before.state != CLOSED else now, now + timedelta(seconds=pause),
        kind, hint,
    )  # fmt: skip


async def breaker_of(store: Store, instance: str) -> Breaker:
    """The instance's breaker as it stands."""
    async with store.read() as connection:
        return await _read(connection, instance)


async def begin_run(tx: AsyncConnection, county: str, instance: str) -> Breaker:
    """A run begins, whoever asked for it: one that was open is being tried from here on. Returns it as it now is."""
    row = {"instance": instance, "county": county, "state": CLOSED, "failures": 0, "openings": 0}
    await insert_or_ignore(tx, breakers, [row])
    await tx.execute(
        update(breakers).where(breakers.c.instance == instance, breakers.c.state == OPEN).values(state=HALF_OPEN)
    )
    return await _read(tx, instance)


async def end_run(
    tx: AsyncConnection, instance: str, error: HubError | None, kind: str | None, hint: str | None, now: datetime, *,
    longest_wait_s: float,
) -> Breaker:  # fmt: skip
    """A run ended so; in the transaction that notes its end."""
    chance = random.random()  # noqa: S311 — it spreads pauses and guards nothing
    after = after_run(
        await _read(tx, instance, is_kept=True), error, kind, hint, now, longest_wait_s=longest_wait_s, chance=chance
    )
    values = {name: getattr(after, name) for name in Breaker.__slots__}
    await tx.execute(update(breakers).where(breakers.c.instance == instance).values(**values))
    return after


async def _read(connection: AsyncConnection, instance: str, *, is_kept: bool = False) -> Breaker:
    query = select(*(breakers.c[name] for name in Breaker.__slots__)).where(breakers.c.instance == instance)
    row = (await connection.execute(query.with_for_update() if is_kept else query)).first()
    return Breaker() if row is None else Breaker(*row)
