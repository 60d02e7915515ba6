"""Opens the court's store for one seed and scale: built once, taken up again only as it was or when told to go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from connectors.sandbox.county import START, County
from connectors.sandbox.court_history import CourtHistory, Migration
from connectors.sandbox.court_rows import Row, stamp
from connectors.sandbox.court_store import CourtStore
from connectors.sandbox.matters import CourtMatter
from connectors.sandbox.plan import PERIOD_BEGIN, NumberBook
from connectors.sandbox.routes import COURT
from hub.errors import ConfigurationError
from hub.vocabulary import county_tables

#: raise it when the generator or the rows change: older stores are then built anew
FORMAT = "2"
_BATCH = 500

Progress = Callable[[int, int], None]


async def open_store(county: County, folder: Path, keep: bool | None, progress: Progress | None = None) -> CourtStore:
    """The store in ``folder``, ready at 2024-08-01 08:30 or, with ``keep``, where it was left.

    A store that was edited, pushed to or moved on is never reused silently: ``keep`` must say True (go on with it) or
    False (build anew), else ConfigurationError. ``progress(done, total)`` is called while building.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"court-{county.seed}-{county.scale}.sqlite3"
    if path.exists():
        store = CourtStore(path)
        is_changed, is_current = store.fact("touched") is not None, store.fact("format") == FORMAT
        if is_current and (keep or not is_changed):
            return store
        store.close()
        if is_changed and keep is not False:
            raise ConfigurationError(
                f"the simulated court's store {path.name} has been changed since it was built",
                hint="Say whether to keep it and go on, or to build it anew; one of an older format cannot be kept.",
            )
    _remove(path)
    return await _build(county, path, progress)


async def _build(county: County, path: Path, progress: Progress | None) -> CourtStore:
    # under another name until complete: a store found under its own name is whole
    draft = path.with_suffix(".draft")
    _remove(draft)
    store = CourtStore.create(draft)
    try:
        await _write_history(store, county, progress)
    finally:
        store.close()
    draft.rename(path)
    return CourtStore(path)


async def _write_history(store: CourtStore, county: County, progress: Progress | None) -> None:
    numbers, migration = NumberBook(), Migration()
    causes = (code for code in county_tables().native_codes if (code.system, code.table) == (COURT, "caseCause"))
    names = {cause.code: cause.zh for cause in causes}
    batch: list[Row] = []
    total = county.history_length(COURT)
    for done, quarrel in enumerate(county.history(numbers=numbers, only=COURT), start=1):
        for matter in quarrel.matters:
            if isinstance(matter, CourtMatter):
                found = CourtHistory(matter, names[matter.native_code]).rows()
                batch += migration.passed(found, matter.received_at.date() < PERIOD_BEGIN)
        if len(batch) >= _BATCH:
            _flush(store, batch)
            if progress is not None:
                progress(min(done, total), total)
            await asyncio.sleep(0)
    batch += migration.rest()
    _flush(store, batch)
    with store.transaction():
        store.set_serials(numbers.last)
        store.remember("clock", stamp(START))
        store.remember("format", FORMAT)
        store.schedule(START, "day", "day", day=START.date().isoformat())
    store.finish()
    if progress is not None:
        progress(total, total)


def _flush(store: CourtStore, batch: list[Row]) -> None:
    with store.transaction():
        store.fill(batch)
    batch.clear()


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
