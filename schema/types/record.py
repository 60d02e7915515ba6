"""CaseRecord: one agency's own record of the matter, under its own number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from hub.reading.events import Stream
from hub.reading.records import RecordRow
from hub.vocabulary import CaseRecordState, Classification
from schema.connection import After, Before, Connection, First, Last
from schema.context import Info
from schema.scalars import Instant, Json, Money, instant
from schema.types.attachment import Attachment, attachment
from schema.types.event import HandlingEvent, Kinds, history_of
from schema.types.node import Node
from schema.types.party import Party, party
from schema.types.reference import Category, Region, region_of

if TYPE_CHECKING:
    from schema.types.dispute import Dispute
    from schema.types.referral import Referral


@strawberry.type(description="Why a record belongs to its dispute.")
class RecordLink:
    method: str = strawberry.field(description="How it was found, e.g. a quoted number or a person's decision.")
    confidence: float | None = strawberry.field(description="From 0 to 1.")
    evidence: Json | None = strawberry.field(description="What it rests on: codes, numbers and keys.")


@strawberry.type(description="One agency's own record 来源记录, as its newest version tells it.")
class CaseRecord(Node):
    instance: str = strawberry.field(description="The configured partner it came from.")
    system: str = strawberry.field(description="Kind of system, e.g. court.")
    native_id: str = strawberry.field(description="The partner's own key.")
    native_no: str | None = strawberry.field(description="The partner's number, e.g. 案号; null while not given.")
    native_kind: str = strawberry.field(description="The partner's own code of what it is.")
    native_state: str = strawberry.field(description="The partner's own state.")
    state: CaseRecordState = strawberry.field(description="The same in the hub's words.")
    title: str = strawberry.field(description="Title; identifiers inside it are masked.")
    content: str | None = strawberry.field(description="What people wrote; identifiers inside it are masked.")
    received_at: Instant = strawberry.field(description="When the agency received it.")
    native_updated_at: Instant | None = strawberry.field(description="The partner's time of the newest version.")
    first_seen_at: Instant = strawberry.field(description="When the hub first saw it.")
    last_seen_at: Instant = strawberry.field(description="When the partner last showed it to the hub.")
    category: Category = strawberry.field(description="Class in zz-dispute-17.")
    amount_cny: Money | None = strawberry.field(description="Yuan claimed.")
    classification: Classification = strawberry.field(description="Who may know of it.")
    deleted_at_source: Instant | None = strawberry.field(description="When the partner was found to hold it no more.")
    row: strawberry.Private[RecordRow]

    @strawberry.field(description="The respondent's region.")
    async def region(self, info: Info) -> Region | None:
        return await region_of(info, self.row.region_code)

    @strawberry.field(description="Whom it names, in its own order.")
    async def parties(self, info: Info) -> list[Party]:
        return [party(row) for row in await info.context.loaders.record_parties.load(self.row.id)]

    @strawberry.field(description="What it tells, in the order in which it happened.")
    async def history(
        self,
        info: Info,
        kinds: Kinds = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[HandlingEvent]:
        return await history_of(info, Stream.RECORD, self.row.id, kinds, first, after, last, before)

    @strawberry.field(description="The hand-overs it tells of, the earliest first.")
    async def referrals(self, info: Info) -> list[Annotated[Referral, strawberry.lazy("schema.types.referral")]]:
        rows = await info.context.loaders.record_referrals.load(self.row.id)
        return [info.context.make.referral(row) for row in rows]

    @strawberry.field(description="The files it names, in its own order; those it named once too.")
    async def attachments(self, info: Info) -> list[Attachment]:
        return [
            attachment(row, info.context.base_path)
            for row in await info.context.loaders.record_attachments.load(self.row.id)
        ]

    @strawberry.field(description="The dispute it belongs to; null for what is none, e.g. an inquiry.")
    async def dispute(self, info: Info) -> Annotated[Dispute, strawberry.lazy("schema.types.dispute")] | None:
        if self.row.dispute_id is None:
            return None
        row = await info.context.loaders.disputes.load(self.row.dispute_id)
        return None if row is None else info.context.make.dispute(row)

    @strawberry.field(description="Why it belongs to its dispute; null where to none.")
    async def link(self, info: Info) -> RecordLink | None:
        # of a dispute that is hidden from the asker nothing is told, and not that there is one
        id = self.row.dispute_id
        is_seen = id is not None and await info.context.loaders.disputes.load(id) is not None
        return _link(self.row) if is_seen else None


def case_record(row: RecordRow) -> CaseRecord:
    """The public record of a row."""
    return CaseRecord(
        id=strawberry.ID(row.id),
        instance=row.instance,
        system=row.system,
        native_id=row.native_id,
        native_no=row.native_no or None,
        native_kind=row.native_kind,
        native_state=row.native_state,
        state=CaseRecordState[row.state],
        title=row.title,
        content=row.content or None,
        received_at=Instant(row.received_at),
        native_updated_at=instant(row.native_updated_at),
        first_seen_at=Instant(row.first_seen_at),
        last_seen_at=Instant(row.last_seen_at),
        category=Category(code=row.category),
        amount_cny=None if row.amount_cny is None else Money(row.amount_cny),
        classification=Classification[row.classification],
        deleted_at_source=instant(row.deleted_at_source),
        row=row,
    )


def _link(row: RecordRow) -> RecordLink | None:
    if row.link_method is None:
        return None
    evidence = None if row.link_evidence is None else Json(row.link_evidence)
    return RecordLink(method=row.link_method, confidence=row.link_confidence, evidence=evidence)
