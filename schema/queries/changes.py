"""What changed, read page by page: for whoever catches up, or cannot keep a connection open."""

from __future__ import annotations

from typing import Annotated

import strawberry

from hub.errors import UserInputError
from hub.reading import changes
from hub.reading.changes import PAGE, Changes
from hub.reading.paging import DEFAULT_SIZE
from schema.context import Info
from schema.scalars import Long
from schema.types.change import ChangePage, change_page


@strawberry.type
class ChangeQueries:
    @strawberry.field(
        description="The public log behind a place, in its order. What you may not see is passed over. Without after: "
        "nothing, and the position of the log's end, to begin following from."
    )
    async def changes(
        self,
        info: Info,
        after: Annotated[
            Long | None, strawberry.argument(description="A position or sequence told before; 0 is the beginning.")
        ] = None,
        first: Annotated[
            int | None, strawberry.argument(description=f"Changes at most, 1 to {PAGE}; {DEFAULT_SIZE} when not given.")
        ] = None,
    ) -> ChangePage:
        if first is not None and not 1 <= first <= PAGE:
            raise UserInputError(f"first is 1 to {PAGE}", hint="Go on with position.", field="first")
        async with info.context.store.snapshot() as connection:
            if after is None:
                return change_page(Changes((), await changes.head(connection), False))
            return change_page(await changes.page(connection, info.context.sight, after, first or DEFAULT_SIZE))
