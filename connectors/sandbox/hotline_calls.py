"""The hub's calls on the centre's orders: sign, return, extend, conclude (WIRES.md 4.6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

import orjson

from connectors.sandbox import hotline_orders as orders
from connectors.sandbox.hotline_desk import HotlineDesk
from connectors.sandbox.hotline_orders import Order, State
from connectors.sandbox.hotline_refusal import (
    NOT_NOW,
    NOT_YOURS,
    OTHER_CONTENT,
    PARAMETER,
    TOO_LATE,
    UNKNOWN_ORDER,
    HotlineRefusal,
    success,
)
from connectors.sandbox.matters import CENTRE
from connectors.sandbox.stamps import read_stamp, stamp

REASONS = ("01", "02", "03", "09")
_HANDLED = (State.SIGNED, State.IN_PROGRESS, State.EXTENDED)


@dataclass(frozen=True, slots=True)
class Verb:
    """One of the calls: what it must say, what it may say, from which states it is allowed."""

    required: tuple[str, ...]
    further: tuple[str, ...]
    states: tuple[State, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One checked call; what was not said is ''."""

    verb: str
    fields: Mapping[str, str]

    @property
    def content(self) -> bytes:
        """What a repeat must equal."""
        return orjson.dumps([self.verb, self.fields], option=orjson.OPT_SORT_KEYS)


VERBS: Mapping[str, Verb] = MappingProxyType(
    {
        "sign": Verb(("signer", "at"), (), (State.DISPATCHED, State.REWORK)),
        "return": Verb(("reasonCode", "reason"), ("at",), (State.DISPATCHED, State.SIGNED)),
        "extend": Verb(("processlimited", "reason"), ("at",), _HANDLED),
        "conclude": Verb(("successSolve", "replyContent", "at"), ("agreementNo",), _HANDLED),
    }
)


def read_call(verb: str, body: bytes) -> Call:
    """The call in ``body``; raises HotlineRefusal 10002."""
    rule = VERBS[verb]
    required = ("requestId", "workordercode", *rule.required)
    fields = read_fields(body, required, rule.further)
    if fields.get("at"):
        check(fields, "at", read_stamp)
    if verb == "return" and fields["reasonCode"] not in REASONS:
        raise HotlineRefusal(PARAMETER, "reasonCode")
    if verb == "conclude" and fields["successSolve"] not in ("0", "1", "2"):
        raise HotlineRefusal(PARAMETER, "successSolve")
    if verb == "extend":
        check(fields, "processlimited", _date)
    return Call(verb, fields)


def read_fields(body: bytes, required: tuple[str, ...], further: tuple[str, ...]) -> dict[str, str]:
    """The named fields of a JSON object as text, '' where null or absent; raises HotlineRefusal 10002."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise HotlineRefusal(PARAMETER, "JSON") from exc
    if not isinstance(given, dict):
        raise HotlineRefusal(PARAMETER, "JSON")
    fields = {name: _text(given, name) for name in (*required, *further)}
    for name in required:
        if not fields[name].strip():
            raise HotlineRefusal(PARAMETER, name)
    return fields


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    # the wire writes successSolve without quotes: a number is as good as its digits
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise HotlineRefusal(PARAMETER, name)


def check(fields: Mapping[str, str], name: str, read: Callable[[str], object]) -> None:
    """The field can be read so; raises HotlineRefusal 10002."""
    try:
        read(fields[name])
    except ValueError as exc:
        raise HotlineRefusal(PARAMETER, name) from exc


def _date(text: str) -> date:
    day = date.fromisoformat(text)
    if day.isoformat() != text:
        raise ValueError(text)
    return day


def receive_call(desk: HotlineDesk, call: Call) -> bytes:
    """Do what was asked, once for ever; raises HotlineRefusal. A repeat is answered byte for byte the same."""
    answered = answered_before(desk, call.fields["requestId"], call.content)
    if answered is not None:
        return answered
    order = desk.store.get(call.fields["workordercode"])
    if order is None:
        raise HotlineRefusal(UNKNOWN_ORDER)
    _allow(desk, call, order)
    with desk.store.transaction():
        desk.touch()
        _apply(desk, call, order)
        desk.store.replace(order)
        return keep_answer(desk, call.fields["requestId"], call.content, order)


def answered_before(desk: HotlineDesk, request_id: str, content: bytes) -> bytes | None:
    """The answer that this requestId got; raises HotlineRefusal 20004 where it said something else then."""
    before = desk.store.receipt(request_id)
    if before is None:
        return None
    if before[0] != content:
        raise HotlineRefusal(OTHER_CONTENT)
    return before[1]


def keep_answer(desk: HotlineDesk, request_id: str, content: bytes, order: Order) -> bytes:
    """The answer with a new receipt number, remembered for ever."""
    number = f"HZ{desk.now:%Y%m%d%H%M%S}{desk.store.next_serial('receipt'):06d}"
    names = {"workordercode": order["workordercode"], "state": order["state"], "at": stamp(desk.now)}
    answer = success({"receiptNo": number} | names)
    desk.store.keep_receipt(request_id, content, answer)
    return answer


def _allow(desk: HotlineDesk, call: Call, order: Order) -> None:
    if order["contractorCode"] != CENTRE:
        raise HotlineRefusal(NOT_YOURS)
    if order["state"] not in VERBS[call.verb].states:
        raise HotlineRefusal(NOT_NOW)
    if call.verb == "return" and stamp(desk.now) >= order["backBy"]:
        raise HotlineRefusal(TOO_LATE)
    if call.verb == "extend" and call.fields["processlimited"] < order["processlimited"]:
        raise HotlineRefusal(PARAMETER, "processlimited")


def _apply(desk: HotlineDesk, call: Call, order: Order) -> None:
    now, fields = desk.now, call.fields
    if call.verb == "sign":
        orders.sign(order, now)
    elif call.verb == "return":
        orders.send_back(order, now)
        desk.sent_back(order, fields["reasonCode"])
    elif call.verb == "extend":
        orders.extend(order, now, fields["processlimited"])
    else:
        orders.conclude(order, now, fields["successSolve"], fields["replyContent"])
        desk.concluded(order)
