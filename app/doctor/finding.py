"""One line of the doctor's examination: how good or bad it is, what was found, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARN, FAIL = "OK", "WARN", "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination."""

    level: str
    what: str
    found: str
    todo: str = ""
