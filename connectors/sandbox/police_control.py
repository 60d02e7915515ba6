"""Commands to the police: by method, or as JSON files below ``control/`` for other processes (WIRES.md 0.24).

``control/<name>.json`` is answered by ``control/answers/<name>.json``; a wrong request is answered ``{"error": …}``. A
name is done once. Commands are never struck by the faults that they switch on. ``do`` is one of

- ``view`` [native_id [rows]]: ``[{native_id, native_no, version, hash}]``, with ``rows`` the held forms as well
- ``edit`` native_id [number] set | count seed [set]: a correction of a call's form, or of calls at random
- ``delete`` native_id | count seed: calls vanish silently, at random those of the current month
- ``add`` rows | count [set] [referred]: dispute calls of now, handed to the centre where referred is true
- ``advance`` seconds: moves the simulated clock; ``clock`` tells it
- ``misbehave`` [mode times rate on, and the mode's options]: see :mod:`connectors.sandbox.police_faults`
- ``desk`` answer (1 taken, 2 sent back, null by rule) times: decides about our next YS rows
- ``pushes``: ``[{at, path, body, answer}]``, what the hub handed in and how it was acked
- ``batches``: ``[{serial, name, kind, tries, state, ack}]``, what the police wrote; a withheld one has no file
- ``count`` [from to]: calls, referred and settled, from the police's own forms
- ``look``: react to the folder at once
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import orjson

from connectors.sandbox.county import LIVE_FROM
from connectors.sandbox.faults import Faults
from connectors.sandbox.plan import PERIOD_BEGIN
from connectors.sandbox.police_count import police_count
from connectors.sandbox.police_desk import PoliceDesk
from connectors.sandbox.police_drop import write_whole
from connectors.sandbox.police_edits import PoliceEdits
from connectors.sandbox.police_forms import FKD, JJD
from connectors.sandbox.police_rule import SENT_BACK, TAKEN
from connectors.sandbox.police_tray import Tray
from connectors.sandbox.stamps import stamp
from hub.errors import HubError, UserInputError

Command = Mapping[str, Any]


class PoliceControl:
    """One command at a time; everything else waits for the same lock."""

    def __init__(self, desk: PoliceDesk, tray: Tray, faults: Faults, folder: Path) -> None:
        self._desk, self._tray, self._faults, self._folder = desk, tray, faults, folder
        self._edits = PoliceEdits(desk)
        self._lock = asyncio.Lock()
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
            "batches": self._batches,
            "count": self._count,
            "look": self._look,
        }

    async def perform(self, command: Command) -> object:
        """Do one command. Raises UserInputError or NotFoundError."""
        perform = self._commands.get(str(command.get("do")))
        if perform is None:
            raise UserInputError(f"`do` is one of {', '.join(self._commands)}")
        async with self._lock:
            try:
                return await perform(command)
            except (KeyError, TypeError, ValueError) as exc:
                raise UserInputError(f"wrong or missing argument: {exc}") from exc

    async def look(self) -> None:
        """React to the folder, and do the commands that lie in it."""
        async with self._lock:
            self._tray.look()
        done = {path.name for path in (self._folder / "answers").iterdir()}
        for path in sorted(self._folder.glob("[!.]*.json")):
            if path.name not in done:
                write_whole(self._folder / "answers" / path.name, await self._answer(path.read_bytes()))

    async def _answer(self, request: bytes) -> bytes:
        try:
            command = orjson.loads(request)
            if not isinstance(command, dict):
                raise UserInputError("a command is a JSON object")
            return orjson.dumps(await self.perform(command))
        except (HubError, orjson.JSONDecodeError) as exc:
            return orjson.dumps({"error": str(exc)})

    async def _view(self, command: Command) -> object:
        keys = [asdict(key) for key in self._desk.store.keys(command.get("native_id", ""))]
        if command.get("rows"):
            held = self._desk.store.of_call(command["native_id"])
            return [key | {"rows": [{"dataset": v.dataset} | v.row for v in held]} for key in keys]
        return keys

    async def _edit(self, command: Command) -> object:
        with self._changing():
            if "count" in command:
                keys = self._edits.edit_some(int(command["count"]), str(command.get("seed", "")), command.get("set"))
            else:
                keys = [self._edits.edit(command["native_id"], command.get("number", ""), command["set"])]
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
            return {"added": [asdict(key) for key in self._edits.add(given, bool(command.get("referred")))]}

    async def _advance(self, command: Command) -> object:
        # what lies in the folder was there before the clock moves
        self._tray.look()
        clock = await self._desk.advance(int(command["seconds"]))
        return {"clock": stamp(clock)}

    async def _clock(self, command: Command) -> object:
        return {"clock": stamp(self._desk.now)}

    async def _misbehave(self, command: Command) -> object:
        options = {name: value for name, value in command.items() if name not in ("do", "mode", "times", "rate", "on")}
        if "mode" in command:
            rate, on = float(command.get("rate", 1.0)), str(command.get("on", ""))
            self._faults.switch(str(command["mode"]), int(command.get("times", 1)), rate, on, **options)
        return {"misbehaving": self._faults.state(), "modes": dict(self._faults.modes)}

    async def _decide(self, command: Command) -> object:
        if command["answer"] not in (TAKEN, SENT_BACK, None):
            raise UserInputError(f"answer is {TAKEN}, {SENT_BACK} or null")
        self._desk.rule.override(command["answer"], int(command.get("times", 1)))
        return {"ok": True}

    async def _pushes(self, command: Command) -> object:
        return [
            {"at": at, "path": path, "body": orjson.loads(body), "answer": orjson.loads(answer)}
            for at, path, body, answer in self._desk.store.pushes()
        ]

    async def _batches(self, command: Command) -> object:
        return [
            {
                "serial": serial, "name": name, "sha256": sha256, "kind": kind, "tries": tries, "state": state,
                "ack": orjson.loads(ack) if ack else None,
            }
            for serial, name, sha256, kind, tries, state, ack in self._desk.store.batches()
        ]  # fmt: skip

    async def _count(self, command: Command) -> object:
        begin = date.fromisoformat(command.get("from", PERIOD_BEGIN.isoformat()))
        end = date.fromisoformat(command.get("to", LIVE_FROM.date().isoformat()))
        store, bounds = self._desk.store, (f"{begin} 00:00:00", f"{end} 00:00:00")
        return asdict(police_count(store.versions(JJD), store.versions(FKD), *bounds))

    async def _look(self, command: Command) -> object:
        self._tray.look()
        return {"ok": True}

    def _changing(self) -> AbstractContextManager[None]:
        self._desk.touch()
        return self._desk.store.transaction()
