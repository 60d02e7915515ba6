"""Relay connections: edges, page info that is right in both directions, and a total that is counted only when asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Generic, TypeVar

import strawberry

from hub.reading.listing import Listing
from hub.reading.paging import Page, Window, window
from hub.store.engine import Store

R = TypeVar("R")
T = TypeVar("T")

First = Annotated[int | None, strawberry.argument(description="Rows from the start, 0 to 100; 20 when not given.")]
After = Annotated[str | None, strawberry.argument(description="Go on behind the row with this cursor.")]
Last = Annotated[int | None, strawberry.argument(description="Rows from the end, 0 to 100; not together with first.")]
Before = Annotated[str | None, strawberry.argument(description="Go back from the row with this cursor.")]


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    start_cursor: str | None = strawberry.field(description="Cursor of the first row; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="Cursor of the last row; null on an empty page.")
    backward: strawberry.Private[bool]
    more: strawberry.Private[bool]
    behind: strawberry.Private[Callable[[], Awaitable[bool]]]

    @strawberry.field(description="Whether rows follow this page.")
    async def has_next_page(self) -> bool:
        return await self.behind() if self.backward else self.more

    @strawberry.field(description="Whether rows lie before this page.")
    async def has_previous_page(self) -> bool:
        return self.more if self.backward else await self.behind()


@strawberry.type(description="A row of a list and its place there.")
class Edge(Generic[T]):
    node: T = strawberry.field(description="The row.")
    cursor: str = strawberry.field(description="Its place: stays valid while other rows come and go.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[T]):
    edges: list[Edge[T]] = strawberry.field(description="The rows of this page, in the list's order.")
    page_info: PageInfo = strawberry.field(description="Where this page lies in its list.")
    total: strawberry.Private[Callable[[], Awaitable[int]]]

    @strawberry.field(description="How many rows the whole list has now; counted only when asked for.")
    async def total_count(self) -> int:
        return await self.total()


def connection_of(
    page: Page[R],
    node: Callable[[R], T],
    asked: Window,
    behind: Callable[[], Awaitable[bool]],
    total: Callable[[], Awaitable[int]],
) -> Connection[T]:
    """The connection of one page. ``behind`` and ``total`` are asked only when the client wants to know."""
    edges = [Edge(node=node(row), cursor=cursor) for row, cursor in page.items]
    info = PageInfo(
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
        backward=asked.backward,
        more=page.more,
        behind=behind,
    )
    return Connection(edges=edges, page_info=info, total=total)


async def listed(
    store: Store,
    listing: Listing[R],
    node: Callable[[R], T],
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Connection[T]:
    """The page of a list that Relay's four arguments ask for. Raises UserInputError."""
    asked = window(listing.ordering, first, after, last, before)

    async def behind() -> bool:
        async with store.read() as connection:
            return await listing.any_behind(connection, asked)

    async def total() -> int:
        async with store.read() as connection:
            return await listing.total(connection)

    async with store.read() as connection:
        page = await listing.page(connection, asked)
    return connection_of(page, node, asked, behind, total)
