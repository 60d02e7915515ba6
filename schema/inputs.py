"""What a client may ask of a list: filters and orders, and how they become the hub's own."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import strawberry

from hub.reading.disputes import Box, DisputeFilter, by_number, by_registration, by_state_since
from hub.reading.filters import Days
from hub.reading.paging import Ordering
from hub.reading.records import RecordFilter
from hub.vocabulary import CaseRecordState, Channel, DisputeState
from schema.enums import DisputeOrderField, OrderDirection
from schema.scalars import Day


@strawberry.input(description="Days in the county; either side may stay open.")
class DateRange:
    start: Day | None = strawberry.field(name="from", default=None, description="First day.")
    end: Day | None = strawberry.field(name="to", default=None, description="The day after the last.")


@strawberry.input(description="A part of the map in degrees, its edges included.")
class BoundingBox:
    west: float = strawberry.field(description="Longitude of its left edge.")
    south: float = strawberry.field(description="Latitude of its lower edge.")
    east: float = strawberry.field(description="Longitude of its right edge.")
    north: float = strawberry.field(description="Latitude of its upper edge.")


@strawberry.input(
    name="DisputeFilter", description="Conditions that all hold together; a list matches any of its values."
)
class DisputeFilterInput:
    text: str | None = strawberry.field(
        default=None, description="Stands in title, summary, code or an agency's number of it; at most 200 characters."
    )
    code: str | None = strawberry.field(default=None, description="Exactly this code.")
    states: list[DisputeState] | None = strawberry.field(default=None, description="In one of these states.")
    categories: list[str] | None = strawberry.field(
        default=None, description="In one of these classes; two digits take all their sub-classes."
    )
    channels: list[Channel] | None = strawberry.field(default=None, description="Came in one of these ways.")
    regions: list[str] | None = strawberry.field(
        default=None, description="In one of these regions or below: county, township or village code."
    )
    holder: str | None = strawberry.field(default=None, description="In the hand of the agency with this code.")
    assignee: str | None = strawberry.field(
        default=None, description="In the hand of the person of this name, or of the unit with this code."
    )
    registered: DateRange | None = strawberry.field(default=None, description="Registered on these days.")
    bounding_box: BoundingBox | None = strawberry.field(
        default=None, description="Has a point in this part of the map; compared as told, in its own system."
    )
    records_from: list[str] | None = strawberry.field(
        default=None, description="Has a record of each of these instances or systems, e.g. [court, hotline]."
    )
    include_former: bool = strawberry.field(
        default=False, description="Also those merged into another, or gone at every source."
    )

    def to_filter(self) -> DisputeFilter:
        """The same in the hub's words."""
        return DisputeFilter(
            text=self.text,
            code=self.code,
            states=values_of(self.states),
            categories=self.categories,
            channels=values_of(self.channels),
            regions=self.regions,
            holder=self.holder,
            assignee=self.assignee,
            box=_box(self.bounding_box),
            registered=days_of(self.registered),
            records_from=self.records_from,
            include_former=self.include_former,
        )


@strawberry.input(description="What a list of disputes is ordered by; equals are ordered by id.")
class DisputeOrder:
    by: DisputeOrderField = strawberry.field(name="field", description="What to order by.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.DESC, description="Which end comes first.")

    def to_ordering(self) -> Ordering:
        """The same in the hub's words."""
        descending = self.direction is OrderDirection.DESC
        if self.by is DisputeOrderField.STATE_SINCE:
            return by_state_since(descending=descending)
        if self.by is DisputeOrderField.CODE:
            return by_number(descending=descending)
        return by_registration(descending=descending)


@strawberry.input(
    name="CaseRecordFilter", description="Conditions that all hold together; a list matches any of its values."
)
class CaseRecordFilterInput:
    instances: list[str] | None = strawberry.field(default=None, description="Of one of these configured partners.")
    kinds: list[str] | None = strawberry.field(default=None, description="Of one of these native kinds.")
    states: list[CaseRecordState] | None = strawberry.field(default=None, description="In one of these states.")
    native_id: str | None = strawberry.field(default=None, description="Exactly this key of the partner.")
    native_no: str | None = strawberry.field(
        default=None, description="Exactly this number of the partner, brackets half-width or full-width."
    )
    regions: list[str] | None = strawberry.field(default=None, description="In one of these regions or below.")
    received: DateRange | None = strawberry.field(default=None, description="Received by the agency on these days.")
    has_dispute: bool | None = strawberry.field(default=None, description="Whether it belongs to a dispute.")
    deleted_at_source: bool | None = strawberry.field(default=None, description="Whether the partner holds it no more.")

    def to_filter(self) -> RecordFilter:
        """The same in the hub's words."""
        return RecordFilter(
            instances=self.instances,
            kinds=self.kinds,
            states=values_of(self.states),
            native_id=self.native_id,
            native_no=self.native_no,
            regions=self.regions,
            received=days_of(self.received),
            has_dispute=self.has_dispute,
            deleted_at_source=self.deleted_at_source,
        )


def values_of(members: Sequence[Enum] | None) -> list[str] | None:
    """The codes of these members."""
    return None if members is None else [str(member.value) for member in members]


def _box(given: BoundingBox | None) -> Box | None:
    return None if given is None else Box(given.west, given.south, given.east, given.north)


def days_of(given: DateRange | None) -> Days:
    """The days of a range; any where none is given."""
    return Days() if given is None else Days(given.start, given.end)
