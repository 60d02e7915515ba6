"""The court's mediation platform (诉调对接): pulled by page, mapped row by row.

The wire is WIRES §1 of a simulated platform, composed from real vendors' shapes. Three floors: ``wire`` speaks
HTTP, ``paging`` decides what to ask next, ``mapping`` says what a row means; ``rows`` and ``numbers`` are shared.
``push`` spells results, refusals and applications for it, ``filing`` a new case.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from connectors.base import HttpPartner, HttpWire, InstanceConfig, Window
from connectors.court import mapping, paging, push
from connectors.court.fields import KNOWN_FIELDS
from connectors.court.filing import file_case
from connectors.court.numbers import quoted_here
from connectors.court.paging import Listing
from connectors.court.rows import fingerprint
from connectors.court.wire import CourtApi
from connectors.json_rows import loads, stamp_text
from connectors.pushing import require_carried
from connectors.shapes import json_fields
from hub.commands import Command, Receipt, Refer
from hub.errors import ConfigurationError, TransientError
from hub.model import CaseFacts, Cursor, DigestEntry, Fact, Item, Page, RecordName, Shape
from hub.vocabulary import AgencyKind, CommandKind

#: what the platform allows in one page
PAGE_SIZE = 100
#: a digest cannot be resumed from outside, so it asks a page again by itself
_DIGEST_TRIES = 5


class CourtConnector(HttpPartner):
    """One court platform of one county.

    Options: ``sign_type`` (``MD5`` or ``SM3``), ``page_size`` (1–100).
    """

    product: ClassVar[str] = "court"
    agency_kind: ClassVar[AgencyKind] = AgencyKind.COURT
    summary: ClassVar[str] = (
        "Court mediation platform: REST pull by update time, hand-overs become referrals (诉调对接)."
    )
    commands: ClassVar[frozenset[CommandKind]] = frozenset(push.ACCEPT_TYPES) | {CommandKind.REFER}
    #: the case, the kind of message and the agreement number; of a filing its request id
    has_keys: ClassVar[bool] = True
    mapping_version: int = 1
    known_fields: Mapping[str, frozenset[str]] = KNOWN_FIELDS

    def __init__(self, config: InstanceConfig) -> None:
        self.config = config
        self._api = CourtApi(config)
        self._page_size = _page_size(config)

    async def check(self, wire: HttpWire) -> str:
        """Obtain a token and count the rows."""
        query = {"gxsjq": stamp_text(paging.START)}
        listing = await self._api.rows(wire, query, page=1, page_size=1)
        return f"The court's platform accepts our credentials and lists {listing.total} rows."

    def start_cursor(self, cursor: Cursor | None, since: datetime | None = None) -> Cursor:
        """The kept cursor less the overlap; a sweep that was cut off goes on where it was."""
        return paging.resume(cursor, since, self.config.overlap_s)

    async def pull(self, wire: HttpWire, cursor: Cursor) -> Page:
        """One page. Asking the same cursor again is safe; a page that is not whole is a TransientError."""
        listing = await self._list(wire, cursor, None)
        following, more = paging.advance(cursor, listing, self._page_size)
        return Page(listing.items, following, more)

    async def digest(self, wire: HttpWire, window: Window) -> AsyncIterator[DigestEntry]:
        """Every row of the window at least once; of two entries of one key the later is the newer version.

        A key comes twice only when its row changed while the digest ran.
        """
        cursor = paging.resume(None, window.start, 0)
        more = True
        #: what was yielded and may be listed again, by fingerprint
        yielded: dict[int, datetime | None] = {}
        while more:
            listing, cursor, more = await self._list_patiently(wire, cursor, window.end)
            for item in listing.items:
                print_ = fingerprint(item)
                if print_ not in yielded:
                    yielded[print_] = item.updated_at
                    yield DigestEntry(item.key, item.native_id, item.native_no, item.updated_at, item)
            behind = paging.covered_from(cursor)
            yielded = {key: at for key, at in yielded.items() if at is None or at >= behind}

    async def fetch(self, wire: HttpWire, native_ids: Sequence[str]) -> Sequence[Item]:
        """Every row of these ids, in the platform's order."""
        items: list[Item] = []
        for native_id in dict.fromkeys(native_ids):
            if native_id:  # an empty id would ask for everything
                items.extend(await self._fetch_one(wire, native_id))
        return items

    def map(self, item: Item) -> Sequence[Fact]:
        """One record, and an answer for every receipt the court has decided on."""
        return mapping.facts_of(item, self.config)

    def shape(self, item: Item) -> Shape:
        """The fields of a row and their types."""
        return Shape("", json_fields(loads(item.body)))

    @staticmethod
    def quoted(text: str, county: str) -> Sequence[RecordName]:
        """The case numbers of the county's own court that somebody's words name."""
        return [RecordName("court.ah", found) for found in quoted_here(text, county)]

    def compose(self, parts: Sequence[CaseFacts]) -> CaseFacts:
        """A court record is one item: its newest version."""
        return parts[-1]

    async def push(self, wire: HttpWire, key: str, command: Command) -> Receipt:
        """Sent and receipted; what the court decides comes as an Answer under the receipt's number (sldh)."""
        require_carried(command, self.commands, "the court")
        if isinstance(command, Refer):
            return await file_case(self._api, wire, self.config, key, command)
        return await push.push(self._api, wire, key, command)

    async def _list(self, wire: HttpWire, cursor: Cursor, until: datetime | None) -> Listing:
        asked = paging.question(cursor, until)
        query = {"gxsjq": stamp_text(asked.start)}
        if asked.end is not None:
            query["gxsjz"] = stamp_text(asked.end)
        return await self._api.rows(wire, query, asked.page, self._page_size)

    async def _list_patiently(
        self, wire: HttpWire, cursor: Cursor, until: datetime | None
    ) -> tuple[Listing, Cursor, bool]:
        for attempt in range(1, _DIGEST_TRIES + 1):
            try:
                listing = await self._list(wire, cursor, until)
                return listing, *paging.advance(cursor, listing, self._page_size, until)
            except TransientError as exc:
                if attempt == _DIGEST_TRIES:
                    raise
                wire.note(exc.kind, "A page of the digest was asked again.")
                await asyncio.sleep(min(exc.retry_after or 0.05 * 2**attempt, 30.0))
        raise AssertionError("unreachable")

    async def _fetch_one(self, wire: HttpWire, native_id: str) -> list[Item]:
        rows: dict[int, Item] = {}
        page, total = 1, 1
        while (page - 1) * self._page_size < total:
            listing = await self._api.rows(wire, {"ajbs": native_id}, page, self._page_size)
            total = listing.total
            if len(listing.items) < min(self._page_size, total - (page - 1) * self._page_size):
                raise TransientError("the page holds fewer rows than it counts", kind="PARTIAL_PAGE")
            if any(item.native_id != native_id for item in listing.items):
                raise TransientError("the answer holds other records than asked for", kind="FILTER_IGNORED")
            rows.update((fingerprint(item), item) for item in listing.items)
            page += 1
        return list(rows.values())


def _page_size(config: InstanceConfig) -> int:
    size = config.options.get("page_size", PAGE_SIZE)
    if not isinstance(size, int) or not 1 <= size <= PAGE_SIZE:
        raise ConfigurationError(
            f"page_size of instance {config.name} is impossible", hint=f"Use a number from 1 to {PAGE_SIZE}."
        )
    return size
