"""Whatever becomes of a push, it ends where everybody can see it, has one effect, and holds up its own lane only."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from hub import referral_acts
from hub.acts import Act
from hub.errors import LeaseLostError
from hub.model import Answer
from hub.outbox_standing import answered
from hub.reading.outbox import Backlog, backlogs
from hub.store.tables import breakers, data_keys, jobs, outbound_messages
from hub.store.turn import take_turn
from hub.vocabulary import Outcome
from sync_jobs.lease import FencedStore
from sync_jobs.queue import Queue

from .databases import Database
from .outbox_kit import DoubledPartner, Outbox, conclude, outbox

BLIND = {"has_keys": False, "can_find": False}
SEARCHED = {"has_keys": False, "can_find": True}


def faulty(*faults: str, **manner: Any) -> DoubledPartner:
    return DoubledPartner(faults=deque(faults), **manner)


async def push_jobs(hub: Outbox) -> list[Any]:
    query = select(jobs).where(jobs.c.job == "push:court", jobs.c.state == "READY")
    return list(await hub.all(query))


@pytest.mark.parametrize("fault", ["lost", "garbage", "bug", "away", "busy", "auth", "killed"])
@pytest.mark.parametrize("manner", [{}, SEARCHED], ids=["keys", "search"])
async def test_one_effect_and_delivered_without_a_person(database: Database, fault: str, manner: Any) -> None:
    async with outbox(database.url, faulty(fault, is_final=True, **manner)) as hub:
        if fault == "killed":
            with pytest.raises(asyncio.CancelledError):
                await hub.push()
        await hub.push_for(2)
        assert await hub.states() == ["ACKED", "ACKED"]
        assert set(hub.partner.effects.values()) == {1} and len(hub.partner.effects) == 2
        # in the lane's order
        assert [command.kind.value for _, command in hub.partner.sent][-1] == "RETURN"


@pytest.mark.parametrize("fault", ["lost", "garbage", "killed", "hang"])
async def test_real_doubt_stays_doubt(database: Database, fault: str) -> None:
    async with outbox(database.url, faulty(fault, **BLIND)) as hub:
        if fault == "killed":
            with pytest.raises(asyncio.CancelledError):
                await hub.push()
        await hub.push(request_s=0.2)
        await hub.push_for(2)
        # the head is never sent again, and holds what stands behind it
        assert await hub.states() == ["UNCERTAIN", "QUEUED"]
        assert len(hub.partner.sent) == 1
        (one, _) = await hub.messages()
        assert "decide" in one.last_error_hint


@pytest.mark.parametrize("fault", ["away", "busy", "auth"])
async def test_where_nothing_was_sent_nothing_is_in_doubt(database: Database, fault: str) -> None:
    async with outbox(database.url, faulty(fault, fault, **BLIND)) as hub:
        await hub.push_for(2)
        assert await hub.states() == ["DELIVERED", "DELIVERED"]


async def test_a_refusal_is_an_end_and_the_lane_goes_on(database: Database) -> None:
    async with outbox(database.url, faulty("refuse")) as hub:
        await hub.push_for(1)
        assert await hub.states() == ["REFUSED", "DELIVERED"]
        (one, _) = await hub.messages()
        assert (one.answer_code, one.answer_words) == ("20002", "不允许")


async def test_a_refusal_that_nothing_has_replaced_is_counted(database: Database) -> None:
    async with outbox(database.url, faulty("refuse", "refuse")) as hub:
        await hub.push_for(1)
        assert await hub.states() == ["REFUSED", "REFUSED"]
        async with hub.desk.store.read() as connection:
            # the first was followed by the second
            assert await backlogs(connection, ["court"]) == {"court": Backlog(refused=1)}


async def test_a_dead_head_holds_its_own_lane_and_wakes_nobody(database: Database) -> None:
    async with outbox(database.url, matters=2) as hub:
        head = (await hub.messages())[0]
        async with hub.desk.store.write() as tx:
            change = update(outbound_messages).where(outbound_messages.c.id == head.id)
            await tx.execute(change.values(state="DEAD", next_try_at=None))
            await tx.execute(jobs.delete())
        await hub.push()
        others = [one.state for one in await hub.messages() if one.lane != head.lane]
        assert others == ["DELIVERED", "DELIVERED"]
        assert [one.state for one in await hub.messages() if one.lane == head.lane] == ["DEAD", "QUEUED"]
        # nothing can be done before a person acts: no run follows on another for ever
        assert not await push_jobs(hub)


async def test_a_message_that_cannot_be_read_holds_its_own_lane(database: Database) -> None:
    async with outbox(database.url, matters=2) as hub:
        head = (await hub.messages())[0]
        async with hub.desk.store.write() as tx:
            change = update(outbound_messages).where(outbound_messages.c.id == head.id)
            await tx.execute(change.values(command_sealed=b"x" * 40))
        report = await hub.push()
        assert (report.dead, report.delivered) == (1, 2)
        assert (await hub.messages())[0].last_error_kind == "UNREADABLE"


async def test_what_was_erased_is_not_sent(database: Database) -> None:
    async with outbox(database.url) as hub:
        async with hub.desk.store.write() as tx:
            await tx.execute(update(data_keys).values(wrapped=None))
        await hub.push()
        assert await hub.states() == ["DEAD", "QUEUED"] and not hub.partner.sent
        assert (await hub.messages())[0].last_error_kind == "ERASED"


async def test_a_partner_that_is_away_is_not_asked_for_each_message(database: Database) -> None:
    async with outbox(database.url, faulty(*["away"] * 100), matters=8) as hub:
        report = await hub.push()
        assert report.tried <= 4 and report.error_kind == "CONNECTION_REFUSED"
        (job,) = await push_jobs(hub)
        assert job.due_at > hub.clock.now + timedelta(seconds=5)
        for _ in range(2):
            hub.clock.advance(seconds=30)
            await hub.push()
        (shared,) = await hub.all(select(breakers))
        assert shared.state == "OPEN"
        # being away is no try: after weeks of it the message is a dead letter, not after forty
        assert {one.attempts for one in await hub.messages()} == {0}
        hub.partner.faults.clear()
        hub.clock.advance(hours=1)
        await hub.push()
        await hub.push()
        assert set(await hub.states()) == {"DELIVERED"}
        (shared,) = await hub.all(select(breakers))
        assert shared.state == "CLOSED"


async def test_away_for_weeks_is_a_dead_letter(database: Database) -> None:
    async with outbox(database.url, faulty(*["away"] * 100)) as hub:
        await hub.push()
        hub.clock.advance(days=15)
        await hub.push()
        assert await hub.states() == ["DEAD", "QUEUED"]


async def test_a_wish_for_a_pause_is_meant_for_all(database: Database) -> None:
    async with outbox(database.url, faulty("busy"), matters=8) as hub:
        report = await hub.push()
        assert report.tried <= 4
        (job,) = await push_jobs(hub)
        assert job.due_at >= hub.clock.now + timedelta(seconds=89)


async def test_refused_credentials_end_the_run_and_open_the_breaker(database: Database) -> None:
    async with outbox(database.url, faulty(*["auth"] * 9), matters=8) as hub:
        report = await hub.push()
        assert report.error_kind == "AUTH" and report.tried <= 4
        (shared,) = await hub.all(select(breakers))
        assert (shared.state, shared.reason_kind) == ("OPEN", "AUTH")
        assert set(await hub.states()) == {"QUEUED"}


async def test_repeats_never_crowd_out_what_is_new(database: Database) -> None:
    async with outbox(database.url, matters=20) as hub:
        async with hub.desk.store.write() as tx:
            await tx.execute(update(outbound_messages).values(attempts=3))
            late = [one.id for one in await hub.messages()][-4:]
            fresh = update(outbound_messages).where(outbound_messages.c.id.in_(late))
            await tx.execute(fresh.values(attempts=0, next_try_at=hub.clock.now + timedelta(seconds=1)))
        hub.clock.advance(seconds=5)
        report = await hub.push()
        assert report.is_spent
        assert (await hub.messages())[-1].state == "DELIVERED"
        (job,) = await push_jobs(hub)
        assert job.due_at > hub.clock.now + timedelta(seconds=5)


async def test_a_hanging_partner_is_given_up_and_one_lane_waits(database: Database) -> None:
    async with outbox(database.url, faulty("hang"), matters=2) as hub:
        report = await hub.push(request_s=0.3)
        assert (report.tried, report.delivered) == (3, 2)
        hub.partner.goes_on.set()
        await hub.push_for(1)
        assert set(await hub.states()) == {"DELIVERED"} and set(hub.partner.effects.values()) == {1}


# --- answers ----------------------------------------------------------------------------------------------------


async def tell(hub: Outbox, *answers: Answer) -> None:
    async with hub.desk.store.write() as tx:
        await take_turn(tx, hub.desk.county)
        await answered(tx, hub.desk, "court", answers)


async def test_an_answer_that_comes_before_the_receipt_counts(database: Database) -> None:
    async with outbox(database.url, faulty("lost")) as hub:
        await hub.push()
        await tell(hub, Answer("SL1", True, "981", "", ""))
        await hub.push_for(1)
        assert await hub.states() == ["ACKED", "DELIVERED"]


@pytest.mark.parametrize("state", ["DEAD", "UNCERTAIN", "DISCARDED", "QUEUED", "DELIVERED"])
async def test_an_answer_counts_whatever_we_thought(database: Database, state: str) -> None:
    async with outbox(database.url) as hub:
        head = (await hub.messages())[0]
        async with hub.desk.store.write() as tx:
            change = update(outbound_messages).where(outbound_messages.c.id == head.id)
            await tx.execute(change.values(state=state, our_key="SL9", partner_ref="SL9"))
        await tell(hub, Answer("SL9", True, "981", "", ""))
        assert (await hub.messages())[0].state == "ACKED"
        # said again, and the other way round by an older version: it stays
        await tell(hub, Answer("SL9", False, "980", "", ""))
        assert (await hub.messages())[0].state == "ACKED"


async def test_a_refused_result_is_corrected_and_accepted(database: Database) -> None:
    async with outbox(database.url) as hub:
        await hub.push_for(1)
        (_, first) = await hub.messages()
        await tell(hub, Answer(first.our_key, False, "982", "文书不全", ""))
        (one,) = await hub.referrals()
        assert one.state == "CONCLUDED"
        await referral_acts.correct_referral(
            hub.desk, one.id, Act("马主任", "补正"), outcome=Outcome.AGREED, agreement_no="X2"
        )
        await hub.push_for(1)
        second = (await hub.messages())[-1]
        assert second.key != first.key
        await tell(hub, Answer(second.our_key, True, "981", "", ""))
        (one,) = await hub.referrals()
        assert (one.state, one.agreement_no) == ("RETURN_ACKED", "X2")


async def test_what_is_laid_down_waits_for_its_receipt_quietly(database: Database) -> None:
    async with outbox(database.url, faulty(lays_down=True, takes_up=False, can_find=True)) as hub:
        await hub.push_for(48, step_s=1800)
        assert await hub.states() == ["QUEUED", "QUEUED"] and len(hub.partner.sent) == 1
        assert await hub.history() == [("PUSH", "LAID")]
        hub.partner.takes_up = True
        await hub.push_for(1)
        assert await hub.states() == ["DELIVERED", "DELIVERED"]


async def test_no_receipt_in_days_is_a_dead_letter_and_the_patience_begins_when_it_was_laid(database: Database) -> None:
    async with outbox(database.url, faulty("away", lays_down=True, takes_up=False, can_find=True)) as hub:
        await hub.push()
        hub.clock.advance(days=5)
        await hub.push()
        assert (await hub.states())[0] == "QUEUED" and len(hub.partner.sent) == 1
        hub.clock.advance(days=4)
        await hub.push()
        assert (await hub.states())[0] == "DEAD"
        assert (await hub.messages())[0].last_error_kind == "NO_RECEIPT"


# --- workers ----------------------------------------------------------------------------------------------------


async def test_a_worker_that_slept_past_its_lease_notes_nothing(database: Database) -> None:
    async with outbox(database.url, faulty("hang", is_final=True)) as hub:
        queue = Queue(hub.desk.store, hub.desk.county)
        claim = await queue.claim("one", hub.clock(), 60)
        assert claim is not None and claim.job == "push:court"
        slow = Outbox(replace(hub.desk, store=FencedStore(hub.desk.store, claim)), hub.clock, hub.partner)
        sleeping = asyncio.create_task(slow.push())
        await hub.partner.hangs.wait()
        hub.clock.advance(seconds=90)
        second = await queue.claim("two", hub.clock(), 60)
        assert second is not None and second.token > claim.token
        # the other one does the work, in order
        await hub.push()
        assert await hub.states() == ["ACKED", "ACKED"]
        hub.partner.goes_on.set()
        with pytest.raises(LeaseLostError):
            await sleeping
        assert set(hub.partner.effects.values()) == {1}
        assert await hub.states() == ["ACKED", "ACKED"]


async def test_two_workers_without_any_lease_have_one_effect_each(database: Database) -> None:
    async with outbox(database.url, faulty(*["", "lost"] * 6), matters=6) as hub:
        await asyncio.gather(hub.push(), hub.push())
        await hub.push_for(2)
        assert set(await hub.states()) == {"DELIVERED"}
        assert set(hub.partner.effects.values()) == {1} and len(hub.partner.effects) == 12


async def test_the_place_in_a_lane_does_not_hang_on_a_machines_clock(database: Database) -> None:
    async with outbox(database.url, concluded=False) as hub:
        (one,) = await hub.referrals()
        await conclude(hub, one.id)
        first, second = await hub.messages()
        # a machine whose clock is a day ahead wrote the first
        ahead = first.id.rsplit("_", 1)[0] + "_7ZZZZZZZZZZZZZZZZZZZZZZZZZ"
        async with hub.desk.store.write() as tx:
            await tx.execute(outbound_messages.delete().where(outbound_messages.c.id == second.id))
            await tx.execute(update(outbound_messages).values(id="out_620725_6ZZZZZZZZZZZZZZZZZZZZZZZZZ"))
        await referral_acts.correct_referral(
            hub.desk, one.id, Act("马主任", "改"), outcome=Outcome.AGREED, agreement_no="X3"
        )
        made = await hub.messages()
        assert [message.command for message in made] == ["SIGN", "RETURN"]
        assert "out_620725_6ZZZ" < made[1].id < ahead
