"""Pages by key, not by offset: rows that come or go elsewhere never shift, repeat or hide a row of the next page.

A cursor is opaque text holding the order it belongs to and the row's order keys. The keys of one order end with
a unique one and all run the same way, so that one row comparison finds the place to go on from.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Generic, TypeVar

import orjson
from sqlalchemy import ColumnElement, Row, Select, Subquery, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import Text

from hub.errors import UserInputError

#: rows of one page when nobody says how many, and at most
DEFAULT_SIZE = 20
MAX_SIZE = 100

_LONGEST_CURSOR = 2_000
_INT64 = 1 << 63

T = TypeVar("T")


class KeyType(Enum):
    """How an order key travels inside a cursor."""

    INSTANT = "instant"
    INTEGER = "integer"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Ordering:
    """A total order of rows by the columns named ``keys``; the last key is unique."""

    name: str
    keys: tuple[tuple[str, KeyType], ...]
    descending: bool = False

    def encode(self, values: Sequence[Any]) -> str:
        """The cursor of the row with these order keys."""
        payload = [self._tag, *(_outward(value) for value in values)]
        return base64.urlsafe_b64encode(orjson.dumps(payload)).rstrip(b"=").decode()

    def decode(self, cursor: str) -> tuple[Any, ...]:
        """The order keys inside a cursor of this order. Raises UserInputError."""
        refused = UserInputError(
            "this cursor does not belong to this list and order", hint="Use a cursor of the same list, unchanged."
        )
        if len(cursor) > _LONGEST_CURSOR:
            raise refused
        try:
            payload = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        except (binascii.Error, ValueError):
            raise refused from None
        if not isinstance(payload, list) or len(payload) != len(self.keys) + 1 or payload[0] != self._tag:
            raise refused
        try:
            return tuple(_inward(value, kind) for value, (_, kind) in zip(payload[1:], self.keys, strict=True))
        except (TypeError, ValueError, OverflowError):
            raise refused from None

    @property
    def _tag(self) -> str:
        return f"{self.name}-" if self.descending else f"{self.name}+"


def _outward(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _inward(value: Any, kind: KeyType) -> Any:
    if kind is KeyType.INTEGER:
        if not isinstance(value, int) or isinstance(value, bool) or not -_INT64 <= value < _INT64:
            raise ValueError
        return value
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError
    if kind is KeyType.TEXT:
        return value
    instant = datetime.fromisoformat(value)
    if instant.tzinfo is None:
        raise ValueError
    return instant.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows of an order are asked for: ``size`` rows after a place, or before it when ``backward``."""

    size: int = DEFAULT_SIZE
    backward: bool = False
    place: tuple[Any, ...] | None = None


def window(ordering: Ordering, first: int | None, after: str | None, last: int | None, before: str | None) -> Window:
    """Read Relay's four arguments. Raises UserInputError where they contradict each other or ask too much."""
    if first is not None and last is not None:
        raise UserInputError("first and last cannot be asked together", hint="Page one way at a time.")
    backward = last is not None or (first is None and before is not None)
    if (backward and after is not None) or (not backward and before is not None):
        raise UserInputError("use first with after, last with before", hint="Page one way at a time.")
    name, size = ("last", last) if backward else ("first", first)
    if size is None:
        size = DEFAULT_SIZE
    if size < 0:
        raise UserInputError(f"{name} cannot be negative")
    if size > MAX_SIZE:
        raise UserInputError(f"{name} is at most {MAX_SIZE}", hint="Go on with the cursor in pageInfo.")
    cursor = before if backward else after
    return Window(size, backward, None if cursor is None else ordering.decode(cursor))


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Rows in the list's own order, each with its cursor. ``more``: others follow in the direction of travel."""

    items: Sequence[tuple[T, str]] = field(default_factory=list)
    more: bool = False


class bytewise(GenericFunction[str]):
    """Text compared byte by byte on either database, whatever the database's collation."""

    inherit_cache = True
    type = Text()


@compiles(bytewise)
def _plain(element: bytewise, compiler: Any, **kw: Any) -> str:
    return str(compiler.process(element.clauses, **kw))


@compiles(bytewise, "postgresql")
def _collated(element: bytewise, compiler: Any, **kw: Any) -> str:
    return f'({compiler.process(element.clauses, **kw)} COLLATE "C")'


def _keys(source: Subquery, ordering: Ordering) -> list[ColumnElement[Any]]:
    return [source.c[name] for name, _ in ordering.keys]


def _beyond(source: Subquery, ordering: Ordering, place: tuple[Any, ...], *, backward: bool) -> ColumnElement[bool]:
    keys = _keys(source, ordering)
    here = tuple_(*keys)
    there = tuple_(*place, types=[key.type for key in keys])
    return here < there if backward is not ordering.descending else here > there


def _order(source: Subquery, ordering: Ordering, *, backward: bool) -> list[ColumnElement[Any]]:
    down = ordering.descending is not backward
    return [key.desc() if down else key.asc() for key in _keys(source, ordering)]


async def fetch(
    connection: AsyncConnection, rows: Select[Any], ordering: Ordering, asked: Window
) -> tuple[Sequence[Row[Any]], bool]:
    """One page of ``rows`` in the list's own order, and whether more follow in the direction of travel."""
    source = rows.subquery()
    statement = select(source).order_by(*_order(source, ordering, backward=asked.backward)).limit(asked.size + 1)
    if asked.place is not None:
        statement = statement.where(_beyond(source, ordering, asked.place, backward=asked.backward))
    found = (await connection.execute(statement)).all()
    kept = found[: asked.size]
    return (kept[::-1] if asked.backward else kept), len(found) > asked.size


async def any_behind(connection: AsyncConnection, rows: Select[Any], ordering: Ordering, asked: Window) -> bool:
    """Whether rows lie on the other side of the place that the page started from."""
    if asked.place is None:
        return False
    source = rows.subquery()
    ahead = _beyond(source, ordering, asked.place, backward=asked.backward)
    found = await connection.execute(select(1).select_from(source).where(~ahead).limit(1))
    return found.first() is not None


async def total(connection: AsyncConnection, rows: Select[Any]) -> int:
    """How many rows there are."""
    return (await connection.execute(select(func.count()).select_from(rows.subquery()))).scalar_one()


def grouped(rows: Select[Any], ordering: Ordering, asked: Window) -> Subquery:
    """A page of every group of ``rows`` (column ``parent_id``), one row too many each; column ``place`` counts."""
    source = rows.subquery()
    place = func.row_number().over(
        partition_by=source.c.parent_id, order_by=_order(source, ordering, backward=asked.backward)
    )
    numbered = select(source, place.label("place"))
    if asked.place is not None:
        numbered = numbered.where(_beyond(source, ordering, asked.place, backward=asked.backward))
    inner = numbered.subquery()
    return select(inner).where(inner.c.place <= asked.size + 1).subquery()


async def groups_behind(
    connection: AsyncConnection, rows: Select[Any], ordering: Ordering, asked: Window
) -> frozenset[str]:
    """The groups that have rows on the other side of the place that the page started from."""
    if asked.place is None:
        return frozenset()
    source = rows.subquery()
    ahead = _beyond(source, ordering, asked.place, backward=asked.backward)
    found = await connection.execute(select(source.c.parent_id).where(~ahead).distinct())
    return frozenset(found.scalars())


async def group_totals(connection: AsyncConnection, rows: Select[Any]) -> dict[str, int]:
    """How many rows each group has; a group without rows is missing."""
    source = rows.subquery()
    found = await connection.execute(select(source.c.parent_id, func.count()).group_by(source.c.parent_id))
    return {parent: count for parent, count in found}
