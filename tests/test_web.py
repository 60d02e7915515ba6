"""The web server's face: protocol, hostile bodies, the offline query page, and who may ask at all."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from structlog.testing import capture_logs

from app.authentication import whoever_is_here
from app.doorway import Standing
from app.graphql_http import MAX_BODY_BYTES, MAX_QUERY_STRING
from app.query_page import GRAPHIQL_FILES, query_page
from app.web import create_app, server
from hub.errors import ConfigurationError
from hub.store.engine import Store, open_store
from hub.vocabulary import county_tables

from .databases import Database
from .graphql_rows import desk_on

#: what a GET needs: no page elsewhere has a browser send it unasked
ASKED_FIRST = {"GraphQL-Require-Preflight": "1"}
JSON, GRAPHQL_JSON = "application/json", "application/graphql-response+json"
QUERY = "{ connectors { instance } }"


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = open_store(database.url)
    yield store
    await store.close()


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(create_app(desk_on(store), county_tables, authenticate=whoever_is_here))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


async def post(client: httpx2.AsyncClient, body: Any, **headers: str) -> httpx2.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await client.post("/graphql", content=content, headers={"Content-Type": JSON, **headers})


async def test_a_query_by_post_and_by_get(client: httpx2.AsyncClient) -> None:
    for answer in (
        await post(client, {"query": QUERY}),
        await post(client, {"query": QUERY, "variables": None, "operationName": None, "extensions": {"a": 1}}),
        await client.get("/graphql", params={"query": QUERY, "variables": "{}"}, headers=ASKED_FIRST),
    ):
        assert (answer.status_code, answer.json()["data"]) == (200, {"connectors": []})
        assert answer.headers["content-type"] == f"{JSON}; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


ACCEPTED: list[tuple[str | None, str | None]] = [
    (None, JSON), ("*/*", JSON), ("application/*", JSON), (JSON, JSON), (GRAPHQL_JSON, GRAPHQL_JSON),
    (f"{GRAPHQL_JSON}, {JSON};q=0.9", GRAPHQL_JSON), (f"{JSON};q=0.5, {GRAPHQL_JSON};charset=utf-8", GRAPHQL_JSON),
    (f"{GRAPHQL_JSON};q=0, {JSON}", JSON), ("text/html", None), (f"{JSON};q=x", None), ("image/*,;;=", None),
]  # fmt: skip


async def test_the_answer_comes_in_the_type_asked_for(client: httpx2.AsyncClient) -> None:
    for accept, media_type in ACCEPTED:
        request = client.build_request("POST", "/graphql", json={"query": QUERY})
        del request.headers["accept"]
        if accept is not None:
            request.headers["accept"] = accept
        answer = await client.send(request)
        assert answer.status_code == (200 if media_type else 406), accept
        assert answer.headers["content-type"] == f"{media_type or JSON}; charset=utf-8", accept


async def test_a_status_tells_whether_the_query_ran_where_the_type_allows(client: httpx2.AsyncClient) -> None:
    for query in ("{ nothing }", "{", "query($a: Int!) { disputes(first: $a) { totalCount } }"):
        modern = await post(client, {"query": query}, Accept=GRAPHQL_JSON)
        classic = await post(client, {"query": query}, Accept=JSON)
        assert (modern.status_code, classic.status_code) == (400, 200), query
        assert "data" not in modern.json()
        assert modern.json()["errors"][0]["extensions"]["code"]
    partial = await post(client, {"query": "{ dispute { id } }"}, Accept=GRAPHQL_JSON)
    assert (partial.status_code, partial.json()["data"]) == (200, {"dispute": None})


def hostile_bodies() -> list[Any]:
    deep = "{a" * 20_000
    return [
        b"", b" ", b"null", b"[]", b"[{}]", b"1", b'"x"', b"{", b"{}", b"\x00", b"\xff\xfe{}", b"\xef\xbb\xbf{}",
        b"[" * 100_000, b'{"a":' * 50_000, b'{"query": "{ connectors { instance } }"', b"{'query': 1}",
        b'{"query": "\xff"}', b'{"query": "\\ud800"}', b'{"query": "\\u0000"}', b'{"query": NaN}',
        {"query": None}, {"query": 1}, {"query": []}, {"query": {}}, {"query": ""}, {"query": " \n"},
        {"query": QUERY, "variables": []}, {"query": QUERY, "variables": "x"}, {"query": QUERY, "variables": 1},
        {"query": QUERY, "operationName": 1}, {"query": QUERY, "operationName": {}},
        {"query": QUERY, "operationName": "Nobody"}, {"query": QUERY, "extensions": []},
        {"query": QUERY, "extensions": "x"}, {"query": deep}, {"query": "{" * 60_000}, {"query": "#" * 200_000},
        {"query": "\x00"}, {"query": "{ dispute(code: \"\x00\") { id } }"}, {"query": "\ufeff{ connectors"},
        {"query": '{ dispute(code: "\\u0000") { id } }'}, {"query": '{ dispute(code: "\\u{0}") { id } }'},
        {"query": "query($c: String) { dispute(code: $c) { id } }", "variables": {"c": "\x00"}},
        {"query": "query($c: String) { dispute(code: $c) { id } }", "variables": {"c": 1e400}},
        {"query": "query($c: String) { dispute(code: $c) { id } }", "variables": {"c": {"d": []}}},
        {"query": "query($n: Int) { disputes(first: $n) { totalCount } }", "variables": {"n": 2**70}},
        {"query": "query($n: Int) { disputes(first: $n) { totalCount } }", "variables": {"n": True}},
        {"query": '{ disputes(after: "' + "A" * 100_000 + '") { totalCount } }'},
        {"query": '{ disputes(filter: { text: "%_\\\\" }) { totalCount } }'},
        {"query": '{ disputes(filter: { text: "\' OR 1=1 --" }) { totalCount } }'},
        {"query": '{ figures(from: "9999-12-31", to: "0001-01-01") { id } }'},
        {"query": "{ __typename " * 400}, {"query": "{" + " __typename" * 1_500 + "}"},
        {"query": "mutation { x }"}, {"query": "subscription { x }"}, {"query": "type A { a: Int }"},
        {"query": "query A { __typename } query A { __typename }"}, {"query": "{ ...a } fragment a on Query { ...a }"},
    ]  # fmt: skip


async def test_no_hostile_body_is_answered_5xx(client: httpx2.AsyncClient) -> None:
    with capture_logs() as logs:
        for body in hostile_bodies():
            for accept in (JSON, GRAPHQL_JSON):
                answer = await post(client, body, Accept=accept)
                assert answer.status_code < 500, (str(body)[:80], answer.status_code)
                told = answer.json()
                assert "errors" in told or "data" in told
                assert "internal error" not in answer.text, (str(body)[:80], answer.text)
    assert logs == []


CONTENT_TYPES = {
    JSON: 200, f"{JSON}; charset=utf-8": 200, f'{JSON};charset="UTF-8"': 200, "APPLICATION/JSON": 200,
    "": 415, "text/plain": 415, "application/x-www-form-urlencoded": 415, "multipart/form-data": 415,
    f"{JSON}; charset=gb18030": 415, "application/graphql": 415, "application/json-patch+json": 415,
}  # fmt: skip


async def test_only_json_in_utf_8_is_read(client: httpx2.AsyncClient) -> None:
    for content_type, status in CONTENT_TYPES.items():
        answer = await post(client, {"query": QUERY}, **{"Content-Type": content_type})
        assert answer.status_code == status, content_type


async def test_a_body_is_not_read_beyond_its_limit(client: httpx2.AsyncClient) -> None:
    just = {"query": QUERY, "extensions": {"x": "x" * (MAX_BODY_BYTES - 100)}}
    assert (await post(client, just)).status_code == 200
    assert (await post(client, b"x" * (MAX_BODY_BYTES + 1))).status_code == 413

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1_000):
            yield b"x" * 1_000
        raise AssertionError("read on beyond the limit")

    answer = await client.post("/graphql", content=endless(), headers={"Content-Type": JSON})
    assert answer.status_code == 413
    long = await client.get("/graphql", params={"query": "x" * MAX_QUERY_STRING}, headers=ASKED_FIRST)
    assert long.status_code == 414


async def test_other_methods_are_refused_with_what_is_allowed(client: httpx2.AsyncClient) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FETCH"):
        answer = await client.request(method, "/graphql")
        assert answer.status_code == 405
        assert {"GET", "POST"} <= set(answer.headers["allow"].split(", "))
    changing = await client.get("/graphql", params={"query": "mutation { x }"}, headers=ASKED_FIRST)
    assert (changing.status_code, changing.headers["allow"]) == (405, "POST")


async def test_bad_parameters_of_a_get(client: httpx2.AsyncClient) -> None:
    for params in (
        {}, {"query": ""}, {"query": QUERY, "variables": "{"}, {"query": QUERY, "variables": "[]"},
        {"query": QUERY, "extensions": "1"}, {"query": QUERY, "variables": "\ud800".encode("utf-8", "surrogatepass")},
    ):  # fmt: skip
        answer = await client.get("/graphql", params=params, headers=ASKED_FIRST)
        assert answer.status_code == 400, params
    assert (await client.get("/graphql?query=%00%ff&variables=%ff", headers=ASKED_FIRST)).status_code == 400


async def test_a_page_elsewhere_cannot_reach_through_another_name(client: httpx2.AsyncClient) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", "", "10.0.0.1", "[::2]:80"):
        assert (await post(client, {"query": QUERY}, Host=host)).status_code == 421, host
    for host in ("localhost:8000", "127.0.0.1", "[::1]:8000", "LOCALHOST"):
        assert (await post(client, {"query": QUERY}, Host=host)).status_code == 200, host


async def test_health_readiness_and_counts(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    assert (await client.get("/readyz")).json() == {"status": "ready"}
    for body in ({"query": QUERY}, {"query": "{"}, {}):
        await post(client, body)
    counts = (await client.get("/metrics")).text
    for outcome in ("ran", "refused", "malformed"):
        assert f'hub_graphql_requests_total{{outcome="{outcome}"}} 1.0' in counts
    home = await client.get("/")
    assert (home.status_code, home.headers["location"]) == (307, "/graphql")


async def test_a_database_that_was_never_migrated_is_not_ready(empty_database: Database) -> None:
    store = open_store(empty_database.url)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(create_app(desk_on(store), county_tables, authenticate=whoever_is_here)),
        base_url="http://localhost",
    ) as client:
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()) == (503, {"status": "database not migrated"})
    await store.close()


async def test_a_database_out_of_reach_is_not_ready_and_keeps_its_password() -> None:
    store = open_store("postgresql+asyncpg://hub:topsecret@127.0.0.1:1/hub")
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(create_app(desk_on(store), county_tables, authenticate=whoever_is_here)),
        base_url="http://localhost",
    ) as client:
        with capture_logs() as logs:
            ready = await client.get("/readyz")
            asked = await client.post("/graphql", json={"query": QUERY})
    assert (ready.status_code, ready.json()) == (503, {"status": "database not reachable"})
    assert asked.json()["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "topsecret" not in ready.text + asked.text + str(logs)
    await store.close()


async def test_the_query_page_is_offered_to_browsers_only(client: httpx2.AsyncClient) -> None:
    page = await client.get("/graphql", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert (await client.get("/graphql", headers={"Accept": JSON})).status_code == 400
    asked = await client.get("/graphql", params={"query": QUERY}, headers={"Accept": "*/*;q=0.8", **ASKED_FIRST})
    assert asked.json()["data"] == {"connectors": []}


@pytest.mark.parametrize("is_built", [False, True])
def test_the_query_page_asks_nobody_else(tmp_path: Path, is_built: bool) -> None:
    if is_built:
        for name in GRAPHIQL_FILES:
            (tmp_path / name).touch()
    page = query_page(tmp_path)
    assert ("graphiql.min.js" in page.html) is is_built
    assert "graphiql.min.js" not in query_page(tmp_path, may_introspect=False).html
    assert not re.search(r"""(https?:)?//[a-z]""", re.sub(r'"query":"(\\.|[^"\\])*"', "", page.html))
    for address in re.findall(r"""(?:src|href)="([^"]*)""", page.html):
        assert address.startswith(("/static/graphiql/", "data:,"))
    assert "__" not in re.sub(r"__(typename|schema)", "", page.html)
    policy = dict(part.split(" ", 1) for part in page.content_security_policy.split("; "))
    assert policy["default-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in policy["script-src"]
    assert not re.search(r"https?:|\*", page.content_security_policy)
    assert not re.search(r"""\son[a-z]+=|style=""", page.html)


def test_others_reach_the_server_only_where_somebody_can_sign_in_under_a_known_name() -> None:
    Standing().check(anybody_may_ask=False)
    for host in ("0.0.0.0", "::", "192.168.1.5"):
        with pytest.raises(ConfigurationError, match="nobody said under which name"):
            Standing(host).check(anybody_may_ask=True)
        with pytest.raises(ConfigurationError, match="nobody can sign in"):
            Standing(host, names=frozenset({"hub.example"})).check(anybody_may_ask=False)
        Standing(host, names=frozenset({"hub.example"})).check(anybody_may_ask=True)
    with pytest.raises(ConfigurationError, match="belong together"):
        Standing(certificate=Path("cert.pem")).check(anybody_may_ask=True)


@pytest.fixture
def address(_sqlite: Any) -> Iterator[tuple[str, int]]:
    with _sqlite.migrated() as database:
        store = open_store(database.url)
        app = create_app(desk_on(store), county_tables, authenticate=whoever_is_here)
        running: uvicorn.Server = server(app, Standing())
        thread = threading.Thread(target=running.run)
        thread.start()
        while not running.started:
            time.sleep(0.01)
        yield running.servers[0].sockets[0].getsockname()
        running.should_exit = True
        thread.join()
        asyncio.run(store.close())


def test_over_a_real_socket(address: tuple[str, int], caplog: pytest.LogCaptureFixture) -> None:
    base = f"http://{address[0]}:{address[1]}"
    answer = httpx2.post(f"{base}/graphql", json={"query": QUERY})
    assert answer.json()["data"] == {"connectors": []}
    assert "server" not in answer.headers
    for rubbish in (
        b"GET / HTTP/1.1\r\n\r\n", b"\x00\xff" * 100,
        b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{",
    ):  # fmt: skip
        with socket.create_connection(address, timeout=5) as wire:
            wire.sendall(rubbish)
            wire.shutdown(socket.SHUT_WR)
            assert b" 500 " not in wire.recv(4096)[:20]
    assert httpx2.get(f"{base}/healthz").json() == {"status": "ok"}
    assert caplog.text == "" or "Invalid HTTP request" in caplog.text
