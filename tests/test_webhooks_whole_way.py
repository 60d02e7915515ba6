"""From the simulated hotline's desk to the dispute's history: over its own webhooks, our server, and a worker's job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import select

from connectors.sandbox.hotline import HotlineOptions, RunningHotline, start_hotline
from hub.store.tables import case_records, handling_events, inbox_items, inbox_pages

from .databases import Database
from .webhooks_kit import Listening, listening

SCALE = 0.01


@asynccontextmanager
async def hotline(**options: Any) -> AsyncIterator[RunningHotline]:
    running = await start_hotline(HotlineOptions(scale=SCALE, **options))
    try:
        yield running
    finally:
        await running.close()


def instance(partner: RunningHotline) -> dict[str, Any]:
    return {
        "base_url": partner.base_url, "app_id": partner.app_id, "secret": partner.secret,
        "webhook_app_id": partner.webhook_app_id, "webhook_secrets": [partner.webhook_secret],
        "agency_code": "620725310000",
    }  # fmt: skip


async def control(partner: RunningHotline, do: str, **arguments: Any) -> Any:
    async with aiohttp.ClientSession() as http, http.post(
        partner.control_url, json={"do": do, **arguments}
    ) as answer:  # fmt: skip
        body = await answer.json()
        assert answer.status == 200, body
        return body


async def outcomes(partner: RunningHotline) -> list[tuple[str, list[str]]]:
    events = (await control(partner, "webhooks"))["events"]
    return [(event["state"], [attempt["outcome"] for attempt in event["attempts"]]) for event in events]


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await holds():
            await asyncio.sleep(0.05)


async def added(partner: RunningHotline) -> str:
    """An order that the centre is given; its dispatch is told by webhook."""
    return str((await control(partner, "add", count=1, set={}))["added"][0]["native_id"])


async def history(hub: Listening, native_id: str) -> list[str]:
    """The partner's words for what happened in the dispute of this order, in the order in which it happened."""
    c, rec = handling_events.c, case_records.c
    async with hub.hub.store.read() as connection:
        query = select(rec.id).where(rec.native_id == native_id, rec.dispute_id.is_not(None))
        record = (await connection.execute(query)).scalar_one()
        events = select(c.native_code).where(c.record_id == record).order_by(c.occurred_at, c.position)
        return list((await connection.execute(events)).scalars())


async def test_what_happens_at_their_desk_stands_in_the_history_without_a_pull(
    database: Database, tmp_path: Path
) -> None:
    # HMAC-SHA256 goes the whole way in the next test
    async with (
        hotline(webhook_sign_type="SM3") as partner,
        listening(database.url, tmp_path, **instance(partner)) as hub,
    ):
        await control(partner, "webhooks", url=f"{hub.address}/hooks/hotline")
        native_id = await added(partner)
        await control(partner, "event", native_id=native_id, event="催办", data={"level": 2, "content": "超期"})

        async def delivered() -> bool:
            return [state for state, _ in await outcomes(partner)] == ["delivered", "delivered"]

        await until(delivered)
        await hub.eventually_worked()
        words = await history(hub, native_id)
        assert "催办" in words and "派单" in words
        async with hub.hub.store.read() as connection:
            origins = set((await connection.execute(select(inbox_pages.c.origin))).scalars())
        assert origins == {"WEBHOOK"}


async def test_a_server_that_was_down_hears_it_from_the_second_attempt(
    database: Database, tmp_path: Path, free_port: int
) -> None:
    address = f"http://127.0.0.1:{free_port}/hooks/hotline"
    # a minute between the first two attempts becomes six tenths of a second
    async with hotline(webhook_url=address, resend_factor=0.01) as partner:
        native_id = await added(partner)

        async def tried() -> bool:
            return bool((await outcomes(partner))[0][1])

        await until(tried)
        async with listening(database.url, tmp_path, port=free_port, **instance(partner)) as hub:

            async def delivered() -> bool:
                return (await outcomes(partner))[0][0] == "delivered"

            await until(delivered)
            assert (await outcomes(partner))[0][1][0] == "no connection"
            await hub.eventually_worked()
            assert "派单" in await history(hub, native_id)


async def test_what_was_given_up_still_comes_with_the_list(database: Database, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        partner = await stack.enter_async_context(hotline(webhook_url="http://127.0.0.1:9/", resend_factor=1e-7))
        native_id = await added(partner)

        async def given_up() -> bool:
            return (await outcomes(partner))[0][0] == "given up"

        await until(given_up)
        hub = await stack.enter_async_context(listening(database.url, tmp_path, **instance(partner)))
        assert len((await outcomes(partner))[0][1]) == 6
        await hub.hub.queue.enqueue("pull:hotline", "instance:hotline", hub.hub.desk.clock())
        await hub.work()
        assert await hub.count(inbox_items, inbox_items.c.native_id == native_id) == 1
        assert await hub.count(case_records, case_records.c.native_id == native_id) == 1
        assert await history(hub, native_id)
