"""A simulated partner's clock and the work that falls due as it moves on.

What happens depends on the seed and on what was pushed, never on how the clock's way is cut into steps: every step has
its own due time and key, and is done in that order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from connectors.sandbox.partner_store import PartnerStore, Step
from connectors.sandbox.stamps import read_stamp, stamp
from hub.errors import UserInputError

_STEPS_AT_A_TIME = 200


class LivingDesk:
    """Moves one partner's clock. One caller at a time: the server holds a lock around every change."""

    def __init__(self, agenda: PartnerStore, steps: Mapping[str, Callable[[Step], None]]) -> None:
        self._agenda, self._steps = agenda, steps

    @property
    def now(self) -> datetime:
        """The partner's simulated clock."""
        return read_stamp(self._agenda.fact("clock") or "")

    async def advance(self, seconds: int) -> datetime:
        """Move the clock on; everything due by then happens, each at its own time. Raises UserInputError."""
        if seconds < 0:
            raise UserInputError("a simulated clock does not run backwards")
        until = self.now + timedelta(seconds=seconds)
        self.touch()
        is_more = True
        while is_more:
            is_more = self._some_steps(until)
            # a long way is lived through without holding up those who only read
            await asyncio.sleep(0)
        return until

    def _some_steps(self, until: datetime) -> bool:
        with self._agenda.transaction():
            for _ in range(_STEPS_AT_A_TIME):
                step = self._agenda.take_step(until)
                if step is None:
                    self._agenda.remember("clock", stamp(until))
                    return False
                self._steps[step.name](step)
            return True

    def touch(self) -> None:
        """Remember that this store is no longer as it was built."""
        self._agenda.remember("touched", "1")
