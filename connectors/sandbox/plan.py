"""Which agencies each quarrel of a county touches, in which order of days, and the route of each of its matters.

The plan of the golden period is a few bytes per quarrel, so that a county of any scale is told one quarrel at a time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate
from random import Random

from connectors.sandbox.quotas import quotas, scaled
from connectors.sandbox.routes import COURT, HOTLINE, IDLE, PETITION, POLICE, USUAL, CourtRoute, dealt

PERIOD_BEGIN = date(2024, 1, 1)
PERIOD_END = date(2024, 8, 1)

#: which agencies one quarrel touches, and how many such quarrels the golden period has at scale 1
_SEVERAL: tuple[tuple[tuple[str, ...], int], ...] = (
    ((POLICE, COURT), 260),
    ((HOTLINE, COURT), 240),
    ((PETITION, COURT), 20),
    ((POLICE, HOTLINE), 700),
    ((POLICE, PETITION), 40),
    ((HOTLINE, PETITION), 80),
    ((POLICE, HOTLINE, COURT), 90),
    ((HOTLINE, PETITION, COURT), 12),
    ((POLICE, HOTLINE, PETITION), 25),
    ((POLICE, PETITION, COURT), 8),
    ((POLICE, HOTLINE, PETITION, COURT), 15),
    # the same agency asked twice: a repeat call, letter or order of one quarrel
    ((POLICE, POLICE), 70),
    ((HOTLINE, HOTLINE), 110),
    ((PETITION, PETITION), 12),
)
KINDS: tuple[tuple[str, ...], ...] = (*(kind for kind, _ in _SEVERAL), (COURT,), (POLICE,), (PETITION,), (HOTLINE,))
_AGENCIES = (COURT, POLICE, PETITION, HOTLINE)


@dataclass(frozen=True, slots=True)
class Sketch:
    """A quarrel before its people and words: where it stands in its day, whom it touches, how each matter goes."""

    day: date
    #: from 0 within the day
    ordinal: int
    #: of the day's quarrels that touch several agencies, from 0; None for the others
    rank: int | None
    agencies: tuple[str, ...]
    routes: tuple[int, ...]
    #: numbers the court gives within this history, in the order of its rows
    court_numbers: tuple[int, ...] = ()


class NumberBook:
    """Serials of the court's numbers by year and type word, from 1 without gap."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def next(self, year: int, word: str) -> int:
        """The next serial of this year and word."""
        key = f"{year} {word}"
        self._last[key] = self._last.get(key, 0) + 1
        return self._last[key]

    @property
    def last(self) -> Mapping[str, int]:
        """The last serial given, by ``year word``."""
        return self._last


def number_words(route: CourtRoute) -> tuple[str, ...]:
    """Type words of the numbers that a matter of this route gets, first row first (WIRES.md 1.4)."""
    if not route.is_filing:
        return ("财保",) if route is CourtRoute.PRESERVATION else ("行审",)
    if route in (CourtRoute.REFUSED, CourtRoute.REFUSED_ADMINISTRATIVE):
        return ()
    if route.is_administrative:
        return ("行初",) if route is CourtRoute.DOCKETED_ADMINISTRATIVE else ("行诉前调",)
    if route.is_entrusted or route in (CourtRoute.DOCKETED, CourtRoute.DECLINED):
        return ("民初",)
    second = {
        CourtRoute.AGREED_CONFIRMED: ("民特",),
        CourtRoute.FAILED_DOCKETED_SAME_ID: ("民初",),
        CourtRoute.FAILED_DOCKETED_NEW_ID: ("民初",),
    }
    return ("民诉前调", *second.get(route, ()))


def day_weight(day: date) -> int:
    """Fewer quarrels reach an agency at the weekend."""
    return 11 if day.weekday() < 5 else 7


