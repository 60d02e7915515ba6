"""Replay: what was kept is read again; dry it changes nothing and says what it would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update

from connectors.court import CourtConnector
from hub.errors import NotFoundError
from hub.model import CaseFacts, Fact, Item
from hub.replaying import replay
from hub.store.tables import data_keys
from hub.vocabulary import Classification

from .databases import Database
from .hub_kit import COURT, court_config, deliver, diverted, log, open_desk, row, snapshot


class Mended(CourtConnector):
    """Another reading of the same rows."""

    mapping_version = CourtConnector.mapping_version + 1

    def map(self, item: Item) -> Sequence[Fact]:
        return [
            replace(fact, classification=Classification.CONFIDENTIAL) if isinstance(fact, CaseFacts) else fact
            for fact in super().map(item)
        ]


ROWS: list[dict[str, Any]] = [
    row("a1", logs=[diverted()]),
    row("a1", logs=[diverted(), log(60, "2024-04-01 10:00:00", tjjg="1", tjxybh="X1")], gxsj="2024-04-01 10:00:01"),
    row("a2"),
]


async def test_the_same_mapping_changes_nothing(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, ROWS)
        before = await snapshot(desk)
        for is_dry in (True, False, False):
            done = await replay(desk, COURT, CourtConnector(court_config()), is_dry=is_dry)
            assert (done.items, done.records, done.changes) == (3, 2, [])
        assert await snapshot(desk) == before


async def test_dry_it_tells_and_changes_nothing_then_it_does_what_it_told(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, ROWS)
        before, mended = await snapshot(desk), Mended(court_config())
        dry = await replay(desk, COURT, mended, is_dry=True)
        assert await snapshot(desk) == before
        assert {one.native_id: one.columns for one in dry.changes} == {
            name: {"classification": "INTERNAL → CONFIDENTIAL"} for name in ("a1", "a2")
        }
        one = await replay(desk, COURT, mended, native_id="a1")
        assert one.changes == [change for change in dry.changes if change.native_id == "a1"]
        rest = await replay(desk, COURT, mended)
        assert [change.native_id for change in rest.changes] == ["a2"]
        assert (await replay(desk, COURT, mended)).changes == []


async def test_a_record_that_was_not_understood_is_new_then(database: Database) -> None:
    class Forgiving(CourtConnector):
        def map(self, item: Item) -> Sequence[Fact]:
            return super().map(replace(item, body=item.body.replace(b"soon", b"2024-03-05")))

    async with open_desk(database.url) as desk:
        await deliver(desk, [row("q1", lxrq="soon")])
        done = await replay(desk, COURT, Forgiving(court_config()), is_dry=True)
        assert [(one.native_id, one.columns) for one in done.changes] == [("q1", {"record": "new"})]
        assert (await replay(desk, COURT, Forgiving(court_config()))).quarantined == 0


async def test_what_was_erased_is_left_alone(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, ROWS)
        async with desk.store.write() as tx:
            await tx.execute(update(data_keys).where(data_keys.c.native_id == "a1").values(wrapped=None))
        done = await replay(desk, COURT, Mended(court_config()))
        assert (done.items, done.erased) == (1, 2)
        with pytest.raises(NotFoundError):
            await replay(desk, COURT, Mended(court_config()), native_id="nobody")
