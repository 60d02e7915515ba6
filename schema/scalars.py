"""The scalars of the schema: instants, days, money, long numbers and evidence, each written one way only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

Instant = NewType("Instant", datetime)
Day = NewType("Day", date)
Money = NewType("Money", str)
Long = NewType("Long", int)
Json = NewType("Json", object)

#: days outside are typing mistakes, and would overflow when counted in another zone
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)


def instant_text(value: datetime) -> str:
    """RFC 3339 in UTC with ``Z``; microseconds only where there are any."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def instant(value: datetime | None) -> Instant | None:
    """The same instant, or None, under its public type."""
    return None if value is None else Instant(value)


def _read_instant(value: Any) -> datetime:
    try:
        read = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise GraphQLError("an Instant is RFC 3339 text with its offset, e.g. 2024-08-01T00:30:00Z") from None
    if read.tzinfo is None or not _FIRST_DAY <= read.date() <= _LAST_DAY:
        raise GraphQLError("an Instant names its offset and lies between 1900 and 2199")
    return read.astimezone(UTC)


def _read_day(value: Any) -> date:
    try:
        if not isinstance(value, str) or len(value) != 10:
            raise ValueError
        day = date.fromisoformat(value)
    except ValueError:
        raise GraphQLError("a Date is written YYYY-MM-DD") from None
    if not _FIRST_DAY <= day <= _LAST_DAY:
        raise GraphQLError("a Date lies between 1900 and 2199")
    return day


def _read_long(value: Any) -> int:
    # a bool is an int to Python, and a whole float is one to JavaScript
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**53) < value < 2**53:
        raise GraphQLError("a Long is a whole number below 2^53")
    return value


def _refuse(value: Any) -> Any:
    raise GraphQLError("this scalar is never an argument")


SCALARS: Mapping[object, ScalarDefinition] = {
    Instant: strawberry.scalar(
        name="Instant",
        description="An instant: RFC 3339, UTC, ending in Z.",
        serialize=instant_text,
        parse_value=_read_instant,
    ),
    Day: strawberry.scalar(
        name="Date",
        description="A day in the county (Asia/Shanghai), written YYYY-MM-DD.",
        serialize=date.isoformat,
        parse_value=_read_day,
    ),
    Money: strawberry.scalar(
        name="Money",
        description='Yuan as a decimal string, e.g. "12000.00": never a float.',
        serialize=str,
        parse_value=_refuse,
    ),
    Long: strawberry.scalar(
        name="Long",
        description="A whole number below 2^53, written as a JSON number.",
        serialize=int,
        parse_value=_read_long,
    ),
    Json: strawberry.scalar(
        name="JSON",
        description="Codes, counts and keys as JSON; never what a citizen wrote.",
        serialize=lambda value: value,
        parse_value=_refuse,
    ),
}
