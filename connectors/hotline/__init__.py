"""The 12345 hotline (热线转办): pulled by key, told by signed webhooks, mapped order by order and event by event.

The wire is WIRES §4 of a simulated hotline, composed from real vendors' shapes. Floors: ``wire`` and ``webhook``
speak HTTP over ``signing``, ``paging`` decides where to go on, ``orders`` and ``events`` say what an item means,
``course`` makes one record of an order and its events; ``rows`` and ``codes`` are shared. ``calls`` tells the hotline
of an order it dispatched to us, ``creation`` opens one for a department.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from connectors.base import HttpPartner, HttpWire, InstanceConfig, Received, Window
from connectors.hotline import calls, course, mapping, paging, webhook
from connectors.hotline.creation import create
from connectors.hotline.fields import EVENT, KNOWN_FIELDS, ORDER
from connectors.hotline.numbers import quoted_here
from connectors.hotline.paging import Listing, Place
from connectors.hotline.rows import is_event, order_item
from connectors.hotline.signing import SHA256, SIGN_TYPES
from connectors.hotline.wire import HotlineApi
from connectors.json_rows import loads, text
from connectors.pushing import require_carried
from connectors.shapes import json_fields
from hub.commands import Command, Receipt, Refer
from hub.errors import ConfigurationError, TransientError
from hub.model import CaseFacts, Cursor, DigestEntry, Fact, Item, Page, RecordName, Shape
from hub.vocabulary import AgencyKind, CommandKind

#: what the hotline allows in one page
PAGE_SIZE = 200
#: a digest cannot be resumed from outside, so it asks a page again by itself
_DIGEST_TRIES = 5


class HotlineConnector(HttpPartner):
    """One 12345 hotline of one county.

    Options: ``sign_type`` (``SHA256`` or ``SM3``, of our own requests) and ``page_size`` (1–200).
    """

    product: ClassVar[str] = "hotline"
    agency_kind: ClassVar[AgencyKind] = AgencyKind.HOTLINE
    summary: ClassVar[str] = "12345 hotline: keyset pull of orders; verifies signed webhooks (热线转办)."
    commands: ClassVar[frozenset[CommandKind]] = frozenset(calls.PATHS) | {CommandKind.REFER}
    #: the request id
    has_keys: ClassVar[bool] = True
    mapping_version: int = 1
    known_fields: Mapping[str, frozenset[str]] = KNOWN_FIELDS

    def __init__(self, config: InstanceConfig) -> None:
        self.config = config
        self._api = HotlineApi(config, _sign_type(config))
        self._page_size = _page_size(config)

    async def check(self, wire: HttpWire) -> str:
        """Ask for one order."""
        listing = await self._api.orders(wire, paging.START, 1)
        return f"The hotline accepts our signature and lists {'orders' if listing.items else 'no order yet'}."

    def start_cursor(self, cursor: Cursor | None, since: datetime | None = None) -> Cursor:
        """The kept place less the overlap, ``since``, or the very start."""
        return paging.resume(cursor, since, self.config.overlap_s)

    async def pull(self, wire: HttpWire, cursor: Cursor) -> Page:
        """One page. Asking the same cursor again is safe; a page that is not whole is a TransientError."""
        listing = await self._api.orders(wire, paging.place_of(cursor), self._page_size)
        return Page(listing.items, paging.advance(cursor, listing), listing.more)

    async def digest(self, wire: HttpWire, window: Window) -> AsyncIterator[DigestEntry]:
        """Every order of the window, by key and stamp; twice only where it changed while the digest ran."""
        cursor, more = paging.resume(None, window.start, 0), True
        while more:
            listing = await self._keys_patiently(wire, paging.place_of(cursor))
            cursor, more = paging.advance(cursor, listing), listing.more
            for item in dict.fromkeys(listing.items):
                is_beyond = window.end is not None and item.updated_at is not None and item.updated_at > window.end
                if not is_beyond:
                    yield DigestEntry(item.key, item.native_id, item.native_no, item.updated_at)
            more = more and (window.end is None or paging.place_of(cursor).at <= window.end)

    async def fetch(self, wire: HttpWire, native_ids: Sequence[str]) -> Sequence[Item]:
        """The orders the hotline has under these numbers."""
        rows = [await self._api.order(wire, code) for code in dict.fromkeys(native_ids) if _is_askable(code)]
        return [order_item(row) for row in rows if row is not None]

    async def push(self, wire: HttpWire, key: str, command: Command) -> Receipt:
        """The hotline's word, which is final."""
        require_carried(command, self.commands, "the hotline")
        if isinstance(command, Refer):
            return await create(self._api, wire, self.config, key, command)
        return await calls.call(self._api, wire, key, command)

    def receive(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Received:
        """A webhook's items and the answer it is owed. Raises AuthError: forged, altered, too old, or none expected.

        The caller bounds the body and refuses a nonce it has seen.
        """
        app_id = self.config.webhook_app_id or self.config.app_id
        return webhook.received(headers, body, now, app_id=app_id, live_secrets=self.config.webhook_secrets)

    def map(self, item: Item) -> Sequence[Fact]:
        """One part of a record: the order, or one event."""
        return mapping.facts_of(item, self.config)

    def shape(self, item: Item) -> Shape:
        """The fields of a row and their types."""
        fields = loads(item.body)
        kind = EVENT if isinstance(fields, dict) and is_event(fields) else ORDER
        return Shape(kind, json_fields(fields))

    @staticmethod
    def quoted(text: str, county: str) -> Sequence[RecordName]:
        """The orders that somebody's words name."""
        return [RecordName("hotline.workordercode", found) for found in quoted_here(text, county)]

    def compose(self, parts: Sequence[CaseFacts]) -> CaseFacts:
        """The order with everything its events tell. Raises OrphanError while there is no order."""
        return course.compose(parts, self.config.centre_code)

    async def _keys_patiently(self, wire: HttpWire, behind: Place) -> Listing:
        for attempt in range(1, _DIGEST_TRIES + 1):
            try:
                return await self._api.orders(wire, behind, self._page_size, keys_only=True)
            except TransientError as exc:
                if attempt == _DIGEST_TRIES:
                    raise
                wire.note(exc.kind, "A page of the digest was asked again.")
                await asyncio.sleep(min(exc.retry_after or 0.05 * 2**attempt, 30.0))
        raise AssertionError("unreachable")


def _is_askable(code: str) -> bool:
    """An address of its own: nothing, dots, and the list's name would ask for something else."""
    return code not in ("", ".", "..", "list")


def _sign_type(config: InstanceConfig) -> str:
    sign_type = text(config.options.get("sign_type")).upper() or SHA256
    if sign_type not in SIGN_TYPES:
        raise ConfigurationError(f"sign_type of instance {config.name} is unknown", hint="Use SHA256 or SM3.")
    return sign_type


def _page_size(config: InstanceConfig) -> int:
    size = config.options.get("page_size", PAGE_SIZE)
    if not isinstance(size, int) or not 1 <= size <= PAGE_SIZE:
        raise ConfigurationError(
            f"page_size of instance {config.name} is impossible", hint=f"Use a number from 1 to {PAGE_SIZE}."
        )
    return size
