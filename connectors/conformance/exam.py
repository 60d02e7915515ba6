"""One connector under examination, and a hub in small: what it was given, kept as the real one would keep it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random
from typing import Any, TypeVar

from connectors.base import AnyWire, Connector, InstanceConfig, Window
from connectors.conformance.bench import Held, PartnerBench
from connectors.conformance.law import LawBrokenError, require
from connectors.conformance.push_bench import PushBench
from hub.errors import BadPayloadError, OrphanError, TransientError
from hub.model import CaseFacts, Cursor, DigestEntry, Item, Page

T = TypeVar("T")

#: pages of one run; a run that needs more does not end
MOST_PAGES = 2000
#: records whose rows are compared field by field, where all would take too long
SAMPLE = 20


@dataclass(slots=True)
class Taken:
    """Everything delivered so far, in the order of its coming."""

    items: list[Item] = field(default_factory=list)

    def take(self, items: Iterable[Item]) -> None:
        """Keep these too."""
        self.items += items

    @property
    def keys(self) -> set[tuple[str, str]]:
        """The records of which anything is here."""
        return {(item.native_id, item.native_no) for item in self.items}

    def versions(self) -> dict[tuple[str, str], datetime]:
        """The newest time of each record."""
        newest: dict[tuple[str, str], datetime] = {}
        for item in self.items:
            key = (item.native_id, item.native_no)
            if item.updated_at is not None and (key not in newest or item.updated_at > newest[key]):
                newest[key] = item.updated_at
        return newest

    def of(self, native_id: str) -> list[Item]:
        """The items of one id."""
        return [item for item in self.items if item.native_id == native_id]

    def newest(self) -> dict[str, Item]:
        """The newest version of each item, by its key."""
        found: dict[str, Item] = {}
        for item in self.items:
            before = found.get(item.key)
            if before is None or _at(item) >= _at(before):
                found[item.key] = item
        return found


def _at(item: Item) -> float:
    return item.updated_at.timestamp() if item.updated_at is not None else 0.0


@dataclass(slots=True)
class Exam:
    """A connector class, one configuration of it, an open wire, and the hand on the partner behind that wire."""

    make: Callable[[InstanceConfig], Connector]
    config: InstanceConfig
    wire: AnyWire
    bench: PartnerBench
    #: decides which records are tried
    seed: str = "laws"
    #: a mode that is on during the whole examination; '' none
    mode: str = ""
    #: of one request that the partner cannot answer now
    tries: int = 12
    #: the longest wait between two tries
    longest_pause_s: float = 1.0
    #: the hand on the partner's receiving side, for the push laws
    push: PushBench | None = None

    def connector(self, **changes: Any) -> Connector:
        """A new one, as after a restart."""
        return self.make(replace(self.config, **changes) if changes else self.config)

    @property
    def rng(self) -> Random:
        """The same lots every time."""
        return Random(f"{self.seed}|{self.mode}")  # noqa: S311 — draws lots, not keys

    async def ask(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Ask again while the partner only cannot answer now, as the hub does. Raises what the last try raised."""
        for left in reversed(range(self.tries)):
            try:
                return await attempt()
            except TransientError as exc:
                if not left:
                    raise
                await asyncio.sleep(min(exc.retry_after or 0, self.longest_pause_s))
        raise AssertionError("unreachable")

    async def page(self, connector: Connector, cursor: Cursor) -> Page:
        """One page, whose cursor has been written down and read again."""
        page = await self.ask(lambda: connector.pull(self.wire, cursor))
        return replace(page, cursor=kept(page.cursor))

    async def acknowledge(self, connector: Connector, page: Page) -> None:
        """What the hub does after the commit."""
        if page.receipt is not None:
            await self.ask(lambda: connector.acknowledge(self.wire, page))

    async def pages(self, connector: Connector, cursor: Cursor) -> AsyncIterator[Page]:
        """A run, page by page; each is acknowledged when the next one is asked for."""
        for _ in range(MOST_PAGES):
            page = await self.page(connector, cursor)
            yield page
            await self.acknowledge(connector, page)
            if not page.more:
                return
            cursor = page.cursor
        raise LawBrokenError(
            f"a run has not ended after {MOST_PAGES} pages",
            "Say `more=False` when the partner has no more, and let every page move the cursor on.",
        )

    async def run(self, taken: Taken, cursor: Cursor | None = None, connector: Connector | None = None) -> Cursor:
        """One run to the partner's present; returns the cursor to keep."""
        connector = connector or self.connector()
        following = connector.start_cursor(cursor)
        async for page in self.pages(connector, following):
            taken.take(page.items)
            following = page.cursor
        return following

    async def digest(self, connector: Connector | None = None) -> list[DigestEntry]:
        """The partner's own list over its wire."""
        asked = connector or self.connector()

        async def whole() -> list[DigestEntry]:
            return [entry async for entry in asked.digest(self.wire, Window())]

        return await self.ask(whole)

    async def fetch(self, native_ids: Sequence[str], connector: Connector | None = None) -> Sequence[Item]:
        """Single records again."""
        asked = connector or self.connector()
        if not self.mode:
            return await self.ask(lambda: asked.fetch(self.wire, native_ids))
        # of many questions at once a partner that misbehaves fails one, and then all are asked again
        return [i for one in native_ids for i in await self.ask(lambda: asked.fetch(self.wire, [one]))]  # noqa: B023

    async def mend(self, taken: Taken, cursor: Cursor) -> None:
        """With a partner that misbehaves, what a night's comparison brings; nothing with one that behaves."""
        if not self.mode:
            return
        await self.bench.misbehave(self.mode, 0)
        # what a clock that ran ahead has stamped is listed once that time has come
        await self.bench.advance(3600)
        connector = self.connector()
        if not connector.can_fetch:
            await self.bench.settle()
            await self.run(taken, cursor, connector)
            return
        have = taken.versions()
        entries = await self.digest(connector=connector)
        taken.take(entry.item for entry in entries if entry.item is not None)
        lacking = {e.native_id for e in entries if have.get((e.native_id, e.native_no)) != e.updated_at}
        taken.take(await self.fetch(sorted(lacking), connector))

    async def require_all(self, taken: Taken, hint: str, *, rows_of: Collection[str] = ()) -> None:
        """Every record is here in its newest version; of these ids, and some more, every field."""
        listed = await self.bench.view()
        versions = taken.versions()
        lost = [held for held in listed if held.key not in taken.keys]
        require(not lost, f"{len(lost)} of {len(listed)} records were never delivered", hint)
        stale = [held for held in listed if versions.get(held.key) != held.version]
        require(not stale, f"{len(stale)} of {len(listed)} records are not held in their newest version", hint)
        some = self.rng.sample(listed, min(SAMPLE, len(listed)))
        for native_id in dict.fromkeys([*rows_of, *(held.native_id for held in some)]):
            await self.require_rows(taken.of(native_id), native_id, hint)

    async def require_rows(self, items: Sequence[Item], native_id: str, hint: str) -> None:
        """Each row that the partner has of this id stands whole in some delivered body."""
        bodies = [self.bench.without_volatile(json.loads(item.body)) for item in items if item.body[:1] in b"{["]
        for row in await self.bench.rows(native_id):
            wanted = {name: value for name, value in row.items() if not is_nothing(value)}
            require(
                any(holds(body, wanted) for body in bodies),
                "a record's present content is in none of the bodies delivered of it", hint,
            )  # fmt: skip

    def facts(self, connector: Connector, items: Iterable[Item]) -> list[CaseFacts]:
        """What these items say, records only; an item that cannot be understood says nothing."""
        found: list[CaseFacts] = []
        for item in items:
            try:
                found += [fact for fact in connector.map(item) if isinstance(fact, CaseFacts)]
            except BadPayloadError:
                continue
        return found

    def composed(self, connector: Connector, taken: Taken) -> dict[tuple[str, str], CaseFacts]:
        """Each record from the newest version of each of its items, unless its opening part is missing."""
        parts: dict[tuple[str, str], list[CaseFacts]] = {}
        for item in sorted(taken.newest().values(), key=_at):
            for facts in self.facts(connector, [item]):
                parts.setdefault((facts.native_id, facts.native_no), []).append(facts)
        found: dict[tuple[str, str], CaseFacts] = {}
        for key, some in parts.items():
            try:
                found[key] = connector.compose(some)
            except OrphanError:
                continue
        return found

    @asynccontextmanager
    async def misbehaving(self, mode: str, times: int = -1) -> AsyncIterator[None]:
        """The partner goes wrong so within the block."""
        await self.bench.misbehave(mode, times)
        try:
            yield
        finally:
            await self.bench.misbehave(mode, 0)

    async def is_there(self, held: Held) -> bool:
        """The partner still has it: one that misbehaves may have taken it away by itself."""
        return not self.mode or any(one.key == held.key for one in await self.bench.view())

    async def edit(self, held: Held) -> None:
        """Change this record, if it is there."""
        if await self.is_there(held):
            await self.bench.edit(held)

    async def pick(self, count: int) -> list[Held]:
        """Some records of the partner, the same ones every time."""
        listed = sorted(await self.bench.view(), key=lambda held: held.key)
        return self.rng.sample(listed, min(count, len(listed)))


def kept(cursor: Cursor) -> Cursor:
    """The cursor after it was written down as JSON and read again."""
    try:
        return dict(json.loads(json.dumps(dict(cursor))))
    except (TypeError, ValueError) as exc:
        raise LawBrokenError(
            "a cursor cannot be written as JSON", "Use strings, numbers, booleans and null in it; instants as text."
        ) from exc


def is_nothing(value: Any) -> bool:
    """null, '' and empty are alike."""
    return value is None or value == "" or value == [] or value == {}


def holds(body: Any, row: Mapping[str, Any], depth: int = 3) -> bool:
    """Somewhere in the body one object has all these fields with these values."""
    if isinstance(body, Mapping):
        if all(name in body and body[name] == value for name, value in row.items()):
            return True
        return depth > 0 and any(holds(inner, row, depth - 1) for inner in body.values())
    return isinstance(body, list) and depth > 0 and any(holds(inner, row, depth - 1) for inner in body)
