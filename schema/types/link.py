"""Link: evidence that two agencies' records are one matter, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from hub.reading.links import LinkRow
from hub.vocabulary import HeldReason, LinkKind, LinkState
from schema.context import Info
from schema.scalars import Instant, Json

if TYPE_CHECKING:
    from schema.types.record import CaseRecord


@strawberry.type(description="Evidence 关联依据 that two records are one matter: joined, suggested or refused.")
class LinkSuggestion:
    id: strawberry.ID = strawberry.field(description="For decideLinkSuggestion.")
    kind: LinkKind = strawberry.field(description="How the two would belong together.")
    state: LinkState = strawberry.field(description="What became of it.")
    method: str = strawberry.field(
        description="REFERENCE a field names the other; QUOTED words name it; IDENTIFIER the same people; PHONE the "
        "same phone and village; PERSON somebody said so."
    )
    confidence: float = strawberry.field(description="From 0 to 1.")
    evidence: Json = strawberry.field(description="What agrees: names of fields and codes, never a value.")
    held_because: HeldReason | None = strawberry.field(
        description="Why it does not join by itself although its kind does; null where its kind never does."
    )
    decided_by: str = strawberry.field(description="A rule, such as rule:2, or whoever decided.")
    decided_at: Instant = strawberry.field(description="When.")
    version: int = strawberry.field(description="Give it as expectedVersion, to decide only what you saw.")
    row: strawberry.Private[LinkRow]

    @strawberry.field(description="One of the two; where the kind has a direction, the one that names the other.")
    async def from_record(self, info: Info) -> Annotated[CaseRecord, strawberry.lazy("schema.types.record")] | None:
        row = await info.context.loaders.records.load(self.row.from_record_id)
        return None if row is None else info.context.make.record(row)

    @strawberry.field(description="The other.")
    async def to_record(self, info: Info) -> Annotated[CaseRecord, strawberry.lazy("schema.types.record")] | None:
        row = await info.context.loaders.records.load(self.row.to_record_id)
        return None if row is None else info.context.make.record(row)


def link_suggestion(row: LinkRow) -> LinkSuggestion:
    """The public link of a row."""
    evidence = dict(row.evidence)
    held = evidence.pop("held", None)
    return LinkSuggestion(
        id=strawberry.ID(row.id),
        kind=LinkKind[row.kind],
        state=LinkState[row.state],
        method=row.method,
        confidence=row.confidence,
        evidence=Json(evidence),
        held_because=None if held is None else HeldReason[held],
        decided_by=row.decided_by,
        decided_at=Instant(row.decided_at),
        version=row.version,
        row=row,
    )
