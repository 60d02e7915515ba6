"""Who may ask: passwords and their lock, sessions, keys; what ends them; the door, shut to everybody else."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from app.authentication import COOKIE, Authentication
from app.demo_sign_in import demo_routes, open_demo_accounts
from app.web import create_app
from hub import api_keys, sessions
from hub.access import all_roles
from hub.accounts import Grant, add_account, anybody_may_ask, change_account, set_enabled, set_password
from hub.desk import Desk
from hub.errors import ConflictError, UserInputError
from hub.passwords import Passwords
from hub.sessions import SignInLockedError, SignInRefusedError, sign_in
from hub.store import tables
from hub.store.engine import open_store
from hub.vocabulary import county_tables

from .cli_kit import Run
from .databases import Database
from .graphql_rows import desk_on

PASSWORD, OTHER = "correct horse battery", "another long sentence"
CENTRE, TOWN = Grant("centre_operator"), Grant("township_operator", ("620725101",))
ASK = {"query": "{ __typename }"}


@dataclass
class Clock:
    now: datetime = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def desk(database: Database, clock: Clock) -> AsyncIterator[Desk]:
    store = open_store(database.url)
    yield replace(desk_on(store), clock=clock)
    await store.close()


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[httpx2.AsyncClient]:
    authentication = Authentication(desk)
    app = create_app(
        desk, county_tables, None, authentication.principal, authentication.still,
        more_routes=demo_routes(desk, await open_demo_accounts(desk)),
    )  # fmt: skip
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1") as client:
        yield client


async def li(desk: Desk, grant: Grant = CENTRE) -> None:
    await add_account(desk, Passwords(), "li.ming", "李明", PASSWORD, grant)


async def test_a_password_opens_a_session_and_is_kept_nowhere(desk: Desk) -> None:
    await li(desk, TOWN)
    session = await sign_in(desk, Passwords(), " Li.Ming ", PASSWORD)
    assert (session.principal.name, session.principal.role, session.principal.regions) == (
        "李明", "township_operator", ("620725101",),
    )  # fmt: skip
    assert await sessions.principal_by_token(desk, session.token) == session.principal
    async with desk.store.read() as connection:
        kept = repr((await connection.execute(select(tables.accounts))).all())
        kept += repr((await connection.execute(select(tables.sessions))).all())
    assert PASSWORD not in kept and session.token not in kept and "$argon2id$" in kept


async def test_wrong_tries_shut_the_door_longer_and_longer_whether_the_name_is_known_or_not(
    desk: Desk, clock: Clock
) -> None:
    await li(desk)
    passwords, told = Passwords(), {}
    for login in ("li.ming", "nobody.here"):
        texts = []
        for _ in range(sessions.FREE_TRIES):
            with pytest.raises(SignInRefusedError) as refused:
                await sign_in(desk, passwords, login, "not the password")
            texts.append(refused.value.message)
        with pytest.raises(SignInLockedError) as locked:
            await sign_in(desk, passwords, login, PASSWORD)
        texts.append(f"{locked.value.message} {locked.value.retry_after_s}")
        told[login] = texts
    assert told["li.ming"] == told["nobody.here"]
    clock.pass_by(minutes=1, seconds=1)
    with pytest.raises(SignInRefusedError):
        await sign_in(desk, passwords, "li.ming", "not the password")
    with pytest.raises(SignInLockedError) as longer:
        await sign_in(desk, passwords, "li.ming", PASSWORD)
    assert longer.value.retry_after_s > 100
    assert await sessions.unlock(desk, "li.ming")
    assert (await sign_in(desk, passwords, "li.ming", PASSWORD)).token


@pytest.mark.parametrize(
    ("login", "name", "password", "grant"),
    [
        ("Li Ming", "李明", PASSWORD, CENTRE), ("li.ming", "", PASSWORD, CENTRE),
        ("li.ming", "operator", PASSWORD, CENTRE),
        ("li.ming", "李明", "short", CENTRE), ("li.ming", "李明", "li.ming12345", CENTRE),
        ("li.ming", "李明", "aaaaaaaaaaaaaaa", CENTRE), ("li.ming", "李明", PASSWORD, Grant("king")),
        ("li.ming", "李明", PASSWORD, Grant("local")), ("li.ming", "李明", PASSWORD, Grant("township_operator")),
        ("li.ming", "李明", PASSWORD, Grant("agency_liaison")), ("li.ming", "李明", PASSWORD, Grant("leader", ("62",))),
    ],
)  # fmt: skip
async def test_an_account_that_makes_no_sense_is_not_opened(
    desk: Desk, login: str, name: str, password: str, grant: Grant
) -> None:
    with pytest.raises(UserInputError):
        await add_account(desk, Passwords(), login, name, password, grant)
    async with desk.store.read() as connection:
        assert not await anybody_may_ask(connection)


async def test_nobody_shares_a_login_or_the_name_that_the_history_shows(desk: Desk) -> None:
    await li(desk)
    for login, name in (("li.ming", "李明二"), ("li.ming2", "李明")):
        with pytest.raises(ConflictError):
            await add_account(desk, Passwords(), login, name, PASSWORD, CENTRE)


async def test_a_session_ends_with_time_idleness_and_every_change_of_rights(desk: Desk, clock: Clock) -> None:
    await li(desk)
    passwords, authentication = Passwords(), Authentication(desk)

    async def opened() -> sessions.Session:
        session = await sign_in(desk, passwords, "li.ming", PASSWORD)
        assert await authentication.still(session.principal)
        return session

    async def is_over(session: sessions.Session) -> bool:
        by_token = await sessions.principal_by_token(desk, session.token)
        assert (by_token is not None) == await authentication.still(session.principal)
        return by_token is None

    idle = await opened()
    clock.pass_by(hours=2, seconds=1)
    assert await is_over(idle)
    busy = await opened()
    for _ in range(11):
        clock.pass_by(hours=1)
        assert not await is_over(busy)
    clock.pass_by(hours=1, seconds=1)
    assert await is_over(busy)
    changed = await opened()
    await change_account(desk, "li.ming", TOWN)
    assert await is_over(changed)
    new_password = await opened()
    await set_password(desk, passwords, "li.ming", OTHER)
    assert await is_over(new_password)
    await set_password(desk, passwords, "li.ming", PASSWORD)
    closed = await opened()
    await set_enabled(desk, "li.ming", is_enabled=False)
    assert await is_over(closed)
    with pytest.raises(SignInRefusedError):
        await sign_in(desk, passwords, "li.ming", PASSWORD)


async def test_two_keys_of_a_consumer_live_while_one_replaces_the_other(desk: Desk, clock: Clock) -> None:
    court = Grant("partner_system", instances=("court",))
    first, old = await api_keys.issue_key(desk, "court-platform", court, 100)
    _, new = await api_keys.rotate_key(desk, "court-platform", 100, 7)
    with pytest.raises(ConflictError):
        await api_keys.issue_key(desk, "court-platform", court, 100)
    for key in (old, new):
        found = await api_keys.principal_by_key(desk, key)
        assert found is not None and (found.name, found.instances) == ("court-platform", ("court",))
    clock.pass_by(days=7, seconds=1)
    assert await api_keys.principal_by_key(desk, old) is None
    assert await api_keys.principal_by_id(desk, first.id) is None
    living = await api_keys.principal_by_key(desk, new)
    assert living is not None and await Authentication(desk).still(living)
    await api_keys.revoke_key(desk, living.id)
    assert await api_keys.principal_by_key(desk, new) is None
    assert not await Authentication(desk).still(living)


async def test_an_altered_key_is_no_key(desk: Desk) -> None:
    _, key = await api_keys.issue_key(desk, "court-platform", Grant("partner_system", instances=("court",)), 1)
    lot = random.Random(5)
    for _ in range(300):
        place, letter = lot.randrange(len(key)), chr(lot.randrange(33, 127))
        altered = key[:place] + letter + key[place + 1 :]
        if altered != key:
            assert await api_keys.principal_by_key(desk, altered) is None, place
    for shape in (key[:-1], key + "A", key.upper(), f" {key}", key.replace("dhk_", ""), ""):
        assert await api_keys.principal_by_key(desk, shape) is None


# the door


async def test_nobody_gets_nothing(client: httpx2.AsyncClient) -> None:
    for answer in (
        await client.post("/graphql", json=ASK),
        await client.post("/graphql", json=ASK, headers={"Authorization": "Bearer dhk_x"}),
        await client.post("/graphql", json=ASK, headers={"Authorization": "Basic YTpi"}),
        await client.post("/graphql", json=ASK, headers={"Cookie": f"{COOKIE}=guess"}),
        await client.get("/graphql", params=ASK),
        await client.get("/files/att_620725_1"),
        await client.get("/export/disputes.csv"),
        await client.get("/metrics"),
    ):
        assert answer.status_code == 401, answer.request.url
    page = await client.get("/graphql", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["location"]) == (303, "/sign-in?next=/graphql")
    assert (await client.get("/healthz")).status_code == 200


async def test_a_browser_signs_in_by_the_page_and_out_again(desk: Desk, client: httpx2.AsyncClient) -> None:
    await li(desk)
    ours = {"Sec-Fetch-Site": "same-origin"}
    form = {"login": "li.ming", "password": PASSWORD, "next": "//evil.example/"}
    assert (await client.post("/sign-in", data=form, headers={"Sec-Fetch-Site": "cross-site"})).status_code == 403
    with capture_logs() as lines:
        wrong = await client.post("/sign-in", data={**form, "password": OTHER}, headers=ours)
    assert wrong.status_code == 401 and "The name or the password is wrong" in wrong.text and OTHER not in repr(lines)
    entered = await client.post("/sign-in", data=form, headers=ours)
    assert (entered.status_code, entered.headers["location"]) == (303, "/graphql")
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert (await client.post("/graphql", json=ASK, headers=ours)).json()["data"] == {"__typename": "Query"}
    # the browser would send the cookie for another site's page too
    for elsewhere in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}, {}):
        assert (await client.post("/graphql", json=ASK, headers=elsewhere)).status_code == 401
    assert (await client.post("/graphql", json=ASK, headers={"Origin": "http://127.0.0.1"})).status_code == 200
    await client.post("/sign-out", headers=ours)
    assert (await client.post("/graphql", json=ASK, headers=ours)).status_code == 401


async def test_the_demonstration_signs_in_as_any_role_in_one_step(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/")).text
    ours = {"Sec-Fetch-Site": "same-origin"}
    for role in all_roles():
        assert f'value="{role}"' in page
        entered = await client.post("/demo/sign-in", data={"role": role}, headers=ours)
        assert (entered.status_code, entered.headers["location"]) == (303, "/graphql")
        told: Any = (await client.post("/graphql", json={"query": "{ viewer { role { code } } }"}, headers=ours)).json()
        assert told["data"]["viewer"]["role"]["code"] == role
    assert (await client.post("/demo/sign-in", data={"role": "king"}, headers=ours)).status_code == 404
    assert (await client.post("/demo/sign-in", data={"role": "leader"})).status_code == 403


async def test_only_the_demonstration_has_that_step(desk: Desk) -> None:
    app = create_app(desk, county_tables, authenticate=Authentication(desk).principal)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1") as plain:
        answer = await plain.post("/demo/sign-in", data={"role": "leader"}, headers={"Sec-Fetch-Site": "same-origin"})
        assert answer.status_code == 404


def test_accounts_and_keys_at_the_command_line(run: Run, tmp_path: Any) -> None:
    (tmp_path / "password").write_text(PASSWORD + "\n", encoding="utf-8")
    assert run("migrate").code == 0
    add = ("accounts", "add", "li.ming", "--name", "李明", "--password-file", "password")
    refused = run(*add, "--role", "township_operator")
    assert refused.code != 0 and "its own regions" in refused.err
    assert run(*add, "--role", "township_operator", "--region", "620725101").code == 0
    (told,) = run("accounts", "list", "--json").json
    assert (told["login"], told["role"], told["regions"]) == ("li.ming", "township_operator", ["620725101"])
    assert run("accounts", "change", "li.ming", "--role", "leader").code == 0
    assert run("accounts", "disable", "li.ming").code == 0
    assert run("accounts", "list", "--json").json[0]["disabledAt"]
    issued = run("keys", "issue", "court-platform", "--instance", "court", "--json").json
    assert issued["key"].startswith("dhk_620725_")
    assert issued["key"] not in run("keys", "list").out
    assert run("keys", "rotate", "court-platform", "--json").json["id"] != issued["id"]
    assert run("keys", "revoke", issued["id"]).code == 0
    assert len([key for key in run("keys", "list", "--json").json if key["revokedAt"] is None]) == 1
