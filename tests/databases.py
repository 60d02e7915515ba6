"""Fresh databases for tests: made by copying a migrated template, gone when the test ends."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hub.store.migrate import upgrade_to_head

from .postgres_server import PostgresServer

SQLITE = "sqlite+aiosqlite:///"


@dataclass(frozen=True)
class Database:
    #: "sqlite" or "postgresql"
    kind: str
    #: an async SQLAlchemy URL
    url: str

    def __str__(self) -> str:
        return self.kind


class SqliteDatabases:
    """Databases that are files below one folder; the first migrated one is the template of the others."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        self._template: Path | None = None

    @contextlib.contextmanager
    def empty(self) -> Iterator[Database]:
        file = self._new_file()
        try:
            yield self._database(file)
        finally:
            shutil.rmtree(file.parent, ignore_errors=True)

    @contextlib.contextmanager
    def migrated(self) -> Iterator[Database]:
        template = self._migrated_template()
        with self.empty() as database:
            shutil.copyfile(template, database.url.removeprefix(SQLITE))
            yield database

    def _migrated_template(self) -> Path:
        if self._template is None:
            template = self._new_file()
            asyncio.run(upgrade_to_head(self._database(template).url))
            # one file then holds everything; the WAL mode itself is written in its header
            with contextlib.closing(sqlite3.connect(template)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._template = template
        return self._template

    def _new_file(self) -> Path:
        folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        return folder / "hub.db"

    @staticmethod
    def _database(file: Path) -> Database:
        return Database("sqlite", f"{SQLITE}{file}")


class PostgresDatabases:
    """Databases within one server; the first migrated one is the template of the others."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._template: str | None = None

    @contextlib.contextmanager
    def empty(self) -> Iterator[Database]:
        with self._copied_from("template0") as database:
            yield database

    @contextlib.contextmanager
    def migrated(self) -> Iterator[Database]:
        with self._copied_from(self._migrated_template()) as database:
            yield database

    def close(self) -> None:
        if self._template is not None:
            self._server.drop_database(self._template)

    @contextlib.contextmanager
    def _copied_from(self, template: str) -> Iterator[Database]:
        name = self._server.create_database(template)
        try:
            yield Database("postgresql", self._server.url_of(name))
        finally:
            self._server.drop_database(name)

    def _migrated_template(self) -> str:
        if self._template is None:
            name = self._server.create_database("template0")
            asyncio.run(upgrade_to_head(self._server.url_of(name)))
            self._template = name
        return self._template
