"""The petition office's store at the beginning: the history of one county as the office would have recorded it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from connectors.sandbox.county import START, County
from connectors.sandbox.kept_store import Progress, open_kept_store
from connectors.sandbox.petition_course import course, take
from connectors.sandbox.petition_desk import PetitionDesk, course_luck
from connectors.sandbox.petition_intake import Intake
from connectors.sandbox.petition_store import PetitionStore
from connectors.sandbox.routes import PETITION
from connectors.sandbox.stamps import stamp
from hub.vocabulary import county_tables

#: raise it when the generator or the rows change: older stores are then built anew
FORMAT = "1"
_BATCH = 200


async def open_store(county: County, folder: Path, keep: bool | None, progress: Progress | None) -> PetitionStore:
    """The store in ``folder``, ready at 2024-08-01 08:30 or, with ``keep``, where it was left.

    ``progress(done, total)`` is called while building. Raises ConfigurationError.
    """
    path = folder / f"petition-{county.seed}-{county.scale}.sqlite3"

    async def write(store: PetitionStore) -> None:
        await _write_history(store, county, progress)

    return await open_kept_store(PetitionStore, path, FORMAT, keep, write)


async def _write_history(store: PetitionStore, county: County, progress: Progress | None) -> None:
    desk, intake = PetitionDesk(store, county), Intake(county_tables(county.code))
    total = county.history_length(PETITION)
    with store.transaction():
        for done, quarrel in enumerate(county.history(only=PETITION), start=1):
            intake.rumours.hear([quarrel])
            for matter in quarrel.matters:
                if matter.instance == PETITION:
                    letter = intake.letter(matter)
                    steps = course(matter, course_luck(county, matter))
                    for due in steps:
                        if due.at <= START:
                            take(letter, due.name, due.payload, due.at)
                    store.fill([letter])
                    # what is not over goes on when the clock moves
                    desk.expect(matter.native_id, (due for due in steps if due.at > START))
            if done % _BATCH == 0:
                if progress is not None:
                    progress(done, total)
                await asyncio.sleep(0)
        store.remember("clock", stamp(START))
        store.schedule(START, "day", "day", day=START.date().isoformat())
    if progress is not None:
        progress(total, total)
