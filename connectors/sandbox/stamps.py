"""Instants as the simulated partners write them: Asia/Shanghai wall-clock time to the second (WIRES.md 0.1)."""

from __future__ import annotations

from datetime import datetime, timedelta

_STAMP = "%Y-%m-%d %H:%M:%S"


def stamp(at: datetime) -> str:
    """An instant as the wire writes it."""
    return at.strftime(_STAMP)


def read_stamp(text: str) -> datetime:
    """The instant; raises ValueError unless written exactly as the wire writes it."""
    at = datetime.strptime(text, _STAMP)
    if stamp(at) != text:
        raise ValueError(text)
    return at


def moved_on(at: datetime, held: str | None) -> str:
    """The stamp of a change at that instant to a row that bears ``held``.

    A row's own stamp never goes back: where the partner's clock ran ahead before, it is a second behind what it wrote.
    """
    if not held or stamp(at) >= held:
        return stamp(at)
    return stamp(read_stamp(held) + timedelta(seconds=1))
