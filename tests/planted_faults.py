"""Connectors that are wrong on purpose: each is a good one with one mistake that people really make."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.base import InstanceConfig, Window
from connectors.court.rows import make_item
from connectors.json_rows import stamp_text
from connectors.registry import make_connector
from hub.errors import AuthError, BadPayloadError, HubError, TransientError
from hub.model import SHANGHAI, CaseFacts, Cursor, DigestEntry, Fact, Item, Page


class Wrapped:
    """A good connector; what a fault does not touch goes to it."""

    def __init__(self, config: InstanceConfig) -> None:
        self.config = config
        self.good: Any = make_connector(config)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.good, name)


class DropsTheLastRow(Wrapped):
    async def pull(self, wire: Any, cursor: Cursor) -> Page:
        page: Page = await self.good.pull(wire, cursor)
        return replace(page, items=page.items[:-1])


class StopsAfterTheFirstPage(Wrapped):
    async def pull(self, wire: Any, cursor: Cursor) -> Page:
        return replace(await self.good.pull(wire, cursor), more=False)


class BeginsThisSpring(Wrapped):
    def start_cursor(self, cursor: Cursor | None, since: datetime | None = None) -> Cursor:
        if cursor is None and since is None:
            since = datetime(2024, 5, 1, tzinfo=SHANGHAI)
        result: Cursor = self.good.start_cursor(cursor, since)
        return result


class WritesNowIntoTheCursor(Wrapped):
    async def pull(self, wire: Any, cursor: Cursor) -> Page:
        page: Page = await self.good.pull(wire, cursor)
        return page if page.more else replace(page, cursor={**page.cursor, "from": stamp_text(datetime.now(UTC))})


class SwallowsErrors(Wrapped):
    async def pull(self, wire: Any, cursor: Cursor) -> Page:
        try:
            page: Page = await self.good.pull(wire, cursor)
        except HubError:
            return Page((), cursor, False)
        return page


class ReadsLocalTime(Wrapped):
    async def pull(self, wire: Any, cursor: Cursor) -> Page:
        page: Page = await self.good.pull(wire, cursor)
        return replace(page, items=[replace(i, updated_at=_local(i.updated_at)) for i in page.items])


class MapsLocalTime(Wrapped):
    def map(self, item: Item) -> Sequence[Fact]:
        return [
            replace(fact, received_at=_local(fact.received_at)) if isinstance(fact, CaseFacts) else fact
            for fact in self.good.map(item)
        ]


def _local(at: datetime | None) -> Any:
    return at and at.replace(tzinfo=None).astimezone()


class ReadsNoOverlap(Wrapped):
    def start_cursor(self, cursor: Cursor | None, since: datetime | None = None) -> Cursor:
        if cursor is not None and since is None:
            return cursor
        result: Cursor = self.good.start_cursor(cursor, since)
        return result


class LosesTies(Wrapped):
    async def pull(self, wire: Any, cursor: Cursor) -> Page:
        page: Page = await self.good.pull(wire, cursor)
        stamps = [item.updated_at for item in page.items if item.updated_at is not None]
        if not page.more or not stamps:
            return page
        behind = {"from": stamp_text(max(stamps) + timedelta(seconds=1))}
        return replace(page, cursor=behind | ({"after": 0} if "after" in page.cursor else {}))


class TrustsPageNumbers(Wrapped):
    """As most samples of such wires do."""

    def start_cursor(self, cursor: Cursor | None, since: datetime | None = None) -> Cursor:
        begin = cursor["next"] if cursor else "2000-01-01 00:00:00"
        return {"begin": begin, "next": begin, "page": 1}

    async def pull(self, wire: Any, cursor: Cursor) -> Page:
        listing = await self.good._api.rows(wire, {"gxsjq": cursor["begin"]}, cursor["page"], 20)
        stamps = [cursor["next"], *(stamp_text(i.updated_at) for i in listing.items)]
        following = {"begin": cursor["begin"], "next": max(stamps), "page": cursor["page"] + 1}
        return Page(listing.items, following, cursor["page"] * 20 < listing.total)


class TruncatesRaw(Wrapped):
    async def pull(self, wire: Any, cursor: Cursor) -> Page:
        page: Page = await self.good.pull(wire, cursor)
        return replace(page, items=[replace(item, body=self._cut(item.body)) for item in page.items])

    def _cut(self, body: bytes) -> bytes:
        value = json.loads(body)
        inner = value.get("columns") or value.get("xfj") or value
        for name in ("claim", "BJNR", "xfnr", "content"):
            if isinstance(inner.get(name), str):
                inner[name] = inner[name][:5]
        return json.dumps(value).encode()


class GuessesUnknownCodes(Wrapped):
    def map(self, item: Item) -> Sequence[Fact]:
        return [
            replace(fact, unknown_codes=(), category="0101" if fact.category == "UNKNOWN" else fact.category)
            if isinstance(fact, CaseFacts)
            else fact
            for fact in self.good.map(item)
        ]


class RefusesUnknownCodes(Wrapped):
    def map(self, item: Item) -> Sequence[Fact]:
        facts: Sequence[Fact] = self.good.map(item)
        if any(isinstance(fact, CaseFacts) and fact.unknown_codes for fact in facts):
            raise BadPayloadError("UNKNOWN_CODE")
        return facts


class ListsFromItsOwnCache(Wrapped):
    def __init__(self, config: InstanceConfig) -> None:
        super().__init__(config)
        self._listed: list[DigestEntry] = []

    async def digest(self, wire: Any, window: Window) -> AsyncIterator[DigestEntry]:
        if not self._listed:
            self._listed = [entry async for entry in self.good.digest(wire, window)]
        for entry in self._listed:
            yield entry


class ListsHalf(Wrapped):
    async def digest(self, wire: Any, window: Window) -> AsyncIterator[DigestEntry]:
        number = 0
        async for entry in self.good.digest(wire, window):
            number += 1
            if number % 7:
                yield entry


class FetchesFromItsOwnCache(Wrapped):
    def __init__(self, config: InstanceConfig) -> None:
        super().__init__(config)
        self._known: dict[str, Sequence[Item]] = {}

    async def fetch(self, wire: Any, native_ids: Sequence[str]) -> Sequence[Item]:
        for one in dict.fromkeys(native_ids):
            if one not in self._known:
                self._known[one] = await self.good.fetch(wire, [one])
        return [item for one in dict.fromkeys(native_ids) for item in self._known[one]]


class FetchesTooMuch(Wrapped):
    async def fetch(self, wire: Any, native_ids: Sequence[str]) -> Sequence[Item]:
        page = await self.good.pull(wire, self.good.start_cursor(None))
        return [*await self.good.fetch(wire, native_ids), *page.items]


class StumblesOverDamage(Wrapped):
    def map(self, item: Item) -> Sequence[Fact]:
        row = json.loads(item.body)
        inner = row.get("columns") or row.get("xfj") or row
        for name in ("lxrq", "GXSJ", "djsj", "createdAt"):
            if name in inner:
                datetime.fromisoformat(inner[name].replace(" ", "T")[:19]) if "-" in inner[name] else None
        facts: Sequence[Fact] = self.good.map(item)
        return facts


class HasNoNumber(Wrapped):
    async def pull(self, wire: Any, cursor: Cursor) -> Page:
        page: Page = await self.good.pull(wire, cursor)
        return replace(page, items=[replace(item, native_no=item.native_no or _NONE) for item in page.items])


_NONE: Any = None


class NamesByPlace(Wrapped):
    """Its key is the place in the page."""

    async def pull(self, wire: Any, cursor: Cursor) -> Page:
        page: Page = await self.good.pull(wire, cursor)
        return replace(page, items=[replace(item, key=str(at)) for at, item in enumerate(page.items)])


class ComparesEverything(Wrapped):
    """Fields that change by themselves are part of its canonical bytes."""

    async def pull(self, wire: Any, cursor: Cursor) -> Page:
        page: Page = await self.good.pull(wire, cursor)
        return replace(page, items=[replace(item, canonical=item.body) for item in page.items])


class KeepsIdsInTheCursor(Wrapped):
    async def pull(self, wire: Any, cursor: Cursor) -> Page:
        page: Page = await self.good.pull(wire, cursor)
        seen = [*cursor.get("seen", []), *(item.native_id for item in page.items)]
        return replace(page, cursor={**page.cursor, "seen": seen})


class KeepsIdsInMemory(Wrapped):
    def __init__(self, config: InstanceConfig) -> None:
        super().__init__(config)
        self._seen: set[str] = set()

    async def pull(self, wire: Any, cursor: Cursor) -> Page:
        page: Page = await self.good.pull(wire, cursor)
        self._seen |= {item.native_id for item in page.items}
        return page


class KnowsItsPlaceByHeart(Wrapped):
    """Its cursor is a number; where that is, only the process knows."""

    def __init__(self, config: InstanceConfig) -> None:
        super().__init__(config)
        self._places: list[Cursor] = []

    def start_cursor(self, cursor: Cursor | None, since: datetime | None = None) -> Cursor:
        self._places = [self.good.start_cursor(None, since)]
        return {"page": 0}

    async def pull(self, wire: Any, cursor: Cursor) -> Page:
        page: Page = await self.good.pull(wire, self._places[cursor["page"]])
        self._places.append(page.cursor)
        return replace(page, cursor={"page": len(self._places) - 1})


class RaisesWhatItMeets(Wrapped):
    async def pull(self, wire: Any, cursor: Cursor) -> Page:
        try:
            page: Page = await self.good.pull(wire, cursor)
        except TransientError as exc:
            raise ValueError(str(exc)) from exc
        return page


class TriesWrongSecretsForEver(Wrapped):
    async def pull(self, wire: Any, cursor: Cursor) -> Page:
        try:
            page: Page = await self.good.pull(wire, cursor)
        except AuthError as exc:
            raise TransientError(str(exc)) from exc
        return page


class ForgetsThePause(Wrapped):
    async def pull(self, wire: Any, cursor: Cursor) -> Page:
        try:
            page: Page = await self.good.pull(wire, cursor)
        except TransientError as exc:
            raise TransientError(exc.message, kind=exc.kind) from exc
        return page


class LooksAtTheClock(Wrapped):
    def map(self, item: Item) -> Sequence[Fact]:
        now = datetime.now(UTC)
        return [replace(f, updated_at=now) if isinstance(f, CaseFacts) else f for f in self.good.map(item)]


class HandsOnEverythingAtOnce(Wrapped):
    async def pull(self, wire: Any, cursor: Cursor) -> Page:
        items: list[Item] = []
        while True:
            page: Page = await self.good.pull(wire, cursor)
            items += page.items
            cursor = page.cursor
            if not page.more:
                return replace(page, items=items)


class AcknowledgesTooEarly(Wrapped):
    """The partner is told before the page is kept."""

    async def pull(self, wire: Any, cursor: Cursor) -> Page:
        page: Page = await self.good.pull(wire, cursor)
        await self.good.acknowledge(wire, page)
        return page

    def start_cursor(self, cursor: Cursor | None, since: datetime | None = None) -> Cursor:
        result: Cursor = self.good.start_cursor({}, since)
        return result


class TakesAnObtainedRowForKept(Wrapped):
    """obtainJsonData gives each row once: what was lost on the way is never asked for again."""

    def start_cursor(self, cursor: Cursor | None, since: datetime | None = None) -> Cursor:
        return {"n": 0}

    async def pull(self, wire: Any, cursor: Cursor) -> Page:
        items = await self.good._api.obtain(wire)
        return Page(items, {"n": cursor["n"] + 1}, bool(items))


class NeverSaysEmpty(Wrapped):
    async def pull(self, wire: Any, cursor: Cursor) -> Page:
        page: Page = await self.good.pull(wire, cursor)
        if not page.items and not page.more:
            raise TransientError("no rows", kind="EMPTY")
        return page


class ChangesTheRow(Wrapped):
    """Writes the body anew from the fields it knows today."""

    async def pull(self, wire: Any, cursor: Cursor) -> Page:
        page: Page = await self.good.pull(wire, cursor)
        return replace(page, items=[make_item(_without_party(json.loads(i.body))) for i in page.items])


def _without_party(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"dsr": [{k: v for k, v in party.items() if k != "zz"} for party in row["dsr"]]}


@dataclass(frozen=True)
class Planted:
    """A fault, with which partners it is tried, and the law that must find it."""

    make: Callable[[InstanceConfig], Any]
    products: tuple[str, ...]
    law: str


ALL = ("court", "police", "petition", "hotline")
KEYED = ("court", "hotline")
FETCHING = ("court", "petition", "hotline")

PLANTED: tuple[Planted, ...] = (
    Planted(DropsTheLastRow, ALL, "everything"),
    Planted(StopsAfterTheFirstPage, ("court", "police", "hotline"), "everything"),
    Planted(BeginsThisSpring, KEYED, "everything"),
    Planted(WritesNowIntoTheCursor, KEYED, "small-cursor"),
    Planted(WritesNowIntoTheCursor, KEYED, "new-run"),
    Planted(SwallowsErrors, ALL, "no-empty-error"),
    Planted(ReadsLocalTime, ALL, "instants"),
    Planted(MapsLocalTime, ALL, "instants"),
    Planted(ReadsNoOverlap, KEYED, "late-within-overlap"),
    Planted(LosesTies, KEYED, "ties"),
    Planted(TrustsPageNumbers, ("court",), "edits-between-pages"),
    Planted(TruncatesRaw, ALL, "raw"),
    Planted(ChangesTheRow, ("court",), "raw"),
    Planted(GuessesUnknownCodes, ALL, "unknown-codes"),
    Planted(RefusesUnknownCodes, ALL, "unknown-codes"),
    Planted(ListsFromItsOwnCache, FETCHING, "deletions"),
    Planted(ListsHalf, ALL, "digest"),
    Planted(FetchesFromItsOwnCache, FETCHING, "fetch"),
    Planted(FetchesFromItsOwnCache, FETCHING, "deletions"),
    Planted(FetchesTooMuch, ("court", "hotline"), "fetch"),
    Planted(StumblesOverDamage, ALL, "damaged-rows"),
    Planted(HasNoNumber, ALL, "identity"),
    Planted(NamesByPlace, ("court", "police", "hotline"), "identity"),
    Planted(ComparesEverything, ("police", "hotline", "petition"), "volatile"),
    Planted(KeepsIdsInTheCursor, ALL, "small-cursor"),
    Planted(KeepsIdsInMemory, ALL, "memory"),
    Planted(KnowsItsPlaceByHeart, KEYED, "resume"),
    Planted(RaisesWhatItMeets, FETCHING, "loud-errors"),
    Planted(TriesWrongSecretsForEver, FETCHING, "credentials"),
    Planted(ForgetsThePause, FETCHING, "retry-after"),
    Planted(LooksAtTheClock, ALL, "pure-mapping"),
    Planted(HandsOnEverythingAtOnce, ("court", "hotline"), "page-size"),
    Planted(AcknowledgesTooEarly, ("police",), "asked-twice"),
    Planted(TakesAnObtainedRowForKept, ("petition",), "asked-twice"),
    Planted(NeverSaysEmpty, ("hotline", "petition"), "empty"),
)
