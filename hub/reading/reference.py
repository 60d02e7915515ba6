"""Reference data as anyone may read it: the county's regions and agencies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.tables import agencies, regions


@dataclass(frozen=True, slots=True)
class RegionRow:
    """An administrative region."""

    code: str
    name: str
    level: str
    parent_code: str


@dataclass(frozen=True, slots=True)
class AgencyRow:
    """An agency or unit, by its code on the wires."""

    code: str
    name: str
    kind: str
    region_code: str


_REGION = [regions.c[name] for name in RegionRow.__slots__]
_AGENCY = [agencies.c[name] for name in AgencyRow.__slots__]


async def regions_by_code(connection: AsyncConnection, codes: Iterable[str]) -> dict[str, RegionRow]:
    """The regions with these codes; unknown codes are missing."""
    found = await connection.execute(select(*_REGION).where(regions.c.code.in_(list(codes))))
    return {row.code: RegionRow(*row) for row in found}


async def all_regions(connection: AsyncConnection, parent: str | None, level: str | None) -> Sequence[RegionRow]:
    """The regions directly below ``parent``, of that level, in code order; None asks for any."""
    statement = select(*_REGION).order_by(regions.c.code)
    if parent is not None:
        statement = statement.where(regions.c.parent_code == parent)
    if level is not None:
        statement = statement.where(regions.c.level == level)
    return [RegionRow(*row) for row in await connection.execute(statement)]


async def agencies_by_code(connection: AsyncConnection, codes: Iterable[str]) -> dict[str, AgencyRow]:
    """The agencies with these codes; unknown codes are missing."""
    found = await connection.execute(select(*_AGENCY).where(agencies.c.code.in_(list(codes))))
    return {row.code: AgencyRow(*row) for row in found}


async def all_agencies(connection: AsyncConnection, kinds: Sequence[str] | None) -> Sequence[AgencyRow]:
    """The agencies of these kinds, in code order; None asks for any."""
    statement = select(*_AGENCY).order_by(agencies.c.code)
    if kinds is not None:
        statement = statement.where(agencies.c.kind.in_(kinds))
    return [AgencyRow(*row) for row in await connection.execute(statement)]
