"""Figure: an indicator with its exact counts, and the units behind them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated

import strawberry

from hub import figures
from hub.errors import UserInputError
from hub.figures import CountedUnit, FigureValue, UnitPage
from hub.reading.paging import KeyType, Ordering, Page, Window, window
from schema.connection import After, Connection, First, connection_of
from schema.context import Info
from schema.scalars import Day, Instant

if TYPE_CHECKING:
    from schema.types.dispute import Dispute
    from schema.types.record import CaseRecord


@strawberry.type(description="One unit that a figure counts, e.g. a filing.")
class FigureUnit:
    key: str = strawberry.field(description="What it is counted under, e.g. the 服务流水号.")
    in_numerator: bool = strawberry.field(description="Whether it is in the numerator too.")
    unit: strawberry.Private[CountedUnit]

    @strawberry.field(description="The record it is counted by.")
    async def record(self, info: Info) -> Annotated[CaseRecord, strawberry.lazy("schema.types.record")] | None:
        row = await info.context.loaders.records.load(self.unit.record_id)
        return None if row is None else info.context.make.record(row)

    @strawberry.field(description="The dispute it belongs to.")
    async def dispute(self, info: Info) -> Annotated[Dispute, strawberry.lazy("schema.types.dispute")] | None:
        if self.unit.dispute_id is None:
            return None
        row = await info.context.loaders.disputes.load(self.unit.dispute_id)
        return None if row is None else info.context.make.dispute(row)


@strawberry.type(description="An indicator 指标 for one period and region. A rate is no more than its two counts.")
class Figure:
    id: str = strawberry.field(description="E.g. K1.")
    label: str = strawberry.field(description="What it is called.")
    numerator: int = strawberry.field(description="Counted units that fulfil it.")
    denominator: int = strawberry.field(description="All counted units.")
    value: str | None = strawberry.field(
        description="A decimal string with four places, rounded half up; null where nothing can be divided."
    )
    unit: str = strawberry.field(description="Unit of value, e.g. %.")
    counted_unit: str = strawberry.field(description="What is counted, e.g. filings.")
    clock: str = strawberry.field(description="Which time of a unit puts it into the period.")
    start: Day = strawberry.field(name="from", description="First day of the period.")
    end: Day = strawberry.field(name="to", description="The day after its last.")
    region: str | None = strawberry.field(description="Region code, its subtree included; null is everything.")
    definition_version: int = strawberry.field(description="Grows when the meaning of the figure changes.")
    as_of: Instant = strawberry.field(description="When it was computed.")

    @strawberry.field(description="The counted units, by key.")
    async def units(self, info: Info, first: First = None, after: After = None) -> Connection[FigureUnit]:
        ordering = Ordering(f"units.{self.id}", (("key", KeyType.TEXT),))
        asked = window(ordering, first, after, None, None)
        found = await self._units(info, asked)

        async def behind() -> bool:
            if asked.place is None:
                return False
            start = await self._units(info, Window(1))
            keys = [unit.key for unit in found.items]
            return any(unit.key not in keys[:1] for unit in start.items)

        async def total() -> int:
            return found.total

        page = Page([(unit, ordering.encode([unit.key])) for unit in found.items], found.has_next)
        return connection_of(page, _unit, asked, behind, total)

    async def _units(self, info: Info, asked: Window) -> UnitPage:
        # hub.figures goes on from a unit's key in base64
        after = asked.place and base64.urlsafe_b64encode(asked.place[0].encode()).rstrip(b"=").decode()
        async with info.context.store.read() as connection:
            return await figures.units(
                connection,
                info.context.sight,
                self.id,
                self.start,
                self.end,
                self.region,
                first=asked.size,
                after=after or None,
            )


def _unit(unit: CountedUnit) -> FigureUnit:
    return FigureUnit(key=unit.key, in_numerator=unit.in_numerator, unit=unit)


def figure(value: FigureValue) -> Figure:
    """The public figure of a value."""
    return Figure(
        id=value.id,
        label=value.label,
        numerator=value.numerator,
        denominator=value.denominator,
        value=value.value,
        unit=value.unit,
        counted_unit=value.counted_unit,
        clock=value.clock,
        start=Day(value.start),
        end=Day(value.end),
        region=value.region,
        definition_version=value.definition_version,
        as_of=Instant(value.as_of),
    )


async def figures_of(info: Info, ids: list[str] | None, start: Day, end: Day, region: str | None) -> list[Figure]:
    """The figures asked for, in that order. Raises UserInputError, NotFoundError."""
    if ids is not None and len(ids) > len(figures.DEFINITIONS):
        raise UserInputError(f"ids takes at most {len(figures.DEFINITIONS)} values")
    async with info.context.store.read() as connection:
        return [
            figure(value) for value in await figures.compute(connection, info.context.sight, ids, start, end, region)
        ]
