"""Quarantine, decided by a person: try items again, or set one aside for good."""

from __future__ import annotations

import strawberry

from hub import quarantine
from hub.reading import worklists
from schema.context import Info
from schema.mutations.base import MutationInput, MutationPayload, answered
from schema.types.worklist import QuarantinedItem, quarantined_item


@strawberry.input(description="Which items to try again: either some, by id, or all open ones of an instance.")
class RetryQuarantinedInput(MutationInput):
    ids: list[strawberry.ID] | None = strawberry.field(default=None, description="At most 100 open items.")
    instance: str | None = strawberry.field(default=None, description="All open items of this configured partner.")


@strawberry.type(description="What was put in line to be tried again.")
class RetryQuarantinedPayload(MutationPayload):
    queued: int = strawberry.field(default=0, description="How many items; a worker tries them at once.")
    instances: list[str] = strawberry.field(default_factory=list, description="Of these configured partners.")


@strawberry.input(description="Which item nobody will need, and why.")
class DiscardQuarantinedInput(MutationInput):
    id: strawberry.ID = strawberry.field(description="An open item.")
    reason: str = strawberry.field(description="Why; kept with the item. At most 500 characters.")
    expected_version: int | None = strawberry.field(
        default=None, description="The version that was read; refused where it has changed since."
    )


@strawberry.type(description="The item as it stands now.")
class DiscardQuarantinedPayload(MutationPayload):
    item: QuarantinedItem | None = strawberry.field(default=None, description="Null where it was refused.")


@strawberry.type
class QuarantineMutations:
    @strawberry.mutation(
        description="Have items mapped again, after a mapping or a code was mended. What still cannot be understood "
        "stays open with one more attempt."
    )
    async def retry_quarantined(self, info: Info, input: RetryQuarantinedInput) -> RetryQuarantinedPayload | None:
        async def act() -> RetryQuarantinedPayload:
            ids = None if input.ids is None else [str(id) for id in input.ids]
            queued = await quarantine.retry_later(info.context.desk, ids, input.instance)
            return RetryQuarantinedPayload(queued=sum(queued.values()), instances=sorted(queued))

        return await answered(info, RetryQuarantinedPayload, input, act)

    @strawberry.mutation(description="Set an item aside for good: never tried again, still listed as DISCARDED.")
    async def discard_quarantined(self, info: Info, input: DiscardQuarantinedInput) -> DiscardQuarantinedPayload | None:
        async def act() -> DiscardQuarantinedPayload:
            desk, id = info.context.desk, str(input.id)
            await quarantine.discard(
                desk, id, by=info.context.decider, reason=input.reason, expected_version=input.expected_version
            )
            async with desk.store.read() as connection:
                row = await worklists.quarantined(connection, id)
            return DiscardQuarantinedPayload(item=None if row is None else quarantined_item(row))

        return await answered(info, DiscardQuarantinedPayload, input, act)
