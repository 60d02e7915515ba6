"""How much processor time a pull costs, against the least it could: writing the rows it leaves behind.

    python -m bench.pull_speed [--partners court police petition hotline] [--scale 1] [--rounds 3]

Each round, for each partner in turn: a simulated partner runs in a process of its own; a second process pulls it
whole into a fresh SQLite file and tells its processor time (all of its threads; the partner's is not in it). A third
process writes the same rows, those of every table the pull filled, into another fresh file of the same tables,
indexes and triggers: nothing but ``executemany``, 500 rows a transaction. No hub can be cheaper than that. The medians
are printed as ratios: pull over raw rows, which hardly depends on the machine, and each partner's cost of an item
over the cheapest partner's. Only the last column, items per processor second, is this machine's own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent
PARTNERS = ("court", "police", "petition", "hotline")
ROWS = 500


async def serve(partner: str, scale: float, folder: str) -> None:
    """A simulated partner that prints where it is and runs until its standard input closes."""
    from connectors.sandbox.court import CourtOptions, start_court
    from connectors.sandbox.hotline import HotlineOptions, start_hotline
    from connectors.sandbox.petition import PetitionOptions, start_petition
    from connectors.sandbox.police import PoliceOptions, start_police

    start: dict[str, Callable[[], Any]] = {
        "court": lambda: start_court(CourtOptions(scale=scale)),
        "petition": lambda: start_petition(PetitionOptions(scale=scale)),
        "hotline": lambda: start_hotline(HotlineOptions(scale=scale)),
        "police": lambda: start_police(PoliceOptions(scale=scale, folder=Path(folder), poll_s=0)),
    }
    running = await start[partner]()
    names = ("base_url", "app_id", "secret")
    where = {name: str(getattr(running, name)) for name in names if hasattr(running, name)}
    print(json.dumps({"folder": str(getattr(running, "root", "")), "config": where}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await running.close()


async def pull(partner: str, file: str, where: dict[str, Any]) -> dict[str, float]:
    """Pull once into a fresh database; returns the items applied and this process's processor seconds."""
    from connectors.registry import make_connector
    from hub.store.migrate import upgrade_to_head
    from sync_jobs.folder import FolderOptions, open_folder_wire
    from sync_jobs.http import WireOptions, open_http_wire
    from sync_jobs.pull import pull_instance
    from tests.hub_kit import court_config, open_desk

    url = f"sqlite+aiosqlite:///{file}"
    await upgrade_to_head(url)
    connector = make_connector(court_config(name=partner, product=partner, **where["config"]))
    wire: Any = (
        open_folder_wire(FolderOptions(Path(where["folder"])))
        if partner == "police"
        else open_http_wire(WireOptions(base_url=where["config"]["base_url"]))
    )
    async with open_desk(url) as desk, wire as opened:
        started, alone = time.process_time(), time.thread_time()
        report = await pull_instance(desk, connector, opened)
        spent, alone = time.process_time() - started, time.thread_time() - alone
    if report.error is not None or report.quarantined or not report.applied:
        raise SystemExit(f"the pull of {partner} failed: {report.error}, {report.quarantined} quarantined")
    return {"items": report.applied, "cpu_s": spent, "our_cpu_s": alone}


def write_raw(source: str, target: str) -> dict[str, float]:
    """Write every row of ``source`` into ``target``, a fresh database; returns rows and processor seconds."""
    from hub.store.migrate import upgrade_to_head
    from hub.store.tables import metadata

    asyncio.run(upgrade_to_head(f"sqlite+aiosqlite:///{target}"))
    old, new = sqlite3.connect(source), sqlite3.connect(target, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON", "recursive_triggers = ON"):
        new.execute(f"PRAGMA {pragma}")
    rows, spent = 0, 0.0
    for table in metadata.sorted_tables:
        places = ", ".join("?" * len(table.columns))
        read = old.execute(f"SELECT * FROM {table.name}")
        while page := read.fetchmany(ROWS):
            started = time.process_time()
            new.execute("BEGIN IMMEDIATE")
            # what a migration put there already is no row of the pull's
            new.executemany(f"INSERT OR IGNORE INTO {table.name} VALUES ({places})", page)
            new.execute("COMMIT")
            spent += time.process_time() - started
            rows += len(page)
    old.close()
    new.close()
    return {"rows": rows, "cpu_s": spent}


def _run(*arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.pull_speed", *arguments]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure(partner: str, scale: float) -> tuple[dict[str, float], dict[str, float]]:
    """One round of one partner: what the pull cost, and what its rows cost alone."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bench.pull_speed", "--serve", partner, str(scale), f"{folder}/partner"]
        Path(folder, "partner").mkdir()
        with subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as running:  # fmt: skip
            assert running.stdout is not None
            where = running.stdout.readline()
            pulled = _run("--pull", partner, f"{folder}/hub.db", where)
            # closing its input ends the partner
            running.communicate()
        return pulled, _run("--raw", f"{folder}/hub.db", f"{folder}/raw.db")


def main() -> int:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--partners", nargs="+", default=list(PARTNERS), choices=PARTNERS)
    parser.add_argument("--scale", type=float, default=1, help="size of the county (default 1)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, of which the median counts (default 3)")
    arguments = parser.parse_args()
    taken = {
        partner: [measure(partner, arguments.scale)]
        for partner in arguments.partners
    }  # fmt: skip
    for _ in range(1, arguments.rounds):
        for partner, rounds in taken.items():
            rounds.append(measure(partner, arguments.scale))
    per_item = {name: median(one["cpu_s"] / one["items"] for one, _ in rounds) for name, rounds in taken.items()}
    print("partner   items  rows/item  pull/raw rows  in our own code  item/cheapest item  items per cpu s")
    for name, rounds in taken.items():
        pulled, raw = rounds[0]
        ratio = median(one["cpu_s"] / other["cpu_s"] for one, other in rounds)
        ours = median(one["our_cpu_s"] / one["cpu_s"] for one, _ in rounds)
        print(
            f"{name:8}  {pulled['items']:5.0f}  {raw['rows'] / pulled['items']:9.1f}  {ratio:13.1f}  {ours:15.0%}"
            f"  {per_item[name] / min(per_item.values()):18.2f}  {1 / per_item[name]:15.0f}"
        )
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(serve(sys.argv[2], float(sys.argv[3]), sys.argv[4]))
    elif sys.argv[1:2] == ["--pull"]:
        print(json.dumps(asyncio.run(pull(sys.argv[2], sys.argv[3], json.loads(sys.argv[4])))))
    elif sys.argv[1:2] == ["--raw"]:
        print(json.dumps(write_raw(*sys.argv[2:4])))
    else:
        raise SystemExit(main())
