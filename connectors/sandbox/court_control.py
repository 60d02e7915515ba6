"""The court's control address: JSON by POST, for tests, demonstrations and the conformance kit (WIRES.md 0.24).

It is never struck by the faults that it switches on. A wrong request is HTTP 400 with ``{"error": …}``.
``do`` is one of

- ``view`` [native_id [rows]]: ``[{native_id, native_no, version, hash}]``, with ``rows`` the rows themselves as well
- ``edit`` native_id [native_no] set | count seed [set]: sets fields, or edits at random; moves gxsj unless told
- ``delete`` native_id [native_no] | count seed
- ``add`` rows | count [set]: rows; what they do not say is as in a plain filing
- ``advance`` seconds: moves the simulated clock; ``clock`` tells it
- ``misbehave`` [mode times rate on, and the mode's options]: see :mod:`connectors.sandbox.faults`
- ``desk`` acceptType (60, 61, 4, 98, filing) answer (981, 980, 982, null) times: decides the next answers
- ``pushes``: ``[{at, path, body, answer}]``, refused ones included
- ``count`` [from to]: filings, diverted and mediated, from the court's own rows
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

from connectors.sandbox import court_rows as rows
from connectors.sandbox.county import LIVE_FROM
from connectors.sandbox.court_count import court_count
from connectors.sandbox.court_desk import CourtDesk
from connectors.sandbox.court_edits import CourtEdits
from connectors.sandbox.court_faults import CONTROL_PATH
from connectors.sandbox.desk_rule import ANSWERS, FILING
from connectors.sandbox.faults import MODES, Faults
from connectors.sandbox.plan import PERIOD_BEGIN
from hub.errors import HubError, UserInputError

Command = Mapping[str, Any]


class CourtControl:
    """One command a request; changes wait for the same lock as pushes do."""

    def __init__(self, desk: CourtDesk, faults: Faults, lock: asyncio.Lock) -> None:
        self._desk, self._faults, self._lock = desk, faults, lock
        self._edits = CourtEdits(desk)
        self._commands: dict[str, Callable[[Command], Awaitable[object]]] = {
            "view": self._view,
            "edit": self._edit,
            "delete": self._delete,
            "add": self._add,
            "advance": self._advance,
            "clock": self._clock,
            "misbehave": self._misbehave,
            "desk": self._decide,
            "pushes": self._pushes,
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
        held = {rows.half_width(row["ah"]): row for _, row in self._desk.store.of_ajbs(command["native_id"])}
        return [key | {"row": held[key["native_no"]]} for key in keys]

    async def _edit(self, command: Command) -> object:
        with self._changing():
            if "count" in command:
                keys = self._edits.edit_some(int(command["count"]), str(command.get("seed", "")), command.get("set"))
            else:
                keys = [self._edits.edit(command["native_id"], command.get("native_no"), command["set"])]
        return {"edited": [asdict(key) for key in keys]}

    async def _delete(self, command: Command) -> object:
        with self._changing():
            if "count" in command:
                keys = self._edits.delete_some(int(command["count"]), str(command.get("seed", "")))
            else:
                keys = [self._edits.delete(command["native_id"], command.get("native_no"))]
        return {"deleted": [asdict(key) for key in keys]}

    async def _add(self, command: Command) -> object:
        given = command.get("rows") or [command.get("set", {})] * int(command["count"])
        with self._changing():
            return {"added": [asdict(key) for key in self._edits.add(given)]}

    async def _advance(self, command: Command) -> object:
        return {"clock": rows.stamp(await self._desk.advance(int(command["seconds"])))}

    async def _clock(self, command: Command) -> object:
        return {"clock": rows.stamp(self._desk.now)}

    async def _misbehave(self, command: Command) -> object:
        options = {name: value for name, value in command.items() if name not in ("do", "mode", "times", "rate", "on")}
        if "mode" in command:
            rate, on = float(command.get("rate", 1.0)), str(command.get("on", ""))
            self._faults.switch(str(command["mode"]), int(command.get("times", 1)), rate, on, **options)
        return {"misbehaving": self._faults.state(), "modes": dict(MODES)}

    async def _decide(self, command: Command) -> object:
        kind = FILING if command["acceptType"] == "filing" else int(command["acceptType"])
        code = command.get("answer")
        if kind not in (4, 60, 61, 98, FILING) or (code is not None and code not in ANSWERS):
            raise UserInputError("acceptType is 60, 61, 4, 98 or filing; answer is 981, 980, 982 or null")
        self._desk.rule.override(kind, code, int(command.get("times", 1)))
        return {"ok": True}

    async def _pushes(self, command: Command) -> object:
        return [
            {"at": at, "path": path, "body": _readable(body), "answer": orjson.loads(answer)}
            for at, path, body, answer in self._desk.store.pushes()
        ]

    async def _count(self, command: Command) -> object:
        begin = date.fromisoformat(command.get("from", PERIOD_BEGIN.isoformat()))
        end = date.fromisoformat(command.get("to", LIVE_FROM.date().isoformat()))
        return asdict(await court_count(self._desk.store.all_rows(), begin, end))

    def _changing(self) -> AbstractContextManager[None]:
        self._desk.touch()
        return self._desk.store.transaction()


def _readable(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")
