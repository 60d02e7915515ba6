"""Partners change their fields without a word: what is new, gone or of another type is seen, and no value is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from connectors.court import CourtConnector
from connectors.court.rows import make_item
from connectors.hotline import HotlineConnector
from connectors.hotline.rows import event_item, order_item
from connectors.petition import PetitionConnector
from connectors.petition.rows import make_item as petition_item
from connectors.police import PoliceConnector
from connectors.sandbox import police_dispatch, police_zip
from connectors.sandbox.police import PoliceOptions, start_police
from connectors.shapes import MOST_FIELDS, json_fields
from hub import drift
from hub.applying import apply_pending
from hub.desk import Desk
from hub.drift import Drift
from hub.errors import ConflictError, NotFoundError
from hub.model import Shaped
from hub.store.tables import inbox_items, observed_fields
from hub.vocabulary import DriftKind
from sync_jobs.folder import FolderOptions, open_folder_wire
from sync_jobs.pull import pull_instance

from .court_kit import court_hub
from .databases import Database
from .graphql_rows import Door
from .hub_kit import COURT, PERSON, PHONE, court_config, deliver, open_desk, row

DRIFT = """query ($instance: String) { drift(instance: $instance) {
  id instance itemKind path kind jsonType wasType declared times missed } connectors { instance drift } }"""
ACCEPT = """mutation ($input: AcceptDriftInput!) { acceptDrift(input: $input) {
  userErrors { code } drift { path kind } } }"""


async def told(desk: Desk) -> list[Drift]:
    async with desk.store.read() as connection:
        return [one for found in (await drift.found(connection)).values() for one in found]


def named(found: Sequence[Drift]) -> list[tuple[str, str, str, str]]:
    return sorted((one.item_kind, one.path, one.kind.value, one.was_type) for one in found)


def filings(first: int, count: int, **changes: Any) -> list[dict[str, Any]]:
    return [row(f"a{number}", **changes) for number in range(first, first + count)]


def test_a_shape_folds_lists_and_tells_no_value() -> None:
    value = {"a": [{"b": None}, {"b": "x", "c": 1}], "d": [1, "2"], PHONE: 1, "n": None, "o": {"p": True}, "q": []}
    assert json_fields(value) == {
        "a": "list", "a[]": "object", "a[].b": "string", "a[].c": "number", "d": "list", "d[]": "mixed", "*": "number",
        "n": "null", "o": "object", "o.p": "boolean", "q": "list",
    }  # fmt: skip
    deep: dict[str, Any] = {}
    for _ in range(50):
        deep = {"x": deep}
    assert len(json_fields(deep)) < 20
    assert len(json_fields({f"k{chr(97 + n % 26)}{n}": n for n in range(5000)})) == MOST_FIELDS


def test_every_connector_tells_the_shape_of_its_items() -> None:
    court = CourtConnector(court_config())
    assert isinstance(court, Shaped)
    shape = court.shape(make_item(row()))
    assert set(shape.fields) == court.known_fields[""] - {path for path in court.known_fields[""] if "logs[]" in path}
    petition = PetitionConnector(court_config(product="petition"))
    shape = petition.shape(petition_item({"xfjbh": "1", "xfj": {"xfnr": "x"}, "xfr": [{"xm": "x"}]}))
    assert set(shape.fields) <= petition.known_fields[""]
    hotline = HotlineConnector(court_config(product="hotline"))
    event = {"workordercode": "1", "event": "追办", "seq": 1, "occurredAt": "x", "data": {"content": "x"}}
    for item in (order_item({"workordercode": "1", "createdAt": "x"}), event_item(event)):
        shape = hotline.shape(item)
        assert set(shape.fields) <= hotline.known_fields[shape.kind]


async def test_new_gone_and_another_type_are_seen_on_any_kept_row(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, filings(0, 40))
        assert await told(desk) == []
        changed = filings(100, 40, fjsx={"jb": PERSON}, caseStatus="110")
        for one in changed:
            del one["saly"]
        await deliver(desk, changed)
        found = await told(desk)
        assert named(found) == [
            ("", "caseStatus", "TYPE_CHANGED", "number"), ("", "fjsx", "NEW", ""), ("", "fjsx.jb", "NEW", ""),
            ("", "saly", "GONE", ""),
        ]  # fmt: skip
        by_path = {one.path: one for one in found}
        assert by_path["saly"].missed == 40 and by_path["fjsx"].times == 40
        assert by_path["fjsx"].first_seen_at == by_path["caseStatus"].first_seen_at
        async with desk.store.read() as connection:
            kept = [dict(one._mapping) for one in await connection.execute(select(observed_fields))]
        assert PERSON not in str(kept) and "当事人起诉" not in str(kept)
        # back again: it is gone no more
        await deliver(desk, filings(200, 1))
        assert "saly" not in {one.path for one in await told(desk)}


async def test_a_quiet_sunday_and_an_empty_list_are_no_drift(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, filings(0, 40))
        few = filings(100, 29)
        for one in few:
            del one["saly"]
        await deliver(desk, few)
        # nobody is named: that says nothing of what a party's row looks like
        await deliver(desk, filings(200, 60, dsr=[]))
        assert await told(desk) == []


async def test_only_what_is_newly_kept_is_counted(database: Database) -> None:
    async def times() -> int:
        async with desk.store.read() as connection:
            query = select(observed_fields.c.times).where(observed_fields.c.path == "")
            return int((await connection.execute(query)).scalar_one())

    async with open_desk(database.url) as desk:
        rows = filings(0, 5)
        await deliver(desk, rows)
        await deliver(desk, rows)
        assert await times() == 5
        # mapped again, as after a code was explained
        async with desk.store.write() as tx:
            await tx.execute(inbox_items.update().values(state="PENDING"))
        await apply_pending(desk, COURT, CourtConnector(court_config()))
        assert await times() == 5


async def test_what_a_person_accepted_comes_back_only_when_it_changes_again(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, filings(0, 40))
        await deliver(desk, filings(100, 40, fjsx="1"))
        (new,) = await told(desk)
        with pytest.raises(ConflictError):
            await drift.accept(desk, new.id, by="x", kind=DriftKind.GONE)
        with pytest.raises(NotFoundError):
            await drift.accept(desk, "drf_0", by="x")
        await drift.accept(desk, new.id, by="x")
        assert await told(desk) == []
        with pytest.raises(ConflictError):
            await drift.accept(desk, new.id, by="x")
        await deliver(desk, filings(200, 40, fjsx=1))
        (changed,) = await told(desk)
        assert (changed.kind, changed.was_type, changed.json_type) == (DriftKind.TYPE_CHANGED, "string", "number")
        await drift.accept(desk, changed.id, by="x")
        await deliver(desk, filings(300, 80))
        (gone,) = await told(desk)
        assert (gone.path, gone.kind) == ("fjsx", DriftKind.GONE)
        await drift.accept(desk, gone.id, by="x")
        await deliver(desk, filings(400, 80))
        assert await told(desk) == []
        await deliver(desk, filings(500, 80, fjsx=1))
        await deliver(desk, filings(600, 300))
        assert [one.kind for one in await told(desk)] == [DriftKind.GONE]


async def test_an_object_used_as_a_table_fills_no_table_of_ours(database: Database) -> None:
    async with open_desk(database.url) as desk:
        for start in range(0, 2000, 400):
            extra = {f"k{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{n}": 1 for n in range(start, start + 400)}
            await deliver(desk, [row(f"t{start}", extra=extra)])
        async with desk.store.read() as connection:
            assert len((await connection.execute(select(observed_fields.c.id))).all()) <= drift.MOST_PATHS


async def test_a_court_that_changes_its_rows_is_seen_over_the_wire(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with court_hub(database.url, scale=0.02) as hub:
        assert (await hub.pull()).error is None
        assert await told(hub.desk) == []
        answer = hub.wire.request

        async def changed(*args: Any, **options: Any) -> Any:
            """The court's own answers, their rows as another release of it would write them."""
            got = await answer(*args, **options)
            body = orjson.loads(got.body)
            content = body.get("content") if isinstance(body, dict) else None
            for one in (content or {}).get("list", []) if isinstance(content, dict) else []:
                one["sfwsla"] = "1"
                one.pop("mqzz", None)
                one["ycts"] = str(one["ycts"])
            return replace(got, body=orjson.dumps(body))

        monkeypatch.setattr(hub.wire, "request", changed)
        await hub.control("edit", count=45, seed="3")
        assert (await hub.pull()).error is None
        assert named(await told(hub.desk)) == [
            ("", "mqzz", "GONE", ""), ("", "sfwsla", "NEW", ""), ("", "ycts", "TYPE_CHANGED", "number"),
        ]  # fmt: skip
        door = Door(hub.desk.store)
        found = await door.data(DRIFT, instance="court")
        assert found["connectors"] == [{"instance": "court", "drift": 3}]
        (new,) = [one for one in found["drift"] if one["kind"] == "NEW"]
        assert (new["path"], new["itemKind"], new["declared"], new["jsonType"]) == ("sfwsla", None, False, "string")
        for kind, code in (("GONE", ["NOT_ALLOWED_NOW"]), ("NEW", []), ("NEW", ["NOT_ALLOWED_NOW"])):
            done = (await door.data(ACCEPT, input={"id": new["id"], "kind": kind}))["acceptDrift"]
            assert [error["code"] for error in done["userErrors"]] == code
        assert len((await door.data(DRIFT))["drift"]) == 2


