"""The dates and hand-overs of one court matter along its route.

Given a deadline, everything that belongs to the matter has happened before it: the golden history is complete.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from connectors.sandbox.matters import CENTRE, Ending, HandOver
from connectors.sandbox.routes import CourtRoute
from connectors.sandbox.stories import undisputed
from connectors.sandbox.timeline import Timeline
from hub.vocabulary import Outcome, ReferralMode

#: units other than the centre to which the court hands over too
OTHER_UNITS = ("620725101901", "620725180000", "620725105901")
_FAILURES = (
    (Outcome.UNREACHABLE, "3"),
    (Outcome.REFUSED, "4"),
    (Outcome.NOT_AGREED, "5"),
    (Outcome.NOT_AGREED, "5"),
    (Outcome.NOT_AGREED, "6"),
    (Outcome.REFUSED, "7"),
    (Outcome.NOT_AGREED, "8"),
)
_AGREED = frozenset(
    {
        CourtRoute.AGREED,
        CourtRoute.AGREED_CONFIRMED,
        CourtRoute.AGREED_AT_SECOND_HAND_OVER,
        CourtRoute.AGREED_ENTRUSTED,
        CourtRoute.AGREED_ADMINISTRATIVE,
        CourtRoute.FAILED_AFTER_CORRECTION,
        CourtRoute.DIVERTED_ELSEWHERE,
    }
)


@dataclass(frozen=True, slots=True)
class CourtCourse:
    """The court's own dates; see :class:`connectors.sandbox.matters.CourtMatter`."""

    committed_at: datetime
    decided_at: datetime
    numbered_at: datetime | None
    hand_overs: tuple[HandOver, ...]
    confirmed_at: datetime | None = None
    docketed_at: datetime | None = None
    archived_at: datetime | None = None


def court_course(route: CourtRoute, rng: Random, received_at: datetime, deadline: datetime | None) -> CourtCourse:
    """The course of a matter received then."""
    line = Timeline(rng, received_at, deadline, steps=11)
    online = rng.random() < 0.6
    committed_at = received_at - timedelta(seconds=rng.randrange(5 * 86400)) if online else received_at
    decided_at = line.step(0, 3)
    if route.is_diverted or route is CourtRoute.DIVERTED_ELSEWHERE:
        return _diverted(route, rng, line, committed_at, decided_at, deadline)
    if route in (CourtRoute.REFUSED, CourtRoute.REFUSED_ADMINISTRATIVE):
        return CourtCourse(committed_at, decided_at, None, ())
    numbered_at = line.step(0, 2)
    # a trial takes months: what was docketed late in the period is still before the court
    ended_at = numbered_at + timedelta(days=rng.randint(35, 100))
    archived_at = ended_at if deadline is None or ended_at < deadline else None
    return CourtCourse(committed_at, decided_at, numbered_at, (), archived_at=archived_at)


def _diverted(
    route: CourtRoute,
    rng: Random,
    line: Timeline,
    committed_at: datetime,
    decided_at: datetime,
    deadline: datetime | None,
) -> CourtCourse:
    unit = rng.choice(OTHER_UNITS) if route is CourtRoute.DIVERTED_ELSEWHERE else CENTRE
    mode, handed_at = ReferralMode.DELEGATE, decided_at
    numbered_at: datetime | None = None
    if route.is_entrusted:
        numbered_at = line.step(0, 2)
        mode, handed_at = ReferralMode.ENTRUST, line.step(1, 6)
    hand_overs: list[HandOver] = []
    if route in (CourtRoute.DECLINED, CourtRoute.AGREED_AT_SECOND_HAND_OVER):
        declined = Ending(Outcome.NOT_SUITABLE, None, line.step(1, 2))
        hand_overs.append(HandOver(handed_at, unit, mode, declined))
        if route is CourtRoute.DECLINED:
            return CourtCourse(committed_at, decided_at, line.step(1, 3), tuple(hand_overs))
        handed_at = line.step(0, 2)
    if numbered_at is None:
        numbered_at = line.step(0, 2)
    ending = _ending(route, rng, line, deadline)
    hand_overs.append(HandOver(handed_at, unit, mode, ending))
    confirmed_at = docketed_at = None
    if ending.confirm_at is not None:
        confirmed_at = line.step(1, 3)
    if route in (CourtRoute.FAILED_DOCKETED_SAME_ID, CourtRoute.FAILED_DOCKETED_NEW_ID):
        docketed_at = line.step(2, 9)
    return CourtCourse(
        committed_at, decided_at, numbered_at, tuple(hand_overs), confirmed_at, docketed_at, line.step(3, 10)
    )


def _ending(route: CourtRoute, rng: Random, line: Timeline, deadline: datetime | None) -> Ending:
    accepted_at = line.step(0, 2)
    concluded_at = line.step(3, 24)
    if route in _AGREED or route is CourtRoute.AGREED_AFTER_CORRECTION:
        agreed = Ending(_success(rng), accepted_at, concluded_at, agreement_no=_agreement_no(concluded_at, rng))
        failed = _failed(rng, accepted_at, concluded_at)
        if route is CourtRoute.AGREED_AFTER_CORRECTION:
            at = line.step(1, 5)
            correction = Ending(Outcome.AGREED, accepted_at, at, agreement_no=_agreement_no(at, rng))
            return replace(failed, corrected=correction)
        if route is CourtRoute.FAILED_AFTER_CORRECTION:
            return replace(agreed, corrected=_failed(rng, accepted_at, line.step(1, 5)))
        # the confirmation's number follows a day after its acceptance and must still be history
        if route is CourtRoute.AGREED_CONFIRMED and (deadline is None or deadline - line.now > timedelta(days=9)):
            return replace(agreed, confirm_at=line.step(1, 4))
        return agreed
    if route is CourtRoute.SELF_SETTLED:
        return Ending(Outcome.SELF_SETTLED, accepted_at, concluded_at)
    return _failed(rng, accepted_at, concluded_at)


def _failed(rng: Random, accepted_at: datetime, at: datetime) -> Ending:
    outcome, reason = rng.choice(_FAILURES)
    return Ending(outcome, accepted_at, at, reason, undisputed=undisputed(rng))


def _success(rng: Random) -> Outcome:
    return Outcome.PERFORMED if rng.random() < 0.4 else Outcome.AGREED


def _agreement_no(at: datetime, rng: Random) -> str:
    return f"山综调{at:%Y%m%d}{rng.randrange(10**6):06d}"
