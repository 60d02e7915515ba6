"""The feed: the public log as it grows, for everybody in this process who follows it. The log is the truth: whoever
follows holds nothing but a place in it, so that a slow one costs no memory and one that comes back misses nothing.

One task looks at the log's end while anybody waits; who is behind reads page by page, and those who stand at the same
place and see the same read a page together.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable

from sqlalchemy.exc import SQLAlchemyError

from hub.reading import changes
from hub.reading.changes import Changes
from hub.sight import Sight
from hub.store.engine import Store
from hub.store.wakeups import Wakeups, listening

#: how long a page that was read for one is good for others: what they see may change meanwhile
_SHARED_FOR_S = 0.5
_MOST_SHARED = 64
#: reads at once; the web server's other requests need connections too
_READERS = 4
#: how long to wait for a database that is away before asking again
_PAUSE_S = 1.0

_AWAY = (SQLAlchemyError, OSError)


class Feed:
    """One process's view of the log's end. Belongs to one event loop."""

    def __init__(self, store: Store, report: Callable[[BaseException], object] = lambda _: None) -> None:
        """``report`` is told, once an outage, that the database is away."""
        self._store = store
        self._report = report
        self._head = 0
        self._grown = asyncio.Event()
        self._followers = 0
        self._tail: asyncio.Task[None] | None = None
        self._wakeups: Wakeups | None = None
        self._pages: OrderedDict[tuple[Sight, int, int], tuple[float, asyncio.Task[Changes]]] = OrderedDict()
        self._readers = asyncio.Semaphore(_READERS)

    async def begin(self, after: int | None) -> int:
        """Where to begin: behind ``after``, or at the log's end. Raises UserInputError where there is no such place."""
        async with self._readers, self._store.read() as connection:
            if after is None:
                return await changes.head(connection)
            await changes.check_reached(connection, after)
            return after

    def wake(self) -> None:
        """Somebody in this process has just made the log grow."""
        if self._wakeups is not None:
            self._wakeups.wake()

    async def follow(self, sight: Sight, after: int) -> AsyncGenerator[Changes, None]:
        """Everything behind ``after``, for ever: page by page, each entry once and in order, empty pages where all of a
        stretch is hidden. A database that is away is waited for.

        Close it (``aclosing``) when done.
        """
        self._followers += 1
        if self._tail is None:
            self._tail = asyncio.create_task(self._keep_looking())
        try:
            while True:
                try:
                    page = await self._page(sight, after)
                except _AWAY:
                    await asyncio.sleep(_PAUSE_S)
                    continue
                if page.position > after:
                    after = page.position
                    yield page
                if not page.more:
                    await self._growth(after)
        finally:
            self._followers -= 1
            if not self._followers and self._tail is not None:
                self._tail.cancel()
                self._tail = None

    async def _page(self, sight: Sight, after: int) -> Changes:
        # the log's end belongs to the key: what was read before it grew would be found again and again
        key, now = (sight, after, self._head), time.monotonic()
        made, task = self._pages.get(key, (0.0, None))
        if task is None or now - made > _SHARED_FOR_S:
            task = asyncio.create_task(self._read(sight, after))
            self._pages[key] = (now, task)
            if len(self._pages) > _MOST_SHARED:
                self._pages.popitem(last=False)
        # whoever waits for it may go away; the others go on waiting
        return await asyncio.shield(task)

    async def _read(self, sight: Sight, after: int) -> Changes:
        async with self._readers, self._store.snapshot() as connection:
            return await changes.page(connection, sight, after)

    async def _growth(self, beyond: int) -> None:
        while self._head <= beyond:
            await self._grown.wait()

    async def _keep_looking(self) -> None:
        is_away = False
        while True:
            try:
                async with listening(self._store) as wakeups:
                    self._wakeups = wakeups
                    while True:
                        # whoever lets the tail go does not tear a read out of the database: on SQLite a connection
                        # whose closing is cancelled is waited for without end when the process goes down
                        self._see(await asyncio.shield(asyncio.create_task(self.begin(None))))
                        is_away = False
                        await wakeups.wait()
            except Exception as problem:
                # whatever it is: with nobody looking, everybody would wait for ever
                if not is_away:
                    self._report(problem)
                is_away = True
                await asyncio.sleep(_PAUSE_S)

    def _see(self, head: int) -> None:
        if head > self._head:
            self._head = head
            grown, self._grown = self._grown, asyncio.Event()
            grown.set()
