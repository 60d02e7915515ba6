"""The hotline's control address: what :mod:`connectors.sandbox.control_address` understands, and (WIRES.md 0.24)

``native_no`` is always ''.

- ``view`` [native_id [rows]]: ``[{native_id, native_no, version, hash}]``, with ``rows`` the orders themselves as well
- ``edit`` native_id set | count seed [set]: sets fields, or edits at random; moves updatedAt unless told
- ``delete`` native_id | count seed
- ``add`` rows | count [set]: orders; what they do not say is as in a complaint dispatched to the centre now
- ``misbehave`` with ``on`` webhook: see :mod:`connectors.sandbox.hotline_hooks`
- ``desk`` about (visit, return) answer (visit: 0, 1, 2, unreached; return: centre, elsewhere, closed; null) times
- ``event`` native_id event (追办, 催办) data: an event of the centre's order, now
- ``webhooks`` [url factor signType] [native_id]: sets where and how webhooks go; every event with its attempts
- ``count`` [from to]: referrals to the centre and the settled, from the hotline's own orders
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import date
from typing import Any

from connectors.sandbox.control_address import Command, ControlAddress, options_of
from connectors.sandbox.county import LIVE_FROM
from connectors.sandbox.faults import Faults
from connectors.sandbox.hotline_count import hotline_count
from connectors.sandbox.hotline_desk import CHASED, URGED, HotlineDesk
from connectors.sandbox.hotline_edits import HotlineEdits
from connectors.sandbox.hotline_hooks import HOOK_MODES, HookSender
from connectors.sandbox.plan import PERIOD_BEGIN
from hub.errors import UserInputError


class HotlineControl(ControlAddress):
    """The hotline's further commands."""

    def __init__(self, desk: HotlineDesk, faults: Faults, sender: HookSender, lock: asyncio.Lock) -> None:
        self._desk, self._sender = desk, sender
        self._edits = HotlineEdits(desk)
        further = {
            "view": self._view,
            "edit": self._edit,
            "delete": self._delete,
            "add": self._add,
            "desk": self._decide,
            "event": self._event,
            "webhooks": self._webhooks,
            "count": self._count,
        }
        super().__init__(desk.store, desk, faults, lock, further)

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

    async def _misbehave(self, command: Command) -> dict[str, Any]:
        if command.get("on") != "webhook":
            told = await super()._misbehave(command)
        else:
            mode, rate = str(command["mode"]), float(command.get("rate", 1.0))
            if mode not in HOOK_MODES:
                raise UserInputError(f"webhooks know the modes {', '.join(HOOK_MODES)}")
            self._sender.faults.switch(mode, int(command.get("times", 1)), rate, **options_of(command))
            told = await super()._misbehave({})
        on_webhooks = {f"webhook {mode}": times for mode, times in self._sender.faults.state().items()}
        return told | {"misbehaving": told["misbehaving"] | on_webhooks, "webhook_modes": HOOK_MODES}

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
