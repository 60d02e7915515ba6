"""The court's store at the beginning: the whole history of one county as the court would have recorded it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from connectors.sandbox.county import START, County
from connectors.sandbox.court_history import CourtHistory, Migration
from connectors.sandbox.court_rows import Row, stamp
from connectors.sandbox.court_store import CourtStore
from connectors.sandbox.kept_store import Progress as Progress
from connectors.sandbox.kept_store import open_kept_store
from connectors.sandbox.matters import CourtMatter
from connectors.sandbox.plan import PERIOD_BEGIN, NumberBook
from connectors.sandbox.routes import COURT
from hub.vocabulary import county_tables

#: raise it when the generator or the rows change: older stores are then built anew
FORMAT = "2"
_BATCH = 500


async def open_store(county: County, folder: Path, keep: bool | None, progress: Progress | None = None) -> CourtStore:
    """The store in ``folder``, ready at 2024-08-01 08:30 or, with ``keep``, where it was left.

    ``progress(done, total)`` is called while building. Raises ConfigurationError.
    """
    path = folder / f"court-{county.seed}-{county.scale}.sqlite3"

    async def write(store: CourtStore) -> None:
        await _write_history(store, county, progress)

    return await open_kept_store(CourtStore, path, FORMAT, keep, write)


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
        store.schedule(START, "day", "day", day=START.date().isoformat())
    if progress is not None:
        progress(total, total)


def _flush(store: CourtStore, batch: list[Row]) -> None:
    with store.transaction():
        store.fill(batch)
    batch.clear()
