"""An instance's files under a claimed job: fetched after its records, or tried again because a person asks."""

from __future__ import annotations

from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.wiring import Hub
from hub import attachments
from hub.errors import ConflictError, NotFoundError
from hub.store.tables import attachments as rows
from hub.vocabulary import AttachmentState
from sync_jobs.attachments import FilesReport, fetch_files
from sync_jobs.downloads import open_downloads
from sync_jobs.queue import Claim

_log = structlog.get_logger("files")


async def fetch(hub: Hub, claim: Claim, instance: str, wire: Any) -> FilesReport:
    """Fetch what is due, within the instance's budget."""
    options = hub.download_options(instance)
    async with open_downloads(options) as downloads:
        report = await fetch_files(
            hub.fenced_desk(claim), hub.connector(instance), wire, downloads, max_bytes=options.max_bytes,
            budget_s=hub.settings.instance(instance).attachment_budget_s,
        )  # fmt: skip
    if report.stored or report.missed:
        _log.info("files fetched", instance=instance, stored=report.stored, missed=dict(report.missed),
                  cut_short=report.is_cut_short)  # fmt: skip
    return report


async def with_missing(connection: AsyncConnection, file: str | None) -> list[str]:
    """The instances of files that are not stored; of the one file where it is named.

    Raises NotFoundError for a file that is none, ConflictError for one that is stored.
    """
    if file is None:
        query = select(rows.c.instance).where(rows.c.state != AttachmentState.STORED.value).distinct()
        return sorted((await connection.execute(query)).scalars())
    found = (await connection.execute(select(rows.c.instance, rows.c.state).where(rows.c.id == file))).first()
    if found is None:
        raise NotFoundError(f"there is no file {file}", hint="See `dispute-hub files list --state ALL`.")
    if found.state == AttachmentState.STORED.value:
        raise ConflictError(f"{file} is stored already", hint=f"GET /files/{file} answers with it.")
    return [found.instance]


async def retry(hub: Hub, claim: Claim, instance: str, file: str | None) -> tuple[FilesReport, int]:
    """Try the instance's missing files again, or this one; also returns how many were set to wait again."""
    desk = hub.fenced_desk(claim)
    async with desk.store.write() as tx:
        retried = await attachments.retry(tx, desk.clock(), ids=[file] if file else (), instance=instance)
    async with hub.wire(instance) as wire:
        return await fetch(hub, claim, instance, wire), retried
