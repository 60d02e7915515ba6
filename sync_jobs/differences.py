"""Differences: what a comparison of two lists found, key by key, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from hub.vocabulary import DifferenceKind, DifferenceResolution
from sync_jobs.runs import RunReport

MISSING, STALE, GONE = (str(kind.value) for kind in DifferenceKind)
FETCHED, REMOVED, QUARANTINED, OPEN = (str(resolution.value) for resolution in DifferenceResolution)


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
    differences: list[Difference] = field(default_factory=list)
    run: RunReport | None = None

    @property
    def is_equal(self) -> bool:
        """Every listed key is held or quarantined."""
        return self.held + self.quarantined == self.expected
