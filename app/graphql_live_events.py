"""Subscriptions as server-sent events, one subscription a request (graphql-sse, distinct connections mode).

Each change is a ``next`` event whose id is its sequence: a browser that is cut off comes back with ``Last-Event-ID``
and misses nothing. Empty events keep the connection alive and carry how far it has come.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import orjson
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.authentication import is_same_origin
from app.graphql_http import ANSWERS, preferred
from app.graphql_live import Ending, Live, LiveMetrics, TooManyError
from app.refusal import refusal
from hub.principal import Principal
from schema.errors import internal
from schema.execution import Refused, Request, Told

MEDIA_TYPE = "text/event-stream"
#: what follows a stream that was ended for its listener's own sake
_CODES = {4401: "UNAUTHENTICATED", 4403: "FORBIDDEN", 1013: "TRY_AGAIN_LATER"}
_HEADERS = {
    "Content-Type": f"{MEDIA_TYPE}; charset=utf-8",
    "Cache-Control": "no-store",
    # nginx would collect the events otherwise
    "X-Accel-Buffering": "no",
}


def wants_events(request: HttpRequest) -> bool:
    """Whether the client asks for a stream of events before anything else.

    Some name it, behind JSON, in everything they send (urql does): their queries are answered as queries.
    """
    return preferred(request.headers.get("accept", ""), {**ANSWERS, MEDIA_TYPE: MEDIA_TYPE}) == MEDIA_TYPE


async def answer_events(
    live: Live, metrics: LiveMetrics, http: HttpRequest, asked: Request, principal: Principal
) -> Response:
    """The answer to a request for events: a stream, whatever is wrong with the document, or 4xx about the request."""
    if not is_same_origin(http):
        return refusal(403, "FORBIDDEN", "another page's origin")
    resume_after = http.headers.get("last-event-id", "")
    if resume_after and not (resume_after.isascii() and resume_after.isdecimal() and len(resume_after) <= 16):
        return refusal(400, "BAD_REQUEST", "Last-Event-ID is no position")
    context = live.new_context(principal, int(resume_after) if resume_after else None)
    try:
        steps = await live.runner_of(principal.role).subscribe(asked, context)
    except Refused as refused:
        metrics.ended("events", "refused")
        return Response(_next(refused.payload) + _COMPLETE, headers=_HEADERS)
    except (SQLAlchemyError, OSError) as problem:
        return Response(_next({"errors": [internal(problem, "live")]}) + _COMPLETE, headers=_HEADERS)
    return EventStream(live, metrics, principal, steps)


class EventStream(Response):
    """The stream itself: until the client goes, its rights end, or the server goes down."""

    def __init__(
        self, live: Live, metrics: LiveMetrics, principal: Principal, steps: AsyncGenerator[Told, None]
    ) -> None:
        super().__init__(headers=_HEADERS)
        self._live, self._metrics, self._principal, self._steps = live, metrics, principal, steps
        self._position = 0
        self._told = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run it."""
        async with aclosing(self._steps), contextlib.AsyncExitStack() as stack:
            try:
                stack.enter_context(self._live.connected(None))
                stack.enter_context(self._live.connected(self._principal))
            except TooManyError:
                await refusal(429, "TRY_AGAIN_LATER", "too many connections", {"Retry-After": "5"})(
                    scope, receive, send
                )
                return
            stack.enter_context(self._metrics.connection("events"))
            headers = [(name, value) for name, value in self.raw_headers if name != b"content-length"]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            ending = await self._stream(receive, send)
        self._metrics.ended("events", "client" if ending is None else ending.code)

    async def _stream(self, receive: Receive, send: Send) -> Ending | None:
        async def tell(data: bytes) -> None:
            async with self._told:
                await send({"type": "http.response.body", "body": data, "more_body": True})

        telling = asyncio.create_task(self._tell(tell))
        rights = asyncio.create_task(self._live.end_of_rights(self._principal))
        gone = asyncio.create_task(_until_gone(receive))
        going = asyncio.create_task(self._live.going.wait())
        beating = asyncio.create_task(self._beat(tell))
        tasks: set[asyncio.Task[Any]] = {telling, rights, gone, going, beating}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        ended = [task for task in tasks if not task.cancelled()]
        if gone in ended:
            return None
        ending: Ending | None = Ending(1012, "") if going in ended else None
        last = b""
        if rights in ended:
            ending = rights.result()
            extensions = {"code": _CODES[ending.code]}
            last = _next({"errors": [{"message": ending.reason, "extensions": extensions}]}) + _COMPLETE
        elif telling in ended and (problem := telling.exception()) is not None:
            last = _next({"errors": [internal(problem, "live")]}) + _COMPLETE
        # without a last event the client comes back by itself and goes on from its place
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._live.limits.look_s):
                await send({"type": "http.response.body", "body": last, "more_body": False})
        return ending or Ending(4500, "")

    async def _tell(self, tell: Any) -> None:
        async for told in self._steps:
            if told.payload is not None:
                await tell(_next(told.payload, told.position))
            elif not self._position:
                # the headers leave with the first byte
                await tell(_position(told.position))
            self._position = told.position

    async def _beat(self, tell: Any) -> None:
        while True:
            await asyncio.sleep(self._live.limits.ping_every_s / 2)
            await tell(_position(self._position))


def _next(payload: Mapping[str, Any], position: int | None = None) -> bytes:
    id = b"" if position is None else b"id: %d\n" % position
    return b"event: next\n" + id + b"data: " + orjson.dumps(payload) + b"\n\n"


def _position(position: int) -> bytes:
    # an event without data is none, but its id counts as the last one seen
    return b":\nid: %d\n\n" % position


_COMPLETE = b"event: complete\ndata:\n\n"


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
