"""Two contents under one stamp whose settling fetch failed: found by `bench.misbehaving_month`, hotline, seed 4.

The hotline's list names stamps and no content, so that a comparison by stamps alone would take them for equal for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.misbehaving_month import disagreements
from connectors.registry import make_connector
from hub.errors import TransientError
from hub.model import Item
from sync_jobs.pull import pull_instance
from sync_jobs.reconcile import reconcile_instance

from .databases import Database
from .hub_kit import open_desk
from .partner_benches import PartnerYard


async def test_a_tie_that_no_fetch_has_settled_is_settled_by_the_nights_comparison(
    database: Database, tmp_path: Path
) -> None:
    async with open_desk(database.url) as desk, PartnerYard(tmp_path, 0.01).opened("hotline") as hotline:
        connector = make_connector(hotline.config)
        await pull_instance(desk, connector, hotline.wire)
        await hotline.bench.advance(3600)
        # the clock stands still: both changes bear one stamp
        changed = next(iter(await hotline.bench.view()))
        await hotline.bench.edit(changed)
        assert (await reconcile_instance(desk, connector, hotline.wire)).repaired == 1
        await hotline.bench.edit(changed)
        fetch = connector.fetch

        async def away(wire: Any, native_ids: Sequence[str]) -> Sequence[Item]:
            raise TransientError("the partner is away", kind="TIMEOUT")

        connector.fetch = away  # type: ignore[method-assign]
        assert (await pull_instance(desk, connector, hotline.wire)).error_kind == "TIMEOUT"
        # a day later the run still begins at it, and fails again; then no overlap reaches back to it any more
        await hotline.bench.advance(86_400)
        await hotline.bench.add(1)
        assert (await pull_instance(desk, connector, hotline.wire)).error_kind == "TIMEOUT"
        connector.fetch = fetch  # type: ignore[method-assign]
        await hotline.bench.advance(86_400)
        assert (await pull_instance(desk, connector, hotline.wire)).error is None

        await reconcile_instance(desk, connector, hotline.wire)

        assert await disagreements(desk, hotline) == []
        assert (await reconcile_instance(desk, connector, hotline.wire)).differences == []
