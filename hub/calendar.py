"""The working calendar: which days are worked, as data with a date up to which it is known.

Monday to Friday, but for the days that the yearly notice of the State Council's office names: holidays, and make-up
workdays on weekends (国务院办公厅关于部分节假日安排的通知). Beyond the last known year an answer is provisional.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from io import StringIO

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.desk import Desk
from hub.errors import UserInputError
from hub.model import SHANGHAI
from hub.store.lookup import chunks
from hub.store.tables import calendar_days, calendar_years
from hub.store.upsert import insert_or_ignore

LIBRARY, OPERATOR = "LIBRARY", "OPERATOR"
#: years for which the library's days were compared with the official notices; it answers others without make-up days
COMPARED_YEARS = range(2021, 2027)
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class KnownDay:
    """A day that differs from its weekday, or is said to be like it."""

    day: date
    is_working: bool
    label: str


@dataclass(frozen=True, slots=True)
class DueDay:
    """The end of a count of days. ``is_provisional``: some of them lie in a year that is not known yet."""

    day: date
    is_provisional: bool

    @property
    def at(self) -> datetime:
        """The last second of the day in the county."""
        return datetime.combine(self.day, time(23, 59, 59), SHANGHAI)


@dataclass(frozen=True, slots=True)
class WorkingCalendar:
    """Which days are worked."""

    days: Mapping[date, bool] = field(default_factory=dict)
    years: frozenset[int] = frozenset()

    def is_working(self, day: date) -> bool:
        """Whether offices work that day."""
        return self.days.get(day, day.weekday() < _SATURDAY)

    def is_known(self, day: date) -> bool:
        """Whether the year's notice is in the calendar."""
        return day.year in self.years

    @property
    def covered_to(self) -> date | None:
        """The last day of the last year from which on all are known without a gap; None where none is."""
        return date(max(self.years), 12, 31) if self.years else None

    def working_days_after(self, start: date, count: int) -> DueDay:
        """The ``count``-th working day after ``start``; the start day is not counted (民事诉讼法 art. 85)."""
        day, left, is_provisional = start, count, False
        while left > 0:
            day += timedelta(days=1)
            is_provisional = is_provisional or not self.is_known(day)
            left -= self.is_working(day)
        return DueDay(day, is_provisional)


async def calendar_of(tx: AsyncConnection) -> WorkingCalendar:
    """The county's calendar as the store has it."""
    days = {date.fromisoformat(row.day): bool(row.is_working) for row in await tx.execute(select(calendar_days))}
    years = frozenset(int(year) for year in (await tx.execute(select(calendar_years.c.year))).scalars())
    return WorkingCalendar(days, years)


def library_days(years: Iterable[int] = COMPARED_YEARS) -> list[KnownDay]:
    """The days of these years that differ from Monday to Friday, as the ``holidays`` package has the notices."""
    # only where a calendar is made: it is a large package
    import holidays

    known = []
    for year in years:
        # its Chinese names; a make-up workday is a weekend day it calls a working day
        official = holidays.country_holidays("CN", years=year, language="zh_CN")
        day = date(year, 1, 1)
        while day.year == year:
            is_working = official.is_working_day(day)
            if is_working != (day.weekday() < _SATURDAY):
                label = "调休上班" if is_working else str(official.get(day, "放假"))
                known.append(KnownDay(day, is_working, label[:100]))
            day += timedelta(days=1)
    return known


async def seed(desk: Desk) -> None:
    """Fill a calendar that has no year yet; an operator's own is left alone."""
    async with desk.store.read() as connection:
        if (await connection.execute(select(calendar_years.c.year).limit(1))).first() is not None:
            return
    known = library_days()
    async with desk.store.write() as tx:
        await _put(tx, desk, known, sorted(set(COMPARED_YEARS)), LIBRARY)


async def take_over(desk: Desk, known: Sequence[KnownDay], years: Iterable[int]) -> None:
    """Replace whole years by what an operator gives: its notice as a table. Raises UserInputError."""
    wanted = sorted(set(years))
    if not wanted:
        raise UserInputError("the file names no day", hint="One line a day that differs: day,is_working,label.")
    async with desk.store.write() as tx:
        for year in wanted:
            await tx.execute(delete(calendar_days).where(calendar_days.c.day.startswith(f"{year}-")))
        await _put(tx, desk, known, wanted, OPERATOR)


async def _put(tx: AsyncConnection, desk: Desk, known: Sequence[KnownDay], years: Sequence[int], source: str) -> None:
    now = desk.clock()
    rows = [
        {
            "county": desk.county, "day": one.day.isoformat(), "is_working": one.is_working, "label": one.label,
            "source": source, "changed_at": now,
        }
        for one in known
    ]  # fmt: skip
    columns = ("is_working", "label", "source", "changed_at")
    for part in chunks(rows, 400):
        await insert_or_ignore(tx, calendar_days, list(part), update_columns=columns)
    told = [{"county": desk.county, "year": str(year), "source": source, "changed_at": now} for year in years]
    await insert_or_ignore(tx, calendar_years, told, update_columns=("source", "changed_at"))


def read_days(text: str) -> list[KnownDay]:
    """``day,is_working,label`` lines with that header, e.g. ``2027-01-01,0,元旦``. Raises UserInputError."""
    reader = csv.DictReader(StringIO(text))
    if set(reader.fieldnames or ()) < {"day", "is_working"}:
        raise UserInputError("the file's first line is day,is_working,label")
    known: dict[date, KnownDay] = {}
    for number, line in enumerate(reader, start=2):
        try:
            day = date.fromisoformat((line["day"] or "").strip())
            is_working = {"0": False, "1": True}[(line["is_working"] or "").strip()]
        except (ValueError, KeyError):
            hint = "Write 2027-01-01,0,元旦 or 2027-02-06,1,调休上班."
            raise UserInputError(f"line {number} is no day", hint=hint) from None
        if day in known:
            raise UserInputError(f"line {number}: {day} stands there twice")
        known[day] = KnownDay(day, is_working, (line.get("label") or "").strip()[:100])
    return list(known.values())
