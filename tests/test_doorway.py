"""Where the server stands: below a path, behind a proxy, under TLS; seen from outside, over real sockets."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.authentication import COOKIE, SECURE_COOKIE, Authentication
from app.doorway import Standing, standing_of
from app.web import create_app, server
from hub.accounts import Grant, add_account
from hub.desk import Desk
from hub.passwords import Passwords
from hub.settings import Settings
from hub.store.engine import open_store
from hub.vocabulary import county_tables

from .databases import Database, SqliteDatabases
from .graphql_rows import desk_on

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
    async with httpx2.AsyncClient(base_url=f"{standing.scheme}://127.0.0.1:{port}", verify=verify) as client:
        yield client
    app.state.live.close()
    running.should_exit = True
    await serving


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate that 127.0.0.1 gave itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    cert, private = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert, private


async def test_under_tls_the_session_is_one_that_no_plain_answer_can_set(desk: Desk, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    standing = Standing(certificate=cert, certificate_key=key)
    async with served(desk, standing, ssl.create_default_context(cafile=cert)) as client:
        entered = await client.post("/sign-in", data=FORM, headers=OURS)
        told = entered.headers["set-cookie"]
        assert told.startswith(f"{SECURE_COOKIE}=") and "secure" in told.lower()
        assert "max-age" in entered.headers["strict-transport-security"]
        asked = {"query": "{ viewer { name } }"}
        assert (await client.post("/graphql", json=asked, headers=OURS)).json()["data"]["viewer"]["name"] == "李明"
        # a plain page of the same name is another origin
        plain = {"Origin": str(client.base_url).replace("https", "http").rstrip("/")}
        assert (await client.post("/graphql", json=asked, headers=plain)).status_code == 401
        own = {"Origin": str(client.base_url).rstrip("/")}
        assert (await client.post("/graphql", json=asked, headers=own)).status_code == 200


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
