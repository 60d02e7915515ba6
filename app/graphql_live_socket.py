"""Subscriptions over graphql-transport-ws: one connection, many subscriptions, and a documented code for every end.

4400 not the protocol · 4401 not signed in, or no longer · 4403 may not subscribe, or rights have changed · 4406 another
subprotocol · 4408 said nothing in time · 4409 an id twice · 4413 a message too large · 4429 connection_init twice, or
too many messages · 1012 the server restarts · 1013 try again later. Queries and mutations do not come this way.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from app.authentication import is_same_origin
from app.graphql_live import GOING, TOO_MANY, Ending, Live, LiveMetrics, TooManyError
from app.graphql_live_messages import Ended, ended, id_of, payload_of, read_message, request_of, with_credential
from hub.principal import Principal
from schema.errors import internal
from schema.execution import Refused, Request

PROTOCOL = "graphql-transport-ws"


async def serve_socket(live: Live, metrics: LiveMetrics, socket: WebSocket) -> None:
    """Serve one connection to its end."""
    if not is_same_origin(socket):
        # before the handshake: the page learns nothing
        await socket.close()
        return
    offered: list[str] = socket.scope.get("subprotocols", [])
    # another protocol is accepted only to be told, in a way that browsers pass on, that it is not spoken
    await socket.accept(PROTOCOL if PROTOCOL in offered else next(iter(offered), None))
    if PROTOCOL not in offered:
        ending: Ending | None = Ending(4406, f"the subprotocol is {PROTOCOL}")
    else:
        with metrics.connection("websocket"):
            try:
                with live.connected(None):
                    ending = await _Connection(live, socket).run()
            except TooManyError:
                ending = TOO_MANY
    metrics.ended("websocket", "client" if ending is None else ending.code)
    if ending is not None and socket.client_state is WebSocketState.CONNECTED:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await socket.close(ending.code, ending.reason)


class _Connection:
    """One accepted connection."""

    def __init__(self, live: Live, socket: WebSocket) -> None:
        self._live, self._limits, self._socket = live, live.limits, socket
        self._principal: Principal | None = None
        self._is_begun = False
        self._heard = time.monotonic()
        self._saved = float(self._limits.messages_at_once)
        self._subscriptions: dict[str, asyncio.Task[None]] = {}
        self._positions: dict[str, int] = {}
        self._places = contextlib.ExitStack()
        self._sides: set[asyncio.Task[None]] = set()
        self._end: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    async def run(self) -> Ending | None:
        """How the connection is to be closed; None: the client is gone already."""
        reading = asyncio.create_task(self._read())
        self._aside(self._until_going())
        self._aside(self._until_late())
        try:
            either: set[asyncio.Future[Any]] = {reading, self._end}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if self._end.done():
                ending = self._end.result()
                return None if ending is GONE else ending
            return reading.result()
        finally:
            tasks: set[asyncio.Task[Any]] = {reading, *self._sides, *self._subscriptions.values()}
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            self._places.close()

    def _aside(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._sides.add(task)
        task.add_done_callback(self._sides.discard)

    def _let_go(self, ending: Ending) -> None:
        if not self._end.done():
            self._end.set_result(ending)

    # what is watched

    async def _until_going(self) -> None:
        await self._live.going.wait()
        self._let_go(GOING)

    async def _until_late(self) -> None:
        await asyncio.sleep(self._limits.init_s)
        if not self._is_begun:
            self._let_go(Ending(4408, "connection_init did not come in time"))

    async def _until_silent(self) -> None:
        """Asks for a sign of life now and then; ends who gives none."""
        while True:
            await asyncio.sleep(self._limits.ping_every_s)
            if time.monotonic() - self._heard > self._limits.silent_s:
                self._let_go(Ending(4408, "nothing was heard for too long"))
                return
            # whoever answers knows how far each subscription has come, hidden changes included
            await self._send({"type": "ping", "payload": {"positions": self._positions}} if self._positions else _PING)

    async def _until_rights_end(self, principal: Principal) -> None:
        self._let_go(await self._live.end_of_rights(principal))

    # what comes

    async def _read(self) -> Ending | None:
        try:
            async for message in self._messages():
                await self._take(message)
        except Ended as over:
            return over.ending
        except WebSocketDisconnect:
            pass
        except Exception as problem:
            internal(problem, "live")
            return Ending(4500, "internal error")
        return None

    async def _messages(self) -> AsyncIterator[Mapping[str, Any]]:
        counted = time.monotonic()
        while True:
            received = await self._socket.receive()
            if received["type"] == "websocket.disconnect":
                return
            self._heard = time.monotonic()
            earned = (self._heard - counted) * self._limits.messages_per_s
            self._saved, counted = min(self._saved + earned, self._limits.messages_at_once) - 1, self._heard
            if self._saved < 0:
                raise ended(4429, "too many messages")
            yield read_message(received.get("text"), self._limits.message_bytes)

    async def _take(self, message: Mapping[str, Any]) -> None:
        match message["type"]:
            case "connection_init":
                await self._begin(payload_of(message))
            case "ping":
                payload_of(message)
                await self._send({"type": "pong"})
            case "pong":
                payload_of(message)
            case "subscribe":
                await self._subscribe(message)
            case "complete":
                task = self._subscriptions.pop(id_of(message), None)
                if task is not None:
                    task.cancel()
            case _:
                raise ended(4400, "no such type of message")

    async def _begin(self, payload: Mapping[str, Any]) -> None:
        if self._is_begun:
            raise ended(4429, "connection_init came twice")
        self._is_begun = True
        principal = await self._live.authenticate(with_credential(self._socket, payload))
        if principal is None:
            raise ended(4401, "sign in first")
        if not self._live.runner_of(principal.role).has_subscriptions:
            raise ended(4403, "your role has nothing to subscribe to")
        try:
            self._places.enter_context(self._live.connected(principal))
        except TooManyError:
            raise Ended(TOO_MANY) from None
        self._principal = principal
        self._aside(self._until_rights_end(principal))
        self._aside(self._until_silent())
        await self._send({"type": "connection_ack"})

    async def _subscribe(self, message: Mapping[str, Any]) -> None:
        id = id_of(message)
        if self._principal is None:
            raise ended(4401, "connection_init comes first")
        if id in self._subscriptions:
            raise ended(4409, "there is a subscriber with that id")
        request = request_of(message)
        if len(self._subscriptions) >= self._limits.subscriptions_per_connection:
            await self._send({"type": "error", "id": id, "payload": [_TOO_MANY_SUBSCRIPTIONS]})
            return
        self._subscriptions[id] = asyncio.create_task(self._tell(id, request, self._principal))

    # what is told

    async def _tell(self, id: str, request: Request, principal: Principal) -> None:
        try:
            runner = self._live.runner_of(principal.role)
            steps = await runner.subscribe(request, self._live.new_context(principal, None))
            async with aclosing(steps):
                async for told in steps:
                    self._positions[id] = told.position
                    if told.payload is not None:
                        await self._send({"type": "next", "id": id, "payload": told.payload})
            await self._send({"type": "complete", "id": id})
        except Refused as refused:
            await self._send({"type": "error", "id": id, "payload": refused.payload["errors"]})
        except Exception as problem:
            await self._send({"type": "error", "id": id, "payload": [internal(problem, "live")]})
        finally:
            # the client may have used the id anew by now
            if self._subscriptions.get(id) is asyncio.current_task():
                del self._subscriptions[id]
            if id not in self._subscriptions:
                self._positions.pop(id, None)

    async def _send(self, message: Mapping[str, Any]) -> None:
        """A client that reads slowly waits here, holding its own place and nothing else. One that is gone, or takes
        nothing for too long, is not told: the connection ends.
        """
        try:
            async with asyncio.timeout(self._limits.blocked_s):
                await self._socket.send_text(orjson.dumps(message).decode())
        except TimeoutError:
            self._let_go(Ending(4408, "nothing was read for too long"))
        except (WebSocketDisconnect, RuntimeError):
            self._let_go(GONE)


#: the client went while it was being told something
GONE = Ending(1006, "")
_PING = {"type": "ping"}
_TOO_MANY_SUBSCRIPTIONS = {
    "message": "too many subscriptions on this connection", "extensions": {"code": "TOO_MANY_SUBSCRIPTIONS"},
}  # fmt: skip
