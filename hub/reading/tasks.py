"""What waits for somebody: read off how things stand, never stored, so a task is gone the moment its reason is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    exists,
    false,
    func,
    literal,
    null,
    or_,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.types import Text

from hub.principal import Principal
from hub.reading.links import LinkFilter, link_listing
from hub.reading.listing import Listing
from hub.reading.paging import KeyType, Ordering
from hub.sight import Sight
from hub.store.tables import (
    case_records,
    disputes,
    mapping_worklist,
    outbound_messages,
    quarantine,
    record_links,
    referrals,
)
from hub.vocabulary import DisputeState, MessageState, QuarantineState, ReferralDirection, TaskKind
from hub.workflow import INBOUND_MOVES, OUTBOUND_MOVES


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One thing that waits, and since when."""

    #: kind and subject together
    id: str
    kind: str
    since: datetime
    #: key of what waits: a dispute, referral, message, link, quarantined item or unknown code
    subject_id: str
    dispute_id: str | None
    referral_id: str | None


#: the mutation that a kind waits for; one that is not somebody's is no task of theirs
ACTS: Mapping[TaskKind, str] = {
    TaskKind.ACCEPT_REFERRAL: "acceptReferral",
    TaskKind.CONCLUDE_REFERRAL: "concludeReferral",
    TaskKind.WORK_DISPUTE: "recordEvent",
    TaskKind.REFUSED_MESSAGE: "retryDeadLetters",
    TaskKind.DEAD_MESSAGE: "retryDeadLetters",
    TaskKind.UNCERTAIN_MESSAGE: "decideUncertain",
    TaskKind.DECIDE_LINK: "decideLinkSuggestion",
    TaskKind.QUARANTINED_ITEM: "retryQuarantined",
    TaskKind.UNKNOWN_CODE: "mapCode",
}

#: what waited longest comes first
_OLDEST = Ordering("tasks", (("since", KeyType.INSTANT), ("id", KeyType.TEXT)))
_DONE = [
    state.value
    for state in (
        DisputeState.CLOSED, DisputeState.MERGED, DisputeState.REJECTED, DisputeState.WITHDRAWN, DisputeState.EXITED,
    )
]  # fmt: skip

Rows = Select[Any]


def task_listing(sight: Sight, principal: Principal, kinds: Collection[TaskKind]) -> Listing[TaskRow]:
    """What waits for them, of these kinds.

    A hand-over waits for the unit that it was sent to, a dispute for the person or unit that has it in hand. Whoever
    has no unit sees every hand-over that they may see.
    """
    parts = [_BY_KIND[kind](kind, sight, principal) for kind in TaskKind if kind in kinds]
    # of no kind there is nothing
    rows = union_all(*parts) if parts else _unknown_code(TaskKind.UNKNOWN_CODE, sight, principal).where(false())
    return Listing(select(rows.subquery()), _OLDEST, _row)


def _row(row: Row[Any]) -> TaskRow:
    return TaskRow(*(row._mapping[name] for name in TaskRow.__slots__))


def _task(
    kind: TaskKind,
    since: ColumnElement[Any],
    subject: ColumnElement[Any],
    dispute: ColumnElement[Any] | None = None,
    referral: ColumnElement[Any] | None = None,
) -> Rows:
    nothing = type_coerce(null(), Text)
    return select(
        (literal(f"{kind.value}:") + subject).label("id"), literal(kind.value).label("kind"), since.label("since"),
        subject.label("subject_id"), (nothing if dispute is None else dispute).label("dispute_id"),
        (nothing if referral is None else referral).label("referral_id"),
    )  # fmt: skip


