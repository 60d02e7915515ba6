"""Change: one entry of the public log, by keys alone; whoever wants more asks for it under their own rights."""

from __future__ import annotations

import strawberry

from hub.reading.changes import ChangeRow, Changes
from hub.vocabulary import ChangeKind, HandlingEventKind
from schema.scalars import Instant, Long


@strawberry.type(description="A dispute that a change concerns.")
class ChangedDispute:
    id: strawberry.ID = strawberry.field(description="Its id.")
    code: str = strawberry.field(description="Its code.")
    version: Long = strawberry.field(description="Its version when the change was told: show it anew if yours is less.")


@strawberry.type(description="One entry of the public log: what changed, by keys. No word of what it says stands here.")
class Change:
    sequence: Long = strawberry.field(description="Its place in the public order; go on behind it to miss nothing.")
    kind: ChangeKind = strawberry.field(description="What it is.")
    event_kind: HandlingEventKind | None = strawberry.field(description="What happened; null where it is no event.")
    at: Instant = strawberry.field(description="When it got its place.")
    disputes: list[ChangedDispute] = strawberry.field(
        description="The disputes concerned, as they stand when this is told; empty for a record in none."
    )
    record_ids: list[strawberry.ID] = strawberry.field(description="The records concerned.")


@strawberry.type(description="A stretch of the public log.")
class ChangePage:
    entries: list[Change] = strawberry.field(description="What changed, in the public order, each entry once.")
    position: Long = strawberry.field(description="How far this page has come: the next one's after.")
    has_more: bool = strawberry.field(description="Whether the log may go on behind this page right now.")


def change(row: ChangeRow) -> Change:
    """The public change of a row."""
    return Change(
        sequence=Long(row.sequence),
        kind=ChangeKind[row.entry_kind],
        event_kind=None if row.event_kind is None else HandlingEventKind[row.event_kind],
        at=Instant(row.at),
        disputes=[
            ChangedDispute(id=strawberry.ID(one.id), code=one.code, version=Long(one.version)) for one in row.disputes
        ],
        record_ids=[strawberry.ID(record) for record in row.record_ids],
    )


def change_page(page: Changes) -> ChangePage:
    """The public page of a stretch."""
    return ChangePage(entries=[change(row) for row in page.rows], position=Long(page.position), has_more=page.more)
