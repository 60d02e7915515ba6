"""What a person does with a dispute: accept, reject, assign, suspend, resume, resolve, withdraw, close, reopen.

Each is one transaction: checked against the workflow, told as an event in the dispute's own stream, folded into its
state. Every act raises NotFoundError, VersionConflictError, ConflictError (not possible now), MissingFieldError and
UserInputError, and then nothing was changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hub.acts import Act
from hub.desk import Desk
from hub.errors import UserInputError
from hub.matter import Matter, opened
from hub.said import words_of
from hub.sealing import mask_code
from hub.vocabulary import DisputeState, HandlingEventKind, Outcome, TerminationReason
from hub.workflow import check_dispute

K, S = HandlingEventKind, DisputeState
_LONGEST = 200

#: what ``recordEvent`` may put down: steps on the way that move no state but to IN_PROGRESS
RECORDABLE = frozenset({K.MEDIATOR_ASSIGNED, K.SESSION_HELD, K.AGREEMENT_SIGNED, K.PERFORMED, K.TRIAGED, K.REMINDED})
_WORK = frozenset({K.SESSION_HELD, K.MEDIATOR_ASSIGNED})


async def accept_dispute(
    desk: Desk, dispute_id: str, act: Act, *, at: datetime | None = None, expected_version: int | None = None
) -> None:
    """受理."""
    async with opened(desk, dispute_id, act, at=at, expected_version=expected_version) as matter:
        _check("acceptDispute", matter, {})
        matter.tell(K.ACCEPTED, to_state=S.ACCEPTED)
        matter.stand(S.ACCEPTED)


async def reject_dispute(
    desk: Desk, dispute_id: str, act: Act, *, legal_ground: str, at: datetime | None = None,
    expected_version: int | None = None,
) -> None:  # fmt: skip
    """不予受理; ``legal_ground`` names the article it rests on."""
    async with opened(desk, dispute_id, act, at=at, expected_version=expected_version) as matter:
        ground = _short(legal_ground, "legalGround")
        _check("rejectDispute", matter, {"reason": act.words, "legalGround": ground})
        matter.tell(K.REJECTED, to_state=S.REJECTED, data={"legal_ground": ground})
        matter.stand(S.REJECTED)


async def assign_dispute(
    desk: Desk, dispute_id: str, act: Act, *, assignee: str, assignee_code: str = "", is_suitable: bool | None,
    at: datetime | None = None, expected_version: int | None = None,
) -> None:  # fmt: skip
    """分流: who has it in hand from now on; ``is_suitable`` says that it can be mediated at all."""
    async with opened(desk, dispute_id, act, at=at, expected_version=expected_version) as matter:
        name, code = _short(assignee, "assignee"), _unit(assignee_code)
        _check("assignDispute", matter, {"assignee": name, "isSuitable": is_suitable})
        if not is_suitable:
            raise UserInputError(
                "what is not suitable for mediation is not assigned", field="isSuitable",
                hint="Reject it, decline the referral, or refer it to the proper procedure.",
            )  # fmt: skip
        is_under_way = matter.state == S.IN_PROGRESS.value
        matter.tell(K.TRIAGED, to_state=None if is_under_way else S.ASSIGNED, data={"to_code": code})
        if not is_under_way:
            matter.stand(S.ASSIGNED)
        matter.note(assignee_code=code, assignee_name=name)


async def record_event(
    desk: Desk, dispute_id: str, act: Act, *, kind: HandlingEventKind, data: Mapping[str, str] | None = None,
    at: datetime | None = None, expected_version: int | None = None,
) -> None:  # fmt: skip
    """A step on the way (调解会, 指派调解员 …). ``data`` holds codes and numbers alone."""
    async with opened(desk, dispute_id, act, at=at, expected_version=expected_version) as matter:
        _check("recordEvent", matter, {"kind": kind})
        if kind not in RECORDABLE:
            raise UserInputError(
                f"{kind} is not put down by hand", field="kind",
                hint=f"Possible: {', '.join(sorted(one.value for one in RECORDABLE))}.",
            )  # fmt: skip
        begins = kind in _WORK and matter.state in (S.ACCEPTED.value, S.ASSIGNED.value, S.REOPENED.value)
        stated = {name: mask_code(_short(value, name)) for name, value in (data or {}).items()}
        matter.tell(kind, to_state=S.IN_PROGRESS if begins else None, data=stated)
        if begins:
            matter.stand(S.IN_PROGRESS)


async def suspend_dispute(
    desk: Desk, dispute_id: str, act: Act, *, at: datetime | None = None, expected_version: int | None = None
) -> None:
    """中止."""
    async with opened(desk, dispute_id, act, at=at, expected_version=expected_version) as matter:
        _check("suspendDispute", matter, {"reason": act.words})
        matter.tell(K.SUSPENDED, to_state=S.SUSPENDED)
        matter.stand(S.SUSPENDED, suspended_from=matter.state)


async def resume_dispute(
    desk: Desk, dispute_id: str, act: Act, *, at: datetime | None = None, expected_version: int | None = None
) -> None:
    """恢复: back to the state it was suspended from."""
    async with opened(desk, dispute_id, act, at=at, expected_version=expected_version) as matter:
        _check("resumeDispute", matter, {})
        back = S(matter.row.suspended_from or S.ACCEPTED.value)
        matter.tell(K.RESUMED, to_state=back)
        matter.stand(back, suspended_from=None)


async def resolve_dispute(
    desk: Desk, dispute_id: str, act: Act, *, outcome: Outcome, termination_reason: TerminationReason | None = None,
    agreement_no: str = "", at: datetime | None = None, expected_version: int | None = None,
) -> None:  # fmt: skip
    """How the mediation of a matter without referral ended; a referral's end is its own (``concludeReferral``)."""
    async with opened(desk, dispute_id, act, at=at, expected_version=expected_version) as matter:
        _check("resolveDispute", matter, {"outcome": outcome})
        number = check_ending(outcome, termination_reason, agreement_no)
        state = S.RESOLVED if outcome.resolves else S.UNRESOLVED
        data = {
            "outcome": outcome.value, "agreement_no": number,
            "termination_reason": termination_reason.value if termination_reason else "",
        }  # fmt: skip
        matter.tell(K.RESULT_RECORDED, to_state=state, data=data)
        matter.stand(state, outcome=outcome.value)


