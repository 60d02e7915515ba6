"""People of the sign-on service who listen: let go when their token runs out or the key that signed it is withdrawn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from app.authentication import Authentication
from app.staff_keys import FRESH_S, KEPT_S, StaffKeys
from app.staff_tokens import StaffTokens
from hub.desk import Desk
from hub.store.engine import open_store

from .databases import Database
from .graphql_rows import desk_on
from .hub_kit import Clock
from .live_kit import CHANGES, Served, connected, ending, events, hear, listening, say, serving, subscribe, until
from .sign_on_kit import SignOn, ec_key, public, rsa_key, sign, sign_on


class WallClock(Clock):
    """Time as it passes."""

    def __init__(self) -> None: ...

    @property
    def now(self) -> datetime:  # type: ignore[override]
        return datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def service() -> AsyncIterator[SignOn]:
    async with sign_on() as running:
        running.clock = WallClock()
        yield running


@pytest.fixture
async def desk(lone_database: Database) -> AsyncIterator[Desk]:
    store = open_store(lone_database.url)
    yield desk_on(store)
    await store.close()


@asynccontextmanager
async def served_for(desk: Desk, tokens: StaffTokens) -> AsyncIterator[Served]:
    proving = Authentication(desk, tokens)
    async with serving(desk, authenticate=proving.principal, still=proving.still) as served:
        yield served


async def test_withdrawn_keys_and_ended_tokens_end_what_is_open_within_five_seconds(
    desk: Desk, service: SignOn
) -> None:
    """By both transports, by the settings of a real server, and nobody else is let go."""
    watch = Clock()
    tokens = service.reader(watch, oidc_clock_skew_s=0)
    now = int(service.clock.now.timestamp())
    withdrawn = service.token()
    stays = sign({"alg": "RS256", "kid": "rsa-1"}, service.claims(), rsa_key(), "RS256")
    ends = sign({"alg": "RS256", "kid": "rsa-1"}, service.claims(sub="b", exp=now + 4), rsa_key(), "RS256")

    async def listens(served: Served, token: str) -> tuple[int, Any]:
        bearer = {"Authorization": f"Bearer {token}"}
        async with connected(served, bearer) as client, listening(served, CHANGES, bearer) as stream:
            await subscribe(client, CHANGES)
            ready.release()
            code, told = await asyncio.gather(ending(client), events(stream))
        return code, told[0].data["errors"][0]["extensions"]["code"]

    ready = asyncio.Semaphore(0)
    async with served_for(desk, tokens) as served, connected(served, {"Authorization": f"Bearer {stays}"}) as other:
        await subscribe(other, CHANGES)
        listeners = [asyncio.create_task(listens(served, token)) for token in (withdrawn, ends)]
        for _ in listeners:
            await ready.acquire()
        service.keys = [one for one in service.keys if one["kid"] != "ec-1"]
        watch.advance(seconds=FRESH_S)
        # no token comes meanwhile: whoever listens is reason enough to ask for the keys
        asked = len(service.asked)
        await until(lambda: len(service.asked) == asked + 2, 5)
        async with asyncio.timeout(5):
            assert await listeners[0] == (4403, "FORBIDDEN")
        assert await listeners[1] == (4401, "UNAUTHENTICATED")
        assert service.clock.now.timestamp() < now + 4 + 5
        await say(other, type="ping")
        assert await hear(other) == {"type": "pong"}


async def test_another_key_under_the_same_name_is_another_key(service: SignOn) -> None:
    watch = Clock()
    tokens = service.reader(watch)
    principal = await tokens.principal(service.token())
    assert principal is not None and tokens.still(principal)
    service.keys = [public(ec_key("another"), kid="ec-1"), *(one for one in service.keys if one["kid"] != "ec-1")]
    watch.advance(seconds=FRESH_S)
    # as it is known now; the keys are asked for beside it
    assert tokens.still(principal)
    await until(lambda: not tokens.still(principal))


async def test_a_service_that_hangs_keeps_nobody_waiting_who_listens(service: SignOn) -> None:
    hangs, watch = asyncio.Event(), Clock()
    known = await service.reader().keys._fetch()

    async def fetch() -> bytes:
        await hangs.wait()
        return known

    hangs.set()
    tokens = service.reader(watch)
    tokens.keys = StaffKeys(fetch, ("ES256",), lambda: watch().timestamp())
    principal = await tokens.principal(service.token())
    hangs.clear()
    assert principal is not None
    watch.advance(seconds=FRESH_S)
    assert tokens.still(principal)
    # what nobody confirmed for an hour is not a right
    watch.advance(seconds=KEPT_S - FRESH_S)
    assert not tokens.still(principal)
    hangs.set()
    await until(lambda: tokens.still(principal))
