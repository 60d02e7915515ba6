"""Four simulated partners on their own wires and a centre's desk between them: pulled, pushed, their clocks moved."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import select

from connectors.base import Connector
from connectors.registry import make_connector, quoted_by
from connectors.sandbox.court import CourtOptions, start_court
from connectors.sandbox.hotline import HotlineOptions, start_hotline
from connectors.sandbox.petition import PetitionOptions, start_petition
from connectors.sandbox.police import PoliceOptions, start_police
from hub import calendar
from hub.desk import Desk
from hub.store.tables import case_records, disputes, handling_events, outbound_messages, referrals
from sync_jobs.folder import FolderOptions, open_folder_wire
from sync_jobs.http import WireOptions, open_http_wire
from sync_jobs.pull import pull_instance
from sync_jobs.push import PushReport, push_instance

from .hub_kit import CENTRE, COUNTY, Clock, court_config, open_desk

PRODUCTS = ("court", "police", "petition", "hotline")
DAY = 86_400


@dataclass
class LivingCounty:
    """The desk, the partners it talks to, and the wires between them."""

    desk: Desk
    clock: Clock
    partners: dict[str, Any]
    http: aiohttp.ClientSession
    connectors: dict[str, Connector] = field(default_factory=dict)
    wires: dict[str, Any] = field(default_factory=dict)

    async def pull(self, *names: str) -> None:
        """Pull these partners, all where none is named."""
        for name in names or tuple(self.partners):
            report = await pull_instance(self.desk, self.connectors[name], self.wires[name])
            assert report.error is None, (name, report.error)

    async def push(self, name: str) -> PushReport:
        """Push what is due to this partner."""
        return await push_instance(self.desk, self.connectors[name], self.wires[name])

    async def control(self, name: str, do: str, **arguments: Any) -> Any:
        """One command to a partner's control address; a refused one fails the test."""
        partner = self.partners[name]
        if name == "police":
            return await partner.control(do, **arguments)
        async with self.http.post(partner.control_url, json={"do": do, **arguments}) as answer:
            body = await answer.json()
            assert answer.status == 200, body
            return body

    async def advance(self, seconds: int = DAY, *names: str) -> None:
        """Move the clocks of these partners, of all where none is named; ours goes along."""
        for name in names or tuple(self.partners):
            await self.control(name, "advance", seconds=seconds)
        self.clock.advance(seconds=seconds)

    async def settle(self, name: str, seconds: int = DAY, times: int = 3) -> None:
        """Push, let the partner's clock run and pull, so often that an answer had time to come."""
        for _ in range(times):
            assert (await self.push(name)).error is None
            await self.advance(seconds, name)
            await self.pull(name)

    async def rows(self, query: Any) -> list[Any]:
        """What the store has."""
        async with self.desk.store.read() as connection:
            return list((await connection.execute(query)).all())

    async def open_referrals(self, instance: str) -> list[Any]:
        """Hand-overs of this partner to the centre that are open and owe a return, the earliest first."""
        query = (
            select(referrals)
            .join(case_records, case_records.c.id == referrals.c.record_id)
            .where(case_records.c.instance == instance, referrals.c.is_live, referrals.c.direction == "IN")
            .where(referrals.c.state.in_(("SENT", "DELIVERED", "SIGNED", "ACCEPTED", "IN_PROGRESS")))
            .where(referrals.c.owes_return)
            .order_by(referrals.c.sent_at, referrals.c.id)
        )
        return await self.rows(query)

    async def referral(self, referral_id: str) -> Any:
        """One referral as it stands."""
        (one,) = await self.rows(select(referrals).where(referrals.c.id == referral_id))
        return one

    async def record(self, record_id: str) -> Any:
        """One record as it stands."""
        (one,) = await self.rows(select(case_records).where(case_records.c.id == record_id))
        return one

    async def dispute_of(self, record_id: str) -> Any:
        """The dispute a record belongs to."""
        (one,) = await self.rows(
            select(disputes)
            .join(case_records, case_records.c.dispute_id == disputes.c.id)
            .where(case_records.c.id == record_id)
        )
        return one

    async def members(self, dispute_id: str) -> list[Any]:
        """The records of a dispute, the earliest received first."""
        query = select(case_records).where(case_records.c.dispute_id == dispute_id)
        return await self.rows(query.order_by(case_records.c.received_at, case_records.c.id))

    async def messages(self, referral_id: str) -> list[tuple[str, str]]:
        """What we told the partner about a referral, and how far each came."""
        query = select(outbound_messages.c.command, outbound_messages.c.state).where(
            outbound_messages.c.referral_id == referral_id
        )
        return [(row.command, row.state) for row in await self.rows(query.order_by(outbound_messages.c.id))]

    async def told(self, dispute_id: str) -> list[str]:
        """The kinds of everything that stands in a dispute's own stream, in order."""
        query = select(handling_events.c.kind).where(handling_events.c.dispute_id == dispute_id)
        return [row.kind for row in await self.rows(query.order_by(handling_events.c.stream_seq))]


@asynccontextmanager
async def living_county(
    url: str, folder: Path, *names: str, scale: float = 0.03, days: int = 0
) -> AsyncIterator[LivingCounty]:
    """These partners (all where none is named) pulled into a fresh hub, after so many days of August."""
    clock = Clock()
    async with AsyncExitStack() as stack:
        starts = {
            "court": lambda: start_court(CourtOptions(scale=scale)),
            "petition": lambda: start_petition(PetitionOptions(scale=scale)),
            "hotline": lambda: start_hotline(HotlineOptions(scale=scale)),
            "police": lambda: start_police(PoliceOptions(scale=scale, folder=folder, poll_s=0)),
        }
        partners = {}
        for name in names or PRODUCTS:
            partners[name] = await starts[name]()
            stack.push_async_callback(partners[name].close)
        opened = await stack.enter_async_context(open_desk(url, clock))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        county = LivingCounty(opened, clock, partners, http)
        for name, partner in partners.items():
            address = {one: getattr(partner, one) for one in ("base_url", "app_id", "secret") if hasattr(partner, one)}
            county.connectors[name] = make_connector(court_config(name=name, product=name, **address))
            county.wires[name] = await stack.enter_async_context(
                open_folder_wire(FolderOptions(partner.root))
                if name == "police"
                else open_http_wire(WireOptions(base_url=partner.base_url, request_timeout_s=10))
            )
        county.desk = replace(
            opened, links_people=True, find_quoted=quoted_by(PRODUCTS, COUNTY), centre_code=CENTRE,
            carries=lambda name: county.connectors[name].commands if name in county.connectors else frozenset(),
        )  # fmt: skip
        await calendar.seed(county.desk)
        await county.pull()
        for _ in range(days):
            await county.advance()
            await county.pull()
        yield county
