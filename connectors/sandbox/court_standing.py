"""Where a row stands between court and centre, read from its log alone."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.sandbox.court_rows import Row
from connectors.sandbox.matters import CENTRE


@dataclass(frozen=True, slots=True)
class Standing:
    """What may be pushed about a row depends on this."""

    is_handed_over: bool
    #: a hand-over to the centre waits for its result
    is_open: bool
    #: ``at`` of the entry that ended the latest hand-over; '' while open
    ended_at: str
    #: tjjg of the latest result; None where there is none
    result: str | None
    #: an application for confirmation is undecided or was accepted
    is_confirming: bool


def standing_of(row: Row) -> Standing:
    """Read the log from its beginning."""
    is_handed_over = is_open = is_confirming = False
    ended_at, result = "", None
    declined_by: str | None = ""
    confirmed_by: str | None = ""
    for entry in row["logs"]:
        kind, at, sldh = entry["acceptType"], str(entry["at"]), entry["sldh"]
        if kind == 80 and entry["org"] == CENTRE:
            is_handed_over, is_open, ended_at = True, True, ""
        elif kind in (60, 61) and entry["org"] == CENTRE:
            is_open, ended_at, result = False, at, entry["tjjg"]
        elif kind == 4 and entry["org"] == CENTRE:
            is_open, ended_at, declined_by = False, at, sldh
        elif kind == 98:
            is_confirming, confirmed_by = True, sldh
        elif kind in (980, 982):
            if sldh == confirmed_by:
                is_confirming = False
            if kind == 982 and sldh == declined_by:
                # the court refuses the decline: the hand-over stays with the centre
                is_open, ended_at = True, ""
    return Standing(is_handed_over, is_open, ended_at, result, is_confirming)
