"""Any of the four simulated partners beside a hub: started, spoken to over its own wire, told what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import func, select

from connectors.registry import make_connector
from connectors.sandbox.court import CourtOptions, start_court
from connectors.sandbox.hotline import HotlineOptions, start_hotline
from connectors.sandbox.petition import PetitionOptions, start_petition
from connectors.sandbox.police import PoliceOptions, start_police
from hub.desk import Desk
from hub.reading.connectors import held_records
from hub.store.tables import case_records, connector_states
from sync_jobs.differences import ReconcileReport
from sync_jobs.folder import FolderOptions, open_folder_wire
from sync_jobs.http import WireOptions, open_http_wire
from sync_jobs.pull import pull_instance
from sync_jobs.reconcile import reconcile_instance
from sync_jobs.runs import RunReport

from .hub_kit import Clock, court_config, open_desk

PRODUCTS = ("court", "petition", "hotline", "police")


@dataclass
class Partner:
    """A hub's desk, one simulated partner of it, and the open wire between them."""

    product: str
    desk: Desk
    wire: Any
    connector: Any
    #: the partner's settings as a hub's TOML file would have them
    settings: dict[str, Any]
    control: Callable[..., Awaitable[Any]]
    clock: Clock = field(default_factory=Clock)

    async def pull(self) -> RunReport:
        report = await pull_instance(self.desk, self.connector, self.wire)
        assert report.error is None, report.error
        return report

    async def reconcile(self, **options: Any) -> ReconcileReport:
        report = await reconcile_instance(self.desk, self.connector, self.wire, **options)
        assert report.run is not None and report.run.error is None, report.run
        return report

    async def held(self) -> int:
        async with self.desk.store.read() as connection:
            return (await held_records(connection, [self.product])).get(self.product, 0)

    async def gone(self) -> set[str]:
        """Native ids marked as gone at the partner."""
        query = select(case_records.c.native_id).where(case_records.c.deleted_at_source.is_not(None))
        async with self.desk.store.read() as connection:
            return set((await connection.execute(query)).scalars())

    async def live_cursor(self) -> Any:
        async with self.desk.store.read() as connection:
            return (await connection.execute(select(connector_states.c.cursor))).scalar_one()

    async def records(self) -> int:
        async with self.desk.store.read() as connection:
            return int((await connection.execute(select(func.count()).select_from(case_records))).scalar_one())


@asynccontextmanager
async def partner_hub(
    product: str, url: str, folder: Path, *, scale: float = 0.02, **options: Any
) -> AsyncIterator[Partner]:
    """A partner of this product and a hub on this database; ``options`` are the connector's."""
    clock = Clock()
    async with AsyncExitStack() as stack:
        settings, control = await _start(stack, product, folder, scale)
        desk = await stack.enter_async_context(open_desk(url, clock))
        given = {name: value for name, value in settings.items() if name != "folder"}
        config = court_config(
            **{**{"app_id": "", "secret": ""}, **given}, name=product, product=product,
            options={"agency_code": "620725000000", **options},
        )  # fmt: skip
        wire: Any = (
            open_folder_wire(FolderOptions(Path(settings["folder"])))
            if product == "police"
            else open_http_wire(WireOptions(base_url=settings["base_url"]))
        )
        opened = await stack.enter_async_context(wire)
        yield Partner(product, desk, opened, make_connector(config), settings, control, clock)


async def _start(
    stack: AsyncExitStack, product: str, folder: Path, scale: float
) -> tuple[dict[str, Any], Callable[..., Awaitable[Any]]]:
    if product == "police":
        police = await start_police(PoliceOptions(scale=scale, folder=folder, poll_s=0))
        stack.push_async_callback(police.close)
        return {"folder": str(police.root)}, police.control
    started: Any
    if product == "court":
        started = await start_court(CourtOptions(scale=scale))
    elif product == "petition":
        started = await start_petition(PetitionOptions(scale=scale))
    else:
        started = await start_hotline(HotlineOptions(scale=scale))
    stack.push_async_callback(started.close)
    http = await stack.enter_async_context(aiohttp.ClientSession())

    async def control(do: str, **arguments: Any) -> Any:
        async with http.post(started.control_url, json={"do": do, **arguments}) as answer:
            body = await answer.json()
            assert answer.status == 200, body
            return body

    named = ("base_url", "app_id", "secret")
    return {name: getattr(started, name) for name in named if getattr(started, name, "")}, control
