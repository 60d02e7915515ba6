"""A partner's control address: JSON by POST, for tests, demonstrations and the conformance kit (WIRES.md 0.24).

It is never struck by the faults that it switches on. A wrong request is HTTP 400 with ``{"error": …}``.
Commands that every partner understands:

- ``advance`` seconds: moves the simulated clock; ``clock`` tells it
- ``misbehave`` [mode times rate on, and the mode's options]: see :mod:`connectors.sandbox.faults`
- ``pushes``: ``[{at, path, body, answer}]``, refused ones included
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import orjson
from aiohttp import web

from connectors.sandbox.faults import Faults
from connectors.sandbox.http_faults import CONTROL_PATH
from connectors.sandbox.living_desk import LivingDesk
from connectors.sandbox.partner_store import PartnerStore
from connectors.sandbox.stamps import stamp
from hub.errors import HubError, UserInputError

Command = Mapping[str, Any]


class ControlAddress:
    """One command a request; changes wait for the same lock as pushes do."""

    def __init__(
        self,
        store: PartnerStore,
        desk: LivingDesk,
        faults: Faults,
        lock: asyncio.Lock,
        further: Mapping[str, Callable[[Command], Awaitable[object]]],
    ) -> None:
        self._clockwork, self._log, self._faults, self._lock = desk, store, faults, lock
        self._commands: dict[str, Callable[[Command], Awaitable[object]]] = {
            **further,
            "advance": self._advance,
            "clock": self._clock,
            "misbehave": self._misbehave,
            "pushes": self._pushes,
        }

    def routes(self) -> list[web.RouteDef]:
        """The control address."""
        return [web.post(CONTROL_PATH, self.handle)]

    async def handle(self, request: web.Request) -> web.Response:
        """Do one command."""
        try:
            command = orjson.loads(await request.read())
            if not isinstance(command, dict) or command.get("do") not in self._commands:
                raise UserInputError(f"`do` is one of {', '.join(self._commands)}")
            async with self._lock:
                reply = await self._commands[command["do"]](command)
        except (HubError, KeyError, TypeError, ValueError) as exc:
            reason = str(exc) if isinstance(exc, HubError) else f"wrong or missing argument: {exc}"
            return web.Response(status=400, body=orjson.dumps({"error": reason}), content_type="application/json")
        return web.Response(body=orjson.dumps(reply), content_type="application/json")

    async def _advance(self, command: Command) -> object:
        return {"clock": stamp(await self._clockwork.advance(int(command["seconds"])))}

    async def _clock(self, command: Command) -> object:
        return {"clock": stamp(self._clockwork.now)}

    async def _misbehave(self, command: Command) -> dict[str, Any]:
        if "mode" in command:
            rate, on = float(command.get("rate", 1.0)), str(command.get("on", ""))
            self._faults.switch(str(command["mode"]), int(command.get("times", 1)), rate, on, **options_of(command))
        return {"misbehaving": self._faults.state(), "modes": dict(self._faults.modes)}

    async def _pushes(self, command: Command) -> object:
        return [
            {"at": at, "path": path, "body": _readable(body), "answer": orjson.loads(answer)}
            for at, path, body, answer in self._log.pushes()
        ]

    def _changing(self) -> AbstractContextManager[None]:
        """Around a change made behind the desk's back: all or nothing, and remembered."""
        self._clockwork.touch()
        return self._log.transaction()


def options_of(command: Command) -> dict[str, Any]:
    """What a mode may be told besides how often and where."""
    return {name: value for name, value in command.items() if name not in ("do", "mode", "times", "rate", "on")}


def _readable(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")
