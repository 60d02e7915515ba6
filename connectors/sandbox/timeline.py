"""One matter's dates: each step later than the one before, in office hours, and all before a deadline."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from random import Random


class Timeline:
    """Steps forward from ``start``; with ``deadline`` every one of the ``steps`` announced still fits before it."""

    def __init__(self, rng: Random, start: datetime, deadline: datetime | None, steps: int) -> None:
        self._rng, self._deadline, self._left = rng, deadline, steps
        self.now = start

    def step(self, least_days: int, most_days: int) -> datetime:
        """The next instant, about so many days on; sooner where the deadline presses."""
        rng = self._rng
        day = self.now.date() + timedelta(days=rng.randint(least_days, most_days))
        at = datetime.combine(day, time(8, 30)) + timedelta(seconds=rng.randrange(9 * 3600))
        if at <= self.now:
            at = self.now + timedelta(seconds=rng.randrange(300, 5400))
        if self._deadline is not None and at > self._deadline - timedelta(minutes=15 * self._left):
            room = (self._deadline - self.now).total_seconds() / (self._left + 1)
            at = self.now + timedelta(seconds=max(1, int(room)))
        self._left -= 1
        self.now = at
        return at
