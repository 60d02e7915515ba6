"""Where the server stands: below a path, behind a proxy, under TLS; seen from outside, over real sockets."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import httpx2
import pytest
from cryptography.hazmat.primitives import serialization
from websockets import Origin, Subprotocol
from websockets.asyncio.client import connect

from app.authentication import COOKIE, SECURE_COOKIE, Authentication
from app.doctor.doors import tls
from app.doctor.finding import FAIL, OK, WARN
from app.doorway import Standing, standing_of
from app.staff_keys import key_service
from app.web import create_app, server
from hub.accounts import Grant, add_account
from hub.desk import Desk
from hub.errors import ConfigurationError
from hub.passwords import Passwords
from hub.settings import Settings
from hub.store.engine import open_store
from hub.vocabulary import county_tables

from .databases import Database, SqliteDatabases
from .graphql_rows import desk_on
from .live_kit import CHANGES, PROTOCOL, Writer, events, hear, hear_changes, say, subscribe
from .proxy_kit import nginx, ours
from .tls_kit import authority

FORM = {"login": "li.ming", "password": "correct horse battery"}
OURS = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def database(_sqlite: SqliteDatabases) -> Iterator[Database]:
    with _sqlite.migrated() as made:
        yield made


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    store = open_store(database.url)
    desk = desk_on(store)
    await add_account(desk, Passwords(), FORM["login"], "李明", FORM["password"], Grant("centre_operator"))
    yield desk
    await store.close()


@pytest.fixture
def port() -> int:
    """One that is free."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@asynccontextmanager
async def served(
    desk: Desk, standing: Standing, verify: ssl.SSLContext | bool = True
) -> AsyncIterator[httpx2.AsyncClient]:
    authentication = Authentication(desk)
    app = create_app(desk, county_tables, None, authentication.principal, authentication.still, standing=standing)
    running = server(app, standing)
    serving = asyncio.create_task(running.serve())
    while not running.started:
        await asyncio.sleep(0.01)
    port = running.servers[0].sockets[0].getsockname()[1]
    try:
        async with httpx2.AsyncClient(base_url=f"{standing.scheme}://127.0.0.1:{port}", verify=verify) as client:
            yield client
    finally:
        app.state.live.close()
        running.should_exit = True
        await serving


async def test_the_hub_speaks_tls_itself_to_whoever_trusts_its_authority(desk: Desk, tmp_path: Path) -> None:
    trust = authority(tmp_path)
    cert, key = trust.sign("127.0.0.1")
    standing = Standing(certificate=cert, certificate_key=key)
    async with served(desk, standing, trust.trusted()) as client:
        assert (await client.get("/healthz")).status_code == 200
        plain = str(client.base_url).replace("https", "http")
        async with httpx2.AsyncClient() as stranger:
            with pytest.raises(httpx2.TransportError):
                await stranger.get(f"{plain}/healthz")
            with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await stranger.get(f"{client.base_url}/healthz")
        entered = await client.post("/sign-in", data=FORM, headers=OURS)
        told = entered.headers["set-cookie"]
        assert told.startswith(f"{SECURE_COOKIE}=") and "secure" in told.lower()
        assert "max-age" in entered.headers["strict-transport-security"]
        asked = {"query": "{ viewer { name } }"}
        assert (await client.post("/graphql", json=asked, headers=OURS)).json()["data"]["viewer"]["name"] == "李明"
        # a plain page of the same name is another origin
        assert (await client.post("/graphql", json=asked, headers={"Origin": plain.rstrip("/")})).status_code == 401
        own = {"Origin": str(client.base_url).rstrip("/")}
        assert (await client.post("/graphql", json=asked, headers=own)).status_code == 200


@pytest.mark.parametrize("proxy", [ours, nginx])
async def test_behind_the_proxy_that_the_documents_show_everything_works(
    desk: Desk, tmp_path: Path, port: int, proxy: Any
) -> None:
    """As a browser: sign in, ask, and follow by socket and by events, under TLS, below a path, at a port of its own."""
    name, trust = f"centre.example:{port}", authority(tmp_path)
    settings = Settings(public_url=f"https://{name}/hub", trusted_proxies=["127.0.0.1"])  # type: ignore[arg-type]
    browser = {"Host": name, "Origin": f"https://{name}", "Connection": "close", "X-Forwarded-Proto": "http"}
    address = f"https://127.0.0.1:{port}/hub"
    tls = trust.trusted()
    async with (
        served(desk, replace(standing_of(settings), port=0)) as inside,
        proxy(tmp_path, port, *trust.sign("centre.example"), inside.base_url.port),
        httpx2.AsyncClient(verify=tls) as client,
    ):
        named: dict[str, Any] = {"headers": browser, "extensions": {"sni_hostname": "centre.example"}}
        entered = await client.post(f"{address}/sign-in", data=FORM, **named)
        assert (entered.status_code, entered.headers["location"]) == (303, "/hub/graphql")
        cookie, _, rest = entered.headers["set-cookie"].partition(";")
        assert cookie.startswith(f"{SECURE_COOKIE}=") and "secure" in rest.lower()
        assert "max-age" in entered.headers["strict-transport-security"]
        browser["Cookie"] = cookie
        answer = await client.post(f"{address}/graphql", json={"query": "{ viewer { name } }"}, **named)
        assert answer.json()["data"] == {"viewer": {"name": "李明"}}
        elsewhere = {**named, "headers": {**browser, "Origin": "https://evil.example"}}
        assert (
            await client.post(f"{address}/graphql", json={"query": "{ __typename }"}, **elsewhere)
        ).status_code == 401

        writer = Writer(desk)
        await writer.open()
        connection = connect(
            f"wss://{name}/hub/graphql", host="127.0.0.1", port=port, ssl=tls, origin=Origin(browser["Origin"]),
            additional_headers={"Cookie": cookie}, subprotocols=[Subprotocol(PROTOCOL)], proxy=None,
            server_hostname="centre.example",
        )  # fmt: skip
        async with connection as follower, aiohttp.ClientSession() as http:
            await say(follower, type="connection_init")
            assert await hear(follower) == {"type": "connection_ack"}
            await subscribe(follower, CHANGES, after=0)
            stream = http.post(
                f"{address}/graphql", json={"query": CHANGES, "variables": {"after": 0}}, ssl=tls,
                server_hostname="centre.example", headers={**browser, "Accept": "text/event-stream"},
            )  # fmt: skip
            async with stream as listening:
                # the beginning comes before anything has happened: nothing on the way collects
                async with asyncio.timeout(5):
                    assert await listening.content.readuntil(b"\n\n") == b":\nid: 0\n\n"
                await writer.change()
                assert await hear_changes(follower, 1) == [1]
                async with asyncio.timeout(5):
                    (event,) = await events(listening, 1)
                assert (event.type, event.data["data"]["changes"]["sequence"]) == ("next", 1)


