"""GraphQL over HTTP: what is read at all, what no page elsewhere can send, and what is left of a minute's budget."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.requests import HTTPConnection
from typer.testing import CliRunner

from app.cli import root
from app.graphql_live_events import _CODES
from app.strict_json import NotStrictError, strict_json
from app.web import create_app
from hub.errors import ConfigurationError
from hub.principal import Principal, PrincipalKind
from hub.store.engine import Store, open_store
from hub.vocabulary import county_tables
from schema import errors
from schema.budget import Budget
from schema.trusted import NO_DOCUMENTS, Documents, read_documents

from .databases import Database, SqliteDatabases
from .graphql_rows import desk_on

ROOT = Path(__file__).parent.parent
JSON, GRAPHQL_JSON = "application/json", "application/graphql-response+json"
QUERY = "{ agencies { code } }"
PARTNER = Principal("key_1", PrincipalKind.PARTNER, "court", "partner_system", instances=("court",))
WATCHER = Principal("key_2", PrincipalKind.PARTNER, "watcher", "administrator")
WATCHING = {"Authorization": "Bearer watcher"}
TOWNSHIP = Principal("acc_1", PrincipalKind.STAFF, "township", "township_operator", regions=("620725101",))


async def by_token(connection: HTTPConnection) -> Principal | None:
    """Three principals by their tokens, and nobody else."""
    known = {"Bearer partner": PARTNER, "Bearer township": TOWNSHIP, "Bearer watcher": WATCHER}
    return known.get(connection.headers.get("authorization", ""))


async def by_cookie(connection: HTTPConnection) -> Principal | None:
    """A signed-in person's browser, which sends its cookie along whoever asked it to."""
    return TOWNSHIP if connection.cookies.get("session") == "1" else None


@pytest.fixture
def database(_sqlite: SqliteDatabases) -> Iterator[Database]:
    with _sqlite.migrated() as made:
        yield made


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = open_store(database.url)
    yield store
    await store.close()


@asynccontextmanager
async def serving(store: Store, authenticate: Any = by_token, **options: Any) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(desk_on(store), county_tables, authenticate=authenticate, **options)
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx2.AsyncClient]:
    async with serving(store) as client:
        yield client


async def post(client: httpx2.AsyncClient, body: Any, token: str = "partner", **headers: str) -> httpx2.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": JSON, "Accept": GRAPHQL_JSON, "Authorization": f"Bearer {token}", **headers}
    return await client.post("/graphql", content=content, headers=sent)


def code(answer: httpx2.Response) -> str:
    assert "data" not in answer.json()
    return str(answer.json()["errors"][0]["extensions"]["code"])


STRICT = {
    "a key twice": b'{"query":"{a}","query":"{b}"}',
    "a key twice, written otherwise": b'{"query":"{a}","quer\\u0079":"{b}"}',
    "a key twice inside": b'{"query":"{a}","variables":{"a":[{"b":1,"b":2}]}}',
    "a byte order mark": b'\xef\xbb\xbf{"query":"{a}"}',
    "UTF-16": '{"query":"{a}"}'.encode("utf-16"),
    "Latin-1": b'{"query":"{a(b:\\"\xe9\\")}"}',
    "an overlong slash": b'{"query":"\xc0\xaf"}',
    "a surrogate's bytes": b'{"query":"\xed\xa0\x80"}',
    "half a surrogate": b'{"query":"\\ud800"}',
    "no number": b'{"query":"{a}","variables":{"a":NaN}}',
    "infinity": b'{"query":"{a}","variables":{"a":-Infinity}}',
    "too large a number": b'{"query":"{a}","variables":{"a":1e999}}',
    "thousands of digits": b'{"query":"{a}","variables":{"a":' + b"9" * 6000 + b"}}",
    "a comment": b'{"query":"{a}"} // fine',
    "a comma too many": b'{"query":"{a}",}',
    "two values": b'{"query":"{a}"}{"query":"{a}"}',
    "single quotes": b"{'query':'{a}'}",
    "a line break in text": b'{"query":"{a\n}"}',
    "deep": b'{"query":"{a}","variables":{"a":' + b"[" * 980 + b"]" * 980 + b"}}",
    "far deeper": b"[" * 200_000,
}


@pytest.mark.parametrize("name", STRICT)
async def test_json_is_read_in_one_way_only(client: httpx2.AsyncClient, name: str) -> None:
    answer = await post(client, STRICT[name])
    assert (answer.status_code, code(answer)) in [(400, "BAD_REQUEST"), (400, "BAD_USER_INPUT")]
    assert "{a}" not in answer.text


def test_what_is_strict_stays_what_it_was() -> None:
    assert strict_json('{"山":[1,2.5,null,true,{"丹":""}]," ":""}'.encode()) == {
        "山": [1, 2.5, None, True, {"丹": ""}], " ": "",
    }  # fmt: skip
    with pytest.raises(NotStrictError, match="twice"):
        strict_json(b'[{"a":{},"a":{}}]')


