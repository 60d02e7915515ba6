"""Two worker processes on one store do no job twice; one killed with SIGKILL is taken over, and so is a backfill."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from bench.kill_nine import differences, end_state
from connectors.registry import make_connector
from connectors.sandbox.court import CourtOptions, start_court
from connectors.sandbox.hotline import HotlineOptions, start_hotline
from hub.store.engine import open_store
from hub.store.tables import backfills, inbox_pages, jobs, sync_runs
from sync_jobs.http import WireOptions, open_http_wire
from sync_jobs.pull import pull_instance

from .databases import Database
from .hub_kit import Clock, court_config, open_desk

ROOT = Path(__file__).parent.parent
LEASE_S = 3
#: so that a pull takes seconds, and a kill falls into the middle of one
SLOWLY = "max_requests_per_s = 12"
PARTNERS: dict[str, Any] = {
    "court": lambda: start_court(CourtOptions(scale=0.03)),
    "hotline": lambda: start_hotline(HotlineOptions(scale=0.02)),
}

Addresses = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def partners() -> Iterator[Addresses]:
    """A simulated court and hotline in a thread and loop of their own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    started = {name: asyncio.run_coroutine_threadsafe(start(), loop).result() for name, start in PARTNERS.items()}
    yield {
        name: {"base_url": one.base_url, "app_id": one.app_id, "secret": one.secret} for name, one in started.items()
    }
    for one in started.values():
        asyncio.run_coroutine_threadsafe(one.close(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


async def _pull(url: str, partners: Addresses, *names: str) -> int:
    """Pull these in peace; returns how many versions were new."""
    new = 0
    clock = Clock()
    # the processes before us lived by the machine's clock: seen from an earlier one, their leases never run out
    clock.now = datetime.now(UTC) + timedelta(minutes=5)
    async with open_desk(url, clock) as desk:
        for name in names:
            address = partners[name]
            connector = make_connector(court_config(name=name, product=name, **address))
            async with open_http_wire(WireOptions(base_url=address["base_url"])) as wire:
                report = await pull_instance(desk, connector, wire)
                assert report.error is None
                new += report.new
    return new


@pytest.fixture(scope="module")
def _in_peace() -> dict[str, Any]:
    return {}


@pytest.fixture
def undisturbed(
    request: pytest.FixtureRequest, database: Database, partners: Addresses, _in_peace: dict[str, Any]
) -> dict[str, Any]:
    """What a hub on the same kind of database holds that pulled both in peace."""
    if database.kind not in _in_peace:
        with request.getfixturevalue(f"_{database.kind}").migrated() as made:
            asyncio.run(_pull(made.url, partners, *partners))
            _in_peace[database.kind] = asyncio.run(end_state(made.url))
    return dict(_in_peace[database.kind])


@pytest.fixture
def config(database: Database, tmp_path: Path, partners: Addresses) -> Path:
    """Settings of a hub of both partners, slow to pull."""
    (tmp_path / "master.key").write_text((b"k" * 32).hex())
    (tmp_path / "master.key").chmod(0o600)
    lines = ["[hub]", 'data_dir = "data"', 'master_key_file = "master.key"', f'database_url = "{database.url}"',
             f"lease_s = {LEASE_S}"]  # fmt: skip
    for name, address in partners.items():
        lines += [f"[instances.{name}]", f'connector = "{name}"', 'agency_code = "620725000000"', 'reconcile_at = ""',
                  "pull_every_s = 86400", SLOWLY]  # fmt: skip
        lines += [f'{key} = "{value}"' for key, value in address.items()]
        lines += [f"[instances.{name}.options]", "page_size = 5"]
    file = tmp_path / "dispute-hub.toml"
    file.write_text("\n".join(lines))
    return file


def _environment(config: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    return kept | {"HUB_CONFIG": str(config)}


def _command(config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *words], capture_output=True, text=True, cwd=ROOT, env=_environment(config),
        timeout=120,
    )  # fmt: skip


@contextmanager
def _process(config: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT,
        env=_environment(config),
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(30)


def _asked(database: Database, query: Any) -> list[Any]:
    async def ask() -> list[Any]:
        store = open_store(database.url)
        try:
            async with store.read() as connection:
                return list((await connection.execute(query)).all())
        finally:
            await store.close()

    return asyncio.run(ask())


def _until(condition: Callable[[], Any], limit_s: float = 90) -> Any:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come to that in time")


def _holder(database: Database, job: str) -> int | None:
    """The process that holds the job, once its run has kept two pages."""
    pages = _asked(database, select(func.count()).where(inbox_pages.c.instance == job.partition(":")[2]))[0][0]
    rows = _asked(database, select(jobs.c.claimed_by).where(jobs.c.job == job, jobs.c.state == "CLAIMED"))
    return int(rows[0][0].split("/")[1]) if rows and pages >= 2 else None


def test_one_of_two_workers_is_killed_and_the_other_takes_over(
    database: Database, config: Path, undisturbed: dict[str, Any]
) -> None:
    with ExitStack() as stack:
        workers = {one.pid: one for one in (stack.enter_context(_process(config, "worker")) for _ in range(2))}
        victim = _until(lambda: _holder(database, "pull:court"))
        os.kill(victim, signal.SIGKILL)
        assert workers.pop(victim).wait(10) == -signal.SIGKILL
        ((left, _),) = workers.items()
        pulls = select(jobs.c.job, jobs.c.state, jobs.c.attempts, jobs.c.claimed_by).where(jobs.c.job.like("pull:%"))
        _until(lambda: [row.state for row in _asked(database, pulls)] == ["DONE", "DONE"])
        rows = {row.job: row for row in _asked(database, pulls)}
        # both scheduled: still one row for each due time; the killed one was tried twice, and ended once
        assert set(rows) == {"pull:court", "pull:hotline"}
        assert rows["pull:court"].attempts == 2
        assert rows["pull:court"].claimed_by.split("/")[1] == str(left)
    ended = _asked(
        database,
        select(sync_runs.c.instance, func.count())
        .where(sync_runs.c.state == "SUCCEEDED")
        .group_by(sync_runs.c.instance),
    )
    assert {row[0]: row[1] for row in ended} == {"court": 1, "hotline": 1}
    assert differences(undisturbed, asyncio.run(end_state(database.url))) == []


def test_a_killed_backfill_goes_on_where_it_was(
    database: Database, config: Path, partners: Addresses, undisturbed: dict[str, Any]
) -> None:
    running = select(backfills.c.pages).where(backfills.c.instance == "court")
    with _process(config, "sync", "court", "--full") as process:
        _until(lambda: [row.pages for row in _asked(database, running) if row.pages >= 3])
        process.kill()
        process.wait(10)
    ((pages,),) = _asked(database, running)
    # nothing is killed any more: what is left comes as fast as the partner gives it
    config.write_text(config.read_text().replace(SLOWLY, ""))
    again = _command(config, "sync", "court", "--full", "--json")
    assert again.returncode == 0, again.stderr
    assert f"generation 1 goes on behind page {pages}" in again.stderr
    told = json.loads(again.stdout)["court"]
    assert (told["generation"], told["state"], told["error"]) == (1, "COMPLETE", None)
    assert told["pages"] > pages
    # the live pull starts where it would have: at the very beginning, and finds everything known
    assert asyncio.run(_pull(database.url, partners, "court")) == 0
    asyncio.run(_pull(database.url, partners, "hotline"))
    assert differences(undisturbed, asyncio.run(end_state(database.url))) == []
