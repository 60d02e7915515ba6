"""Whether a database has the tables and columns that this release works with."""

from __future__ import annotations

from sqlalchemy import inspect
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.tables import metadata


async def strange_parts(connection: AsyncConnection) -> list[str]:
    """Tables and columns that are missing, or there and unknown: ``jobs.lane is missing``. Empty where all is well."""
    return await connection.run_sync(_compare)


def _compare(connection: Connection) -> list[str]:
    found = {
        name: {column["name"] for column in columns}
        for (_, name), columns in inspect(connection).get_multi_columns().items()
    }
    told = []
    for table in metadata.sorted_tables:
        there, wanted = found.get(table.name), {column.name for column in table.columns}
        if there is None:
            told.append(f"{table.name} is missing")
            continue
        told += [f"{table.name}.{name} is missing" for name in sorted(wanted - there)]
        told += [f"{table.name}.{name} is unknown" for name in sorted(there - wanted)]
    return told
