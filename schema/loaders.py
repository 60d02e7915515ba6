"""Loaders of one request: what many objects ask for at once is read in one statement.

Each batch opens a connection of its own, so that loaders may run side by side.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.dataloader import DataLoader

from hub import drift
from hub.reading import (
    attachments,
    connectors,
    disputes,
    events,
    outbox,
    parties,
    reconciliations,
    records,
    reference,
    referrals,
)
from hub.reading.events import EventRow, Stream
from hub.reading.paging import Page, Window
from hub.reading.reconciliations import DifferenceRow
from hub.sight import Sight
from hub.store.engine import Store

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

#: where only the history itself matters, not which page of it
_ANY_PAGE = Window()

Read = Callable[[AsyncConnection, list[K]], Awaitable[Mapping[K, T]]]
SeeingRead = Callable[[AsyncConnection, Sight, list[K]], Awaitable[Mapping[K, T]]]


@dataclass(frozen=True, slots=True)
class History:
    """One history, or one page of it where ``asked`` says which."""

    stream: Stream
    parent: str
    kinds: tuple[str, ...] | None
    asked: Window = _ANY_PAGE


@dataclass(frozen=True, slots=True)
class Differences:
    """One comparison's differences, or one page of them where ``asked`` says which."""

    parent: str
    resolutions: tuple[str, ...] | None
    asked: Window = _ANY_PAGE


Q = TypeVar("Q", History, Differences)


