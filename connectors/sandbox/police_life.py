"""One form of the police from its first version to its last, and what a telling of its life depends on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.sandbox.police_forms import Form


@dataclass(frozen=True, slots=True)
class Change:
    """One version of one form."""

    dataset: str
    row: Form
    #: when it was written: its GXSJ
    at: datetime
    #: it leaves the house no earlier than this
    send_at: datetime


@dataclass(frozen=True, slots=True)
class Pace:
    """What differs between the history told in one go and the life that goes on."""

    #: gives the next serial of a series of numbers
    serial: Callable[[str], int]
    #: calls and dispatches changed twice within one window are told once
    window: Callable[[datetime], object]
    #: how late a call's own form comes where it comes late
    orphaned_for: timedelta
    #: everything has happened by then; None = the outcome at the centre is open
    limit: datetime | None = None


@dataclass(slots=True)
class Life:
    """One form: its versions are (when, the whole row, withdrawn)."""

    dataset: str
    states: list[tuple[datetime, Form, bool]]
    #: how long each version waits before it leaves the house
    late: timedelta = timedelta()

    @property
    def row(self) -> Form:
        """The latest version."""
        return self.states[-1][1]

    def change(self, at: datetime, **values: str) -> None:
        """Another version with other values."""
        self.states.append((at, self.row | values, False))

    def withdraw(self, at: datetime, is_emptied: bool) -> None:
        """The last version: withdrawn, of some only the keys are left (WIRES.md 2.7)."""
        kept = ("JJDBH", "CJDBH", "FKDBH")
        row = {name: value if name in kept or not is_emptied else "" for name, value in self.row.items()}
        self.states.append((at, row, True))
