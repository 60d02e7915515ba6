"""Referrals that stand: of a record, of a dispute, and the one an event handed over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.sight import Sight
from hub.store.tables import case_records, referrals


@dataclass(frozen=True, slots=True)
class ReferralRow:
    """Work handed over, with the duty to return it."""

    id: str
    record_id: str | None
    source_event_id: str
    channel: str
    mode: str
    direction: str
    from_code: str
    to_code: str
    state: str
    outcome: str | None
    termination_reason: str | None
    agreement_no: str
    undisputed_facts: str
    returned_reason: str
    sent_at: datetime
    accepted_at: datetime | None
    declined_at: datetime | None
    concluded_at: datetime | None
    return_acked_at: datetime | None
    due_at: datetime | None
    partner_ref: str
    owes_return: bool
    delivered_at: datetime | None
    returned_at: datetime | None
    parent_referral_id: str | None
    #: of a hand-over of ours: the partner whose wire carries it, '' worked by hand
    instance: str | None
    version: int
    #: the record's dispute, else the referral's own
    dispute_id: str | None


_FIELDS = tuple(name for name in ReferralRow.__slots__ if name != "dispute_id")
_DISPUTE = func.coalesce(case_records.c.dispute_id, referrals.c.dispute_id)


def _standing(sight: Sight) -> Select[Any]:
    return (
        select(*(referrals.c[name] for name in _FIELDS), _DISPUTE.label("dispute_id"))
        .select_from(referrals)
        .outerjoin(case_records, case_records.c.id == referrals.c.record_id)
        .where(referrals.c.is_live, sight.referrals())
        .order_by(referrals.c.sent_at, referrals.c.id)
    )


def _row(found: Row[Any]) -> ReferralRow:
    return ReferralRow(*(found._mapping[name] for name in ReferralRow.__slots__))


async def by_ids(connection: AsyncConnection, sight: Sight, ids: Iterable[str]) -> dict[str, ReferralRow]:
    """The referrals with these keys that stand; others are missing."""
    found = await connection.execute(_standing(sight).where(referrals.c.id.in_(list(ids))))
    return {row.id: _row(row) for row in found}


async def of_records(
    connection: AsyncConnection, sight: Sight, record_ids: Iterable[str]
) -> Mapping[str, Sequence[ReferralRow]]:
    """The referrals each record tells of, the earliest sent first."""
    groups: dict[str, list[ReferralRow]] = defaultdict(list)
    for row in await connection.execute(_standing(sight).where(referrals.c.record_id.in_(list(record_ids)))):
        groups[row.record_id].append(_row(row))
    return groups


async def of_disputes(
    connection: AsyncConnection, sight: Sight, dispute_ids: Iterable[str]
) -> Mapping[str, Sequence[ReferralRow]]:
    """The referrals of each dispute over all its records, the earliest sent first."""
    wanted = list(dispute_ids)
    through_records = select(referrals.c.id).join(case_records, case_records.c.id == referrals.c.record_id)
    own = select(referrals.c.id).where(referrals.c.record_id.is_(None), referrals.c.dispute_id.in_(wanted))
    keys = through_records.where(case_records.c.dispute_id.in_(wanted)).union_all(own).subquery()
    groups: dict[str, list[ReferralRow]] = defaultdict(list)
    for row in await connection.execute(_standing(sight).where(referrals.c.id.in_(select(keys.c.id)))):
        groups[row.dispute_id].append(_row(row))
    return groups


async def of_events(
    connection: AsyncConnection, sight: Sight, entries: Iterable[tuple[str, str]]
) -> Mapping[tuple[str, str], ReferralRow]:
    """The referral that each entry (record, source event id) handed over; entries that handed nothing are missing."""
    wanted = tuple_(referrals.c.record_id, referrals.c.source_event_id).in_(list(entries))
    found = await connection.execute(_standing(sight).where(wanted))
    return {(row.record_id, row.source_event_id): _row(row) for row in found}
