"""The course of a petition as its row tells it, which keeps no log: codes, and the office's own times of them.

A row knows when it was registered, the routing decision, the latest step, and how and when it ended. What stood in
between was told by earlier versions and is not told by this one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from connectors.json_rows import day, text
from connectors.petition import codes
from connectors.petition.rows import stamp
from hub.model import UnknownCode

_UNIT = re.compile(r"[0-9]{12}")


@dataclass(frozen=True, slots=True)
class Step:
    """One of ``blfss``: by the wire there is one, the latest."""

    code: str
    qxjg: str
    at: datetime | None
    #: 办理意见 (blyj): what people wrote
    opinion: str
    #: czjg: who acted, as code or in words
    by: str
    #: which of those with this code and time
    ordinal: int


@dataclass(frozen=True, slots=True)
class Course:
    """What a row tells of its course."""

    registered_at: datetime
    #: 12-digit code of the office that registered it; '' unknown
    office: str
    xfjzt: str
    blfs: str
    qxjg: str
    routed_at: datetime | None
    routing: Step | None
    #: steps after the routing decision
    steps: tuple[Step, ...]
    hjbz: str
    bjbz: str
    closed_at: datetime | None
    due_on: date | None
    hfbz: str
    myd: str

    @property
    def stage(self) -> codes.Stage | None:
        """Where the letter stands; None where its code is unknown."""
        return codes.STAGES.get(self.xfjzt)

    @property
    def latest(self) -> Step | None:
        """The latest step after the routing decision; None while there is none."""
        return self.steps[-1] if self.steps else None

    @property
    def is_closed(self) -> bool:
        """The office has closed it, whatever was opened again since."""
        return self.bjbz == codes.YES or self.xfjzt == codes.CLOSED

    @property
    def stage_at(self) -> datetime | None:
        """The office's own time of the present state; None where it gives none."""
        latest_at = self.latest.at if self.latest else None
        if self.xfjzt == codes.REGISTERED:
            return self.registered_at
        if self.xfjzt == codes.ROUTED:
            return self.routed_at
        if self.xfjzt == codes.CLOSED:
            return self.ended_at
        if self.xfjzt in (codes.REVIEWED, codes.RECHECKED):
            return max((at for at in (latest_at, self.closed_at) if at is not None), default=self.routed_at)
        return latest_at or self.routed_at

    @property
    def ended_at(self) -> datetime | None:
        """When it was closed, else when the latest thing was done about it."""
        return self.closed_at or (self.latest.at if self.latest else None) or self.routed_at

    @property
    def result_at(self) -> datetime | None:
        """When the result was recorded: at the step that brought it, else when the letter was closed."""
        latest = self.latest
        is_told = latest is not None and latest.code == codes.CONCLUDED and latest.at is not None
        return latest.at if latest is not None and is_told else self.ended_at


def read_course(xfj: Mapping[str, Any], blfss: Any, registered_at: datetime) -> Course:
    """Read the row's fields. A time that cannot be read is None."""
    blfs, routed_at = text(xfj.get("blfs")), stamp(xfj.get("blsj"))
    steps = tuple(_read_steps(blfss))
    # the routing decision is the latest step as long as no other came; either may be told as a bare date
    routings = [step for step in steps if step.code == blfs and _day_of(step.at) == _day_of(routed_at)]
    return Course(
        registered_at=registered_at,
        office=unit(xfj.get("djjgdm")),
        xfjzt=text(xfj.get("xfjzt")),
        blfs=blfs,
        qxjg=text(xfj.get("qxjg")),
        routed_at=routed_at,
        routing=routings[0] if routings else None,
        steps=tuple(step for step in steps if step not in routings),
        hjbz=text(xfj.get("hjbz")),
        bjbz=text(xfj.get("bjbz")),
        closed_at=stamp(xfj.get("bjsj")),
        due_on=day(xfj.get("xbjzrq")),
        hfbz=text(xfj.get("hfbz")),
        myd=text(xfj.get("myd")),
    )


def unknown_in(course: Course, xfj: Mapping[str, Any], blfss: Any) -> Iterator[UnknownCode]:
    """The codes of a course that no table explains, and its times that cannot be read."""
    for name, value, known in (
        ("xfjzt", course.xfjzt, codes.STAGES),
        ("blfs", course.blfs, codes.STEPS),
        ("hjbz", course.hjbz, codes.OUTCOMES),
        ("myd", course.myd, codes.SATISFACTIONS),
        *(("blfs", step.code, codes.STEPS) for step in course.steps),
    ):
        if value and value not in known:
            yield UnknownCode(name, value[:64])
    for name, read in (("blsj", course.routed_at), ("bjsj", course.closed_at), ("xbjzrq", course.due_on)):
        if read is None and xfj.get(name) not in (None, ""):
            yield UnknownCode(name, "UNREADABLE")
    if course.blfs in codes.STEPS and course.routed_at is None and not text(xfj.get("blsj")):
        yield UnknownCode("blsj", "MISSING")
    is_list = isinstance(blfss, list)
    if blfss not in (None, "") and not (is_list and all(isinstance(row, dict) for row in blfss)):
        yield UnknownCode("blfss", "UNREADABLE")


def unit(value: Any) -> str:
    """A 12-digit unit code, else ''."""
    code = text(value)
    return code if _UNIT.fullmatch(code) else ""


def _day_of(at: datetime | None) -> date | None:
    return at.date() if at else None


def _read_steps(blfss: Any) -> Iterator[Step]:
    seen: Counter[tuple[str, datetime | None]] = Counter()
    for row in blfss if isinstance(blfss, list) else ():
        if not isinstance(row, dict):
            continue
        code, at = text(row.get("blfs")), stamp(row.get("blsj"))
        seen[code, at] += 1
        yield Step(code, text(row.get("qxjg")), at, text(row.get("blyj")), text(row.get("czjg")), seen[code, at])
