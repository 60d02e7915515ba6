"""Task: one thing that waits for whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from hub.reading.tasks import TaskRow
from hub.vocabulary import TaskKind
from schema.context import Info
from schema.scalars import Instant

if TYPE_CHECKING:
    from schema.types.dispute import Dispute
    from schema.types.referral import Referral


@strawberry.type(description="One thing that waits 待办. It is gone when its reason is; nothing of it is stored.")
class Task:
    id: strawberry.ID = strawberry.field(description="The same for as long as it waits.")
    kind: TaskKind = strawberry.field(description="What is to be done.")
    since: Instant = strawberry.field(description="Since when it waits.")
    subject: strawberry.ID = strawberry.field(
        description="Id of what waits, for the mutation: of a dispute, referral, message, suggestion, item or code."
    )
    row: strawberry.Private[TaskRow]

    @strawberry.field(description="The dispute it belongs to.")
    async def dispute(self, info: Info) -> Annotated[Dispute, strawberry.lazy("schema.types.dispute")] | None:
        if self.row.dispute_id is None:
            return None
        row = await info.context.loaders.disputes.load(self.row.dispute_id)
        return None if row is None else info.context.make.dispute(row)

    @strawberry.field(description="The hand-over it is about.")
    async def referral(self, info: Info) -> Annotated[Referral, strawberry.lazy("schema.types.referral")] | None:
        if self.row.referral_id is None:
            return None
        row = await info.context.loaders.referrals.load(self.row.referral_id)
        return None if row is None else info.context.make.referral(row)


def task(row: TaskRow) -> Task:
    """The public task of a row."""
    return Task(
        id=strawberry.ID(row.id),
        kind=TaskKind[row.kind],
        since=Instant(row.since),
        subject=strawberry.ID(row.subject_id),
        row=row,
    )
