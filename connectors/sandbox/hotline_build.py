"""Opens the hotline's store for one seed and scale: built once, taken up again only as it was or when told to go on."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

from connectors.sandbox import hotline_orders as orders
from connectors.sandbox.county import START, County
from connectors.sandbox.court_build import Progress
from connectors.sandbox.court_rows import stamp
from connectors.sandbox.hotline_course import course_of, transfers_of
from connectors.sandbox.hotline_desk import problem_names
from connectors.sandbox.hotline_files import file_names
from connectors.sandbox.hotline_orders import Order
from connectors.sandbox.hotline_store import HotlineStore
from connectors.sandbox.matters import Matter
from connectors.sandbox.routes import HOTLINE
from hub.errors import ConfigurationError

#: raise it when the generator or the orders change: older stores are then built anew
FORMAT = "1"
_BATCH = 500


async def open_store(county: County, folder: Path, keep: bool | None, progress: Progress | None = None) -> HotlineStore:
    """The store in ``folder``, ready at 2024-08-01 08:30 or, with ``keep``, where it was left.

    A store that was edited, called or moved on is never reused silently: ``keep`` must say True (go on with it) or
    False (build anew), else ConfigurationError. ``progress(done, total)`` is called while building.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"hotline-{county.seed}-{county.scale}.sqlite3"
    if path.exists():
        store = HotlineStore(path)
        is_changed, is_current = store.fact("touched") is not None, store.fact("format") == FORMAT
        if is_current and (keep or not is_changed):
            return store
        store.close()
        if is_changed and keep is not False:
            raise ConfigurationError(
                f"the simulated hotline's store {path.name} has been changed since it was built",
                hint="Say whether to keep it and go on, or to build it anew; one of an older format cannot be kept.",
            )
    _remove(path)
    return await _build(county, path, progress)


async def _build(county: County, path: Path, progress: Progress | None) -> HotlineStore:
    # under another name until complete: a store found under its own name is whole
    draft = path.with_suffix(".draft")
    _remove(draft)
    store = HotlineStore.create(draft)
    try:
        await _write_history(store, county, progress)
    finally:
        store.close()
    draft.rename(path)
    return HotlineStore(path)


async def _write_history(store: HotlineStore, county: County, progress: Progress | None) -> None:
    names, total = problem_names(), county.history_length(HOTLINE)
    batch: list[tuple[Matter, tuple[str, datetime] | None]] = []
    for done, quarrel in enumerate(county.history(only=HOTLINE), start=1):
        transfers = transfers_of(quarrel)
        batch += [(m, transfers.get(m.native_id)) for m in quarrel.matters if m.instance == HOTLINE]
        if len(batch) >= _BATCH or done == total:
            with store.transaction():
                store.fill([_played(store, *entry, names) for entry in batch])
            batch.clear()
            if progress is not None:
                progress(done, total)
            await asyncio.sleep(0)
    with store.transaction():
        store.remember("clock", stamp(START))
        store.remember("format", FORMAT)
        store.schedule(START, "day", "day", day=START.date().isoformat())
    store.finish()


def _played(store: HotlineStore, matter: Matter, transfer: tuple[str, datetime] | None, names: dict[str, str]) -> Order:
    """The order as it stands when the clock starts; what is still to come goes on the agenda."""
    code = matter.native_id
    order = orders.received(matter, names.get(matter.native_code), file_names(matter))
    for planned in course_of(matter, transfer):
        if planned.at < START:
            orders.STEPS[planned.step](order, planned.at, **planned.arguments)
        else:
            key = f"play:{code}:{planned.step}"
            store.schedule(planned.at, key, "play", code=code, step=planned.step, arguments=planned.arguments)
    return order


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
