"""Where a referral stands: a pure function of what the partner tells, what we did, and how far our messages came.

A partner's fact is never thrown away: of two results the later one counts. What we decided shows at once; what became
of it at the partner shows as the partner answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from hub.model import HandOver
from hub.vocabulary import CommandKind, MessageState, Outcome, ReferralDirection, ReferralState, TerminationReason

#: which steps bring a result back to the origin
RETURNING = frozenset({CommandKind.RETURN.value})


@dataclass(frozen=True, slots=True)
class Told:
    """What the partner's record tells of a hand-over, codes and instants alone."""

    state: ReferralState
    accepted_at: datetime | None = None
    declined_at: datetime | None = None
    concluded_at: datetime | None = None
    return_acked_at: datetime | None = None
    due_at: datetime | None = None
    #: until when it may go back
    return_by_at: datetime | None = None
    outcome: Outcome | None = None
    termination_reason: TerminationReason | None = None
    agreement_no: str = ""
    partner_ref: str = ""

    @classmethod
    def of(cls, hand_over: HandOver, agreement_no: str, partner_ref: str) -> Told:
        """From a hand-over, its two free texts already made safe to store."""
        return cls(
            hand_over.state, hand_over.accepted_at, hand_over.declined_at, hand_over.concluded_at,
            hand_over.return_acked_at, hand_over.due_at, hand_over.return_by_at, hand_over.outcome,
            hand_over.termination_reason, agreement_no, partner_ref,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Own:
    """What we did with a referral, codes and instants alone. What was taken back is None again."""

    accepted_at: datetime | None = None
    declined_at: datetime | None = None
    decline_reason: str = ""
    concluded_at: datetime | None = None
    outcome: Outcome | None = None
    termination_reason: TerminationReason | None = None
    agreement_no: str = ""
    performance: str = ""
    has_written_application: bool | None = None
    extended_to: datetime | None = None
    #: how often the result was given: 1 is the first, further ones are corrections
    revision: int = 0
    #: outbound: when it was taken back before the partner took it
    cancelled_at: datetime | None = None
    consent: bool | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """One message of ours about a referral, as far as its standing goes."""

    command: str
    state: str
    queued_at: datetime
    delivered_at: datetime | None = None
    answered_at: datetime | None = None
    partner_ref: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """The columns that everybody reads."""

    state: ReferralState
    outcome: Outcome | None
    termination_reason: TerminationReason | None
    agreement_no: str
    accepted_at: datetime | None
    declined_at: datetime | None
    concluded_at: datetime | None
    delivered_at: datetime | None
    returned_at: datetime | None
    return_acked_at: datetime | None
    due_at: datetime | None
    partner_ref: str


def inbound(told: Told, own: Own, sent: Iterable[Sent], *, owes_return: bool) -> Standing:
    """Of a hand-over to the centre."""
    messages = sorted(sent, key=lambda one: one.queued_at)
    returns = [one for one in messages if one.command in RETURNING]
    last = returns[-1] if returns else None
    is_ours = own.concluded_at is not None and (
        told.concluded_at is None or told.concluded_at <= own.concluded_at or _says_the_same(told.outcome, own.outcome)
    )
    concluded_at = min(filter(None, (own.concluded_at, told.concluded_at)), default=None)
    outcome, reason = (own.outcome, own.termination_reason) if is_ours else (told.outcome, told.termination_reason)
    acked_at = told.return_acked_at or (last.answered_at if last and last.state == MessageState.ACKED.value else None)
    returned_at = last.delivered_at if last else None
    declined_at = _declined_at(told, own, messages)
    accepted_at = min(filter(None, (told.accepted_at, own.accepted_at)), default=None)
    if concluded_at is not None:
        state = _return_state(told, last, acked_at, owes_return=owes_return and own.concluded_at is not None)
    elif declined_at is not None:
        state = ReferralState.DECLINED
    elif own.accepted_at is not None:
        state = ReferralState.IN_PROGRESS
    else:
        state = told.state if told.state is not ReferralState.DECLINED else ReferralState.SENT
    return Standing(
        state, outcome, reason, (own.agreement_no if is_ours else told.agreement_no) or own.agreement_no,
        accepted_at, declined_at, concluded_at, None, returned_at, acked_at, own.extended_to or told.due_at,
        told.partner_ref or (last.partner_ref if last else ""),
    )  # fmt: skip


def _says_the_same(told: Outcome | None, own: Outcome | None) -> bool:
    """Whether the partner's word is what ours becomes on its wire: none tells all our outcomes apart."""
    if told is None or own is None or told is own:
        return told is own
    if Outcome.WITHDRAWN in (told, own):
        return Outcome.SELF_SETTLED in (told, own) or not bool(told.resolves or own.resolves)
    return bool(told.resolves) is bool(own.resolves)


def _declined_at(told: Told, own: Own, messages: list[Sent]) -> datetime | None:
    if own.declined_at is None:
        return told.declined_at if told.state is ReferralState.DECLINED else None
    declines = [one for one in messages if one.command == CommandKind.DECLINE.value]
    # the partner does not take it back: the work is still ours
    is_refused = bool(declines) and declines[-1].state == MessageState.REFUSED.value
    return None if is_refused else own.declined_at


def _return_state(told: Told, last: Sent | None, acked_at: datetime | None, *, owes_return: bool) -> ReferralState:
    if acked_at is not None:
        return ReferralState.RETURN_ACKED
    if last is None:
        # concluded by the partner itself, or in a channel without a wire
        return ReferralState.CONCLUDED if owes_return else max(told.state, ReferralState.CONCLUDED, key=_along)
    return {
        MessageState.QUEUED.value: ReferralState.RETURN_QUEUED,
        MessageState.UNCERTAIN.value: ReferralState.RETURN_QUEUED,
        MessageState.DEAD.value: ReferralState.RETURN_QUEUED,
        MessageState.DELIVERED.value: ReferralState.RETURNED,
        MessageState.ACKED.value: ReferralState.RETURN_ACKED,
    }.get(last.state, ReferralState.CONCLUDED)


_ALONG_THE_WAY = (
    ReferralState.CONCLUDED, ReferralState.RETURN_QUEUED, ReferralState.RETURNED, ReferralState.RETURN_ACKED,
)  # fmt: skip


def _along(state: ReferralState) -> int:
    return _ALONG_THE_WAY.index(state) if state in _ALONG_THE_WAY else -1


def outbound(own: Own, sent: Iterable[Sent], *, has_wire: bool) -> Standing:
    """Of a hand-over of ours to somebody else."""
    messages = sorted((one for one in sent if one.command == CommandKind.REFER.value), key=lambda one: one.queued_at)
    last = messages[-1] if messages else None
    accepted_at, declined_at = own.accepted_at, own.declined_at
    if last is not None and last.answered_at is not None:
        if last.state == MessageState.ACKED.value:
            accepted_at = accepted_at or last.answered_at
        elif last.state == MessageState.REFUSED.value:
            declined_at = declined_at or last.answered_at
    delivered_at = last.delivered_at if last else None
    if own.cancelled_at is not None:
        state = ReferralState.CANCELLED
    elif own.concluded_at is not None:
        state = ReferralState.CONCLUDED
    elif declined_at is not None:
        state = ReferralState.DECLINED
    elif accepted_at is not None:
        state = ReferralState.ACCEPTED
    elif delivered_at is not None:
        state = ReferralState.DELIVERED
    else:
        state = ReferralState.QUEUED if has_wire else ReferralState.SENT
    return Standing(
        state, own.outcome, own.termination_reason, own.agreement_no, accepted_at, declined_at, own.concluded_at,
        delivered_at, None, None, own.extended_to, last.partner_ref if last else "",
    )  # fmt: skip


def columns(standing: Standing) -> dict[str, Any]:
    """As the store keeps it."""
    return {
        "state": standing.state.value,
        "outcome": standing.outcome.value if standing.outcome else None,
        "termination_reason": standing.termination_reason.value if standing.termination_reason else None,
        **{
            name: getattr(standing, name)
            for name in ("agreement_no", "accepted_at", "declined_at", "concluded_at", "delivered_at", "returned_at",
                         "return_acked_at", "due_at", "partner_ref")
        },
    }  # fmt: skip


# --- as JSON ----------------------------------------------------------------------------------------------------


def to_json(value: Told | Own) -> dict[str, Any]:
    """Codes, numbers and RFC 3339 instants; what is empty is left out."""
    shown: dict[str, Any] = {}
    for field in fields(value):
        given = getattr(value, field.name)
        if given is None or given == "" or (given == 0 and field.name == "revision"):
            continue
        if isinstance(given, datetime):
            shown[field.name] = given.astimezone(UTC).isoformat()
        else:
            shown[field.name] = getattr(given, "value", given)
    return shown


def told_from(stored: Mapping[str, Any] | None, fallback: ReferralState = ReferralState.SENT) -> Told:
    """What ``to_json`` kept."""
    given = dict(stored or {})
    return Told(
        state=ReferralState(given.get("state", fallback.value)), outcome=_outcome(given), agreement_no=_text(given),
        termination_reason=_reason(given), partner_ref=str(given.get("partner_ref", "")),
        **{name: _instant(given.get(name)) for name in (
            "accepted_at", "declined_at", "concluded_at", "return_acked_at", "due_at", "return_by_at")},
    )  # fmt: skip


def own_from(stored: Mapping[str, Any] | None) -> Own:
    """What ``to_json`` kept."""
    given = dict(stored or {})
    return Own(
        outcome=_outcome(given), termination_reason=_reason(given), agreement_no=_text(given),
        decline_reason=str(given.get("decline_reason", "")), performance=str(given.get("performance", "")),
        has_written_application=given.get("has_written_application"), revision=int(given.get("revision", 0)),
        consent=given.get("consent"),
        **{name: _instant(given.get(name)) for name in (
            "accepted_at", "declined_at", "concluded_at", "extended_to", "cancelled_at")},
    )  # fmt: skip


def _instant(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _outcome(given: Mapping[str, Any]) -> Outcome | None:
    return Outcome(given["outcome"]) if given.get("outcome") else None


def _reason(given: Mapping[str, Any]) -> TerminationReason | None:
    return TerminationReason(given["termination_reason"]) if given.get("termination_reason") else None


def _text(given: Mapping[str, Any]) -> str:
    return str(given.get("agreement_no", ""))


def is_inbound(direction: str) -> bool:
    """Whether the work came to the centre."""
    return ReferralDirection(direction) is ReferralDirection.IN
