"""Where a run stands between the office's two ways of telling, so that no row is lost.

``obtainJsonData`` gives each change once and marks it before the answer arrives: an answer that is lost, cut or
undecodable takes its rows along, and a run killed before it could keep a page does the same. ``list`` names every row
with its version and marks nothing. So a run does both:

1. obtain until the office has no more (fewer than 200 rows promise nothing);
2. behind every answer, walk ``list`` over what now lies behind the newest second obtained, and at the end over all the
   rest: each version listed that was not obtained since is read by ``one``.

The connector does not know what the hub holds, and need not: what it delivered of late is remembered here, in the
process (`Memory`), and **only saves questions**. The memory counts for exactly the cursor it was made with, whose
``sum`` binds it to these versions; whoever holds that cursor has kept the pages before it. After a restart, from
another cursor, or when a page was never kept, the memory is empty and the same rows are read again: at least once,
never not at all.

A cursor is ``{"from","sum"}`` between runs, and ``{"from","after","reached","floor","idle","sum"}`` while one is under
way: its size does not depend on the data and it never holds the time of day. ``from``/``after`` (a second, a number in
it) is how far the walk came: it moves by what ``list`` shows and by nothing else, and a new run begins ``overlap_s``
before it. What commits later than that with an older stamp *and* is lost on the way is left to the digest.

All functions are pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from connectors.json_rows import stamp_text
from connectors.petition.rows import fingerprint, stamp
from connectors.petition.wire import Listed
from hub.model import SHANGHAI, Cursor, Item

#: before any letter of the office, and behind every one
START = datetime(2000, 1, 1, tzinfo=SHANGHAI)
END = datetime(2999, 12, 31, tzinfo=SHANGHAI)
#: so many answers in a row without a newer second than before: an office that does not mark is left to the walk
PATIENCE = 50

SECOND = timedelta(seconds=1)
_SUM_MODULUS = 1 << 128


@dataclass(frozen=True, slots=True)
class Place:
    """A cursor, read."""

    #: the walk has passed everything before this second, and in it every number up to ``after``
    at: datetime
    after: str = ""
    #: the newest second obtained in this run
    reached: datetime = START
    #: how far the run before had come: what lies behind it was delivered once already
    floor: datetime = START
    #: answers in a row that brought no newer second
    idle: int = 0

    def passed(self, entry: Listed) -> Place:
        """With this line of the list done."""
        return replace(self, at=entry.updated_at or self.at, after=entry.xfjbh)

    def walked(self, listed: Sequence[Listed]) -> Place:
        """With all these lines done; their last second is looked at once more."""
        latest = max((entry.updated_at for entry in listed if entry.updated_at is not None), default=self.at)
        return replace(self, at=latest, after="") if latest > self.at else self

    def obtained(self, items: Iterable[Item]) -> Place:
        """With one more answer delivered."""
        latest = max((item.updated_at for item in items if item.updated_at is not None), default=START)
        if latest > self.reached:
            return replace(self, reached=latest, idle=0)
        return replace(self, idle=self.idle + 1)

    def missing(self, listed: Sequence[Listed], delivered: Mapping[int, datetime]) -> tuple[Listed, ...]:
        """What is still to be read of a list, in its order: neither passed nor obtained."""
        # a line without a readable time cannot be passed by time: it stands where the walk stands
        timed = (replace(entry, updated_at=entry.updated_at or self.at) for entry in listed)
        ahead = [e for e in timed if self._is_ahead(e) and e.fingerprint not in delivered]
        return tuple(sorted(ahead, key=lambda entry: (entry.updated_at or self.at, entry.xfjbh)))

    def _is_ahead(self, entry: Listed) -> bool:
        return (entry.updated_at or self.at, entry.xfjbh) > (self.at, self.after)


@dataclass(frozen=True, slots=True)
class Memory:
    """What the process remembers at one cursor; nothing is lost without it."""

    cursor: Cursor = field(default_factory=dict)
    #: versions delivered that a list may still show, and their time
    delivered: Mapping[int, datetime] = field(default_factory=dict)
    #: what the last list showed and is still to be read
    pending: tuple[Listed, ...] = ()
    #: how often the office failed to answer at this cursor
    failures: int = 0

    def at(self, cursor: Cursor) -> Memory:
        """The memory that counts at this cursor: this one or an empty one."""
        return self if dict(self.cursor) == dict(cursor) else Memory(cursor)


def resume(cursor: Cursor | None, since: datetime | None, overlap_s: int) -> Cursor:
    """Where a run begins. One that was cut off goes on where it was, without a second overlap.

    So a run killed after every page still arrives.
    """
    if cursor is None:
        return {"from": stamp_text(max(since or START, START))}
    is_under_way = "after" in cursor
    if is_under_way and since is None:
        return cursor
    known = read(cursor)
    reached = known.floor if is_under_way else known.at
    if since is not None:
        return {"from": stamp_text(max(since, START)), "floor": stamp_text(reached)}
    back = max(reached - timedelta(seconds=overlap_s), START)
    return {"from": stamp_text(back), "floor": stamp_text(reached), "sum": cursor.get("sum", "")}


def reread_from(at: datetime | None, after: str = "") -> Cursor:
    """The cursor of a backfill, which walks the list alone: behind this letter, or from the very start."""
    return {"from": stamp_text(max(at or START, START)), "after": after}


def read(cursor: Cursor) -> Place:
    """The place a cursor names."""
    return Place(
        at=stamp(cursor["from"]) or START,
        after=str(cursor.get("after", "")),
        reached=stamp(cursor.get("reached")) or START,
        floor=stamp(cursor.get("floor")) or START,
        idle=int(cursor.get("idle", 0)),
    )


def go_on(place: Place, delivered: Mapping[int, datetime], overlap_s: int, pending: tuple[Listed, ...] = ()) -> Memory:
    """The memory at this place, with the cursor of a run that goes on there."""
    kept = _within(place.at, delivered, overlap_s)
    cursor = {
        "from": stamp_text(place.at),
        "after": place.after,
        "reached": stamp_text(place.reached),
        "floor": stamp_text(place.floor),
        "idle": place.idle,
        "sum": _sum(kept),
    }
    return Memory(cursor, kept, pending)


def finish(place: Place, delivered: Mapping[int, datetime], overlap_s: int) -> tuple[Cursor, Memory]:
    """The cursor to keep between runs, never behind where the last run had come, and the memory for the next run."""
    reached = max(place.at, place.floor)
    kept = _within(reached, delivered, overlap_s)
    cursor = {"from": stamp_text(reached), "sum": _sum(kept)}
    return cursor, Memory(resume(cursor, None, overlap_s), kept)


def versions(items: Iterable[Item]) -> dict[int, datetime]:
    """The versions of these rows as the list would name them. Rows without time are never on it."""
    return {
        fingerprint(item.key, item.updated_at, item.content_mark): item.updated_at
        for item in items
        if item.updated_at is not None
    }


def _within(at: datetime, delivered: Mapping[int, datetime], overlap_s: int) -> dict[int, datetime]:
    back = at - timedelta(seconds=overlap_s)
    return {version: stamped for version, stamped in delivered.items() if stamped >= back}


def _sum(delivered: Iterable[int]) -> str:
    return f"{sum(delivered) % _SUM_MODULUS:032x}"
