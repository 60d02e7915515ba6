"""What current facts say against themselves: impossible sequences of one record, results that contradict each other.

Pure functions of the facts as they stand: what they find appears with its facts and vanishes with them (law 3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, time
from itertools import combinations
from typing import Any

from hub.model import SHANGHAI, Entry
from hub.referrals import CONCLUDED_STATES
from hub.vocabulary import Channel, HandlingEventKind, Outcome, ReferralState

_RESULTS = frozenset({HandlingEventKind.RESULT_RECORDED, HandlingEventKind.RESULT_CORRECTED})


def anomalies(entries: Iterable[Entry], channel: Channel) -> Mapping[str, Entry]:
    """The rules a record's course breaks, each with the first entry that breaks it."""
    course = sorted(entries, key=lambda entry: (entry.occurred_at, entry.position, entry.kind.rank))
    registered = min(
        (entry.occurred_at for entry in course if entry.kind is HandlingEventKind.REGISTERED), default=None
    )
    found: dict[str, Entry] = {}
    seen: set[HandlingEventKind] = set()
    for entry in course:
        if registered is not None and _is_before(entry.occurred_at, registered):
            found.setdefault("BEFORE_REGISTRATION", entry)
        # only a court hands every mediation over: other agencies may settle a matter at their own desk
        is_handed_over = HandlingEventKind.REFERRED in seen or channel is not Channel.LITIGATION
        if entry.kind in _RESULTS and not is_handed_over:
            found.setdefault("RESULT_WITHOUT_REFERRAL", entry)
        if entry.kind is HandlingEventKind.RESULT_CORRECTED and not seen & _RESULTS:
            found.setdefault("CORRECTION_WITHOUT_RESULT", entry)
        seen.add(entry.kind)
    return found


def _is_before(at: datetime, registered: datetime) -> bool:
    # midnight to the second is a date without a time: it may be any hour of that day
    is_date = at.astimezone(SHANGHAI).time() == time()
    return at.astimezone(SHANGHAI).date() < registered.astimezone(SHANGHAI).date() if is_date else at < registered


def conflicting_results(referrals: Iterable[Any]) -> tuple[str, ...]:
    """Ids of referrals that overlap in time and end differently, in their order; empty where none do."""
    ended = [
        row for row in referrals
        if row.outcome and row.concluded_at is not None and ReferralState(row.state) in CONCLUDED_STATES
    ]  # fmt: skip
    found: set[str] = set()
    for one, other in combinations(ended, 2):
        is_side_by_side = one.sent_at < other.concluded_at and other.sent_at < one.concluded_at
        if is_side_by_side and _ending(one) is not _ending(other):
            found |= {one.id, other.id}
    return tuple(sorted(found))


def _ending(referral: Any) -> Outcome:
    outcome = Outcome(referral.outcome)
    # a performed agreement is an agreement
    return Outcome.AGREED if outcome is Outcome.PERFORMED else outcome
