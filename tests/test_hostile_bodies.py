"""Hostile bodies against a served hub: a slice of ``python -m bench.hostile_bodies``, and what earlier runs found."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.hostile_bodies import LIMIT_MS, served, take_all

from .databases import Database, SqliteDatabases
from .hostile_bodies import drawn, hand_made

#: drawn bodies that once were answered 5xx or took too long, by what was wrong
ONCE_WRONG: dict[str, bytes] = {}


@pytest.fixture
def database(_sqlite: SqliteDatabases) -> Iterator[Database]:
    with _sqlite.migrated() as made:
        yield made


async def test_no_hostile_body_is_answered_5xx_or_takes_long(database: Database) -> None:
    bodies = hand_made() | ONCE_WRONG | {f"drawn {n}": body for n, body in enumerate(drawn(20260601, 60))}
    assert len(hand_made()) >= 200
    async with served(database.url) as client:
        outcomes = await take_all(client, bodies)
        assert (await client.get("/healthz")).status_code == 200
    assert [one for one in outcomes if one.status >= 500 or one.took_ms > LIMIT_MS] == []
    # they reach every floor: the wire, the parser, the guard, validation, and running
    assert {one.status for one in outcomes} >= {200, 400, 413}
