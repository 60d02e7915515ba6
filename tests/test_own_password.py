"""People change their own password: known by their session and by the old one; what else they have open ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from argon2 import PasswordHasher
from structlog.testing import capture_logs

from app.authentication import Authentication
from app.doorway import Standing
from app.web import create_app
from hub import sessions
from hub.accounts import Grant, add_account, set_enabled, set_password
from hub.desk import Desk
from hub.passwords import Passwords
from hub.sessions import SignInLockedError, SignInRefusedError, sign_in
from hub.store.engine import open_store
from hub.vocabulary import county_tables

from .cli_kit import Run
from .databases import Database
from .graphql_rows import desk_on
from .hub_kit import Clock

OLD, NEW = "correct horse battery", "another long sentence"
OURS = {"Sec-Fetch-Site": "same-origin"}
FORM = {"current": OLD, "new": NEW, "again": NEW}


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """How dear a hash is matters to guessers alone."""
    monkeypatch.setattr("hub.passwords._hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    store = open_store(database.url)
    desk = replace(desk_on(store), clock=Clock())
    await add_account(desk, Passwords(), "li.ming", "李明", OLD, Grant("centre_operator"))
    yield desk
    await store.close()


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[httpx2.AsyncClient]:
    authentication = Authentication(desk)
    app = create_app(
        desk, county_tables, None, authentication.principal, authentication.still, standing=Standing(base_path="/hub")
    )
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1/hub", headers=OURS
    ) as client:
        yield client


async def enter(client: httpx2.AsyncClient, next: str = "/graphql") -> httpx2.Response:
    return await client.post("/sign-in", data={"login": "li.ming", "password": OLD, "next": next})


async def test_the_page_is_reached_from_the_sign_in_page_and_changes_the_password(
    desk: Desk, client: httpx2.AsyncClient
) -> None:
    assert 'href="/hub/password"' in (await client.get("/sign-in")).text
    sent_on = await client.get("/password")
    assert (sent_on.status_code, sent_on.headers["location"]) == (303, "/hub/sign-in?next=/password")
    assert (await enter(client, "/password")).headers["location"] == "/hub/password"
    page = await client.get("/password")
    assert page.status_code == 200 and 'action="/hub/password"' in page.text and "李明" in page.text
    assert "script" not in page.headers["content-security-policy"]

    elsewhere = await sign_in(desk, Passwords(), "li.ming", OLD)
    with capture_logs() as lines:
        done = await client.post("/password", data=FORM)
    assert done.status_code == 200 and "The password is changed" in done.text
    assert OLD not in repr(lines) + done.text and NEW not in repr(lines) + done.text
    # what else is open ends with it, subscriptions too; the one that asked goes on
    assert not await Authentication(desk).still(elsewhere.principal)
    assert (await client.post("/graphql", json={"query": "{ __typename }"})).status_code == 200
    with pytest.raises(SignInRefusedError):
        await sign_in(desk, Passwords(), "li.ming", OLD)
    assert (await sign_in(desk, Passwords(), "li.ming", NEW)).token


async def test_only_whoever_is_signed_in_changes_it_and_from_our_own_page(
    desk: Desk, client: httpx2.AsyncClient
) -> None:
    assert (await client.post("/password", data=FORM)).headers["location"] == "/hub/sign-in?next=/password"
    assert (await client.post("/password", json=FORM)).status_code == 401
    await enter(client)
    for foreign in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
        assert (await client.post("/password", data=FORM, headers=foreign)).status_code == 403
    del client.headers["Sec-Fetch-Site"]
    for unproved in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {}):
        assert (await client.post("/password", data=FORM, headers=unproved)).status_code == 403
        assert (await client.post("/password", json=FORM, headers=unproved)).status_code == 403
    assert (await sign_in(desk, Passwords(), "li.ming", OLD)).token
    assert (await client.post("/password", json=FORM, headers=OURS)).status_code == 204
    assert (await sign_in(desk, Passwords(), "li.ming", NEW)).token


async def test_a_bad_new_password_is_refused_with_the_reason(desk: Desk, client: httpx2.AsyncClient) -> None:
    await enter(client)
    for changes, told in (
        ({"new": "short", "again": "short"}, "12 to 200 characters"), ({"again": "yet another sentence"}, "differ"),
        ({"new": "li.ming12345", "again": "li.ming12345"}, "does not hold the name"),
        ({"new": OLD, "again": OLD}, "is the old one"),
    ):  # fmt: skip
        page = await client.post("/password", data={**FORM, **changes})
        assert page.status_code == 400 and told in page.text
        program = await client.post("/password", json={**FORM, **changes})
        assert program.status_code == 400 and told in program.json()["errors"][0]["message"]
    assert (await sign_in(desk, Passwords(), "li.ming", OLD)).token


async def test_guessing_the_old_one_shuts_the_same_door_as_at_the_sign_in(
    desk: Desk, client: httpx2.AsyncClient
) -> None:
    await enter(client)
    for _ in range(sessions.FREE_TRIES):
        assert (await client.post("/password", data={**FORM, "current": "a guess of mine"})).status_code == 401
    locked = await client.post("/password", data=FORM)
    assert locked.status_code == 429 and 0 < int(locked.headers["retry-after"]) <= 61
    with pytest.raises(SignInLockedError):
        await sign_in(desk, Passwords(), "li.ming", OLD)


async def test_a_session_that_was_ended_changes_nothing(desk: Desk, client: httpx2.AsyncClient) -> None:
    await enter(client)
    await set_enabled(desk, "li.ming", is_enabled=False)
    assert (await client.post("/password", json=FORM)).status_code == 401
    await set_enabled(desk, "li.ming", is_enabled=True)
    assert (await sign_in(desk, Passwords(), "li.ming", OLD)).token


async def test_the_operator_lists_what_somebody_has_open_and_ends_it(desk: Desk) -> None:
    await add_account(desk, Passwords(), "wang.fang", "王芳", OLD, Grant("leader"))
    clock, still = desk.clock, Authentication(desk).still
    assert isinstance(clock, Clock)
    first = await sign_in(desk, Passwords(), "li.ming", OLD)
    other = await sign_in(desk, Passwords(), "wang.fang", OLD)
    clock.advance(hours=1)
    await sessions.principal_by_token(desk, first.token)
    second = await sign_in(desk, Passwords(), "li.ming", OLD)
    open_now = await sessions.open_sessions(desk, "li.ming")
    older, newer = open_now
    assert newer.created_at - older.created_at > timedelta(hours=1) > newer.last_seen_at - older.last_seen_at
    assert await sessions.end_sessions(desk, "li.ming") == 2
    assert await sessions.open_sessions(desk, "li.ming") == []
    assert [await still(one.principal) for one in (first, second, other)] == [False, False, True]
    assert await sessions.end_sessions(desk, "li.ming") == 0


def test_the_same_at_the_command_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(OLD + "\n", encoding="utf-8")
    assert run("migrate").code == 0
    add = ("accounts", "add", "li.ming", "--name", "李明", "--password-file", "password", "--role", "leader")
    assert run(*add).code == 0
    assert "li.ming is not signed in" in run("accounts", "sessions", "li.ming").out
    assert run("accounts", "sessions", "li.ming", "--json").json == []
    assert "nothing was open" in run("accounts", "sign-out", "li.ming").out
    for command in ("sessions", "sign-out"):
        missing = run("accounts", command, "nobody.here")
        assert missing.code == 1 and "no account is called nobody.here" in missing.err


async def test_many_tries_at_once_are_no_more_than_one_after_the_other(desk: Desk) -> None:
    passwords = Passwords()
    tries = [*(f"wrong guess {number}" for number in range(20)), OLD]
    ends = await asyncio.gather(*(sign_in(desk, passwords, "li.ming", one) for one in tries), return_exceptions=True)
    locked = [one for one in ends if isinstance(one, SignInLockedError)]
    assert len(locked) == len(tries) - sessions.FREE_TRIES
    assert all(isinstance(one, SignInRefusedError) for one in ends[:-1])


async def test_a_character_that_a_database_does_not_know_is_nobodys_name(desk: Desk) -> None:
    with pytest.raises(SignInRefusedError):
        await sign_in(desk, Passwords(), "li.ming\0", OLD)


async def test_a_sign_in_under_way_does_not_outlive_the_password(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    passwords, fits = Passwords(), Passwords.fits

    async def fits_and_then_it_changes(self: Passwords, hashed: str | None, password: str) -> bool:
        found = await fits(self, hashed, password)
        await set_password(desk, passwords, "li.ming", NEW)
        return found

    monkeypatch.setattr(Passwords, "fits", fits_and_then_it_changes)
    with pytest.raises(SignInRefusedError):
        await sign_in(desk, passwords, "li.ming", OLD)
    assert await sessions.open_sessions(desk, "li.ming") == []
