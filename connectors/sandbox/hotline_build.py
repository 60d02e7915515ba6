"""Opens the hotline's store for one seed and scale: built once, taken up again only as it was or when told to go on."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

from connectors.sandbox import hotline_orders as orders
from connectors.sandbox.county import START, County
from connectors.sandbox.hotline_course import course_of, transfers_of
from connectors.sandbox.hotline_desk import problem_names
from connectors.sandbox.hotline_files import file_names
from connectors.sandbox.hotline_orders import Order
from connectors.sandbox.hotline_store import HotlineStore
from connectors.sandbox.kept_store import Progress, open_kept_store
from connectors.sandbox.matters import Matter
from connectors.sandbox.routes import HOTLINE
from connectors.sandbox.stamps import stamp

#: raise it when the generator or the orders change: older stores are then built anew
FORMAT = "1"
_BATCH = 500


async def open_store(county: County, folder: Path, keep: bool | None, progress: Progress | None = None) -> HotlineStore:
    """The store in ``folder``, ready at 2024-08-01 08:30 or, with ``keep``, where it was left.

    A store that was edited, called or moved on is never reused silently: ``keep`` must say True (go on with it) or
    False (build anew), else ConfigurationError. ``progress(done, total)`` is called while building.
    """
    path = folder / f"hotline-{county.seed}-{county.scale}.sqlite3"

    async def write(store: HotlineStore) -> None:
        await _write_history(store, county, progress)

    return await open_kept_store(HotlineStore, path, FORMAT, keep, write)


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
        store.schedule(START, "day", "day", day=START.date().isoformat())


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