class Loaders:
    """Lives as long as one request; what was loaded once is not asked for again, what is hidden is not found."""

    def __init__(self, store: Store, sight: Sight) -> None:
        self._store = store
        self._sight = sight
        self.disputes = self._one(self._seen(disputes.by_ids))
        self.records = self._one(self._seen(records.by_ids))
        self.events = self._one(self._seen(events.by_ids))
        self.parties = self._one(self._seen(parties.by_ids))
        self.referrals = self._one(self._seen(referrals.by_ids))
        self.attachments = self._one(self._seen(attachments.by_ids))
        self.regions = self._one(reference.regions_by_code)
        self.agencies = self._one(reference.agencies_by_code)

        self.dispute_records = self._many(self._seen(records.of_disputes))
        self.dispute_parties = self._many(self._seen(parties.of_disputes))
        self.dispute_referrals = self._many(self._seen(referrals.of_disputes))
        self.record_parties = self._many(self._seen(parties.of_records))
        self.record_referrals = self._many(self._seen(referrals.of_records))
        self.record_attachments = self._many(self._seen(attachments.of_records))
        self.dispute_attachments = self._many(self._seen(attachments.of_disputes))
        self.event_referrals = self._one(self._seen(referrals.of_events))

        self.histories: DataLoader[History, Page[EventRow]] = DataLoader(self._histories)
        self.history_totals: DataLoader[History, int] = DataLoader(self._history_totals)
        self.history_behind: DataLoader[History, bool] = DataLoader(self._history_behind)

        self.differences: DataLoader[Differences, Page[DifferenceRow]] = DataLoader(self._differences)
        self.difference_totals: DataLoader[Differences, int] = DataLoader(self._difference_totals)
        self.differences_behind: DataLoader[Differences, bool] = DataLoader(self._differences_behind)

        self.incidents = self._many(connectors.incidents)
        self.last_runs = self._one(connectors.last_runs)
        self.last_reconciliations = self._one(connectors.last_reconciliations)
        self.drifts = self._many(drift.found)
        self.last_backfills = self._one(connectors.last_backfills)
        self.open_quarantine = self._one(connectors.open_quarantine)
        self.unmapped_codes = self._one(connectors.unmapped_codes)
        self.held_records = self._one(connectors.held_records)
        self.backlogs = self._one(outbox.backlogs)
        self.attempts = self._many(outbox.attempts_of)

    def forget(self) -> None:
        """Ask for everything anew: a mutation of this request changed what was read."""
        for loader in vars(self).values():
            if isinstance(loader, DataLoader):
                loader.clear_all()

    def _seen(self, read: SeeingRead[K, T]) -> Read[K, T]:
        async def seen(connection: AsyncConnection, keys: list[K]) -> Mapping[K, T]:
            return await read(connection, self._sight, keys)

        return seen

    def _one(self, read: Read[K, T]) -> DataLoader[K, T | None]:
        async def load(keys: list[K]) -> Sequence[T | None]:
            async with self._store.read() as connection:
                found = await read(connection, keys)
            return [found.get(key) for key in keys]

        return DataLoader(load)

    def _many(self, read: Read[K, Sequence[T]]) -> DataLoader[K, Sequence[T]]:
        async def load(keys: list[K]) -> Sequence[Sequence[T]]:
            async with self._store.read() as connection:
                found = await read(connection, keys)
            return [found.get(key, ()) for key in keys]

        return DataLoader(load)

    async def _histories(self, keys: list[History]) -> Sequence[Page[EventRow]]:
        found = await self._per_question(
            keys,
            _history,
            lambda tx, one, parents: events.pages(tx, self._sight, one.stream, parents, one.kinds, one.asked),
        )
        return [found.get(key, Page()) for key in keys]

    async def _history_totals(self, keys: list[History]) -> Sequence[int]:
        found = await self._per_question(
            keys, _history, lambda tx, one, parents: events.totals(tx, self._sight, one.stream, parents, one.kinds)
        )
        return [found.get(key, 0) for key in keys]

    async def _history_behind(self, keys: list[History]) -> Sequence[bool]:
        async def read(tx: AsyncConnection, one: History, parents: Sequence[str]) -> Mapping[str, bool]:
            behind = await events.any_behind(tx, self._sight, one.stream, parents, one.kinds, one.asked)
            return dict.fromkeys(behind, True)

        found = await self._per_question(keys, _history, read)
        return [found.get(key, False) for key in keys]

    async def _differences(self, keys: list[Differences]) -> Sequence[Page[DifferenceRow]]:
        found = await self._per_question(
            keys, _difference, lambda tx, one, parents: reconciliations.pages(tx, parents, one.resolutions, one.asked)
        )
        return [found.get(key, Page()) for key in keys]

    async def _difference_totals(self, keys: list[Differences]) -> Sequence[int]:
        found = await self._per_question(
            keys, _difference, lambda tx, one, parents: reconciliations.totals(tx, parents, one.resolutions)
        )
        return [found.get(key, 0) for key in keys]

    async def _differences_behind(self, keys: list[Differences]) -> Sequence[bool]:
        async def read(tx: AsyncConnection, one: Differences, parents: Sequence[str]) -> Mapping[str, bool]:
            return dict.fromkeys(await reconciliations.any_behind(tx, parents, one.resolutions, one.asked), True)

        found = await self._per_question(keys, _difference, read)
        return [found.get(key, False) for key in keys]

    async def _per_question(
        self,
        keys: list[Q],
        question: Callable[[Q], tuple[Any, ...]],
        read: Callable[[AsyncConnection, Q, Sequence[str]], Awaitable[Mapping[str, T]]],
    ) -> Mapping[Q, T]:
        """One statement for all parents of whose list the same page and kinds are asked."""
        questions: dict[tuple[Any, ...], list[Q]] = defaultdict(list)
        for key in keys:
            questions[question(key)].append(key)
        found: dict[Q, T] = {}
        async with self._store.read() as connection:
            for asked in questions.values():
                answers = await read(connection, asked[0], [key.parent for key in asked])
                found.update((key, answers[key.parent]) for key in asked if key.parent in answers)
        return found


def _history(key: History) -> tuple[Any, ...]:
    return key.stream, key.kinds, key.asked


def _difference(key: Differences) -> tuple[Any, ...]:
    return key.resolutions, key.asked
