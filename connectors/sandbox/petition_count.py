"""The office's own count of letters, referrals to the centre and settlements, from its rows (WIRES.md 3.4, 3.5, 0.6).

Kept apart from everything that made the rows, so that it can serve as an independent check.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class PetitionCount:
    """Letters registered, and K2a of the petition office, as counts."""

    petitions: int
    referred: int
    settled: int


async def petition_count(letters: Iterable[dict[str, Any]], begin: date, end: date) -> PetitionCount:
    """Count what was registered, and what was handed over, in ``[begin, end)``; gives way to other work."""
    petitions = referred = settled = 0
    for seen, letter in enumerate(letters):
        xfj = letter["xfj"]
        petitions += _lies_in(xfj["djsj"], begin, end)
        if xfj["blfs"] in ("01", "02") and xfj["qxjg"] == "620725190000" and _lies_in(xfj["blsj"], begin, end):
            referred += 1
            settled += xfj["hjbz"] == "1"
        if seen % 500 == 0:
            await asyncio.sleep(0)
    return PetitionCount(petitions, referred, settled)


def _lies_in(written: str, begin: date, end: date) -> bool:
    return begin <= date.fromisoformat(written[:10]) < end
