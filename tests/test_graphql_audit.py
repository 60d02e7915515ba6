"""The public audits: GraphQL over HTTP by npm's graphql-http, and the twelve checks of the security checklist."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from graphql import get_introspection_query
from starlette.requests import HTTPConnection

from app.query_page import GRAPHIQL_FILES, query_page
from app.web import create_app
from hub.access import all_roles
from hub.principal import Principal, PrincipalKind
from hub.store.engine import open_store
from hub.vocabulary import county_tables

from .databases import Database, SqliteDatabases
from .graphql_rows import desk_on
from .live_kit import serving

AUDIT = Path(__file__).parent / "npm-audit"
TOKEN = "integrator"
INTEGRATOR = Principal("key_1", PrincipalKind.PARTNER, "court", "partner_system", instances=("court",))
JSON = {"Content-Type": "application/json"}


async def integrator(connection: HTTPConnection) -> Principal | None:
    """The integrator by their token; whoever has another or none is nobody."""
    return INTEGRATOR if connection.headers.get("authorization") == f"Bearer {TOKEN}" else None


@pytest.fixture
def database(_sqlite: SqliteDatabases) -> Iterator[Database]:
    with _sqlite.migrated() as made:
        yield made


async def run(*command: str, cwd: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(120):
        told, wrong = await process.communicate()
    assert process.returncode == 0, wrong.decode()[-2000:]
    return told.decode()


async def test_the_audit_of_graphql_over_http_finds_nothing(database: Database, tmp_path: Path) -> None:
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("npm and node are not installed: the audit of GraphQL over HTTP is npm's")
    folder = shutil.copytree(AUDIT, tmp_path / "audit", ignore=shutil.ignore_patterns("node_modules"))
    # exactly what the lock names, by its digests
    await run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)
    store = open_store(database.url)
    async with serving(desk_on(store), authenticate=integrator) as served:
        results = json.loads(await run("node", "audit.mjs", served.http, TOKEN, cwd=folder))
    await store.close()
    assert [one for one in results if one["status"] != "ok"] == []
    assert len(results) == 61


# --- the checklist

Told = httpx2.Response


@asynccontextmanager
async def door(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    store = open_store(database.url)
    app = create_app(desk_on(store), county_tables, authenticate=integrator)
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield client
    await store.close()


def _data(told: Told) -> Any:
    try:
        return told.json().get("data")
    except (ValueError, AttributeError):
        return None


def _errors(told: Told) -> list[Any]:
    try:
        return list(told.json().get("errors", []))
    except (ValueError, AttributeError):
        return []


async def _posted(client: httpx2.AsyncClient, query: str) -> Told:
    return await client.post("/graphql", json={"query": query})


async def alias_overload(client: httpx2.AsyncClient) -> bool:
    told = await _posted(client, "query { " + " ".join(f"alias{n}: __typename" for n in range(101)) + " }")
    return bool(_data(told))


async def array_batching(client: httpx2.AsyncClient) -> bool:
    told = await client.post("/graphql", json=[{"query": "query { __typename }"}] * 10)
    return told.status_code == 200 or isinstance(told.json(), list)


async def directive_overload(client: httpx2.AsyncClient) -> bool:
    told = await _posted(client, "query { __typename " + "@aa" * 10 + " }")
    return bool(_data(told)) or len(_errors(told)) >= 10


async def circular_introspection(client: httpx2.AsyncClient) -> bool:
    told = await _posted(client, "{ __schema { types { " + "fields { type { " * 5 + "name" + " } }" * 5 + " } } }")
    return bool(_data(told))


async def introspection(client: httpx2.AsyncClient) -> bool:
    return bool(_data(await _posted(client, get_introspection_query())))


async def get_query(client: httpx2.AsyncClient) -> bool:
    return bool(_data(await client.get("/graphql", params={"query": "query { __typename }"})))


async def get_mutation(client: httpx2.AsyncClient) -> bool:
    return bool(_data(await client.get("/graphql", params={"query": "mutation { __typename }"})))


async def url_encoded_post(client: httpx2.AsyncClient) -> bool:
    return bool(_data(await client.post("/graphql", data={"query": "query { __typename }"})))


async def trace(client: httpx2.AsyncClient) -> bool:
    told = await _posted(client, "query { __typename }")
    return "tracing" in told.text.lower() or (await client.request("TRACE", "/graphql")).status_code == 200


async def debug(client: httpx2.AsyncClient) -> bool:
    for query in ("query { __typename", "query { nothing }", '{ node(id: "\\u0000") { id } }', "mutation { nothing }"):
        told = (await _posted(client, query)).text.lower()
        if any(word in told for word in ("traceback", "exception", "stack", ".py", "graphql-core", "strawberry")):
            return True
    return False


async def field_suggestions(client: httpx2.AsyncClient) -> bool:
    return "did you mean" in (await _posted(client, "{ dispute { titel } __schem { directive } }")).text.lower()


async def graphiql(client: httpx2.AsyncClient) -> bool:
    for path in ("/", "/graphql", "/graphiql", "/playground", "/console", "/altair", "/voyager"):
        told = await client.get(path, headers={"Accept": "text/html"})
        if any(word in told.text.lower() for word in ("graphiql", "graphql playground", "altair", "voyager")):
            return True
    return False


CHECKLIST = (
    alias_overload, array_batching, directive_overload, circular_introspection, introspection, get_query,
    get_mutation, url_encoded_post, trace, debug, field_suggestions, graphiql,
)  # fmt: skip
#: what a partner's program is given on purpose: it is written against the schema, and asks by GET with its token
GIVEN_TO_PARTNERS = {introspection, get_query, field_suggestions, graphiql}


async def test_the_security_checklist_finds_nothing_anonymously(database: Database) -> None:
    async with door(database) as client:
        assert [check.__name__ for check in CHECKLIST if await check(client)] == []


async def test_graphiql_is_for_roles_that_may_introspect(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in GRAPHIQL_FILES:
        (tmp_path / name).touch()
    monkeypatch.setattr("app.web.query_page", partial(query_page, tmp_path))
    store = open_store(database.url)
    roles = [*all_roles().values()]
    assert {role.limits.may_introspect for role in roles} == {False, True}
    for role in roles:
        asks = replace(INTEGRATOR, role=role.role)

        async def authenticate(_: HTTPConnection, asks: Principal = asks) -> Principal | None:
            return asks

        app = create_app(desk_on(store), county_tables, authenticate=authenticate)
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1") as client:
            told = await client.get("/graphql", headers={"Accept": "text/html"})
        assert told.status_code == 200
        assert ("graphiql.min.js" in told.text) is role.limits.may_introspect, role.role
    await store.close()


async def test_a_partner_gets_nothing_of_the_checklist_but_what_is_theirs(database: Database) -> None:
    async with door(database) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        found = {check for check in CHECKLIST if await check(client)}
        assert found <= GIVEN_TO_PARTNERS, found - GIVEN_TO_PARTNERS
        assert introspection in found, "the checks reach the schema at all"
