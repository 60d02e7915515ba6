"""How much one transaction of a long work takes: on a database with one writer, no more than others can wait for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from hub.store.engine import Store

#: a transaction aims at this; a partner's webhook waits three seconds for its answer
AIM_S = 0.4
_FIRST = 64
_LEAST = 16


class Pace:
    """``size`` items fit into a short transaction, as far as the last one tells; never more than ``most``."""

    def __init__(self, store: Store, most: int) -> None:
        self._is_bounded = store.has_one_writer
        self._most = most
        self.size = min(_FIRST, most) if self._is_bounded else most

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Learn from how long the block took, which handles ``size`` items."""
        started = time.monotonic()
        yield
        took = max(time.monotonic() - started, 0.001)
        if self._is_bounded:
            # one slow transaction may be chance: the size follows it downwards at once, and doubles at most
            fitting = int(self.size * min(AIM_S / took, 2.0))
            self.size = min(max(fitting, _LEAST), self._most)
