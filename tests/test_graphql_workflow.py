"""The workflow through the door: moves, what is possible, refusals by their codes, and the same act sent twice."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from hub.desk import Desk
from hub.principal import LOCAL
from hub.store.tables import disputes, handling_events, outbound_messages
from hub.vocabulary import county_tables
from schema.build import new_context
from schema.context import Context

from .databases import Database
from .graphql_rows import Door
from .hub_kit import PERSON, PHONE, deliver, open_desk
from .test_workflow import at_work, filed

DISPUTE = """{ clientMutationId userErrors { code field hint } dispute { id code state version channel
  assignee { name } availableActions { name missing } referrals { id direction state version
  availableActions { name missing } } parties { name idMask phoneMask } } }"""
REFERRAL = """{ clientMutationId userErrors { code field } referral { id state outcome version direction parent { id }
  record { nativeId } availableActions { name missing } } dispute { state } }"""


class DeskDoor(Door):
    """The door of a desk that a test already has."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.store)
        self.desk = desk

    def context(self) -> Context:
        return new_context(self.desk, county_tables(), LOCAL)

    async def act(self, name: str, of: str, shown: str, **input: Any) -> Any:
        query = f"mutation ($input: {of}!) {{ {name}(input: $input) {shown} }}"
        return (await self.data(query, input=input))[name]

    async def dispute(self, name: str, of: str = "MoveDisputeInput", **input: Any) -> Any:
        return await self.act(name, of, DISPUTE, **input)

    async def referral(self, name: str, of: str, **input: Any) -> Any:
        return await self.act(name, of, REFERRAL, **input)

    async def count(self, table: Any) -> int:
        async with self.desk.store.read() as connection:
            return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


def codes(done: Any) -> list[tuple[str, str | None]]:
    return [(error["code"], error["field"]) for error in done["userErrors"]]


def names(shown: Any) -> set[str]:
    return {action["name"] for action in shown["availableActions"]}


WALK_IN = {
    "title": "邻里通行纠纷", "content": f"来人电话 {PHONE}", "category": "0201", "regionCode": "620725101201",
    "parties": [
        {"role": "APPLICANT", "name": "王芳", "idType": "111", "idNo": PERSON, "phone": PHONE},
        {"role": "RESPONDENT", "name": "李强"},
    ],
}  # fmt: skip


async def test_a_walk_in_goes_its_whole_way(database: Database) -> None:
    async with open_desk(database.url) as opened:
        door = DeskDoor(at_work(opened))
        made = await door.dispute("registerDispute", "RegisterDisputeInput", clientMutationId="k1", **WALK_IN)
        one = made["dispute"]
        assert (one["state"], one["channel"], one["parties"][0]["idMask"]) == (
            "REGISTERED",
            "WALK_IN",
            "6207**********4518",
        )
        # sent again, it is the same dispute; another input under the same key is refused
        again = await door.dispute("registerDispute", "RegisterDisputeInput", clientMutationId="k1", **WALK_IN)
        assert again["dispute"]["id"] == one["id"] and await door.count(disputes) == 1
        other = await door.dispute(
            "registerDispute", "RegisterDisputeInput", clientMutationId="k1", **{**WALK_IN, "title": "另一件"}
        )
        assert codes(other) == [("IDEMPOTENCY_MISMATCH", "clientMutationId")] and other["dispute"] is None
        assert "closeDispute" not in names(one) and "acceptDispute" in names(one)
        refused = await door.dispute("closeDispute", id=one["id"])
        assert codes(refused) == [("NOT_ALLOWED_NOW", None)]
        stale = await door.dispute("acceptDispute", id=one["id"], expectedVersion=one["version"] + 5)
        assert codes(stale) == [("VERSION_CONFLICT", "expectedVersion")]
        for name, kind, given in (
            ("acceptDispute", "MoveDisputeInput", {}),
            ("assignDispute", "AssignDisputeInput", {"assignee": "某调解员", "isSuitable": True}),
            ("recordEvent", "RecordEventInput", {"kind": "SESSION_HELD"}),
            ("suspendDispute", "MoveDisputeInput", {"reason": "等待鉴定"}),
            ("resumeDispute", "MoveDisputeInput", {}),
            ("resolveDispute", "ResolveDisputeInput", {"outcome": "AGREED", "agreementNo": "X1"}),
            ("recordFollowUp", "RecordFollowUpInput", {"reached": True, "solved": "YES"}),
            ("closeDispute", "MoveDisputeInput", {}),
            ("reopenDispute", "MoveDisputeInput", {"reason": "再次发生"}),
            ("withdrawDispute", "MoveDisputeInput", {"reason": "申请人撤回"}),
        ):
            done = await door.dispute(name, kind, id=one["id"], clientMutationId=f"{name}-1", **given)
            assert done["userErrors"] == [], (name, done)
            assert name in ("recordEvent",) or done["dispute"]["state"] != one["state"] or name == "assignDispute"
        events = await door.count(handling_events)
        repeated = await door.dispute("closeDispute", id=one["id"], clientMutationId="closeDispute-1")
        assert repeated["userErrors"] == [] and await door.count(handling_events) == events
        for bad, field in (
            ({"parties": []}, "parties"),
            ({"title": " "}, "title"),
            ({"amountCny": "viel"}, "amountCny"),
        ):
            wrong = await door.dispute("registerDispute", "RegisterDisputeInput", **{**WALK_IN, **bad})
            assert [error["field"] for error in wrong["userErrors"]] == [field]


