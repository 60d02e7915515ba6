"""INSERT … ON CONFLICT, the same on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


def dialect_insert(tx: AsyncConnection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT of this database's own kind, which knows ON CONFLICT."""
    return postgresql.insert(table) if tx.dialect.name == "postgresql" else sqlite.insert(table)


async def insert_or_ignore(
    tx: AsyncConnection,
    table: Table,
    rows: Sequence[dict[str, Any]],
    *,
    on: Sequence[str] = (),
    update_columns: Sequence[str] = (),
) -> None:
    """Insert rows; one whose key is there already is left alone, or takes over ``update_columns``."""
    if not rows:
        return
    insert = dialect_insert(tx, table)
    keys = list(on) or [column.name for column in table.primary_key.columns]
    if update_columns:
        statement = insert.on_conflict_do_update(
            index_elements=keys, set_={name: insert.excluded[name] for name in update_columns}
        )
    else:
        statement = insert.on_conflict_do_nothing(index_elements=keys)
    await tx.execute(statement, list(rows))
