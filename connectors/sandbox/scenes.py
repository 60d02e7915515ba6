"""Who quarrels with whom, where and about what: the scene that all records of one quarrel share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from random import Random
from types import MappingProxyType

from connectors.sandbox.people import Person, firm, resident, village_name
from connectors.sandbox.plan import Sketch
from connectors.sandbox.routes import COURT, IDLE, CourtRoute
from connectors.sandbox.stories import (
    ADMINISTRATIVE,
    ENFORCEMENT_REVIEW,
    PRESERVATION,
    Pattern,
    Story,
    pattern_of,
    tell,
)
from hub.vocabulary import UNKNOWN, CountyTables, NativeCode, Region

#: how often a class of quarrel comes up; every other class of the county's table counts 3
_WEIGHTS: Mapping[str, int] = MappingProxyType({"0804": 24, "0101": 15, "0603": 12, "0402": 9, "0703": 8, "0102": 4})
_AUTHORITIES = ("自然资源局", "市场监督管理局", "住房和城乡建设局", "农业农村局", "公安局交通警察大队")


@dataclass(frozen=True, slots=True)
class Scene:
    """One quarrel as it really is."""

    #: class of zz-dispute-17; '' where it is no dispute or has no class
    category: str
    #: the court's name of the cause; other agencies call theirs the same where they have it
    cause_name: str
    #: the court's code of the cause
    cause_code: str
    village: Region
    applicants: tuple[Person, ...]
    #: empty where nobody is complained about
    respondents: tuple[Person, ...]
    third_parties: tuple[Person, ...]
    story: Story


class SceneMaker:
    """Makes scenes of one county; some people turn up in several quarrels."""

    def __init__(self, seed: str, scale: Decimal, tables: CountyTables) -> None:
        self._tables = tables
        self._seed = seed
        self._villages = tuple(tables.villages())
        self._busy_people = max(40, int(400 * scale))
        causes = [c for c in tables.native_codes if (c.system, c.table) == (COURT, "caseCause")]
        self._causes = [cause for cause in causes if cause.classes and UNKNOWN not in cause.classes]
        self._unclassed = next(cause for cause in causes if UNKNOWN in cause.classes)
        self._cause_weights = [_WEIGHTS.get(cause.classes[0], 3) for cause in self._causes]
        self._busy = lru_cache(maxsize=4096)(self._busy_resident)

    def scene(self, sketch: Sketch, rng: Random, opened_at: datetime) -> Scene:
        """The scene that this sketch needs."""
        village = rng.choice(self._villages)
        first = sketch.agencies[0]
        if first == COURT and sketch.routes[0] in IDLE[COURT]:
            return self._court_only(CourtRoute(sketch.routes[0]), rng, village, opened_at)
        if len(sketch.agencies) == 1 and sketch.routes[0] in IDLE[first]:
            story = Story("", "", None)
            return Scene("", "", "", village, (self._person(rng, village),), (), (), story)
        cause = rng.choices(self._causes, self._cause_weights)[0]
        pattern = pattern_of(cause.classes[0])
        applicants = self._people(rng, village, 0.14)
        respondents = self._people(rng, village, 0.12)
        if pattern.trade and rng.random() < 0.7:
            respondents = (firm(rng, self._tables, village, pattern.trade), *respondents[1:])
        third = (self._person(rng, village),) if rng.random() < 0.02 else ()
        return self._staged(cause, cause.classes[0], pattern, rng, village, opened_at, (applicants, respondents, third))

    def _court_only(self, route: CourtRoute, rng: Random, village: Region, opened_at: datetime) -> Scene:
        person = (self._person(rng, village),)
        if route is CourtRoute.PRESERVATION:
            cause = rng.choices(self._causes, self._cause_weights)[0]
            sides = (person, self._people(rng, village, 0.0), ())
            return self._staged(cause, cause.classes[0], PRESERVATION, rng, village, opened_at, sides)
        authority = (self._authority(rng),)
        if route is CourtRoute.ENFORCEMENT_REVIEW:
            sides = (authority, person, ())
            return self._staged(self._unclassed, "", ENFORCEMENT_REVIEW, rng, village, opened_at, sides)
        return self._staged(self._unclassed, "", ADMINISTRATIVE, rng, village, opened_at, (person, authority, ()))

    def _staged(
        self,
        cause: NativeCode,
        category: str,
        pattern: Pattern,
        rng: Random,
        village: Region,
        opened_at: datetime,
        sides: tuple[tuple[Person, ...], tuple[Person, ...], tuple[Person, ...]],
    ) -> Scene:
        applicants, respondents, third = sides
        began = opened_at - timedelta(days=rng.randrange(20, 500))
        when = f"{began.year}年{began.month}月"
        place = village_name(village)
        story = tell(pattern, rng, applicants[0].name, respondents[0].name, place, when)
        return Scene(category, cause.zh, cause.code, village, applicants, respondents, third, story)

    def _people(self, rng: Random, village: Region, two: float) -> tuple[Person, ...]:
        first = self._person(rng, village)
        return (first, self._person(rng, village)) if rng.random() < two else (first,)

    def _person(self, rng: Random, village: Region) -> Person:
        if rng.random() < 0.06:
            return self._busy(rng.randrange(self._busy_people))
        return resident(rng, self._tables, village)

    def _busy_resident(self, index: int) -> Person:
        rng = Random(f"{self._seed}|resident|{index}")
        return resident(rng, self._tables, rng.choice(self._villages))

    def _authority(self, rng: Random) -> Person:
        name = f"{self._tables.name}{rng.choice(_AUTHORITIES)}"
        return Person(name, "", "", f"{self._tables.county}000000", self._tables.name, is_firm=True)
