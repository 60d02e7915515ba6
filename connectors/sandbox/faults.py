"""How a simulated partner misbehaves: seeded, switched on at start or at run time, for so many occasions.

One way for every partner (WIRES.md 0.24). What a mode does is the partner's business; this counts occasions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from hub.errors import UserInputError

MODES: Mapping[str, str] = {
    "duplicate": "a row stands twice in a page",
    "reorder": "a page's rows come in another order",
    "gap": "one row of a page is left out silently",
    "partial": "a page breaks off after half of its rows, silently",
    "vanish": "a row is taken away for ever without notice",
    "unknown": "a row has got a code that no table knows (field, value), for everybody and as a change of now",
    "encoding": "the answer is GB18030 and says it is UTF-8",
    "expire": "the token dies: code 401",
    "skew": "the partner's clock is wrong for what changes now (seconds, default 300; clock: business|transport)",
    "delay": "the answer comes late (seconds, default 0.5)",
    "500": "HTTP 500 and an HTML page, nothing done",
    "html": "HTTP 502 and an HTML page, nothing done",
    "429": "HTTP 429 with Retry-After (seconds, default 1), nothing done",
    "maintenance": "HTTP 503 and an HTML page between 00:00 and 01:00 of the simulated clock",
    "outage": "the connection breaks without an answer, nothing done (days: ends by itself after so many of the "
    "simulated clock; with times=-1 and days=3 the partner is away for three days, and then comes the flood)",
    "cut": "done, but the answer breaks off before Content-Length bytes",
    "lost": "a push is done, then HTTP 502",
}

#: what a request may ask of a partner
PLACES = ("pull", "push", "token")


@dataclass(slots=True)
class Fault:
    """One mode that is on."""

    #: occasions left; -1 until switched off
    times: int
    #: of the occasions, how many are hit; 1 = every one
    rate: float = 1.0
    #: one of the partner's places, such as "pull" or "push"; '' = wherever the mode applies
    on: str = ""
    #: seconds, field or value, as the mode needs
    options: Mapping[str, object] = field(default_factory=dict)
    #: on the partner's simulated clock; None = until its occasions are used up
    until: datetime | None = None

    def number(self, name: str, default: float) -> float:
        """A numeric option."""
        value = self.options.get(name, default)
        return float(value) if isinstance(value, int | float | str) else default

    def text(self, name: str, default: str) -> str:
        """A textual option."""
        return str(self.options.get(name, default))


class Faults:
    """The modes that are on at one partner."""

    def __init__(
        self,
        seed: str,
        at_start: Mapping[str, int] | None = None,
        modes: Mapping[str, str] = MODES,
        places: Sequence[str] = PLACES,
    ) -> None:
        #: what this partner can do, with a word on each
        self.modes = modes
        self._places = places
        #: the partner's simulated clock, for modes that last so many days
        self.clock: Callable[[], datetime] | None = None
        self.rng = Random(f"{seed}|faults")
        self._on: dict[str, Fault] = {}
        for mode, times in (at_start or {}).items():
            self.switch(mode, times)

    def switch(self, mode: str, times: int, rate: float = 1.0, on: str = "", **options: object) -> None:
        """Misbehave so at the next ``times`` occasions; 0 switches off, -1 lasts. Raises UserInputError."""
        if mode not in self.modes:
            raise UserInputError(f"unknown mode {mode!r}; known are {', '.join(self.modes)}")
        if on and on not in self._places:
            raise UserInputError(f"`on` is one of {', '.join(self._places)}")
        if times == 0:
            self._on.pop(mode, None)
            return
        fault = Fault(times, rate, on, options)
        if fault.number("days", 0) and self.clock is not None:
            fault.until = self.clock() + timedelta(days=fault.number("days", 0))
        self._on[mode] = fault

    def strike(self, mode: str, where: str = "") -> Fault | None:
        """This is an occasion for ``mode``: the fault if it strikes, and then one occasion is used up."""
        self._end_what_is_over()
        fault = self._on.get(mode)
        if fault is None or (fault.on and where and fault.on != where) or self.rng.random() >= fault.rate:
            return None
        if fault.times > 0:
            fault.times -= 1
            if fault.times == 0:
                del self._on[mode]
        return fault

    def option(self, mode: str, name: str) -> object:
        """An option of a mode that is on; None where it is off or says nothing."""
        fault = self._on.get(mode)
        return fault.options.get(name) if fault else None

    def state(self) -> dict[str, int]:
        """Occasions left by mode."""
        self._end_what_is_over()
        return {mode: fault.times for mode, fault in self._on.items()}

    def _end_what_is_over(self) -> None:
        over = [mode for mode, fault in self._on.items() if fault.until and self.clock and self.clock() >= fault.until]
        for mode in over:
            del self._on[mode]
