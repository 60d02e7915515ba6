"""The police's own count of calls, referrals and settlements, straight from the forms (WIRES.md 2.5 to 2.7).

Kept apart from everything that made the forms, so that it can serve as an independent check.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from connectors.sandbox.matters import CENTRE
from connectors.sandbox.police_forms import Form

_WITHDRAWN = "2"
#: (JJDBH, number, batch, row)
Told = tuple[str, str, int, Form]


@dataclass(frozen=True, slots=True)
class PoliceCount:
    """K2a of the police, as counts."""

    calls: int
    referred: int
    settled: int


def police_count(calls: Iterable[Told], feedbacks: Iterable[Told], begin: str, end: str) -> PoliceCount:
    """Count what lies in ``[begin, end)``, both as the wire writes times; the versions come call by call."""
    received = sum(begin <= row["BJSJ"] < end for rows in _valid_of_each_call(calls) for row in rows)
    referred = settled = 0
    for rows in _valid_of_each_call(feedbacks):
        handed = min((row["FKSJ"] for row in rows if is_hand_over(row)), default="")
        if begin <= handed < end:
            referred += 1
            outcomes = ((row["FKSJ"], row["GXSJ"], row["CLJGDM"]) for row in rows if is_outcome(row))
            settled += max(outcomes, default=("", "", ""))[2] == "07"
    return PoliceCount(received, referred, settled)


def is_hand_over(row: Form) -> bool:
    """A valid feedback that hands the call to the centre."""
    return row["GXBS"] != _WITHDRAWN and row["CLJGDM"] in ("02", "03") and row["YJDW"] == CENTRE


def is_outcome(row: Form) -> bool:
    """A valid feedback that tells how the centre ended it."""
    return row["GXBS"] != _WITHDRAWN and row["CLJGDM"] in ("07", "08") and row["YJDW"] == CENTRE


def _valid_of_each_call(told: Iterable[Told]) -> Iterator[list[Form]]:
    for _, versions in groupby(told, itemgetter(0)):
        latest: dict[str, tuple[tuple[str, int], Form]] = {}
        for _, number, batch, row in versions:
            rank = (row["GXSJ"], batch)
            # of equals the later line, which comes later here
            if number not in latest or rank >= latest[number][0]:
                latest[number] = (rank, row)
        yield [row for _, row in latest.values() if row["GXBS"] != _WITHDRAWN]
