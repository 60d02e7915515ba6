"""What waits for a person: quarantined items."""

from __future__ import annotations

import strawberry

from hub.reading.worklists import QuarantineRow
from hub.vocabulary import QuarantineState
from schema.scalars import Instant, instant


@strawberry.type(
    description="An item 隔离件 that could not be understood and was set apart alone: key and reason, never content."
)
class QuarantinedItem:
    id: strawberry.ID = strawberry.field(description="For retryQuarantined and discardQuarantined.")
    instance: str = strawberry.field(description="The configured partner it came from.")
    item_key: str = strawberry.field(description="Its identity on the wire; begins with ? where it has none.")
    native_id: str | None = strawberry.field(description="The partner's key of the record; null where unreadable.")
    native_no: str | None = strawberry.field(description="The partner's number of the record, where it has one.")
    code: str = strawberry.field(description="The rule it broke, e.g. BAD_LXRQ; operator.md explains each.")
    broken_field: str | None = strawberry.field(name="field", description="Where it broke the rule.")
    hint: str | None = strawberry.field(description="What to do about it, where the rule knows.")
    state: QuarantineState = strawberry.field(description="Whether somebody must still decide.")
    attempts: int = strawberry.field(description="How often it was tried.")
    retrying: bool = strawberry.field(description="In line to be tried again.")
    quarantined_at: Instant = strawberry.field(description="When it was set apart.")
    received_at: Instant = strawberry.field(description="When it came.")
    updated_at: Instant | None = strawberry.field(description="The partner's own time of this version.")
    decided_at: Instant | None = strawberry.field(description="When it was resolved or discarded.")
    decided_by: str | None = strawberry.field(description="By whom; rule:applied where it was understood after all.")
    decided_reason: str | None = strawberry.field(description="Why it was discarded.")
    version: int = strawberry.field(description="Give it as expectedVersion, to decide only what you saw.")


def quarantined_item(row: QuarantineRow) -> QuarantinedItem:
    """The public item of a row."""
    return QuarantinedItem(
        id=strawberry.ID(row.id),
        instance=row.instance,
        item_key=row.item_key,
        native_id=row.native_id or None,
        native_no=row.native_no or None,
        code=row.code,
        broken_field=row.field or None,
        hint=row.hint or None,
        state=QuarantineState[row.state],
        attempts=row.attempts,
        retrying=row.state == QuarantineState.OPEN.value and row.item_state == "PENDING",
        quarantined_at=Instant(row.quarantined_at),
        received_at=Instant(row.received_at),
        updated_at=instant(row.updated_at),
        decided_at=instant(row.decided_at),
        decided_by=row.decided_by,
        decided_reason=row.decided_reason or None,
        version=row.version,
    )
