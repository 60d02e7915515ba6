"""Files behind records: fetched right after the records that name them, while the addresses just delivered still live.

An address is read from the record's sealed items and never kept beside them. One that has expired is healed by
reading its record again. A slow or dead file server costs a run no more than its budget and the records nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from connectors.base import Connector
from hub import attachments, versions
from hub.attachments import Outcome, Sealed, Waiting
from hub.desk import Desk
from hub.errors import PartnerError
from hub.model import AttachmentFacts, CaseFacts
from hub.sequencer import sequence_all
from hub.vocabulary import AttachmentReason
from sync_jobs.downloads import Downloads

_log = structlog.get_logger("files")
#: files in the air at once, and kept in one transaction
_TOGETHER = 4
#: so many files in a row that the host did not answer end the run: they wait without having been tried
_SILENCE = 3
_SILENT = frozenset({AttachmentReason.TIMED_OUT, AttachmentReason.UNREACHABLE})
#: from so many bytes on, sealing leaves the loop to others
_LARGE = 1 << 18


@dataclass(slots=True)
class FilesReport:
    """What one run did about an instance's files."""

    stored: int = 0
    #: how often each reason was met, whether it is final or will be tried again
    missed: Counter[str] = field(default_factory=Counter)
    #: whether the host kept silent, or the time was up, before everything due was tried
    is_cut_short: bool = False


async def fetch_files(
    desk: Desk, connector: Connector, wire: Any, downloads: Downloads, *, max_bytes: int, budget_s: float
) -> FilesReport:
    """Fetch every file of the instance that is due, the latest named first, within the budget.

    Nothing is lost when it dies anywhere: what was not kept still waits. Raises LeaseLostError.
    """
    report = FilesReport()
    run = _Run(desk, connector, wire, downloads, max_bytes)
    ends_at, silent = time.monotonic() + budget_s, 0
    while True:
        async with desk.store.read() as connection:
            due = await attachments.waiting(connection, connector.config.name, desk.clock(), _TOGETHER)
        if not due:
            break
        if time.monotonic() >= ends_at or silent >= _SILENCE:
            report.is_cut_short = True
            break
        outcomes = await run.fetch(due)
        report.stored += await attachments.settle(desk, outcomes)
        for one in outcomes:
            if isinstance(one.got, AttachmentReason):
                report.missed[one.got.value] += 1
            is_silent = isinstance(one.got, AttachmentReason) and one.got in _SILENT
            silent = silent + 1 if is_silent else 0
    if report.stored:
        await sequence_all(desk)
    return report


@dataclass(frozen=True, slots=True)
class _Run:
    """One run's way to the files."""

    desk: Desk
    connector: Connector
    wire: Any
    downloads: Downloads
    max_bytes: int

    async def fetch(self, due: Sequence[Waiting]) -> list[Outcome]:
        """Try each of these once, and those whose address has expired once more at a fresh one."""
        named = await self._named(due)
        got = dict(zip(due, await asyncio.gather(*(self._one(named.get(_key(of))) for of in due)), strict=True))
        expired = [of for of in due if got[of] in (AttachmentReason.NOT_FOUND, AttachmentReason.NO_ADDRESS)]
        if expired and self.connector.can_fetch:
            fresh = await self._named_afresh(expired)
            again = [of for of in expired if _key(of) in fresh and fresh[_key(of)] != named.get(_key(of))]
            got |= dict(zip(again, await asyncio.gather(*(self._one(fresh[_key(of)]) for of in again)), strict=True))
        return [Outcome(of, result) for of, result in got.items()]

    async def _one(self, facts: AttachmentFacts | None) -> Sealed | AttachmentReason:
        try:
            return await self._tried(facts)
        except SQLAlchemyError:
            raise
        except Exception as exc:
            # a file over which we stumble stops itself only: else it would be the first again, and stop all others
            _log.error("a file could not be handled", instance=self.connector.config.name, error=type(exc).__name__)
            return AttachmentReason.SERVER_ERROR

    async def _tried(self, facts: AttachmentFacts | None) -> Sealed | AttachmentReason:
        if facts is None or not (facts.inline or facts.url):
            return AttachmentReason.NO_ADDRESS
        if facts.inline:
            content = attachments.decode(facts.inline, self.max_bytes)
        else:
            content = await self.downloads.get(facts.url)
        if isinstance(content, AttachmentReason):
            return content
        async with self.desk.store.read() as connection:
            known = await attachments.is_kept(connection, self.desk, content)
        if len(content) < _LARGE:
            return attachments.seal(self.desk, content, known)
        return await asyncio.to_thread(attachments.seal, self.desk, content, known)

    async def _named(self, due: Sequence[Waiting]) -> dict[tuple[str, str], AttachmentFacts]:
        """What the kept items say of these files, the newest version of each over the older ones."""
        async with self.desk.store.read() as connection:
            kept = await versions.of_records(connection, self.desk, self.connector, {of.record_id for of in due})
        found: dict[tuple[str, str], AttachmentFacts] = {}
        for record_id, known in kept.items():
            told = [(version.order_key(facts), facts) for version in known for facts in version.facts]
            for _, facts in sorted(told, key=lambda one: one[0]):
                found |= {(record_id, mark): one for mark, one in self._marked(facts).items()}
        return found

    async def _named_afresh(self, expired: Sequence[Waiting]) -> Mapping[tuple[str, str], AttachmentFacts]:
        """The same from the partner itself. A record it cannot give now stays as it is."""
        found: dict[tuple[str, str], AttachmentFacts] = {}
        for native_id in dict.fromkeys(of.native_id for of in expired):
            try:
                items = await self.connector.fetch(self.wire, [native_id])
                said = [fact for item in items for fact in self.connector.map(item) if isinstance(fact, CaseFacts)]
            except PartnerError:
                continue
            except Exception as exc:  # a mapping that stumbles, as when the item was applied
                _log.error("a re-read record cannot be mapped", instance=self.connector.config.name,
                           error=type(exc).__name__)  # fmt: skip
                continue
            marked = {mark: one for facts in said for mark, one in self._marked(facts).items()}
            found |= {_key(of): marked[of.ref_hash] for of in expired
                      if of.native_id == native_id and of.ref_hash in marked}  # fmt: skip
        return found

    def _marked(self, facts: CaseFacts) -> dict[str, AttachmentFacts]:
        return {attachments.ref_hash(self.desk, one): one for one in facts.attachments}


def _key(of: Waiting) -> tuple[str, str]:
    return of.record_id, of.ref_hash
