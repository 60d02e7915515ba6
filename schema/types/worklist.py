"""What waits for a person: quarantined items, and native codes that nobody has explained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from hub import worklist
from hub.reading.worklists import QuarantineRow, UnknownCodeRow
from hub.vocabulary import NativeCode as Meaning
from hub.vocabulary import QuarantineState
from schema.context import Info
from schema.scalars import Instant, instant
from schema.types.reference import Category

if TYPE_CHECKING:
    from schema.types.record import CaseRecord


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


@strawberry.type(
    description="A partner's own code 本单位代码 that no table explains, and who waits for an explanation."
)
class UnmappedCode:
    id: strawberry.ID = strawberry.field(description="Of this line of the worklist.")
    instance: str = strawberry.field(description="The configured partner it came from.")
    system: str = strawberry.field(description="That partner's product: mapCode takes it.")
    table: str = strawberry.field(description="The table of that system it belongs to.")
    code: str = strawberry.field(description="The code; numbers of persons inside it are masked.")
    label: str | None = strawberry.field(description="What an operator called it meanwhile; null while nobody did.")
    first_seen_at: Instant = strawberry.field(description="When it first came.")
    last_seen_at: Instant = strawberry.field(description="When it last came.")
    waiting: int = strawberry.field(description="Records whose newest version carries it.")
    example_id: strawberry.Private[str | None]

    @strawberry.field(description="Whether mapCode can explain it; any other table needs a release of the connector.")
    def explainable(self, info: Info) -> bool:
        return (self.system, self.table) in worklist.explainable(info.context.tables)

    @strawberry.field(description="One of the records that wait.")
    async def example(self, info: Info) -> Annotated[CaseRecord, strawberry.lazy("schema.types.record")] | None:
        row = None if self.example_id is None else await info.context.loaders.records.load(self.example_id)
        return None if row is None else info.context.make.record(row)


@strawberry.type(description="A partner's own code 本单位代码 and what it stands for.")
class NativeCode:
    system: str = strawberry.field(description="The partner's product.")
    table: str = strawberry.field(description="The table of that system.")
    code: str = strawberry.field(description="The code.")
    label: str | None = strawberry.field(description="What the partner calls it, where somebody said so.")
    classes: list[Category] = strawberry.field(description="The classes of dispute it stands for; none: no dispute.")


def native_code(meant: Meaning) -> NativeCode:
    """The public code of a table's line."""
    classes = [Category(code=code) for code in meant.classes]
    return NativeCode(system=meant.system, table=meant.table, code=meant.code, label=meant.zh or None, classes=classes)


def unmapped_code(row: UnknownCodeRow) -> UnmappedCode:
    """The public line of the worklist."""
    return UnmappedCode(
        id=strawberry.ID(row.id),
        instance=row.instance,
        system=row.system,
        table=row.table_name,
        code=row.native_code,
        label=row.label or None,
        first_seen_at=Instant(row.first_seen_at),
        last_seen_at=Instant(row.last_seen_at),
        waiting=row.waiting,
        example_id=row.example_record_id,
    )
