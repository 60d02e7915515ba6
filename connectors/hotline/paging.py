"""Where to go on in the hotline's list, so that no order is lost while orders change.

The list is a keyset: rows behind a place (updatedAt, id), ascending; an order that changes moves to the end. A cursor
is ``{"from", "after"}``, with ``"floor"`` and ``"floor_after"`` while a run is under way: its size does not depend on
the data and it never holds the time of day. All functions are pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from connectors.hotline.rows import stamp
from connectors.json_rows import stamp_text
from hub.errors import TransientError
from hub.model import SHANGHAI, Cursor, Item


class Place(NamedTuple):
    """A place in the list; places compare as the list is sorted."""

    at: datetime
    id: int


#: before any order of the hotline
START = Place(datetime(2000, 1, 1, tzinfo=SHANGHAI), 0)


@dataclass(frozen=True, slots=True)
class Listing:
    """One answer of the list: its rows, where each of them stands (None: unreadable), and whether more follow."""

    items: Sequence[Item]
    places: Sequence[Place | None]
    more: bool
    #: nothing in the answer proves that it is whole
    is_doubtful: bool = False

    @property
    def known(self) -> list[Place]:
        """The readable places, in the page's order."""
        return [place for place in self.places if place is not None]

    @property
    def reach(self) -> Place | None:
        """How far the page leads: to its end, but one out of order no further than to its middle.

        There a single row with a wild stamp would lead past all others; the second half is simply read again.
        """
        known = sorted(self.known)
        if not known:
            return None
        return known[-1] if self.is_sorted else known[(len(known) - 1) // 2]

    @property
    def named(self) -> frozenset[tuple[str, Place]]:
        """Which version of which order the page holds."""
        rows = zip(self.items, self.places, strict=True)
        return frozenset((item.key, place) for item, place in rows if place is not None)

    @property
    def is_sorted(self) -> bool:
        """Each row stands behind the one before it, as a keyset's must; a repeated row does not."""
        return all(one < other for one, other in pairwise(self.known))


def resume(cursor: Cursor | None, since: datetime | None, overlap_s: int) -> Cursor:
    """Where a run begins: the kept place less the overlap, ``since``, or the very start.

    A run that was cut off goes back no further than the place where it had itself been taken up: a run killed
    after every page still arrives.
    """
    if since is not None or cursor is None:
        return _written(Place(since, 0) if since is not None else START)
    reached = place_of(cursor)
    floor = _floor_of(cursor)
    back = Place(reached.at - timedelta(seconds=overlap_s), 0)
    if floor is not None:
        back = min(reached, max(back, floor))
    floor = max(reached, floor or reached)
    return {**_written(back), "floor": stamp_text(floor.at), "floor_after": floor.id}


def place_of(cursor: Cursor) -> Place:
    """Rows behind this place are asked for."""
    return Place(stamp(cursor["from"]) or START.at, int(cursor["after"]))


def advance(cursor: Cursor, listing: Listing) -> Cursor:
    """The next cursor. Raises TransientError where a page promises more and leads nowhere."""
    here, reach = place_of(cursor), listing.reach
    if listing.more and (reach is None or reach <= here):
        raise TransientError(
            "the page promises more and ends before the place asked for",
            kind="RANGE_IGNORED",
            hint="The partner ignores updatedFrom or afterId, or its stamps run behind its filter; ask its operator.",
        )
    following = _written(max(here, reach or here))
    if listing.more and "floor" in cursor:
        following |= {"floor": cursor["floor"], "floor_after": cursor["floor_after"]}
    return following


def confirmed(listing: Listing, again: Listing) -> Listing:
    """The page, after a second reading of the same question. Raises TransientError where that shows it has gaps.

    What stands behind the page's last row came or changed between the two, or was cut off: so more follows.
    """
    last = max(listing.known, default=None)
    missing = again.named - listing.named
    if any(last is None or place <= last for _, place in missing):
        raise TransientError("a second reading found orders that the page lacked", kind="PARTIAL_PAGE")
    return replace(listing, more=listing.more or bool(missing))


def _floor_of(cursor: Mapping[str, object]) -> Place | None:
    at = stamp(cursor.get("floor"))
    return Place(at, int(str(cursor.get("floor_after", 0)))) if at is not None else None


def _written(place: Place) -> dict[str, object]:
    return {"from": stamp_text(place.at), "after": place.id}
