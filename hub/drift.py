"""Drift: what a partner's items look like, and where that is no longer what it was. Paths and types, never values.

Counted over newly kept items, a batch at a time. A field is *new* where the connector does not declare it, *gone*
where it would have come about thirty times since it last did, *of another type* where a second type came later than
the first. What a person accepted is no drift until it changes again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.desk import Desk
from hub.errors import ConflictError, NotFoundError
from hub.model import Mapper, Shape, Shaped
from hub.store.ids import new_id
from hub.store.lookup import AnyRow
from hub.store.tables import observed_fields
from hub.store.turn import take_turn
from hub.store.upsert import insert_or_ignore
from hub.vocabulary import DriftKind

#: so many absences of a field that used to come are no quiet Sunday
MISSED = 30
#: items after which a field that nobody declared counts as new, where the connector declares none at all
LEARNING = 200
#: distinct paths of one kind of item that are remembered; more is an object used as a table
MOST_PATHS = 1000

_OBJECT, _NULL = "object", "null"
Field = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Drift:
    """One field that is not what it was."""

    id: str
    instance: str
    item_kind: str
    path: str
    kind: DriftKind
    json_type: str
    #: the type it had first; '' where the type is not the matter
    was_type: str
    #: whether the connector knows of it; None where it declares no fields
    is_declared: bool | None
    first_seen_at: datetime
    last_seen_at: datetime
    #: items that had it, as this type
    times: int
    #: items without it since it last came
    missed: int


async def note(tx: AsyncConnection, desk: Desk, instance: str, mapper: Mapper, shapes: Iterable[Shape | None]) -> None:
    """Count what these newly kept items look like."""
    seen: dict[str, Counter[Field]] = defaultdict(Counter)
    for shape in shapes:
        if shape is not None:
            seen[shape.kind].update(shape.fields.items())
            seen[shape.kind]["", _OBJECT] += 1
    for item_kind, fields in seen.items():
        await _add(tx, desk, instance, mapper, item_kind, fields)


async def _add(
    tx: AsyncConnection, desk: Desk, instance: str, mapper: Mapper, item_kind: str, fields: Counter[Field]
) -> None:
    c, now = observed_fields.c, desk.clock()
    query = select(c.path, c.json_type, c.times).where(c.instance == instance, c.item_kind == item_kind)
    before: Counter[Field] = Counter({(row.path, row.json_type): row.times for row in await tx.execute(query)})
    declared = mapper.known_fields.get(item_kind) if isinstance(mapper, Shaped) else None
    rows, room = [], MOST_PATHS - len(before)
    for (path, json_type), times in fields.items():
        if (path, json_type) not in before:
            room -= 1
            if room < 0:
                continue
        parents = before[parent_of(path), _OBJECT]
        rows.append(
            {
                "id": new_id("drf", desk.county), "county": desk.county, "instance": instance, "item_kind": item_kind,
                "path": path, "json_type": json_type, "first_seen_at": now, "last_seen_at": now,
                "times": before[path, json_type] + times, "parents_before": parents,
                "parents_at_last": parents + fields[parent_of(path), _OBJECT],
                "is_declared": None if declared is None else path in declared,
            }
        )  # fmt: skip
    await insert_or_ignore(
        tx, observed_fields, rows, on=("instance", "item_kind", "path", "json_type"),
        update_columns=("last_seen_at", "times", "parents_at_last", "is_declared"),
    )  # fmt: skip


def parent_of(path: str) -> str:
    """The path of the object that holds this field; '' is the item itself."""
    return path.rpartition(".")[0]


async def found(connection: AsyncConnection, instances: Iterable[str] | None = None) -> dict[str, list[Drift]]:
    """The drift of each instance, by kind of item and path; an instance without any is missing."""
    c = observed_fields.c
    query = select(observed_fields).order_by(c.instance, c.item_kind, c.path, c.first_seen_at, c.id)
    if instances is not None:
        query = query.where(c.instance.in_(list(instances)))
    kinds: dict[tuple[str, str], list[AnyRow]] = defaultdict(list)
    for row in await connection.execute(query):
        kinds[row.instance, row.item_kind].append(row)
    drifts: dict[str, list[Drift]] = defaultdict(list)
    for (instance, _), rows in kinds.items():
        drifts[instance] += _of_kind(rows)
    return {instance: told for instance, told in drifts.items() if told}


def _of_kind(rows: Sequence[AnyRow]) -> list[Drift]:
    objects = {row.path: row.times for row in rows if row.json_type == _OBJECT}
    paths: dict[str, list[AnyRow]] = defaultdict(list)
    for row in rows:
        if row.path:
            paths[row.path].append(row)
    return [drift for path, types in paths.items() for drift in _of_path(types, objects.get(parent_of(path), 0))]


def _of_path(types: Sequence[AnyRow], parents: int) -> list[Drift]:
    """``types``: one path's rows, the earliest seen first. At most one drift a row."""
    first, last = types[0], max(types, key=lambda row: (row.last_seen_at, row.id))
    is_new = first.parents_before >= LEARNING if first.is_declared is None else not first.is_declared
    if is_new and first.accepted_at is None:
        return [_drift(first, DriftKind.NEW)]
    missed = parents - last.parents_at_last
    usual = min(sum(row.times for row in types) / max(last.parents_at_last, 1), 1.0)
    # an empty list has no elements, and that says nothing of it
    if missed * usual >= MISSED and not last.path.endswith("[]"):
        is_known = last.accepted_kind == DriftKind.GONE.value and last.accepted_at >= last.last_seen_at
        return [] if is_known else [_drift(last, DriftKind.GONE, missed=missed)]
    real = [row for row in types if row.json_type != _NULL]
    return [
        _drift(row, DriftKind.TYPE_CHANGED, was_type=real[0].json_type)
        for row in real[1:]
        # types that came side by side from the beginning changed nothing
        if row.first_seen_at > real[0].first_seen_at and row.accepted_at is None
    ]


def _drift(row: AnyRow, kind: DriftKind, *, was_type: str = "", missed: int = 0) -> Drift:
    return Drift(
        row.id, row.instance, row.item_kind, row.path, kind, row.json_type, was_type, row.is_declared,
        row.first_seen_at, row.last_seen_at, row.times, missed,
    )  # fmt: skip


async def accept(desk: Desk, drift_id: str, *, by: str, kind: DriftKind | None = None) -> Drift:
    """Take a drift as known; ``kind``: only while it is this one. Raises NotFoundError, ConflictError."""
    async with desk.store.write() as tx:
        await take_turn(tx, desk.county)
        c = observed_fields.c
        row = (await tx.execute(select(c.instance).where(c.id == drift_id))).first()
        if row is None:
            raise NotFoundError(f"no drift under {drift_id[:64]}", hint="Take an id of the list.", field="id")
        told = {one.id: one for one in (await found(tx, [row.instance])).get(row.instance, ())}
        drift = told.get(drift_id)
        if drift is None or kind not in (None, drift.kind):
            raise ConflictError(f"{drift_id} is {drift.kind if drift else 'no drift'} now", hint="See the list again.")
        values: dict[str, Any] = {"accepted_kind": drift.kind.value, "accepted_at": desk.clock(), "accepted_by": by}
        await tx.execute(update(observed_fields).where(c.id == drift_id).values(values))
    return drift
