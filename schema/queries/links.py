"""Lists of links that wait for a person, or were decided."""

from __future__ import annotations

import strawberry

from hub.reading.links import LinkFilter, link_listing
from hub.vocabulary import LinkState
from schema.connection import After, Before, Connection, First, Last, listed
from schema.context import Info
from schema.inputs import values_of
from schema.types.link import LinkSuggestion, link_suggestion


@strawberry.input(
    name="LinkSuggestionFilter", description="Conditions that all hold together; a list matches any of its values."
)
class LinkSuggestionFilterInput:
    states: list[LinkState] | None = strawberry.field(
        default_factory=lambda: [LinkState.SUGGESTED], description="In one of these states; null asks for all."
    )
    methods: list[str] | None = strawberry.field(default=None, description="Found in one of these ways, e.g. [PHONE].")
    disputes: list[strawberry.ID] | None = strawberry.field(
        default=None, description="One of its records is of one of these disputes."
    )
    records: list[strawberry.ID] | None = strawberry.field(default=None, description="About one of these records.")
    instances: list[str] | None = strawberry.field(
        default=None, description="One of its records is of one of these configured partners."
    )

    def to_filter(self) -> LinkFilter:
        """The same in the hub's words."""
        return LinkFilter(
            values_of(self.states),
            self.methods,
            None if self.disputes is None else [str(id) for id in self.disputes],
            None if self.records is None else [str(id) for id in self.records],
            self.instances,
        )


@strawberry.type
class LinkQueries:
    @strawberry.field(
        description="Evidence that two records are one matter, the latest found first; what waits for a person unless "
        "asked. A suggestion within one dispute asks nothing and is left out."
    )
    async def link_suggestions(
        self,
        info: Info,
        filter: LinkSuggestionFilterInput | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[LinkSuggestion]:
        listing = link_listing(info.context.sight, (filter or LinkSuggestionFilterInput()).to_filter())
        return await listed(info.context.store, listing, link_suggestion, first, after, last, before)
