"""What goes wrong around a whole HTTP answer of a partner: HTML pages, broken connections, lost and late answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime

from aiohttp import web
from aiohttp.typedefs import Middleware

from connectors.sandbox.faults import Faults

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CONTROL_PATH = "/control"


def faulty_http(
    faults: Faults,
    clock: Callable[[], datetime],
    place: Callable[[web.Request], str],
    lost_at: Collection[str] = ("push",),
) -> Middleware:
    """A middleware that strikes every address but the control address.

    ``place`` names what a request asks for, as in ``on`` of a fault; at ``lost_at`` what was done may go unanswered.
    """

    @web.middleware
    async def strike(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == CONTROL_PATH:
            return await handler(request)
        where = place(request)
        before = _before(request, faults, where, clock())
        if before is not None:
            return before
        late = faults.strike("delay", where)
        if late is not None:
            await asyncio.sleep(late.number("seconds", 0.5))
        response = await handler(request)
        if where in lost_at and faults.strike("lost", where):
            return html_page(502)
        if isinstance(response, web.Response) and faults.strike("cut", where):
            return await _cut(request, response)
        return response

    return strike


def _before(request: web.Request, faults: Faults, where: str, now: datetime) -> web.Response | None:
    if faults.strike("outage", where):
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
    if now.hour == 0 and faults.strike("maintenance", where):
        return html_page(503)
    if faults.strike("500", where):
        return html_page(500)
    if faults.strike("html", where):
        return html_page(502)
    busy = faults.strike("429", where)
    if busy is not None:
        return html_page(429, {"Retry-After": str(int(busy.number("seconds", 1)))})
    return None


def html_page(status: int, headers: dict[str, str] | None = None) -> web.Response:
    """What a gateway in front of the partner would say."""
    words = {500: "Internal Server Error", 502: "Bad Gateway", 503: "系统维护中", 429: "Too Many Requests"}[status]
    text = f"<html><head><title>{status}</title></head><body><h1>{status} {words}</h1></body></html>"
    return web.Response(status=status, text=text, content_type="text/html", headers=headers)


async def _cut(request: web.Request, whole: web.Response) -> web.StreamResponse:
    body = whole.body if isinstance(whole.body, bytes) else b""
    response = web.StreamResponse(status=whole.status, headers={"Content-Length": str(len(body))})
    response.content_type, response.charset = whole.content_type, whole.charset
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
