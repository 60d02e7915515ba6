"""The court's control address: what :mod:`connectors.sandbox.control_address` understands, and (WIRES.md 0.24)

- ``view`` [native_id [rows]]: ``[{native_id, native_no, version, hash}]``, with ``rows`` the rows themselves as well
- ``edit`` native_id [native_no] set | count seed [set]: sets fields, or edits at random; moves gxsj unless told
- ``delete`` native_id [native_no] | count seed
- ``add`` rows | count [set]: rows; what they do not say is as in a plain filing
- ``desk`` acceptType (60, 61, 4, 98, filing) answer (981, 980, 982, null) times: decides the next answers
- ``count`` [from to]: filings, diverted and mediated, from the court's own rows
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import date

from connectors.sandbox import court_rows as rows
from connectors.sandbox.control_address import Command, ControlAddress
from connectors.sandbox.county import LIVE_FROM
from connectors.sandbox.court_count import court_count
from connectors.sandbox.court_desk import CourtDesk
from connectors.sandbox.court_edits import CourtEdits
from connectors.sandbox.desk_rule import ANSWERS, FILING
from connectors.sandbox.faults import Faults
from connectors.sandbox.plan import PERIOD_BEGIN
from hub.errors import UserInputError


class CourtControl(ControlAddress):
    """The court's further commands."""

    def __init__(self, desk: CourtDesk, faults: Faults, lock: asyncio.Lock) -> None:
        self._desk = desk
        self._edits = CourtEdits(desk)
        further = {
            "view": self._view,
            "edit": self._edit,
            "delete": self._delete,
            "add": self._add,
            "desk": self._decide,
            "count": self._count,
        }
        super().__init__(desk.store, desk, faults, lock, further)

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

    async def _decide(self, command: Command) -> object:
        kind = FILING if command["acceptType"] == "filing" else int(command["acceptType"])
        code = command.get("answer")
        if kind not in (4, 60, 61, 98, FILING) or (code is not None and code not in ANSWERS):
            raise UserInputError("acceptType is 60, 61, 4, 98 or filing; answer is 981, 980, 982 or null")
        self._desk.rule.override(kind, code, int(command.get("times", 1)))
        return {"ok": True}

    async def _count(self, command: Command) -> object:
        begin = date.fromisoformat(command.get("from", PERIOD_BEGIN.isoformat()))
        end = date.fromisoformat(command.get("to", LIVE_FROM.date().isoformat()))
        return asdict(await court_count(self._desk.store.all_rows(), begin, end))
