"""A hub killed with SIGKILL goes on where it was: a slice of ``python -m bench.kill_nine``."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from bench.kill_nine import LATER, POINTS, differences, end_state, planned, pull_once, run_killed, simulated_court


@pytest.fixture(scope="module")
def court() -> Iterator[dict[str, str]]:
    with simulated_court(0.03) as addresses:
        yield addresses


@pytest.mark.parametrize("kind", ["_sqlite", "_postgresql"])
def test_a_killed_pull_loses_and_doubles_nothing(
    request: pytest.FixtureRequest, kind: str, court: dict[str, str]
) -> None:
    databases: Any = request.getfixturevalue(kind)
    with databases.migrated() as database:
        asyncio.run(pull_once(database.url, court))
        expected = asyncio.run(end_state(database.url))
    assert expected["records"] and expected["log"] == [True]
    killed = 0
    for seed in range(len(POINTS)):
        with databases.migrated() as database:
            killed += run_killed(database.url, court, planned(seed)) == -signal.SIGKILL
            asyncio.run(pull_once(database.url, court, LATER))
            assert differences(expected, asyncio.run(end_state(database.url))) == [], planned(seed)
    # a clock may strike after the work is done; the named points are always reached
    assert killed >= len(POINTS) - 1
