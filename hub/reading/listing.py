"""A list that is read page by page: its rows, its order, and what a row becomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Row, Select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.reading import paging
from hub.reading.paging import Ordering, Page, Window

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """What a list holds. The order keys are columns of ``rows``."""

    rows: Select[Any]
    ordering: Ordering
    make: Callable[[Row[Any]], T]

    async def page(self, connection: AsyncConnection, asked: Window) -> Page[T]:
        """One page of it."""
        found, more = await paging.fetch(connection, self.rows, self.ordering, asked)
        keys = [name for name, _ in self.ordering.keys]
        return Page([(self.make(row), self.ordering.encode([row._mapping[k] for k in keys])) for row in found], more)

    async def all(self, connection: AsyncConnection, limit: int) -> list[T]:
        """Its first rows, at most ``limit``."""
        found, _ = await paging.fetch(connection, self.rows, self.ordering, Window(limit))
        return [self.make(row) for row in found]

    async def any_behind(self, connection: AsyncConnection, asked: Window) -> bool:
        """Whether it has rows on the other side of the place that the page started from."""
        return await paging.any_behind(connection, self.rows, self.ordering, asked)

    async def total(self, connection: AsyncConnection) -> int:
        """How many rows it has."""
        return await paging.total(connection, self.rows)