async def test_a_compressed_body_is_refused_unread(client: httpx2.AsyncClient) -> None:
    body = gzip.compress(b'{"query":"{ __typename }"}' + b" " * 200_000)
    for encoding in ("gzip", "br", "deflate", "zstd", "GZIP", "gzip, identity", "x"):
        answer = await post(client, body, **{"Content-Encoding": encoding})
        assert (answer.status_code, code(answer)) == (415, "BAD_REQUEST"), encoding
        assert answer.headers["accept-encoding"] == "identity"
    assert (await post(client, {"query": QUERY}, **{"Content-Encoding": "identity"})).status_code == 200


async def test_a_get_needs_what_no_page_elsewhere_has_sent(store: Store) -> None:
    params = {"query": "{ __typename }"}
    async with serving(store, by_cookie) as client:
        client.cookies.set("session", "1")
        for simple in ({}, {"Accept-Language": "zh"}, {"Content-Language": "zh"}, {"Content-Type": "text/plain"},
                       {"Authorization": "Basic YTpi"}, {"Accept": GRAPHQL_JSON}):  # fmt: skip
            answer = await client.get("/graphql", params=params, headers=simple)
            assert (answer.status_code, code(answer)) == (400, "BAD_REQUEST"), simple
        for name in ("GraphQL-Require-Preflight", "Apollo-Require-Preflight", "X-Requested-With"):
            assert (await client.get("/graphql", params=params, headers={name: "1"})).status_code == 200, name
    async with serving(store) as client:
        # a token is no cookie: a browser never adds it by itself
        assert (await client.get("/graphql", params=params, headers={"Authorization": "Bearer partner"})).is_success


async def test_an_address_is_read_in_one_way_only(client: httpx2.AsyncClient) -> None:
    headers = {"Authorization": "Bearer partner", "Accept": GRAPHQL_JSON}
    for query in ("query=%7Ba%7D&query=%7Bb%7D", "query=%ff", "query=%7Ba%7D&variables=%7B%22a%22%3A1%2C%22a%22%3A2%7D",
                  "query=%ed%a0%80", "&".join(f"a{n}=1" for n in range(60))):  # fmt: skip
        answer = await client.get(f"/graphql?{query}", headers=headers)
        assert (answer.status_code, code(answer)) == (400, "BAD_REQUEST"), query


async def test_what_a_request_cost_is_told_and_counted(client: httpx2.AsyncClient) -> None:
    first, second = [(await post(client, {"query": QUERY})).json()["extensions"]["cost"] for _ in range(2)]
    assert first["requested"] == second["requested"] > 60
    assert 0 <= first["remaining"] - second["remaining"] <= first["requested"]
    assert f"hub_graphql_cost_total {2 * first['requested']}.0" in (await client.get("/metrics", headers=WATCHING)).text


async def test_who_asks_too_much_waits_and_nobody_else(client: httpx2.AsyncClient) -> None:
    dear = {"query": "{ disputes(first: 100) { edges { node { history { edges { node { id kind } } } } } } }"}
    for _ in range(20):
        answer = await post(client, dear)
        if answer.status_code != 200:
            break
    assert (answer.status_code, code(answer)) == (429, "RATE_LIMITED")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    # another media type has the same status: programs that wait look for it
    assert (await post(client, dear, Accept=JSON)).status_code == 429
    assert (await post(client, dear, "township")).status_code == 200
    assert 'hub_graphql_requests_total{outcome="limited"} 2.0' in (await client.get("/metrics", headers=WATCHING)).text


def test_a_budget_fills_by_the_minute_and_never_overflows() -> None:
    now = 0.0
    budget = Budget(clock=lambda: now)
    assert budget.spend("a", 600, 600).remaining == 0
    refused = budget.spend("a", 300, 600)
    assert (refused.wait_s, refused.remaining) == (30, 0)
    now = 30.0
    assert budget.spend("a", 300, 600).wait_s == 0
    now = 10_000.0
    assert budget.spend("a", 1, 600).remaining == 599
    assert budget.spend("b", 1, 600).remaining == 599
    # dearer than a whole minute: never, and the wait is for a full budget
    assert 1 <= budget.spend("c", 10_000, 600).wait_s <= 60


def test_budgets_of_a_million_names_take_bounded_memory() -> None:
    budget = Budget(remembered=100)
    for number in range(100_000):
        budget.spend(f"acc_{number}", 1, 600)
    assert len(budget._left) == 100


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


