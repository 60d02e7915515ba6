"""The small conditions that lists share: text search, region and category subtrees, day ranges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, or_

from hub.errors import UserInputError
from hub.model import shanghai_midnight

_LONGEST_TEXT = 200
_LONGEST_LIST = 200
_WIDE, _NARROW = "（）〔〕", "()[]"
_TO_NARROW, _TO_WIDE = str.maketrans(_WIDE, _NARROW), str.maketrans(_NARROW, _WIDE)


@dataclass(frozen=True, slots=True)
class Days:
    """Days in the county: ``start`` counts, ``end`` no longer does; None leaves that side open."""

    start: date | None = None
    end: date | None = None


ANY_DAY = Days()


def within(column: ColumnElement[Any], days: Days) -> list[ColumnElement[bool]]:
    """The instant lies in these days of Asia/Shanghai. Raises UserInputError where the range is turned round."""
    if days.start is not None and days.end is not None and days.end < days.start:
        raise UserInputError("the range ends before it begins", hint="from is inclusive, to is exclusive.")
    conditions: list[ColumnElement[bool]] = []
    if days.start is not None:
        conditions.append(column >= shanghai_midnight(days.start))
    if days.end is not None:
        conditions.append(column < shanghai_midnight(days.end))
    return conditions


def limited(values: Sequence[str], name: str) -> Sequence[str]:
    """The values, when they are few enough for one question. Raises UserInputError."""
    if len(values) > _LONGEST_LIST:
        raise UserInputError(f"{name} takes at most {_LONGEST_LIST} values")
    return values


def search_text(text: str) -> str:
    """What is searched for. Raises UserInputError where it is empty or too long."""
    text = text.strip()
    if not text:
        raise UserInputError("text to search for is empty")
    if len(text) > _LONGEST_TEXT:
        raise UserInputError(f"text to search for has at most {_LONGEST_TEXT} characters")
    return text


def bracket_spellings(number: str) -> list[str]:
    """A number as written, with half-width and with full-width brackets: agencies use either."""
    return list(dict.fromkeys((number, number.translate(_TO_NARROW), number.translate(_TO_WIDE))))


def in_regions(column: ColumnElement[Any], codes: Sequence[str]) -> ColumnElement[bool]:
    """The region is one of these or lies below one of them."""
    return or_(*(column.startswith(code, autoescape=True) for code in limited(codes, "regions")))


def in_categories(column: ColumnElement[Any], codes: Sequence[str]) -> ColumnElement[bool]:
    """The category is one of these; a two-digit code stands for its whole class."""
    return or_(
        *(
            column.startswith(code, autoescape=True) if len(code) == 2 else column == code
            for code in limited(codes, "categories")
        )
    )
