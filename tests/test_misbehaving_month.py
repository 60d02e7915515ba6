"""Four partners misbehave for some days; afterwards each one's own list equals ours: a slice of the bench's month."""

from __future__ import annotations

import pytest

from bench.misbehaving_month import disagreements, live_through, our_records
from connectors.registry import make_connector
from sync_jobs.pull import pull_instance

from .databases import Database
from .hub_kit import open_desk
from .partner_benches import PartnerYard


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> PartnerYard:
    return PartnerYard(tmp_path_factory.mktemp("yard"), scale=0.01)


async def test_after_days_of_misbehaviour_each_partners_own_list_equals_ours(
    database: Database, yard: PartnerYard
) -> None:
    outcomes = await live_through(database.url, yard, "21", days=3)

    assert {one.product: one.wrong for one in outcomes} == {"court": [], "police": [], "petition": [], "hotline": []}
    assert all(one.listed == one.held > 0 for one in outcomes)
    # they did misbehave, and it was seen
    assert all(one.modes for one in outcomes) and sum(one.incidents.total() for one in outcomes) > 10


async def test_a_list_that_differs_is_told(database: Database, yard: PartnerYard) -> None:
    async with open_desk(database.url) as desk, yard.opened("court") as court:
        await pull_instance(desk, make_connector(court.config), court.wire)
        assert await disagreements(desk, court) == []
        one, other, third = list(await court.bench.view())[:3]
        await court.bench.delete(one)
        await court.bench.advance(60)
        await court.bench.edit(other)
        await court.bench.add(1)
        # the same stamp, another content
        await court.command(
            "edit", native_id=third.native_id, native_no=third.native_no,
            set={"claim": "另一诉求", "gxsj": f"{third.version:%Y-%m-%d %H:%M:%S}"},
        )  # fmt: skip

        told = " ".join(await disagreements(desk, court))
        for difference in (
            "1 listed",
            "1 held records are not",
            "1 records are held in another v",
            "1 records are held with",
        ):
            assert difference in told
        assert len(await our_records(desk, "court")) > 3
