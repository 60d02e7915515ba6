"""A page of disputes with what the whole list is made of: counts under the same filter, by the same eyes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated

import strawberry

from hub.errors import UserInputError
from schema.connection import Connection
from schema.enums import DisputeFacet
from schema.types.dispute import Dispute

#: for each facet asked, its values with their counts, the most frequent first
Counts = Mapping[str, Sequence[tuple[str, int]]]


@strawberry.type(description="A value that disputes of the list have, and how many have it.")
class FacetCount:
    code: str = strawberry.field(
        description="As in vocabularies, regions or agencies; of a region its township's. Empty where nobody knows."
    )
    count: int = strawberry.field(description="Disputes of the whole list that have it.")


@strawberry.type(description="What one property of a list's disputes is, counted.")
class Facet:
    by: DisputeFacet = strawberry.field(description="The property.")
    counts: list[FacetCount] = strawberry.field(description="The most frequent first.")


@strawberry.type(name="DisputeConnection", description="A page of a list.")
class DisputeConnection(Connection[Dispute]):
    counted: strawberry.Private[Callable[[Sequence[str]], Awaitable[Counts]]]

    @strawberry.field(description="The whole list by these properties, counted only when asked for.")
    async def facets(
        self, by: Annotated[list[DisputeFacet], strawberry.argument(description="At most one of each.")]
    ) -> list[Facet]:
        wanted = list(dict.fromkeys(by))
        if len(wanted) != len(by):
            raise UserInputError("by names a facet twice")
        counts = await self.counted([one.value for one in wanted]) if wanted else {}
        return [
            Facet(by=one, counts=[FacetCount(code=code, count=count) for code, count in counts[one.value]])
            for one in wanted
        ]
