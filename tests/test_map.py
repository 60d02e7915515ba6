"""Where disputes are: read from the police's calls, shown to who may read addresses, found by a part of the map."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select

from connectors.police import PoliceConnector
from hub.applying import apply_pending
from hub.inbox import keep_page
from hub.model import Location
from hub.store import tables
from hub.store.engine import Store, open_store
from sync_jobs.runs import source_of

from .access_kit import Through, everybody, plan, write
from .databases import Database
from .graphql_rows import County, Door, desk_on
from .hub_kit import open_desk
from .test_police_connector import composed, config, items_of, jjd

MAP = """
query($box: BoundingBox) { disputes(filter: { boundingBox: $box }) { totalCount edges { node {
  code location { lng lat crs }
} } } }
"""


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = open_store(database.url)
    yield store
    await store.close()


@pytest.mark.parametrize(
    ("x", "y", "system", "found"),
    [
        ("101.088400", "38.784600", "GCJ02", Location(101.0884, 38.7846, "GCJ02")),
        # the axes are swapped
        ("38.784600", "101.088400", "CGCS2000", Location(101.0884, 38.7846, "CGCS2000")),
        ("101.0884", "38.7846", "", Location(101.0884, 38.7846, "")),
        ("101.0884", "38.7846", "a b", Location(101.0884, 38.7846, "")),
        ("", "", "", None), ("101.0884", "", "GCJ02", None), ("0", "0", "GCJ02", None), ("NULL", "38.7", "", None),
        ("1e2", "38.7", "", None), ("nan", "inf", "", None), ("-101.1", "38.7", "", None), ("101.1", "138.7", "", None),
        ("１０１.1", "38.7", "", None), ("101.1", "38." + "7" * 400, "", None),
    ],
)  # fmt: skip
def test_a_call_tells_where_the_caller_stood(x: str, y: str, system: str, found: Location | None) -> None:
    assert composed(jjd(BJRXZB=x, BJRYZB=y, ZBX=system)).location == found


async def test_a_dispute_is_where_its_record_is(database: Database) -> None:
    connector = PoliceConnector(config())

    async def told(desk: Any, gxsj: str, x: str) -> Any:
        async with desk.store.write() as tx:
            await keep_page(
                tx, desk, instance="police", run_id="run", origin="PULL",
                items=items_of({"JJD": [jjd(gxsj=gxsj, BJRXZB=x, BJRYZB="38.5", ZBX="GCJ02")]}),
            )  # fmt: skip
        await apply_pending(desk, source_of(connector), connector)
        async with desk.store.read() as connection:
            d = tables.disputes.c
            return tuple((await connection.execute(select(d.lng, d.lat, d.crs))).one())

    async with open_desk(database.url) as desk:
        assert await told(desk, "2024-03-01 09:00:00", "101.1") == (101.1, 38.5, "GCJ02")
        # the newest version tells, and may tell that nothing is known
        assert await told(desk, "2024-03-01 10:00:00", "101.2") == (101.2, 38.5, "GCJ02")
        assert await told(desk, "2024-03-01 11:00:00", "") == (None, None, "")


async def test_a_part_of_the_map_holds_what_lies_in_it(store: Store) -> None:
    county = County()
    for number, (lng, lat) in enumerate([(101.1, 38.5), (101.2, 38.6), (101.3, 38.7)]):
        county.dispute(number, code=f"JF-{number}", lng=lng, lat=lat, crs="GCJ02" if number else "")
    county.dispute(9, code="JF-9")
    await county.write(store)
    door = Door(store)

    async def inside(west: float, south: float, east: float, north: float) -> set[str]:
        box = {"west": west, "south": south, "east": east, "north": north}
        found = (await door.data(MAP, box=box))["disputes"]
        assert found["totalCount"] == len(found["edges"])
        return {edge["node"]["code"] for edge in found["edges"]}

    # an edge belongs to it
    assert await inside(101.1, 38.5, 101.2, 38.6) == {"JF-0", "JF-1"}
    assert await inside(101.15, 38, 102, 39) == {"JF-1", "JF-2"}
    assert await inside(-180, -90, 180, 90) == {"JF-0", "JF-1", "JF-2"}
    places = {edge["node"]["code"]: edge["node"]["location"] for edge in (await door.data(MAP))["disputes"]["edges"]}
    assert places["JF-9"] is None and places["JF-0"] == {"lng": 101.1, "lat": 38.5, "crs": None}
    assert places["JF-1"] == {"lng": 101.2, "lat": 38.6, "crs": "GCJ02"}
    for wrong in ((102, 38, 101, 39), (101, 39, 102, 38), (-181, 0, 0, 1), (0, 0, 1, 91)):
        box = dict(zip(("west", "south", "east", "north"), wrong, strict=True))
        assert await door.code(MAP, box=box) == "BAD_USER_INPUT"


async def test_a_place_is_for_who_may_read_addresses(store: Store) -> None:
    made = plan()
    desk = desk_on(store)
    await write(desk, made)
    async with store.write() as tx:
        await tx.execute(tables.disputes.update().values(lng=101.1, lat=38.5))
    asked = "disputes(filter: { boundingBox: { west: 101, south: 38, east: 102, north: 39 } }) { totalCount }"
    for eyes in everybody(made):
        answer = (await Through(desk, eyes).ask(f"{{ {asked} }}")).json()
        if eyes.role in ("auditor", "partner_system", "administrator"):
            assert answer["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
            continue
        seen = sum(eyes.sees_dispute(number) for number in made.cases)
        assert answer["data"]["disputes"]["totalCount"] == seen
