"""The hotline's orders as its wire lists them, and every step that changes one (WIRES.md 4.5, 4.9, 4.12).

An order is a dict of the wire's fields in wire order, save that ``attachments`` holds file names until it is shown.
Steps change it in place and move ``updatedAt`` to the step's instant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from enum import IntEnum
from types import MappingProxyType
from typing import Any, TypeAlias

from connectors.sandbox.chance import luck
from connectors.sandbox.matters import CENTRE, CENTRE_NAME, Matter
from connectors.sandbox.people import Person
from connectors.sandbox.routes import HOTLINE, POLICE
from connectors.sandbox.stamps import moved_on, stamp
from hub.vocabulary import PartyRole

Order: TypeAlias = dict[str, Any]

FIELDS = (
    "id", "workordercode", "orderNum", "a5Num", "orderType", "source", "urgency", "contractorCode", "contractorName",
    "streetCode", "caller", "callerPhone", "callerIdNo", "contactNumber", "respondent", "respondentPhone", "title",
    "content", "address", "areaCode", "problemId", "problemName", "repeated", "repeatedCode", "state",
    "districtStatus", "streetStatus", "dispatchtime", "signBy", "backBy", "processlimited", "signTime", "endTime",
    "straight", "confidential", "needVisit", "successSolve", "successVisit", "visitFailReason", "satisfaction",
    "replyFit", "replyContent", "attachments", "sourceJjdbh", "transferJjdbh", "createdAt", "updatedAt",
)  # fmt: skip
PHONES = ("callerPhone", "contactNumber", "respondentPhone")
COMPLAINTS = ("投诉", "诉求")
#: other units to which orders go
OTHER_UNITS: Mapping[str, str] = MappingProxyType(
    {
        "620725101000": "清泉镇人民政府",
        "620725105000": "大马营镇人民政府",
        "620725150000": "山丹县市场监督管理局",
        "620725180000": "山丹县住房和城乡建设局",
    }
)
#: working days from the dispatch (no national limits exist, DOMAIN.md §1.4)
_SIGN_DAYS, _BACK_DAYS, _CENTRE_DAYS, _OTHER_DAYS = 1, 1, 15, 7


class State(IntEnum):
    """``state`` and ``districtStatus`` of the wire."""

    RECEIVED = 0
    DISPATCHED = 1
    SIGNED = 2
    IN_PROGRESS = 3
    EXTENDED = 4
    SUSPENDED = 5
    CONCLUDED = 6
    VISITED = 7
    REWORK = 8
    ARCHIVED = 9
    SENT_BACK = 10


#: the contractor still owes a result
OPEN = frozenset(
    {State.DISPATCHED, State.SIGNED, State.IN_PROGRESS, State.EXTENDED, State.SUSPENDED, State.REWORK}
)  # fmt: skip


def blank(code: str, at: datetime) -> Order:
    """An order just received; null where nothing is known yet."""
    order: Order = dict.fromkeys(FIELDS)
    return order | {
        "workordercode": code, "a5Num": code, "urgency": "普通", "repeated": "0", "state": 0, "districtStatus": 0,
        "straight": "0", "confidential": "0", "needVisit": "1", "attachments": [], "createdAt": stamp(at),
        "updatedAt": stamp(at),
    }  # fmt: skip


def received(matter: Matter, problem_name: str | None, files: list[str]) -> Order:
    """The order at the moment of the call."""
    code = matter.native_id
    callers = [told.person for told in matter.parties if told.role is PartyRole.CALLER]
    others = [told.person for told in matter.parties if told.role is PartyRole.RESPONDENT]
    named = {ref.instance: ref.number for ref in matter.references if ref.is_structured}
    order = blank(code, matter.received_at) | {
        "orderType": _order_type(matter, HOTLINE in named),
        "source": "110" if POLICE in named else _drawn(("电话", "电话", "电话", "微信", "网站", "APP"), "source", code),
        "urgency": _drawn(("普通",) * 18 + ("紧急", "特急"), "urgency", code),
        "content": matter.text, "address": callers[0].address, "areaCode": _area(matter),
        "streetCode": matter.region_code[:9], "problemId": matter.native_code or None, "problemName": problem_name,
        "repeated": "1" if HOTLINE in named else "0", "repeatedCode": named.get(HOTLINE),
        "straight": "1" if luck("straight", code) < 0.3 else "0",
        "confidential": "1" if luck("confidential", code) < 0.03 else "0",
        "needVisit": "1" if matter.native_code else "0", "attachments": files, "sourceJjdbh": named.get(POLICE),
        **_callers(callers, code), **_respondent(others),
    }  # fmt: skip
    order["title"] = f"关于{problem_name}的{order['orderType']}" if problem_name else matter.text.rstrip("。")
    return order


def _order_type(matter: Matter, is_repeat: bool) -> str:
    if not matter.native_code:
        return {"咨询": "咨询", "建议": "建议"}.get(matter.text[:2], "诉求")
    if is_repeat and luck("chase", matter.native_id) < 0.5:
        return "追办"
    return "投诉" if luck("type", matter.native_id) < 0.6 else "诉求"


def _area(matter: Matter) -> str:
    # now and then the operator knows the township only
    return matter.region_code[:9] if luck("area", matter.native_id) < 0.04 else matter.region_code


def _callers(callers: list[Person], code: str) -> Order:
    first, last = callers[0], callers[-1]
    contact = last.phone if len(callers) > 1 or luck("contact", code) < 0.8 else ""
    return {
        "caller": first.name, "callerPhone": first.phone or None, "callerIdNo": first.id_no or None,
        "contactNumber": contact or None,
    }  # fmt: skip


def _respondent(others: list[Person]) -> Order:
    if not others:
        return {}
    return {"respondent": others[0].name, "respondentPhone": others[0].phone or None}


def _drawn(choices: tuple[str, ...], *key: str) -> str:
    return choices[int(luck(*key) * len(choices))]


# steps


def dispatch(order: Order, at: datetime, unit: str) -> None:
    """派单: the order gets its local number and its contractor, with all limits."""
    order |= {
        "orderNum": f"SD{order['workordercode'][2:]}",
        "contractorCode": unit,
        "contractorName": unit_name(unit),
        "dispatchtime": stamp(at),
    }
    _limit(order, at)
    order |= {"signTime": None, "endTime": None}
    _enter(order, State.DISPATCHED, at)


def sign(order: Order, at: datetime) -> None:
    """签收."""
    order["signTime"] = stamp(at)
    _enter(order, State.SIGNED, at)


def handle(order: Order, at: datetime) -> None:
    """办理中, after signing or after a suspension."""
    _enter(order, State.IN_PROGRESS, at)


def suspend(order: Order, at: datetime) -> None:
    """挂起."""
    _enter(order, State.SUSPENDED, at)


def extend(order: Order, at: datetime, processlimited: str) -> None:
    """延期 until the end of a day."""
    order["processlimited"] = processlimited
    _enter(order, State.EXTENDED, at)


def send_back(order: Order, at: datetime) -> None:
    """退单: the contractor does not take it."""
    _enter(order, State.SENT_BACK, at)


def conclude(order: Order, at: datetime, solve: str, reply: str) -> None:
    """办结, with what the contractor says about the solution."""
    order |= {
        "endTime": stamp(at), "successSolve": solve, "replyContent": reply, "successVisit": None,
        "visitFailReason": None, "satisfaction": None, "replyFit": None,
    }  # fmt: skip
    _enter(order, State.CONCLUDED, at)


def visit(order: Order, at: datetime, solve: str | None, fail_reason: str | None, satisfaction: str | None) -> None:
    """回访: what the caller says now governs; ``0`` sends the order back to work (重办). Unreached: nothing new."""
    order |= {
        "successVisit": "0" if fail_reason else "1",
        "visitFailReason": fail_reason,
        "satisfaction": satisfaction,
        "replyFit": None if fail_reason else "不契合" if solve == "0" else "契合",
    }
    if fail_reason is None:
        order["successSolve"] = solve
    if fail_reason is None and solve == "0":
        # the first dispatch stays the order's: a second hand-over continues it (WIRES.md 0.7)
        _limit(order, at)
        order |= {"signTime": None, "endTime": None}
        _enter(order, State.REWORK, at)
    else:
        _enter(order, State.VISITED, at)


def archive(order: Order, at: datetime) -> None:
    """归档: from now on its phones are shown masked."""
    _enter(order, State.ARCHIVED, at)


def transfer(order: Order, at: datetime, jjdbh: str) -> None:
    """12345 handed the order over and 110 opened this call (WIRES.md 4.8)."""
    order["transferJjdbh"] = jjdbh
    touched(order, at)


STEPS: Mapping[str, Callable[..., None]] = MappingProxyType(
    {
        step.__name__: step
        for step in (dispatch, sign, handle, suspend, extend, send_back, conclude, visit, archive, transfer)
    }
)


def touched(order: Order, at: datetime) -> Order:
    """The order, changed at that instant."""
    order["updatedAt"] = moved_on(at, order["updatedAt"])
    return order


def _enter(order: Order, state: State, at: datetime) -> None:
    # the street's own status may lag one step behind; the district's governs
    is_behind = luck("street", order["workordercode"], str(int(state))) < 0.2
    if order["dispatchtime"] is not None:
        order["streetStatus"] = order["state"] if is_behind else int(state)
    order["state"] = order["districtStatus"] = int(state)
    touched(order, at)


def _limit(order: Order, at: datetime) -> None:
    days = _CENTRE_DAYS if order["contractorCode"] == CENTRE else _OTHER_DAYS
    order |= {
        "signBy": stamp(working_days_later(at, _SIGN_DAYS)), "backBy": stamp(working_days_later(at, _BACK_DAYS)),
        "processlimited": working_days_later(at, days).date().isoformat(),
    }  # fmt: skip


def working_days_later(at: datetime, days: int) -> datetime:
    """So many days on, Saturdays and Sundays not counted; the hotline knows no holidays."""
    while days:
        at += timedelta(days=1)
        days -= at.weekday() < 5
    return at


def last_moment(processlimited: str) -> datetime:
    """A date without time is due at its very end."""
    return datetime.combine(date.fromisoformat(processlimited), time(23, 59, 59))


def unit_name(unit: str) -> str:
    """A contractor's display name."""
    return CENTRE_NAME if unit == CENTRE else OTHER_UNITS.get(unit, "其他承办单位")


# as shown


def shown(order: Order, attachments: str | None) -> Order:
    """The item of the wire: phones masked once archived, attachments as addresses."""
    item = order | {"attachments": attachments}
    if order["state"] == State.ARCHIVED:
        item |= {name: masked(order[name]) for name in PHONES if order[name]}
    return item


def masked(phone: str) -> str:
    """``138****1234``: the first three and the last four."""
    return f"{phone[:3]}****{phone[-4:]}"
