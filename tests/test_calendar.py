"""The working calendar: the official notices as data, an operator's word over them, and honesty beyond them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from hub import calendar
from hub.calendar import KnownDay, WorkingCalendar, calendar_of, library_days, read_days, seed, take_over
from hub.errors import UserInputError

from .databases import Database
from .hub_kit import open_desk


def known(year: int = 2024) -> WorkingCalendar:
    return WorkingCalendar({one.day: one.is_working for one in library_days([year])}, frozenset({year}))


@pytest.mark.parametrize(
    ("day", "is_working"),
    [
        # 国办发明电〔2023〕7号: 2024
        ("2024-01-01", False), ("2024-02-04", True), ("2024-02-09", True), ("2024-02-12", False),
        ("2024-02-18", True), ("2024-04-07", True), ("2024-04-28", True), ("2024-05-01", False),
        ("2024-05-11", True), ("2024-09-14", True), ("2024-09-29", True), ("2024-10-07", False),
        ("2024-10-12", True), ("2024-10-13", False), ("2024-10-14", True),
    ],
)  # fmt: skip
def test_the_notice_of_2024_is_followed(day: str, is_working: bool) -> None:
    assert known().is_working(date.fromisoformat(day)) is is_working


def test_working_days_are_counted_over_holidays_and_make_up_days() -> None:
    # from Friday 27 September: Sunday 29 and Monday 30 are worked, 1 to 7 October are free
    due = known().working_days_after(date(2024, 9, 27), 5)
    assert (due.day, due.is_provisional) == (date(2024, 10, 10), False)
    assert due.at.isoformat() == "2024-10-10T23:59:59+08:00"


def test_beyond_what_is_known_an_answer_is_provisional() -> None:
    due = known().working_days_after(date(2024, 12, 30), 5)
    assert (due.day, due.is_provisional) == (date(2025, 1, 6), True)
    assert known().covered_to == date(2024, 12, 31)
    assert WorkingCalendar().working_days_after(date(2024, 9, 27), 5).is_provisional


async def test_an_operators_year_stands_against_the_library(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await seed(desk)
        async with desk.store.read() as connection:
            seeded = await calendar_of(connection)
        assert seeded.years == frozenset(calendar.COMPARED_YEARS) and not seeded.is_working(date(2024, 10, 1))
        await take_over(desk, [KnownDay(date(2024, 10, 8), False, "本县放假")], [2024])
        await seed(desk)
        async with desk.store.read() as connection:
            own = await calendar_of(connection)
        # the whole year is the operator's now
        assert own.is_working(date(2024, 10, 1)) and not own.is_working(date(2024, 10, 8))
        assert not own.is_working(date(2025, 10, 1)) and own.years == seeded.years


@pytest.mark.parametrize(
    "text", ["", "day\n2027-01-01\n", "day,is_working\n2027-13-01,0\n", "day,is_working\n2027-01-01,maybe\n",
             "day,is_working\n2027-01-01,0\n2027-01-01,1\n"],
)  # fmt: skip
def test_a_file_that_says_nothing_clear_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(UserInputError):
        read_days(text)


def test_a_file_is_read_as_it_is_written() -> None:
    told = read_days("day,is_working,label\n2027-01-01,0,元旦\n2027-02-06,1,调休上班\n")
    assert told == [KnownDay(date(2027, 1, 1), False, "元旦"), KnownDay(date(2027, 2, 6), True, "调休上班")]
