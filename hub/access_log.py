"""Who looked at citizens' matters is written down: reads within a second and in groups, the rest before the answer.

An entry holds who, when, how, why and our own keys; never a name, number or word of a citizen's. A read waits for
nothing, but it needs a place in a bounded queue: where the queue is full, or the last attempt to write it failed,
nothing more is read. A process that is killed loses the reads of its last second; what it revealed, found or gave away
as a file was committed before anybody had it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.desk import Desk
from hub.errors import ConfigurationError, UnloggedError
from hub.principal import Principal
from hub.sealing import mask_words
from hub.store.ids import new_id
from hub.store.tables import access_log
from hub.store.upsert import insert_or_ignore
from hub.vocabulary import AccessKind, AccessPurpose, PartyDetail

#: reads that may wait to be written, of one process
LIMIT = 10_000
#: how long a read waits for others to be written with it
FLUSH_S = 0.5
#: … and before writing is tried again after it failed
PAUSE_S = 1.0
#: rows of one transaction
_BATCH = 1_000
#: subjects named in one entry: more values than these no answer has
MOST_SUBJECTS = 8_000
#: a read that waits so long behind its turn says that the log stands still
LATE_S = 3.0
_LONGEST_OPERATION = 100
#: which keys are named first, where not all are
_ORDER = {kind: place for place, kind in enumerate(("dsp", "rec", "pty", "ref", "out", "att", "lnk", "evt"))}


class Subjects:
    """Our keys of everything that one answer holds, each once."""

    __slots__ = ("_ids",)

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._ids = dict.fromkeys(ids)

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, id: str) -> None:
        """Note what is of somebody's matter; the keys of anything else are left out."""
        if id[:3] in _ORDER and id[3:4] == "_":
            self._ids[id] = None

    def first(self) -> list[str]:
        """At most ``MOST_SUBJECTS``: disputes, then records, then what is of them."""
        # sorting keeps the answer's own order within a kind
        return sorted(self._ids, key=lambda id: _ORDER[id[:3]])[:MOST_SUBJECTS]


@dataclass(frozen=True, slots=True)
class Look:
    """One look: who, how and at what."""

    principal: Principal
    kind: AccessKind
    subjects: Subjects = field(default_factory=Subjects)
    purpose: AccessPurpose | None = None
    #: the GraphQL document as it came, of which only a keyed hash is kept: it may quote what was searched for
    document: str = ""
    operation: str = ""
    details: Sequence[PartyDetail] = ()
    #: what was searched for, of which only a keyed hash is kept
    searched: str = ""
    #: how many subjects, where they are not named
    count: int | None = None

    def row(self, desk: Desk, at: datetime) -> dict[str, Any]:
        """Its row."""
        named = self.subjects.first()
        return {
            "id": new_id("acl", desk.county), "county": desk.county, "at": at, "principal_id": self.principal.id,
            "principal_name": self.principal.name, "role": self.principal.role, "kind": self.kind.value,
            "purpose": self.purpose.value if self.purpose else "",
            "document_hash": _hash(desk, "document", self.document),
            # a client's own word, which may hold a number all the same
            "operation": mask_words(self.operation)[:_LONGEST_OPERATION],
            "details": " ".join(one.value for one in self.details),
            "searched": _hash(desk, "searched", self.searched),
            "subject_ids": f" {' '.join(named)} " if named else "",
            "subject_count": len(self.subjects) if self.count is None else self.count,
        }  # fmt: skip


def _hash(desk: Desk, what: str, value: str) -> str:
    return desk.keys.content_hash(f"{what}/{value}".encode()) if value else ""


async def write(tx: AsyncConnection, desk: Desk, look: Look) -> None:
    """Write the entry in the caller's transaction, which must be committed before anything is shown."""
    await tx.execute(access_log.insert().values(look.row(desk, desk.clock())))


async def log_first(desk: Desk, look: Look) -> None:
    """Write the entry and commit it. Raises UnloggedError: then nothing may be shown."""
    try:
        async with desk.store.write() as tx:
            await write(tx, desk, look)
    except (SQLAlchemyError, OSError, ConfigurationError) as exc:
        raise UnloggedError from exc


class AccessLog:
    """The reads of one process on their way into the log, in one transaction for many."""

    def __init__(
        self, desk: Desk, report: Callable[[BaseException], object] | None = None, *, limit: int = LIMIT,
        flush_s: float = FLUSH_S, pause_s: float = PAUSE_S,
    ) -> None:  # fmt: skip
        """``report`` is told once why the log cannot be written, until it can again."""
        self._desk = desk
        self._report = report
        self._limit = limit
        self._flush_s = flush_s
        self._pause_s = pause_s
        self._waiting: deque[dict[str, Any]] = deque()
        #: places of reads that run
        self._taken = 0
        self._is_failing = False
        #: since when the oldest of them waits, at most
        self._since = 0.0
        self._closing = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        #: reads refused since the start
        self.refused = 0

    @property
    def waiting(self) -> int:
        """How many reads are not written yet."""
        return len(self._waiting)

    @property
    def is_failing(self) -> bool:
        """Whether the last attempt to write failed: then nothing is read."""
        return self._is_failing

    def take_place(self) -> None:
        """Call it before anything is read, then ``note``, however it ends. Raises UnloggedError."""
        is_late = bool(self._waiting) and time.monotonic() - self._since > self._flush_s + LATE_S
        if self._is_failing or is_late or len(self._waiting) + self._taken >= self._limit:
            self.refused += 1
            raise UnloggedError
        self._taken += 1

    def note(self, look: Look) -> None:
        """What was read, in the place that was taken; written soon."""
        self._taken -= 1
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append(look.row(self._desk, self._desk.clock()))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())

    async def close(self) -> None:
        """Write what waits; returns when it is written, or cannot be: ``waiting`` tells."""
        self._closing.set()
        if self._writer is not None:
            await self._writer
        self._closing.clear()

    async def _write(self) -> None:
        """Write what waits, and end when nothing does: the next read begins anew."""
        while self._waiting:
            await self._pause(self._pause_s if self._is_failing else self._flush_s)
            await self._flush()
            if self._is_failing and self._closing.is_set():
                return

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            pass

    async def _flush(self) -> None:
        rows = [self._waiting[place] for place in range(min(len(self._waiting), _BATCH))]
        was_failing, is_written = self._is_failing, False
        try:
            async with self._desk.store.write() as tx:
                # a commit whose answer was lost may have been one
                await insert_or_ignore(tx, access_log, rows)
            is_written = True
        # whatever it is (the disk, the database, a master key that this machine lacks): it is tried again
        except Exception as exc:
            if self._report is not None and not was_failing:
                self._report(exc)
        finally:
            # whatever ended it: what is not written is not to grow
            self._is_failing = not is_written
        if is_written:
            self._since = time.monotonic()
            for _ in rows:
                self._waiting.popleft()
