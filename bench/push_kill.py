"""Two workers push from one store; one is killed or put to sleep past its lease in mid-push. One effect, in order.

    python -m bench.push_kill [--seeds 50] [--database URL]

For each seed a few lanes of three orders each lie in the outbox, and two workers in processes of their own begin. At a
seeded push the first is struck: before the request leaves, after the partner has done it and before that is noted, just
after the note, or some milliseconds into the run. It is killed with SIGKILL, or stopped with SIGSTOP and woken when the
other worker, whose turn comes when the lease runs out, has done everything: then it goes on in the middle of its
push, as a machine that slept does. Afterwards the simulated hotline's own list must show every order once, those of one
lane in their order, and the outbox nothing that is not done.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

POINTS = ("before the request", "after the request", "after the note", "by the clock")
LANES, EACH = 4, 3
LEASE_S = 2.0


@dataclass(frozen=True)
class Strike:
    """Where a worker is struck: at its nth push (or after nth × 20 ms), and whether it ever wakes again."""

    point: str
    nth: int
    is_killed: bool


def planned(seed: int) -> Strike:
    """The strike of a seed; eight seeds in a row have every point, killed and asleep."""
    draw = random.Random(f"push/{seed}")
    return Strike(POINTS[seed % len(POINTS)], draw.randint(1, LANES * EACH // 2), seed // len(POINTS) % 2 == 0)


def arm(strike: Strike, connector: Any, store: Any) -> asyncio.Task[None] | None:
    """Lay the trap in this process, by wrapping: the hub itself knows nothing of it.

    Nobody is put to sleep inside a transaction of a SQLite file: it would keep everybody from writing until it wakes.
    """
    import sync_jobs.push as pushing

    passes = 0
    if not strike.is_killed and store.kind != "sqlite":
        # no other lane of the sleeper may be inside a transaction, whose locks PostgreSQL would keep
        pushing.LANES = 1

    async def fall() -> None:
        if strike.is_killed:
            os.kill(os.getpid(), signal.SIGKILL)
        async with store.turns.mine():
            os.kill(os.getpid(), signal.SIGSTOP)

    async def pass_by() -> None:
        nonlocal passes
        passes += 1
        if passes == strike.nth:
            await fall()

    send, note = connector.push, pushing.note

    async def sent(*arguments: Any) -> Any:
        if strike.point == "before the request":
            await pass_by()
        receipt = await send(*arguments)
        if strike.point == "after the request":
            await pass_by()
        return receipt

    async def noted(*arguments: Any) -> None:
        await note(*arguments)
        await pass_by()

    async def later() -> None:
        await asyncio.sleep(strike.nth / 50)
        await fall()

    connector.push = sent
    if strike.point == "after the note":
        pushing.note = noted
    return asyncio.create_task(later()) if strike.point == "by the clock" else None


async def work(url: str, address: dict[str, str], strike: Strike | None) -> None:
    """A worker that pushes until nothing waits any more."""
    from app.worker import Worker
    from connectors.hotline import HotlineConnector
    from hub.desk import utc_now
    from sync_jobs.http import WireOptions, open_http_wire
    from sync_jobs.lease import FencedStore
    from sync_jobs.push import push_instance
    from sync_jobs.queue import Claim, Queue
    from tests.hub_kit import COUNTY, court_config, open_desk

    connector = HotlineConnector(court_config(name="hotline", product="hotline", **address))
    async with (
        open_desk(url, utc_now) as desk,  # type: ignore[arg-type]
        open_http_wire(WireOptions(base_url=address["base_url"])) as wire,
    ):
        trap = None if strike is None else arm(strike, connector, desk.store)

        async def run_job(claim: Claim) -> None:
            await push_instance(replace(desk, store=FencedStore(desk.store, claim)), connector, wire)

        stop = asyncio.Event()
        worker = Worker(Queue(desk.store, COUNTY), run_job, utc_now, lanes=2, lease_s=LEASE_S)
        working = asyncio.create_task(worker.run(stop))
        while await _waiting(desk):
            await asyncio.sleep(0.1)
        stop.set()
        await working
        if trap is not None:
            trap.cancel()


async def _waiting(desk: Any) -> int:
    from sqlalchemy import func, select

    from hub.store.tables import outbound_messages

    async with desk.store.read() as connection:
        query = select(func.count()).where(outbound_messages.c.state == "QUEUED")
        return int((await connection.execute(query)).scalar_one())


async def fill(url: str, seed: int) -> None:
    """Orders for a few lanes."""
    from hub.commands import Refer
    from hub.desk import utc_now
    from hub.model import SHANGHAI
    from hub.outbox import Draft, enqueue
    from hub.store.turn import take_turn
    from tests.hub_kit import open_desk

    at = datetime(2024, 8, 1, 9, 0, tzinfo=SHANGHAI)
    async with open_desk(url, utc_now) as desk, desk.store.write() as tx:  # type: ignore[arg-type]
        await take_turn(tx, desk.county)
        for step in range(EACH):
            for lane in range(LANES):
                mark = f"S{seed}L{lane}N{step}"
                command = Refer(
                    at=at + timedelta(seconds=step), dispute_code=mark, title=mark, claim="还款", order_type="投诉"
                )
                await enqueue(tx, desk, Draft("hotline", f"S{seed}L{lane}", (mark,), command, "none"))


@contextmanager
def simulated_hotline() -> Iterator[tuple[dict[str, str], str]]:
    """A hotline in a thread and loop of its own; its settings, and its control address."""
    from connectors.sandbox.hotline import HotlineOptions, start_hotline

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    running = asyncio.run_coroutine_threadsafe(start_hotline(HotlineOptions(scale=0.02)), loop).result()
    try:
        yield {"base_url": running.base_url, "app_id": running.app_id, "secret": running.secret}, running.control_url
    finally:
        asyncio.run_coroutine_threadsafe(running.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def accepted(control_url: str, seed: int) -> list[str]:
    """The marks of this seed's orders in the order in which the hotline made them; a repeat makes none."""
    import aiohttp

    async with aiohttp.ClientSession() as http, http.post(control_url, json={"do": "pushes"}) as answer:
        pushes = await answer.json()
    made: dict[str, str] = {}
    for push in pushes:
        if push["answer"] and push["answer"].get("success") and push["body"]["title"].startswith(f"S{seed}L"):
            made.setdefault(push["answer"]["resultData"]["workordercode"], push["body"]["title"])
    return list(made.values())


