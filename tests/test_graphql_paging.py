"""Paging by key: every row once, in order, in both directions, whatever happens elsewhere in the list."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.store import tables
from hub.store.engine import open_store
from hub.vocabulary import HandlingEventKind

from .databases import Database
from .graphql_rows import County, Door, at

LIST = """
query($first: Int, $after: String, $last: Int, $before: String, $order: DisputeOrder) {
  disputes(first: $first, after: $after, last: $last, before: $before, orderBy: $order) {
    totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { id } }
  }
}
"""
HISTORY = """
query($first: Int, $after: String, $last: Int, $before: String) {
  disputes(first: 3, orderBy: { field: REGISTERED_AT, direction: ASC }) { edges { node {
    history(first: $first, after: $after, last: $last, before: $before) {
      totalCount
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      edges { cursor node { id } }
    }
  } } }
}
"""
ASCENDING = {"field": "REGISTERED_AT", "direction": "ASC"}
DESCENDING = {"field": "REGISTERED_AT", "direction": "DESC"}


@pytest.fixture
async def door(database: Database) -> AsyncIterator[Door]:
    store = open_store(database.url)
    yield Door(store)
    await store.close()


async def seven(door: Door) -> list[str]:
    """Seven disputes, three of which were registered at one instant."""
    county = County()
    minutes = (10, 20, 20, 20, 30, 40, 50)
    ids = [county.dispute(n, registered_at=at(minute)) for n, minute in enumerate(minutes)]
    await county.write(door.store)
    return ids


def ids_of(connection: Any) -> list[str]:
    return [edge["node"]["id"] for edge in connection["edges"]]


async def test_pages_of_every_size_cover_the_list_once_both_ways(door: Door) -> None:
    ids = await seven(door)
    for order, expected in ((ASCENDING, ids), (DESCENDING, ids[::-1])):
        for size in range(1, 9):
            forward: list[str] = []
            cursor = None
            while True:
                page = (await door.data(LIST, first=size, after=cursor, order=order))["disputes"]
                assert page["pageInfo"]["hasPreviousPage"] is bool(forward)
                assert page["totalCount"] == 7
                forward += ids_of(page)
                cursor = page["pageInfo"]["endCursor"]
                if not page["pageInfo"]["hasNextPage"]:
                    break
            assert forward == expected
            backward: list[str] = []
            cursor = None
            while True:
                page = (await door.data(LIST, last=size, before=cursor, order=order))["disputes"]
                assert page["pageInfo"]["hasNextPage"] is bool(backward)
                backward = ids_of(page) + backward
                cursor = page["pageInfo"]["startCursor"]
                if not page["pageInfo"]["hasPreviousPage"]:
                    break
            assert backward == expected


async def test_rows_that_come_and_go_elsewhere_move_no_page(door: Door) -> None:
    ids = await seven(door)
    first = (await door.data(LIST, first=3, order=ASCENDING))["disputes"]
    county = County()
    for number, minute in ((90, 5), (91, 20), (92, 20)):
        county.dispute(number, registered_at=at(minute))
    await county.write(door.store)
    async with door.store.write() as tx:
        # the row under the cursor itself leaves the list
        await tx.execute(tables.disputes.update().where(tables.disputes.c.id == ids[2]).values(is_live=False))
    second = (await door.data(LIST, first=10, after=first["pageInfo"]["endCursor"], order=ASCENDING))["disputes"]
    late = [f"dsp_620725_{number:06}" for number in (91, 92)]
    assert ids_of(second) == [ids[3], *late, *ids[4:]]
    assert second["pageInfo"]["hasPreviousPage"] is True


async def test_no_row_asked_still_tells_whether_there_are_any(door: Door) -> None:
    await seven(door)
    page = (await door.data(LIST, first=0))["disputes"]
    assert page["edges"] == []
    assert page["pageInfo"] == {
        "hasNextPage": True, "hasPreviousPage": False, "startCursor": None, "endCursor": None,
    }  # fmt: skip
    assert page["totalCount"] == 7


async def test_a_page_has_twenty_rows_unless_asked_otherwise(door: Door) -> None:
    county = County()
    for number in range(25):
        county.dispute(number)
    await county.write(door.store)
    assert len(ids_of((await door.data(LIST))["disputes"])) == 20


IMPOSSIBLE: list[dict[str, Any]] = [
    {"first": -1},
    {"last": -1},
    {"first": 101},
    {"last": 101},
    {"first": 1, "last": 1},
    {"first": 1, "before": "x"},
    {"last": 1, "after": "x"},
    {"after": "x", "before": "x"},
    {"after": "nonsense"},
    {"after": ""},
    {"after": "W10"},
    {"after": "é"},
    {"after": "A" * 5000},
    {"after": "WyJyZWdpc3RlcmVkKyIsIngiLCJ5Il0"},
    {"before": "bnVsbA"},
]


async def test_impossible_pages_are_refused_clearly(door: Door) -> None:
    await seven(door)
    for query in (LIST, HISTORY):
        for arguments in IMPOSSIBLE:
            payload = await door.ask(query, **arguments)
            codes = {error["extensions"]["code"] for error in payload["errors"]}
            assert codes == {"BAD_USER_INPUT"}, arguments


async def test_a_cursor_belongs_to_one_order(door: Door) -> None:
    await seven(door)
    cursor = (await door.data(LIST, first=1, order=ASCENDING))["disputes"]["pageInfo"]["endCursor"]
    assert await door.code(LIST, first=1, after=cursor, order=DESCENDING) == "BAD_USER_INPUT"
    assert await door.code(LIST, after=cursor, order={"field": "STATE_SINCE"}) == "BAD_USER_INPUT"


async def test_nested_histories_page_the_same_way(door: Door) -> None:
    county = County()
    expected = []
    for number, length in ((1, 0), (2, 3), (3, 7)):
        record = county.record(number, county.dispute(number))
        expected.append(
            [
                county.event(number * 100 + n, HandlingEventKind.ACCEPTED, record_id=record, occurred_at=at(n // 2))
                for n in range(length)
            ]
        )
    await county.write(door.store)

    async def histories(**arguments: Any) -> list[Any]:
        found = (await door.data(HISTORY, **arguments))["disputes"]["edges"]
        return [edge["node"]["history"] for edge in found]

    whole = await histories(first=100)
    assert [ids_of(one) for one in whole] == expected
    assert [one["totalCount"] for one in whole] == [0, 3, 7]
    for size in range(1, 8):
        page = await histories(first=size)
        assert [ids_of(one) for one in page] == [one[:size] for one in expected]
        assert [one["pageInfo"]["hasNextPage"] for one in page] == [len(one) > size for one in expected]
        assert [one["pageInfo"]["hasPreviousPage"] for one in page] == [False] * 3
        page = await histories(last=size)
        assert [ids_of(one) for one in page] == [one[-size:] for one in expected]
        assert [one["pageInfo"]["hasPreviousPage"] for one in page] == [len(one) > size for one in expected]
    for place, edge in enumerate(whole[2]["edges"]):
        behind = (await histories(first=2, after=edge["cursor"]))[2]
        assert ids_of(behind) == expected[2][place + 1 : place + 3]
        assert behind["pageInfo"]["hasPreviousPage"] is True
        before = (await histories(last=2, before=edge["cursor"]))[2]
        assert ids_of(before) == expected[2][max(0, place - 2) : place]
        assert before["pageInfo"]["hasNextPage"] is True
