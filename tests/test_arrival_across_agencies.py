"""Four agencies in any order: whoever tells first, the same records make the same disputes (laws 1 to 5, 12, 13)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from connectors.base import Connector
from connectors.registry import make_connector, quoted_by
from connectors.sandbox.county import truth
from connectors.sandbox.court import CourtOptions, start_court
from connectors.sandbox.hotline import HotlineOptions, start_hotline
from connectors.sandbox.petition import PetitionOptions, start_petition
from connectors.sandbox.police import PoliceOptions, start_police
from hub.applying import apply_pending
from hub.inbox import keep_page
from hub.model import Item
from sync_jobs.folder import FolderOptions, open_folder_wire
from sync_jobs.http import WireOptions, open_http_wire
from sync_jobs.runs import source_of

from .hub_kit import COUNTY, court_config, open_desk, snapshot

SCALE = 0.04
_DAYS = 3
_PRODUCTS = ("court", "police", "petition", "hotline")
#: of the quarrels that several agencies know, so many are dealt
_QUARRELS = 4

#: instance and item
Dealt = tuple[str, Item]


class Told:
    """What the four agencies of one small county told within a few days, and by whom it is understood."""

    def __init__(self) -> None:
        self.connectors: dict[str, Connector] = {}
        self.items: dict[tuple[str, str], list[Item]] = defaultdict(list)

    async def listen(self, folder: Path) -> None:
        async with AsyncExitStack() as stack:
            court = await start_court(CourtOptions(scale=SCALE))
            petition = await start_petition(PetitionOptions(scale=SCALE))
            hotline = await start_hotline(HotlineOptions(scale=SCALE))
            police = await start_police(PoliceOptions(scale=SCALE, folder=folder, poll_s=0))
            for partner in (court, petition, hotline, police):
                stack.push_async_callback(partner.close)
            addresses: dict[str, dict[str, str]] = {
                "court": {"base_url": court.base_url, "app_id": court.app_id, "secret": court.secret},
                "petition": {"base_url": petition.base_url, "secret": petition.secret},
                "hotline": {"base_url": hotline.base_url, "app_id": hotline.app_id, "secret": hotline.secret},
                "police": {},
            }
            wires: dict[str, Any] = {}
            for name, address in addresses.items():
                self.connectors[name] = make_connector(court_config(name=name, product=name, **address))
                wires[name] = await stack.enter_async_context(
                    open_folder_wire(FolderOptions(police.root))
                    if name == "police"
                    else open_http_wire(WireOptions(base_url=address["base_url"]))
                )
            for _ in range(_DAYS):
                for name, wire in wires.items():
                    await self._pull(name, wire)
                for partner in (court, petition, hotline, police):
                    await partner.desk.advance(int(timedelta(days=1).total_seconds()))  # type: ignore[attr-defined]

    async def _pull(self, name: str, wire: Any) -> None:
        connector = self.connectors[name]
        cursor, more = connector.start_cursor(None), True
        while more:
            page = await connector.pull(wire, cursor)
            cursor, more = page.cursor, page.more
            if page.receipt is not None:
                await connector.acknowledge(wire, page)
            for item in page.items:
                if item not in self.items[name, item.native_id]:
                    self.items[name, item.native_id].append(item)

    def quarrels(self) -> list[list[Dealt]]:
        """What was told of each quarrel that more than one agency knows, the ones known to most first."""
        found = []
        for _, keys in truth(7, SCALE):
            told = [(name, item) for name, native_id in keys for item in self.items.get((name, native_id), ())]
            if len({name for name, _ in told}) > 1:
                found.append(told)
        return sorted(found, key=lambda told: (-len({name for name, _ in told}), -len(told)))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    heard = Told()
    asyncio.run(heard.listen(tmp_path_factory.mktemp("police")))
    return heard


def _end_state(databases: Any, told: Told, pages: Sequence[Sequence[Dealt]]) -> dict[str, Any]:
    async def deliver_all(url: str) -> dict[str, Any]:
        async with open_desk(url) as opened:
            desk = replace(opened, links_people=True, find_quoted=quoted_by(_PRODUCTS, COUNTY))
            for page in pages:
                for name in dict.fromkeys(name for name, _ in page):
                    connector = told.connectors[name]
                    items = [item for whose, item in page if whose == name]
                    async with desk.store.write() as tx:
                        await keep_page(tx, desk, instance=name, run_id="run", origin="PULL", items=items)
                    await apply_pending(desk, source_of(connector), connector)
            return await snapshot(desk)

    with databases.migrated() as database:
        return asyncio.run(deliver_all(database.url))


def _check(databases: Any, told: Told, data: st.DataObject) -> None:
    quarrels = told.quarrels()
    chosen = data.draw(st.lists(st.sampled_from(quarrels), min_size=1, max_size=_QUARRELS, unique_by=id))
    dealt = [one for quarrel in chosen for one in quarrel]
    shuffled = data.draw(st.permutations(dealt))
    size = data.draw(st.integers(1, len(dealt)))
    straight = _end_state(databases, told, [dealt])
    mixed = _end_state(databases, told, [shuffled[at : at + size] for at in range(0, len(shuffled), size)])
    for part, expected in straight.items():
        assert mixed[part] == expected, part


_SETTINGS = settings(
    deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


def test_the_county_has_quarrels_that_all_four_know(told: Told) -> None:
    quarrels = told.quarrels()
    assert {name for name, _ in quarrels[0]} == set(_PRODUCTS)
    assert any(len(items) > 1 for (name, _), items in told.items.items() if name != "police")


@settings(_SETTINGS, max_examples=25)
@given(data=st.data())
def test_any_order_across_agencies_on_sqlite(_sqlite: Any, told: Told, data: st.DataObject) -> None:
    _check(_sqlite, told, data)


@settings(_SETTINGS, max_examples=8)
@given(data=st.data())
def test_any_order_across_agencies_on_postgresql(_postgresql: Any, told: Told, data: st.DataObject) -> None:
    _check(_postgresql, told, data)
