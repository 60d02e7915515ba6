"""A served hub for tests of what is live: real sockets, a writer of changes, clients of both transports."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import websockets
from websockets.asyncio.client import ClientConnection, connect

from app.authentication import whoever_is_here
from app.doorway import Standing
from app.graphql_live import Live
from app.web import create_app, server
from hub.desk import Desk
from hub.history import Appender, EventDraft, StreamHead
from hub.sequencer import sequence_all
from hub.vocabulary import HandlingEventKind, county_tables

from .graphql_rows import County

PROTOCOL = "graphql-transport-ws"
CHANGES = "subscription($after: Long) { changes(after: $after) { sequence disputes { id } recordIds } }"


@dataclass
class Served:
    """A server that answers."""

    port: int
    live: Live

    async def has_followers(self, count: int) -> None:
        """Wait until so many subscriptions have their place: what changes from now on, they are told."""
        await until(lambda: self.live.feed._followers == count)

    @property
    def socket(self) -> str:
        return f"ws://127.0.0.1:{self.port}/graphql"

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"


@asynccontextmanager
async def serving(desk: Desk, **options: Any) -> AsyncIterator[Served]:
    """A server in this loop, over that desk; options are those of ``create_app``."""
    app = create_app(desk, county_tables, **{"authenticate": whoever_is_here, **options})
    running = server(app, Standing())
    setattr(running, "capture_signals", contextlib.nullcontext)  # noqa: B010
    task = asyncio.create_task(running.serve())
    while not running.started:
        await asyncio.sleep(0.005)
    try:
        yield Served(running.servers[0].sockets[0].getsockname()[1], app.state.live)
    finally:
        app.state.live.close()
        running.should_exit = True
        await task


class Writer:
    """Makes changes: events of some disputes' records, committed and sequenced as they would be."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.disputes: list[str] = []
        self.records: list[str] = []
        self._heads: dict[str, StreamHead] = {}
        self._number = 0

    async def open(self, count: int = 1, **values: Any) -> list[str]:
        """That many further disputes with a record each; returns the disputes' ids."""
        county, first = County(), len(self.disputes) + 1
        fresh = [county.dispute(number, **values) for number in range(first, first + count)]
        closed = {name: value for name, value in values.items() if name in ("classification", "region_code")}
        self.records += [county.record(first + n, dispute, **closed) for n, dispute in enumerate(fresh)]
        self.disputes += fresh
        await county.write(self.desk.store)
        return fresh

    async def commit(self, count: int = 1, of: Sequence[str] | None = None) -> None:
        """Events in one transaction, one record after the other; they wait for their sequence."""
        records = of or self.records
        appender = Appender(self.desk, self.desk.clock())
        for _ in range(count):
            self._number += 1
            record = records[self._number % len(records)]
            draft = EventDraft(
                HandlingEventKind.ACCEPTED, self.desk.clock(), f"{id(self)}-{self._number}", record_id=record,
                words="不外传", actor_name="某人",
            )  # fmt: skip
            appender.add(self._heads.setdefault(record, StreamHead()), draft)
        async with self.desk.store.write() as tx:
            await appender.flush(tx)

    async def change(self, count: int = 1, of: Sequence[str] | None = None) -> None:
        """The same, and their sequences given."""
        await self.commit(count, of)
        await sequence_all(self.desk)


@asynccontextmanager
async def connected(served: Served, payload: Any = None, **options: Any) -> AsyncIterator[ClientConnection]:
    """A client whose connection is acknowledged."""
    async with connect(served.socket, subprotocols=[websockets.Subprotocol(PROTOCOL)], **options) as client:
        await say(client, type="connection_init", **({} if payload is None else {"payload": payload}))
        assert await hear(client) == {"type": "connection_ack"}
        yield client


async def say(client: ClientConnection, **message: Any) -> None:
    await client.send(json.dumps(message))


async def subscribe(client: ClientConnection, query: str, id: str = "1", /, **variables: Any) -> None:
    await say(client, type="subscribe", id=id, payload={"query": query, "variables": variables})


async def hear(client: ClientConnection, within_s: float = 15) -> Any:
    """The next message that is no heartbeat."""
    async with asyncio.timeout(within_s):
        while True:
            message = json.loads(await client.recv())
            if message["type"] != "ping":
                return message
            await say(client, type="pong")


async def hear_changes(client: ClientConnection, count: int) -> list[int]:
    """The sequences of the next changes."""
    found = []
    for _ in range(count):
        message = await hear(client)
        assert message["type"] == "next", message
        (change,) = message["payload"]["data"].values()
        found.append(change["sequence"])
    return found


async def ending(client: ClientConnection, within_s: float = 10) -> int:
    """The code with which the server closes; whatever it says before is passed over."""
    async with asyncio.timeout(within_s):
        while True:
            try:
                await client.recv()
            except websockets.ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd is not None else 1006


async def until(is_so: Callable[[], bool], within_s: float = 10) -> None:
    """Wait until it is so; what a server does when a client has gone is not done at once."""
    async with asyncio.timeout(within_s):
        while not is_so():
            await asyncio.sleep(0.01)


@dataclass
class Event:
    """One server-sent event, as a browser would dispatch it."""

    type: str
    data: Any
    #: the last event id known when it came
    id: str


@asynccontextmanager
async def listening(served: Served, query: str, headers: Any = None, **variables: Any) -> AsyncIterator[Any]:
    """An answered request for events."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(15)) as http:
        body = {"query": query, "variables": variables}
        accept = {"Accept": "text/event-stream", **(headers or {})}
        async with http.post(served.http, json=body, headers=accept) as answer:
            yield answer


async def events(answer: Any, count: int | None = None) -> list[Event]:
    """The next events of a stream, or all until it ends."""
    found: list[Event] = []
    kind, data, id = "", [], ""
    while count is None or len(found) < count:
        line = (await answer.content.readline()).decode()
        if not line:
            return found
        name, _, value = line.rstrip("\n").partition(":")
        value = value.removeprefix(" ")
        if not line.strip():
            if data:
                text = "\n".join(data)
                found.append(Event(kind, json.loads(text) if text else None, id))
            kind, data = "", []
        elif name == "event":
            kind = value
        elif name == "data":
            data.append(value)
        elif name == "id":
            id = value
    return found
