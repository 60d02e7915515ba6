"""What one request costs the database, and what it may not cost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from time import process_time
from typing import Any

import pytest
from sqlalchemy import event

from hub.store import tables
from hub.store.engine import open_store
from hub.vocabulary import HandlingEventKind as Kind

from .databases import Database, SqliteDatabases
from .graphql_rows import County, Door

PAGE = """
query($first: Int) { disputes(first: $first) { totalCount pageInfo { hasNextPage hasPreviousPage } edges { node {
  id code title state category { label } region { name parent { name } } holder { name }
  parties { role name region { name } }
  records { nativeNo state region { name } link { evidence } dispute { code } }
  referrals { state from { name } to { name } }
  history(first: 20) { totalCount edges { node {
    kind text words sequence actor { name } record { nativeNo } referral { state }
  } } }
} } } }
"""


@pytest.fixture
async def door(database: Database) -> AsyncIterator[Door]:
    store = open_store(database.url)
    yield Door(store)
    await store.close()


@contextmanager
def counted(door: Door) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    engine = door.store.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


async def fifty(door: Door) -> None:
    county = County()
    for code, kind in (("620725190000", "CENTER"), ("620725010000", "COURT")):
        county.put(tables.agencies, id=f"agy_{code}", code=code, name=kind, kind=kind, region_code="620725")
    for code in ("620725", "620725101", "620725101001"):
        county.put(tables.regions, code=code, name=code, level="VILLAGE")
    for number in range(60):
        dispute = county.dispute(number)
        for n in range(2):
            record = county.record(number * 10 + n, dispute)
            county.referral(number * 10 + n, record, source_event_id="a")
            for m in range(3):
                county.party(number * 100 + n * 10 + m, record, name=f"人{m}", region_code="620725101")
                county.event(
                    number * 100 + n * 10 + m, Kind.REFERRED, record_id=record, source_event_id="abc"[m],
                    data={"org": "620725190000"}, actor_code="620725010000", words="…",
                )  # fmt: skip
    await county.write(door.store)


async def test_a_page_costs_the_same_statements_however_long_it_is(door: Door) -> None:
    await fifty(door)
    counts = {}
    for first in (5, 50):
        with counted(door) as statements:
            found = (await door.data(PAGE, first=first))["disputes"]
        assert len(found["edges"]) == first
        last = found["edges"][-1]["node"]
        assert (len(last["parties"]), len(last["records"]), last["history"]["totalCount"]) == (3, 2, 6)
        counts[first] = statements
    assert len(counts[5]) == len(counts[50]), counts
    # the page, its total, and one for each kind of neighbour that was asked for, down to regions of regions
    assert len(counts[50]) <= 16, counts[50]


async def test_parties_records_and_histories_of_fifty_cost_at_most_twelve(door: Door) -> None:
    await fifty(door)
    query = """query($first: Int) { disputes(first: $first) { totalCount edges { node {
      code state holder { name } region { name }
      parties { role name } records { nativeNo state }
      history(first: 20) { totalCount edges { node { kind text words actor { name } record { nativeNo } } } }
    } } } }"""
    counts = []
    for first in (5, 50):
        with counted(door) as statements:
            await door.data(query, first=first)
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 12


async def test_what_is_not_asked_is_not_counted(door: Door) -> None:
    await fifty(door)
    with counted(door) as statements:
        await door.data("{ disputes { pageInfo { hasNextPage hasPreviousPage } edges { node { code } } } }")
    assert len(statements) == 1


def bomb(levels: int) -> str:
    """Each fragment spreads the next one ten times."""
    spreads = "".join(f"fragment F{n} on Dispute {{ {f'...F{n + 1} ' * 10} id }}\n" for n in range(levels))
    return f"{{ disputes {{ edges {{ node {{ ...F0 }} }} }} }}\n{spreads}fragment F{levels} on Dispute {{ code }}"


HOSTILE = {
    "depth": "{ disputes { edges { node { mergedInto " + "{ mergedInto " * 30 + "{ id }" + "}" * 34,
    "far deeper": "{ a" * 900 + "}" * 900,
    "aliases": "{ disputes { edges { node { " + " ".join(f"a{n}: id" for n in range(640)) + " } } } }",
    "many aliases": "{ " + " ".join(f"a{n}: connectors {{ instance }}" for n in range(390)) + " }",
    "fragments": bomb(30),
    "tokens": "{" + " a" * 100_000 + "}",
    "directives": "{ connectors { instance " + "@skip(if: false) " * 800 + "} }",
    "circle": "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
    "rows": "{ disputes(first: 100) { edges { node { history(first: 100) { edges { node { record "
    "{ history(first: 100) { edges { node { id } } } } } } } } } } }",
    "rows by variable": "query($n: Int) { disputes(first: $n) { edges { node { history(first: $n) { edges { node "
    "{ record { history(first: $n) { edges { node { id } } } } } } } } } } }",
    "lists": "{ caseRecords(filter: { kinds: " + "[" * 300 + "]" * 300 + " }) { totalCount } }",
    "same name": "{ disputes { " + "edges { node { id } } " * 320 + "} }",
    "introspection": "{ __schema { types { " + "fields { type { " * 6 + "name" + " } }" * 6 + " } } }",
    "variables": "query(" + " ".join(f"$v{n}: Int" for n in range(400)) + ") { connectors { instance } }",
    "comments": "#\n" * 100_000 + "{ connectors { instance } }",
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_query_is_answered_at_once(name: str, sqlite_door: Door) -> None:
    # what it costs this machine: a neighbour's work can slow one try, not three; each by a door that remembers nothing
    tries = []
    for door in (sqlite_door, Door(sqlite_door.store), Door(sqlite_door.store)):
        started = process_time()
        payload = await door.ask(HOSTILE[name])
        tries.append(process_time() - started)
        if tries[-1] < 0.25:
            break
    assert min(tries) < 0.25
    assert payload["errors"], payload
    assert "internal error" not in str(payload)


@pytest.fixture
def sqlite(_sqlite: SqliteDatabases) -> Iterator[Database]:
    with _sqlite.migrated() as made:
        yield made


@pytest.fixture
async def sqlite_door(sqlite: Database) -> AsyncIterator[Door]:
    store = open_store(sqlite.url)
    yield Door(store)
    await store.close()
