"""Asks thousands of questions drawn by lot, as every kind of consumer, and looks for canaries that are not for them.

    python -m bench.access_canaries [--questions 5000] [--seed 1] [--postgresql]

A made-up county carries a canary in every text, number, point and file that tells which record or dispute it is of
(tests/access_kit.py); who may receive which is judged by rules written from docs/access.md, not by the code under test.
The questions go every way there is: queries, broken ones, findParties, revealParty, files, exports, both transports of
subscriptions. First every exact check of the suite is made as well. Looked at is every byte of every answer, cursors
decoded and workbooks unpacked, every line of the logs, and in the end every row of the access log.

Prints how many questions each principal asked, how many were answered with something, how many canaries came, how many
questions leaked; then how many went each way. Exits with 1 where one leaked.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Awaitable
from contextlib import ExitStack
from pathlib import Path

from hub.store.engine import open_store
from schema.seen_by import schema_for
from tests.access_checks import CHECKS
from tests.access_kit import Eyes, Through, everybody, plan, write
from tests.access_lot import ask_by_lot, way_of
from tests.databases import Database, PostgresDatabases, SqliteDatabases
from tests.graphql_rows import desk_on
from tests.postgres_server import running_server


def name_of(eyes: Eyes) -> str:
    given = eyes.principal
    return " ".join([eyes.role, *given.regions, *given.instances, given.agency]).strip()


async def ask_all(database: Database, questions: int, seed: int) -> int:
    """Ask, print a line a principal, and return how many answers leaked."""
    made = plan()
    store = open_store(database.url)
    desk = desk_on(store)
    await write(desk, made)
    everyone = everybody(made)
    ways: Counter[str] = Counter()
    leaks = 0
    print(f"{'principal':<60} asked  answered  canaries  leaks")
    for place, eyes in enumerate(everyone):
        through, counts = Through(desk, eyes), Counter[str]()
        for check in CHECKS:
            counts["leaks"] += await _leaks(check(through))
        for number in range(questions // len(everyone) + 1):
            lot = seed * 1_000_003 + place * 10_007 + number
            ways[way_of(lot)] += 1
            counts["asked"] += 1
            counts["leaks"] += await _leaks(_count(counts, ask_by_lot(through, schema_for(eyes.role), lot)))
        counts["leaks"] += await _leaks(through.close())
        leaks += counts["leaks"]
        received = len(through.received)
        print(f"{name_of(eyes):<60} {counts['asked']:>5}  {counts['answered']:>8}  {received:>8}  {counts['leaks']:>5}")
    await store.close()
    print(", ".join(f"{way} {count}" for way, count in ways.most_common()), f"; {sum(ways.values())} in all")
    return leaks


async def _count(counts: Counter[str], asking: Awaitable[bool]) -> None:
    counts["answered"] += await asking


async def _leaks(asking: Awaitable[None]) -> int:
    """1 where it leaked; what and to whom goes to stderr."""
    try:
        await asking
    except AssertionError as leak:
        print("".join(traceback.format_exception(leak))[-3000:], file=sys.stderr)
        return 1
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.access_canaries", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--questions", type=int, default=5000, help="Over all principals together.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgresql", action="store_true", help="On a PostgreSQL of its own instead of SQLite.")
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="access-canaries-")))
        databases: SqliteDatabases | PostgresDatabases
        if asked.postgresql:
            databases = PostgresDatabases(stack.enter_context(running_server(os.environ)))
        else:
            databases = SqliteDatabases(folder)
        database = stack.enter_context(databases.migrated())
        sys.exit(1 if asyncio.run(ask_all(database, asked.questions, asked.seed)) else 0)


if __name__ == "__main__":
    main()
