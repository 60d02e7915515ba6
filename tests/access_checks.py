"""Every check of access there is: each asks one path as one principal, and fails where it tells more or less."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from .access_door import Through
from .access_files import exported, fetched
from .access_lists import counted, ordered, searched, selected, tested
from .access_live import listened, read_on
from .access_people import looked_up, revealed, who_looked
from .access_refusals import refused
from .access_work import drawn_on_the_map, figured, sent, suggested, waiting

Check = Callable[[Through], Awaitable[None]]

CHECKS: tuple[Check, ...] = (
    selected, counted, tested, ordered, searched, drawn_on_the_map, waiting, suggested, sent, figured, read_on,
    listened, fetched, exported, looked_up, revealed, who_looked, refused,
)  # fmt: skip
