"""Posts webhooks while another process applies thousands of court rows into the same database, and times the answers.

    python -m bench.webhooks_while_applying [--rows 3000] [--database URL]

Three processes and real sockets: ``dispute-hub serve``, a process that applies what waits without a pause, and this
one, which sends as the hotline does: signed, with three seconds of patience, and again where it was not answered. It
fails when a webhook was never answered, was answered later than three seconds, or is not in the store at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

#: the hotline's patience
PATIENCE_S = 3.0
_EVERY_S = 0.05
_PAGE = 200


@dataclass
class Measured:
    """How long each answer took, how many were late, how long the other process wrote."""

    seconds: list[float] = field(default_factory=list)
    late: int = 0
    kept: int = 0
    applying_s: float = 0.0

    @property
    def slowest(self) -> float:
        return max(self.seconds)

    def told(self) -> str:
        ordered = sorted(self.seconds)
        half, most = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
        return (
            f"{len(ordered)} webhooks while another process applied for {self.applying_s:.1f} s: median {half:.3f} s, "
            f"99 of 100 within {most:.3f} s, slowest {self.slowest:.3f} s, {self.late} later than {PATIENCE_S:g} s, "
            f"{self.kept} kept"
        )


def settings_file(folder: Path, url: str) -> Path:
    """Settings of a hub that takes the hotline's webhooks, on a free port."""
    from tests.hotline_double import THEIR_APP, THEIR_SECRET

    (folder / "webhook.secret").write_text(THEIR_SECRET, encoding="utf-8")
    (folder / "master.key").write_text("6b" * 32, encoding="utf-8")
    (folder / "master.key").chmod(0o600)
    file = folder / "hub.toml"
    file.write_text(
        f'[hub]\ndata_dir = "."\ndatabase_url = "{url}"\nport = 0\n\n[instances.hotline]\nconnector = "hotline"\n'
        f'base_url = "http://127.0.0.1:9"\nwebhook_app_id = "{THEIR_APP}"\nwebhook_secret_files = ["webhook.secret"]\n',
        encoding="utf-8",
    )
    return file


@contextmanager
def serving(config: Path) -> Iterator[str]:
    """A web server of its own process; yields its address."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    command = [sys.executable, "-m", "app.cli", "--config", str(config), "serve"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    assert process.stdout is not None
    try:
        found = re.search(r"http:\S+(?=/graphql)", process.stdout.readline())
        if found is None:
            raise SystemExit("the web server did not start")
        yield found[0]
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


async def keep_rows(url: str, count: int) -> None:
    """Court rows that wait to be applied."""
    from tests.hub_kit import deliver, diverted, open_desk, row

    async with open_desk(url) as desk:
        for start in range(0, count, _PAGE):
            page = [
                row(f"a{n}", logs=[diverted()], fwlsh=f"F{n}", dsr=[_person(n)])
                for n in range(start, min(start + _PAGE, count))
            ]
            await deliver(desk, page, apply=False)


def _person(number: int) -> dict[str, Any]:
    return {
        "dsrlx": "原告", "xm": "王芳", "zjlx": "111", "zjhm": "", "lxdh": f"139{number:08}", "xzqhdm": "620725101201",
        "zz": "清泉镇",
    }  # fmt: skip


async def apply_rows(url: str) -> None:
    """Apply everything that waits, as a worker does in a backfill."""
    from connectors.court import CourtConnector
    from hub.applying import apply_pending
    from hub.sequencer import sequence_all
    from tests.hub_kit import COURT, court_config, open_desk

    async with open_desk(url) as desk:
        await apply_pending(desk, COURT, CourtConnector(court_config()))
        await sequence_all(desk)


async def post_until(address: str, done: asyncio.Event) -> Measured:
    """Send webhooks, twenty a second, each until it is answered."""
    measured = Measured()
    underway: set[asyncio.Task[None]] = set()
    async with aiohttp.ClientSession() as http:
        number = 0
        while not done.is_set() or number < 20:
            number += 1
            underway.add(asyncio.create_task(_send(http, address, number, measured)))
            await asyncio.sleep(_EVERY_S)
        await asyncio.gather(*underway)
    return measured


async def _send(http: aiohttp.ClientSession, address: str, number: int, measured: Measured) -> None:
    from tests.hotline_double import dispatched, order, signed, webhook

    body = webhook(order(number, **dispatched()), "派单", 1, "2024-06-12 12:18:11")
    for _ in range(3):
        started = time.monotonic()
        headers = signed(body, nonce=secrets.token_hex(16))
        async with http.post(f"{address}/hooks/hotline", data=body, headers=headers) as answer:
            said = await answer.json()
        measured.seconds.append(time.monotonic() - started)
        measured.late += measured.seconds[-1] > PATIENCE_S
        if (answer.status, said.get("code")) == (200, 10000):
            measured.kept += 1
            return
    raise SystemExit(f"not taken: HTTP {answer.status}")


async def measure(url: str, folder: Path, rows: int) -> Measured:
    """The whole trial on a migrated, empty database. Raises SystemExit where a webhook was lost."""
    from sqlalchemy import func, select

    from hub.store.tables import inbox_items
    from tests.hub_kit import open_desk

    await keep_rows(url, rows)
    with serving(settings_file(folder, url)) as address:
        done, started = asyncio.Event(), time.monotonic()
        command = [sys.executable, "-m", "bench.webhooks_while_applying", "--applying", url]
        applying = await asyncio.create_subprocess_exec(*command, cwd=Path(__file__).parent.parent)
        posting = asyncio.create_task(post_until(address, done))
        code = await applying.wait()
        took = time.monotonic() - started
        done.set()
        measured = await posting
    measured.applying_s = took
    async with open_desk(url) as desk, desk.store.read() as connection:
        by_instance = select(inbox_items.c.instance, inbox_items.c.state, func.count()).group_by(
            inbox_items.c.instance, inbox_items.c.state
        )
        found = {(instance, state): count for instance, state, count in await connection.execute(by_instance)}
    if code or found.get(("court", "APPLIED")) != rows or found.get(("hotline", "PENDING")) != 2 * measured.kept:
        raise SystemExit(f"lost: {found}, {measured.kept} were answered")
    return measured


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--database", default="")
    parser.add_argument("--applying", default="", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.applying:
        asyncio.run(apply_rows(given.applying))
        return
    from hub.store.migrate import upgrade_to_head

    with tempfile.TemporaryDirectory() as folder:
        url = given.database or f"sqlite+aiosqlite:///{folder}/hub.db"
        asyncio.run(upgrade_to_head(url))
        measured = asyncio.run(measure(url, Path(folder), given.rows))
    print(measured.told())
    if measured.late:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
