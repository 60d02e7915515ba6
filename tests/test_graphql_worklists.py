"""The worklists as screens ask for them: unknown codes explained, comparisons with their differences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.jobs import run_job
from hub.desk import Desk
from hub.store.tables import connector_states

from .court_kit import court_hub
from .databases import Database
from .graphql_rows import Door
from .hub_kit import PHONE, deliver, row
from .test_graphql_mutations import DeskDoor, opened, waiting_jobs

WORKLIST = """{ mappingWorklist(instances: ["court"]) { totalCount edges { node {
  instance system table code label waiting explainable example { nativeId category { code } } } } } }"""
MAP = """mutation ($input: MapCodeInput!) { mapCode(input: $input) {
  userErrors { code field } nativeCode { code label classes { code } } queued instances } }"""
COMPARED = """query ($only: [DifferenceResolution!], $first: Int, $after: String) {
  reconciliations(instance: "court", first: 5) { totalCount edges { node { id instance expected held repaired removed
    differences(resolutions: $only, first: $first, after: $after) { totalCount pageInfo { hasNextPage endCursor }
      edges { node { nativeId nativeNo kind resolution } } } } } } }"""


async def worklist_of(door: Door) -> list[dict[str, Any]]:
    return [edge["node"] for edge in (await door.data(WORKLIST))["mappingWorklist"]["edges"]]


async def test_a_code_is_explained_and_what_waited_is_mapped_again(database: Database, tmp_path: Path) -> None:
    async with opened(database, tmp_path) as hub:
        await hub.load_reference()
        door = DeskDoor(hub.desk)
        await deliver(hub.desk, [row("w1", caseCause="9987"), row("w2", caseCause="9987"), row("w3", ajlb="77"),
                                 row("w4", caseCause=PHONE)])  # fmt: skip
        await state_of_court(hub.desk)
        lines = {line["code"]: line for line in await worklist_of(door)}
        assert set(lines) == {"9987", "77", "138****2345"}
        assert lines["9987"] == {
            "instance": "court", "system": "court", "table": "caseCause", "code": "9987", "label": None, "waiting": 2,
            "explainable": True, "example": {"nativeId": "w1", "category": {"code": "UNKNOWN"}},
        }  # fmt: skip
        assert lines["77"]["explainable"] is False
        input = {"system": "court", "table": "caseCause", "code": "9987", "classes": ["0601"], "label": "委托合同纠纷"}
        done = (await door.data(MAP, input=input))["mapCode"]
        assert done == {
            "userErrors": [], "queued": 2, "instances": ["court"],
            "nativeCode": {"code": "9987", "label": "委托合同纠纷", "classes": [{"code": "0601"}]},
        }  # fmt: skip
        # explained, and still here until the worker has mapped it again
        assert {line["code"]: line["label"] for line in await worklist_of(door)}["9987"] == "委托合同纠纷"
        assert await waiting_jobs(hub.desk) == [("apply:court", "instance:court")]
        claim = await hub.queue.claim("w", hub.desk.clock(), 60)
        assert claim is not None
        await run_job(hub, claim)
        assert {line["code"] for line in await worklist_of(door)} == {"77", "138****2345"}
        found = await door.data('{ caseRecord(instance: "court", nativeId: "w2") { category { code } } }')
        assert found["caseRecord"]["category"]["code"] == "0601"


async def state_of_court(desk: Desk) -> None:
    async with desk.store.write() as tx:
        values = {"instance": "court", "county": desk.county, "product": "court", "consecutive_failures": 0}
        await tx.execute(connector_states.insert().values(values))


async def test_a_code_that_cannot_be_explained_is_refused(database: Database, tmp_path: Path) -> None:
    async with opened(database, tmp_path) as hub:
        await hub.load_reference()
        door = DeskDoor(hub.desk)
        right = {"system": "court", "table": "caseCause", "code": "9987", "classes": ["0601"]}
        for code, field, change in (
            ("INVALID_VALUE", "table", {"table": "acceptType"}),
            ("INVALID_VALUE", "classes", {"classes": ["0601", "9999"]}),
            ("INVALID_VALUE", "code", {"code": "9" * 65}),
            ("INVALID_VALUE", "label", {"label": "名" * 201}),
            ("MISSING_FIELD", "code", {"code": " "}),
        ):
            done = (await door.data(MAP, input={**right, **change}))["mapCode"]
            assert (done["userErrors"], done["nativeCode"]) == ([{"code": code, "field": field}], None)
        # nobody waited: nothing is put in line
        done = (await door.data(MAP, input={**right, "classes": []}))["mapCode"]
        assert (done["userErrors"], done["queued"], await waiting_jobs(hub.desk)) == ([], 0, [])


async def test_comparisons_tell_their_differences_key_by_key(database: Database) -> None:
    async with court_hub(database.url, scale=0.02) as hub:
        assert (await hub.pull()).error is None
        await hub.reconcile()
        deleted = await hub.control("delete", count=3, seed="1")
        assert (await hub.reconcile()).removed == 3
        door = Door(hub.desk.store)
        found = (await door.data(COMPARED, first=2))["reconciliations"]
        latest, first = [edge["node"] for edge in found["edges"]]
        assert (found["totalCount"], latest["instance"], latest["removed"]) == (2, "court", 3)
        assert first["differences"]["totalCount"] == 0 and first["expected"] == first["held"]
        page = latest["differences"]
        assert (page["totalCount"], page["pageInfo"]["hasNextPage"], len(page["edges"])) == (3, True, 2)
        (rest,) = (await door.data(COMPARED, first=2, after=page["pageInfo"]["endCursor"]))["reconciliations"][
            "edges"][0]["node"]["differences"]["edges"]  # fmt: skip
        told = [edge["node"] for edge in (*page["edges"], rest)]
        assert {(one["kind"], one["resolution"]) for one in told} == {("GONE", "REMOVED")}
        assert {one["nativeId"] for one in told} == {key["native_id"] for key in deleted["deleted"]}
        open_ones = (await door.data(COMPARED, only=["OPEN"]))["reconciliations"]["edges"][0]["node"]["differences"]
        assert (open_ones["totalCount"], open_ones["edges"]) == (0, [])
