"""Orders of the centre's own making, for a department (``/order/create``, WIRES.md 4.12)."""

from __future__ import annotations

import re
from dataclasses import dataclass

import orjson

from connectors.sandbox import hotline_orders as orders
from connectors.sandbox.hotline_calls import answered_before, check, keep_answer, read_fields
from connectors.sandbox.hotline_desk import HotlineDesk
from connectors.sandbox.hotline_orders import COMPLAINTS
from connectors.sandbox.hotline_refusal import PARAMETER, HotlineRefusal
from connectors.sandbox.stamps import read_stamp

SOURCE = "综治中心"
_REQUIRED = ("requestId", "orderType", "title", "content", "at")
_FURTHER = ("address", "areaCode", "problemId", "caller", "callerPhone", "respondent", "respondentPhone")
_AREA = re.compile(r"\d{6}|\d{9}|\d{12}", re.ASCII)
#: behind the serials of the day's calls
_SERIALS_FROM = 900_000


@dataclass(frozen=True, slots=True)
class Creation:
    """A checked request; what was not said is ''."""

    fields: dict[str, str]

    @property
    def content(self) -> bytes:
        """What a repeat must equal."""
        return orjson.dumps(["create", self.fields], option=orjson.OPT_SORT_KEYS)


def read_creation(body: bytes) -> Creation:
    """The request in ``body``; raises HotlineRefusal 10002."""
    fields = read_fields(body, _REQUIRED, _FURTHER)
    check(fields, "at", read_stamp)
    if fields["orderType"] not in COMPLAINTS:
        raise HotlineRefusal(PARAMETER, "orderType")
    if fields["areaCode"] and not _AREA.fullmatch(fields["areaCode"]):
        raise HotlineRefusal(PARAMETER, "areaCode")
    return Creation(fields)


def receive_creation(desk: HotlineDesk, creation: Creation) -> bytes:
    """List the order at once, once for ever; raises HotlineRefusal 20004."""
    fields = creation.fields
    answered = answered_before(desk, fields["requestId"], creation.content)
    if answered is not None:
        return answered
    with desk.store.transaction():
        desk.touch()
        order = orders.blank(new_code(desk), desk.now) | {name: fields[name] or None for name in _FURTHER}
        order |= {name: fields[name] for name in ("orderType", "title", "content")}
        order |= {
            "source": SOURCE, "contactNumber": order["callerPhone"],
            "problemName": desk.problem_name(order["problemId"]),
            "streetCode": fields["areaCode"][:9] if len(fields["areaCode"]) >= 9 else None,
        }  # fmt: skip
        desk.created(desk.store.add(order))
        return keep_answer(desk, fields["requestId"], creation.content, order)


def new_code(desk: HotlineDesk) -> str:
    """A workordercode that no call of the people has."""
    day = f"{desk.now:%Y%m%d}"
    return f"GS{day}{_SERIALS_FROM + desk.store.next_serial(f'code {day}'):06d}"
