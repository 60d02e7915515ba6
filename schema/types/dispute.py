"""Dispute: one matter, one code, over every agency's records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from hub.reading.disputes import DisputeRow
from hub.reading.events import Stream
from hub.vocabulary import Channel, Classification, DisputeState, Outcome, Procedure
from hub.workflow import dispute_actions
from schema.connection import After, Before, Connection, First, Last
from schema.context import Info
from schema.scalars import Instant, Money, instant
from schema.types.action import AvailableAction, available_actions
from schema.types.attachment import Attachment, attachment
from schema.types.event import HandlingEvent, Kinds, history_of
from schema.types.node import Node
from schema.types.party import Party, party
from schema.types.reference import Agency, Category, Region, agency_of, region_of

if TYPE_CHECKING:
    from schema.types.record import CaseRecord
    from schema.types.referral import Referral


@strawberry.type(description="Who at the centre has a dispute in hand.")
class Assignee:
    name: str = strawberry.field(description="The mediator's or officer's name.")
    agency_code: str | None = strawberry.field(description="12-digit code of the unit, where known.")


@strawberry.type(description="A point on the map.")
class Location:
    lng: float = strawberry.field(description="Longitude in degrees.")
    lat: float = strawberry.field(description="Latitude in degrees.")
    crs: str | None = strawberry.field(
        description="Coordinate system, e.g. GCJ02 or CGCS2000, hundreds of metres apart; null where nobody says."
    )


@strawberry.type(description="One dispute 矛盾纠纷, whichever agencies know of it. Its state follows from its records.")
class Dispute(Node):
    code: str = strawberry.field(description="一案一码: stays, and still answers after a merge.")
    title: str = strawberry.field(description="Title; identifiers inside it are masked.")
    summary: str = strawberry.field(description="Summary; identifiers inside it are masked.")
    category: Category = strawberry.field(description="Class in zz-dispute-17.")
    channel: Channel = strawberry.field(description="The way it came in.")
    people_involved: int | None = strawberry.field(description="How many people; null where nobody says.")
    amount_cny: Money | None = strawberry.field(description="Yuan in dispute.")
    state: DisputeState = strawberry.field(description="Where it stands.")
    state_since: Instant = strawberry.field(description="When that state began.")
    current_procedure: Procedure = strawberry.field(description="Which procedure holds it.")
    address_text: str | None = strawberry.field(description="Where it is, as written.")
    outcome: Outcome | None = strawberry.field(description="How it ended; null while open.")
    registered_at: Instant = strawberry.field(description="When the first opening record was received.")
    closed_at: Instant | None = strawberry.field(description="When it was closed.")
    classification: Classification = strawberry.field(description="Who may know of it.")
    version: int = strawberry.field(description="Grows with every change of the dispute.")
    row: strawberry.Private[DisputeRow]

    @strawberry.field(description="Where it is, e.g. where the caller stood; null where no record tells.")
    def location(self) -> Location | None:
        row = self.row
        if row.lng is None or row.lat is None:
            return None
        return Location(lng=row.lng, lat=row.lat, crs=row.crs or None)

    @strawberry.field(description="Who at the centre has it in hand; null while nobody was named.")
    def assignee(self) -> Assignee | None:
        if not self.row.assignee_name and not self.row.assignee_code:
            return None
        return Assignee(name=self.row.assignee_name, agency_code=self.row.assignee_code or None)

    @strawberry.field(description="What can be done with it now, and what is missing for each.")
    async def available_actions(self, info: Info) -> list[AvailableAction]:
        rows = await info.context.loaders.dispute_referrals.load(self.row.id)
        if self.row.merged_into is not None:
            return []
        return available_actions(info, dispute_actions(self.row.state, rows))

    @strawberry.field(description="The agency that has it in hand.")
    async def holder(self, info: Info) -> Agency | None:
        return await agency_of(info, self.row.holder_code)

    @strawberry.field(description="The first respondent's region.")
    async def region(self, info: Info) -> Region | None:
        return await region_of(info, self.row.region_code)

    @strawberry.field(description="The dispute that took this one in; null where it stands by itself.")
    async def merged_into(self, info: Info) -> Dispute | None:
        if self.row.merged_into is None:
            return None
        row = await info.context.loaders.disputes.load(self.row.merged_into)
        return None if row is None else dispute(row)

    @strawberry.field(description="Everyone its records name, each person once.")
    async def parties(self, info: Info) -> list[Party]:
        return [party(row) for row in await info.context.loaders.dispute_parties.load(self.row.id)]

    @strawberry.field(description="Every agency's record of it, the earliest received first.")
    async def records(self, info: Info) -> list[Annotated[CaseRecord, strawberry.lazy("schema.types.record")]]:
        rows = await info.context.loaders.dispute_records.load(self.row.id)
        return [info.context.make.record(row) for row in rows]

    @strawberry.field(description="What happened over all agencies, in one order; facts that stand now.")
    async def history(
        self,
        info: Info,
        kinds: Kinds = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[HandlingEvent]:
        return await history_of(info, Stream.DISPUTE, self.row.id, kinds, first, after, last, before)

    @strawberry.field(description="Its hand-overs between agencies, the earliest first.")
    async def referrals(self, info: Info) -> list[Annotated[Referral, strawberry.lazy("schema.types.referral")]]:
        rows = await info.context.loaders.dispute_referrals.load(self.row.id)
        return [info.context.make.referral(row) for row in rows]

    @strawberry.field(description="The files that its records name, the earliest received record's first.")
    async def attachments(self, info: Info) -> list[Attachment]:
        return [
            attachment(row, info.context.base_path)
            for row in await info.context.loaders.dispute_attachments.load(self.row.id)
        ]


def dispute(row: DisputeRow) -> Dispute:
    """The public dispute of a row."""
    return Dispute(
        id=strawberry.ID(row.id),
        code=row.code,
        title=row.title,
        summary=row.summary,
        category=Category(code=row.category),
        channel=Channel[row.channel],
        people_involved=row.people_involved,
        amount_cny=None if row.amount_cny is None else Money(row.amount_cny),
        state=DisputeState[row.state],
        state_since=Instant(row.state_since),
        current_procedure=Procedure[row.procedure],
        address_text=row.address_text or None,
        outcome=Outcome[row.outcome] if row.outcome else None,
        registered_at=Instant(row.registered_at),
        closed_at=instant(row.closed_at),
        classification=Classification[row.classification],
        version=row.version,
        row=row,
    )
