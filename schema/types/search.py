"""What the one box finds: disputes, and records that belong to none, each with the way that led there."""

from __future__ import annotations

import strawberry

from hub.reading.search import Hit
from hub.vocabulary import SearchMatch
from schema.types.dispute import Dispute, dispute
from schema.types.record import CaseRecord, case_record


@strawberry.type(description="Something that was found: a dispute, or a record that belongs to none.")
class SearchHit:
    matched_by: list[SearchMatch] = strawberry.field(description="In which ways, the best first.")
    dispute: Dispute | None = strawberry.field(description="The dispute; null where the record belongs to none.")
    record: CaseRecord | None = strawberry.field(
        description="The record that was found, the latest where several of the dispute were; null by code alone."
    )


@strawberry.type(description="What was found.")
class SearchResult:
    hits: list[SearchHit] = strawberry.field(description="The best first: by code, by number, by name, by title.")
    has_more: bool = strawberry.field(description="Whether more would be found: then ask for more of it, in words.")


def search_hit(found: Hit) -> SearchHit:
    """The public hit."""
    return SearchHit(
        matched_by=list(found.matched_by),
        dispute=None if found.dispute is None else dispute(found.dispute),
        record=None if found.record is None else case_record(found.record),
    )
