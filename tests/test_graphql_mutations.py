"""What can be changed through the door: refusals that name their reason, and the quarantine decided by a person."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from app.authentication import whoever_is_here
from app.jobs import run_job
from app.web import create_app
from app.wiring import Hub, open_hub
from hub import quarantine
from hub.desk import Desk
from hub.jobs import APPLY, put_in_line
from hub.settings import InstanceSettings, Settings
from hub.store import tables
from hub.vocabulary import county_tables

from .databases import Database
from .graphql_rows import Door
from .hub_kit import PERSON, PHONE, deliver, open_desk, row

LIST = "{ quarantine { totalCount edges { node { id code state version retrying decidedBy decidedReason } } } }"
DISCARD = """mutation ($input: DiscardQuarantinedInput!) { discardQuarantined(input: $input) {
  clientMutationId userErrors { code field message hint } item { state version decidedBy decidedReason } } }"""
RETRY = """mutation ($input: RetryQuarantinedInput!) { retryQuarantined(input: $input) {
  userErrors { code field } queued instances } }"""


class DeskDoor(Door):
    """The door of a desk that a test already has."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.store)
        self.desk = desk

    async def nodes(self, query: str = LIST) -> list[dict[str, Any]]:
        found = (await self.data(query))["quarantine"]["edges"]
        return [edge["node"] for edge in found]

    async def discard(self, **input: Any) -> Any:
        return (await self.data(DISCARD, input=input))["discardQuarantined"]

    async def retry(self, **input: Any) -> Any:
        return (await self.data(RETRY, input=input))["retryQuarantined"]


@asynccontextmanager
async def spoilt(database: Database, *keys: str) -> AsyncIterator[DeskDoor]:
    """A hub with these court rows in quarantine: their day of filing is no day."""
    async with open_desk(database.url) as desk:
        await deliver(desk, [row(key, lxrq="soon") for key in keys])
        async with desk.store.write() as tx:
            state = {"instance": "court", "county": desk.county, "product": "court", "consecutive_failures": 0}
            await tx.execute(tables.connector_states.insert().values(state))
        yield DeskDoor(desk)


async def waiting_jobs(desk: Desk) -> list[tuple[str, str]]:
    async with desk.store.read() as connection:
        query = select(tables.jobs.c.job, tables.jobs.c.lane).where(tables.jobs.c.state == "READY")
        return [tuple(one) for one in await connection.execute(query)]


async def test_a_person_sets_an_item_aside(database: Database) -> None:
    async with spoilt(database, "q1", "q2") as door:
        first, second = await door.nodes()
        assert (first["code"], first["state"], first["version"], first["retrying"]) == ("BAD_LXRQ", "OPEN", 1, False)
        done = await door.discard(id=first["id"], reason=f" typed by hand, call {PHONE} ", expectedVersion=1,
                                  clientMutationId="m1")  # fmt: skip
        assert (done["clientMutationId"], done["userErrors"]) == ("m1", [])
        assert (done["item"]["state"], done["item"]["version"]) == ("DISCARDED", 2)
        assert done["item"]["decidedBy"] == "operator"
        # a reason is a person's word: numbers inside it are masked like everywhere
        assert done["item"]["decidedReason"] == "typed by hand, call 138****2345"
        assert [node["id"] for node in await door.nodes()] == [second["id"]]
        everything = "{ quarantine(filter: {states: null}, last: 1) { totalCount edges { node { id state } } } }"
        assert (await door.data(everything))["quarantine"]["totalCount"] == 2
        by_reason = '{ quarantine(filter: {codes: ["OTHER"], instances: ["court"]}) { totalCount } }'
        assert (await door.data(by_reason))["quarantine"]["totalCount"] == 0


async def test_what_cannot_be_done_is_named_and_changes_nothing(database: Database) -> None:
    async with spoilt(database, "q1") as door:
        (node,) = await door.nodes()
        for code, field, input in (
            ("VERSION_CONFLICT", "expectedVersion", {"id": node["id"], "reason": "r", "expectedVersion": 7}),
            ("MISSING_FIELD", "reason", {"id": node["id"], "reason": " \t "}),
            ("INVALID_VALUE", "reason", {"id": node["id"], "reason": "r" * 501}),
            ("NOT_FOUND", "id", {"id": "qua_620725_0", "reason": "r"}),
        ):
            refused = await door.discard(**input)
            assert ([(e["code"], e["field"]) for e in refused["userErrors"]], refused["item"]) == (
                [(code, field)],
                None,
            )
        assert await door.nodes() == [node]
        assert (await door.discard(id=node["id"], reason="r"))["userErrors"] == []
        (error,) = (await door.discard(id=node["id"], reason="r"))["userErrors"]
        assert (error["code"], error["field"]) == ("NOT_ALLOWED_NOW", None)
        for code, input in (
            ("MISSING_FIELD", {}),
            ("INVALID_VALUE", {"ids": [node["id"]], "instance": "court"}),
            ("INVALID_VALUE", {"ids": [node["id"]] * 101}),
            ("NOT_FOUND", {"ids": ["qua_620725_0"]}),
            ("NOT_ALLOWED_NOW", {"ids": [node["id"]]}),
            ("NOT_FOUND", {"instance": "police"}),
        ):
            assert [error["code"] for error in (await door.retry(**input))["userErrors"]] == [code], input
        assert await waiting_jobs(door.desk) == []


