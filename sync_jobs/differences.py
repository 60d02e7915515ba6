"""Differences: what a comparison of two lists found, key by key, and what became of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from hub.vocabulary import DifferenceKind, DifferenceResolution
from sync_jobs.runs import RunReport

MISSING, STALE, GONE = (str(kind.value) for kind in DifferenceKind)
#: HELD_BACK: gone, and too many at once to be marked without a person
FETCHED, REMOVED, QUARANTINED, HELD_BACK, OPEN = (str(resolution.value) for resolution in DifferenceResolution)


@dataclass(slots=True)
class Difference:
    """One key on which the two lists disagreed, and what became of it."""

    native_id: str
    native_no: str
    difference: str
    resolution: str = OPEN


@dataclass(slots=True)
class ReconcileReport:
    """Keys in the partner's list; of these held by us, of these quarantined; and what was repaired."""

    instance: str
    id: str
    started_at: datetime
    expected: int = 0
    held: int = 0
    quarantined: int = 0
    repaired: int = 0
    removed: int = 0
    held_back: int = 0
    differences: list[Difference] = field(default_factory=list)
    run: RunReport | None = None

    @property
    def is_equal(self) -> bool:
        """Every listed key is held or quarantined."""
        return self.held + self.quarantined == self.expected

    def add_gone(self, found: Iterable[Difference]) -> None:
        """Take up what was decided about records of ours that their list does not show."""
        for one in found:
            self.removed += one.resolution == REMOVED
            self.held_back += one.resolution == HELD_BACK
            self.differences.append(one)
