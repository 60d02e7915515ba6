"""A backfill reads a partner's past beside the live pull: it survives being killed, and removes nothing in haste."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app.jobs import BACKFILL, PULL, lane_of, run_due_pull, run_job
from app.wiring import open_hub
from hub.errors import PostponedError, TransientError
from hub.model import SHANGHAI
from hub.reading.connectors import last_backfills
from hub.settings import Settings
from hub.store.tables import backfill_absences, backfill_keys, backfills, case_records, connector_states, inbox_pages
from sync_jobs.backfill import accept_removals, run_slice
from sync_jobs.generations import ABANDONED, COMPLETE, HELD_BACK, RUNNING, Generation, latest, open_generation
from sync_jobs.runs import Budget, RunReport

from .databases import Database
from .partner_kit import PRODUCTS, Partner, partner_hub

SINCE = datetime(2024, 3, 1, tzinfo=SHANGHAI)


async def _slice(one: Partner, since: datetime | None = None, **options: Any) -> tuple[RunReport, Generation]:
    generation, _ = await open_generation(one.desk, one.product, since)
    return await run_slice(one.desk, one.connector, one.wire, generation, **options)


async def _complete(one: Partner, since: datetime | None = None) -> Generation:
    report, generation = await _slice(one, since)
    assert (report.error, generation.state) == (None, COMPLETE)
    return generation


@contextmanager
def _lists_nothing(one: Partner, hidden: set[str]) -> Iterator[None]:
    """The partner's list and its single answers leave these records out, as if its index were broken."""
    pull, fetch, digest = one.connector.pull, one.connector.fetch, one.connector.digest

    async def pulling(wire: Any, cursor: Any) -> Any:
        page = await pull(wire, cursor)
        return type(page)(
            [item for item in page.items if item.native_id not in hidden], page.cursor, page.more, page.receipt
        )

    async def fetching(wire: Any, native_ids: Any) -> Any:
        return [item for item in await fetch(wire, native_ids) if item.native_id not in hidden]

    async def digesting(wire: Any, window: Any) -> Any:
        async for entry in digest(wire, window):
            if entry.native_id not in hidden:
                yield entry

    one.connector.pull, one.connector.fetch, one.connector.digest = pulling, fetching, digesting
    yield
    one.connector.pull, one.connector.fetch, one.connector.digest = pull, fetch, digest


@pytest.mark.parametrize("product", PRODUCTS)
async def test_a_backfill_changes_nothing_of_what_is_known(database: Database, tmp_path: Path, product: str) -> None:
    async with partner_hub(product, database.url, tmp_path) as one:
        pulled = await one.pull()
        before, cursor = await one.held(), await one.live_cursor()
        generation = await _complete(one)
        assert (generation.generation, generation.new, generation.removed, generation.absent) == (1, 0, 0, 0)
        assert generation.pulled >= before > 0
        assert (await one.held(), await one.live_cursor()) == (before, cursor)
        assert pulled.new > 0 and (await one.pull()).new == 0
        # its keys are forgotten once nothing needs them
        async with one.desk.store.read() as connection:
            assert (await connection.execute(select(func.count()).select_from(backfill_keys))).scalar_one() == 0
        assert (await _complete(one, SINCE)).generation == 2


@pytest.mark.parametrize("product", ["court", "petition", "hotline"])
async def test_what_was_lost_comes_in_and_what_was_dropped_there_is_marked(
    database: Database, tmp_path: Path, product: str
) -> None:
    async with partner_hub(product, database.url, tmp_path) as one:
        await one.pull()
        deleted = await one.control("delete", count=2, seed="gone")
        dropped = {key["native_id"] for key in deleted["deleted"]}
        lost = await _forget(one)
        assert (await one.pull()).new == 0
        one.clock.advance(days=1)
        generation = await _complete(one)
        assert generation.new == 1
        assert await one.gone() == dropped
        assert generation.removed == 2
        assert lost not in await one.gone()
        assert await one.held() == len(await one.control("view"))