class Plan:
    """The golden period of one county: exact quotas, shuffled by the seed."""

    def __init__(self, seed: str, scale: Decimal) -> None:
        rng = Random(f"{seed}|{scale}|plan")
        deal = dealt(quotas(scale))
        kinds: list[int] = []
        left = {agency: sum(deal[agency].values()) for agency in _AGENCIES}
        shared = dict.fromkeys(_AGENCIES, 0)
        lively = {a: sum(n for route, n in deal[a].items() if route not in IDLE[a]) for a in _AGENCIES}
        for index, (agencies, count) in enumerate(_SEVERAL):
            # a very small county may not have enough quarrels for every mixture
            times = min(scaled(count, scale), *((lively[a] - shared[a]) // agencies.count(a) for a in agencies))
            kinds += [index] * times
            for agency in agencies:
                left[agency] -= times
                shared[agency] += times
        for agency in _AGENCIES:
            kinds += [KINDS.index((agency,))] * left[agency]
        self._kinds = bytearray(kinds)
        rng.shuffle(self._kinds)
        self._shared: dict[str, bytearray] = {}
        self._alone: dict[str, bytearray] = {}
        for agency in _AGENCIES:
            idle = IDLE[agency]
            pool = bytearray(r for r, n in deal[agency].items() if r not in idle for _ in range(n))
            rng.shuffle(pool)
            alone = pool[shared[agency] :] + bytearray(
                r for r, n in deal[agency].items() if r in idle for _ in range(n)
            )
            rng.shuffle(alone)
            self._shared[agency], self._alone[agency] = pool[: shared[agency]], alone

    def count(self, only: str | None = None) -> int:
        """Quarrels of the period; with ``only`` those that touch that agency."""
        touching = (index for index, agencies in enumerate(KINDS) if only is None or only in agencies)
        return sum(self._kinds.count(index) for index in touching)

    def sketches(self, numbers: NumberBook) -> Iterator[Sketch]:
        """Every quarrel, day by day; ``numbers`` is drawn on in that order."""
        days = [PERIOD_BEGIN + timedelta(days=n) for n in range((PERIOD_END - PERIOD_BEGIN).days)]
        reached = list(accumulate(day_weight(day) for day in days))
        total = len(self._kinds)
        taken = {agency: [0, 0] for agency in _AGENCIES}
        current, ordinal, rank = -1, 0, 0
        for index, kind in enumerate(self._kinds):
            at = bisect_right(reached, index * reached[-1] // total)
            if at != current:
                current, ordinal, rank = at, 0, 0
            agencies = KINDS[kind]
            several = len(agencies) > 1
            routes: list[int] = []
            for agency in agencies:
                pool = self._shared[agency] if several else self._alone[agency]
                cursor = taken[agency]
                routes.append(pool[cursor[several]])
                cursor[several] += 1
            yield sketch(days[at], ordinal, rank if several else None, agencies, tuple(routes), numbers)
            ordinal += 1
            rank += several


def sketch(
    day: date, ordinal: int, rank: int | None, agencies: tuple[str, ...], routes: tuple[int, ...], numbers: NumberBook
) -> Sketch:
    """A sketch whose court numbers are drawn now."""
    drawn: tuple[int, ...] = ()
    if COURT in agencies:
        route = CourtRoute(routes[agencies.index(COURT)])
        drawn = tuple(numbers.next(day.year, word) for word in number_words(route))
    return Sketch(day, ordinal, rank, agencies, routes, drawn)


class UsualDay:
    """A day after the golden period: about as many quarrels as before, routes as usual, nothing dealt out."""

    def __init__(self, seed: str, scale: Decimal) -> None:
        self._seed, self._scale = seed, scale
        quota = quotas(scale)
        totals = {COURT: quota.filings, POLICE: quota.police_calls, PETITION: quota.petitions, HOTLINE: quota.orders}
        weights = [scaled(count, scale) for _, count in _SEVERAL]
        for (agencies, _), count in zip(_SEVERAL, weights, strict=True):
            for agency in agencies:
                totals[agency] -= count
        self._weights = [*weights, *(max(0, totals[agency]) for agency in _AGENCIES)]
        span = range((PERIOD_END - PERIOD_BEGIN).days)
        self._per_weight = sum(self._weights) / sum(day_weight(PERIOD_BEGIN + timedelta(days=n)) for n in span)

    def sketches(self, day: date) -> list[Sketch]:
        """The day's quarrels; the same for every call."""
        rng = Random(f"{self._seed}|{self._scale}|usual|{day}")
        mean = self._per_weight * day_weight(day)
        count = max(0, round(rng.gauss(mean, mean**0.5 / 2)))
        kinds = rng.choices(range(len(KINDS)), self._weights, k=count)
        found: list[Sketch] = []
        rank = 0
        for ordinal, kind in enumerate(kinds):
            agencies = KINDS[kind]
            several = len(agencies) > 1
            routes = tuple(_usual_route(rng, agency, several) for agency in agencies)
            found.append(Sketch(day, ordinal, rank if several else None, agencies, routes))
            rank += several
        return found


def _usual_route(rng: Random, agency: str, several: bool) -> int:
    usual = USUAL[agency]
    routes = [route for route in usual if not (several and route in IDLE[agency])]
    return rng.choices(routes, [usual[route] for route in routes])[0]
