"""What screens are built from: facets, orders and the viewer, each by the eyes of whoever asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

import pytest

from hub.desk import Desk
from hub.store.engine import open_store

from .access_kit import Through, everybody, plan, write
from .databases import Database
from .graphql_rows import County, Door, desk_on

PLAN = plan()
EYES = everybody(PLAN)


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    store = open_store(database.url)
    desk = desk_on(store)
    await write(desk, PLAN)
    yield desk
    await store.close()


@pytest.fixture
async def door(database: Database) -> AsyncIterator[Door]:
    store = open_store(database.url)
    yield Door(store)
    await store.close()


async def test_facets_count_what_the_asker_sees_and_nothing_else(desk: Desk) -> None:
    for eyes in EYES:
        if eyes.role == "administrator":
            continue
        asked = "{ disputes { totalCount facets(by: [CHANNEL, HOLDER, REGION]) { by counts { code count } } } }"
        answer = (await Through(desk, eyes).ask(asked)).json()["data"]["disputes"]
        seen = [PLAN.cases[number] for number in PLAN.cases if eyes.sees_dispute(number)]
        found = {one["by"]: {n["code"]: n["count"] for n in one["counts"]} for one in answer["facets"]}
        assert found == {
            "CHANNEL": Counter(case.channel for case in seen),
            "HOLDER": Counter(case.holder for case in seen),
            "REGION": Counter(case.region[:9] for case in seen),
        }
        assert answer["totalCount"] == len(seen)


async def test_facets_are_counted_under_the_lists_own_filter(door: Door) -> None:
    county = County()
    for number, (state, category) in enumerate([("ASSIGNED", "0201"), ("ASSIGNED", "0302"), ("RESOLVED", "0201")]):
        county.dispute(number, state=state, category=category, assignee_name="李明" if number else "")
    await county.write(door.store)
    asked = "disputes(filter: { %s }) { facets(by: [STATE, CATEGORY]) { counts { code count } } }"
    filters = {"all": "states: null", "one": "states: [ASSIGNED]", "his": 'assignee: "李明"'}
    found = await door.data("{ " + " ".join(f"{name}: {asked % given}" for name, given in filters.items()) + " }")
    counts = {
        name: [[(n["code"], n["count"]) for n in facet["counts"]] for facet in one["facets"]]
        for name, one in found.items()
    }
    assert counts == {
        "all": [[("ASSIGNED", 2), ("RESOLVED", 1)], [("0201", 2), ("0302", 1)]],
        "one": [[("ASSIGNED", 2)], [("0201", 1), ("0302", 1)]],
        "his": [[("ASSIGNED", 1), ("RESOLVED", 1)], [("0201", 1), ("0302", 1)]],
    }
    assert await door.code("{ disputes { facets(by: [STATE, STATE]) { by } } }") == "BAD_USER_INPUT"


async def test_disputes_are_ordered_by_code(door: Door) -> None:
    county = County()
    for number, code in enumerate(["JF620725-2024-000003", "JF620725-2024-000001", "JF620725-2024-000002"]):
        county.dispute(number, code=code)
    await county.write(door.store)
    asked = "disputes(first: 3, orderBy: { field: CODE, direction: %s }) { edges { node { code } } }"
    found = await door.data(f"{{ up: {asked % 'ASC'} down: {asked % 'DESC'} }}")
    codes = {name: [edge["node"]["code"][-1] for edge in one["edges"]] for name, one in found.items()}
    assert codes == {"up": ["1", "2", "3"], "down": ["3", "2", "1"]}


async def test_the_viewer_is_told_what_exists_for_them(desk: Desk) -> None:
    asked = "{ viewer { name role { code label } regions instances expiresAt agency { name } permissions } }"
    for eyes in EYES:
        found = (await Through(desk, eyes).ask(asked)).json()["data"]["viewer"]
        given = eyes.principal
        assert (found["name"], found["role"]["code"]) == (given.name, given.role)
        assert (found["regions"], found["instances"]) == (list(given.regions), list(given.instances))
        works_on_disputes = given.role in ("centre_operator", "township_operator")
        assert ("closeDispute" in found["permissions"]) == works_on_disputes
        assert ("mapCode" in found["permissions"]) == (given.role in ("centre_operator", "administrator"))