def _referral(kind: TaskKind, sight: Sight, principal: Principal) -> Rows:
    c, move = referrals.c, ACTS[kind]
    dispute_id = func.coalesce(case_records.c.dispute_id, c.dispute_id)
    inbound = and_(c.direction == ReferralDirection.IN.value, c.state.in_(sorted(INBOUND_MOVES[move].from_states)))
    # what a wire carries, the partner itself answers
    by_hand = and_(
        c.direction == ReferralDirection.OUT.value, func.coalesce(c.instance, "") == "",
        c.state.in_(sorted(OUTBOUND_MOVES[move].from_states)),
    )  # fmt: skip
    since = c.sent_at if kind is TaskKind.ACCEPT_REFERRAL else func.coalesce(c.accepted_at, c.sent_at)
    rows = (
        _task(kind, type_coerce(since, c.sent_at.type), c.id, dispute_id, c.id)
        .select_from(referrals)
        .outerjoin(case_records, case_records.c.id == c.record_id)
        .join(disputes, disputes.c.id == dispute_id)
        .where(c.is_live, or_(inbound, by_hand), disputes.c.state != DisputeState.CLOSED.value, sight.referrals())
    )
    return rows.where(c.to_code == principal.agency) if principal.agency else rows


def _dispute(kind: TaskKind, sight: Sight, principal: Principal) -> Rows:
    c = disputes.c
    theirs = [c.assignee_name == principal.name]
    if principal.agency:
        theirs.append(c.assignee_code == principal.agency)
    return _task(kind, c.state_since, c.id, c.id).where(
        or_(*theirs), c.is_live, c.state.not_in(_DONE), sight.disputes()
    )


def _message(*states: MessageState) -> Callable[[TaskKind, Sight, Principal], Rows]:
    def rows(kind: TaskKind, sight: Sight, _: Principal) -> Rows:
        c = outbound_messages.c
        dispute_id = func.coalesce(case_records.c.dispute_id, c.dispute_id)
        since = type_coerce(func.coalesce(c.answered_at, c.delivered_at, c.queued_at), c.queued_at.type)
        found = (
            _task(kind, since, c.id, dispute_id, c.referral_id)
            .select_from(outbound_messages)
            .outerjoin(case_records, case_records.c.id == c.record_id)
            .where(c.state.in_([state.value for state in states]), sight.messages(dispute_id))
        )
        if MessageState.REFUSED not in states:
            return found
        # a correction that was sent in its place has taken its worry over
        later = outbound_messages.alias("later")
        return found.where(~exists().where(later.c.referral_id == c.referral_id, later.c.id > c.id))

    return rows


def _link(kind: TaskKind, sight: Sight, _: Principal) -> Rows:
    waiting = link_listing(sight, LinkFilter()).rows.subquery()
    c, record = record_links.c, case_records.alias("of_link")
    return (
        _task(kind, c.decided_at, c.id, record.c.dispute_id)
        .select_from(record_links)
        .join(record, record.c.id == c.from_record_id)
        .where(c.id.in_(select(waiting.c.id)))
    )


def _quarantined(kind: TaskKind, _: Sight, __: Principal) -> Rows:
    c = quarantine.c
    return _task(kind, c.quarantined_at, c.id).where(c.state == QuarantineState.OPEN.value)


def _unknown_code(kind: TaskKind, _: Sight, __: Principal) -> Rows:
    return _task(kind, mapping_worklist.c.first_seen_at, mapping_worklist.c.id)


_BY_KIND: Mapping[TaskKind, Callable[[TaskKind, Sight, Principal], Rows]] = {
    TaskKind.ACCEPT_REFERRAL: _referral,
    TaskKind.CONCLUDE_REFERRAL: _referral,
    TaskKind.WORK_DISPUTE: _dispute,
    TaskKind.REFUSED_MESSAGE: _message(MessageState.REFUSED),
    TaskKind.DEAD_MESSAGE: _message(MessageState.DEAD),
    TaskKind.UNCERTAIN_MESSAGE: _message(MessageState.UNCERTAIN),
    TaskKind.DECIDE_LINK: _link,
    TaskKind.QUARANTINED_ITEM: _quarantined,
    TaskKind.UNKNOWN_CODE: _unknown_code,
}
