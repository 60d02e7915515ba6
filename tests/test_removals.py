"""Silent losses are found by comparison over all four wires; a partner that lost its index empties nothing here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from hub.reading.connectors import held_back_keys, last_reconciliations
from hub.store.tables import case_records, connector_states
from sync_jobs.differences import FETCHED, GONE, HELD_BACK, MISSING, OPEN, REMOVED, STALE
from sync_jobs.gone import ALWAYS, most

from .court_kit import court_hub
from .databases import Database
from .hub_kit import row
from .partner_kit import Partner, partner_hub

WITH_FETCH = ("court", "petition", "hotline")
STAMP = {"court": "gxsj", "petition": "gxsj", "hotline": "updatedAt"}


@pytest.mark.parametrize(("held", "limit"), [(0, ALWAYS), (499, ALWAYS), (550, 11), (100_000, 2000)])
def test_the_threshold(held: int, limit: int) -> None:
    assert most(held) == limit


def _answers_nothing(one: Partner) -> None:
    async def nothing(*_: Any) -> Any:
        return []

    async def no_list(*_: Any) -> AsyncIterator[Any]:
        for entry in ():
            yield entry

    one.connector.fetch, one.connector.digest = nothing, no_list


@pytest.mark.parametrize("product", WITH_FETCH)
async def test_a_partner_whose_list_and_every_answer_are_empty_empties_nothing(
    database: Database, tmp_path: Path, product: str
) -> None:
    async with partner_hub(product, database.url, tmp_path, scale=0.04) as one:
        await one.pull()
        held = await one.held()
        assert held > ALWAYS
        whole = one.connector.fetch, one.connector.digest
        _answers_nothing(one)
        compared = await one.reconcile()
        assert (compared.removed, compared.held_back) == (0, held)
        assert {(d.difference, d.resolution) for d in compared.differences} == {(GONE, HELD_BACK)}
        assert (await one.held(), await one.gone()) == (held, set())
        async with one.desk.store.read() as connection:
            assert (await last_reconciliations(connection, [product]))[product].held_back == held
            keys = await held_back_keys(connection, product)
        assert len(keys) == held
        # the index is back: what a person had accepted in the meantime is not gone after all
        one.connector.fetch, one.connector.digest = whole
        healed = await one.reconcile(accepted=keys)
        assert (healed.removed, healed.held_back, healed.held) == (0, 0, healed.expected)
        async with one.desk.store.read() as connection:
            assert await held_back_keys(connection, product) == []


async def test_many_real_deletions_are_marked_once_a_person_accepted_them(database: Database, tmp_path: Path) -> None:
    async with partner_hub("court", database.url, tmp_path) as one:
        await one.pull()
        count = most(await one.held()) + 5
        deleted = await one.control("delete", count=count, seed="many")
        dropped = {key["native_id"] for key in deleted["deleted"]}
        compared = await one.reconcile()
        assert (compared.removed, compared.held_back) == (0, count)
        async with one.desk.store.read() as connection:
            keys = await held_back_keys(connection, "court")
        # one more went since the person looked: it is decided by the threshold alone, and it is below
        later = await one.control("delete", count=1, seed="later")
        decided = await one.reconcile(accepted=keys)
        assert (decided.removed, decided.held_back) == (count + 1, 0)
        assert await one.gone() == dropped | {key["native_id"] for key in later["deleted"]}
        assert await one.held() == len(await one.control("view"))


@pytest.mark.parametrize("product", WITH_FETCH)
async def test_deletion_late_commit_and_lost_delivery_are_found_and_repaired(
    database: Database, tmp_path: Path, product: str
) -> None:
    async with partner_hub(product, database.url, tmp_path) as one:
        await one.pull()
        await one.control("add", count=1, set={STAMP[product]: "2024-03-03 03:03:03"})
        if product == "petition":
            # the exchange marks it as given, and the answer never arrives
            assert await one.connector._api.obtain(one.wire)
        (dropped,) = (await one.control("delete", count=1, seed="gone"))["deleted"]
        assert (await one.pull()).new == 0
        compared = await one.reconcile()
        assert sorted((d.difference, d.resolution) for d in compared.differences) == [
            (GONE, REMOVED), (MISSING, FETCHED),
        ]  # fmt: skip
        assert await one.gone() == {dropped["native_id"]}
        assert compared.held == compared.expected == await one.held() == len(await one.control("view"))
        assert (await one.reconcile()).differences == []


@pytest.mark.parametrize("product", WITH_FETCH)
async def test_an_edit_that_no_pull_brought_is_repaired(database: Database, tmp_path: Path, product: str) -> None:
    async with partner_hub(product, database.url, tmp_path) as one:
        await one.pull()
        changed = await one.control("edit", count=2, seed="edits")
        names = {key["native_id"] for key in changed["edited"]}
        if product == "petition":
            await one.connector._api.obtain(one.wire)
        compared = await one.reconcile()
        assert {d.native_id for d in compared.differences if d.difference == STALE} == names
        assert {d.resolution for d in compared.differences} == {FETCHED}
        assert (await one.reconcile()).differences == []


async def test_the_polices_list_names_what_is_lost_and_cannot_be_asked_for(database: Database, tmp_path: Path) -> None:
    async with partner_hub("police", database.url, tmp_path) as one:
        # a batch that never arrives: its zip and its marker are gone before anybody looked
        folder = Path(one.settings["folder"]) / "in"
        lost = sorted(folder.glob("*.zip"))[1]
        for file in folder.glob(f"{lost.stem}.*"):
            file.unlink()
        report = await one.pull()
        assert report.incidents["SERIAL_GAP"] >= 1
        compared = await one.reconcile()
        missing = [d for d in compared.differences if d.difference == MISSING]
        assert missing and {d.resolution for d in missing} == {OPEN}
        assert not compared.is_equal and compared.removed == compared.held_back == 0


async def test_a_month_end_list_cut_short_empties_no_month(database: Database, tmp_path: Path) -> None:
    async with partner_hub("police", database.url, tmp_path) as one:
        await one.pull()
        held = await one.held()
        digest = one.connector.digest

        async def cut_short(wire: Any, window: Any) -> AsyncIterator[Any]:
            seen = 0
            async for entry in digest(wire, window):
                seen += 1
                if seen <= 5:
                    yield entry

        one.connector.digest = cut_short
        compared = await one.reconcile()
        assert compared.held_back > ALWAYS
        assert await one.held() >= held - 7 * ALWAYS


async def test_a_number_that_takes_up_the_lineage_of_another_record_ends_as_the_partner_lists_it(
    database: Database,
) -> None:
    """A numbered record, beside it an unnumbered one of another lineage; then the number takes that lineage.

    While both are listed they are two records of ours. Once the unnumbered row is the numbered one, the partner lists
    one row, and the comparison leaves one record.
    """
    async with court_hub(database.url, scale=0.01) as hub:
        await hub.pull()
        listed = len(await hub.control("view"))
        one = "d" * 32
        await hub.control("add", rows=[row(one, ah="(2024)甘0725民初901号", gxsj="2024-08-01 08:29:50")])
        await hub.control(
            "add", rows=[row(one, ah=None, originalCaseNo="(2024)甘0725民诉前调902号", gxsj="2024-08-01 08:29:51")]
        )
        await hub.pull()
        assert await _records_of(hub, one) == 2
        await hub.control("delete", native_id=one, native_no="")
        await hub.control(
            "edit", native_id=one, native_no="(2024)甘0725民初901号",
            set={"originalCaseNo": "(2024)甘0725民诉前调902号"},
        )  # fmt: skip
        await hub.pull()
        compared = await hub.reconcile()
        assert compared.held == compared.expected == listed + 1
        assert await _records_of(hub, one) == 1
        assert (await hub.reconcile()).differences == []


async def _records_of(hub: Any, native_id: str) -> int:
    async with hub.desk.store.read() as connection:
        query = select(func.count()).where(
            case_records.c.native_id == native_id, case_records.c.deleted_at_source.is_(None)
        )
        return int((await connection.execute(query)).scalar_one())


async def test_how_far_the_partner_has_come_is_told_as_an_instant(database: Database, tmp_path: Path) -> None:
    async with partner_hub("court", database.url, tmp_path) as one:
        await one.pull()
        async with one.desk.store.read() as connection:
            found = (await connection.execute(select(connector_states.c.high_water_at))).scalar_one()
            newest = select(func.max(case_records.c.native_updated_at))
            assert found == (await connection.execute(newest)).scalar_one()
