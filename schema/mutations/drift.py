"""Drift, taken as known by a person."""

from __future__ import annotations

import strawberry

from hub.drift import accept
from hub.vocabulary import DriftKind
from schema.context import Info
from schema.mutations.base import MutationInput, MutationPayload, answered
from schema.types.drift import Drift, drift


@strawberry.input(description="Which drift is known now.")
class AcceptDriftInput(MutationInput):
    id: strawberry.ID = strawberry.field(description="Of the list.")
    kind: DriftKind | None = strawberry.field(
        default=None, description="The kind that was shown; refused where it is another by now."
    )


@strawberry.type(description="The drift as it was when it was accepted.")
class AcceptDriftPayload(MutationPayload):
    drift: Drift | None = strawberry.field(default=None, description="Null where it was refused.")


@strawberry.type
class DriftMutations:
    @strawberry.mutation(
        description="Take a drift as known: it leaves the list, and comes back only when the field changes again."
    )
    async def accept_drift(self, info: Info, input: AcceptDriftInput) -> AcceptDriftPayload | None:
        async def act() -> AcceptDriftPayload:
            done = await accept(info.context.desk, str(input.id), by=info.context.decider, kind=input.kind)
            return AcceptDriftPayload(drift=drift(done))

        return await answered(info, AcceptDriftPayload, input, act)
