"""Work that may come a little later than the answer it belongs to: asked for often, done once, not lost at the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.logging import told

_log = structlog.get_logger("afterwards")


class Afterwards:
    """Does ``work`` once ``pause_s`` after it was asked for; whoever asks meanwhile is served by the same doing.

    ``work`` keeps what it could not do: where the database refuses, it is tried again after the pause.
    """

    def __init__(self, work: Callable[[], Awaitable[None]], pause_s: float) -> None:
        self._work, self._pause_s = work, pause_s
        self._is_asked = False
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def ask(self) -> None:
        """Have it done soon."""
        self._is_asked = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Do at once what was asked for."""
        self._closing.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while self._is_asked:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._pause_s)
            self._is_asked = False
            try:
                await self._work()
            except (SQLAlchemyError, OSError) as exc:
                _log.warning("put off", **told(exc))
                self._is_asked = not self._closing.is_set()
