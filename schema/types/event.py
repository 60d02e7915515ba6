"""HandlingEvent and the histories made of it: all agencies' acts in one order, ours in codes, theirs in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from hub.event_text import event_text, units_named
from hub.reading import events
from hub.reading.events import EventRow, Stream
from hub.reading.paging import window
from hub.vocabulary import HandlingEventKind
from schema.connection import Connection, connection_of
from schema.context import Info
from schema.loaders import History
from schema.scalars import Instant, Long
from schema.types.node import Node
from schema.types.reference import Agency, agency_of

if TYPE_CHECKING:
    from schema.types.record import CaseRecord
    from schema.types.referral import Referral

#: what an act in a dispute's own stream names besides its dispute
_OTHER_DISPUTES = ("into", "to")

Kinds = Annotated[
    list[HandlingEventKind] | None, strawberry.argument(description="Only events of these kinds; all when not given.")
]


@strawberry.type(description="Something that happened 办理环节: a fact that stands now. History itself is append-only.")
class HandlingEvent(Node):
    kind: HandlingEventKind = strawberry.field(description="What happened.")
    occurred_at: Instant = strawberry.field(description="When, by the partner's clock, which may be wrong.")
    recorded_at: Instant = strawberry.field(description="When the hub wrote it down.")
    from_state: str | None = strawberry.field(description="State before, where it tells.")
    to_state: str | None = strawberry.field(description="State after, where it tells.")
    words: str | None = strawberry.field(description="What people wrote; null where nobody wrote, or after erasure.")
    source: str = strawberry.field(description="The instance that told it, or hub for an act of the hub.")
    sequence: Long | None = strawberry.field(description="Place in the public order; null until it is given.")
    row: strawberry.Private[EventRow]

    @strawberry.field(description="One Chinese sentence made from codes: the same event always reads the same.")
    async def text(self, info: Info) -> str:
        codes = units_named(self.kind, self.row.system, self.row.data)
        known = await info.context.loaders.agencies.load_many(codes) if codes else []
        names = {unit.code: unit.name for unit in known if unit is not None}
        return event_text(self.kind, self.row.system, await _of_seen(info, self.row.data), names)

    @strawberry.field(description="Who acted; null where the partner does not say.")
    async def actor(self, info: Info) -> Agency | None:
        return await agency_of(info, self.row.actor_code)

    @strawberry.field(description="The record that tells it or, for an act of the hub, the one it is about.")
    async def record(self, info: Info) -> Annotated[CaseRecord, strawberry.lazy("schema.types.record")] | None:
        record_id = self.row.record_id or self.row.data.get("record")
        if record_id is None:
            return None
        row = await info.context.loaders.records.load(record_id)
        return None if row is None else info.context.make.record(row)

    @strawberry.field(description="The referral that this event handed over, if it is a hand-over.")
    async def referral(self, info: Info) -> Annotated[Referral, strawberry.lazy("schema.types.referral")] | None:
        if self.row.record_id is None:
            return None
        row = await info.context.loaders.event_referrals.load((self.row.record_id, self.row.source_event_id))
        return None if row is None else info.context.make.referral(row)


async def _of_seen(info: Info, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an event tells, without the disputes that are hidden: one may have been merged into such a one."""
    named = {name: data[name] for name in _OTHER_DISPUTES if name in data}
    if not named:
        return data
    rows = await info.context.loaders.disputes.load_many(list(named.values()))
    hidden = {name for name, row in zip(named, rows, strict=True) if row is None}
    return {name: value for name, value in data.items() if name not in hidden}


def handling_event(row: EventRow) -> HandlingEvent:
    """The public event of a row."""
    return HandlingEvent(
        id=strawberry.ID(row.id),
        kind=HandlingEventKind[row.kind],
        occurred_at=Instant(row.occurred_at),
        recorded_at=Instant(row.recorded_at),
        from_state=row.from_state or None,
        to_state=row.to_state or None,
        words=row.words,
        source=row.source,
        sequence=None if row.sequence is None else Long(row.sequence),
        row=row,
    )


async def history_of(
    info: Info,
    stream: Stream,
    parent: str,
    kinds: Sequence[HandlingEventKind] | None,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Connection[HandlingEvent]:
    """One page of a history. Raises UserInputError."""
    loaders = info.context.loaders
    only = None if kinds is None else tuple(sorted({kind.value for kind in kinds}))
    asked = window(events.ORDERING, first, after, last, before)
    key = History(stream, parent, only, asked)

    async def behind() -> bool:
        return asked.place is not None and await loaders.history_behind.load(key)

    async def total() -> int:
        return await loaders.history_totals.load(History(stream, parent, only))

    return connection_of(await loaders.histories.load(key), handling_event, asked, behind, total)
