"""What a person does about messages: tried again at a rate, set aside, decided, pushed again; by door and shell too."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from app.cli.options import read_settings
from app.wiring import open_hub
from hub import outbox_acts
from hub.command_outline import outline
from hub.commands import Return
from hub.errors import ConflictError, MissingFieldError, NotFoundError, UserInputError, VersionConflictError
from hub.model import Answer
from hub.outbox_standing import answered
from hub.reading.outbox import Backlog, backlogs
from hub.store.tables import data_keys, outbound_messages
from hub.store.turn import take_turn
from hub.vocabulary import Outcome

from .cli_kit import Run, run  # noqa: F401
from .databases import Database
from .graphql_rows import Door
from .hub_kit import PHONE, Clock
from .outbox_kit import DoubledPartner, Outbox, concluded_in, outbox

LIST = """query ($filter: OutboundMessageFilter) { outboundMessages(filter: $filter, first: 20) {
  totalCount edges { node { id instance command state attempts version lastErrorKind decidedBy decidedReason
  outline { name value }
  dispute { code } referral { id state } history { act outcome by reason } } } } }"""
DEAD = "{ deadLetters(first: 20) { totalCount edges { node { id state } } } }"
DECIDE = """mutation ($input: DecideUncertainInput!) { decideUncertain(input: $input) {
  clientMutationId userErrors { code field } message { state version partnerRef } } }"""
DISCARD = """mutation ($input: DiscardDeadLetterInput!) { discardDeadLetter(input: $input) {
  userErrors { code field } message { state decidedBy decidedReason } } }"""
RETRY = """mutation ($input: RetryDeadLettersInput!) { retryDeadLetters(input: $input) {
  userErrors { code field } queued instances } }"""


class OutboxDoor(Door):
    def __init__(self, hub: Outbox) -> None:
        super().__init__(hub.desk.store)
        self.desk = hub.desk

    async def messages(self, **filter: Any) -> list[dict[str, Any]]:
        found = (await self.data(LIST, filter=filter))["outboundMessages"]
        assert found["totalCount"] == len(found["edges"])
        return [edge["node"] for edge in found["edges"]]


async def put(hub: Outbox, state: str, *, heads_only: bool = True, **values: Any) -> list[str]:
    """Make messages stand so; returns their ids."""
    chosen = [one.id for one in await hub.messages() if one.command == "SIGN" or not heads_only]
    async with hub.desk.store.write() as tx:
        change = update(outbound_messages).where(outbound_messages.c.id.in_(chosen))
        await tx.execute(change.values(state=state, next_try_at=None, attempts=40, **values))
    return chosen


async def test_dead_letters_of_an_instance_leave_spread_over_time_under_their_own_keys(database: Database) -> None:
    async with outbox(database.url, matters=6) as hub:
        ids = await put(hub, "DEAD", last_error_kind="TIMEOUT")
        keys = {one.key for one in await hub.messages()}
        queued = await outbox_acts.retry(hub.desk, None, instance="court", by="张三", reason="线路已修", per_minute=30)
        assert queued == {"court": 6}
        times = [one.next_try_at for one in await hub.messages() if one.id in ids]
        assert all(later - sooner >= timedelta(seconds=2) for sooner, later in pairwise(times))
        assert await hub.history(ids[0]) == [("RETRY", "QUEUED")]
        first = await hub.push()
        assert first.delivered < 12
        await hub.push_for(1)
        assert set(await hub.states()) == {"DELIVERED"} and {key for key, _ in hub.partner.sent} == keys
        # none is left
        assert await outbox_acts.retry(hub.desk, None, instance="court", by="张三") == {}


async def test_retry_takes_all_or_none(database: Database) -> None:
    async with outbox(database.url, matters=2) as hub:
        one, other = await put(hub, "DEAD")
        await put(hub, "UNCERTAIN")
        with pytest.raises(ConflictError) as refused:
            await outbox_acts.retry(hub.desk, [one, other], by="张三")
        assert "decide" in refused.value.hint
        with pytest.raises(NotFoundError):
            await outbox_acts.retry(hub.desk, [one, "out_620725_x"], by="张三")
        with pytest.raises(NotFoundError):
            await outbox_acts.retry(hub.desk, None, instance="nobody", by="张三")
        with pytest.raises(UserInputError):
            await outbox_acts.retry(hub.desk, [one], instance="court", by="张三")
        with pytest.raises(MissingFieldError):
            await outbox_acts.retry(hub.desk, None, by="张三")
        assert set(await hub.history()) == set()


async def test_what_was_erased_is_not_tried_again(database: Database) -> None:
    async with outbox(database.url) as hub:
        (one,) = await put(hub, "DEAD")
        async with hub.desk.store.write() as tx:
            await tx.execute(update(data_keys).values(wrapped=None))
        with pytest.raises(ConflictError):
            await outbox_acts.retry(hub.desk, [one], by="张三")
        await outbox_acts.discard(hub.desk, one, by="张三", reason="已抹除")
        assert (await hub.states())[0] == "DISCARDED"


async def test_a_discarded_head_lets_its_lane_go_on(database: Database) -> None:
    async with outbox(database.url) as hub:
        (one,) = await put(hub, "DEAD")
        with pytest.raises(MissingFieldError):
            await outbox_acts.discard(hub.desk, one, by="张三", reason=" ")
        with pytest.raises(VersionConflictError):
            await outbox_acts.discard(hub.desk, one, by="张三", reason="已电话告知", expected_version=9)
        await outbox_acts.discard(hub.desk, one, by="张三", reason=f"已电话告知 {PHONE}", expected_version=1)
        await hub.push_for(1)
        assert await hub.states() == ["DISCARDED", "DELIVERED"]
        head = (await hub.messages())[0]
        assert head.decided_by == "张三" and PHONE not in head.decided_reason
        with pytest.raises(ConflictError):
            await outbox_acts.discard(hub.desk, one, by="张三", reason="再次")


async def test_the_partner_has_it(database: Database) -> None:
    partner = DoubledPartner(has_keys=False, faults=deque(["", "lost"]))
    async with outbox(database.url, partner) as hub:
        await hub.push_for(1)
        assert await hub.states() == ["DELIVERED", "UNCERTAIN"]
        unsure = (await hub.messages())[1]
        with pytest.raises(MissingFieldError):
            await outbox_acts.decide(hub.desk, unsure.id, is_delivered=True, by="张三", reason="电话确认")
        await outbox_acts.decide(
            hub.desk, unsure.id, is_delivered=True, partner_ref="SL2", by="张三", reason="电话确认"
        )
        (referral,) = await hub.referrals()
        assert referral.state == "RETURNED"
        # its answer still finds it
        async with hub.desk.store.write() as tx:
            await take_turn(tx, hub.desk.county)
            await answered(tx, hub.desk, "court", [Answer("SL2", True, "981", "", "")])
        (referral,) = await hub.referrals()
        assert referral.state == "RETURN_ACKED"
        assert await hub.history(unsure.id) == [("PUSH", "IN_DOUBT"), ("DECIDE", "DELIVERED"), ("ANSWER", "ACKED")]


async def test_the_partner_has_it_not(database: Database) -> None:
    partner = DoubledPartner(has_keys=False, is_final=True, faults=deque(["lost"]))
    async with outbox(database.url, partner) as hub:
        await hub.push_for(1)
        unsure = (await hub.messages())[0]
        with pytest.raises(UserInputError):
            await outbox_acts.decide(hub.desk, unsure.id, is_delivered=False, partner_ref="1", by="x", reason="y")
        await outbox_acts.decide(hub.desk, unsure.id, is_delivered=False, by="张三", reason="对方查无")
        await hub.push_for(1)
        assert await hub.states() == ["ACKED", "ACKED"]
        with pytest.raises(ConflictError):
            await outbox_acts.decide(hub.desk, unsure.id, is_delivered=False, by="张三", reason="再次")


async def test_pushed_again_under_the_same_key_it_stands_as_before(database: Database) -> None:
    async with outbox(database.url) as hub:
        await hub.push_for(1)
        (_, second) = await hub.messages()
        async with hub.desk.store.write() as tx:
            await take_turn(tx, hub.desk.county)
            await answered(tx, hub.desk, "court", [Answer(second.our_key, True, "981", "", "")])
        await outbox_acts.push_again(hub.desk, second.id, by="张三", reason="对方恢复了备份")
        (referral,) = await hub.referrals()
        assert referral.state == "RETURN_QUEUED"
        await hub.push_for(1)
        (referral,) = await hub.referrals()
        assert referral.state == "RETURN_ACKED" and set(hub.partner.effects.values()) == {1}
        # a partner that lost it gives a new receipt, and owes its answer again
        hub.partner.numbers.clear()
        hub.partner.numbers["other"] = "SL0"
        await outbox_acts.push_again(hub.desk, second.id, by="张三", reason="对方恢复了备份")
        hub.partner.numbers["another"] = "SL00"
        await hub.push_for(1)
        assert (await hub.messages())[1].state == "DELIVERED"


async def test_a_discarded_message_that_arrived_all_the_same_is_told_as_it_is(database: Database) -> None:
    async with outbox(database.url, DoubledPartner(faults=deque(["hang"]))) as hub:
        pushing = asyncio.create_task(hub.push())
        await hub.partner.hangs.wait()
        head = (await hub.messages())[0]
        await outbox_acts.discard(hub.desk, head.id, by="张三", reason="不发了")
        hub.partner.goes_on.set()
        await pushing
        assert (await hub.messages())[0].state == "DELIVERED"
        assert await hub.history(head.id) == [("DISCARD", "DISCARDED"), ("PUSH", "DELIVERED")]


async def test_an_outline_has_no_words_names_or_numbers() -> None:
    told = Return(
        native_id="a1", at=Clock()(), by="马主任", outcome=Outcome.AGREED, agreement_no="X1", undisputed_facts="借款",
        words="王芳", has_written_application=True,
    )  # fmt: skip
    assert outline(told) == {
        "kind": "RETURN", "outcome": "AGREED", "is_correction": "no", "has_written_application": "yes",
    }  # fmt: skip


async def test_the_door_lists_and_decides(database: Database) -> None:
    partner = DoubledPartner(has_keys=False, faults=deque(["lost", "refuse"]))
    async with outbox(database.url, partner, matters=2) as hub:
        await hub.push_for(1)
        door = OutboxDoor(hub)
        assert len(await door.messages()) == 4
        (unsure,) = await door.messages(states=["UNCERTAIN"])
        assert unsure["history"] == [{"act": "PUSH", "outcome": "IN_DOUBT", "by": None, "reason": None}]
        assert unsure["dispute"]["code"] and unsure["referral"]["id"]
        assert {"name": "kind", "value": "SIGN"} in unsure["outline"]
        assert (await door.data(DEAD))["deadLetters"]["totalCount"] == 1
        (refused,) = await door.messages(states=["REFUSED"], instances=["court"], commands=["SIGN"])
        assert await door.messages(dispute=refused["dispute"]["code"], states=["REFUSED"]) == [refused]
        async with hub.desk.store.read() as connection:
            assert (await backlogs(connection, ["court"]))["court"] == Backlog(1, 1, 0, 1)

        done = await door.data(
            DECIDE, input={"id": unsure["id"], "delivered": True, "reason": "问过", "clientMutationId": "c1"}
        )
        assert done["decideUncertain"]["userErrors"] == [{"code": "MISSING_FIELD", "field": "partnerRef"}]
        done = await door.data(
            DECIDE, input={"id": unsure["id"], "delivered": True, "partnerRef": "SL1", "reason": "问过",
                           "expectedVersion": unsure["version"], "clientMutationId": "c1"},
        )  # fmt: skip
        assert done["decideUncertain"]["message"] == {
            "state": "DELIVERED", "version": unsure["version"] + 1, "partnerRef": "SL1",
        }  # fmt: skip
        for _ in range(2):
            # a client that heard nothing asks again
            done = await door.data(
                DISCARD, input={"id": refused["id"], "reason": "已电话告知", "clientMutationId": "c2"}
            )
            assert done["discardDeadLetter"]["userErrors"] == []
        other = await door.data(DISCARD, input={"id": refused["id"], "reason": "别的", "clientMutationId": "c2"})
        assert other["discardDeadLetter"]["userErrors"][0]["code"] == "IDEMPOTENCY_MISMATCH"
        assert done["discardDeadLetter"]["message"] == {
            "state": "DISCARDED", "decidedBy": "operator", "decidedReason": "已电话告知",
        }  # fmt: skip
        done = await door.data(RETRY, input={"ids": [refused["id"]]})
        assert done["retryDeadLetters"]["userErrors"] == [{"code": "NOT_ALLOWED_NOW", "field": None}]
        await put(hub, "DEAD")
        for _ in range(2):
            done = await door.data(RETRY, input={"instance": "court", "perMinute": 600, "clientMutationId": "c3"})
        assert done["retryDeadLetters"] == {"userErrors": [], "queued": 2, "instances": ["court"]}


SETTINGS = """[hub]
data_dir = "data"
[instances.court]
connector = "court"
base_url = "http://127.0.0.1:9"
secret = "s"
"""


async def two_dead_letters() -> None:
    async with open_hub(read_settings(None)) as opened:
        hub = await concluded_in(opened.desk, matters=2)
        await put(hub, "DEAD", heads_only=False, last_error_kind="TIMEOUT", last_error_hint="60 s")


def test_the_shell_lists_shows_and_decides(run: Run, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "dispute-hub.toml").write_text(SETTINGS)
    assert run("migrate").code == 0
    asyncio.run(two_dead_letters())
    listed = run("deadletters", "list", "--json").json
    told = [(one["state"], one["lastErrorKind"], one["command"]) for one in listed]
    assert told == [("DEAD", "TIMEOUT", "RETURN")] * 2
    first, second = (one["id"] for one in listed)
    shown = run("outbox", "show", first)
    assert "outbox retry" in shown.out and "outline: kind RETURN; outcome AGREED" in shown.out
    assert run("outbox", "retry", first, "--reason", "修好了").out == "court: 1 queued\n"
    assert run("deadletters", "discard", second, "--reason", "已告知", "--by", "张三").code == 0
    history = run("outbox", "show", second, "--json").json["history"]
    assert [(one["act"], one["by"], one["reason"]) for one in history] == [("DISCARD", "张三", "已告知")]
    # nobody answers there: the run ends early, the message waits
    pushed = run("push", "court", "--json")
    assert pushed.code == 1 and pushed.json["court"]["error"]["kind"] == "CONNECTION_REFUSED"
    backlog = run("connectors", "list", "--json").json["instances"]["court"]["outbox"]
    assert backlog == {"waiting": 1, "unanswered": 0, "dead": 0, "uncertain": 0, "refused": 0}
    assert run("outbox", "list", "--state", "NONE").code == 2