def judged(marks: list[str], seed: int, waiting: int) -> list[str]:
    """What is wrong; nothing where all is well."""
    wrong = []
    for lane in range(LANES):
        found = [mark for mark in marks if mark.startswith(f"S{seed}L{lane}N")]
        wanted = [f"S{seed}L{lane}N{step}" for step in range(EACH)]
        if found != wanted:
            wrong.append(f"lane {lane}: {found}")
    if waiting:
        wrong.append(f"{waiting} messages are not done")
    return wrong


def start(url: str, address: dict[str, str], strike: Strike | None) -> subprocess.Popen[bytes]:
    """A worker in a process of its own."""
    told = ["-", "0", "0"] if strike is None else [strike.point, str(strike.nth), str(int(strike.is_killed))]
    arguments = [sys.executable, "-m", "bench.push_kill", "--child", url, *address.values(), *told]
    return subprocess.Popen(arguments, cwd=Path(__file__).parent.parent)


def one_seed(url: str, address: dict[str, str], control_url: str, seed: int) -> tuple[bool, list[str]]:
    """Whether the first worker was struck, and what is wrong afterwards."""
    asyncio.run(fill(url, seed))
    strike = planned(seed)
    first = start(url, address, strike)
    # the first has the job before the second looks, so that the strike falls in mid-push
    _wait(lambda: _claimed(url) or first.poll() is not None)
    second = start(url, address, None)
    try:
        second.wait(timeout=120)
        is_struck = first.poll() == -signal.SIGKILL if strike.is_killed else _is_asleep(first.pid)
        if not strike.is_killed:
            first.send_signal(signal.SIGCONT)
        first.wait(timeout=60)
    finally:
        for process in (first, second):
            if process.poll() is None:
                process.kill()
                process.wait()
    marks = asyncio.run(accepted(control_url, seed))
    return is_struck, judged(marks, seed, asyncio.run(_count(url)))


async def _count(url: str) -> int:
    from tests.hub_kit import open_desk

    async with open_desk(url) as desk:
        return await _waiting(desk)


def _claimed(url: str) -> bool:
    async def look() -> bool:
        from sqlalchemy import select

        from hub.store.tables import jobs
        from tests.hub_kit import open_desk

        async with open_desk(url) as desk, desk.store.read() as connection:
            return (await connection.execute(select(jobs.c.id).where(jobs.c.state != "READY"))).first() is not None

    return asyncio.run(look())


def _wait(until: Any, limit_s: float = 60) -> None:
    deadline = time.monotonic() + limit_s
    while not until() and time.monotonic() < deadline:
        time.sleep(0.05)


def _is_asleep(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in ("T", "t")
    except OSError:
        return False


def main() -> int:
    """The program; exit code 1 when anything was wrong after any strike."""
    from bench.kill_nine import _fresh_postgresql, _fresh_sqlite

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--database", default="sqlite", help="`sqlite`, or the URL of a PostgreSQL server's database")
    asked = parser.parse_args()
    struck = bad = 0
    with simulated_hotline() as (address, control_url):
        for seed in range(asked.seeds):
            strike = planned(seed)
            with _fresh_sqlite() if asked.database == "sqlite" else _fresh_postgresql(asked.database) as url:
                is_struck, wrong = one_seed(url, address, control_url, seed)
            struck, bad = struck + is_struck, bad + bool(wrong)
            how = "killed" if strike.is_killed else "asleep"
            where = f"{how} {strike.point} #{strike.nth}{'' if is_struck else ' (not reached)'}"
            print(f"seed {seed:3}  {where}: {'; '.join(wrong) or 'once, in order'}", flush=True)
    print(f"{asked.seeds} runs, {struck} struck in mid-push, {bad} wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        target, base_url, app_id, secret, point, nth, is_killed = sys.argv[2:9]
        planned_strike = None if point == "-" else Strike(point, int(nth), bool(int(is_killed)))
        asyncio.run(work(target, {"base_url": base_url, "app_id": app_id, "secret": secret}, planned_strike))
    else:
        raise SystemExit(main())
