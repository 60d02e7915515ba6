"""How much memory the hub takes while it pulls a county many times the size, against the limit it must keep.

    python -m bench.pull_memory [--scales 1 20] [--limit-mb 250]

For each scale a simulated court runs in a process of its own; a second process pulls and compares everything into a
fresh SQLite file. Peak resident memory is the operating system's own figure for that process (``ru_maxrss``). The
ratio to the smallest scale tells whether memory grows with the number of records.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


async def pull(folder: str, base_url: str, app_id: str, secret: str) -> dict[str, float]:
    """Pull and compare once; returns what was held and this process's peak in MB."""
    from connectors.court import CourtConnector
    from hub.store.migrate import upgrade_to_head
    from sync_jobs.http import WireOptions, open_http_wire
    from sync_jobs.pull import pull_instance
    from sync_jobs.reconcile import reconcile_instance
    from tests.hub_kit import court_config, open_desk

    url = f"sqlite+aiosqlite:///{folder}/hub.db"
    await upgrade_to_head(url)
    connector = CourtConnector(court_config(base_url=base_url, app_id=app_id, secret=secret))
    async with open_desk(url) as desk, open_http_wire(WireOptions(base_url=base_url)) as wire:
        report = await pull_instance(desk, connector, wire)
        if report.error is not None:
            raise SystemExit(f"the pull failed: {report.error}")
        compared = await reconcile_instance(desk, connector, wire)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"records": compared.held, "expected": compared.expected, "peak_mb": peak_mb}


async def serve(scale: float) -> None:
    """A simulated court that prints its address and runs until its standard input closes."""
    from connectors.sandbox.court import CourtOptions, start_court

    court = await start_court(CourtOptions(scale=scale))
    print(json.dumps([court.base_url, court.app_id, court.secret]), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await court.close()


def measure(scale: float) -> dict[str, float]:
    """One scale: a court, and a hub that pulls it, each in its own process."""
    command = [sys.executable, "-m", "bench.pull_memory"]
    with subprocess.Popen(
        [*command, "--serve", str(scale)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as court:
        assert court.stdout is not None
        address = json.loads(court.stdout.readline())
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([*command, "--pull", folder, *address], cwd=ROOT, check=True, capture_output=True)
        # closing its input ends the court
        court.communicate()
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> int:
    """The program; exit code 1 when the limit is broken or a record is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scales", type=float, nargs="+", default=[1, 20], help="sizes of the county (default 1 20)")
    parser.add_argument("--limit-mb", type=float, default=250, help="what the hub may take (default 250)")
    arguments = parser.parse_args()
    measured = [(scale, measure(scale)) for scale in arguments.scales]
    smallest = measured[0][1]["peak_mb"]
    failed = False
    print("scale  records  held/expected  peak/limit  peak/first scale")
    for scale, found in measured:
        whole, share = found["records"] / found["expected"], found["peak_mb"] / arguments.limit_mb
        failed |= whole != 1 or share > 1
        print(f"{scale:5g}  {found['records']:7g}  {whole:13.4f}  {share:10.2f}  {found['peak_mb'] / smallest:16.2f}")
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(serve(float(sys.argv[2])))
    elif sys.argv[1:2] == ["--pull"]:
        print(json.dumps(asyncio.run(pull(*sys.argv[2:6]))))
    else:
        raise SystemExit(main())
