"""The hotline's control address: JSON by POST, for tests, demonstrations and the conformance kit (WIRES.md 0.24).

It is never struck by the faults that it switches on. A wrong request is HTTP 400 with ``{"error": …}``.
``native_no`` is always ''. ``do`` is one of

- ``view`` [native_id [rows]]: ``[{native_id, native_no, version, hash}]``, with ``rows`` the orders themselves as well
- ``edit`` native_id set | count seed [set]: sets fields, or edits at random; moves updatedAt unless told
- ``delete`` native_id | count seed
- ``add`` rows | count [set]: orders; what they do not say is as in a complaint dispatched to the centre now
- ``advance`` seconds: moves the simulated clock; ``clock`` tells it
- ``misbehave`` [mode times rate on, and the mode's options]: see :mod:`connectors.sandbox.faults`; ``on`` webhook:
  see :mod:`connectors.sandbox.hotline_hooks`
- ``desk`` about (visit, return) answer (visit: 0, 1, 2, unreached; return: centre, elsewhere, closed; null) times
- ``event`` native_id event (追办, 催办) data: an event of the centre's order, now
- ``pushes``: ``[{at, path, body, answer}]``, refused ones included
- ``webhooks`` [url factor signType] [native_id]: sets where and how webhooks go; every event with its attempts
- ``count`` [from to]: referrals to the centre and the settled, from the hotline's own orders
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import date
from typing import Any

import orjson
from aiohttp import web

from connectors.sandbox.county import LIVE_FROM
from connectors.sandbox.court_faults import CONTROL_PATH
from connectors.sandbox.court_rows import stamp
from connectors.sandbox.faults import MODES, Faults
from connectors.sandbox.hotline_count import hotline_count
from connectors.sandbox.hotline_desk import CHASED, URGED, HotlineDesk
from connectors.sandbox.hotline_edits import HotlineEdits
from connectors.sandbox.hotline_hooks import HOOK_MODES, HookSender
from connectors.sandbox.hotline_wire import readable
from connectors.sandbox.plan import PERIOD_BEGIN
from hub.errors import HubError, UserInputError

Command = Mapping[str, Any]


class HotlineControl:
    """One command a request; changes wait for the same lock as calls do."""

    def __init__(self, desk: HotlineDesk, faults: Faults, sender: HookSender, lock: asyncio.Lock) -> None:
        self._desk, self._faults, self._sender, self._lock = desk, faults, sender, lock
        self._edits = HotlineEdits(desk)
        self._commands: dict[str, Callable[[Command], Awaitable[object]]] = {
            "view": self._view,
            "edit": self._edit,
            "delete": self._delete,
            "add": self._add,
            "advance": self._advance,
            "clock": self._clock,
            "misbehave": self._misbehave,
            "desk": self._decide,
            "event": self._event,
            "pushes": self._pushes,
            "webhooks": self._webhooks,
            "count": self._count,
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

    async def _view(self, command: Command) -> object:
        keys = [asdict(key) for key in self._desk.store.keys(command.get("native_id", ""))]
        if not command.get("rows"):
            return keys
        return [key | {"row": self._edits.find(key["native_id"])} for key in keys]

    async def _edit(self, command: Command) -> object:
        with self._changing():
            if "count" in command:
                keys = self._edits.edit_some(int(command["count"]), str(command.get("seed", "")), command.get("set"))
            else:
                keys = [self._edits.edit(command["native_id"], command["set"])]
        return {"edited": [asdict(key) for key in keys]}

    async def _delete(self, command: Command) -> object:
        with self._changing():
            if "count" in command:
                keys = self._edits.delete_some(int(command["count"]), str(command.get("seed", "")))
            else:
                keys = [self._edits.delete(command["native_id"])]
        return {"deleted": [asdict(key) for key in keys]}

    async def _add(self, command: Command) -> object:
        given = command.get("rows") or [command.get("set", {})] * int(command["count"])
        with self._changing():
            return {"added": [asdict(key) for key in self._edits.add(given)]}

    async def _advance(self, command: Command) -> object:
        return {"clock": stamp(await self._desk.advance(int(command["seconds"])))}

    async def _clock(self, command: Command) -> object:
        return {"clock": stamp(self._desk.now)}

    async def _misbehave(self, command: Command) -> object:
        options = {name: value for name, value in command.items() if name not in ("do", "mode", "times", "rate", "on")}
        if "mode" in command:
            mode, times = str(command["mode"]), int(command.get("times", 1))
            rate, on = float(command.get("rate", 1.0)), str(command.get("on", ""))
            if on != "webhook":
                self._faults.switch(mode, times, rate, on, **options)
            elif mode in HOOK_MODES:
                self._sender.faults.switch(mode, times, rate, **options)
            else:
                raise UserInputError(f"webhooks know the modes {', '.join(HOOK_MODES)}")
        state = self._faults.state() | {f"webhook {mode}": n for mode, n in self._sender.faults.state().items()}
        return {"misbehaving": state, "modes": dict(MODES), "webhook_modes": HOOK_MODES}

    async def _decide(self, command: Command) -> object:
        self._desk.rule.override(str(command["about"]), command.get("answer"), int(command.get("times", 1)))
        return {"ok": True}

    async def _event(self, command: Command) -> object:
        order, event = self._edits.find(command["native_id"]), command["event"]
        if event not in (CHASED, URGED):
            raise UserInputError(f"only {CHASED} and {URGED} come by themselves")
        with self._changing():
            self._desk.tell(order, event, self._desk.now, **command["data"])
        return {"ok": True}

    async def _pushes(self, command: Command) -> object:
        return [
            {"at": at, "path": path, "body": readable(body), "answer": orjson.loads(answer)}
            for at, path, body, answer in self._desk.store.pushes()
        ]

    async def _webhooks(self, command: Command) -> object:
        settings = self._sender.settings
        sign_type = str(command.get("signType", settings.sign_type))
        factor, url = float(command.get("factor", settings.factor)), command.get("url", settings.url)
        if sign_type not in ("", "SM3") or not factor >= 0 or not isinstance(url, str | None):
            raise UserInputError("signType is SM3 or '', factor a number from 0, url a text or null")
        settings.sign_type, settings.factor, settings.url = sign_type, factor, url
        self._sender.wake()
        events = list(self._desk.store.hooks(command.get("native_id", "")))
        return {"url": settings.url, "factor": settings.factor, "signType": sign_type, "events": events}

    async def _count(self, command: Command) -> object:
        begin = date.fromisoformat(command.get("from", PERIOD_BEGIN.isoformat()))
        end = date.fromisoformat(command.get("to", LIVE_FROM.date().isoformat()))
        return asdict(await hotline_count(self._desk.store.orders(), begin, end))

    def _changing(self) -> AbstractContextManager[None]:
        self._desk.touch()
        return self._desk.store.transaction()