async def test_a_registered_document_is_asked_for_by_its_id(store: Store) -> None:
    documents = Documents({_sha256(QUERY): QUERY, "v1": "query($c: String) { dispute(code: $c) { id } }"})
    async with serving(store, documents=documents) as client:
        id = _sha256(QUERY)
        for body in (
            {"documentId": id}, {"documentId": f"sha256:{id}"},
            {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": id}}},
            {"query": QUERY, "extensions": {"persistedQuery": {"version": 1, "sha256Hash": id}}},
            {"documentId": "v1", "variables": {"c": "JF"}},
        ):  # fmt: skip
            assert "data" in (await post(client, body)).json(), body
        headers = {"Authorization": "Bearer partner"}
        assert "data" in (await client.get("/graphql", params={"documentId": id}, headers=headers)).json()
        unknown = await post(client, {"documentId": "0" * 64})
        assert (unknown.status_code, code(unknown)) == (400, "PERSISTED_QUERY_NOT_FOUND")
        wrong = {"query": "{ __typename }", "extensions": {"persistedQuery": {"sha256Hash": id}}}
        assert code(await post(client, wrong)) == "BAD_USER_INPUT"
        for odd in ({"documentId": 1}, {"documentId": ""}, {"documentId": "x" * 200},
                    {"extensions": {"persistedQuery": {}}}, {"extensions": {"persistedQuery": 1}}):  # fmt: skip
            assert code(await post(client, odd)) == "BAD_REQUEST", odd


async def test_a_hub_can_be_told_to_run_nothing_else(store: Store) -> None:
    mutation = "mutation { __typename }"
    async with serving(store, documents=Documents({"a": QUERY}, True, frozenset({QUERY}))) as client:
        assert "data" in (await post(client, {"documentId": "a"})).json()
        assert "data" in (await post(client, {"query": QUERY})).json()
        for other in (QUERY + " ", mutation, "{ __typename }", "{ __schema { queryType { name } } }"):
            answer = await post(client, {"query": other})
            assert (answer.status_code, code(answer)) == (400, "DOCUMENT_NOT_TRUSTED"), other
        assert code(await post(client, {"query": mutation, "documentId": "a"})) == "DOCUMENT_NOT_TRUSTED"


def test_documents_are_read_as_clients_tools_write_them(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "persisted.json").write_text(json.dumps({_sha256("{ a }"): "{ a }", "v1": "{ b }"}))
    operations = [{"id": "apollo", "name": "C", "type": "query", "body": "query C { c }"}]
    apollo = {"format": "apollo-persisted-query-manifest", "version": 1, "operations": operations}
    (tmp_path / "deep" / "apollo.json").write_text(json.dumps(apollo))
    (tmp_path / "d.graphql").write_text("{ d }\n")
    (tmp_path / "README.md").write_text("not read")
    found = read_documents(tmp_path, only=False)
    assert found.by_id == {
        _sha256("{ a }"): "{ a }", "v1": "{ b }", "apollo": "query C { c }",
        _sha256("{ d }"): "{ d }", _sha256("{ d }\n"): "{ d }\n",
    }  # fmt: skip
    assert NO_DOCUMENTS.by_id == {}


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"a": 1}', '{"a b": "{ a }"}', '{"operations": [{"id": "a"}]}', '{"v1": "{ other }"}'],
)  # fmt: skip
def test_documents_that_cannot_be_understood_stop_the_server(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text('{"v1": "{ a }"}')
    (tmp_path / "b.json").write_text(content)
    with pytest.raises(ConfigurationError):
        read_documents(tmp_path, only=True)
    with pytest.raises(ConfigurationError):
        read_documents(tmp_path / "nowhere", only=True)


def test_documents_are_checked_before_they_are_trusted(tmp_path: Path) -> None:
    (tmp_path / "fine.graphql").write_text("query Fine { disputes { totalCount } }\n")
    cli = CliRunner()
    listed = cli.invoke(root.app, ["schema", "documents", "list", str(tmp_path), "--json"])
    assert [one["operations"] for one in json.loads(listed.stdout)] == [["Fine"]]
    assert cli.invoke(root.app, ["schema", "documents", "check", str(tmp_path)]).exit_code == 0
    wrong = {"v1": "{ dispute { titel } }", "v2": "fragment F on Query { __typename }", "v3": "{"}
    (tmp_path / "wrong.json").write_text(json.dumps({**wrong, "v4": "{ deadLetters { totalCount } }"}))
    checked = cli.invoke(root.app, ["schema", "documents", "check", str(tmp_path), "--json"])
    assert (checked.exit_code, set(json.loads(checked.stdout)["wrong"])) == (1, set(wrong))
    by_role = cli.invoke(root.app, ["schema", "documents", "check", str(tmp_path), "--role", "partner_system"])
    assert by_role.exit_code == 1
    assert "v4" in by_role.stdout


_WRITTEN_CODE = re.compile(r'"code": "([A-Z_]+)"|(?:Refused|UntrustedError)\(\s*"([A-Z_]+)"|ref\w+\(\d+, "([A-Z_]+)"')


def test_every_code_of_an_error_is_declared_and_documented() -> None:
    written = set()
    for folder in ("app", "schema"):
        for file in (ROOT / folder).rglob("*.py"):
            found = _WRITTEN_CODE.findall(file.read_text(encoding="utf-8"))
            written |= {one for pair in found for one in pair if one}
    written |= {code for _, code in errors._DECLARED} | set(_CODES.values())
    assert len(written) > 12
    assert written == errors.CODES
    page = (ROOT / "docs" / "frontend.md").read_text(encoding="utf-8")
    table = page[page.index("| code | meaning |") :].split("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines()[2:]]
    assert {code for row in rows for code in re.findall(r"`([A-Z_]+)`", row)} == errors.CODES
