"""Four agencies over their own wires into one hub: every partner's list is held, and the golden counts come out."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from connectors.base import InstanceConfig
from connectors.registry import make_connector
from connectors.sandbox.court import CourtOptions, start_court
from connectors.sandbox.hotline import HotlineOptions, start_hotline
from connectors.sandbox.petition import PetitionOptions, start_petition
from connectors.sandbox.police import PoliceOptions, start_police
from hub import figures
from hub.desk import Desk
from hub.sight import EVERYTHING
from hub.store.tables import case_records, mapping_worklist, quarantine
from sync_jobs.folder import FolderOptions, open_folder_wire
from sync_jobs.http import WireOptions, open_http_wire
from sync_jobs.pull import pull_instance
from sync_jobs.reconcile import reconcile_instance

from .databases import Database
from .hub_kit import court_config, open_desk

SCALE = 0.05
#: half up of 2438, 1907, 1407, 578, 530 and 18 times the scale, as every partner counts itself
GOLDEN = {"K1": (95, 122), "K2a.LITIGATION": (70, 95), "K2a.POLICE": (27, 29), "K2a.PETITION": (1, 1)}


def _config(product: str, **changes: Any) -> InstanceConfig:
    return court_config(name=product, product=product, options={"agency_code": "620725000000"}, **changes)


async def _pull_all(desk: Desk, folder: Path) -> dict[str, Any]:
    """Pull and compare all four; returns each instance's comparison."""
    compared = {}
    async with AsyncExitStack() as stack:
        court = await start_court(CourtOptions(scale=SCALE))
        stack.push_async_callback(court.close)
        petition = await start_petition(PetitionOptions(scale=SCALE))
        stack.push_async_callback(petition.close)
        hotline = await start_hotline(HotlineOptions(scale=SCALE))
        stack.push_async_callback(hotline.close)
        police = await start_police(PoliceOptions(scale=SCALE, folder=folder, poll_s=0))
        stack.push_async_callback(police.close)
        configs = (
            _config("court", base_url=court.base_url, app_id=court.app_id, secret=court.secret),
            _config("petition", base_url=petition.base_url, secret=petition.secret),
            _config("hotline", base_url=hotline.base_url, app_id=hotline.app_id, secret=hotline.secret),
            _config("police"),
        )
        for config in configs:
            wire: Any = (
                open_folder_wire(FolderOptions(Path(police.root)))
                if config.product == "police"
                else open_http_wire(WireOptions(base_url=config.base_url))
            )
            connector = make_connector(config)
            opened = await stack.enter_async_context(wire)
            report = await pull_instance(desk, connector, opened)
            assert report.error is None, (config.name, report.error)
            again = await pull_instance(desk, connector, opened)
            assert (again.error, again.new) == (None, 0), config.name
            compared[config.name] = await reconcile_instance(desk, connector, opened)
    return compared


async def test_four_partners_are_held_whole(database: Database, tmp_path: Path) -> None:
    async with open_desk(database.url) as opened:
        desk = replace(opened, links_people=True)
        for name, compared in (await _pull_all(desk, tmp_path)).items():
            assert compared.run.error is None, name
            assert (compared.held, compared.quarantined) == (compared.expected, 0), (name, compared.differences[:3])
            assert compared.differences == [] and compared.expected > 0, name
        async with desk.store.read() as connection:
            found = {
                one.id: one
                for one in await figures.compute(connection, EVERYTHING, None, date(2024, 1, 1), date(2024, 8, 1))
            }
            aside = (await connection.execute(select(func.count()).select_from(quarantine))).scalar_one()
            unknown = (await connection.execute(select(mapping_worklist.c.table_name))).all()
            systems = (
                await connection.execute(
                    select(func.count(func.distinct(case_records.c.system))).where(case_records.c.dispute_id.is_not(None))
                    .group_by(case_records.c.dispute_id)
                )
            ).scalars().all()  # fmt: skip
        assert aside == 0 and unknown == []
        assert {name: (found[name].numerator, found[name].denominator) for name in GOLDEN} == GOLDEN
        assert found["K4"].denominator == sum(
            found[f"K2a.{one}"].denominator for one in ("LITIGATION", "POLICE", "PETITION")
        )
        # one quarrel, several agencies: linked into one dispute
        assert max(systems) >= 3
