"""Bring a database to the newest schema, step by step, and tell where one stands."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from hub.store.engine import open_engine

_MIGRATIONS = Path(__file__).parent / "migrations"


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def head() -> str:
    """The newest revision this release knows."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None
    return revision


async def current(url: str) -> str | None:
    """The revision a database stands at; None where it was never migrated."""
    engine = open_engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())
    finally:
        await engine.dispose()


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Apply every missing step up to ``revision`` in the caller's transaction."""
    command.upgrade(_config(connection), revision)


def knows(revision: str) -> bool:
    """Whether this release has the step."""
    return any(step.revision == revision for step in ScriptDirectory.from_config(_config()).walk_revisions())


async def upgrade_to_head(url: str) -> None:
    """Apply every missing step in one transaction; a database already at head is left alone."""
    engine = open_engine(url)
    try:
        async with engine.connect() as connection:
            connection = await connection.execution_options(hub_write=True)
            async with connection.begin():
                await connection.run_sync(upgrade)
    finally:
        await engine.dispose()