async def withdraw_dispute(
    desk: Desk, dispute_id: str, act: Act, *, at: datetime | None = None, expected_version: int | None = None
) -> None:
    """撤回: whoever brought it wants it no more."""
    async with opened(desk, dispute_id, act, at=at, expected_version=expected_version) as matter:
        _check("withdrawDispute", matter, {"reason": act.words})
        matter.tell(K.WITHDRAWN, to_state=S.WITHDRAWN)
        matter.stand(S.WITHDRAWN, outcome=Outcome.WITHDRAWN.value)


async def record_follow_up(
    desk: Desk, dispute_id: str, act: Act, *, reached: bool, solved: str = "", satisfaction: str = "",
    at: datetime | None = None, expected_version: int | None = None,
) -> None:  # fmt: skip
    """回访. ``solved``: YES, NO or NO_ANSWER; ``satisfaction``: SATISFIED, BASICALLY, DISSATISFIED or NO_ANSWER."""
    async with opened(desk, dispute_id, act, at=at, expected_version=expected_version) as matter:
        _check("recordFollowUp", matter, {"reached": reached})
        data = {"reached": "1" if reached else "0", "solved": solved, "satisfaction": satisfaction}
        is_still_open = matter.state != S.FOLLOW_UP.value
        matter.tell(K.FOLLOWED_UP, to_state=S.FOLLOW_UP if is_still_open else None, data=data)
        if is_still_open:
            matter.stand(S.FOLLOW_UP, outcome=matter.row.outcome)


async def close_dispute(
    desk: Desk, dispute_id: str, act: Act, *, at: datetime | None = None, expected_version: int | None = None
) -> None:
    """办结归档. Nothing of it is concluded afterwards unless it is reopened."""
    async with opened(desk, dispute_id, act, at=at, expected_version=expected_version) as matter:
        _check("closeDispute", matter, {})
        matter.tell(K.CLOSED, to_state=S.CLOSED)
        matter.stand(S.CLOSED, outcome=matter.row.outcome)


async def reopen_dispute(
    desk: Desk, dispute_id: str, act: Act, *, at: datetime | None = None, expected_version: int | None = None
) -> None:
    """反弹重启."""
    async with opened(desk, dispute_id, act, at=at, expected_version=expected_version) as matter:
        _check("reopenDispute", matter, {"reason": act.words})
        matter.tell(K.REOPENED, to_state=S.REOPENED)
        matter.stand(S.REOPENED)


def check_ending(outcome: Outcome, reason: TerminationReason | None, agreement_no: str) -> str:
    """The agreement's number as it may be stored. Raises UserInputError where outcome, reason and number disagree."""
    number = mask_code(_short(agreement_no, "agreementNo"))
    by_agreement = outcome in (Outcome.AGREED, Outcome.PERFORMED)
    if number and not by_agreement:
        raise UserInputError(f"{outcome} comes without an agreement", field="agreementNo")
    allowed = _REASONS.get(outcome)
    if reason is not None and allowed is not None and reason not in allowed:
        raise UserInputError(
            f"{outcome} does not end by {reason}", field="terminationReason",
            hint=f"Possible: {', '.join(sorted(one.value for one in allowed))}.",
        )  # fmt: skip
    return number


T = TerminationReason
#: which of art. 25's endings (人民法院在线调解规则) an outcome may have; others take any
_REASONS: Mapping[Outcome, frozenset[TerminationReason]] = {
    Outcome.AGREED: frozenset({T.AGREEMENT}),
    Outcome.PERFORMED: frozenset({T.AGREEMENT}),
    Outcome.SELF_SETTLED: frozenset({T.SELF_SETTLED}),
    Outcome.WITHDRAWN: frozenset({T.SELF_SETTLED, T.OTHER}),
    Outcome.UNREACHABLE: frozenset({T.UNREACHABLE}),
    Outcome.REFUSED: frozenset({T.REFUSED, T.SIGNATURE_REFUSED}),
    Outcome.NOT_AGREED: frozenset({T.TOO_FAR_APART, T.TIME_LIMIT, T.SIGNATURE_REFUSED, T.OTHER}),
}


def _check(name: str, matter: Matter, given: Mapping[str, Any]) -> None:
    check_dispute(name, matter.state, matter.referrals, given)


def _short(value: str, field: str) -> str:
    return words_of(value, field, longest=_LONGEST)


def _unit(code: str) -> str:
    if code and not (len(code) == 12 and code.isascii() and code.isdigit()):
        raise UserInputError("a unit code has 12 digits", field="assigneeCode")
    return code
