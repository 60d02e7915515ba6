"""Partners that nobody wants, on one port of 127.0.0.1: each misbehaves below a path of its own, for ever."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aiohttp import web

from .hotline_double import order, success

_GARBAGE = os.urandom(10 << 20)


@dataclass
class MadPartners:
    """``asked`` counts requests by kind: ``hang``, ``drip``, ``fail``, ``later``, ``garbage``, ``endless``."""

    base_url: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    #: the places that the endless list was asked for, in order
    places: list[str] = field(default_factory=list)
    retry_after_s: int = 600
    is_healed: bool = False

    def url(self, kind: str) -> str:
        return f"{self.base_url}/{kind}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        kind = request.path.split("/")[1].rstrip("0123456789")
        self.asked[kind] += 1
        if self.is_healed:
            return web.json_response(success([], {"size": 0, "hasMore": False}))
        if kind == "hang":
            await asyncio.sleep(3600)
        if kind == "drip":
            return await self._drip(request)
        if kind == "garbage":
            return web.Response(body=_GARBAGE, content_type="application/json")
        if kind == "endless":
            return web.json_response(self._next_page(request.query["updatedFrom"]))
        if kind == "later":
            return web.Response(status=503, headers={"Retry-After": str(self.retry_after_s)})
        return web.Response(status=500, text="<html>", content_type="text/html")

    def _next_page(self, behind: str) -> object:
        """Two orders behind every place, one second after the other, and always more."""
        self.places.append(behind)
        start = datetime.fromisoformat(behind)
        stamps = [f"{start + timedelta(seconds=step):%Y-%m-%d %H:%M:%S}" for step in (1, 2)]
        number = 10 * len(self.places)
        return success([order(number + step, stamp) for step, stamp in enumerate(stamps)], {"size": 2, "hasMore": True})

    async def _drip(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with suppress(ConnectionResetError):  # until the other side has enough
            while True:
                await response.write(b" ")
                await asyncio.sleep(0.05)
        return response


@asynccontextmanager
async def mad_partners() -> AsyncIterator[MadPartners]:
    """All of them, until the block ends."""
    partners = MadPartners()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", partners.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    partners.base_url = f"http://{host}:{port}"
    try:
        yield partners
    finally:
        await runner.cleanup()
