"""Drift: a partner's field that is not what it was."""

from __future__ import annotations

import strawberry

from hub.drift import Drift as Found
from hub.vocabulary import DriftKind
from schema.scalars import Instant, Long


@strawberry.type(description="A partner's field 字段变化 that is not what it was: names, types and counts, no value.")
class Drift:
    id: strawberry.ID = strawberry.field(description="For acceptDrift.")
    instance: str = strawberry.field(description="The configured partner.")
    item_kind: str | None = strawberry.field(description="Which kind of its items, e.g. JJD; null where it has one.")
    path: str = strawberry.field(description="The field, lists folded: dsr[].xm. * stands for a name not shown.")
    kind: DriftKind = strawberry.field(description="What happened to it.")
    json_type: str = strawberry.field(
        description="string, number, boolean, object, list, null, or mixed within one item."
    )
    was_type: str | None = strawberry.field(description="TYPE_CHANGED: the type it had before.")
    declared: bool | None = strawberry.field(
        description="Whether the connector knows the field; null where it declares none."
    )
    first_seen_at: Instant = strawberry.field(description="When it first came, as this type.")
    last_seen_at: Instant = strawberry.field(description="When it last came; GONE: it is absent since.")
    times: Long = strawberry.field(description="Items that had it, as this type.")
    missed: Long = strawberry.field(description="GONE: items without it since.")


def drift(row: Found) -> Drift:
    """The public drift."""
    return Drift(
        id=strawberry.ID(row.id),
        instance=row.instance,
        item_kind=row.item_kind or None,
        path=row.path,
        kind=row.kind,
        json_type=row.json_type,
        was_type=row.was_type or None,
        declared=row.is_declared,
        first_seen_at=Instant(row.first_seen_at),
        last_seen_at=Instant(row.last_seen_at),
        times=Long(row.times),
        missed=Long(row.missed),
    )
