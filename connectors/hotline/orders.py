"""What an order says by itself: the record, its parties, its names, and the times it has of its own.

What only an order and its events tell together, the course of the matter and its hand-overs, is ``course``'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.base import InstanceConfig
from connectors.hotline import codes
from connectors.hotline.attachments import read_attachments
from connectors.hotline.parties import read_parties
from connectors.hotline.rows import stamp, state_of
from connectors.json_rows import day, stamp_text, text
from hub.errors import BadPayloadError
from hub.model import CaseFacts, Entry, Item, RecordName, Reference, Result, UnknownCode, shanghai_midnight
from hub.vocabulary import (
    CaseRecordState,
    Channel,
    Classification,
    CountyTables,
    HandlingEventKind,
    LinkKind,
    common_class,
)

#: the part of a record that an order is; each event is another
ORDER = "order"

_REGION = re.compile(r"[0-9]{6}(?:[0-9]{3}(?:[0-9]{3})?)?")
_UNIT = re.compile(r"[0-9]{12}")
#: a limit without a time ends with its day
_END_OF_DAY = timedelta(hours=23, minutes=59, seconds=59)
#: times that are read and may be illegible
_TIMES = ("dispatchtime", "signTime", "endTime")


@dataclass(frozen=True, slots=True)
class Order:
    """The values of an order on which its course depends."""

    state: str
    #: 12-digit unit code; '' while there is none
    contractor: str
    created_at: datetime
    dispatched_at: datetime | None
    signed_at: datetime | None
    ended_at: datetime | None
    due_at: datetime | None
    #: until when it may be sent back (backBy)
    back_by: datetime | None
    #: successSolve
    solved: str

    @property
    def is_dispatched(self) -> bool:
        """A contractor has it, or had."""
        return bool(self.contractor) and self.state != codes.UNDISPATCHED

    @property
    def latest_at(self) -> datetime:
        """The latest time the order tells of itself: what it has no time for happened no earlier."""
        return max(at for at in (self.created_at, self.dispatched_at, self.signed_at, self.ended_at) if at is not None)


@dataclass(frozen=True, slots=True)
class OrderFacts(CaseFacts):
    """An order's facts, with what its course is told from."""

    order: Order | None = None


def order_facts(row: Mapping[str, Any], item: Item, config: InstanceConfig) -> OrderFacts:
    """Raises BadPayloadError where the order has no number or no readable createdAt."""
    code = text(row.get("workordercode"))
    if not code:
        raise BadPayloadError("MISSING_WORKORDERCODE", field="workordercode")
    created_at = stamp(row.get("createdAt"))
    if created_at is None:
        raise BadPayloadError("BAD_CREATED_AT", field="createdAt")
    order = _order(row, created_at)
    problem = text(row.get("problemId"))
    classes = _classes(problem, config.tables)
    category = common_class(classes)
    standing = codes.STATES.get(order.state)
    return OrderFacts(
        native_id=code,
        native_no="",
        lineage="",
        native_kind=text(row.get("orderType")),
        native_state=order.state,
        state=standing.record if standing else CaseRecordState.UNKNOWN,
        title=_words(row.get("title")),
        content=_words(row.get("content")),
        category=category,
        category_native=problem,
        classes=classes,
        received_at=created_at,
        updated_at=item.updated_at,
        channel=Channel.HOTLINE,
        opens_dispute=text(row.get("orderType")) in codes.DISPUTE_TYPES and bool(text(row.get("respondent"))),
        region_code=_shaped(_REGION, row.get("areaCode")),
        address=_words(row.get("address")),
        classification=_classification(row, category),
        procedure=codes.DESK_PROCEDURE if order.state == codes.UNDISPATCHED else codes.PROCEDURE,
        unit_key=code,
        is_unit=order.is_dispatched and order.contractor == config.centre_code,
        result=_result(order),
        parties=read_parties(row),
        entries=tuple(_entries(row, order)),
        names=tuple(_names(row, code)),
        references=tuple(_references(row, code)),
        unknown_codes=tuple(dict.fromkeys(_unknown_codes(row, order, config))),
        attachments=read_attachments(row.get("attachments")),
        part=ORDER,
        tie_break=(standing.rank if standing else 0,),
        order=order,
    )


def dispatch_id(at: datetime | None) -> str:
    """The identity of a dispatch: the state and its own time, whether the order or an event tells of it."""
    return f"{codes.DISPATCHED}@{stamp_text(at) if at else '?'}"


def _order(row: Mapping[str, Any], created_at: datetime) -> Order:
    due_on = day(row.get("processlimited"))
    return Order(
        state=state_of(row),
        contractor=_shaped(_UNIT, row.get("contractorCode")),
        created_at=created_at,
        dispatched_at=stamp(row.get("dispatchtime")),
        signed_at=stamp(row.get("signTime")),
        ended_at=stamp(row.get("endTime")),
        due_at=shanghai_midnight(due_on) + _END_OF_DAY if due_on else None,
        back_by=stamp(row.get("backBy")),
        solved=text(row.get("successSolve")),
    )


