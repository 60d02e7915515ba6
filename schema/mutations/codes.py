"""Codes: an operator says what a partner's own code stands for."""

from __future__ import annotations

import strawberry

from hub import worklist
from hub.vocabulary import NativeCode as Meaning
from schema.context import Info
from schema.mutations.base import MutationInput, MutationPayload, answered
from schema.types.worklist import NativeCode, native_code


@strawberry.input(description="What one native code stands for.")
class MapCodeInput(MutationInput):
    system: str = strawberry.field(description="The partner's product, e.g. court.")
    table: str = strawberry.field(description="The table of that system, e.g. caseCause.")
    code: str = strawberry.field(description="The code as the partner sends it; at most 64 characters.")
    classes: list[str] = strawberry.field(
        description="Classes of zz-dispute-17, four digits each; [] says that it is no dispute."
    )
    label: str = strawberry.field(default="", description="What the partner calls it; at most 200 characters.")


@strawberry.type(description="The code as the hub understands it now, and what is mapped again.")
class MapCodePayload(MutationPayload):
    native_code: NativeCode | None = strawberry.field(default=None, description="Null where it was refused.")
    queued: int = strawberry.field(default=0, description="Records that waited for it; a worker maps them again.")
    instances: list[str] = strawberry.field(default_factory=list, description="Of these configured partners.")


@strawberry.type
class CodeMutations:
    @strawberry.mutation(
        description="Say what a partner's own code stands for; this stands against any file. What waited for it is put "
        "in line to be mapped again, and the code leaves the worklist with the last record that carried it."
    )
    async def map_code(self, info: Info, input: MapCodeInput) -> MapCodePayload | None:
        async def act() -> MapCodePayload:
            meant = Meaning(input.system, input.table, input.code, input.label, tuple(input.classes))
            done = await worklist.explain(info.context.desk, info.context.tables, [meant])
            return MapCodePayload(native_code=native_code(meant), queued=done.records, instances=list(done.instances))

        return await answered(info, MapCodePayload, input, act)
