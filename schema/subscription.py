"""Subscription: what is told as it happens. Thin: keys alone, filtered like everything else; the client reads the rest.

Each yields first how far it has come, so that whoever is cut off before the first change knows where to go on.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated

import strawberry

from hub.errors import NotFoundError, UserInputError
from hub.reading import disputes
from schema.context import Info
from schema.scalars import Long
from schema.types.change import Change, change

After = Annotated[
    Long | None,
    strawberry.argument(description="Go on behind this sequence or position; only what is to come when not given."),
]


@dataclass(frozen=True, slots=True)
class Step:
    """A step along the log. Without a change: only how far one has come."""

    position: int
    change: Change | None = None


@strawberry.type(description="What is told as it happens, over graphql-transport-ws or server-sent events.")
class Subscription:
    @strawberry.subscription(
        graphql_type=Change,
        description="Every entry of the public log that you may see, in its order, each once.",
    )
    def changes(self, info: Info, after: After = None) -> AsyncGenerator[Step, None]:
        return _steps(info, after)

    @strawberry.subscription(
        graphql_type=Change,
        description="What concerns one dispute, by id or by code, and, once it is merged into another, that one.",
    )
    def dispute_changed(
        self, info: Info, id: strawberry.ID | None = None, code: str | None = None, after: After = None
    ) -> AsyncGenerator[Step, None]:
        return _steps(info, after, lambda: _dispute(info, id, code))


async def _dispute(info: Info, id: strawberry.ID | None, code: str | None) -> str:
    if (id is None) is (code is None):
        raise UserInputError("give either id or code")
    context = info.context
    async with context.store.read() as connection:
        if code is not None:
            row = await disputes.by_code(connection, context.sight, code)
        else:
            row = (await disputes.by_ids(connection, context.sight, [str(id)])).get(str(id))
    if row is None:
        raise NotFoundError("no such dispute", field="id" if code is None else "code")
    context.subjects.add(row.id)
    return row.id


async def _steps(
    info: Info, after: int | None, find: Callable[[], Awaitable[str]] | None = None
) -> AsyncGenerator[Step, None]:
    context = info.context
    dispute_id = None if find is None else await find()
    feed = context.feed
    assert feed is not None, "whoever offers subscriptions gives a feed"
    if context.resume_after is not None:
        after = context.resume_after
    begin = await feed.begin(after)
    yield Step(begin)
    async with aclosing(feed.follow(context.sight, begin)) as pages:
        async for page in pages:
            for row in page.rows:
                if dispute_id is None or dispute_id in row.about:
                    yield Step(row.sequence, change(row))
            yield Step(page.position)
