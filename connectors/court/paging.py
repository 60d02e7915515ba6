"""Which question to ask the court next, so that no row is lost while rows move between pages.

The list is sorted by ``gxsj``, a stamp of one second, and a row that changes moves to a later second. So the page
number is not trusted beyond one answer:

* **range**: ask page 1 from a second on; go on from the greatest second of the page, asked again whole.
* **sweep**: where that makes no way (a second longer than a page) or the page is not to be trusted (unsorted, or
  repeating a row in place of another), go through the stretch by page numbers until two successive passes list
  the same rows, then go on behind it.

A cursor is ``{"from"}`` for a range, and ``{"from","to","page","pass","sum","previous"}`` for a sweep, both with
``"floor"`` while a run is under way: its size does not depend on the data and it never holds the time of day. All
functions are pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from connectors.court.rows import fingerprint, stamp
from connectors.json_rows import stamp_text
from hub.errors import TransientError
from hub.model import SHANGHAI, Cursor, Item

#: before any record of the platform
START = datetime(2000, 1, 1, tzinfo=SHANGHAI)
#: a sweep that still finds no two equal passes is a partner that does not keep its order
MAX_PASSES = 50
#: passes that repeat a row within a page may hide another behind it; after so many it is the partner's own table
PATIENCE = 5

_SECOND = timedelta(seconds=1)
_SUM_MODULUS = 1 << 128


@dataclass(frozen=True, slots=True)
class Listing:
    """One answer of the list: the page's rows and how many rows the question has in all."""

    items: Sequence[Item]
    total: int


@dataclass(frozen=True, slots=True)
class Question:
    """Rows with ``start <= gxsj <= end`` (no end: up to the partner's now), this page of them."""

    start: datetime
    end: datetime | None
    page: int


def resume(cursor: Cursor | None, since: datetime | None, overlap_s: int) -> Cursor:
    """Where a run begins. A sweep goes on where it was; a range reads its last ``overlap_s`` again.

    A run that was cut off goes back no further than the place where it had itself been taken up: a run killed
    after every page still arrives.
    """
    if since is not None:
        return {"from": stamp_text(since)}
    if cursor is None:
        return {"from": stamp_text(START)}
    if not _is_sweep(cursor):
        reached, floor = _start_of(cursor), stamp(cursor.get("floor"))
        back = reached - timedelta(seconds=overlap_s)
        if floor is not None:
            back = min(reached, max(back, floor))
        return {"from": stamp_text(back), "floor": stamp_text(max(reached, floor or reached))}
    # a sweep given up in an earlier run gets new passes: the partner may have been repaired
    return _sweep(_start_of(cursor), stamp(cursor["to"])) if cursor["pass"] > MAX_PASSES else cursor


def question(cursor: Cursor, until: datetime | None = None) -> Question:
    """What to ask at this cursor; ``until`` bounds the whole walk."""
    if not _is_sweep(cursor):
        return Question(_start_of(cursor), until, 1)
    return Question(_start_of(cursor), stamp(cursor["to"]) or until, int(cursor["page"]))


def advance(cursor: Cursor, listing: Listing, page_size: int, until: datetime | None = None) -> tuple[Cursor, bool]:
    """The next cursor and whether to go on. Raises TransientError where the answer contradicts itself."""
    page = int(cursor["page"]) if _is_sweep(cursor) else 1
    if len(listing.items) < min(page_size, listing.total - (page - 1) * page_size):
        raise TransientError("the page holds fewer rows than it counts", kind="PARTIAL_PAGE")
    if _is_sweep(cursor):
        following, more = _after_sweep_page(cursor, listing, page_size, until)
    else:
        following, more = _after_range_page(_start_of(cursor), listing, page_size)
    return ({**following, "floor": cursor["floor"]} if more and "floor" in cursor else following), more


def covered_from(cursor: Cursor) -> datetime:
    """No row before this instant will be asked for again."""
    return _start_of(cursor)


def _after_range_page(start: datetime, listing: Listing, page_size: int) -> tuple[Cursor, bool]:
    stamps = [item.updated_at for item in listing.items if item.updated_at is not None]
    latest = max(stamps, default=None)
    distinct = len({(item.key, item.canonical) for item in listing.items})
    if listing.total <= distinct:
        return {"from": stamp_text(max(start, latest or start))}, False
    if latest is None:
        return _sweep(start, None), True
    if latest < start:
        raise TransientError(
            "the answer lies before the time asked for",
            kind="RANGE_IGNORED",
            hint="The partner ignores gxsjq or its stamps run behind its filter; ask its operator.",
        )
    is_sorted = all(one <= other for one, other in pairwise(stamps))
    if latest > start and is_sorted and distinct >= min(page_size, listing.total):
        return {"from": stamp_text(latest)}, True
    return _sweep(start, latest), True


def _after_sweep_page(cursor: Cursor, listing: Listing, page_size: int, until: datetime | None) -> tuple[Cursor, bool]:
    if cursor["pass"] > MAX_PASSES:
        raise TransientError(
            f"{MAX_PASSES} readings of one stretch of time never agreed",
            kind="UNSTABLE_ORDER",
            hint="The partner's list changes its order or content at every reading; ask its operator.",
        )
    page = int(cursor["page"])
    distinct = {fingerprint(item) for item in listing.items}
    is_repeating = len(distinct) < min(page_size, listing.total - (page - 1) * page_size)
    # a salt of its own keeps such a pass from agreeing with any other
    salt = cursor["pass"] if is_repeating and cursor["pass"] <= PATIENCE else 0
    total_sum = f"{(int(cursor['sum'], 16) + sum(distinct) + salt) % _SUM_MODULUS:032x}"
    if page * page_size < listing.total:
        return {**cursor, "page": page + 1, "sum": total_sum}, True
    # one answer is one moment: a pass of a single whole page needs no second opinion
    is_one_moment = page == 1 and listing.total <= len(distinct)
    if not is_one_moment and total_sum != cursor["previous"]:
        return _sweep(_start_of(cursor), stamp(cursor["to"]), int(cursor["pass"]) + 1, total_sum), True
    end = stamp(cursor["to"])
    if end is None:
        return {"from": cursor["from"]}, False
    return {"from": stamp_text(end + _SECOND)}, until is None or end < until


def _sweep(start: datetime, end: datetime | None, number: int = 1, previous: str = "") -> Cursor:
    return {
        "from": stamp_text(start),
        "to": stamp_text(end) if end else None,
        "page": 1,
        "pass": number,
        "sum": f"{0:032x}",
        "previous": previous,
    }


def _is_sweep(cursor: Mapping[str, object]) -> bool:
    return "page" in cursor


def _start_of(cursor: Cursor) -> datetime:
    return stamp(cursor["from"]) or START
