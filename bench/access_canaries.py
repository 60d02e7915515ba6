"""Asks thousands of questions drawn by lot, as every kind of consumer, and looks for canaries that are not for them.

    python -m bench.access_canaries [--questions 5000] [--seed 1] [--postgresql]

A made-up county carries a canary in every text, number and file name that tells which record or dispute it is of
(tests/access_kit.py); who may receive which is judged by rules written from docs/access.md, not by the code under test.
Prints how many questions each principal asked, how many were answered with data, how many canaries came, how many of
them were not theirs. Exits with 1 where one was not.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from hub.store.engine import open_store
from schema.seen_by import schema_for
from tests.access_kit import Eyes, Questions, Through, everybody, plan, write
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
    leaks = 0
    print(f"{'principal':<60} asked  answered  canaries  leaks")
    for place, eyes in enumerate(everyone):
        through, counts = Through(desk, eyes), Counter[str]()
        schema = schema_for(eyes.role)
        for number in range(questions // len(everyone) + 1):
            document = Questions(schema, made, seed * 1_000_003 + place * 10_007 + number).drawn()
            try:
                answer = await through.ask(document)
            except AssertionError as leak:
                counts["leaks"] += 1
                print(leak, file=sys.stderr)
                continue
            counts["answered"] += (answer.json().get("data") or None) is not None
            counts["asked"] += 1
        leaks += counts["leaks"]
        received = len(through.received)
        print(f"{name_of(eyes):<60} {counts['asked']:>5}  {counts['answered']:>8}  {received:>8}  {counts['leaks']:>5}")
    await store.close()
    return leaks


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
