"""回得去: per channel what came in, what was concluded, and how far its return came; and who still owes us a word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.referrals import CONCLUDED_STATES, OPEN_STATES
from hub.store.tables import case_records, disputes, outbound_messages, referrals
from hub.vocabulary import Channel, CommandKind, ReferralDirection, ReferralState

#: in which a result is owed back
CHANNELS = (Channel.LITIGATION, Channel.POLICE, Channel.PETITION, Channel.HOTLINE)


@dataclass(frozen=True, slots=True)
class ChannelCount:
    """Hand-overs to the centre that owe their origin a result. ``received`` is ``concluded`` and ``open`` together.

    What was sent back and taken back owes none and counts nowhere.
    """

    concluded: int = 0
    returned: int = 0
    acknowledged: int = 0
    open: int = 0

    @property
    def received(self) -> int:
        """All of them."""
        return self.concluded + self.open

    def as_json(self) -> dict[str, int]:
        """As ``--json`` shows it."""
        return {
            "received": self.received, "concluded": self.concluded, "returned": self.returned,
            "acknowledged": self.acknowledged, "open": self.open,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unacknowledged:
    """A result that its origin has not confirmed."""

    referral: str
    dispute: str
    channel: str
    state: str
    #: the refusal's code, else the kind of the last error; '' where only the answer is awaited
    error: str

    def as_json(self) -> dict[str, str]:
        """As ``--json`` shows it."""
        return {
            "referral": self.referral, "dispute": self.dispute, "channel": self.channel, "state": self.state,
            "error": self.error,
        }  # fmt: skip


async def count_channels(connection: AsyncConnection, since: datetime) -> dict[str, ChannelCount]:
    """Of the hand-overs sent since then, by channel."""
    c = referrals.c
    is_concluded = c.state.in_(_values(CONCLUDED_STATES))

    def number(*conditions: Any) -> Any:
        when = conditions[0]
        for further in conditions[1:]:
            when = when & further
        return func.coalesce(func.sum(case((when, 1), else_=0)), 0)

    query = _owing(
        select(
            c.channel, number(is_concluded).label("concluded"),
            number(is_concluded, c.returned_at.is_not(None)).label("returned"),
            number(c.state == ReferralState.RETURN_ACKED.value).label("acknowledged"),
            number(c.state.in_(_values(OPEN_STATES))).label("open"),
        ),
        since,
    ).group_by(c.channel)  # fmt: skip
    found = {
        row.channel: ChannelCount(int(row.concluded), int(row.returned), int(row.acknowledged), int(row.open))
        for row in await connection.execute(query)
    }
    return {channel.value: found.get(channel.value, ChannelCount()) for channel in CHANNELS}


async def unacknowledged(connection: AsyncConnection, since: datetime) -> list[Unacknowledged]:
    """Every concluded one of them without its origin's word, the oldest first."""
    c, m = referrals.c, outbound_messages.c
    waiting = CONCLUDED_STATES - {ReferralState.RETURN_ACKED}
    returns = outbound_messages.alias("returns")
    last = (
        select(func.max(returns.c.id))
        .where(returns.c.referral_id == c.id, returns.c.command == CommandKind.RETURN.value)
        .correlate(referrals)
        .scalar_subquery()
    )
    query = (
        _owing(select(c.id, c.channel, c.state, disputes.c.code, m.answer_code, m.last_error_kind), since)
        .join(disputes, disputes.c.id == case_records.c.dispute_id, isouter=True)
        .join(outbound_messages, m.id == last, isouter=True)
        .where(c.state.in_(_values(waiting)))
        .order_by(c.sent_at, c.id)
    )
    return [
        Unacknowledged(row.id, row.code or "", row.channel, row.state, row.answer_code or row.last_error_kind or "")
        for row in await connection.execute(query)
    ]


def _owing(query: Select[Any], since: datetime) -> Select[Any]:
    c = referrals.c
    return (
        query.select_from(referrals)
        .join(case_records, case_records.c.id == c.record_id)
        .where(c.is_live, c.owes_return, c.direction == ReferralDirection.IN.value, c.sent_at >= since)
    )


def _values(states: frozenset[ReferralState]) -> list[str]:
    return sorted(state.value for state in states)
