"""History cannot be rewritten: triggers refuse UPDATE, DELETE and TRUNCATE on append-only tables (law 8).

Every migration that rebuilds one of these tables calls ``install`` again: Alembic's batch mode drops triggers silently.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import text
from sqlalchemy.engine import Connection

MESSAGE = "append-only: history is not rewritten"


def _sqlite(table: str) -> Iterable[str]:
    for action in ("UPDATE", "DELETE"):
        yield (
            f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
        )


def _postgresql(table: str) -> Iterable[str]:
    yield (
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION hub_refuse_change()"
    )
    yield (
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION hub_refuse_change()"
    )


def install(connection: Connection, tables: Iterable[str]) -> None:
    """Put the triggers on ``tables``, which must not have them yet."""
    if connection.dialect.name == "postgresql":
        connection.execute(
            text(
                "CREATE OR REPLACE FUNCTION hub_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN RAISE EXCEPTION '{MESSAGE}'; END $$"
            )
        )
        # also in a session that asks for replica mode, where plain triggers sleep
        for table in tables:
            for statement in _postgresql(table):
                connection.execute(text(statement))
            for name in (f"{table}_no_change", f"{table}_no_truncate"):
                connection.execute(text(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"))
        return
    for table in tables:
        for statement in _sqlite(table):
            connection.execute(text(statement))


def missing(connection: Connection, tables: Iterable[str]) -> list[str]:
    """Names of the triggers that ought to be there and are not."""
    if connection.dialect.name == "postgresql":
        wanted = [f"{table}_{name}" for table in tables for name in ("no_change", "no_truncate")]
        found = connection.execute(text("SELECT tgname FROM pg_trigger WHERE tgenabled = 'A'")).scalars().all()
    else:
        wanted = [f"{table}_{name}" for table in tables for name in ("no_update", "no_delete")]
        found = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
    return sorted(set(wanted) - set(found))
