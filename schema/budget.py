"""What each principal may still ask for: a budget that fills again by the minute, kept by this process alone.

Several web processes each give the whole budget: it guards a process from being kept busy by one client, it is no
quota to be billed. Restarting fills every budget.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil

#: principals remembered; beyond these the one that was quiet longest is forgotten, and its budget is full again
_REMEMBERED = 10_000

#: what whoever asked too much is told
TOO_MUCH = "too much was asked for in this minute; try again later"

#: every request costs so much beside what it asks for: it is parsed and validated, whatever comes of it
REQUEST_COST = 10
#: a document that is not remembered costs one more for so many characters, valid or not
CHARACTERS_FOR_ONE = 20
#: an HTTP request that holds no GraphQL request
MALFORMED_COST = 100


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left after a request asked."""

    remaining: int
    #: the request may not run before so many seconds have passed; 0: it may run
    wait_s: int = 0


@dataclass(slots=True)
class Budget:
    """The budgets of everybody who asked lately."""

    clock: Callable[[], float] = time.monotonic
    remembered: int = _REMEMBERED
    #: by principal: what is left, and since when nothing was added
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def is_empty(self, principal_id: str, per_minute: int) -> bool:
        """Whether not even the smallest request may run; takes nothing."""
        now = self.clock()
        left, since = self._left.get(principal_id, (float(per_minute), now))
        return left + (now - since) * per_minute / 60 < REQUEST_COST

    def spend(self, principal_id: str, cost: int, per_minute: int) -> Balance:
        """Take ``cost`` from a principal whose role has so much a minute; nothing is taken where it is not there."""
        now = self.clock()
        left, since = self._left.pop(principal_id, (float(per_minute), now))
        left = min(float(per_minute), left + (now - since) * per_minute / 60)
        wait_s = 0
        if cost <= left:
            left -= cost
        else:
            wait_s = max(1, ceil((min(cost, per_minute) - left) * 60 / per_minute))
        self._left[principal_id] = left, now
        if len(self._left) > self.remembered:
            self._left.popitem(last=False)
        return Balance(int(left), wait_s)
