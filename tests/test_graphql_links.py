"""Links through the door: what is suggested and why, a person's decisions, and refusals that name their reason."""

from __future__ import annotations

from typing import Any

from hub.desk import Desk

from .databases import Database
from .graphql_rows import Door
from .hub_kit import deliver, open_desk
from .test_link_acts import continuing, row
from .test_matching import ONE, TWO

LIST = """query ($filter: LinkSuggestionFilter) { linkSuggestions(filter: $filter) { totalCount edges { node {
  id kind state method confidence heldBecause evidence decidedBy version
  fromRecord { id nativeId dispute { id code version } } toRecord { id nativeId dispute { id code version } } } } } }"""
PAYLOAD = """{ clientMutationId userErrors { code field } suggestion { state decidedBy version }
  records { nativeId dispute { code } } disputes { id code version mergedInto { code } records { nativeId } } }"""


class DeskDoor(Door):
    """The door of a desk that a test already has."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.store)
        self.desk = desk

    async def suggestions(self, **filter: Any) -> list[Any]:
        found = await self.data(LIST, filter=filter or None)
        return [edge["node"] for edge in found["linkSuggestions"]["edges"]]

    async def act(self, name: str, **input: Any) -> Any:
        kind = f"{name[0].upper()}{name[1:]}Input"
        query = f"mutation ($input: {kind}!) {{ {name}(input: $input) {PAYLOAD} }}"
        return (await self.data(query, input=input))[name]


def code_of(refused: Any) -> list[tuple[str, str | None]]:
    assert refused["disputes"] == [] and refused["records"] == []
    return [(error["code"], error["field"]) for error in refused["userErrors"]]


async def test_a_suggestion_is_shown_and_decided_once(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, [ONE, TWO])
        door = DeskDoor(desk)
        (one,) = await door.suggestions()
        assert (one["kind"], one["state"], one["method"], one["heldBecause"]) == (
            "RELATED",
            "SUGGESTED",
            "IDENTIFIER",
            None,
        )
        assert one["evidence"] == {"scheme": "people"} and one["decidedBy"] == "rule:2"
        assert {one["fromRecord"]["nativeId"], one["toRecord"]["nativeId"]} == {"p1", "p2"}
        late = await door.act("decideLinkSuggestion", id=one["id"], decision="ACCEPT", expectedVersion=7)
        assert code_of(late) == [("VERSION_CONFLICT", "expectedVersion")]
        done = await door.act(
            "decideLinkSuggestion", id=one["id"], decision="ACCEPT", expectedVersion=1, clientMutationId="m1"
        )
        assert (done["clientMutationId"], done["userErrors"]) == ("m1", [])
        assert (done["suggestion"]["state"], done["suggestion"]["decidedBy"]) == ("ACCEPTED", "operator")
        (joined,) = done["disputes"]
        assert sorted(record["nativeId"] for record in joined["records"]) == ["p1", "p2"]
        assert await door.suggestions() == []
        again = await door.act("decideLinkSuggestion", id=one["id"], decision="REFUSE")
        assert code_of(again) == [("NOT_ALLOWED_NOW", None)]
        nobody = await door.act("decideLinkSuggestion", id="lnk_620725_0", decision="REFUSE")
        assert code_of(nobody) == [("NOT_FOUND", "id")]
        assert [one["state"] for one in await door.suggestions(states=["ACCEPTED"])] == ["ACCEPTED"]
        assert len(await door.suggestions(states=None)) == 1


async def test_disputes_are_joined_and_parted_by_hand(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, [row("a"), continuing("b", "a", lxrq="2024-04-01"), row("x", lxrq="2024-03-20")])
        door = DeskDoor(desk)
        found = await door.data(
            '{ a: caseRecord(instance: "court", nativeId: "a") { id dispute { id code version } } '
            'b: caseRecord(instance: "court", nativeId: "b") { id dispute { id version } } '
            'x: caseRecord(instance: "court", nativeId: "x") { id dispute { id code version } } }'
        )
        first, second = found["a"]["dispute"], found["x"]["dispute"]
        merged = await door.act(
            "mergeDisputes", id=first["id"], otherId=second["id"], expectedVersion=first["version"],
            otherExpectedVersion=second["version"],
        )  # fmt: skip
        assert merged["userErrors"] == [] and [one["code"] for one in merged["disputes"]] == [first["code"]]
        shell = await door.data(f'{{ dispute(code: "{second["code"]}") {{ mergedInto {{ code }} }} }}')
        assert shell["dispute"]["mergedInto"]["code"] == first["code"]
        assert code_of(await door.act("unmergeDisputes", id=second["id"], reason=" ")) == [("MISSING_FIELD", "reason")]
        parted = await door.act("unmergeDisputes", id=second["id"], reason="两件事")
        assert sorted(one["code"] for one in parted["disputes"]) == sorted([first["code"], second["code"]])
        out = await door.act("unlinkRecord", recordId=found["b"]["id"], reason="另一件事")
        assert len(out["disputes"]) == 2
        stale = await door.act(
            "linkRecord", recordId=found["b"]["id"], disputeId=first["id"], expectedVersion=first["version"]
        )
        assert code_of(stale) == [("VERSION_CONFLICT", "expectedVersion")]
        back = await door.act("linkRecord", recordId=found["b"]["id"], disputeId=first["id"])
        (home,) = back["disputes"]
        assert sorted(record["nativeId"] for record in home["records"]) == ["a", "b"]
        assert code_of(await door.act("mergeDisputes", id=first["id"], otherId=first["id"])) == [
            ("INVALID_VALUE", "otherId")
        ]


async def test_two_acts_in_one_request_each_tell_how_things_stand_after_them(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, [row("a"), row("x", lxrq="2024-03-20")])
        door = DeskDoor(desk)
        ids = await door.data(
            '{ a: caseRecord(instance: "court", nativeId: "a") { dispute { id } } '
            'x: caseRecord(instance: "court", nativeId: "x") { dispute { id } } }'
        )
        one, other = ids["a"]["dispute"]["id"], ids["x"]["dispute"]["id"]
        answer = await door.data(
            f'mutation {{ m: mergeDisputes(input: {{ id: "{one}", otherId: "{other}" }}) {PAYLOAD} '
            f'u: unmergeDisputes(input: {{ id: "{other}", reason: "两件事" }}) {PAYLOAD} }}'
        )
        assert (len(answer["m"]["disputes"]), len(answer["u"]["disputes"])) == (1, 2)
