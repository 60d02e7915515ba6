"""Whatever door refuses, a program reads it in one way: ``errors``, each with a declared code."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from app.authentication import nobody, whoever_is_here
from app.doorway import Standing
from app.web import create_app
from hub.store.engine import open_store
from hub.vocabulary import county_tables
from schema.errors import CODES

from .databases import Database, SqliteDatabases
from .graphql_rows import desk_on

OURS, FOREIGN = {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"}
JSON = {"Content-Type": "application/json"}
#: to whoever proved nothing
STRANGERS = [
    ("GET", "/graphql", {}, 401, "UNAUTHENTICATED"), ("POST", "/graphql", JSON, 401, "UNAUTHENTICATED"),
    ("GET", "/files/att_620725_1", {}, 401, "UNAUTHENTICATED"), ("GET", "/metrics", {}, 401, "UNAUTHENTICATED"),
    ("GET", "/export/disputes.csv", {}, 401, "UNAUTHENTICATED"),
    ("POST", "/sign-in", {**JSON, **OURS}, 401, "UNAUTHENTICATED"),
    ("POST", "/sign-in", {**JSON, **FOREIGN}, 403, "FORBIDDEN"),
    ("POST", "/password", {**JSON, **OURS}, 401, "UNAUTHENTICATED"),
    ("POST", "/password", {**JSON, **FOREIGN}, 403, "FORBIDDEN"), ("POST", "/sign-out", FOREIGN, 403, "FORBIDDEN"),
    ("GET", "/no/such/door", {}, 404, "NOT_FOUND"), ("DELETE", "/graphql", {}, 405, "METHOD_NOT_ALLOWED"),
    ("POST", "/files/att_620725_1", {}, 405, "METHOD_NOT_ALLOWED"),
    ("GET", "/healthz", {"Host": "evil.example"}, 421, "BAD_REQUEST"),
]  # fmt: skip
#: to whoever is let in
KNOWN = [
    ("GET", "/files/att_620725_1", {}, 404, "NOT_FOUND"), ("GET", "/export/disputes.pdf", {}, 404, "NOT_FOUND"),
    ("POST", "/export/disputes.csv", {}, 405, "METHOD_NOT_ALLOWED"),
    ("GET", "/graphql?query=x", {}, 400, "BAD_REQUEST"),
    ("GET", "/export/disputes.csv?filter=x", {}, 400, "BAD_REQUEST"),
    ("GET", "/export/disputes.csv", FOREIGN, 403, "FORBIDDEN"),
    ("GET", "/graphql?query=x", {"Accept": "text/event-stream", **FOREIGN}, 403, "FORBIDDEN"),
]  # fmt: skip


@pytest.fixture
def database(_sqlite: SqliteDatabases) -> Iterator[Database]:
    with _sqlite.migrated() as made:
        yield made


@pytest.fixture
async def clients(database: Database) -> AsyncIterator[tuple[httpx2.AsyncClient, httpx2.AsyncClient]]:
    """A stranger, and this machine's operator."""
    store, standing = open_store(database.url), Standing(base_path="/hub")
    stranger, known = (
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(
                create_app(desk_on(store), county_tables, authenticate=authenticate, standing=standing)
            ),
            base_url="http://127.0.0.1/hub",
        )
        for authenticate in (nobody, whoever_is_here)
    )
    async with stranger, known:
        yield stranger, known
    await store.close()


async def test_every_door_refuses_in_one_shape(clients: tuple[httpx2.AsyncClient, httpx2.AsyncClient]) -> None:
    for client, cases in zip(clients, (STRANGERS, KNOWN), strict=True):
        for method, path, headers, status, code in cases:
            answer = await client.request(method, path, headers=headers)
            said = (answer.status_code, answer.headers["content-type"].partition(";")[0])
            assert said == (status, "application/json"), (method, path, headers)
            (error,) = answer.json()["errors"]
            assert error["message"] and error["extensions"] == {"code": code}, (method, path, headers)
            assert code in CODES and answer.json().keys() == {"errors"}
            assert (status == 405) is ("allow" in answer.headers)
