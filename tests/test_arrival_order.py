"""Any order, any repetition, any cutting into pages of the same deliveries ends in the same state (laws 1 to 5, 13)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from .hub_kit import deliver as _deliver
from .hub_kit import diverted, log, open_desk, row, snapshot


def _stamp(minute: int) -> str:
    return f"2024-03-{5 + minute // 1440:02d} {minute // 60 % 24:02d}:{minute % 60:02d}:00"


@st.composite
def matters(draw: st.DrawFn) -> list[dict[str, Any]]:
    """The versions of a few matters as a court would list them over time, in the order they came to be."""
    versions: list[dict[str, Any]] = []
    clock = 0

    def tell(fields: dict[str, Any]) -> None:
        nonlocal clock
        # now and then two versions share a second
        clock += draw(st.sampled_from((7, 7, 7, 0)))
        versions.append({**fields, "gxsj": _stamp(clock)})

    for number in range(draw(st.integers(1, 3))):
        ajbs, pre = f"m{number}", f"(2024)甘0725民诉前调{number + 1}号"
        current = row(ajbs, lxrq=f"2024-03-{5 + number:02d}")
        tell(current)
        if draw(st.booleans()):
            current = {**current, "claim": draw(st.sampled_from(("改一", "改二")))}
            tell(current)
        if not draw(st.booleans()):
            continue
        current = {**current, "ajlb": "9901", "caseStatus": 170, "ajzt": "待指派调解", "logs": [diverted()]}
        tell(current)
        if draw(st.booleans()):
            masked = [{**current["dsr"][0], "zjhm": "6207**********4518", "lxdh": "138****2345"}, current["dsr"][1]]
            current = {**current, "dsr": masked}
            tell(current)
        current = {**current, "ah": pre}
        tell(current)
        agreed = draw(st.sampled_from(("1", "2", "3")))
        result = log(60, "2024-03-20 10:00:00", tjjg=agreed, bcgyy="5" if agreed == "2" else None, tjxybh="X1")
        if draw(st.booleans()):
            current = {**current, "ajzt": "已结案", "logs": [diverted(), log(1, "2024-03-08 10:00:00"), result]}
            tell(current)
        if draw(st.booleans()):
            correction = log(61, "2024-03-22 10:00:00", tjjg="1", tjxybh="X2")
            current = {**current, "logs": [*current["logs"], correction]}
            tell(current)
        if draw(st.booleans()):
            current = {**current, "logs": current["logs"][:-1]}
            tell(current)
        way = draw(st.sampled_from(("none", "same id", "new id", "unnumbered first")))
        later = row(ajbs, originalCaseNo=pre, caseStatus=130, lxrq="2024-04-01", fwlsh=f"Fm{number}")
        if way == "new id":
            later = {**later, "ajbs": f"n{number}", "fwlsh": f"Fn{number}", "originalCaseCode": ajbs}
        if way == "unnumbered first":
            tell({**later, "ajzt": "待立案"})
        if way != "none":
            tell({**later, "ah": f"(2024)甘0725民初{number + 1}号", "ajzt": "已正式立案"})
    return versions


def _cut(draw: Any, deliveries: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    pages, rest = [], list(deliveries)
    while rest:
        size = draw(st.integers(1, len(rest)))
        pages.append(rest[:size])
        rest = rest[size:]
    return pages


def _end_state(databases: Any, pages: list[list[dict[str, Any]]]) -> dict[str, Any]:
    async def deliver_all(url: str) -> dict[str, Any]:
        async with open_desk(url) as desk:
            for page in pages:
                await _deliver(desk, page)
            return await snapshot(desk)

    with databases.migrated() as database:
        return asyncio.run(deliver_all(database.url))


def _check(databases: Any, data: Any) -> None:
    versions = data.draw(matters())
    repeats = data.draw(st.lists(st.sampled_from(versions), max_size=4))
    shuffled = data.draw(st.permutations([*versions, *repeats]))
    straight = _end_state(databases, [[version] for version in versions])
    mixed = _end_state(databases, _cut(data.draw, shuffled))
    for part, expected in straight.items():
        assert mixed[part] == expected, part


_SETTINGS = settings(
    deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


@settings(_SETTINGS, max_examples=40)
@given(data=st.data())
def test_any_order_of_arrival_ends_in_the_same_state_on_sqlite(_sqlite: Any, data: Any) -> None:
    _check(_sqlite, data)


@settings(_SETTINGS, max_examples=12)
@given(data=st.data())
def test_any_order_of_arrival_ends_in_the_same_state_on_postgresql(_postgresql: Any, data: Any) -> None:
    _check(_postgresql, data)


@pytest.mark.parametrize("kind", ["_sqlite", "_postgresql"])
def test_all_orders_of_a_numbered_and_docketed_matter(request: pytest.FixtureRequest, kind: str) -> None:
    from itertools import permutations

    pre = "(2024)甘0725民诉前调1号"
    versions = [
        row(),
        row(ah=pre, ajlb="9901", gxsj="2024-03-06 09:00:00", logs=[diverted()]),
        row(originalCaseNo=pre, gxsj="2024-04-01 09:00:00", lxrq="2024-04-01"),
        row(ah="(2024)甘0725民初1号", originalCaseNo=pre, gxsj="2024-04-02 09:00:00", lxrq="2024-04-01"),
    ]
    databases = request.getfixturevalue(kind)
    states = [_end_state(databases, [[one] for one in order]) for order in permutations(versions)]
    assert all(state == states[0] for state in states)
    assert len(states[0]["records"]) == 2
