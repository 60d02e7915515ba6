"""A hub that listens on a real socket, and the hotline's hand that sends it webhooks."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import func, select

from app.jobs import run_job
from app.serve import serve_graphql
from app.wiring import Hub, open_hub
from hub.settings import Settings
from hub.store.tables import connector_incidents, inbox_items

from .hotline_double import THEIR_APP, THEIR_OLD_SECRET, THEIR_SECRET, signed

DELIVERED = {"success": True, "code": 10000, "message": "操作成功!", "pageInfo": None, "resultData": None}


@dataclass
class Listening:
    """A hub, where it listens, and a client of it."""

    hub: Hub
    address: str
    http: aiohttp.ClientSession

    async def post(
        self, body: bytes, headers: Mapping[str, str] | None = None, *, to: str = "hotline", **how: Any
    ) -> tuple[int, Any]:
        """Status and JSON; signed afresh, unless ``headers`` are given."""
        given = signed(body, **{"nonce": secrets.token_hex(16), **how}) if headers is None else headers
        async with self.http.post(f"{self.address}/hooks/{to}", data=body, headers=given) as answer:
            return answer.status, await answer.json(content_type="application/json")

    async def count(self, table: Any, *conditions: Any) -> int:
        async with self.hub.store.read() as connection:
            query = select(func.count()).select_from(table).where(*conditions)
            return int((await connection.execute(query)).scalar_one())

    async def kept(self) -> dict[str, int]:
        """How many items are kept, by state."""
        async with self.hub.store.read() as connection:
            found = await connection.execute(select(inbox_items.c.state))
            return dict(Counter(found.scalars()))

    async def incidents(self, instance: str = "hotline") -> dict[str, int]:
        """What was refused, once it is written down."""
        c = connector_incidents.c
        async with self.hub.store.read() as connection:
            found = await connection.execute(select(c.kind, c.times).where(c.instance == instance))
            return {kind: times for kind, times in found}

    async def work(self) -> None:
        """Do the jobs that wait, as a worker would."""
        while (claim := await self.hub.queue.claim("test", self.hub.desk.clock(), 60)) is not None:
            await run_job(self.hub, claim)
            await self.hub.queue.finish(claim, self.hub.desk.clock())

    async def eventually_worked(self) -> None:
        """The same, when the job that a webhook asks for has come."""
        for _ in range(200):
            await self.work()
            if not await self.count(inbox_items, inbox_items.c.state == "PENDING"):
                return
            await asyncio.sleep(0.02)
        raise AssertionError("nobody was asked to apply what waits")


def settings(url: str, folder: Path, **hotline: Any) -> Settings:
    """A hub with a hotline that takes webhooks under two secrets, and a court that takes none."""
    values: dict[str, Any] = {
        "connector": "hotline", "base_url": "http://127.0.0.1:9", "app_id": "hub", "secret": "ours",
        "webhook_app_id": THEIR_APP, "webhook_secrets": [THEIR_SECRET, THEIR_OLD_SECRET], **hotline,
    }  # fmt: skip
    court = {"connector": "court", "base_url": "http://127.0.0.1:9", "app_id": "hub", "secret": "s"}
    return Settings(data_dir=folder, database_url=url, instances={"hotline": values, "court": court})  # type: ignore[arg-type]


@asynccontextmanager
async def listening(url: str, folder: Path, *, port: int = 0, **hotline: Any) -> AsyncIterator[Listening]:
    """A hub on this database that serves until the block ends."""
    stop = asyncio.Event()
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with open_hub(settings(url, folder, **hotline)) as hub, aiohttp.ClientSession() as http:
        serving = asyncio.create_task(serve_graphql(hub, stop, port=port, on_ready=address.set_result))
        await asyncio.wait({serving, address}, return_when=asyncio.FIRST_COMPLETED)
        try:
            yield Listening(hub, address.result(), http)
        finally:
            stop.set()
            await serving
