"""Regions, agencies, categories and vocabularies: what codes mean, so that a client hard-codes no label."""

from __future__ import annotations

from typing import Annotated

import strawberry

from hub.reading.reference import AgencyRow, RegionRow
from hub.vocabulary import AgencyKind, RegionLevel, parent_region
from schema.context import Info
from schema.enums import Locale

InLocale = Annotated[Locale, strawberry.argument(description="Language of the label.")]


@strawberry.type(description="An administrative region 行政区划: county, township, village or grid.")
class Region:
    code: str = strawberry.field(description="6 digits county, 9 township, 12 village.")
    name: str | None = strawberry.field(description="Null where the hub's table does not know the code.")
    level: RegionLevel | None = strawberry.field(description="Null where the hub's table does not know the code.")

    @strawberry.field(description="The region one level up; null at the top of the table.")
    async def parent(self, info: Info) -> Region | None:
        row = await info.context.loaders.regions.load(parent_region(self.code))
        return None if row is None else region(row)


@strawberry.type(description="An agency or unit 机关单位, known by its code on the partners' wires.")
class Agency:
    code: str = strawberry.field(description="12-digit unit code.")
    name: str | None = strawberry.field(description="Null where the hub's table does not know the code.")
    kind: AgencyKind | None = strawberry.field(description="Null where the hub's table does not know the code.")
    region_code: strawberry.Private[str]

    @strawberry.field(description="Where it sits.")
    async def region(self, info: Info) -> Region | None:
        return await region_of(info, self.region_code)


@strawberry.type(description="A class of dispute 纠纷类别 in the table zz-dispute-17.")
class Category:
    code: str = strawberry.field(description="Two digits a class, four a sub-class, or UNKNOWN.")

    @strawberry.field(description="What it is called; where English is missing, Chinese.")
    def label(self, info: Info, locale: InLocale = Locale.ZH) -> str:
        known = info.context.tables.categories.get(self.code)
        if known is None:
            return "未知" if locale is Locale.ZH else "Unknown"
        return (known.en if locale is Locale.EN else "") or known.zh


@strawberry.type(description="One code and what it is called.")
class VocabularyEntry:
    code: str = strawberry.field(description="The code as it stands in queries and answers.")
    label: str = strawberry.field(description="Its label in the language asked for; where English is missing, Chinese.")
    order: int = strawberry.field(description="Place in the vocabulary, from 0.")
    parent: str | None = strawberry.field(
        description="The code above it; of Category24 and MediationType the Category it maps to; null at the top."
    )


@strawberry.type(description="A list of codes with their labels.")
class Vocabulary:
    name: str = strawberry.field(description="Name of the enum, or Category, Category24, MediationType.")
    entries: list[VocabularyEntry] = strawberry.field(description="All codes, in order.")


def region(row: RegionRow) -> Region:
    """The public region of a row."""
    return Region(code=row.code, name=row.name, level=RegionLevel[row.level])


async def region_of(info: Info, code: str) -> Region | None:
    """The region with that code, with the code alone where no table knows it; None for no code."""
    if not code:
        return None
    row = await info.context.loaders.regions.load(code)
    return Region(code=code, name=None, level=None) if row is None else region(row)


def agency(row: AgencyRow) -> Agency:
    """The public agency of a row."""
    return Agency(code=row.code, name=row.name, kind=AgencyKind[row.kind], region_code=row.region_code)


async def agency_of(info: Info, code: str) -> Agency | None:
    """The agency with that code, with the code alone where no table knows it; None for no code."""
    if not code:
        return None
    row = await info.context.loaders.agencies.load(code)
    return Agency(code=code, name=None, kind=None, region_code="") if row is None else agency(row)
