"""What can be done now: a move of the workflow, and what it still lacks."""

from __future__ import annotations

from collections.abc import Iterable

import strawberry

from hub.workflow import Possible
from schema.context import Info


@strawberry.type(description="A mutation that is possible now.")
class AvailableAction:
    name: str = strawberry.field(description="The mutation's name.")
    missing: list[str] = strawberry.field(
        description="Fields of its input that it cannot do without; in capitals what must be done first: "
        "OPEN_REFERRAL, OWED_RETURN."
    )


def available_actions(info: Info, possible: Iterable[Possible]) -> list[AvailableAction]:
    """What of the possible the asker's role may do."""
    access = info.context.access
    return [
        AvailableAction(name=one.name, missing=list(one.missing))
        for one in possible
        if access.may_see(f"Mutation.{one.name}")
    ]
