"""The simulated mediator: it ends what the county's hidden script ends, when that is due, and lives with refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from app.channels import ChannelCount, count_channels, unacknowledged
from app.demo_summary import SINCE
from app.mediator import Mediator
from connectors.sandbox.county import County, Script
from hub import figures
from hub.desk import Desk
from hub.model import SHANGHAI
from hub.sight import EVERYTHING
from hub.store.tables import case_records, disputes, handling_events, outbound_messages, referrals
from sync_jobs.push import push_instance

from .court_kit import CourtHub, court_hub
from .databases import Database
from .hub_kit import CENTRE, Clock

AUGUST = (date(2024, 8, 1), date(2024, 9, 1))
_START = datetime(2024, 8, 1, 8, 30)


class Life:
    """A court of one scale, its hub and the mediator, lived evening by evening."""

    def __init__(self, hub: CourtHub, scale: str) -> None:
        self.hub, self.now = hub, _START
        hub.desk = replace(hub.desk, carries=lambda _name: hub.connector.commands, centre_code=CENTRE)
        self.mediator = Mediator(hub.desk, "7", scale)
        self.scripts = [one for one in County(7, scale).scripts(date(2024, 8, 1), date(2024, 9, 1)) if _is_court(one)]

    async def live(self, until: datetime) -> None:
        while self.now < until:
            await self.step(min(until, self.now + timedelta(days=1)))

    async def step(self, until: datetime) -> None:
        """Once: the court's clock, a pull, the mediator, a push."""
        await self.hub.control("advance", seconds=int((until - self.now).total_seconds()))
        self.now = until
        assert (await self.hub.pull()).error is None
        await self.mediator.work({"court": until})
        assert (await push_instance(self.hub.desk, self.hub.connector, self.hub.wire)).error is None

    async def answered(self) -> None:
        """A little later, so that the court has answered."""
        await self.step(self.now + timedelta(minutes=2))

    async def all(self, query: Any) -> list[Any]:
        async with self.hub.desk.store.read() as connection:
            return list((await connection.execute(query)).all())

    async def referral(self, script: Script) -> Any:
        query = select(referrals).join(case_records, case_records.c.id == referrals.c.record_id)
        query = query.where(case_records.c.native_id == script.native_id, referrals.c.is_live)
        return (await self.all(query.order_by(referrals.c.sent_at)))[script.ordinal - 1]

    async def k10(self) -> tuple[int, int]:
        async with self.hub.desk.store.read() as connection:
            (value,) = await figures.compute(connection, EVERYTHING, [figures.K10.id], *AUGUST)
            page = await figures.units(connection, EVERYTHING, figures.K10.id, *AUGUST)
        assert page.total == value.denominator
        assert sum(unit.in_numerator for unit in page.items) == value.numerator
        return value.numerator, value.denominator

    async def litigation(self) -> ChannelCount:
        async with self.hub.desk.store.read() as connection:
            return (await count_channels(connection, SINCE))["LITIGATION"]


@asynccontextmanager
async def life(url: str, scale: str) -> AsyncIterator[Life]:
    async with court_hub(url, scale=float(scale), clock=Clock()) as hub:
        assert (await hub.pull()).error is None
        yield Life(hub, scale)


def _is_court(script: Script) -> bool:
    return script.instance == "court"


