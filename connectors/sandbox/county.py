"""One county's life, deterministic by seed and scale: the quarrels behind every simulated partner's records.

The golden period (2024-01-01 to 2024-07-31) is told complete, its quotas exact; from 2024-08-01 08:30 quarrels go on
arriving at the same daily rate. Quarrels come one at a time and in order of their day, so memory does not grow with the
scale. The same seed and scale give the same quarrels, byte for byte. All of it is invented.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from random import Random

from connectors.sandbox.matter_writer import MatterWriter
from connectors.sandbox.matters import HandOver, Quarrel
from connectors.sandbox.plan import PERIOD_BEGIN, PERIOD_END, NumberBook, Plan, Sketch, UsualDay, sketch
from connectors.sandbox.quotas import Quotas, as_scale, quotas
from connectors.sandbox.routes import COURT, CourtRoute
from connectors.sandbox.scenes import SceneMaker
from hub.errors import ConfigurationError
from hub.vocabulary import county_tables

#: when the county's clock stands at the start (WIRES.md 0.2)
START = datetime(2024, 8, 1, 8, 30)
#: all golden results are dated before this (WIRES.md 0.6)
LIVE_FROM = datetime(2024, 8, 1)
_LAST_RESULT = LIVE_FROM - timedelta(minutes=30)
#: filings of the year before, a night's migration in March: as many at every scale, for they show a rule of the wire
OLD_FILINGS = 130
_OLD_BEGIN, _OLD_DAYS, _OLD_END = date(2023, 10, 9), 65, datetime(2023, 12, 31, 23)
_OLD_ROUTES = (CourtRoute.AGREED, CourtRoute.AGREED_ENTRUSTED, CourtRoute.FAILED, CourtRoute.SELF_SETTLED)


@dataclass(frozen=True, slots=True)
class Script:
    """What the simulated mediator will do with one hand-over to the centre."""

    quarrel_id: str
    instance: str
    native_id: str
    #: from 1, where one record is handed over several times
    ordinal: int
    hand_over: HandOver


class County:
    """The simulated county of one seed and scale."""

    def __init__(self, seed: str | int = 7, scale: Decimal | float | int | str = 1) -> None:
        self.seed = str(seed)
        # the seed names files
        if not re.fullmatch(r"[\w.-]{1,40}", self.seed, re.ASCII):
            raise ConfigurationError("the seed is 1 to 40 letters, digits, '.', '_' or '-'", hint="Say 7.")
        self.scale = as_scale(scale)
        tables = county_tables()
        self.code = tables.county
        self._scenes = SceneMaker(self.seed, self.scale, tables)
        self._writer = MatterWriter(self.seed, self.scale, tables)
        self._usual = UsualDay(self.seed, self.scale)

    @property
    def quotas(self) -> Quotas:
        """The golden counts of this county."""
        return quotas(self.scale)

    @cached_property
    def _plan(self) -> Plan:
        return Plan(self.seed, self.scale)

    def history_length(self, only: str | None = None) -> int:
        """How many quarrels :meth:`history` yields."""
        old = OLD_FILINGS if only in (None, COURT) else 0
        return old + self._plan.count(only)

    def history(self, only: str | None = None, numbers: NumberBook | None = None) -> Iterator[Quarrel]:
        """Every quarrel before August 2024, in order of its day; with ``only`` those that touch that agency.

        ``numbers`` receives the court's serials, so that the court can go on from them.
        """
        for sketched in self._sketches(numbers if numbers is not None else NumberBook()):
            if only is None or only in sketched.agencies:
                yield self._quarrel(sketched, self._opening(sketched), self._deadline(sketched))

    def arrivals(self, day: date, only: str | None = None) -> Iterator[Quarrel]:
        """The quarrels that open on a day from August 2024 on; the same for every call."""
        sketches = self._usual.sketches(day)
        begin = START.time() if day == START.date() else time(7)
        first = datetime.combine(day, begin)
        span = (datetime.combine(day, time(21)) - first).total_seconds()
        for sketched in sketches:
            if only is None or only in sketched.agencies:
                opened_at = first + timedelta(seconds=1 + int(span * (sketched.ordinal + 0.5) / len(sketches)))
                yield self._quarrel(sketched, opened_at, None)

    def scripts(self, since: date, until: date) -> Iterator[Script]:
        """How the mediator will end each hand-over to the centre of quarrels opened in ``[since, until)``."""
        day = max(since, START.date())
        while day < until:
            for quarrel in self.arrivals(day):
                yield from scripts_of(quarrel)
            day += timedelta(days=1)

    def _sketches(self, numbers: NumberBook) -> Iterator[Sketch]:
        rng = Random(f"{self.seed}|{self.scale}|old")
        for index in range(OLD_FILINGS):
            day = _OLD_BEGIN + timedelta(days=index * _OLD_DAYS // OLD_FILINGS)
            yield sketch(day, index, None, (COURT,), (rng.choice(_OLD_ROUTES),), numbers)
        yield from self._plan.sketches(numbers)

    def _opening(self, sketched: Sketch) -> datetime:
        rng = Random(f"{self.seed}|{self.scale}|opening|{sketched.day}|{sketched.ordinal}")
        last = sketched.day == PERIOD_END - timedelta(days=1)
        # on the last day quarrels come in the morning, so that even theirs are concluded within the period
        hour = rng.triangular(7, 10, 9) if last else rng.triangular(7, 21, 10.5)
        return datetime.combine(sketched.day, time()) + timedelta(seconds=int(hour * 3600))

    @staticmethod
    def _deadline(sketched: Sketch) -> datetime:
        return _OLD_END if sketched.day < PERIOD_BEGIN else _LAST_RESULT

    def _quarrel(self, sketched: Sketch, opened_at: datetime, deadline: datetime | None) -> Quarrel:
        rng = Random(f"{self.seed}|{self.scale}|{sketched.day}|{sketched.ordinal}")
        scene = self._scenes.scene(sketched, rng, opened_at)
        matters = self._writer.matters(sketched, scene, rng, opened_at, deadline)
        name = f"Q{sketched.day:%Y%m%d}-{sketched.ordinal:05d}"
        return Quarrel(name, opened_at, scene.category, scene.village.code, matters)


def scripts_of(quarrel: Quarrel) -> Iterator[Script]:
    """Every hand-over of the quarrel to the centre, with its ending."""
    for matter in quarrel.matters:
        to_centre = (hand_over for hand_over in matter.hand_overs if hand_over.is_to_centre)
        for ordinal, hand_over in enumerate(to_centre, start=1):
            yield Script(quarrel.id, matter.instance, matter.native_id, ordinal, hand_over)


def truth(seed: str | int, scale: Decimal | float | int | str) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """Which records of the history belong to one quarrel: (quarrel id, ((instance, native id), …)), one at a time.

    For scoring only: no partner ever shows it.
    """
    for quarrel in County(seed, scale).history():
        yield quarrel.id, quarrel.records()