@pytest.mark.parametrize(
    ("trusted", "cookie"), [((), COOKIE), (("127.0.0.1",), SECURE_COOKIE), (("10.0.0.0/8",), COOKIE)]
)
async def test_only_a_named_proxy_is_believed(desk: Desk, trusted: tuple[str, ...], cookie: str) -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9", **OURS}
    async with served(desk, Standing(proxies=trusted)) as client:
        entered = await client.post("/sign-in", data=FORM, headers=forwarded)
        assert entered.headers["set-cookie"].startswith(f"{cookie}=")


async def test_below_a_path_everything_lies_below_it(desk: Desk) -> None:
    settings = Settings(public_url="http://centre.example/hub")  # type: ignore[arg-type]
    standing = replace(standing_of(settings), port=0)
    async with served(desk, standing) as client:
        named = {"Host": "centre.example", **OURS}
        assert (await client.get("/hub/healthz", headers=named)).status_code == 200
        assert (await client.get("/healthz", headers=named)).status_code == 404
        assert (await client.get("/hub/healthz", headers={"Host": "evil.example"})).status_code == 421
        page = await client.get("/hub/graphql", headers={"Accept": "text/html", **named})
        assert page.headers["location"] == "/hub/sign-in?next=/graphql"
        shown = await client.get(page.headers["location"], headers=named)
        assert 'action="/hub/sign-in"' in shown.text
        entered = await client.post("/hub/sign-in", data={**FORM, "next": "/graphql"}, headers=named)
        assert entered.headers["location"] == "/hub/graphql"
        # the client keeps cookies by address, a browser by name
        cookie = {"Cookie": entered.headers["set-cookie"].partition(";")[0], **named}
        query_page = await client.get("/hub/graphql", headers={"Accept": "text/html", **cookie})
        assert '"/hub/graphql"' in query_page.text and '"/graphql"' not in query_page.text
        left = await client.post("/hub/sign-out", headers=cookie)
        assert left.headers["location"] == "/hub/sign-in"


async def test_files_of_tls_that_cannot_serve_say_why_before_anybody_connects(tmp_path: Path) -> None:
    trust = authority(tmp_path)
    cert, key = trust.sign("127.0.0.1")
    _, another = trust.sign("other.example")
    Standing(certificate=cert, certificate_key=key).check(anybody_may_ask=True)
    junk, missing, locked = tmp_path / "junk", tmp_path / "missing", tmp_path / "locked"
    junk.write_text("junk")
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    formats = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    locked.write_bytes(private.private_bytes(*formats, serialization.BestAvailableEncryption(b"secret")))
    for pair, told in (
        ((missing, key), "tls_cert_file .*missing cannot be read: No such file"),
        ((cert, missing), "tls_key_file .*missing cannot be read: No such file"),
        ((cert, tmp_path), "cannot be read: Is a directory"), ((junk, key), "are no certificate and key"),
        ((cert, junk), "are no certificate and key"), ((cert, another), "is not the key of"),
        ((cert, locked), "is locked by a password"), ((cert, None), "belong together"),
    ):  # fmt: skip
        with pytest.raises(ConfigurationError, match=told) as refused:
            Standing(certificate=pair[0], certificate_key=pair[1]).check(anybody_may_ask=True)
        assert refused.value.hint
    for file, told in (
        (missing, "oidc_ca_file .*missing cannot be read"),
        (junk, "oidc_ca_file .*holds no certificates"),
    ):
        with pytest.raises(ConfigurationError, match=told):
            key_service(Settings(oidc_issuer="https://sso.example", oidc_audience="hub", oidc_ca_file=file))


def test_doctor_warns_before_the_certificate_ends(tmp_path: Path) -> None:
    trust = authority(tmp_path)
    for days, level in ((40, OK), (10, WARN), (-2, FAIL)):
        cert, key = trust.sign("127.0.0.1", days=days)
        (found,) = tls(Settings(tls_cert_file=cert, tls_key_file=key))
        assert (found.level, "ends on" in found.found) == (level, True)
    (found,) = tls(Settings(tls_cert_file=cert, tls_key_file=tmp_path / "nowhere"))
    assert found.level == FAIL and "cannot be read" in found.found
    assert list(tls(Settings())) == []
