"""What is live: changes over both transports, each once however often one comes back, and no longer than one may."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import random
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
import websockets
from starlette.requests import HTTPConnection
from websockets.asyncio.client import connect

from app.graphql_live import Limits
from app.sequencing import keep_sequencing
from hub.acts import Act
from hub.desk import Desk
from hub.feed import Feed
from hub.link_acts import merge_disputes
from hub.principal import LOCAL, Principal, PrincipalKind
from hub.store.engine import open_store
from hub.vocabulary import county_tables
from schema.build import build, executable, new_context
from schema.execution import Request, Runner

from .databases import Database
from .graphql_rows import desk_on
from .hub_kit import deliver, open_desk, row
from .live_kit import (
    CHANGES,
    PROTOCOL,
    Served,
    Writer,
    connected,
    ending,
    events,
    hear,
    hear_changes,
    listening,
    say,
    serving,
    subscribe,
)

TOWNSHIP = Principal("acc_1", PrincipalKind.STAFF, "某操作员", "township_operator", regions=("620725101",))


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    async with open_desk(database.url) as desk:
        yield desk


async def test_a_change_comes_over_both_transports(desk: Desk) -> None:
    async with serving(desk) as served, connected(served) as client:
        writer = Writer(desk)
        (dispute,) = await writer.open()
        await subscribe(client, CHANGES)
        async with listening(served, CHANGES) as stream:
            assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert (stream.headers["x-accel-buffering"], stream.headers["cache-control"]) == ("no", "no-store")
            (beginning,) = [await stream.content.readuntil(b"\n\n")]
            await served.has_followers(2)
            assert beginning == b":\nid: 0\n\n"
            await writer.change(2)
            data = [{"sequence": n, "disputes": [{"id": dispute}], "recordIds": writer.records} for n in (1, 2)]
            assert [await hear(client) for _ in data] == [
                {"type": "next", "id": "1", "payload": {"data": {"changes": one}}} for one in data
            ]
            found = await events(stream, 2)
            assert [(one.type, one.data, one.id) for one in found] == [
                ("next", {"data": {"changes": one}}, str(one["sequence"])) for one in data
            ]
            assert "不外传" not in str(found)
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{served.port}/metrics") as answer:
            counts = await answer.text()
        assert 'hub_live_connections{transport="websocket"} 1.0' in counts and "hub_unsequenced 0.0" in counts
        assert 'hub_live_ended_total{code="client",transport="events"} 1.0' in counts


async def test_what_an_act_did_is_told_within_a_second_of_itself(desk: Desk) -> None:
    """No run gives its event a place: the server does, and tells of it."""
    async with serving(desk) as served, connected(served) as client:
        sequencing = asyncio.create_task(keep_sequencing(desk, served.live.feed.wake))
        await deliver(desk, [row("a1")])
        await subscribe(client, CHANGES, after=0)
        async with asyncio.timeout(3):
            assert (await hear(client))["payload"]["data"]["changes"]["sequence"] == 1
        sequencing.cancel()


async def test_who_comes_back_has_missed_nothing_and_sees_nothing_twice(desk: Desk) -> None:
    """Cut off again and again, in the middle of anything, while changes go on; by each transport."""
    draw, total = random.Random(7), 300
    writer = Writer(desk)
    await writer.open(3)

    async def write() -> None:
        while writer._number < total:
            await writer.change(min(draw.randint(1, 9), total - writer._number))
            await asyncio.sleep(draw.random() / 100)

    async def by_socket(served: Served) -> list[int]:
        found: list[int] = []
        while len(found) < total:
            async with connected(served) as client:
                await subscribe(client, CHANGES, after=found[-1] if found else 0)
                found += await hear_changes(client, min(draw.randint(0, 60), total - len(found)))
                client.transport.abort()
        return found

    async def by_events(served: Served) -> list[int]:
        found: list[int] = []
        place = {"Last-Event-ID": "0"}
        while len(found) < total:
            async with listening(served, CHANGES, place, after=None) as stream:
                for event in await events(stream, min(draw.randint(0, 60), total - len(found))):
                    found.append(event.data["data"]["changes"]["sequence"])
                    place = {"Last-Event-ID": event.id}
        return found

    async with serving(desk) as served:
        async with asyncio.timeout(40):
            one, other, _ = await asyncio.gather(by_socket(served), by_events(served), write())
    assert one == other == list(range(1, total + 1))


async def test_two_servers_on_one_database_tell_the_same(database: Database) -> None:
    async with contextlib.AsyncExitStack() as stack:
        one, other, writing = [await stack.enter_async_context(open_desk(database.url)) for _ in range(3)]
        async with serving(one) as first, serving(other) as second:
            writer = Writer(writing)
            await writer.open()
            async with connected(first) as here, connected(second) as there:
                await subscribe(here, CHANGES)
                await subscribe(there, CHANGES)
                await first.has_followers(1)
                await second.has_followers(1)
                await writer.change(5)
                assert await hear_changes(here, 5) == await hear_changes(there, 5) == [1, 2, 3, 4, 5]
            await writer.change(5)
            # whoever was with one goes on with the other
            async with connected(second) as moved:
                await subscribe(moved, CHANGES, after=3)
                assert await hear_changes(moved, 7) == list(range(4, 11))


async def test_what_is_hidden_reaches_nobody_and_the_place_moves_on(desk: Desk) -> None:
    async def township(_: object) -> Principal:
        return TOWNSHIP

    limits = Limits(ping_every_s=0.2)
    async with serving(desk, authenticate=township, limits=limits) as served:
        writer = Writer(desk)
        (seen,) = await writer.open()
        (closed,) = await writer.open(classification="CONFIDENTIAL")
        (elsewhere,) = await writer.open(region_code="620725102001")
        await deliver(desk, [])
        followed = "subscription($id: ID) { disputeChanged(id: $id) { sequence disputes { id code } recordIds } }"
        async with connected(served) as client, listening(served, CHANGES) as stream:
            for id, dispute in (("closed", closed), ("elsewhere", elsewhere), ("nothing", "dsp_620725_0")):
                await subscribe(client, followed, id, id=dispute)
                refused = (await hear(client))["payload"]
                # what is hidden is as little there as what does not exist
                assert refused[0]["message"] == "no such dispute" and refused[0]["extensions"]["code"] == "NOT_FOUND"
            await subscribe(client, CHANGES, "all")
            await subscribe(client, followed, "one", id=seen)
            await served.has_followers(3)
            await writer.change(30)
            heard = [await hear(client) for _ in range(20)]
            told = [one.data["data"]["changes"] for one in await events(stream, 10)]
            assert {one["disputes"][0]["id"] for one in told} == {seen}
            assert [one["sequence"] for one in told] == list(range(told[0]["sequence"], 31, 3))
            for hidden in (closed, elsewhere, writer.records[1], writer.records[2]):
                assert hidden not in json.dumps(heard) + json.dumps(told)
            # the heartbeat tells how far each has come, past what is hidden
            async with asyncio.timeout(5):
                while (message := json.loads(await client.recv())).get("payload") != {
                    "positions": {"all": 30, "one": 30}
                }:
                    assert message["type"] == "ping", message
                while b"id: 30\n" not in await stream.content.readline():
                    pass


async def test_a_dispute_is_followed_into_the_one_it_is_merged_into(desk: Desk) -> None:
    await deliver(desk, [row("a1"), row("a2", fwlsh="F2", dsr=[])])
    query = """subscription($code: String, $after: Long) {
      disputeChanged(code: $code, after: $after) { sequence eventKind disputes { code } } }"""
    async with serving(desk) as served, connected(served) as client:
        sequencing = asyncio.create_task(keep_sequencing(desk, served.live.feed.wake))
        async with aiohttp.ClientSession() as http:
            ask = {"query": "{ disputes { edges { node { id code } } } }"}
            async with http.post(served.http, json=ask) as answer:
                nodes = [edge["node"] for edge in (await answer.json())["data"]["disputes"]["edges"]]
        for node in nodes:
            await subscribe(client, query, node["code"], code=node["code"])
        await served.has_followers(2)
        await merge_disputes(desk, (nodes[0]["id"], nodes[1]["id"]), act=Act("operator"))
        merged: dict[str, list[Any]] = {node["code"]: [] for node in nodes}
        async with asyncio.timeout(10):
            while not all("MERGED" in [one["eventKind"] for one in told] for told in merged.values()):
                message = await hear(client)
                merged[message["id"]].append(message["payload"]["data"]["disputeChanged"])
        await deliver(desk, [row("a1", ajzt="调解中", gxsj="2024-03-06 09:00:00", ah="(2024)甘0725民诉前调8号")])
        heard = [await hear(client), await hear(client)]
        # told once to each of the two that follow, under the code that goes on
        assert {one["id"] for one in heard} == set(merged)
        assert len({json.dumps(one["payload"]["data"]["disputeChanged"]) for one in heard}) == 1
        assert len(heard[0]["payload"]["data"]["disputeChanged"]["disputes"]) == 1
        sequencing.cancel()


async def _signed_in(principal: Principal, token: str) -> Any:
    async def authenticate(connection: Any) -> Principal | None:
        return principal if connection.headers.get("authorization") == f"Bearer {token}" else None

    return authenticate


async def test_who_listens_signs_in_by_header_or_by_the_first_message(lone_database: Database) -> None:
    async with open_desk(lone_database.url) as desk, serving(desk, authenticate=await _signed_in(LOCAL, "t")) as served:
        async with (
            connected(served, {"Authorization": "Bearer t"}),
            connected(served, {"authorization": "Bearer t"}),
        ):
            pass
        async with connected(served, additional_headers={"Authorization": "Bearer t"}):
            pass
        for payload, headers in (
            (None, {}), ({}, {}), ({"Authorization": "Bearer x"}, {}), ({"Authorization": "Bearer 山"}, {}),
            # a credential that is no good is not made good by another
            ({"Authorization": "Bearer x"}, {"Authorization": "Bearer t"}),
        ):  # fmt: skip
            options: Any = {"subprotocols": [websockets.Subprotocol(PROTOCOL)], "additional_headers": headers}
            async with connect(served.socket, **options) as client:
                await say(client, type="connection_init", payload=payload)
                assert await ending(client) == 4401, payload
        async with listening(served, CHANGES) as stream:
            assert stream.status == 401
        async with listening(served, CHANGES, {"Authorization": "Bearer t"}) as stream:
            assert stream.status == 200


async def test_who_may_subscribe_to_nothing_is_let_go(lone_database: Database) -> None:
    nobody = await _signed_in(replace(TOWNSHIP, role="administrator"), "t")
    async with open_desk(lone_database.url) as desk, serving(desk, authenticate=nobody) as served:
        async with connect(served.socket, subprotocols=[websockets.Subprotocol(PROTOCOL)]) as client:
            await say(client, type="connection_init", payload={"Authorization": "Bearer t"})
            assert await ending(client) == 4403
        async with listening(served, CHANGES, {"Authorization": "Bearer t"}) as stream:
            (refused, complete) = await events(stream)
            assert refused.data["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
            assert complete.type == "complete"


ENDS = {
    "revoked": (4403, "FORBIDDEN"), "expired": (4401, "UNAUTHENTICATED"), "unsure": (1013, "TRY_AGAIN_LATER"),
}  # fmt: skip


async def test_a_right_that_ends_ends_the_subscription_within_five_seconds(lone_database: Database) -> None:
    """By the settings that a server has, though nothing happens and the client says nothing; nobody else is let go."""
    everybody = {name: replace(LOCAL, id=name) for name in (*ENDS, "stays")}
    everybody["expired"] = replace(everybody["expired"], expires_at=datetime.now(UTC) + timedelta(seconds=2))
    is_over = False

    async def authenticate(connection: HTTPConnection) -> Principal | None:
        return everybody.get(connection.headers.get("authorization", ""))

    async def still(principal: Principal) -> bool:
        if is_over and principal.id == "unsure":
            raise ConnectionRefusedError
        return not (is_over and principal.id == "revoked")

    async def listens(served: Served, name: str) -> None:
        asked = listening(served, CHANGES, {"Authorization": name})
        async with connected(served, {"Authorization": name}) as client, asked as stream:
            await subscribe(client, CHANGES)
            ready.release()
            async with asyncio.timeout(5.2):
                code, (last, complete) = await asyncio.gather(ending(client), events(stream))
        assert (code, last.data["errors"][0]["extensions"]["code"]) == ENDS[name]
        assert complete.type == "complete"

    ready = asyncio.Semaphore(0)
    store = open_store(lone_database.url)
    server = serving(desk_on(store), authenticate=authenticate, still=still)
    async with server as served, connected(served, {"Authorization": "stays"}) as client:
        listeners = [asyncio.create_task(listens(served, name)) for name in ENDS]
        for _ in listeners:
            await ready.acquire()
        is_over = True
        await asyncio.gather(*listeners)
        await say(client, type="ping")
        assert await hear(client) == {"type": "pong"}
    await store.close()
    defaults = Limits()
    assert defaults.look_every_s * 7 / 6 + defaults.look_s < 5


async def test_a_long_subscription_keeps_nothing_of_what_it_told(lone_database: Database) -> None:
    """An executor that lives as long as its subscription would grow with every change."""

    async def size_after(steps: Any, count: int) -> int:
        for _ in range(count):
            await anext(steps)
        gc.collect()
        return len(gc.get_objects())

    async with open_desk(lone_database.url) as desk:
        writer = Writer(desk)
        await writer.open()
        await writer.change(900)
        context = new_context(desk, county_tables(), LOCAL, Feed(desk.store))
        request = Request(CHANGES, {"after": 0})
        async with aclosing(await Runner(executable(build())).subscribe(request, context)) as steps:
            early = await size_after(steps, 110)
            assert await size_after(steps, 750) < early + 5_000


async def test_a_server_that_goes_down_sends_its_listeners_to_the_next(desk: Desk) -> None:
    async with serving(desk) as served, connected(served) as client, listening(served, CHANGES) as stream:
        await subscribe(client, CHANGES)
        await served.has_followers(2)
        served.live.close()
        assert await ending(client) == 1012
        # without a complete event: an event source comes back by itself
        assert await events(stream) == []


async def test_requests_for_events_that_cannot_run_say_so_in_the_stream(desk: Desk) -> None:
    async with serving(desk) as served:
        for query, code in (
            ("{ changes { position } }", "OPERATION_NOT_ALLOWED"), ("mutation { x }", "OPERATION_NOT_ALLOWED"),
            ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"), ("{", "GRAPHQL_PARSE_FAILED"),
            ("subscription { changes(after: 9) { at } }", "BAD_USER_INPUT"),
        ):  # fmt: skip
            async with listening(served, query) as stream:
                assert stream.status == 200
                refused, complete = await events(stream)
            assert (refused.type, complete.type, complete.data) == ("next", "complete", None)
            assert refused.data["errors"][0]["extensions"]["code"] == code and "data" not in refused.data
        for headers, status in (
            ({"Last-Event-ID": "x"}, 400), ({"Last-Event-ID": "9" * 17}, 400), ({"Origin": "http://evil.example"}, 403),
        ):  # fmt: skip
            async with listening(served, CHANGES, headers) as stream:
                assert stream.status == status
        async with aiohttp.ClientSession(headers={"Accept": "text/event-stream"}) as http:
            async with http.post(served.http, data=b"{") as answer:
                assert answer.status == 415
            # as a browser's event source asks
            async with http.get(served.http, params={"query": "subscription { changes { sequence } }"}) as answer:
                assert answer.status == 200
                assert await answer.content.readuntil(b"\n\n") == b":\nid: 0\n\n"


async def test_too_many_streams_are_told_to_wait(lone_database: Database) -> None:
    async with (
        open_desk(lone_database.url) as desk,
        serving(desk, limits=Limits(connections_per_principal=1)) as served,
    ):
        async with listening(served, CHANGES) as stream:
            assert stream.status == 200
            async with listening(served, CHANGES) as second:
                assert (second.status, second.headers["retry-after"]) == (429, "5")
        async with asyncio.timeout(5):
            while served.live.open:
                await asyncio.sleep(0.01)
        async with connected(served):
            pass


@pytest.mark.parametrize(
    ("accept", "comes"),
    [
        ("text/event-stream", "text/event-stream"),
        ("text/event-stream, application/json", "text/event-stream"),
        # as urql sends it with every query
        ("application/graphql-response+json, text/event-stream, multipart/mixed", "application/graphql-response+json"),
        ("application/json;q=0.5, text/event-stream", "text/event-stream"),
        ("text/event-stream;q=0.5, */*", "application/json"),
    ],
)  # fmt: skip
async def test_events_come_to_whom_they_are_dearest(lone_database: Database, accept: str, comes: str) -> None:
    async with open_desk(lone_database.url) as desk, serving(desk) as served, aiohttp.ClientSession() as http:
        asked = {"query": "{ viewer { role { code } } }"}
        async with http.post(served.http, json=asked, headers={"Accept": accept}) as answer:
            assert answer.headers["content-type"].partition(";")[0] == comes
