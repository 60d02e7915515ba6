"""The petition office's exchange (访调对接): obtained once, compared with its list, mapped row by row.

The wire is WIRES §3 of a simulated office, composed from real vendors' shapes. Three floors: ``wire`` speaks HTTP,
``walking`` decides what is still missing, ``mapping`` says what a row means; ``rows`` is shared. ``push`` spells what
we tell it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from connectors.base import HttpPartner, HttpWire, InstanceConfig, Window
from connectors.json_rows import loads
from connectors.petition import push, walking
from connectors.petition.fields import KNOWN_FIELDS
from connectors.petition.mapping import facts_of
from connectors.petition.numbers import quoted_here
from connectors.petition.walking import END, SECOND, START, Memory, Place
from connectors.petition.wire import Listed, PetitionApi
from connectors.pushing import require_carried
from connectors.shapes import json_fields
from hub.commands import Command, Receipt
from hub.errors import TransientError
from hub.model import CaseFacts, Cursor, DigestEntry, Fact, Item, Page, RecordName, Shape
from hub.vocabulary import AgencyKind, CommandKind

#: letters read one by one within one page
REREAD_SIZE = 50
#: a question that failed so often at one place is left for what else can be asked there
TRIES = 2
#: a digest cannot be resumed from outside, so it asks again by itself
_DIGEST_TRIES = 5


class PetitionConnector(HttpPartner):
    """One petition office of one county. It has no options."""

    product: ClassVar[str] = "petition"
    agency_kind: ClassVar[AgencyKind] = AgencyKind.PETITION
    summary: ClassVar[str] = "Petition office exchange: rows obtained once, checked against its list (访调对接)."
    commands: ClassVar[frozenset[CommandKind]] = frozenset(push.STEPS)
    #: the push's number, made of the letter's and the key
    has_keys: ClassVar[bool] = True
    can_find: ClassVar[bool] = True
    mapping_version: int = 1
    known_fields: Mapping[str, frozenset[str]] = KNOWN_FIELDS

    def __init__(self, config: InstanceConfig) -> None:
        self.config = config
        self._api = PetitionApi(config)
        self._memory = Memory()
        #: of a backfill: it goes its own way beside the pull
        self._again = Memory()

    async def check(self, wire: HttpWire) -> str:
        """List the first second of the century: it marks nothing and is hardly long."""
        await self._api.listing(wire, START, START + SECOND)
        return "The petition office accepts our verification and answers with its list."

    def start_cursor(self, cursor: Cursor | None, since: datetime | None = None) -> Cursor:
        """The kept cursor less the overlap; a run that was cut off goes on where it was."""
        return walking.resume(cursor, since, self.config.overlap_s)

    async def pull(self, wire: HttpWire, cursor: Cursor) -> Page:
        """One answer of obtainJsonData, or some letters it did not give, read one by one.

        Asking the same cursor again is safe: what was obtained at it before is read again by its list.
        """
        memory = self._memory = self._memory.at(cursor)
        place = walking.read(cursor)
        try:
            return await self._next_page(wire, place, memory)
        except TransientError:
            self._memory = replace(self._memory, failures=memory.failures + 1)
            raise

    def backfill_cursor(self, cursor: Cursor | None, since: datetime | None) -> Cursor:
        """A place in the list; what is obtained is given only once, so a backfill takes nothing of it."""
        return cursor if cursor is not None else walking.reread_from(since)

    async def backfill(self, wire: HttpWire, cursor: Cursor) -> Page:
        """Some letters of the list, read one by one. Asking the same cursor again is safe."""
        place, memory = walking.read(cursor), self._again.at(cursor)
        try:
            pending = memory.pending or place.missing(await self._api.listing(wire, place.at, END), {})
            if not pending:
                return Page((), cursor, more=False)
            memory = replace(memory, pending=tuple(pending))
            read, place, rest = await self._read_some(wire, place, pending, memory.failures)
        except TransientError:
            self._again = replace(memory, failures=memory.failures + 1)
            raise
        following = walking.reread_from(place.at, place.after)
        self._again = Memory(following, pending=tuple(rest))
        return Page([item for _, item in read], following, more=True)

    async def digest(self, wire: HttpWire, window: Window) -> AsyncIterator[DigestEntry]:
        """Every letter of the window with its stamp and the office's hash of it."""
        start = window.start or START
        end = END if window.end is None else window.end + SECOND  # the office's end is exclusive
        for entry in await self._list_patiently(wire, start, end):
            yield DigestEntry(entry.xfjbh, entry.xfjbh, "", entry.updated_at, content_mark=entry.mark)

    async def fetch(self, wire: HttpWire, native_ids: Sequence[str]) -> Sequence[Item]:
        """These letters as they are now; nothing for one that the office no longer holds."""
        found = [await self._api.one(wire, native_id) for native_id in dict.fromkeys(native_ids) if native_id]
        return [item for item in found if item is not None]

    def map(self, item: Item) -> Sequence[Fact]:
        """One record."""
        return [facts_of(item, self.config)]

    def shape(self, item: Item) -> Shape:
        """The fields of a row and their types."""
        return Shape("", json_fields(loads(item.body)))

    @staticmethod
    def quoted(text: str, county: str) -> Sequence[RecordName]:
        """The county's letters that somebody's words name."""
        return [RecordName("petition.xfjbh", found) for found in quoted_here(text, county)]

    def compose(self, parts: Sequence[CaseFacts]) -> CaseFacts:
        """A petition is one item: its newest version."""
        return parts[-1]

    async def push(self, wire: HttpWire, key: str, command: Command) -> Receipt:
        """The office's word, which is final; a conflict is success only where it holds the very same."""
        require_carried(command, self.commands, "the petition office")
        return await push.push(self._api, wire, key, command)

    async def find(self, wire: HttpWire, key: str, command: Command) -> Receipt | None:
        """The receipt of a push the office holds. Raises RejectedError where it holds another under its number."""
        require_carried(command, self.commands, "the petition office")
        return await push.find(self._api, wire, key, command)

    async def _next_page(self, wire: HttpWire, place: Place, memory: Memory) -> Page:
        if memory.pending:
            return await self._reread(wire, place, memory.pending, memory)
        delivered = memory.delivered
        if place.reached > place.at:
            # the office gives the oldest first: what lies behind its newest second was given or is lost
            listed = await self._api.listing(wire, place.at, place.reached)
            if missing := place.missing(listed, delivered):
                return await self._reread(wire, place, missing, memory)
            place = place.walked(listed)
        if items := await self._obtain(wire, place, memory):
            return self._page(items, place.obtained(items), {**delivered, **walking.versions(items)})
        listed = await self._api.listing(wire, place.at, END)
        if missing := place.missing(listed, delivered):
            return await self._reread(wire, place, missing, memory)
        cursor, self._memory = walking.finish(place.walked(listed), delivered, self.config.overlap_s)
        return Page((), cursor, more=False)

    async def _obtain(self, wire: HttpWire, place: Place, memory: Memory) -> Sequence[Item]:
        """The next answer; empty where there is no more, or where only the list can still tell."""
        if place.idle >= walking.PATIENCE:
            wire.note("OBTAIN_DOES_NOT_END", "obtainJsonData answers the same again; the rest is read from the list.")
            return ()
        try:
            return await self._api.obtain(wire)
        except TransientError as exc:
            if memory.failures < TRIES:
                raise
            wire.note(exc.kind, "obtainJsonData does not answer; its rows are read from the list.")
            return ()

    async def _reread(self, wire: HttpWire, place: Place, pending: Sequence[Listed], memory: Memory) -> Page:
        try:
            read, place, rest = await self._read_some(wire, place, pending, memory.failures)
        except TransientError:
            self._memory = replace(memory, pending=tuple(pending))
            raise
        for entry, _ in read:
            self._note_lost(wire, entry, place)
        items = [item for _, item in read]
        return self._page(items, place, {**memory.delivered, **walking.versions(items)}, rest)

    async def _read_some(
        self, wire: HttpWire, place: Place, pending: Sequence[Listed], failures: int
    ) -> tuple[Sequence[tuple[Listed, Item]], Place, Sequence[Listed]]:
        """Read the next listed letters one by one. What was read before a failure is delivered all the same.

        Returns what was read, the place behind it, and what is left of the list.
        """
        read: list[tuple[Listed, Item]] = []
        done, unreadable = 0, 0
        for number, entry in enumerate(pending[:REREAD_SIZE], start=1):
            try:
                item = await self._api.one(wire, entry.xfjbh)
            except TransientError as exc:
                if done:
                    wire.note(exc.kind, "Reading letters one by one stopped; it goes on from here.")
                    break
                if failures < TRIES or unreadable:
                    raise
                # one letter that cannot be read must not hold back those behind it: passed if the next one can be
                unreadable += 1
                continue
            done, place = number, place.passed(entry)
            if item is not None:
                read.append((entry, item))
        if unreadable and not done:
            raise TransientError("the last letter on the list cannot be read", kind="UNREADABLE_LETTER")
        if unreadable:
            wire.note("UNREADABLE_LETTER", "A letter could not be read and was passed over; reconciling names it.")
        return read, place, pending[done:]

    def _note_lost(self, wire: HttpWire, entry: Listed, place: Place) -> None:
        """A letter newer than all the runs before had seen, which obtainJsonData did not give us."""
        if entry.updated_at is not None and entry.updated_at > place.floor:
            wire.note("ROW_NOT_OBTAINED", "The exchange did not deliver a letter; it was read from the list.")

    def _page(
        self, items: Sequence[Item], place: Place, delivered: Mapping[int, datetime], pending: Sequence[Listed] = ()
    ) -> Page:
        self._memory = walking.go_on(place, delivered, self.config.overlap_s, tuple(pending))
        return Page(items, self._memory.cursor, more=True)

    async def _list_patiently(self, wire: HttpWire, start: datetime, end: datetime) -> Sequence[Listed]:
        for attempt in range(1, _DIGEST_TRIES + 1):
            try:
                return await self._api.listing(wire, start, end)
            except TransientError as exc:
                if attempt == _DIGEST_TRIES:
                    raise
                wire.note(exc.kind, "The list was asked again.")
                await asyncio.sleep(min(exc.retry_after or 0.05 * 2**attempt, 30.0))
        raise AssertionError("unreachable")
