"""The police at the beginning: the whole history of one county, written into the shared folder as weekly batches."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from connectors.sandbox.county import LIVE_FROM, START, County
from connectors.sandbox.kept_store import Progress, open_kept_store, remove_store
from connectors.sandbox.plan import PERIOD_BEGIN
from connectors.sandbox.police_course import PoliceCourse
from connectors.sandbox.police_dispatch import Dispatch, end_of_month, weeks
from connectors.sandbox.police_life import Change, Pace
from connectors.sandbox.police_store import PoliceStore
from connectors.sandbox.routes import POLICE
from connectors.sandbox.stamps import stamp

#: raise it when the generator or the forms change: older stores are then built anew
FORMAT = "1"
_BEGIN = datetime.combine(PERIOD_BEGIN, datetime.min.time())
#: the last batch of the history leaves then; everything is told a minute before
_LAST = LIVE_FROM - timedelta(minutes=1)
_LIMIT = _LAST - timedelta(minutes=1)
#: a call's own form that comes late misses the week's batch
_ORPHANED_FOR = timedelta(days=8)
_AT_A_TIME = 2000
FOLDERS = ("in/ack", "out/ack", "control/answers")

#: gives the dispatch of a store, which is open by then
MakeDispatch = Callable[[PoliceStore], Dispatch]


async def open_store(
    county: County,
    folder: Path,
    root: Path,
    keep: bool | None,
    make_dispatch: MakeDispatch,
    is_misbehaving: bool,
    progress: Progress | None = None,
) -> PoliceStore:
    """The store in ``folder`` and the shared folder at ``root``, ready at 2024-08-01 08:30 or, with ``keep``, as left.

    Police that misbehave from the start write a history of their own, which is never taken for a clean one.
    ``progress(done, total)`` is called while building. Raises ConfigurationError.
    """
    path = folder / f"police-{county.seed}-{county.scale}.sqlite3"

    async def write(store: PoliceStore) -> None:
        shutil.rmtree(root, ignore_errors=True)
        _make_folders(root)
        await _write_history(store, county, make_dispatch(store), progress)
        if is_misbehaving:
            store.remember("touched", "1")

    if not root.is_dir() or (is_misbehaving and path.exists() and not _is_touched(path)):
        remove_store(path)
    store = await open_kept_store(PoliceStore, path, FORMAT, keep, write)
    _make_folders(root)
    return store


def _is_touched(path: Path) -> bool:
    store = PoliceStore(path)
    try:
        return store.fact("touched") is not None
    finally:
        store.close()


def _make_folders(root: Path) -> None:
    for name in FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)


async def _write_history(store: PoliceStore, county: County, dispatch: Dispatch, progress: Progress | None) -> None:
    serials: Counter[str] = Counter()

    def next_serial(series: str) -> int:
        serials[series] += 1
        return serials[series]

    pace = Pace(next_serial, lambda at: (at - _BEGIN).days // 7, _ORPHANED_FOR, _LIMIT)
    waiting: list[Change] = []
    total = county.history_length(POLICE)
    for done, quarrel in enumerate(county.history(only=POLICE), start=1):
        for matter in quarrel.matters:
            if matter.instance == POLICE:
                found = PoliceCourse(matter, quarrel, pace).changes()
                waiting += [replace(change, send_at=min(change.send_at, _LIMIT)) for change in found]
        if len(waiting) >= _AT_A_TIME or done == total:
            with store.transaction():
                store.fill(waiting)
            waiting.clear()
            if progress is not None:
                progress(done, total)
            await asyncio.sleep(0)
    with store.transaction():
        store.set_serials(serials)
        _plan_batches(store, county.seed)
    await _send(store, dispatch)
    store.remember("clock", stamp(START))
    store.schedule(START, "day", "day", day=START.date().isoformat())
    store.schedule(LIVE_FROM + timedelta(hours=11, minutes=59), "batch", "batch", goes_on=True)


def _plan_batches(store: PoliceStore, seed: str) -> None:
    """A batch a week; at one a gap, at one a pair in the wrong order, at one the same batch twice."""
    ends = list(weeks(_BEGIN, _LAST))
    odd = Random(f"{seed}|odd weeks").sample(range(1, len(ends) - 4), 3)
    quirks = dict(zip(odd, ("gap", "reorder", "duplicate"), strict=True))
    for index, at in enumerate(ends):
        store.schedule(at, "batch", "batch", quirks=[quirks[index]] if index in quirks else [])
    store.schedule(end_of_month(_BEGIN), "month", "month")


async def _send(store: PoliceStore, dispatch: Dispatch) -> None:
    while True:
        with store.transaction():
            step = store.take_step(START)
            if step is None:
                return
            dispatch.steps[step.name](step)
        await asyncio.sleep(0)
