"""One partner down, slow or mad slows nobody else, is left alone for a while, and every process sees why."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.connector_metrics import ConnectorGauges
from app.jobs import PULL, RECONCILE, lane_of, run_job
from app.wiring import Hub, open_hub
from app.worker import Worker
from connectors.sandbox.court import CourtOptions, start_court
from hub.desk import utc_now
from hub.errors import AuthError, HubError, PostponedError, TransientError
from hub.reading import connectors
from hub.reading.connectors import ConnectorRow
from hub.settings import Settings
from hub.store.tables import breakers, connector_incidents, connector_states, jobs, sync_runs
from sync_jobs.breaker import AUTH_PAUSE_S, CLOSED, FIRST_PAUSE_S, HALF_OPEN, LONGEST_PAUSE_S, OPEN, Breaker, after_run

from .databases import Database
from .mad_partners import MadPartners, mad_partners

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TIMEOUT = TransientError("no answer", kind="TIMEOUT")


def _after(*errors: HubError | None, chance: float = 0.5) -> Breaker:
    found = Breaker()
    for error in errors:
        found = after_run(found, error, "KIND", "hint", NOW, longest_wait_s=20, chance=chance)
    return found


def _pause(found: Breaker) -> float:
    assert found.until is not None
    return (found.until - NOW).total_seconds()


def test_three_failed_runs_in_a_row_open_it_and_a_success_closes_it() -> None:
    assert [_after(*[TIMEOUT] * times).state for times in (1, 2, 3)] == [CLOSED, CLOSED, OPEN]
    assert _after(TIMEOUT, TIMEOUT, None, TIMEOUT, TIMEOUT).state == CLOSED
    assert _after(*[TIMEOUT] * 5, None) == Breaker()
    opened = _after(*[TIMEOUT] * 3)
    assert (opened.opened_at, opened.reason_kind, opened.reason_hint) == (NOW, "KIND", "hint")
    assert opened.holds_back(NOW) and not opened.holds_back(NOW + timedelta(hours=1))


def test_pauses_grow_up_to_a_bound_and_are_spread() -> None:
    pauses = [_pause(_after(*[TIMEOUT] * times)) for times in range(3, 12)]
    assert pauses[:3] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S]
    assert pauses == sorted(pauses) and pauses[-1] == LONGEST_PAUSE_S
    assert _pause(_after(*[TIMEOUT] * 3, chance=0)) < FIRST_PAUSE_S < _pause(_after(*[TIMEOUT] * 3, chance=1))


def test_refused_credentials_open_it_at_once() -> None:
    assert _pause(_after(AuthError("no"))) == AUTH_PAUSE_S


@pytest.mark.parametrize(("retry_after", "state"), [(600, OPEN), (19, CLOSED)])
def test_a_partner_that_asks_for_a_long_pause_gets_it(retry_after: float, state: str) -> None:
    found = _after(TransientError("closed", kind="MAINTENANCE", retry_after=retry_after), chance=0)
    assert found.state == state
    assert found.until is None or _pause(found) == retry_after


def _settings(database: Database, folder: Path, **instances: dict[str, Any]) -> Settings:
    usual = {"connector": "hotline", "app_id": "hub", "secret": "s", "reconcile_at": ""}
    given = {name: {**usual, **one} for name, one in instances.items()}
    return Settings(data_dir=folder, database_url=database.url, instances=given)


@asynccontextmanager
async def _mad_hub(database: Database, folder: Path, kind: str) -> AsyncIterator[tuple[Hub, MadPartners]]:
    async with (
        mad_partners() as partners,
        open_hub(_settings(database, folder, mad={"base_url": partners.url(kind)})) as hub,
    ):
        yield hub, partners


async def _due_now(hub: Hub, instance: str, kind: str = PULL) -> None:
    await hub.queue.enqueue(f"{kind}:{instance}", lane_of(instance), hub.desk.clock())


async def _run_next(hub: Hub) -> HubError | None:
    """Claim what is due and run it as a worker does; returns what it raised."""
    claim = await hub.queue.claim("w", hub.desk.clock() + timedelta(hours=1), 60)
    assert claim is not None
    try:
        await Worker(hub.queue, lambda held: run_job(hub, held), hub.desk.clock).run_claimed(claim)
    except HubError as error:
        return error
    return None


async def _standing(hub: Hub, instance: str = "mad") -> ConnectorRow:
    async with hub.store.read() as connection:
        return next(row for row in await connectors.all_of(connection) if row.instance == instance)


async def test_while_it_is_open_no_process_asks(database: Database, tmp_path: Path) -> None:
    async with _mad_hub(database, tmp_path, "fail") as (hub, partners):
        await _due_now(hub, "mad")
        ended = [await _run_next(hub) for _ in range(3)]
        # the third failed run opens it: the same job comes again when it may, whatever the queue's own pauses are
        assert [type(one) for one in ended] == [TransientError, TransientError, PostponedError]
        asked = partners.asked["fail"]
        assert asked == 15
        async with open_hub(hub.settings) as other:
            found = await _standing(other)
            assert (found.breaker_state, found.breaker_reason_kind) == (OPEN, "HTML_ANSWER")
            assert found.next_at == found.breaker_until
            assert isinstance(await _run_next(other), PostponedError)
            await _due_now(other, "mad", RECONCILE)
            assert isinstance(await _run_next(other), PostponedError)
        assert partners.asked["fail"] == asked
        async with hub.store.read() as connection:
            rows = (await connection.execute(select(jobs.c.job, jobs.c.state, jobs.c.due_at, jobs.c.attempts))).all()
        assert sorted(rows) == [
            (f"{PULL}:mad", "READY", found.breaker_until, 0),
            (f"{RECONCILE}:mad", "READY", found.breaker_until, 0),
        ]


async def test_one_run_tries_with_one_request_each_and_closes_it(database: Database, tmp_path: Path) -> None:
    async with _mad_hub(database, tmp_path, "fail") as (hub, partners):
        await _due_now(hub, "mad")
        for _ in range(3):
            await _run_next(hub)
        first = await _standing(hub)
        await _let_it_pass(hub)
        asked = partners.asked["fail"]
        assert isinstance(await _run_next(hub), PostponedError)
        assert partners.asked["fail"] == asked + 1
        again = await _standing(hub)
        assert (again.breaker_state, again.breaker_opened_at) == (OPEN, first.breaker_opened_at)
        assert again.lag_s(utc_now()) is None
        await _let_it_pass(hub)
        partners.is_healed = True
        assert await _run_next(hub) is None
        healed = await _standing(hub)
        assert (healed.breaker_state, healed.breaker_until, healed.consecutive_failures) == (CLOSED, None, 0)
        assert 0 <= (healed.lag_s(utc_now()) or 0) < 60


async def _let_it_pass(hub: Hub) -> None:
    async with hub.store.write() as tx:
        await tx.execute(update(breakers).values(until=hub.desk.clock() - timedelta(seconds=1)))


async def test_a_trial_that_died_holds_nobody_back(database: Database, tmp_path: Path) -> None:
    async with _mad_hub(database, tmp_path, "fail") as (hub, partners):
        await _due_now(hub, "mad")
        for _ in range(3):
            await _run_next(hub)
        async with hub.store.write() as tx:
            await tx.execute(update(breakers).values(state=HALF_OPEN))
        partners.is_healed = True
        assert await _run_next(hub) is None


async def test_retry_after_is_kept_to_the_second(database: Database, tmp_path: Path) -> None:
    async with _mad_hub(database, tmp_path, "later") as (hub, partners):
        await _due_now(hub, "mad")
        before = hub.desk.clock()
        assert isinstance(await _run_next(hub), PostponedError)
        assert partners.asked["later"] == 1
        found = await _standing(hub)
        assert found.breaker_until is not None
        assert timedelta(seconds=600) <= found.breaker_until - before < timedelta(seconds=660)


async def test_an_endless_list_is_cut_and_goes_on_from_there(database: Database, tmp_path: Path) -> None:
    async with mad_partners() as partners:
        instances = {
            "mad": {
                "base_url": partners.url("endless"),
                "max_run_pages": 4,
                "overlap_s": 0,
                "options": {"page_size": 2},
            }
        }
        async with open_hub(_settings(database, tmp_path, **instances)) as hub:
            for _ in range(2):
                await _due_now(hub, "mad")
                assert await _run_next(hub) is None
            assert len(partners.places) == 8
            assert partners.places == sorted(set(partners.places))
            found = await _standing(hub)
            assert (found.breaker_state, found.caught_up_at, found.consecutive_failures) == (CLOSED, None, 0)
            async with hub.store.read() as connection:
                query = select(connector_incidents.c.times).where(connector_incidents.c.kind == "RUN_CUT")
                assert (await connection.execute(query)).scalar_one() == 2


async def test_a_step_that_never_ends_is_ended(database: Database, tmp_path: Path) -> None:
    async with mad_partners() as partners:
        instances = {"mad": {"base_url": partners.url("hang"), "max_run_s": 1}}
        async with open_hub(_settings(database, tmp_path, **instances)) as hub:
            await _due_now(hub, "mad")
            failed = await _run_next(hub)
            assert isinstance(failed, TransientError) and failed.kind == "RUN_TOO_LONG"
            assert partners.asked["hang"] == 1


async def test_partners_that_hang_drip_fail_rave_and_never_end_slow_nobody_else(
    database: Database, tmp_path: Path
) -> None:
    """Two lanes, and more partners than lanes of which each would hold one for minutes."""
    court = await start_court(CourtOptions(scale=0.02))
    try:
        async with mad_partners() as partners:
            patient = {"request_timeout_s": 600}
            mad: dict[str, dict[str, Any]] = {
                **{f"hang{number}": {"base_url": partners.url(f"hang{number}"), **patient} for number in range(3)},
                "drip": {"base_url": partners.url("drip"), **patient},
                "fail": {"base_url": partners.url("fail")},
                "garbage": {"base_url": partners.url("garbage"), "max_answer_bytes": 1 << 20},
                "endless": {
                    "base_url": partners.url("endless"),
                    "max_run_pages": 20,
                    "overlap_s": 0,
                    "options": {"page_size": 2},
                },
            }
            healthy = {
                "connector": "court", "base_url": court.base_url, "app_id": court.app_id, "secret": court.secret,
            }  # fmt: skip
            async with open_hub(_settings(database, tmp_path, healthy=healthy, **mad)) as hub:
                worker = Worker(
                    hub.queue, lambda claim: run_job(hub, claim), hub.desk.clock, lanes=2, long_s=0.3, grace_s=0.2
                )
                stop = asyncio.Event()
                for name in mad:
                    await _due_now(hub, name)
                working = asyncio.create_task(worker.run(stop))
                for _ in range(6):
                    await _due_now(hub, "healthy")
                    await _until(lambda: _is_idle(hub, "healthy"))
                await _until(lambda: _has_failed(hub, "garbage", "ANSWER_TOO_LONG"))
                await _until(lambda: _is_idle(hub, "endless"))
                stop.set()
                await asyncio.wait_for(working, 15)
                found = {name: await _standing(hub, name) for name in mad | {"healthy": healthy}}
                # six runs one after the other, while four partners held their very first request open all the time
                assert (partners.asked["hang"], partners.asked["drip"]) == (3, 1)
                assert found["healthy"].caught_up_at is not None
                assert found["healthy"].consecutive_failures == 0
                assert await _succeeded(hub, "healthy") == 6
                assert found["hang0"].caught_up_at is None and found["endless"].caught_up_at is None
    finally:
        await court.close()


async def _until(condition: Callable[[], Awaitable[bool]], limit_s: float = 60.0) -> None:
    async with asyncio.timeout(limit_s):
        while not await condition():
            await asyncio.sleep(0.02)


async def _is_idle(hub: Hub, instance: str) -> bool:
    async with hub.store.read() as connection:
        query = select(func.count()).where(jobs.c.job == f"{PULL}:{instance}", jobs.c.state != "DONE")
        return not (await connection.execute(query)).scalar_one()


async def _has_failed(hub: Hub, instance: str, kind: str) -> bool:
    async with hub.store.read() as connection:
        query = select(connector_states.c.last_error_kind).where(connector_states.c.instance == instance)
        return (await connection.execute(query)).scalar() == kind


async def _succeeded(hub: Hub, instance: str) -> int:
    async with hub.store.read() as connection:
        query = select(func.count()).where(sync_runs.c.instance == instance, sync_runs.c.state == "SUCCEEDED")
        return int((await connection.execute(query)).scalar_one())


async def test_metrics_tell_each_partners_health(database: Database, tmp_path: Path) -> None:
    from prometheus_client import CollectorRegistry, generate_latest

    async with _mad_hub(database, tmp_path, "later") as (hub, _):
        await _due_now(hub, "mad")
        await _run_next(hub)
        registry = CollectorRegistry()
        await ConnectorGauges(registry).refresh(hub.store)
        told = generate_latest(registry).decode()
    assert 'hub_connector_breaker{instance="mad"} 2.0' in told
    assert 'hub_connector_consecutive_failures{instance="mad"} 1.0' in told
    assert "hub_connector_lag_seconds{" not in told
