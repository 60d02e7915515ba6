"""A simulated court on loopback and a hub that pulls it: the whole way, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import aiohttp
from sqlalchemy import func, select

from connectors.court import CourtConnector
from connectors.sandbox.court import CourtOptions, RunningCourt, start_court
from hub import figures
from hub.desk import Desk
from hub.sight import EVERYTHING
from hub.store.tables import case_records
from sync_jobs.differences import ReconcileReport
from sync_jobs.http import AiohttpWire, WireOptions, open_http_wire
from sync_jobs.pull import pull_instance
from sync_jobs.reconcile import reconcile_instance
from sync_jobs.runs import RunReport

from .hub_kit import Clock, court_config, open_desk


@dataclass
class CourtHub:
    """A desk, the court it talks to, and the wire between them."""

    desk: Desk
    court: RunningCourt
    wire: AiohttpWire
    connector: CourtConnector
    http: aiohttp.ClientSession

    async def pull(self) -> RunReport:
        return await pull_instance(self.desk, self.connector, self.wire)

    async def reconcile(self) -> ReconcileReport:
        return await reconcile_instance(self.desk, self.connector, self.wire)

    async def control(self, do: str, **arguments: Any) -> Any:
        async with self.http.post(self.court.control_url, json={"do": do, **arguments}) as answer:
            body = await answer.json()
            assert answer.status == 200, body
            return body

    async def figures(self) -> tuple[int, int, int]:
        """Filings, diverted and mediated of January to July 2024, as the hub counts them."""
        async with self.desk.store.read() as connection:
            ids = (figures.K1.id, figures.K2A_LITIGATION.id)
            k1, k2a = await figures.compute(connection, EVERYTHING, ids, date(2024, 1, 1), date(2024, 8, 1))
        assert k1.numerator == k2a.denominator
        return k1.denominator, k1.numerator, k2a.numerator

    async def their_count(self) -> tuple[int, int, int]:
        """The same, as the partner counts its own store."""
        count = await self.control("count")
        return count["filings"], count["diverted"], count["mediated"]

    async def held(self) -> int:
        async with self.desk.store.read() as connection:
            query = select(func.count()).select_from(case_records).where(case_records.c.deleted_at_source.is_(None))
            return int((await connection.execute(query)).scalar_one())


@asynccontextmanager
async def court_hub(
    url: str, *, scale: float = 0.05, seed: int = 7, clock: Clock | None = None
) -> AsyncIterator[CourtHub]:
    """A court of this scale and a hub on this database."""
    court = await start_court(CourtOptions(seed=seed, scale=scale))
    config = court_config(base_url=court.base_url, app_id=court.app_id, secret=court.secret)
    try:
        async with (
            open_desk(url, clock) as desk,
            open_http_wire(WireOptions(base_url=court.base_url, request_timeout_s=10)) as wire,
            aiohttp.ClientSession() as http,
        ):
            yield CourtHub(desk, court, wire, CourtConnector(config), http)
    finally:
        await court.close()