def _entries(row: Mapping[str, Any], order: Order) -> Iterator[Entry]:
    """What the order has a time of its own for, each under its state and that time; never the update stamp."""
    yield _entry("created", HandlingEventKind.REGISTERED, order.created_at)
    if order.dispatched_at is not None or order.is_dispatched:
        data = {"contractorCode": order.contractor} if order.contractor else {}
        at = order.dispatched_at or order.created_at
        yield _entry(dispatch_id(order.dispatched_at), HandlingEventKind.REFERRED, at, data=data)
    if order.signed_at is not None:
        id_ = f"{codes.SIGNED}@{stamp_text(order.signed_at)}"
        yield _entry(id_, HandlingEventKind.SIGNED, order.signed_at, actor=order.contractor)
    if order.ended_at is not None:
        yield _entry(
            f"{codes.CONCLUDED}@{stamp_text(order.ended_at)}",
            HandlingEventKind.RESULT_RECORDED,
            order.ended_at,
            actor=order.contractor,
            words=_words(row.get("replyContent")),
            data={"successSolve": order.solved} if order.solved in codes.OUTCOMES else {},
        )


def _entry(
    id_: str, kind: HandlingEventKind, at: datetime, *, actor: str = "", words: str = "",
    data: Mapping[str, str] | None = None,
) -> Entry:  # fmt: skip
    return Entry(
        source_event_id=id_, kind=kind, occurred_at=at, native_code=id_.partition("@")[0] if "@" in id_ else "",
        to_state=str(codes.STATE_AFTER[kind]), actor_code=actor, words=words, data=data or {},
    )  # fmt: skip


def _result(order: Order) -> Result | None:
    """As the order has it now: what a follow-up corrected stands in the same field."""
    if not order.solved:
        return None
    return Result(codes.OUTCOMES.get(order.solved), order.ended_at or order.latest_at)


def _classes(problem: str, tables: CountyTables) -> tuple[str, ...]:
    known = tables.native("hotline", "problemId", problem)
    return known.classes if known else ()


def _classification(row: Mapping[str, Any], category: str) -> Classification:
    """A mark that is neither yes nor no is taken for a yes until somebody explains it."""
    is_marked = text(row.get("confidential")) not in ("", "0")
    words = f"{_words(row.get('title'))}\n{_words(row.get('content'))}"
    if is_marked or category in codes.CONFIDENTIAL_CATEGORIES or codes.CONFIDENTIAL_WORDS.search(words):
        return Classification.CONFIDENTIAL
    return Classification.INTERNAL


def _names(row: Mapping[str, Any], code: str) -> Iterator[RecordName]:
    yield RecordName("hotline.workordercode", code)
    if order_num := text(row.get("orderNum")):
        yield RecordName("hotline.order_num", order_num)


def _references(row: Mapping[str, Any], code: str) -> Iterator[Reference]:
    """The call it came from, the call 110 opened from it, and the order it repeats.

    The second is only RELATED: that call comes from this order, not this order from the call.
    """
    if source := text(row.get("sourceJjdbh")):
        yield Reference(LinkKind.TRANSFERRED_FROM, "police.jjdbh", source)
    if opened := text(row.get("transferJjdbh")):
        yield Reference(LinkKind.RELATED, "police.jjdbh", opened)
    if (repeated := text(row.get("repeatedCode"))) and repeated != code:
        yield Reference(LinkKind.DUPLICATE_OF, "hotline.workordercode", repeated)


def _unknown_codes(row: Mapping[str, Any], order: Order, config: InstanceConfig) -> Iterator[UnknownCode]:
    kind, problem, street = (text(row.get(name)) for name in ("orderType", "problemId", "streetStatus"))
    if kind not in codes.ORDER_TYPES:
        yield UnknownCode("orderType", kind[:64])
    if order.state not in codes.STATES:
        yield UnknownCode("districtStatus", order.state[:64])
    if street and street not in codes.STATES:
        yield UnknownCode("streetStatus", street[:64])
    if problem and config.tables.native("hotline", "problemId", problem) is None:
        yield UnknownCode("problemId", problem[:64])
    if order.solved and order.solved not in codes.OUTCOMES:
        yield UnknownCode("successSolve", order.solved[:64])
    if (mark := text(row.get("confidential"))) and mark not in codes.FLAGS:
        yield UnknownCode("confidential", mark[:64])
    if order.is_dispatched and order.dispatched_at is None:
        yield UnknownCode("dispatchtime", "UNREADABLE")
    for name in _TIMES:
        if row.get(name) not in (None, "") and stamp(row.get(name)) is None:
            yield UnknownCode(name, "UNREADABLE")
    if row.get("processlimited") not in (None, "") and order.due_at is None:
        yield UnknownCode("processlimited", "UNREADABLE")


def _shaped(shape: re.Pattern[str], value: Any) -> str:
    found = text(value)
    return found if shape.fullmatch(found) else ""


def _words(value: Any) -> str:
    """Words as they came: the hub strips and counts what no database keeps."""
    return value if isinstance(value, str) else ""
