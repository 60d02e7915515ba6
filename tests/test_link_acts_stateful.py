"""Persons and rules by turns: whatever happens, no person's word is broken and nothing is rewritten."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from hub import link_acts
from hub.acts import Act
from hub.desk import Desk
from hub.errors import ConflictError, UserInputError
from hub.history import event_hash
from hub.store.tables import case_records, disputes, handling_events, record_links, record_separations

from .hub_kit import deliver, open_desk
from .test_link_acts import continuing, row
from .test_matching import LI, WANG, ZHAO, _party

_RECORDS = "abcdef"
_PEOPLE = {
    "one": [_party("原告", "王芳", WANG), _party("被告", "李强", LI)],
    "other": [_party("原告", "赵六", ZHAO), _party("被告", "钱七", "")],
}

_DELIVERIES = st.tuples(
    st.just("deliver"), st.sampled_from(_RECORDS), st.sampled_from([None, *_RECORDS]), st.sampled_from(list(_PEOPLE))
)
_ACTS = st.one_of(
    st.tuples(st.just("unlink"), st.sampled_from(_RECORDS)),
    st.tuples(st.just("link"), st.sampled_from(_RECORDS), st.sampled_from(_RECORDS)),
    st.tuples(st.just("merge"), st.sampled_from(_RECORDS), st.sampled_from(_RECORDS)),
    st.tuples(st.just("unmerge"), st.integers(0, 5)),
    st.tuples(st.just("decide"), st.integers(0, 9), st.booleans()),
)


class _County:
    def __init__(self, desk: Desk) -> None:
        self.desk, self.minute = desk, 0
        self.codes: dict[str, str] = {}
        self.events: dict[str, str] = {}

    async def do(self, step: tuple[Any, ...]) -> None:
        name, *what = step
        if name == "deliver":
            await self._deliver(*what)
            return
        try:
            await getattr(self, f"_{name}")(*what)
        except (ConflictError, UserInputError):
            return

    async def _deliver(self, key: str, earlier: str | None, people: str) -> None:
        self.minute += 1
        changes = {"gxsj": f"2024-06-01 {9 + self.minute // 60:02d}:{self.minute % 60:02d}:00", "dsr": _PEOPLE[people]}
        made = row(key, **changes) if earlier in (None, key) else continuing(key, earlier or "", **changes)
        await deliver(self.desk, [made])

    async def _record(self, key: str) -> Any:
        found = await self._all(select(case_records).where(case_records.c.native_id == key))
        if not found:
            raise ConflictError("not there yet")
        return found[0]

    async def _unlink(self, key: str) -> None:
        await link_acts.unlink_record(self.desk, (await self._record(key)).id, act=Act("甲", "分开"))

    async def _link(self, key: str, to: str) -> None:
        record, target = await self._record(key), await self._record(to)
        await link_acts.link_record(self.desk, record.id, target.dispute_id, act=Act("乙"))
        assert (await self._record(key)).dispute_id == (await self._record(to)).dispute_id

    async def _merge(self, key: str, other: str) -> None:
        one, two = await self._record(key), await self._record(other)
        await link_acts.merge_disputes(self.desk, (one.dispute_id, two.dispute_id), act=Act("丙"))
        assert (await self._record(key)).dispute_id == (await self._record(other)).dispute_id

    async def _unmerge(self, number: int) -> None:
        merged = await self._all(select(disputes).where(disputes.c.merged_into.is_not(None)).order_by(disputes.c.id))
        if number < len(merged):
            await link_acts.unmerge_disputes(self.desk, merged[number].id, act=Act("丁", "分开"))
            (back,) = await self._all(select(disputes).where(disputes.c.id == merged[number].id))
            assert back.merged_into is None and back.is_live

    async def _decide(self, number: int, accept: bool) -> None:
        query = select(record_links).where(record_links.c.state == "SUGGESTED").order_by(record_links.c.id)
        waiting = await self._all(query)
        if number < len(waiting):
            link = waiting[number]
            await link_acts.decide_suggestion(self.desk, link.id, accept=accept, act=Act("戊"))
            ends = await self._all(
                select(case_records.c.dispute_id).where(case_records.c.id.in_((link.from_record_id, link.to_record_id)))
            )
            assert (len({end.dispute_id for end in ends}) == 1) is accept

    async def _all(self, query: Any) -> Any:
        async with self.desk.store.read() as connection:
            return (await connection.execute(query)).all()

    async def check(self) -> None:
        records = {one.id: one for one in await self._all(select(case_records))}
        links = await self._all(select(record_links).where(record_links.c.state == "ACCEPTED"))
        # a dispute is a connected component of accepted edges
        place = {record_id: record_id for record_id in records}

        def root(record_id: str) -> str:
            while place[record_id] != record_id:
                record_id = place[record_id]
            return record_id

        for link in links:
            place[root(link.from_record_id)] = root(link.to_record_id)
        for one in records.values():
            for other in records.values():
                is_one = one.dispute_id is not None and one.dispute_id == other.dispute_id
                assert is_one is (root(one.id) == root(other.id))
        # what a person parted shares none
        for bar in await self._all(select(record_separations).where(record_separations.c.lifted_at.is_(None))):
            assert records[bar.record_id].dispute_id != records[bar.other_record_id].dispute_id
        # every code ever given still answers, and none was given twice
        found = {one.id: one for one in await self._all(select(disputes))}
        assert all(found[id].code == code for id, code in self.codes.items())
        self.codes = {id: one.code for id, one in found.items()}
        assert len(set(self.codes.values())) == len(self.codes)
        for one in found.values():
            end, seen = one, set()
            while end.merged_into is not None and end.id not in seen:
                seen.add(end.id)
                end = found[end.merged_into]
            assert end.merged_into is None
        # nothing told was rewritten, and every chain holds
        events = await self._all(select(handling_events))
        told = {one.id: one.hash for one in events}
        assert all(told[id] == hash for id, hash in self.events.items())
        self.events = told
        assert all(event_hash(one._mapping) == one.hash for one in events)


def _play(databases: Any, steps: list[tuple[Any, ...]]) -> None:
    async def run(url: str) -> None:
        async with open_desk(url) as opened:
            county = _County(replace(opened, links_people=True, size_guard=4))
            for step in steps:
                await county.do(step)
                await county.check()

    with databases.migrated() as database:
        asyncio.run(run(database.url))


_SETTINGS = settings(
    deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
_STEPS = st.lists(st.one_of(_DELIVERIES, _DELIVERIES, _ACTS), min_size=4, max_size=18)


@settings(_SETTINGS, max_examples=40)
@given(steps=_STEPS)
def test_persons_and_rules_by_turns_on_sqlite(_sqlite: Any, steps: list[tuple[Any, ...]]) -> None:
    _play(_sqlite, steps)


@settings(_SETTINGS, max_examples=8)
@given(steps=_STEPS)
def test_persons_and_rules_by_turns_on_postgresql(_postgresql: Any, steps: list[tuple[Any, ...]]) -> None:
    _play(_postgresql, steps)
