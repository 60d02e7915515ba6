"""The police's names: batches, markers, forms. What a name tells is read from it, never guessed.

``620725000000_20240107235900_00001.zip``: unit, the minute it was cut, serial. ``J620725010000 20240107 00001`` (no
spaces): kind of form, unit, day, serial.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from hub.model import SHANGHAI, shanghai_midnight

ZIP, MARKER = ".zip", ".zip.ok"

_BATCH = re.compile(r"([0-9]{12})_([0-9]{14})_([0-9]{5})")
#: kind of form → its number (WIRES 0.4, 2.16)
NUMBERS = {
    "JJDBH": re.compile(r"J[0-9]{25}"),
    "CJDBH": re.compile(r"C[0-9]{25}"),
    "FKDBH": re.compile(r"F[0-9]{25}"),
    "YSBH": re.compile(r"YS[0-9]{25}"),
}
_DATED = re.compile(r"[JCF][0-9]{12}([0-9]{4})([0-9]{2})([0-9]{2})[0-9]{5}")
#: a call within a sentence
_QUOTED = re.compile(r"(?<![0-9A-Za-z])J(?P<area>[0-9]{6})[0-9]{6}[0-9]{8}[0-9]{5}(?![0-9])")


@dataclass(frozen=True, slots=True)
class BatchName:
    """The name of a batch without its ending."""

    text: str
    unit: str
    #: ``yyyyMMddHHmmss``
    stamp: str
    serial: int

    @property
    def order(self) -> tuple[str, int, str]:
        """Its place among all batches."""
        return self.stamp, self.serial, self.unit

    @property
    def month(self) -> tuple[int, int] | None:
        """The month (year, month) that a month-end list of this name tells of: the last one that was over.

        Cut on a month's last day it is that month, else (a list that was sent again) the month before.
        """
        try:
            cut_on = datetime.strptime(self.stamp[:8], "%Y%m%d").replace(tzinfo=SHANGHAI).date()
            last_day = (cut_on + timedelta(days=1)).replace(day=1) - timedelta(days=1)
        except (ValueError, OverflowError):
            return None
        return last_day.year, last_day.month


def parse_batch(text: str) -> BatchName | None:
    """The batch of this name without ending; None where it is none."""
    found = _BATCH.fullmatch(text)
    return BatchName(text, found[1], found[2], int(found[3])) if found else None


def day_of(number: str) -> datetime | None:
    """00:00 of the day that a form's number names; None where it names none."""
    found = _DATED.fullmatch(number)
    if found is None:
        return None
    try:
        day = date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None
    return shanghai_midnight(day) if 1900 < day.year < 3000 else None


def quoted_here(text: str, county: str) -> tuple[str, ...]:
    """Every call taken in this county that ``text`` quotes, each once, in order of appearance."""
    return tuple(dict.fromkeys(found[0] for found in _QUOTED.finditer(text) if found["area"] == county))