async def test_police_that_change_their_columns_are_seen_in_their_batches(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the simulated police write from now on has a column more and one less, as after an update of theirs."""
    police = await start_police(PoliceOptions(scale=0.02, folder=tmp_path, poll_s=0))
    try:
        async with open_desk(database.url) as desk, open_folder_wire(FolderOptions(Path(police.root))) as wire:
            connector = PoliceConnector(court_config(name="police", product="police"))
            assert (await pull_instance(desk, connector, wire)).error is None
            # some of their exports tell who took the call, in a column that their document does not name
            assert {(one.path, one.kind) for one in await told(desk)} <= {("JJYBH", DriftKind.NEW)}

            plain_style = police_zip.plain_style

            def updated(dataset: str, rows: Sequence[Any], *_: str) -> police_zip.Style:
                style = plain_style(dataset, rows)
                return replace(style, columns=tuple(name for name in style.columns if name != "GXDWDM"))

            named_there = {one: {**columns, "XZLX": "新增列"} for one, columns in police_zip.COLUMNS.items()}
            monkeypatch.setattr(police_zip, "COLUMNS", named_there)
            monkeypatch.setattr(police_dispatch, "quirky_style", updated)
            monkeypatch.setattr(police_dispatch, "plain_style", updated)
            await police.control("edit", count=120, seed="2")
            await police.control("advance", seconds=60)
            assert (await pull_instance(desk, connector, wire)).error is None
            found = {(one.item_kind, one.path, one.kind) for one in await told(desk) if one.path != "JJYBH"}
            assert {("JJD", "GXDWDM", DriftKind.GONE), ("JJD", "XZLX", DriftKind.NEW)} <= found
    finally:
        await police.close()
