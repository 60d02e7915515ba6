"""Kills a pulling hub with SIGKILL at seeded instants, lets it go on, and compares with a hub that was never killed.

    python -m bench.kill_nine [--seeds 50] [--database URL] [--scale 0.05]

Every kill falls at one of the named points: after a page's commit and before its records are applied, inside the
applying transaction just before its commit, just after it, between two sequencing batches, or simply some
milliseconds into the run. Afterwards a second run finishes the work. Facts, records, parties, referrals, versions,
links and disputes must then equal those of the hub that was never killed: nothing lost, nothing double.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

POINTS = ("after page commit", "before apply commit", "after apply commit", "between sequences", "by the clock")


@dataclass(frozen=True)
class Kill:
    """Where a run is killed: at the nth time it comes to ``point``, or after ``nth`` × 10 milliseconds."""

    point: str
    nth: int


def planned(seed: int) -> Kill:
    """The kill of a seed; five seeds in a row have five different points."""
    draw = random.Random(f"kill/{seed}")
    return Kill(POINTS[seed % len(POINTS)], draw.randint(1, 3) if seed % len(POINTS) != 4 else draw.randint(1, 60))


#: by then the leases of a killed run have run out: whoever goes on need not stand and wait for them
LATER = timedelta(minutes=5)


async def pull_once(url: str, court: dict[str, str], after: timedelta = timedelta(0)) -> None:
    """One run of the hub, so long after the first one began, against a court that is already there."""
    from connectors.court import CourtConnector
    from sync_jobs.http import WireOptions, open_http_wire
    from sync_jobs.pull import pull_instance
    from tests.hub_kit import Clock, court_config, open_desk

    connector = CourtConnector(court_config(**court))
    clock = Clock()
    clock.now += after
    async with open_desk(url, clock) as desk, open_http_wire(WireOptions(base_url=court["base_url"])) as wire:
        report = await pull_instance(desk, connector, wire)
        if report.error is not None:
            raise SystemExit(f"the pull failed: {report.error}")


def arm(kill: Kill) -> None:
    """Lay the trap in this process. The points are reached by wrapping, so that the hub itself knows nothing of it."""
    import sync_jobs.pull as pulling
    from hub import applying, sequencer

    passes = 0

    def strike() -> None:
        nonlocal passes
        passes += 1
        if passes == kill.nth:
            os.kill(os.getpid(), signal.SIGKILL)

    if kill.point == "by the clock":
        begin = pulling.begin

        async def begun(*arguments: Any) -> Any:
            # counted from the run's beginning: before it nothing is at stake
            threading.Timer(kill.nth / 100, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
            return await begin(*arguments)

        pulling.begin = begun
    elif kill.point == "after page commit":
        keep = pulling._keep

        async def kept(*arguments: Any) -> int:
            result = await keep(*arguments)
            strike()
            return result

        pulling._keep = kept
    elif kill.point == "before apply commit":
        apply_versions = applying.apply_versions

        async def applied(*arguments: Any) -> Any:
            result = await apply_versions(*arguments)
            strike()
            return result

        applying.apply_versions = applied
    elif kill.point == "after apply commit":
        one_batch = applying._one_batch

        async def batched(*arguments: Any) -> int:
            result = await one_batch(*arguments)
            strike()
            return result

        applying._one_batch = batched
    else:
        one = sequencer._one_batch

        async def sequenced(desk: Any, lease: Any, _batch: int) -> int:
            result = await one(desk, lease, 50)
            strike()
            # keep the loop going as if the batch had been full
            return _batch if result == 50 else result

        sequencer._one_batch = sequenced


def run_killed(url: str, court: dict[str, str], kill: Kill) -> int:
    """A hub in a process of its own, killed on the way; returns its exit code (-9 when the kill came)."""
    arguments = [sys.executable, "-m", "bench.kill_nine", "--child", url, *court.values(), kill.point, str(kill.nth)]
    return subprocess.run(arguments, check=False, cwd=Path(__file__).parent.parent, timeout=120).returncode


async def end_state(url: str) -> dict[str, Any]:
    """What the hub holds, without ids and clocks; and that the public log is whole."""
    from sqlalchemy import func, select

    from hub.sequencer import sequence_all
    from hub.store.tables import handling_events, link_decisions, public_log
    from tests.hub_kit import Clock, open_desk, snapshot

    clock = Clock()
    # a killed sequencer's lease must run out before another may go on
    clock.advance(days=365 * 5)
    async with open_desk(url, clock) as desk:
        await sequence_all(desk)
        state = await snapshot(desk)
        async with desk.store.read() as connection:
            log = public_log.c
            by_kind = select(log.entry_kind, func.count()).group_by(log.entry_kind)
            kinds = {kind: count for kind, count in await connection.execute(by_kind)}
            counts = [
                (await connection.execute(select(func.count()).select_from(table))).scalar_one()
                for table in (handling_events, link_decisions)
            ]
            last = (await connection.execute(select(func.max(log.sequence)))).scalar_one()
        is_whole = [kinds.get("EVENT", 0), kinds.get("LINK", 0)] == counts and sum(kinds.values()) == last
        state["log"] = [is_whole]
    return state


@contextmanager
def simulated_court(scale: float) -> Iterator[dict[str, str]]:
    """A court of its own thread and loop, for every hub of this program."""
    from connectors.sandbox.court import CourtOptions, RunningCourt, start_court

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    court: RunningCourt = asyncio.run_coroutine_threadsafe(start_court(CourtOptions(scale=scale)), loop).result()
    try:
        yield {"base_url": court.base_url, "app_id": court.app_id, "secret": court.secret}
    finally:
        asyncio.run_coroutine_threadsafe(court.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """The parts of the state in which two hubs differ."""
    return [part for part, value in expected.items() if found[part] != value]


@contextmanager
def _fresh_sqlite() -> Iterator[str]:
    from hub.store.migrate import upgrade_to_head

    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{folder}/hub.db"
        asyncio.run(upgrade_to_head(url))
        yield url


@contextmanager
def _fresh_postgresql(server: str) -> Iterator[str]:
    from tests.databases import PostgresDatabases
    from tests.postgres_server import running_server

    with running_server({**os.environ, "HUB_TEST_DATABASE_URL": server}) as started:
        databases = PostgresDatabases(started)
        with databases.migrated() as made:
            yield made.url
        databases.close()


def main() -> int:
    """The program; exit code 1 when any killed hub ended otherwise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50, help="how many kills (default 50)")
    parser.add_argument("--scale", type=float, default=0.05, help="size of the simulated county (default 0.05)")
    parser.add_argument("--database", default="sqlite", help="`sqlite`, or the URL of a PostgreSQL server's database")
    arguments = parser.parse_args()

    def fresh() -> Any:
        return _fresh_sqlite() if arguments.database == "sqlite" else _fresh_postgresql(arguments.database)

    wrong = killed = 0
    with simulated_court(arguments.scale) as court:
        with fresh() as url:
            asyncio.run(pull_once(url, court))
            expected = asyncio.run(end_state(url))
        for seed in range(arguments.seeds):
            kill = planned(seed)
            with fresh() as url:
                killed += run_killed(url, court, kill) == -signal.SIGKILL
                asyncio.run(pull_once(url, court, LATER))
                found = differences(expected, asyncio.run(end_state(url)))
            wrong += bool(found)
            print(f"seed {seed:3}  {kill.point} #{kill.nth}: {'differs in ' + ', '.join(found) if found else 'equal'}")
    print(f"{arguments.seeds} runs, {killed} killed on the way, {wrong} ended otherwise than a run never killed")
    return 1 if wrong else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        target, base_url, app_id, secret, point, nth = sys.argv[2:8]
        arm(Kill(point, int(nth)))
        asyncio.run(pull_once(target, {"base_url": base_url, "app_id": app_id, "secret": secret}))
    else:
        raise SystemExit(main())
