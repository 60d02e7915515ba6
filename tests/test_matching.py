"""Likeness: the same people in the same kind of quarrel are joined where the county says so, and else suggested."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import select

from hub.desk import Desk
from hub.store.tables import disputes, link_decisions, record_links

from .databases import Database
from .hub_kit import deliver, open_desk, row, snapshot

#: valid identity numbers of three people
WANG, LI, ZHAO = "620725199003074518", "620725198112250017", "11010519491231002X"


def _party(role: str, name: str, number: str = "", phone: str = "") -> dict[str, Any]:
    return {"dsrlx": role, "xm": name, "zjlx": "111", "zjhm": number, "lxdh": phone, "xzqhdm": "620725101201", "zz": ""}


def _quarrel(ajbs: str, *people: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return row(ajbs, dsr=list(people), **changes)


ONE = _quarrel("p1", _party("原告", "王芳", WANG), _party("被告", "李强", LI))
#: the other way round, the counterparty without a number
TWO = _quarrel(
    "p2", _party("原告", "李 强"), _party("被告", "王芳", WANG), lxrq="2024-05-01", gxsj="2024-05-01 09:00:00"
)


async def _all(desk: Desk, query: Any) -> Any:
    async with desk.store.read() as connection:
        return (await connection.execute(query)).all()


async def _live(desk: Desk) -> int:
    return len(await _all(desk, select(disputes).where(disputes.c.is_live)))


async def test_the_same_people_are_joined_only_where_the_county_says_so(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, [ONE, TWO])
        (edge,) = await _all(desk, select(record_links))
        assert (edge.state, edge.method, edge.decided_by) == ("SUGGESTED", "IDENTIFIER", "rule:2")
        assert await _live(desk) == 2
        # evidence names what agrees, never a number or a name
        assert edge.evidence == {"scheme": "people"}
    async with open_desk(database.url) as desk:
        joining = replace(desk, links_people=True)
        await deliver(joining, [{**ONE, "gxsj": "2024-06-01 09:00:00"}])
        assert await _live(joining) == 1
        assert [one.decision for one in await _all(joining, select(link_decisions))] == ["SUGGESTED", "ACCEPTED"]


@pytest.mark.parametrize(
    "other",
    [
        _quarrel("p2", _party("原告", "李强"), _party("被告", "王芳", WANG), lxrq="2024-12-01"),  # too late
        _quarrel("p2", _party("原告", "李强"), _party("被告", "王芳", WANG), caseCause="9061"),  # another class
        _quarrel("p2", _party("原告", "李强", ZHAO), _party("被告", "王芳", WANG)),  # another Li
        _quarrel("p2", _party("原告", "李*"), _party("被告", "王芳", WANG)),  # a masked name says nothing
        _quarrel("p2", _party("原告", "王芳", WANG)),  # nobody on the other side
        _quarrel("p2", _party("原告", "李强"), _party("被告", "王芳")),  # nobody identified
    ],
)
async def test_less_likeness_joins_nothing(database: Database, other: dict[str, Any]) -> None:
    async with open_desk(database.url) as opened:
        desk = replace(opened, links_people=True)
        await deliver(desk, [ONE, other])
        assert await _live(desk) == 2
        assert await _all(desk, select(record_links).where(record_links.c.state == "ACCEPTED")) == []


async def test_the_same_phone_in_the_same_village_is_a_suggestion(database: Database) -> None:
    async with open_desk(database.url) as opened:
        desk = replace(opened, links_people=True)
        phone = "13893612345"
        one = _quarrel("s1", _party("原告", "甲", phone=phone), _party("被告", "乙"))
        other = _quarrel("s2", _party("原告", "丙", phone=phone), _party("被告", "丁"), lxrq="2024-03-20")
        await deliver(desk, [one, other])
        (edge,) = await _all(desk, select(record_links))
        assert (edge.state, edge.method, edge.decided_by) == ("SUGGESTED", "PHONE", "rule:3")
        assert await _live(desk) == 2


async def test_evidence_that_falls_parts_them_again(database: Database) -> None:
    async with open_desk(database.url) as opened:
        desk = replace(opened, links_people=True)
        await deliver(desk, [ONE, TWO])
        assert await _live(desk) == 1
        corrected = _quarrel("p2", _party("原告", "钱七"), _party("被告", "王芳", WANG), gxsj="2024-06-01 09:00:00")
        await deliver(desk, [corrected])
        assert await _live(desk) == 2


async def test_likeness_alone_never_makes_a_crowd(database: Database) -> None:
    async with open_desk(database.url) as opened:
        desk = replace(opened, links_people=True, size_guard=3)
        rows = [{**ONE, "ajbs": f"g{n}", "fwlsh": f"Fg{n}"} for n in range(3)]
        await deliver(desk, rows)
        assert await _live(desk) == 1
        await deliver(desk, [{**ONE, "ajbs": "g3", "fwlsh": "Fg3"}])
        assert await _live(desk) == 4
        # a structured reference is not limited
        later = {"originalCaseCode": "g0", "gxsj": "2024-07-01 09:00:00"}
        await deliver(desk, [{**ONE, "ajbs": "g1", "fwlsh": "Fg1", **later}])
        assert await _live(desk) == 3
        # one leaves: the rest are few enough again
        gone = [_party("原告", "孙八"), _party("被告", "周九")]
        await deliver(desk, [{**ONE, "ajbs": "g3", "fwlsh": "Fg3", "dsr": gone, "gxsj": "2024-07-02 09:00:00"}])
        assert await _live(desk) == 2


@pytest.mark.parametrize("kind", ["_sqlite", "_postgresql"])
@pytest.mark.parametrize("guard", [2, 12])
def test_any_order_joins_the_same_records(request: pytest.FixtureRequest, kind: str, guard: int) -> None:
    third = _quarrel("p3", _party("原告", "王芳", WANG), _party("被告", "李强", LI), lxrq="2024-08-20")
    corrected = {**TWO, "dsr": ONE["dsr"], "gxsj": "2024-05-02 09:00:00"}
    databases = request.getfixturevalue(kind)

    async def end(url: str, order: Any) -> Any:
        async with open_desk(url) as opened:
            desk = replace(opened, links_people=True, size_guard=guard)
            for one in order:
                await deliver(desk, [one])
            state = await snapshot(desk)
            return state["components"], state["links"], state["disputes"]

    states = []
    for number, order in enumerate(permutations([ONE, TWO, third, corrected])):
        if number % (3 if kind == "_sqlite" else 8) == 0:
            with databases.migrated() as database:
                states.append(asyncio.run(end(database.url, order)))
    assert all(state == states[0] for state in states)
