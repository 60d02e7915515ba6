"""What waits for whoever asks."""

from __future__ import annotations

from typing import Annotated

import strawberry

from hub.reading.tasks import ACTS, task_listing
from hub.vocabulary import TaskKind
from schema.connection import After, Before, Connection, First, Last, listed
from schema.context import Info
from schema.types.task import Task, task


@strawberry.type
class TaskQueries:
    @strawberry.field(
        description="What waits for whoever asks, what waited longest first; only what they could do something about."
    )
    async def tasks(
        self,
        info: Info,
        kinds: Annotated[
            list[TaskKind] | None, strawberry.argument(description="Of one of these kinds; all when not given.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Task]:
        context = info.context
        possible = {kind for kind, act in ACTS.items() if context.access.may_see(f"Mutation.{act}")}
        listing = task_listing(context.sight, context.principal, possible if kinds is None else possible & set(kinds))
        return await listed(context.store, listing, task, first, after, last, before)
