"""What a petition's course means: its handling entries, its hand-over to the centre, its result.

An entry's identity is field, code and the office's own time of it, never the update stamp. A time that cannot be read
is spelled ``?``, and the entry stands where the state before it stood.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from connectors.json_rows import stamp_text
from connectors.petition import codes
from connectors.petition.course import Course, Step, unit
from hub.model import Entry, HandOver, Result, shanghai_midnight
from hub.vocabulary import Channel, HandlingEventKind, Outcome, ReferralState

#: places among entries of one second: a petition's life in its order
_REGISTERED, _ROUTED, _STEP, _STAGE, _RESULT, _CLOSED, _FOLLOWED_UP, _REOPENED = range(8)


def entries_of(course: Course) -> tuple[Entry, ...]:
    """Everything the row tells to have happened. A present state that another field tells already is told once."""
    found = [*_opening(course), *_steps(course)]
    kinds = {entry.kind for entry in found}
    found += [entry for entry in _ending(course) if entry.kind not in kinds]
    kinds |= {entry.kind for entry in found}
    return (*found, *(entry for entry in _present(course) if entry.kind not in kinds))


def hand_over_of(course: Course, centre_code: str) -> HandOver | None:
    """The hand-over to the centre as it stands; None where the letter went elsewhere or nowhere."""
    mode = codes.MODES.get(course.blfs)
    if mode is None or course.qxjg != centre_code:
        return None
    state, stage_at = _referral_state(course), course.stage_at or course.registered_at
    hand_over = HandOver(
        source_event_id=_routing_id(course),
        channel=Channel.PETITION,
        mode=mode,
        from_code=course.office,
        to_code=centre_code,
        sent_at=course.routed_at or course.registered_at,
        state=state,
        # a day to act until is over when it ends
        due_at=shanghai_midnight(course.due_on) + timedelta(days=1, seconds=-1) if course.due_on else None,
    )
    latest_at = course.latest.at if course.latest else None
    if state in (ReferralState.ACCEPTED, ReferralState.IN_PROGRESS):
        return replace(hand_over, accepted_at=stage_at)
    if state is ReferralState.DECLINED:
        reason = course.latest.opinion if course.latest else ""
        return replace(hand_over, declined_at=latest_at or stage_at, returned_reason=reason)
    if state is ReferralState.CONCLUDED:
        # answered or closed without a word on the quarrel: an answer was given, nothing was settled
        outcome = codes.OUTCOMES.get(course.hjbz) if course.hjbz else Outcome.ANSWERED
        return replace(hand_over, concluded_at=course.result_at or stage_at, outcome=outcome)
    return hand_over


def result_of(course: Course) -> Result | None:
    """The result, also where its code is unknown; None while it is open."""
    if not course.hjbz:
        return None
    return Result(codes.OUTCOMES.get(course.hjbz), course.result_at or course.registered_at, _RESULT)


def _referral_state(course: Course) -> ReferralState:
    if course.hjbz:
        return ReferralState.CONCLUDED
    told = course.stage.referral if course.stage else ReferralState.SENT
    if told is ReferralState.SENT and course.latest:
        return codes.REFERRAL_AFTER_STEP.get(course.latest.code, told)
    return told


def _opening(course: Course) -> Iterator[Entry]:
    yield _entry(course, _REGISTERED, HandlingEventKind.REGISTERED, "xfjzt", codes.REGISTERED, course.registered_at, {})
    if course.blfs in codes.STEPS:
        data = {"blfs": course.blfs, "qxjg": unit(course.qxjg)}
        routed = _entry(course, _ROUTED, codes.STEPS[course.blfs], "blfs", course.blfs, course.routed_at, data)
        yield replace(routed, words=course.routing.opinion if course.routing else "")


def _steps(course: Course) -> Iterator[Entry]:
    for step in course.steps:
        if step.code not in codes.STEPS:
            continue
        kind = codes.STEPS[step.code]
        data = {"blfs": step.code, "qxjg": unit(step.qxjg)}
        if kind is HandlingEventKind.EXTENDED:
            data |= _deadline(course)
        if kind is HandlingEventKind.RESULT_RECORDED:
            data |= _known("hjbz", course.hjbz, codes.OUTCOMES)
        yield _of_step(_entry(course, _STEP, kind, "blfss", step.code, step.at, data), step)


def _of_step(entry: Entry, step: Step) -> Entry:
    # czjg is an office's code or somebody's words
    words = [step.opinion, "" if unit(step.by) else step.by]
    ordinal = f"#{step.ordinal}" if step.ordinal > 1 else ""
    return replace(
        entry,
        source_event_id=entry.source_event_id + ordinal,
        actor_code=unit(step.by),
        words="\n".join(part for part in words if part),
    )


def _ending(course: Course) -> Iterator[Entry]:
    if course.hjbz:
        data = _known("hjbz", course.hjbz, codes.OUTCOMES)
        yield _entry(course, _RESULT, HandlingEventKind.RESULT_RECORDED, "hjbz", "", course.result_at, data)
    if course.is_closed:
        yield _entry(course, _CLOSED, HandlingEventKind.CLOSED, "xfjzt", codes.CLOSED, course.ended_at, {})
    if course.hfbz == codes.YES or course.myd in codes.SATISFACTIONS:
        data = _known("myd", course.myd, codes.SATISFACTIONS)
        yield _entry(course, _FOLLOWED_UP, HandlingEventKind.FOLLOWED_UP, "hfbz", "", course.ended_at, data)


def _present(course: Course) -> Iterator[Entry]:
    kind = course.stage.kind if course.stage else None
    if kind is None:
        return
    data = {"xfjzt": course.xfjzt}
    if kind is HandlingEventKind.EXTENDED:
        data |= _deadline(course)
    position = _REOPENED if kind is HandlingEventKind.REOPENED else _STAGE
    yield _entry(course, position, kind, "xfjzt", course.xfjzt, course.stage_at, data)


def _entry(
    course: Course, position: int, kind: HandlingEventKind, field: str, code: str, at: datetime | None,
    data: Mapping[str, str],
) -> Entry:  # fmt: skip
    return Entry(
        source_event_id=_event_id(field, code, at),
        kind=kind,
        occurred_at=at or course.routed_at or course.registered_at,
        position=position,
        native_code=code,
        to_state=str(codes.STATE_AFTER.get(kind, "")),
        actor_code=course.office,
        data={name: value for name, value in data.items() if value},
    )


def _routing_id(course: Course) -> str:
    return _event_id("blfs", course.blfs, course.routed_at)


def _event_id(field: str, code: str, at: datetime | None) -> str:
    return f"{field}{f':{code}' if code else ''}@{stamp_text(at) if at else '?'}"


def _known(name: str, code: str, table: Mapping[str, object] | frozenset[str]) -> dict[str, str]:
    """The code under its name where a table explains it: nothing else may stand in append-only history."""
    return {name: code} if code in table else {}


def _deadline(course: Course) -> dict[str, str]:
    return {"xbjzrq": course.due_on.isoformat()} if course.due_on else {}
