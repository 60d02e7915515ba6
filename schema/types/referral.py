"""Referral: work handed over between agencies, with the duty to bring the result back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from hub.reading.referrals import ReferralRow
from hub.vocabulary import Channel, Outcome, ReferralDirection, ReferralMode, ReferralState, TerminationReason
from hub.workflow import referral_actions
from schema.context import Info
from schema.scalars import Instant, instant
from schema.types.action import AvailableAction, available_actions
from schema.types.node import Node
from schema.types.reference import Agency, agency_of

if TYPE_CHECKING:
    from schema.types.dispute import Dispute
    from schema.types.record import CaseRecord


@strawberry.type(description="A hand-over 移送 with the duty to return its result.")
class Referral(Node):
    channel: Channel = strawberry.field(description="The way it came.")
    mode: ReferralMode = strawberry.field(description="How it was handed over.")
    direction: ReferralDirection = strawberry.field(description="Seen from the centre.")
    state: ReferralState = strawberry.field(description="Where it stands.")
    outcome: Outcome | None = strawberry.field(description="How it ended; null while open.")
    termination_reason: TerminationReason | None = strawberry.field(description="Which of the eight endings.")
    agreement_no: str | None = strawberry.field(description="Number of the agreement 协议书编号.")
    undisputed_facts: str | None = strawberry.field(description="无争议事实, as people wrote it.")
    returned_reason: str | None = strawberry.field(description="Why it was declined, as people wrote it.")
    sent_at: Instant = strawberry.field(description="When it was handed over, by the partner's clock.")
    accepted_at: Instant | None = strawberry.field(description="When it was accepted.")
    declined_at: Instant | None = strawberry.field(description="When it was declined.")
    concluded_at: Instant | None = strawberry.field(description="When it ended.")
    return_acked_at: Instant | None = strawberry.field(description="When the origin confirmed the returned result.")
    due_at: Instant | None = strawberry.field(description="When it is due.")
    partner_ref: str | None = strawberry.field(description="The partner's receipt of our return.")
    owes_return: bool = strawberry.field(description="False where the result is older than the hub's going live.")
    delivered_at: Instant | None = strawberry.field(description="When a hand-over of ours reached its receiver.")
    returned_at: Instant | None = strawberry.field(description="When our result reached the origin.")
    version: int = strawberry.field(description="Give it as expectedVersion, to act only on what you saw.")
    row: strawberry.Private[ReferralRow]

    @strawberry.field(description="The dispute it belongs to now.")
    async def dispute(self, info: Info) -> Annotated[Dispute, strawberry.lazy("schema.types.dispute")] | None:
        if self.row.dispute_id is None:
            return None
        row = await info.context.loaders.disputes.load(self.row.dispute_id)
        return None if row is None else info.context.make.dispute(row)

    @strawberry.field(description="What can be done with it now, and what is missing for each.")
    async def available_actions(self, info: Info) -> list[AvailableAction]:
        if self.row.dispute_id is None:
            return []
        about = await info.context.loaders.disputes.load(self.row.dispute_id)
        return [] if about is None else available_actions(info, referral_actions(self.row, about.state))

    @strawberry.field(description="The hand-over to the centre that this one goes on from.")
    async def parent(self, info: Info) -> Referral | None:
        if self.row.parent_referral_id is None:
            return None
        row = await info.context.loaders.referrals.load(self.row.parent_referral_id)
        return None if row is None else referral(row)

    @strawberry.field(description="The record whose entry handed the work over; null for a hand-over of our own.")
    async def record(self, info: Info) -> Annotated[CaseRecord, strawberry.lazy("schema.types.record")] | None:
        if self.row.record_id is None or self.row.direction == ReferralDirection.OUT.value:
            return None
        row = await info.context.loaders.records.load(self.row.record_id)
        return None if row is None else info.context.make.record(row)

    @strawberry.field(name="from", description="Who handed over.")
    async def from_agency(self, info: Info) -> Agency | None:
        return await agency_of(info, self.row.from_code)

    @strawberry.field(name="to", description="Who was to take it.")
    async def to_agency(self, info: Info) -> Agency | None:
        return await agency_of(info, self.row.to_code)


def referral(row: ReferralRow) -> Referral:
    """The public referral of a row."""
    return Referral(
        id=strawberry.ID(row.id),
        channel=Channel[row.channel],
        mode=ReferralMode[row.mode],
        direction=ReferralDirection[row.direction],
        state=ReferralState[row.state],
        outcome=Outcome[row.outcome] if row.outcome else None,
        termination_reason=TerminationReason[row.termination_reason] if row.termination_reason else None,
        agreement_no=row.agreement_no or None,
        undisputed_facts=row.undisputed_facts or None,
        returned_reason=row.returned_reason or None,
        sent_at=Instant(row.sent_at),
        accepted_at=instant(row.accepted_at),
        declined_at=instant(row.declined_at),
        concluded_at=instant(row.concluded_at),
        return_acked_at=instant(row.return_acked_at),
        due_at=instant(row.due_at),
        partner_ref=row.partner_ref or None,
        owes_return=row.owes_return,
        delivered_at=instant(row.delivered_at),
        returned_at=instant(row.returned_at),
        version=row.version,
        row=row,
    )
