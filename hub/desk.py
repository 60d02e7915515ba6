"""What every use case is handed: the store, the keys, the county and the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from hub.quoting import FindQuoted, nothing_quoted
from hub.sealing import KeyRing
from hub.store.engine import Store
from hub.vocabulary import CommandKind


def _carries_nothing(_instance: str) -> frozenset[CommandKind]:
    return frozenset()


def utc_now() -> datetime:
    """The real time, aware."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Desk:
    """One hub's working place. Tests hand in a clock they move."""

    store: Store
    keys: KeyRing
    county: str
    clock: Callable[[], datetime] = utc_now
    #: linking rule 2: records of the same people are joined by themselves; otherwise a person is asked
    links_people: bool = False
    #: a component of more records than this is never made by likeness alone
    size_guard: int = 12
    #: finds the numbers of partners' records in people's words
    find_quoted: FindQuoted = nothing_quoted
    #: what the wire of an instance carries outward; a channel without a wire is worked by hand
    carries: Callable[[str], frozenset[CommandKind]] = _carries_nothing
    #: 12-digit unit code of the dispute centre
    centre_code: str = ""
