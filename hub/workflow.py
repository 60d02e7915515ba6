"""The workflow 受理 → 分流 → 化解 → 督办 → 回访 as rules: which move is possible when, and what it needs.

Rules bind commands alone; a partner's fact is kept however it comes. Supervision, overdue and warning lie over a state
and are none. A move is called as the mutation that makes it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.errors import ConflictError, MissingFieldError
from hub.referrals import OPEN_STATES
from hub.vocabulary import Channel, DisputeState, Outcome, ReferralDirection, ReferralMode, ReferralState

S, R = DisputeState, ReferralState

#: why a move that its state allows must wait, as ``availableActions`` names it
OPEN_REFERRAL, OWED_RETURN = "OPEN_REFERRAL", "OWED_RETURN"


@dataclass(frozen=True, slots=True)
class Move:
    """One move: from which states, and which fields of its input it cannot do without."""

    name: str
    from_states: frozenset[str]
    needs: tuple[str, ...] = ()


def _dispute(name: str, *states: DisputeState, needs: tuple[str, ...] = ()) -> Move:
    return Move(name, frozenset(state.value for state in states), needs)


def _referral(name: str, *states: ReferralState, needs: tuple[str, ...] = ()) -> Move:
    return Move(name, frozenset(state.value for state in states), needs)


_ENDED = (S.RESOLVED, S.UNRESOLVED, S.EXITED, S.FOLLOW_UP)
_AT_WORK = (S.ACCEPTED, S.ASSIGNED, S.IN_PROGRESS, S.REOPENED)

DISPUTE_MOVES: Mapping[str, Move] = {
    move.name: move
    for move in (
        _dispute("acceptDispute", S.REGISTERED, S.ASSIGNED, S.REOPENED),
        _dispute("rejectDispute", S.REGISTERED, S.ACCEPTED, S.ASSIGNED, needs=("reason", "legalGround")),
        _dispute("assignDispute", S.REGISTERED, *_AT_WORK, needs=("assignee", "isSuitable")),
        _dispute("recordEvent", S.REGISTERED, *_AT_WORK, S.SUSPENDED, *_ENDED, needs=("kind",)),
        _dispute("suspendDispute", *_AT_WORK, needs=("reason",)),
        _dispute("resumeDispute", S.SUSPENDED),
        _dispute("resolveDispute", *_AT_WORK, needs=("outcome",)),
        _dispute("withdrawDispute", S.REGISTERED, *_AT_WORK, S.SUSPENDED, needs=("reason",)),
        _dispute("referDispute", S.REGISTERED, *_AT_WORK, S.SUSPENDED, S.RESOLVED, S.UNRESOLVED, S.FOLLOW_UP,
                 needs=("target", "mode", "reason")),
        _dispute("recordFollowUp", *_ENDED, needs=("reached",)),
        _dispute("closeDispute", *_ENDED, S.REJECTED, S.WITHDRAWN),
        _dispute("reopenDispute", S.RESOLVED, S.UNRESOLVED, S.FOLLOW_UP, S.REJECTED, S.WITHDRAWN, S.CLOSED,
                 needs=("reason",)),
    )
}  # fmt: skip

_ARRIVED = (R.SENT, R.DELIVERED, R.SIGNED)
_TAKEN = (R.ACCEPTED, R.IN_PROGRESS)
_DONE = (R.CONCLUDED, R.RETURN_QUEUED, R.RETURNED, R.RETURN_ACKED)

#: moves on a hand-over to the centre
INBOUND_MOVES: Mapping[str, Move] = {
    move.name: move
    for move in (
        _referral("acceptReferral", *_ARRIVED, needs=("isSuitable",)),
        _referral("declineReferral", *_ARRIVED, needs=("declineReason", "words")),
        _referral("extendReferral", R.SIGNED, *_TAKEN, needs=("dueOn", "words")),
        _referral("concludeReferral", *_TAKEN, needs=("outcome",)),
        _referral("correctReferral", *_DONE, needs=("outcome", "reason")),
        _referral("applyForConfirmation", *_DONE, needs=("agreementNo",)),
        _referral("escalateReferral", *_ARRIVED, *_TAKEN, needs=("words",)),
    )
}
#: moves on a hand-over of ours; accept, decline and conclude only where no wire tells of it
OUTBOUND_MOVES: Mapping[str, Move] = {
    move.name: move
    for move in (
        _referral("cancelReferral", R.DRAFT, R.QUEUED, R.SENT, needs=("reason",)),
        _referral("acceptReferral", *_ARRIVED),
        _referral("declineReferral", *_ARRIVED, R.ACCEPTED, needs=("words",)),
        _referral("concludeReferral", *_TAKEN, needs=("outcome",)),
    )
}


@dataclass(frozen=True, slots=True)
class Possible:
    """A move that the state allows. ``missing`` names fields it needs, and in capitals what stands in its way."""

    name: str
    missing: tuple[str, ...] = ()


def dispute_actions(state: str, referrals: Sequence[Any]) -> list[Possible]:
    """What is possible with a dispute in this state, with these referrals of it."""
    return [
        Possible(move.name, (*move.needs, *obstacles(move.name, referrals)))
        for move in DISPUTE_MOVES.values()
        if state in move.from_states
    ]


def referral_actions(referral: Any, dispute_state: str) -> list[Possible]:
    """What is possible with a referral. Nothing is concluded after its dispute is closed."""
    if dispute_state == S.CLOSED.value:
        return []
    moves = moves_of(referral)
    return [
        Possible(move.name, needs_of(move, referral, {}))
        for move in moves.values()
        if referral.state in move.from_states and _is_for(move.name, referral)
    ]


def moves_of(referral: Any) -> Mapping[str, Move]:
    """By direction."""
    return INBOUND_MOVES if referral.direction == ReferralDirection.IN.value else OUTBOUND_MOVES


def obstacles(move: str, referrals: Iterable[Any]) -> tuple[str, ...]:
    """What must be done first."""
    inbound = [one for one in referrals if one.direction == ReferralDirection.IN.value]
    is_open = any(ReferralState(one.state) in OPEN_STATES for one in inbound)
    if move in ("resolveDispute", "withdrawDispute", "rejectDispute", "closeDispute") and is_open:
        return (OPEN_REFERRAL,)
    outbound = [one for one in referrals if one.direction == ReferralDirection.OUT.value]
    waits = (R.DRAFT.value, R.QUEUED.value, R.SENT.value, R.DELIVERED.value, R.SIGNED.value)
    if move == "closeDispute" and any(one.state in waits for one in outbound):
        return (OPEN_REFERRAL,)
    if move == "closeDispute" and any(
        one.owes_return and one.state in (R.RETURN_QUEUED.value, R.RETURNED.value) for one in inbound
    ):
        return (OWED_RETURN,)
    return ()


def check_dispute(name: str, state: str, referrals: Sequence[Any], given: Mapping[str, Any]) -> None:
    """Raises ConflictError where the move is not possible now, MissingFieldError for what it needs."""
    move = DISPUTE_MOVES[name]
    if state not in move.from_states:
        raise ConflictError(
            f"{name} is not possible while the dispute is {state}",
            hint=f"Possible from {', '.join(sorted(move.from_states))}.",
        )
    in_the_way = obstacles(name, referrals)
    if in_the_way:
        hint = {
            OPEN_REFERRAL: "Conclude, decline or cancel its open referrals first.",
            OWED_RETURN: "The origin has not confirmed the returned result yet.",
        }[in_the_way[0]]
        raise ConflictError(f"{name} is not possible yet: {in_the_way[0]}", hint=hint)
    require(move.needs, given)


def check_referral(name: str, referral: Any, dispute_state: str, given: Mapping[str, Any]) -> None:
    """Raises ConflictError where the move is not possible now, MissingFieldError for what it needs."""
    move = moves_of(referral).get(name)
    if move is None or not _is_for(name, referral):
        raise ConflictError(f"{name} is not possible with this referral")
    if dispute_state == S.CLOSED.value:
        raise ConflictError("its dispute is CLOSED", hint="Reopen the dispute first.")
    if referral.state not in move.from_states:
        raise ConflictError(
            f"{name} is not possible while the referral is {referral.state}",
            hint=f"Possible from {', '.join(sorted(move.from_states))}.",
        )
    require(needs_of(move, referral, given), given)


def needs_of(move: Move, referral: Any, given: Mapping[str, Any]) -> tuple[str, ...]:
    """What a move on this referral needs, given what was said so far."""
    needs = list(move.needs)
    is_inbound = referral.direction == ReferralDirection.IN.value
    if move.name == "acceptReferral" and is_inbound and referral.mode in (
        ReferralMode.DELEGATE.value, ReferralMode.ENTRUST.value
    ):  # fmt: skip
        # 委派、委托调解以当事人同意为前提
        needs.append("hasConsent")
    if move.name in ("concludeReferral", "correctReferral") and is_inbound and given.get("outcome"):
        outcome = Outcome(given["outcome"])
        if outcome in (Outcome.AGREED, Outcome.PERFORMED):
            needs.append("agreementNo")
        elif outcome is not Outcome.SELF_SETTLED:
            needs.append("terminationReason")
            if referral.channel == Channel.LITIGATION.value:
                needs.append("undisputedFacts")
    return tuple(needs)


def require(needs: Collection[str], given: Mapping[str, Any]) -> None:
    """Raises MissingFieldError naming the first field that is missing."""
    for name in needs:
        value = given.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            raise MissingFieldError(f"{name} is needed", field=name)


def _is_for(name: str, referral: Any) -> bool:
    if name == "applyForConfirmation":
        return bool(
            referral.channel == Channel.LITIGATION.value
            and referral.outcome in (Outcome.AGREED.value, Outcome.PERFORMED.value)
        )
    if name == "escalateReferral":
        return bool(referral.channel == Channel.POLICE.value)
    if referral.direction == ReferralDirection.OUT.value and name != "cancelReferral":
        # what a wire carries, the partner itself answers
        return not referral.instance
    return True
