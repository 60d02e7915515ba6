"""What can be done now: a move of the workflow, and what it still lacks."""

from __future__ import annotations

import strawberry

from hub.workflow import Possible


@strawberry.type(description="A mutation that is possible now.")
class AvailableAction:
    name: str = strawberry.field(description="The mutation's name.")
    missing: list[str] = strawberry.field(
        description="Fields of its input that it cannot do without; in capitals what must be done first: "
        "OPEN_REFERRAL, OWED_RETURN."
    )


def available_action(one: Possible) -> AvailableAction:
    """The public form of what is possible."""
    return AvailableAction(name=one.name, missing=list(one.missing))
