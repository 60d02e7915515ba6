"""What waits for a person leaves its list when it is settled: unknown codes, quarantined items."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import select

from connectors.court import CourtConnector
from hub import worklist
from hub.applying import apply_pending
from hub.store.tables import case_records, disputes, mapping_worklist, quarantine
from hub.vocabulary import NativeCode, county_tables

from .databases import Database
from .hub_kit import COUNTY, COURT, court_config, deliver, open_desk, row


async def _all(desk: Any, query: Any) -> Any:
    async with desk.store.read() as connection:
        return (await connection.execute(query)).all()


async def test_a_code_explained_later_maps_again_what_waited(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, [row("w1", caseCause="9987"), row("w2", caseCause="9987"), row("w3", caseCause="9986")])
        assert len(await _all(desk, select(mapping_worklist))) == 2
        async with desk.store.write() as tx:
            assert await worklist.map_again(tx, "court", "caseCause", "9987") == {"court": 2}
        tables = county_tables(COUNTY)
        known = (*tables.native_codes, NativeCode("court", "caseCause", "9987", "新案由", ("0201",)))
        taught = CourtConnector(court_config(tables=replace(tables, native_codes=known)))
        assert (await apply_pending(desk, COURT, taught)).items == 2
        categories = sorted(one.category for one in await _all(desk, select(case_records)))
        assert categories == ["0201", "0201", "UNKNOWN"]
        assert sorted(one.category for one in await _all(desk, select(disputes))) == categories
        assert [one.native_code for one in await _all(desk, select(mapping_worklist))] == ["9986"]


async def test_a_code_nobody_carries_any_more_leaves_the_list(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, [row("w1", caseCause="9987")])
        await deliver(desk, [row("w1", caseCause="9132", gxsj="2024-03-06 09:00:00")])
        assert await _all(desk, select(mapping_worklist)) == []


async def test_a_corrected_row_settles_its_quarantine(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, [row("q1", lxrq="never"), row("q2", lxrq="never")])
        await deliver(desk, [row("q1", gxsj="2024-03-06 09:00:00")])
        states = {(one.code, one.state) for one in await _all(desk, select(quarantine))}
        assert states == {("BAD_LXRQ", "OPEN"), ("BAD_LXRQ", "RESOLVED")}
        # an older good version does not settle a newer bad one
        await deliver(desk, [row("q2", gxsj="2024-03-04 09:00:00")])
        assert sorted(one.state for one in await _all(desk, select(quarantine))) == ["OPEN", "RESOLVED"]
