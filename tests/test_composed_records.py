"""A record of several items: parts in any order, orphans parked until the opening part comes, the newest counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import orjson
from sqlalchemy import select

from hub.applying import apply_pending
from hub.errors import OrphanError
from hub.inbox import keep_page
from hub.model import CaseFacts, Entry, Fact, Item, Source
from hub.store.tables import case_records, inbox_items, record_entries
from hub.vocabulary import CaseRecordState, Channel, HandlingEventKind

from .databases import Database
from .hub_kit import COUNTY, LIVE_FROM, open_desk

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
                channel=Channel.POLICE, opens_dispute=True, part=form["part"],
                entries=(Entry(f"{form['part']}", kind, at, words=form["text"]),),
            )
        ]  # fmt: skip

    def compose(self, parts: Sequence[CaseFacts]) -> CaseFacts:
        call = next((part for part in parts if part.part == "call"), None)
        if call is None:
            raise OrphanError("the call has not come yet")
        entries = tuple(entry for part in parts for entry in part.entries)
        return replace(call, entries=entries, updated_at=max(part.updated_at for part in parts if part.updated_at))


def _form(part: str, at: int, text: str, native_id: str = "c1") -> Item:
    body = orjson.dumps({"id": native_id, "part": part, "at": at, "text": text})
    return Item(f"{part}:{native_id}", native_id, "", LIVE_FROM + timedelta(minutes=at), body, body)


async def _deliver(desk: Any, items: Sequence[Item]) -> None:
    async with desk.store.write() as tx:
        await keep_page(tx, desk, instance="forms", run_id="r", origin="PULL", items=items)
    await apply_pending(desk, FORMS, Forms())


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
