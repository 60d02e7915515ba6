"""A file server that does as it is told, and a partner whose records name files, for the tests of attachments."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import orjson
from aiohttp import web
from sqlalchemy import select

from connectors.base import HttpPartner, InstanceConfig, Window
from hub.desk import Desk
from hub.model import AttachmentFacts, CaseFacts, Cursor, DigestEntry, Fact, Item, Page
from hub.store.lookup import AnyRow
from hub.store.tables import attachments
from hub.vocabulary import AgencyKind, CaseRecordState, Channel
from sync_jobs.attachments import FilesReport, fetch_files
from sync_jobs.downloads import DownloadOptions, open_downloads
from sync_jobs.pull import pull_instance
from sync_jobs.runs import RunReport

from .hub_kit import court_config

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)) + b"\xff\xd9"
BEGIN = datetime(2024, 3, 1, tzinfo=UTC)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class FileServer:
    """Answers on loopback; every request stands in ``asked``."""

    base_url: str = ""
    handlers: dict[str, Handler] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        return self.base_url.removeprefix("http://")

    def put(self, path: str, content: bytes, media_type: str = "image/jpeg") -> str:
        """Serve these bytes; returns the address."""

        async def give(_: web.Request) -> web.StreamResponse:
            return web.Response(body=content, content_type=media_type)

        return self.answer(path, give)

    def answer(self, path: str, handler: Handler) -> str:
        self.handlers[path] = handler
        return self.base_url + path

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.path not in self.handlers:
            return web.Response(status=404)
        return await self.handlers[request.path](request)


@asynccontextmanager
async def file_server() -> AsyncIterator[FileServer]:
    server = FileServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()


class PaperWire:
    """The partner below needs none."""

    incidents: ClassVar[dict[str, int]] = {}


class PaperConnector(HttpPartner):
    """A partner that lies in memory: ``rows`` by native id, each with its files and a stamp."""

    product: ClassVar[str] = "paper"
    agency_kind: ClassVar[AgencyKind] = AgencyKind.GRID
    summary: ClassVar[str] = "A test's own."
    mapping_version: int = 1

    def __init__(self, config: InstanceConfig | None = None) -> None:
        self.config = config or court_config(name="paper", product="paper")
        self.rows: dict[str, dict[str, Any]] = {}
        self.fetched: list[str] = []

    def put(self, native_id: str, *files: dict[str, str], minute: int = 0) -> None:
        self.rows[native_id] = {"id": native_id, "files": list(files), "minute": minute}

    def start_cursor(self, cursor: Cursor | None, since: datetime | None = None) -> Cursor:
        return cursor or {}

    async def check(self, wire: Any) -> str:
        return "here"

    async def pull(self, wire: Any, cursor: Cursor) -> Page:
        return Page([self._item(row) for row in self.rows.values()], {}, False)

    async def digest(self, wire: Any, window: Window) -> AsyncIterator[DigestEntry]:
        for row in self.rows.values():
            item = self._item(row)
            yield DigestEntry(item.key, item.native_id, "", item.updated_at)

    async def fetch(self, wire: Any, native_ids: Sequence[str]) -> Sequence[Item]:
        self.fetched += native_ids
        return [self._item(self.rows[native_id]) for native_id in native_ids if native_id in self.rows]

    def map(self, item: Item) -> Sequence[Fact]:
        row = orjson.loads(item.body)
        return [
            CaseFacts(
                native_id=row["id"], native_no="", lineage="", native_kind="1", native_state="1",
                state=CaseRecordState.IN_PROGRESS, title="邻里纠纷", category="0201", received_at=BEGIN,
                updated_at=item.updated_at, channel=Channel.GRID, opens_dispute=True,
                attachments=tuple(AttachmentFacts(**one) for one in row["files"]),
            )
        ]  # fmt: skip

    def compose(self, parts: Sequence[CaseFacts]) -> CaseFacts:
        return parts[-1]

    def _item(self, row: dict[str, Any]) -> Item:
        lasting = [one.get("inline") or one["url"].partition("?")[0] for one in row["files"]]
        return Item(
            key=row["id"], native_id=row["id"], native_no="", updated_at=BEGIN + timedelta(minutes=row["minute"]),
            body=orjson.dumps(row), canonical=orjson.dumps([row["id"], row["minute"], lasting]),
        )  # fmt: skip


@dataclass
class Files:
    """A desk, a partner, and the hosts its files may come from."""

    desk: Desk
    connector: Any
    wire: Any
    hosts: frozenset[str]
    max_bytes: int = 1 << 20
    timeout_s: float = 5

    async def take_in(self) -> tuple[RunReport, FilesReport]:
        """Pull the records, then fetch what they name: what a pull job does."""
        run = await pull_instance(self.desk, self.connector, self.wire)
        assert run.error is None, run.error
        return run, await self.fetch()

    async def fetch(self, budget_s: float = 60) -> FilesReport:
        options = DownloadOptions(self.hosts, self.max_bytes, self.timeout_s)
        async with open_downloads(options) as downloads:
            return await fetch_files(
                self.desk, self.connector, self.wire, downloads, max_bytes=self.max_bytes, budget_s=budget_s
            )

    async def rows(self) -> list[AnyRow]:
        async with self.desk.store.read() as connection:
            return list((await connection.execute(select(attachments).order_by(attachments.c.id))).all())

    async def ends(self) -> list[tuple[str, str | None]]:
        """State and reason of every file, in the order in which they were named."""
        return [(row.state, row.reason) for row in await self.rows()]


def paper(desk: Desk, *servers: FileServer, **changes: Any) -> Files:
    """A hub that asks the partner in memory and these file servers."""
    return Files(desk, PaperConnector(), PaperWire(), frozenset(server.host for server in servers), **changes)
