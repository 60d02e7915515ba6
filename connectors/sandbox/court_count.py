"""The court's own count of filings, diverted and mediated, straight from its rows (WIRES.md 1.5 to 1.7).

Kept apart from everything that made the rows, so that it can serve as an independent check.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from connectors.sandbox.court_rows import Row, read_date
from connectors.sandbox.matters import CENTRE

_KINDS = ("0301", "0401", "9901")


@dataclass(frozen=True, slots=True)
class CourtCount:
    """K1 and K2a of the court, as counts."""

    filings: int
    diverted: int
    mediated: int


@dataclass(slots=True)
class _Filing:
    is_counted: bool = False
    is_diverted: bool = False
    #: (at, position in the log, ah) of the latest result, and its tjjg
    latest: tuple[tuple[str, int, str], str | None] = (("", -1, ""), None)


async def court_count(rows: Iterable[Row], begin: date, end: date) -> CourtCount:
    """Count filings with lxrq in ``[begin, end)``; gives way to other work now and then."""
    filings: dict[str, _Filing] = {}
    for seen, row in enumerate(rows):
        _note(filings.setdefault(row["fwlsh"], _Filing()), row, begin, end)
        if seen % 500 == 0:
            await asyncio.sleep(0)
    counted = [filing for filing in filings.values() if filing.is_counted]
    diverted = [filing for filing in counted if filing.is_diverted]
    return CourtCount(len(counted), len(diverted), sum(filing.latest[1] == "1" for filing in diverted))


def _note(filing: _Filing, row: Row, begin: date, end: date) -> None:
    continues = row["originalCaseCode"] is not None or row["originalCaseNo"] is not None
    if row["ajlb"] in _KINDS and not continues and begin <= read_date(row["lxrq"]) < end:
        filing.is_counted = True
    for position, entry in enumerate(row["logs"]):
        if entry["acceptType"] == 80 and entry["org"] == CENTRE:
            filing.is_diverted = True
        if entry["acceptType"] in (60, 61):
            filing.latest = max(filing.latest, ((entry["at"], position, row["ah"] or ""), entry["tjjg"]))