async def test_a_referral_is_worked_and_its_return_written_once(database: Database) -> None:
    async with open_desk(database.url) as opened:
        desk = at_work(opened)
        await deliver(desk, [filed()])
        door = DeskDoor(desk)
        found = await door.data(
            "{ disputes { edges { node { id referrals { id state version availableActions { name missing } } } } } }"
        )
        dispute = found["disputes"]["edges"][0]["node"]
        (one,) = dispute["referrals"]
        missing = {action["name"]: action["missing"] for action in one["availableActions"]}
        assert missing == {
            "acceptReferral": ["isSuitable", "hasConsent"], "declineReferral": ["declineReason", "words"]
        }  # fmt: skip
        lacks = await door.referral("acceptReferral", "AcceptReferralInput", id=one["id"], isSuitable=True)
        assert codes(lacks) == [("MISSING_FIELD", "hasConsent")]
        taken = await door.referral(
            "acceptReferral", "AcceptReferralInput", id=one["id"], isSuitable=True, hasConsent=True,
            expectedVersion=one["version"],
        )  # fmt: skip
        assert (taken["referral"]["state"], taken["dispute"]["state"]) == ("IN_PROGRESS", "IN_PROGRESS")
        for _ in range(2):
            ended = await door.referral(
                "concludeReferral", "ConcludeReferralInput", id=one["id"], outcome="AGREED", agreementNo="X1",
                clientMutationId="c1",
            )  # fmt: skip
            assert ended["userErrors"] == []
            assert (ended["referral"]["state"], ended["dispute"]["state"]) == ("RETURN_QUEUED", "RESOLVED")
        assert await door.count(outbound_messages) == 1
        closed = await door.dispute("closeDispute", id=dispute["id"])
        assert codes(closed) == [("NOT_ALLOWED_NOW", None)]
        assert {"correctReferral", "applyForConfirmation"} <= names(ended["referral"])


async def test_a_dispute_is_handed_out_and_worked_by_hand(database: Database) -> None:
    async with open_desk(database.url) as opened:
        door = DeskDoor(at_work(opened))
        one = (await door.dispute("registerDispute", "RegisterDisputeInput", **WALK_IN))["dispute"]
        refer = {"id": one["id"], "target": "ARBITRATION", "mode": "TRANSFER", "reason": "劳动争议"}
        out = await door.referral("referDispute", "ReferDisputeInput", **refer)
        assert (out["referral"]["direction"], out["referral"]["state"], out["referral"]["record"]) == (
            "OUT",
            "SENT",
            None,
        )
        referral = out["referral"]["id"]
        assert names(out["referral"]) == {"cancelReferral", "acceptReferral", "declineReferral"}
        taken = await door.referral("acceptReferral", "AcceptReferralInput", id=referral)
        assert taken["referral"]["state"] == "ACCEPTED"
        done = await door.referral("concludeReferral", "ConcludeReferralInput", id=referral, outcome="ANSWERED")
        assert (done["referral"]["state"], done["referral"]["outcome"]) == ("CONCLUDED", "ANSWERED")
        assist = await door.referral("referDispute", "ReferDisputeInput", **{**refer, "mode": "ASSIST"})
        assert codes(assist) == [("MISSING_FIELD", "reportInBy")]
        lacks = await door.referral(
            "referDispute", "ReferDisputeInput", **{**refer, "target": "COURT", "instance": "court"}
        )
        assert codes(lacks) == [("MISSING_FIELD", "claim")]
        wireless = await door.referral(
            "referDispute", "ReferDisputeInput", **{**refer, "target": "POLICE", "instance": "police"}
        )
        assert codes(wireless) == [("NOT_ALLOWED_NOW", None)]
        nobody = await door.referral("acceptReferral", "AcceptReferralInput", id="ref_620725_0")
        assert codes(nobody) == [("NOT_FOUND", "id")]
