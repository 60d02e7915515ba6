"""A statement is compiled to SQL once a process and kind of database, not once a test.

Every engine keeps what it compiled, and every test opens an engine of its own: the same hundred statements were
compiled again in each, a quarter of the processor's time of a short test. Only the text is shared; connections, their
prepared statements and the data stay the test's own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import LRUCache

from hub.store import engine

#: statements of one kind of database; the suite has fewer
MOST = 5_000


class _Statements:
    """An engine's cache of compiled statements, without the engine's dialect object in the key."""

    def __init__(self) -> None:
        self._compiled: LRUCache[Any, Any] = LRUCache(MOST)

    def get(self, key: tuple[Any, ...]) -> Any:
        return self._compiled.get(key[1:])

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        self._compiled[key[1:]] = compiled

    def clear(self) -> None:
        self._compiled.clear()


@contextlib.contextmanager
def in_this_process() -> Iterator[None]:
    """While open, the stores of this process share their compiled statements."""
    kinds: dict[str, _Statements] = {}

    def create(url: Any, **options: Any) -> AsyncEngine:
        made = create_async_engine(url, **options)
        made.sync_engine._compiled_cache = kinds.setdefault(made.dialect.name, _Statements())  # type: ignore[assignment]
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "create_async_engine", create)
        yield
