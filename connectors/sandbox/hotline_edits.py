"""Changes made behind the desk's back through the control address: edits, additions, deletions, stamps.

Random edits are seeded and look like a hotline's own: words, phones, urgency, a reply, a result corrected. Unless told
otherwise each moves ``updatedAt`` to the current simulated second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from connectors.sandbox import hotline_orders as orders
from connectors.sandbox.hotline_create import new_code
from connectors.sandbox.hotline_desk import HotlineDesk
from connectors.sandbox.hotline_orders import Order, State
from connectors.sandbox.matters import CENTRE
from connectors.sandbox.partner_store import Key
from connectors.sandbox.stamps import read_stamp
from hub.errors import NotFoundError, UserInputError

_CLOSED = (State.CONCLUDED, State.VISITED, State.ARCHIVED)


class HotlineEdits:
    """The control address's hand on the orders."""

    def __init__(self, desk: HotlineDesk) -> None:
        self._desk, self._store = desk, desk.store

    def edit(self, code: str, changes: Mapping[str, object]) -> Key:
        """Set fields of one order. Raises NotFoundError or UserInputError."""
        order = self.find(code)
        self._set(order, changes)
        self._store.replace(order)
        return self._key(order)

    def edit_some(self, count: int, seed: str, changes: Mapping[str, object] | None = None) -> list[Key]:
        """Edit ``count`` different orders: each by chance, or all by the same ``changes``."""
        rng = Random(f"{seed}|edits")
        keys: list[Key] = []
        for order in self._pick(count, rng):
            if changes is None:
                self._by_chance(order, rng)
            else:
                self._set(order, changes)
            self._store.replace(order)
            keys.append(self._key(order))
        return keys

    def delete(self, code: str) -> Key:
        """Take one order away without notice. Raises NotFoundError."""
        order = self.find(code)
        self._store.delete(code)
        return self._key(order)

    def delete_some(self, count: int, seed: str) -> list[Key]:
        """Take ``count`` orders away."""
        return [self.delete(order["workordercode"]) for order in self._pick(count, Random(f"{seed}|deletions"))]

    def add(self, given: Sequence[Mapping[str, object]]) -> list[Key]:
        """Add orders; what one does not say is as in a plain complaint dispatched to the centre this second.

        One that is dispatched to the centre is told by webhook.
        """
        keys: list[Key] = []
        for fields in given:
            code = str(fields.get("workordercode") or new_code(self._desk))
            order = orders.blank(code, self._desk.now) | _plain_complaint()
            orders.dispatch(order, self._desk.now, CENTRE)
            order["streetStatus"] = order["state"]
            self._set(order, fields)
            self._store.add(order)
            if (order["state"], order["contractorCode"]) == (State.DISPATCHED, CENTRE):
                self._desk.dispatched(order, self._desk.now)
            keys.append(self._key(order))
        return keys

    def find(self, code: str) -> Order:
        """The order. Raises NotFoundError."""
        order = self._store.get(code)
        if order is None:
            raise NotFoundError("no such order")
        return order

    def _set(self, order: Order, changes: Mapping[str, object]) -> None:
        unknown = [name for name in changes if name not in order or name == "id"]
        if unknown:
            raise UserInputError(f"no field of an order that can be set: {', '.join(unknown)}")
        if not isinstance(changes.get("attachments", []), list):
            raise UserInputError("attachments is a list of file names such as 1.png")
        orders.touched(order, self._desk.now)
        order |= changes
        read_stamp(order["updatedAt"])

    def _by_chance(self, order: Order, rng: Random) -> None:
        orders.touched(order, self._desk.now)
        kind = rng.choice(("content", "urgency", "phone", "reply", "result"))
        is_closed = order["state"] in _CLOSED
        if kind == "urgency":
            order["urgency"] = "紧急" if order["urgency"] == "普通" else "普通"
        elif kind == "phone":
            order["contactNumber"] = f"139{rng.randrange(10**8):08d}"
        elif kind == "reply" and is_closed:
            order["replyContent"] = f"{order['replyContent'] or ''}（补充答复{rng.randrange(1, 10**6)}）"
        elif kind == "result" and is_closed and order["contractorCode"] == CENTRE:
            order["successSolve"] = "0" if order["successSolve"] == "1" else "1"
        else:
            order["content"] = f"{order['content']}（补充诉求{rng.randrange(1, 10**6)}）"

    def _pick(self, count: int, rng: Random) -> list[Order]:
        codes = self._store.codes()
        if count > len(codes):
            raise UserInputError(f"only {len(codes)} orders are there")
        return [self.find(code) for code in rng.sample(codes, count)]

    def _key(self, order: Order) -> Key:
        code = order["workordercode"]
        return next(self._store.keys(code), Key(code, "", order["updatedAt"], ""))


def _plain_complaint() -> Order:
    return {
        "orderType": "投诉", "source": "电话", "caller": "甲", "callerPhone": "13900000001",
        "contactNumber": "13900000001", "respondent": "乙", "respondentPhone": "13900000002",
        "title": "关于民间借贷纠纷的投诉", "content": "市民来电反映，借款到期未还。", "address": "山丹县清泉镇",
        "areaCode": "620725101001", "streetCode": "620725101", "problemId": "2301", "problemName": "民间借贷纠纷",
    }  # fmt: skip
