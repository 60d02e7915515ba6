"""Lists of what waits for a person."""

from __future__ import annotations

from typing import Annotated

import strawberry

from hub import drift as fields
from hub.reading import reconciliations
from hub.reading.worklists import QuarantineFilter, mapping_worklist_listing, quarantine_listing
from hub.vocabulary import QuarantineState
from schema.connection import After, Before, Connection, First, Last, listed
from schema.context import Info
from schema.inputs import values_of
from schema.types.drift import Drift, drift
from schema.types.reconciliation import Reconciliation, reconciliation
from schema.types.worklist import QuarantinedItem, UnmappedCode, quarantined_item, unmapped_code


@strawberry.input(
    name="QuarantineFilter", description="Conditions that all hold together; a list matches any of its values."
)
class QuarantineFilterInput:
    instances: list[str] | None = strawberry.field(default=None, description="Of one of these configured partners.")
    states: list[QuarantineState] | None = strawberry.field(
        default_factory=lambda: [QuarantineState.OPEN], description="In one of these states; null asks for all."
    )
    codes: list[str] | None = strawberry.field(default=None, description="Broke one of these rules.")

    def to_filter(self) -> QuarantineFilter:
        """The same in the hub's words."""
        return QuarantineFilter(self.instances, values_of(self.states), self.codes)


@strawberry.type
class WorklistQueries:
    @strawberry.field(description="Items that could not be understood, the latest first; open ones unless asked.")
    async def quarantine(
        self,
        info: Info,
        filter: QuarantineFilterInput | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[QuarantinedItem]:
        listing = quarantine_listing((filter or QuarantineFilterInput()).to_filter())
        return await listed(info.context.store, listing, quarantined_item, first, after, last, before)

    @strawberry.field(description="Native codes that no table explains, by instance, table and code.")
    async def mapping_worklist(
        self,
        info: Info,
        instances: Annotated[
            list[str] | None, strawberry.argument(description="Of one of these configured partners.")
        ] = None,
        tables: Annotated[list[str] | None, strawberry.argument(description="Of one of these tables.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[UnmappedCode]:
        listing = mapping_worklist_listing(instances=instances, tables=tables)
        return await listed(info.context.store, listing, unmapped_code, first, after, last, before)

    @strawberry.field(description="Comparisons with the partners' own lists, the latest first.")
    async def reconciliations(
        self,
        info: Info,
        instance: Annotated[str | None, strawberry.argument(description="Of this configured partner only.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Reconciliation]:
        listing = reconciliations.listing(instance)
        return await listed(info.context.store, listing, reconciliation, first, after, last, before)

    @strawberry.field(description="Fields that are new, gone or of another type than before, by instance and path.")
    async def drift(
        self,
        info: Info,
        instance: Annotated[str | None, strawberry.argument(description="Of this configured partner only.")] = None,
    ) -> list[Drift]:
        async with info.context.store.read() as connection:
            found = await fields.found(connection, None if instance is None else [instance])
        return [drift(one) for told in found.values() for one in told]
