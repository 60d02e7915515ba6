"""Short slices of the programs that break pushes: a fault proxy over four wires, and workers killed or asleep."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.kill_nine import _fresh_sqlite
from bench.push_faults import failed, pace, run
from bench.push_kill import one_seed, planned, simulated_hotline

from .databases import Database


async def test_a_fault_proxy_makes_nothing_happen_twice_or_never(database: Database, tmp_path: Path) -> None:
    found = await run(database.url, tmp_path, pushes=40, seed=11, rate=0.4, told=False)
    assert failed(found) == []
    assert sum(one.sent for one in found) == 40
    # the proxy struck: a client without our care would have done some twice
    assert sum(one.faults for one in found) > 15 and sum(one.naive_twice for one in found) > 0


async def test_a_partner_that_hangs_keeps_nobody_else_waiting(database: Database, tmp_path: Path) -> None:
    alone, beside = await pace(database.url, tmp_path, count=12)
    # a loaded machine is slow for both; held up, the second would be near zero
    assert beside > alone / 4


def test_a_worker_that_is_killed_or_sleeps_in_mid_push_is_replaced() -> None:
    seeds = (1, 4)
    assert [planned(seed).is_killed for seed in seeds] == [True, False]
    with simulated_hotline() as (address, control_url):
        for seed in seeds:
            with _fresh_sqlite() as url:
                assert one_seed(url, address, control_url, seed) == (True, []), planned(seed)


@pytest.mark.parametrize("seed", range(8))
def test_eight_seeds_have_every_strike(seed: int) -> None:
    strike = planned(seed)
    assert strike.nth >= 1 and (strike.point, strike.is_killed) == (
        planned(seed + 8).point,
        planned(seed + 8).is_killed,
    )