async def test_a_fault_of_ours_is_masked_and_the_field_beside_it_tells_what_it_did(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError(PERSON)

    async with spoilt(database, "q1") as door:
        (node,) = await door.nodes()
        monkeypatch.setattr(quarantine, "discard", broken)
        both = """mutation ($id: ID!) { a: retryQuarantined(input: {ids: [$id]}) { queued }
                   b: discardQuarantined(input: {id: $id, reason: "r"}) { item { id } } }"""
        answer = await door.ask(both, id=node["id"])
        assert answer["data"] == {"a": {"queued": 1}, "b": None}
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "INTERNAL" and PERSON not in str(answer)


async def test_one_job_is_put_in_line_however_often_it_is_asked_for(database: Database) -> None:
    async with spoilt(database, "q1", "q2") as door:
        first, second = await door.nodes()
        assert await door.retry(ids=[first["id"]]) == {"userErrors": [], "queued": 1, "instances": ["court"]}
        assert [node["retrying"] for node in await door.nodes()] == [True, False]
        assert (await door.retry(ids=[second["id"], second["id"]]))["queued"] == 1
        assert (await door.retry(instance="court"))["queued"] == 2
        assert await waiting_jobs(door.desk) == [("apply:court", "instance:court")]
        # set aside while it waits: the worker leaves it alone
        assert (await door.discard(id=first["id"], reason="r"))["userErrors"] == []
        assert [(n["state"], n["retrying"]) for n in await door.nodes()] == [("OPEN", True)]


async def test_a_job_after_one_of_the_same_instant_is_not_lost(database: Database) -> None:
    async with spoilt(database, "q1") as door:
        now = door.desk.clock()
        still = replace(door.desk, clock=lambda: now)
        for state in ("DONE", "CLAIMED", "DONE"):
            async with still.store.write() as tx:
                await put_in_line(tx, still, APPLY, "court")
            assert await waiting_jobs(still) == [("apply:court", "instance:court")]
            async with still.store.write() as tx:
                await tx.execute(tables.jobs.update().where(tables.jobs.c.state == "READY").values(state=state))


@asynccontextmanager
async def opened(database: Database, folder: Path) -> AsyncIterator[Hub]:
    """A whole hub whose court listens nowhere: what asks the partner fails."""
    instance = InstanceSettings(connector="court", base_url="http://127.0.0.1:9", app_id="a", secret="s")
    settings = Settings(data_dir=folder, database_url=database.url, instances={"court": instance})
    async with open_hub(settings) as hub:
        yield hub


async def test_a_worker_tries_again_without_asking_the_partner(database: Database, tmp_path: Path) -> None:
    async with opened(database, tmp_path) as hub:
        await hub.load_reference()
        await deliver(hub.desk, [row("q1", lxrq="soon"), row("q2")])
        door = DeskDoor(hub.desk)
        (node,) = await door.nodes()
        assert (await door.retry(ids=[node["id"]]))["queued"] == 1
        claim = await hub.queue.claim("w", hub.desk.clock(), 60)
        assert claim is not None and claim.job == "apply:court"
        await run_job(hub, claim)
        (tried,) = await door.nodes()
        assert (tried["state"], tried["version"], tried["retrying"]) == ("OPEN", 2, False)
        assert (await door.discard(id=node["id"], reason="r", expectedVersion=1))["userErrors"][0]["code"] == (
            "VERSION_CONFLICT"
        )


async def test_a_mutation_by_get_is_refused_and_by_post_is_done(database: Database) -> None:
    async with spoilt(database, "q1") as door:
        transport = httpx2.ASGITransport(create_app(door.desk, county_tables, authenticate=whoever_is_here))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            text = 'mutation { retryQuarantined(input: {instance: "court"}) { queued } }'
            by_get = await client.get("/graphql", params={"query": text}, headers={"X-Requested-With": "test"})
            assert (by_get.status_code, by_get.headers["allow"]) == (405, "POST")
            assert await waiting_jobs(door.desk) == []
            by_form = await client.post("/graphql", content=text, headers={"Content-Type": "text/plain"})
            assert by_form.status_code == 415
            by_post = await client.post("/graphql", json={"query": text})
            assert by_post.json()["data"] == {"retryQuarantined": {"queued": 1}}
