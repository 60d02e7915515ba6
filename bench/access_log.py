"""What writing down who looked costs: pages of disputes asked with the access log and without it, in turn.

    python -m bench.access_log [--requests 400] [--rounds 5] [--database-url URL]

A county of 200 disputes in a database of its own (SQLite in a folder of its own, or the empty one given), asked over
ASGI by eight at once. Prints the medians' ratio of requests a second, and fails when a read is not in the log.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx2
from sqlalchemy import func, select

from app.authentication import whoever_is_here
from app.web import create_app
from hub.access_log import AccessLog
from hub.desk import Desk
from hub.store import migrate, tables
from hub.store.engine import open_store
from hub.vocabulary import county_tables
from tests.graphql_rows import County, desk_on

_AT_ONCE = 8
_QUERY = "{ disputes(first: 50) { totalCount edges { node { id code title state parties { id name idMask } } } } }"


async def _fill(desk: Desk) -> None:
    county = County()
    for number in range(1, 201):
        record = county.record(number, county.dispute(number, title=f"纠纷{number}"))
        county.party(number, record, name=f"张{number}")
    await county.write(desk.store)


async def _pace(desk: Desk, requests: int, *, logs: bool) -> float:
    """Requests a second, the time to write what waits included."""
    log = AccessLog(desk) if logs else None
    app = create_app(desk, county_tables, authenticate=whoever_is_here, access_log=log)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1") as client:

        async def ask() -> None:
            for _ in range(requests // _AT_ONCE):
                answer = await client.post("/graphql", json={"query": _QUERY})
                assert len(answer.json()["data"]["disputes"]["edges"]) == 50, answer.text

        await client.post("/graphql", json={"query": _QUERY})
        started = time.perf_counter()
        await asyncio.gather(*(ask() for _ in range(_AT_ONCE)))
        if log is not None:
            await log.close()
        return requests / (time.perf_counter() - started)


async def _measure(url: str, requests: int, rounds: int) -> int:
    await migrate.upgrade_to_head(url)
    store = open_store(url)
    desk = desk_on(store)
    await _fill(desk)
    pairs = []
    for number in range(rounds):
        # who comes first takes turns
        first, second = (True, False) if number % 2 else (False, True)
        pace = {first: await _pace(desk, requests, logs=first), second: await _pace(desk, requests, logs=second)}
        pairs.append(pace[True] / pace[False])
    async with store.read() as connection:
        kept = await connection.scalar(select(func.count()).select_from(tables.access_log))
    asked = rounds * (requests + 1)
    await store.close()
    print(
        f"{store.kind}: with the log {statistics.median(pairs):.2f} of the requests a second without it "
        f"(rounds {', '.join(f'{one:.2f}' for one in sorted(pairs))}); {kept} of {asked} reads are in it"
    )
    return 0 if kept == asked else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 1 where a read is missing."""
    parser = argparse.ArgumentParser(prog="python -m bench.access_log", description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=400, help="of each round and side")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--database-url", help="an empty PostgreSQL database; SQLite when not given")
    given = parser.parse_args(arguments)
    requests = max(_AT_ONCE, given.requests // _AT_ONCE * _AT_ONCE)
    with tempfile.TemporaryDirectory() as folder:
        url = given.database_url or f"sqlite+aiosqlite:///{Path(folder) / 'hub.db'}"
        return asyncio.run(_measure(url, requests, given.rounds))


if __name__ == "__main__":
    sys.exit(main())
