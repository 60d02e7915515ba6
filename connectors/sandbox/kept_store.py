"""Opens a partner's store for one seed and scale: built once, taken up again only as it was or when told to go on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from connectors.sandbox.partner_store import PartnerStore
from hub.errors import ConfigurationError

Progress = Callable[[int, int], None]
S = TypeVar("S", bound=PartnerStore)


async def open_kept_store(
    kind: type[S], path: Path, form: str, keep: bool | None, write_history: Callable[[S], Awaitable[None]]
) -> S:
    """The store at ``path``, as ``write_history`` built it or, with ``keep``, as it was left.

    ``form`` names how it is laid out; another one is built anew. A store that was edited, pushed to or moved on is
    never reused silently: ``keep`` must say True (go on with it) or False (build anew), else ConfigurationError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        store = kind(path)
        is_changed, is_current = store.fact("touched") is not None, store.fact("format") == form
        if is_current and (keep or not is_changed):
            return store
        store.close()
        if is_changed and keep is not False:
            raise ConfigurationError(
                f"the simulated partner's store {path.name} has been changed since it was built",
                hint="Say whether to keep it and go on, or to build it anew; one of an older format cannot be kept.",
            )
    remove_store(path)
    return await _build(kind, path, form, write_history)


async def _build(kind: type[S], path: Path, form: str, write_history: Callable[[S], Awaitable[None]]) -> S:
    # under another name until complete: a store found under its own name is whole
    draft = path.with_suffix(".draft")
    remove_store(draft)
    store = kind.create(draft)
    try:
        await write_history(store)
        store.remember("format", form)
        store.finish()
    finally:
        store.close()
    draft.rename(path)
    return kind(path)


def remove_store(path: Path) -> None:
    """Take the store's files away."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