async def test_a_filing_is_mediated_refused_corrected_and_confirmed(database: Database) -> None:
    async with life(database.url, "0.05") as county:
        script = county.scripts[0]
        ending = script.hand_over.ending
        assert ending is not None and ending.accepted_at is not None and ending.confirm_at is not None
        await county.live(ending.accepted_at - timedelta(seconds=1))
        assert (await county.referral(script)).state == "SENT"
        assert await county.k10() == (0, 0)
        await county.step(ending.accepted_at)
        one = await county.referral(script)
        assert (one.state, one.accepted_at.astimezone(SHANGHAI).replace(tzinfo=None)) == (
            "IN_PROGRESS", ending.accepted_at
        )  # fmt: skip

        # the court does not take the result, then takes the correction
        await county.hub.control("desk", acceptType=60, answer=982, times=1)
        await county.hub.control("desk", acceptType=61, answer=981, times=1)
        await county.live(ending.concluded_at)
        assert (await county.litigation()).concluded == 1
        assert await county.k10() == (0, 1)
        await county.hub.control("advance", seconds=120)
        assert (await county.hub.pull()).error is None
        (late,) = await _unacknowledged(county.hub.desk)
        assert (late.referral, late.state, late.error) == (one.id, "CONCLUDED", "982")
        (dispute,) = await county.all(select(disputes.c.code).where(disputes.c.opening_record_id == one.record_id))
        assert late.dispute == dispute.code
        assert await county.k10() == (0, 1)
        county.now += timedelta(seconds=120)
        await county.answered()
        await county.answered()
        assert await county.k10() == (1, 1)
        count = await county.litigation()
        assert (count.concluded, count.returned, count.acknowledged) == (1, 1, 1)
        assert count.received == 1 + count.open > 1
        assert await _unacknowledged(county.hub.desk) == []

        # it is to be confirmed; the court wants more material first
        await county.hub.control("desk", acceptType=98, answer=980, times=1)
        await county.live(ending.confirm_at + timedelta(seconds=1))
        await county.answered()
        await county.hub.control("desk", acceptType=98, answer=981, times=1)
        for _ in range(3):
            await county.answered()
        await county.step(county.now + timedelta(days=2))
        query = select(outbound_messages.c.command, outbound_messages.c.state, outbound_messages.c.answer_code)
        told = await county.all(query.where(outbound_messages.c.referral_id == one.id).order_by(outbound_messages.c.id))
        assert [tuple(row) for row in told] == [
            ("RETURN", "REFUSED", "982"), ("RETURN", "ACKED", "981"), ("CONFIRM", "DELIVERED", "980"),
            ("SUPPLEMENT", "ACKED", "981"),
        ]  # fmt: skip
        kinds = {row.kind for row in await county.all(select(handling_events.c.kind))}
        assert {"ACCEPTED", "RESULT_RECORDED", "RETURNED", "RESULT_CORRECTED", "RETURN_ACKED"} <= kinds
        # the confirmation has a number of its own, and stands on the same dispute
        (confirmed,) = await county.all(
            select(disputes.c.code)
            .join(case_records, case_records.c.dispute_id == disputes.c.id)
            .where(case_records.c.native_no.contains("民特"), case_records.c.received_at >= SINCE)
        )
        assert confirmed.code == late.dispute
        assert county.mediator.refused == {}


async def test_what_cannot_be_mediated_goes_back_and_owes_nothing(database: Database) -> None:
    async with life(database.url, "0.1") as county:
        script = next(one for one in county.scripts if one.hand_over.ending and one.hand_over.ending.is_declined)
        ending = script.hand_over.ending
        assert ending is not None
        await county.hub.control("desk", acceptType=4, answer=981, times=-1)
        await county.live(ending.concluded_at)
        await county.answered()
        await county.answered()
        one = await county.referral(script)
        assert (one.state, one.concluded_at) == ("DECLINED", None)
        count = await county.litigation()
        sent = await county.all(select(referrals.c.id).where(referrals.c.sent_at >= SINCE, referrals.c.is_live))
        assert count.received == len(sent) - 1
        assert await county.k10() == (0, 0)


async def test_a_new_mediator_goes_on_where_the_last_one_stopped(database: Database) -> None:
    async with life(database.url, "0.05") as county:
        script = county.scripts[0]
        ending = script.hand_over.ending
        assert ending is not None
        await county.live(ending.concluded_at)
        before = await county.all(select(outbound_messages.c.id))
        assert await Mediator(county.hub.desk, "7", "0.05").work({"court": county.now}) == 0
        assert await county.all(select(outbound_messages.c.id)) == before
        acts = await county.all(select(handling_events).where(handling_events.c.kind == "RESULT_RECORDED"))
        assert acts


async def _unacknowledged(desk: Desk) -> Any:
    async with desk.store.read() as connection:
        return await unacknowledged(connection, SINCE)
