"""A record of several items: parts in any order, orphans parked until the opening part comes, the newest counts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import orjson
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from hub.applying import apply_pending
from hub.errors import OrphanError
from hub.inbox import keep_page
from hub.model import CaseFacts, Entry, Fact, Item, PartyFacts, Source
from hub.store.tables import case_records, inbox_items, record_entries
from hub.vocabulary import CaseRecordState, Channel, HandlingEventKind, PartyRole

from .databases import Database
from .hub_kit import COUNTY, LIVE_FROM, PHONE, open_desk, snapshot

WITHDRAWN = "撤回"
FORMS = Source("forms", "forms", LIVE_FROM, "620725000000")


class Forms:
    """A made-up partner whose record is one call and any number of reports, each a form of its own."""

    mapping_version = 1

    def map(self, item: Item) -> Sequence[Fact]:
        form = orjson.loads(item.body)
        at = LIVE_FROM + timedelta(minutes=form["at"])
        kind = HandlingEventKind.REGISTERED if form["part"] == "call" else HandlingEventKind.ACCEPTED
        return [
            CaseFacts(
                native_id=form["id"], native_no="", lineage="", native_kind="call", native_state="",
                state=CaseRecordState.RECEIVED, title=form["text"], category="0201", received_at=at, updated_at=at,
                channel=Channel.POLICE, opens_dispute=True, part=self.part_of(form["part"]),
                parties=(PartyFacts(PartyRole.RESPONDENT, name="李强", phone=form["phone"]),),
                entries=(Entry(f"{form['part']}", kind, at, words=form["text"]),),
            )
        ]  # fmt: skip

    def part_of(self, name: str) -> str:
        return name

    def compose(self, parts: Sequence[CaseFacts]) -> CaseFacts:
        call = next((part for part in parts if part.part == "call"), None)
        if call is None:
            raise OrphanError("the call has not come yet")
        entries = tuple(entry for part in parts for entry in part.entries)
        # who is named last, in the newest form that was not taken back
        named = [part for part in parts if part.title != WITHDRAWN] or [call]
        newest = max(part.updated_at for part in parts if part.updated_at)
        return replace(call, entries=entries, parties=named[-1].parties, updated_at=newest)


class CoarseForms(Forms):
    """An older mapping that took all reports for one part."""

    mapping_version = 0

    def part_of(self, name: str) -> str:
        return name.split("-")[0]


def _form(part: str, at: int, text: str, native_id: str = "c1", phone: str = "") -> Item:
    body = orjson.dumps({"id": native_id, "part": part, "at": at, "text": text, "phone": phone})
    return Item(f"{part}:{native_id}", native_id, "", LIVE_FROM + timedelta(minutes=at), body, body)


async def _deliver(desk: Any, items: Sequence[Item], mapper: Forms | None = None) -> None:
    async with desk.store.write() as tx:
        await keep_page(tx, desk, instance="forms", run_id="r", origin="PULL", items=items)
    await apply_pending(desk, FORMS, mapper or Forms())


async def _all(desk: Any, query: Any) -> Any:
    async with desk.store.read() as connection:
        return (await connection.execute(query)).all()


async def test_an_orphan_waits_for_the_part_that_opens_its_record(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await _deliver(desk, [_form("report-1", 5, "先到"), _form("report-1", 6, "另一案", "c2")])
        assert await _all(desk, select(case_records)) == []
        assert {one.state for one in await _all(desk, select(inbox_items))} == {"PARKED"}
        await _deliver(desk, [_form("report-2", 7, "再到")])
        await _deliver(desk, [_form("call", 1, "报警")])
        (record,) = await _all(desk, select(case_records))
        assert record.county == COUNTY and record.title == "报警"
        entries = {one.source_event_id for one in await _all(desk, select(record_entries)) if one.is_live}
        assert entries == {"call", "report-1", "report-2"}
        states = [one.state for one in await _all(desk, select(inbox_items).order_by(inbox_items.c.native_id))]
        assert states == ["APPLIED"] * 3 + ["PARKED"]


async def test_a_correction_of_one_part_counts_whatever_came_later(database: Database) -> None:
    forms = [
        _form("call", 1, "报警"), _form("call", 10, "更正"), _form("report-1", 11, "甲"), _form("report-1", 4, "旧"),
    ]  # fmt: skip
    seen = []
    for number, order in enumerate(permutations(forms)):
        if number % 5:
            continue
        async with open_desk(database.url) as desk:
            # a fresh record each time
            name = f"p{number}"
            for form in order:
                body = form.body.replace(b'"c1"', f'"{name}"'.encode())
                key = form.key.replace("c1", name)
                await _deliver(desk, [replace(form, key=key, native_id=name, body=body, canonical=body)])
            (record,) = await _all(desk, select(case_records).where(case_records.c.native_id == name))
            live = await _all(
                desk, select(record_entries.c.source_event_id)
                .where(record_entries.c.record_id == record.id, record_entries.c.is_live)
            )  # fmt: skip
            seen.append((record.title, record.native_updated_at, sorted(live)))
    assert len(seen) == 5 and all(one == seen[0] for one in seen)
    assert seen[0][0] == "更正"


PARTS = ("call", "report-1", "report-2", "report-3")


@st.composite
def deliveries(draw: st.DrawFn) -> list[list[Item]]:
    """Versions of the parts of two records, the call among them, in any order and cut into any batches."""
    forms = []
    for native_id in ("c1", "c2"):
        stamps = draw(st.lists(st.integers(1, 60), min_size=1, max_size=6, unique=True))
        parts = ["call", *(draw(st.sampled_from(PARTS)) for _ in stamps[1:])]
        phones = (PHONE, PHONE, "138****2345", "")
        forms += [
            _form(part, at, f"{part}@{at}", native_id, draw(st.sampled_from(phones)))
            for part, at in zip(parts, stamps, strict=True)
        ]
    waiting = draw(st.permutations(forms))
    batches = []
    while waiting:
        size = draw(st.integers(1, len(waiting)))
        batches.append(waiting[:size])
        waiting = waiting[size:]
    return batches


async def _state(url: str, batches: Sequence[Sequence[Item]]) -> dict[str, Any]:
    async with open_desk(url) as desk:
        for batch in batches:
            await _deliver(desk, batch)
        return await snapshot(desk) | {
            "live": sorted(
                tuple(one)
                for one in await _all(
                    desk,
                    select(case_records.c.native_id, record_entries.c.source_event_id)
                    .join_from(record_entries, case_records, record_entries.c.record_id == case_records.c.id)
                    .where(record_entries.c.is_live, ~record_entries.c.source_event_id.startswith("hub:")),
                )
            ),
            "titles": {
                one.native_id: (one.title, one.native_updated_at) for one in await _all(desk, select(case_records))
            },
        }


def _check_any_order(databases: Any, batches: list[list[Item]]) -> None:
    with databases.migrated() as database:
        by_and_by = asyncio.run(_state(database.url, batches))
    forms = [item for batch in batches for item in batch]
    with databases.migrated() as database:
        # composed once, from all versions there are
        at_once = asyncio.run(_state(database.url, [forms]))
    for part, expected in at_once.items():
        assert by_and_by[part] == expected, part
    # and neither is taken on trust: the newest version of each part is what counts
    newest = {form.key: form for form in sorted(forms, key=lambda form: form.updated_at or LIVE_FROM)}
    calls = [orjson.loads(form.body) for key, form in newest.items() if key.startswith("call:")]
    last = {name: max(form.updated_at for form in forms if form.native_id == name) for name in ("c1", "c2")}
    assert by_and_by["titles"] == {call["id"]: (call["text"], last[call["id"]]) for call in calls}
    assert by_and_by["live"] == sorted((form.native_id, key.split(":")[0]) for key, form in newest.items())


_SETTINGS = settings(
    deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@settings(_SETTINGS, max_examples=25)
@given(batches=deliveries())
def test_composed_by_and_by_equals_composed_from_all_versions_on_sqlite(
    _sqlite: Any, batches: list[list[Item]]
) -> None:
    _check_any_order(_sqlite, batches)


@settings(_SETTINGS, max_examples=8)
@given(batches=deliveries())
def test_composed_by_and_by_equals_composed_from_all_versions_on_postgresql(
    _postgresql: Any, batches: list[list[Item]]
) -> None:
    _check_any_order(_postgresql, batches)


async def test_parts_that_an_older_mapping_took_for_one_are_told_apart(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await _deliver(desk, [_form("call", 1, "报警")], CoarseForms())
        await _deliver(desk, [_form("report-1", 2, "甲"), _form("report-2", 3, "乙")], CoarseForms())
        live = select(record_entries.c.source_event_id).where(record_entries.c.is_live)
        assert {one.source_event_id for one in await _all(desk, live)} == {"call", "report-2"}
        await _deliver(desk, [_form("report-3", 4, "丙")])
        assert {one.source_event_id for one in await _all(desk, live)} == {"call", "report-1", "report-2", "report-3"}


HIDDEN = "138****2345"


async def _shows_the_number(desk: Any) -> bool:
    (party,) = (await snapshot(desk))["parties"]
    return bool(desk.keys.blind_index("phone", PHONE) in party)


async def test_a_number_hidden_by_a_new_form_is_told_by_a_superseded_one(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await _deliver(desk, [_form("call", 1, "报警"), _form("report-1", 2, "甲", phone=PHONE)])
        await _deliver(desk, [_form("report-1", 3, "甲", phone=HIDDEN)])
        assert await _shows_the_number(desk)
        await _deliver(desk, [_form("report-2", 4, "乙", phone=HIDDEN)])
        assert await _shows_the_number(desk)


async def test_a_hidden_number_that_counts_again_is_told_by_a_superseded_form(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await _deliver(desk, [_form("call", 1, "报警"), _form("report-1", 2, "甲", phone=PHONE)])
        await _deliver(
            desk, [_form("report-1", 3, "甲", phone=HIDDEN), _form("report-2", 4, "乙", phone="0936-1234567")]
        )
        assert not await _shows_the_number(desk)
        await _deliver(desk, [_form("report-2", 5, WITHDRAWN)])
        assert await _shows_the_number(desk)
