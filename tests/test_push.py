"""What goes out: over a real wire, in order, once, and acknowledged; told as it stands at every step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from hub import referral_acts
from hub.acts import Act
from hub.desk import Desk
from hub.store.tables import disputes, outbound_attempts, outbound_messages, referrals
from hub.vocabulary import Outcome, TerminationReason
from sync_jobs.push import push_instance

from .court_kit import CourtHub, court_hub
from .databases import Database
from .hub_kit import CENTRE, Clock

ACT = Act("马主任")


async def all_of(desk: Desk, query: Any) -> Any:
    async with desk.store.read() as connection:
        return (await connection.execute(query)).all()


async def open_referrals(hub: CourtHub) -> list[Any]:
    query = select(referrals).where(referrals.c.state.in_(("SENT", "ACCEPTED", "IN_PROGRESS")), referrals.c.is_live)
    return list(await all_of(hub.desk, query.order_by(referrals.c.sent_at)))


async def live_court(hub: CourtHub, days: int = 4) -> None:
    """A desk that may push, and a court that lived on until it handed something over."""
    hub.desk = replace(hub.desk, carries=lambda _name: hub.connector.commands, centre_code=CENTRE)
    assert (await hub.pull()).error is None
    for _ in range(days):
        await hub.control("advance", seconds=86_400)
    assert (await hub.pull()).error is None


async def push(hub: CourtHub) -> Any:
    return await push_instance(hub.desk, hub.connector, hub.wire)


async def message_states(hub: CourtHub) -> list[str]:
    return [one.state for one in await all_of(hub.desk, select(outbound_messages).order_by(outbound_messages.c.id))]


async def test_a_result_returns_to_the_court_and_is_acknowledged(database: Database) -> None:
    clock = Clock()
    async with court_hub(database.url, scale=0.05, clock=clock) as hub:
        await live_court(hub)
        await hub.control("desk", acceptType=60, answer=981, times=-1)
        (one, *_) = [one for one in await open_referrals(hub) if one.owes_return]
        await referral_acts.accept_referral(hub.desk, one.id, ACT, is_suitable=True, has_consent=True)
        await referral_acts.conclude_referral(
            hub.desk, one.id, ACT, outcome=Outcome.AGREED, agreement_no="(2024)山综调001",
            termination_reason=TerminationReason.AGREEMENT,
        )  # fmt: skip
        done = await push(hub)
        assert (done.tried, done.delivered, done.error) == (1, 1, None)
        (now,) = await all_of(hub.desk, select(referrals).where(referrals.c.id == one.id))
        assert (now.state, bool(now.returned_at)) == ("RETURNED", True)
        # nothing more is due, and nothing is sent twice
        assert (await push(hub)).tried == 0
        await hub.control("advance", seconds=120)
        assert (await hub.pull()).error is None
        (now,) = await all_of(hub.desk, select(referrals).where(referrals.c.id == one.id))
        assert (now.state, now.outcome, bool(now.return_acked_at)) == ("RETURN_ACKED", "AGREED", True)
        assert await message_states(hub) == ["ACKED"]
        pushes = await hub.control("pushes")
        assert len(pushes) == 1
        (dispute,) = await all_of(
            hub.desk, select(disputes.c.state).where(disputes.c.opening_record_id == one.record_id)
        )
        assert dispute.state == "RESOLVED"


@pytest.mark.parametrize("fault", ["lost", "cut", "html", "500", "outage", "429", "expire"])
async def test_whatever_becomes_of_an_answer_the_result_arrives_once(database: Database, fault: str) -> None:
    clock = Clock()
    async with court_hub(database.url, scale=0.05, clock=clock) as hub:
        await live_court(hub)
        (one, *_) = [one for one in await open_referrals(hub) if one.owes_return]
        await referral_acts.accept_referral(hub.desk, one.id, ACT, is_suitable=True, has_consent=True)
        await referral_acts.conclude_referral(hub.desk, one.id, ACT, outcome=Outcome.AGREED, agreement_no="X1")
        await hub.control("misbehave", mode=fault, times=2, on="" if fault == "expire" else "push")
        for _ in range(6):
            await push(hub)
            clock.advance(hours=2)
        assert await message_states(hub) == ["DELIVERED"]
        effects = {
            one["answer"]["content"]["sldh"] for one in await hub.control("pushes") if one["answer"]["code"] == 200
        }
        assert len(effects) == 1
        tries = await all_of(hub.desk, select(outbound_attempts.c.outcome).order_by(outbound_attempts.c.id))
        assert tries[-1].outcome == "DELIVERED"
