"""Messages to partners as an operator sees them: what kind, how far, what went wrong; what they say stays sealed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.reading.filters import limited
from hub.reading.listing import Listing
from hub.reading.paging import KeyType, Ordering
from hub.sight import Sight
from hub.store.tables import case_records, data_keys, disputes, outbound_attempts, outbound_messages, referrals
from hub.vocabulary import MessageState

#: states in which a message waits for a person
DEAD_STATES = (MessageState.DEAD.value, MessageState.UNCERTAIN.value)


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One message to a partner."""

    id: str
    instance: str
    lane: str
    key: str
    command: str
    state: str
    attempts: int
    version: int
    referral_id: str | None
    record_id: str | None
    #: the dispute it belongs to now
    dispute_id: str
    dispute_code: str | None
    queued_at: datetime
    next_try_at: datetime | None
    delivered_at: datetime | None
    answered_at: datetime | None
    partner_ref: str
    answer_code: str
    last_error_kind: str | None
    last_error_hint: str | None
    decided_by: str | None
    decided_at: datetime | None
    decided_reason: str | None
    #: what it says, sealed, and what opens it
    command_sealed: bytes | None
    wrapped: bytes | None
    owner: str


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One line of a message's own history."""

    id: str
    message_id: str
    act: str
    at: datetime
    outcome: str
    error_kind: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Conditions that all hold together; None asks for any."""

    instances: Sequence[str] | None = None
    states: Sequence[str] | None = None
    commands: Sequence[str] | None = None
    dispute: str | None = None
    referral: str | None = None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What of one instance's outbox is not done."""

    waiting: int = 0
    unanswered: int = 0
    dead: int = 0
    uncertain: int = 0
    #: refused, and nothing was sent in its place since
    refused: int = 0


_BY_ID = Ordering("outboundMessages", (("id", KeyType.TEXT),), descending=True)
_of_dispute = func.coalesce(case_records.c.dispute_id, outbound_messages.c.dispute_id)
_ELSEWHERE = {
    "dispute_id": _of_dispute, "dispute_code": disputes.c.code, "wrapped": data_keys.c.wrapped,
    "owner": data_keys.c.native_id,
}  # fmt: skip
_COLUMNS = [
    _ELSEWHERE[name].label(name) if name in _ELSEWHERE else outbound_messages.c[name] for name in MessageRow.__slots__
]


def message_listing(sight: Sight, wanted: MessageFilter) -> Listing[MessageRow]:
    """Messages, the latest first. Raises UserInputError."""
    c, rows = outbound_messages.c, _rows(sight)
    for column, values, name in (
        (c.instance, wanted.instances, "instances"), (c.state, wanted.states, "states"),
        (c.command, wanted.commands, "commands"),
    ):  # fmt: skip
        if values is not None:
            rows = rows.where(column.in_(limited(values, name)))
    # who sees every message may still not find out by these which one is about a hidden matter
    if wanted.dispute is not None:
        is_it = (_of_dispute == wanted.dispute) | (disputes.c.code == wanted.dispute)
        rows = rows.where(is_it, sight.dispute_ids(_of_dispute))
    if wanted.referral is not None:
        seen = referrals.alias("seen_referral")
        is_seen = exists().where(seen.c.id == c.referral_id, sight.referrals(seen))
        rows = rows.where(c.referral_id == wanted.referral, is_seen)
    return Listing(rows, _BY_ID, _row)


async def by_ids(connection: AsyncConnection, sight: Sight, ids: Sequence[str]) -> dict[str, MessageRow]:
    """Messages by their ids."""
    found = await connection.execute(_rows(sight).where(outbound_messages.c.id.in_(list(ids))))
    return {row.id: _row(row) for row in found}


async def attempts_of(connection: AsyncConnection, ids: Iterable[str]) -> dict[str, list[AttemptRow]]:
    """The history of each message, in its order."""
    c = outbound_attempts.c
    query = select(*(c[name] for name in AttemptRow.__slots__)).where(c.message_id.in_(list(ids)))
    found: dict[str, list[AttemptRow]] = {}
    for row in await connection.execute(query.order_by(c.at, c.id)):
        found.setdefault(row.message_id, []).append(AttemptRow(*row))
    return found


async def backlogs(connection: AsyncConnection, instances: Iterable[str]) -> Mapping[str, Backlog]:
    """What is not done, of each instance that has such."""
    c = outbound_messages.c
    names = {
        "QUEUED": "waiting", "DELIVERED": "unanswered", "DEAD": "dead", "UNCERTAIN": "uncertain", "REFUSED": "refused",
    }  # fmt: skip
    since = outbound_messages.alias("since")
    is_replaced = exists().where(since.c.referral_id == c.referral_id, since.c.id > c.id)
    query = (
        select(c.instance, c.state, func.count())
        .where(c.instance.in_(list(instances)), c.state.in_(names), (c.state != "REFUSED") | ~is_replaced)
        .group_by(c.instance, c.state)
    )
    counts: dict[str, dict[str, int]] = {}
    for instance, state, count in await connection.execute(query):
        counts.setdefault(instance, {})[names[state]] = count
    return {instance: Backlog(**found) for instance, found in counts.items()}


def _rows(sight: Sight) -> Select[Any]:
    return (
        select(*_COLUMNS)
        .select_from(outbound_messages)
        .join(data_keys, data_keys.c.id == outbound_messages.c.data_key_id)
        .outerjoin(case_records, case_records.c.id == outbound_messages.c.record_id)
        .outerjoin(disputes, disputes.c.id == _of_dispute)
        .where(sight.messages(_of_dispute))
    )


def _row(row: Row[Any]) -> MessageRow:
    return MessageRow(*(row._mapping[name] for name in MessageRow.__slots__))
