"""Who looked at what: for whoever answers for it."""

from __future__ import annotations

import strawberry

from hub.reading.access_log import LookFilter, look_listing
from hub.vocabulary import AccessKind, AccessPurpose
from schema.connection import After, Before, Connection, First, Last, listed
from schema.context import Info
from schema.inputs import DateRange, days_of, values_of
from schema.types.access_log import AccessLogEntry, access_log_entry


@strawberry.input(
    name="AccessLogFilter", description="Conditions that all hold together; a list matches any of its values."
)
class AccessLogFilterInput:
    principals: list[str] | None = strawberry.field(default=None, description="By one of these, as principalId.")
    kinds: list[AccessKind] | None = strawberry.field(default=None, description="In one of these ways.")
    purposes: list[AccessPurpose] | None = strawberry.field(default=None, description="For one of these purposes.")
    subject: strawberry.ID | None = strawberry.field(
        default=None,
        description="At this dispute, record or party, where it is named among subjectIds. Looks through every entry "
        "that the other conditions leave: give days too.",
    )
    days: DateRange | None = strawberry.field(default=None, description="On these days.")

    def to_filter(self) -> LookFilter:
        """The same in the hub's words."""
        subject = None if self.subject is None else str(self.subject)
        return LookFilter(self.principals, values_of(self.kinds), values_of(self.purposes), subject, days_of(self.days))


@strawberry.type
class AccessLogQueries:
    @strawberry.field(description="Who looked at citizens' matters, the latest first. A read appears within a second.")
    async def access_log(
        self,
        info: Info,
        filter: AccessLogFilterInput | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[AccessLogEntry]:
        listing = look_listing((filter or AccessLogFilterInput()).to_filter())
        return await listed(info.context.store, listing, access_log_entry, first, after, last, before)
