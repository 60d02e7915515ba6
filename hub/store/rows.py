"""Rows of any table as lines of text and back, the same from either database; and a database emptied for them.

A line is a JSON array. Instants are RFC 3339, bytes base64, JSON columns their text (so that SQL's NULL and JSON's
null stay two things). What a column is travels with the rows: a later release loads them into the tables of their time.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import (
    JSON,
    ColumnElement,
    LargeBinary,
    Table,
    Text,
    bindparam,
    cast,
    column,
    func,
    inspect,
    select,
    table,
    text,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from hub.store.tables import metadata
from hub.store.tables.base import Instant

BYTES, INSTANT, JSON_TEXT, PLAIN = "bytes", "instant", "json", "plain"
#: rows fetched at once; few where one may hold a whole file
_AT_ONCE, _OF_FILES = 500, 4


def kinds_of(of: Table) -> list[tuple[str, str]]:
    """Each column's name and what it is in a line."""
    return [(str(one.name), _kind(one.type)) for one in of.columns]


def _kind(of: TypeEngine[Any]) -> str:
    if isinstance(of, LargeBinary):
        return BYTES
    if isinstance(of, Instant):
        return INSTANT
    return JSON_TEXT if isinstance(of, JSON) else PLAIN


async def lines_of(connection: AsyncConnection, of: Table) -> AsyncIterator[bytes]:
    """Every row as one line, in no certain order."""
    is_postgresql = connection.dialect.name == "postgresql"

    def read(one: ColumnElement[Any]) -> ColumnElement[Any]:
        if _kind(one.type) != JSON_TEXT:
            return one
        return cast(one, Text) if is_postgresql else type_coerce(one, Text)

    encoders = [(place, _ENCODE[kind]) for place, (_, kind) in enumerate(kinds_of(of)) if kind in _ENCODE]
    at_once = _OF_FILES if of.name == "attachment_contents" else _AT_ONCE
    query = select(*(read(one).label(one.name) for one in of.columns)).execution_options(yield_per=at_once)
    async with connection.stream(query) as rows:
        async for row in rows:
            values = list(row)
            for place, encode in encoders:
                if values[place] is not None:
                    values[place] = encode(values[place])
            yield orjson.dumps(values) + b"\n"


def _json_text(value: str) -> str:
    return orjson.dumps(orjson.loads(value), option=orjson.OPT_SORT_KEYS).decode()


_ENCODE: dict[str, Callable[[Any], Any]] = {
    BYTES: lambda value: b64encode(value).decode(), JSON_TEXT: _json_text
}  # fmt: skip
_DECODE: dict[str, Callable[[Any], Any]] = {BYTES: b64decode, INSTANT: datetime.fromisoformat}


async def load(tx: AsyncConnection, name: str, kinds: Sequence[tuple[str, str]], lines: Iterable[bytes]) -> int:
    """Insert the rows of ``lines`` into a table; returns how many. Raises ValueError for a line that is no row."""
    is_postgresql = tx.dialect.name == "postgresql"

    def bound(place: int, kind: str) -> ColumnElement[Any]:
        if kind == JSON_TEXT:
            given: ColumnElement[Any] = bindparam(f"v{place}", type_=Text())
            return cast(given, JSONB) if is_postgresql else given
        types: dict[str, TypeEngine[Any]] = {BYTES: LargeBinary(), INSTANT: Instant()}
        return bindparam(f"v{place}", type_=types.get(kind))

    into = table(name, *(column(one) for one, _ in kinds))
    statement = into.insert().values({one: bound(place, kind) for place, (one, kind) in enumerate(kinds)})
    decoders = [(place, _DECODE[kind]) for place, (_, kind) in enumerate(kinds) if kind in _DECODE]
    names = [f"v{place}" for place in range(len(kinds))]
    rows = []
    for line in lines:
        values = orjson.loads(line)
        for place, decode in decoders:
            if values[place] is not None:
                values[place] = decode(values[place])
        rows.append(dict(zip(names, values, strict=True)))
    if rows:
        await tx.execute(statement, rows)
    return len(rows)


async def count(connection: AsyncConnection, name: str) -> int:
    """How many rows a table has."""
    return int((await connection.execute(select(func.count()).select_from(table(name)))).scalar_one())


@asynccontextmanager
async def references_later(tx: AsyncConnection) -> AsyncIterator[None]:
    """Inside, rows may come before those they refer to; at the end everything referred to must be there."""
    if tx.dialect.name != "postgresql":
        await tx.execute(text("PRAGMA defer_foreign_keys = ON"))
        yield
        return
    found = (
        await tx.execute(
            text(
                "SELECT c.conrelid::regclass::text AS of, quote_ident(c.conname) AS name, "
                "pg_get_constraintdef(c.oid) AS told FROM pg_constraint c "
                "WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace"
            )
        )
    ).all()
    for one in found:
        await tx.execute(text(f"ALTER TABLE {one.of} DROP CONSTRAINT {one.name}"))
    yield
    for one in found:
        await tx.execute(text(f"ALTER TABLE {one.of} ADD CONSTRAINT {one.name} {one.told}"))


def tables_there(connection: Connection) -> list[str]:
    """The names of all tables of the database."""
    return sorted(inspect(connection).get_table_names())


def drop_everything(connection: Connection) -> None:
    """Drop all tables, those that refer to others first: the history guard refuses DELETE, not this."""
    there = tables_there(connection)
    known = [one.name for one in reversed(metadata.sorted_tables) if one.name in there]
    quote = connection.dialect.identifier_preparer.quote
    for name in [*(one for one in there if one not in known), *known]:
        connection.execute(text(f"DROP TABLE {quote(name)}"))


def empty(connection: Connection, name: str) -> None:
    """Take all rows out of a table that history does not guard."""
    connection.execute(table(name).delete())