async def _forget(one: Partner) -> str:
    """As if one delivery had been lost long ago: the partner holds it under an old stamp, we never got it."""
    stamp = {"court": "gxsj", "petition": "gxsj", "hotline": "updatedAt"}[one.product]
    before = {key["native_id"] for key in await one.control("view")}
    await one.control("add", count=1, set={stamp: "2024-03-03 03:03:03"})
    (lost,) = {key["native_id"] for key in await one.control("view")} - before
    if one.product == "petition":
        # the exchange marks it as given, and the answer never arrives
        assert len(await one.connector._api.obtain(one.wire)) == 1
    return str(lost)


async def test_the_police_folder_is_read_again_and_nothing_is_said_to_be_gone(
    database: Database, tmp_path: Path
) -> None:
    async with partner_hub("police", database.url, tmp_path) as one:
        await one.pull()
        held = await one.held()
        files = sorted((Path(one.settings["folder"]) / "in").glob("*.zip"))
        for file in files[: len(files) // 2]:
            # they tidied up: increments that are not there any more say nothing about their records
            file.unlink()
        generation = await _complete(one, SINCE)
        assert (generation.removed, generation.held_back, generation.new) == (0, 0, 0)
        assert generation.pages > 1
        assert await one.held() == held


async def test_the_petition_offices_rows_are_not_taken_from_the_live_pull(database: Database, tmp_path: Path) -> None:
    async with partner_hub("petition", database.url, tmp_path) as one:
        asked: list[str] = []
        request = one.wire.request

        async def asking(method: str, path: str, **rest: Any) -> Any:
            asked.append(path)
            return await request(method, path, **rest)

        one.wire.request = asking
        first = await _complete(one)
        assert first.new == await one.held() > 0
        assert not [path for path in asked if "obtainJsonData" in path] and asked
        asked.clear()
        report = await one.pull()
        # the exchange had marked nothing: every row is given to the live pull, which finds each of them known
        assert report.pulled >= first.new and report.new == 0
        assert [path for path in asked if "obtainJsonData" in path]


async def test_it_goes_on_where_it_was_and_removes_nothing_before_its_end(database: Database, tmp_path: Path) -> None:
    async with partner_hub("court", database.url, tmp_path, page_size=10) as one:
        await one.pull()
        await one.control("delete", count=1, seed="gone")
        one.clock.advance(days=1)
        report, first = await _slice(one, budget=Budget(pages=2))
        assert report.is_cut and (first.state, first.pages) == (RUNNING, 2)
        assert await one.gone() == set()
        # the partner goes away in the middle: the generation waits
        pull = one.connector.pull

        async def away(wire: Any, cursor: Any) -> Any:
            raise TransientError("no", kind="TIMEOUT")

        one.connector.pull = away
        report, failed = await _slice(one)
        assert report.error_kind == "TIMEOUT" and (failed.state, failed.pages) == (RUNNING, 2)
        asked: list[Any] = []

        async def watched(wire: Any, cursor: Any) -> Any:
            asked.append(cursor)
            return await pull(wire, cursor)

        one.connector.pull = watched
        report, ended = await _slice(one)
        assert (ended.id, ended.state, ended.removed) == (first.id, COMPLETE, 1)
        assert ended.pages == 2 + report.pages and first.cursor is not None
        assert asked[0]["from"] >= (first.cursor["from"] if "page" in first.cursor else "2024")


async def test_keys_of_a_killed_slice_count(database: Database, tmp_path: Path) -> None:
    """What the pages before the kill showed is not asked for again: the keys stand in the database."""
    async with partner_hub("court", database.url, tmp_path, page_size=10) as one:
        await one.pull()
        one.clock.advance(days=1)
        await _slice(one, budget=Budget(pages=2))
        fetched: list[str] = []
        fetch = one.connector.fetch

        async def watched(wire: Any, native_ids: Any) -> Any:
            fetched.extend(native_ids)
            return await fetch(wire, native_ids)

        one.connector.fetch = watched
        assert (await _complete(one)).absent == 0
        assert fetched == []


async def test_too_many_absences_are_held_back_until_a_person_accepts(database: Database, tmp_path: Path) -> None:
    async with partner_hub("court", database.url, tmp_path) as one:
        await one.pull()
        held = await one.held()
        hidden = {key["native_id"] for key in (await one.control("view"))[:20]}
        one.clock.advance(days=1)
        with _lists_nothing(one, hidden):
            report, generation = await _slice(one)
        assert (report.error, generation.state, generation.removed) == (None, HELD_BACK, 0)
        assert generation.held_back == generation.absent >= 20
        assert (await one.gone(), await one.held()) == (set(), held)
        async with one.desk.store.read() as connection:
            listed = (await connection.execute(select(backfill_absences.c.native_id))).scalars().all()
            assert set(listed) == hidden
            assert (await last_backfills(connection, ["court"]))["court"].held_back == len(listed)
        # the index came back but for two: what a person accepted is asked for once more all the same
        kept = set(sorted(hidden)[:2])
        with _lists_nothing(one, kept):
            _, decided = await accept_removals(one.desk, one.connector, one.wire, generation)
        assert (decided.state, decided.held_back) == (COMPLETE, 0)
        assert await one.gone() == kept and decided.removed == len(kept)


async def test_an_absent_record_that_a_fetch_finds_is_not_gone(database: Database, tmp_path: Path) -> None:
    async with partner_hub("court", database.url, tmp_path) as one:
        await one.pull()
        one.clock.advance(days=1)
        fetch = one.connector.fetch
        with _lists_nothing(one, {key["native_id"] for key in (await one.control("view"))[:3]}):
            one.connector.fetch = fetch
            assert (await _complete(one)).absent == 0
        assert await one.gone() == set()


async def test_records_outside_the_window_are_not_missed(database: Database, tmp_path: Path) -> None:
    async with partner_hub("court", database.url, tmp_path) as one:
        await one.pull()
        async with one.desk.store.read() as connection:
            count = select(func.count()).where(case_records.c.native_updated_at < SINCE)
            assert (await connection.execute(count)).scalar_one() > 10
        one.clock.advance(days=1)
        assert (await _complete(one, SINCE)).absent == 0


async def test_another_day_begins_another_generation(database: Database, tmp_path: Path) -> None:
    async with partner_hub("court", database.url, tmp_path, page_size=10) as one:
        _, first = await _slice(one, SINCE, budget=Budget(pages=1))
        again, goes_on = await open_generation(one.desk, "court", SINCE)
        assert goes_on and again.id == first.id
        second, goes_on = await open_generation(one.desk, "court", SINCE + timedelta(days=1))
        assert not goes_on and second.generation == 2
        async with one.desk.store.read() as connection:
            states = (await connection.execute(select(backfills.c.state).order_by(backfills.c.generation))).scalars()
            assert list(states) == [ABANDONED, RUNNING]


async def test_a_live_pull_that_comes_due_goes_first(database: Database, tmp_path: Path) -> None:
    """The worker goes on with a killed command's backfill, and lets the live pull pass between two pages."""
    async with partner_hub("court", database.url, tmp_path, page_size=10) as one:
        instances = {"court": {"connector": "court", "options": {"page_size": 10}, "reconcile_at": "", **one.settings}}
        settings = Settings(data_dir=tmp_path / "hub", database_url=database.url, instances=instances)
        async with open_hub(settings) as hub:
            await open_generation(hub.desk, "court", None)
            now = hub.desk.clock
            await hub.queue.enqueue(f"{BACKFILL}:court", lane_of("court"), now())
            await hub.queue.enqueue(f"{PULL}:court", lane_of("court"), now())
            ran = []
            for _ in range(40):
                claim = await hub.queue.claim("w", now(), 60)
                if claim is None:
                    break
                ran.append(claim.job)
                try:
                    await run_job(hub, claim)
                    await hub.queue.finish(claim, now())
                except PostponedError as exc:
                    await hub.queue.postpone(claim, exc.until, exc.kind)
                if len(ran) < 9:
                    await hub.queue.enqueue(f"{PULL}:court", lane_of("court"), now())
                await asyncio.sleep(0.001)
            found = await latest(hub.store, "court")
            assert found is not None and found.state == COMPLETE
            # one page of the backfill, one live pull, and so on; then nothing else is due
            assert ran[:6] == [f"{BACKFILL}:court", f"{PULL}:court"] * 3
            assert found.pages > 4
            async with hub.store.read() as connection:
                origins = (await connection.execute(select(inbox_pages.c.origin).distinct())).scalars().all()
                assert "BACKFILL" in origins
                errors = (await connection.execute(select(connector_states.c.last_error_kind))).scalars().all()
                assert errors == [None]
            await run_due_pull(hub, "court")
