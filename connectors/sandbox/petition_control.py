"""The office's control address: what :mod:`connectors.sandbox.control_address` understands, and (WIRES.md 0.24)

- ``view`` [native_id [rows]]: ``[{native_id, native_no, version, hash}]``, with ``rows`` the rows themselves as well
- ``edit`` native_id set | count seed [set]: sets fields, or edits at random; moves gxsj unless told
- ``delete`` native_id | count seed
- ``add`` rows | count [set]: letters; what they do not say is as in a plain complaint
- ``count`` [from to]: petitions, referred and settled, from the office's own rows
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import date

from connectors.sandbox.control_address import Command, ControlAddress
from connectors.sandbox.county import LIVE_FROM
from connectors.sandbox.faults import Faults
from connectors.sandbox.petition_count import petition_count
from connectors.sandbox.petition_desk import PetitionDesk
from connectors.sandbox.petition_edits import PetitionEdits
from connectors.sandbox.plan import PERIOD_BEGIN


class PetitionControl(ControlAddress):
    """The office's further commands. ``native_no`` may be given and is always ''."""

    def __init__(self, desk: PetitionDesk, faults: Faults, lock: asyncio.Lock) -> None:
        self._desk, self._edits = desk, PetitionEdits(desk)
        further = {
            "view": self._view,
            "edit": self._edit,
            "delete": self._delete,
            "add": self._add,
            "count": self._count,
        }
        super().__init__(desk.store, desk, faults, lock, further)

    async def _view(self, command: Command) -> object:
        store = self._desk.store
        keys = [asdict(key) for key in store.keys(command.get("native_id", ""))]
        return [key | {"row": store.row(key["native_id"])} for key in keys] if command.get("rows") else keys

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

    async def _count(self, command: Command) -> object:
        begin = date.fromisoformat(command.get("from", PERIOD_BEGIN.isoformat()))
        end = date.fromisoformat(command.get("to", LIVE_FROM.date().isoformat()))
        return asdict(await petition_count(self._desk.store.all_letters(), begin, end))
