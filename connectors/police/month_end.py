"""The month-end lists (WIRES 2.13): which forms the police held when a month ended; a month's newest list counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.base import FolderWire, Window
from connectors.police import shelf
from connectors.police.ack import BatchRefusedError
from connectors.police.arrival import Patience, whole_content
from connectors.police.batch import read_batch
from hub.model import SHANGHAI, DigestEntry


@dataclass(frozen=True, slots=True)
class MonthList:
    """One month's list. ``window`` is the month, by BJSJ of a call and FKSJ of a feedback."""

    window: Window
    entries: tuple[DigestEntry, ...]


async def month_lists(wire: FolderWire, window: Window, patience: Patience) -> AsyncIterator[MonthList]:
    """Every listed month that the window touches, newest first. Any batch may hold a list: all are looked at."""
    found: set[tuple[int, int]] = set()
    for lot in reversed((await shelf.look(wire)).lots):
        month = lot.name.month
        if month is None or month in found:
            continue
        stretch = _stretch(*month)
        if not _touches(stretch, window):
            continue
        content = await whole_content(wire, lot, patience)
        if content is None:
            continue
        try:
            batch = await asyncio.to_thread(read_batch, lot.name, content, patience.max_bytes)
        except BatchRefusedError:
            # its ack tells the police why; they send it again
            continue
        if batch.is_month_end:
            found.add(month)
            yield MonthList(stretch, tuple(batch.listed))


def _stretch(year: int, month: int) -> Window:
    start = datetime(year, month, 1, tzinfo=SHANGHAI)
    following = (start + timedelta(days=32)).replace(day=1)
    return Window(start, following - timedelta(seconds=1))


def _touches(month: Window, window: Window) -> bool:
    assert month.start is not None and month.end is not None
    return (window.end is None or month.start <= window.end) and (window.start is None or window.start <= month.end)
