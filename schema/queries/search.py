"""One box for everything."""

from __future__ import annotations

from typing import Annotated

import strawberry

from hub.errors import UserInputError
from hub.reading.paging import DEFAULT_SIZE, MAX_SIZE
from hub.reading.search import search
from hub.vocabulary import SearchMatch
from schema.context import Info
from schema.types.search import SearchResult, search_hit


@strawberry.type
class SearchQueries:
    @strawberry.field(
        description="Disputes and records by a dispute's code, an agency's key or number, a party's name, or words of "
        "a title; only along what the asker may read. Full-width and half-width, round and other brackets are alike."
    )
    async def search(
        self,
        info: Info,
        text: Annotated[str, strawberry.argument(description="2 to 200 characters.")],
        first: Annotated[
            int | None, strawberry.argument(description="Hits at most, 0 to 100; 20 when not given.")
        ] = None,
    ) -> SearchResult:
        context, size = info.context, DEFAULT_SIZE if first is None else first
        if not 0 <= size <= MAX_SIZE:
            raise UserInputError(f"first is 0 to {MAX_SIZE}")
        ways = {way for way in SearchMatch if context.access.may_test(f"SearchMatch.{way.name}")}
        async with context.store.read() as connection:
            found = await search(connection, context.sight, text, ways, size)
        return SearchResult(hits=[search_hit(hit) for hit in found.found], has_more=found.more)
