"""One record of an order and its events: the course of the matter, and every hand-over to the centre as it stands.

The order tells the present, its events what it no longer says: that it was dispatched before, that it was followed
up. All of this is recomputed from the newest of each, in whichever order they came.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from connectors.hotline import codes
from connectors.hotline.orders import Order, OrderFacts, dispatch_id
from connectors.json_rows import stamp_text
from hub.errors import OrphanError
from hub.model import CaseFacts, Entry, HandOver
from hub.vocabulary import Channel, HandlingEventKind, ReferralMode, ReferralState

#: an event of a dispatch may be stamped a little off the order's own dispatchtime
_SAME_DISPATCH = timedelta(minutes=5)
#: the place of a state among what happened in the second it is told at: behind everything that has a time
_LAST = 1_000_000


def compose(parts: Sequence[CaseFacts], centre_code: str) -> CaseFacts:
    """Raises OrphanError while the order itself is missing."""
    facts = next((part for part in reversed(parts) if isinstance(part, OrderFacts)), None)
    if facts is None or facts.order is None:
        raise OrphanError("an event came before its order")
    events = [part for part in parts if not isinstance(part, OrderFacts)]
    told = _merged(facts.entries, [entry for event in events for entry in event.entries])
    told += _states_without_time(facts.order, told)
    unknown = (code for part in (facts, *events) for code in part.unknown_codes)
    return replace(
        facts,
        entries=tuple(told),
        hand_overs=tuple(_hand_overs(facts.order, told, centre_code)),
        unknown_codes=tuple(dict.fromkeys(unknown)),
    )


def _merged(own: Sequence[Entry], events: Sequence[Entry]) -> list[Entry]:
    """The order's entries and its events', a dispatch that both tell once: the order's, at the event's place."""
    entries = list(own)
    rest = sorted(events, key=lambda entry: (entry.occurred_at, entry.position, entry.source_event_id))
    for index, entry in enumerate(entries):
        same = _same_dispatch(entry, rest) if entry.kind is HandlingEventKind.REFERRED else None
        if same is not None:
            at = same.occurred_at if _is_untimed(entry) else entry.occurred_at
            entries[index] = replace(same, source_event_id=entry.source_event_id, occurred_at=at)
            rest.remove(same)
    by_id: dict[str, Entry] = {}
    for entry in (*entries, *rest):
        by_id.setdefault(entry.source_event_id, entry)
    return list(by_id.values())


def _same_dispatch(own: Entry, events: Sequence[Entry]) -> Entry | None:
    """The event of the order's own dispatch: the nearest, or the last where the order does not say when."""
    same = [e for e in events if e.kind is HandlingEventKind.REFERRED and _contractor(e) == _contractor(own)]
    if _is_untimed(own):
        return same[-1] if same else None
    near = [entry for entry in same if abs(entry.occurred_at - own.occurred_at) <= _SAME_DISPATCH]
    return min(near, key=lambda entry: abs(entry.occurred_at - own.occurred_at), default=None)


def _is_untimed(own: Entry) -> bool:
    return own.source_event_id == dispatch_id(None)


def _states_without_time(order: Order, told: Sequence[Entry]) -> list[Entry]:
    """The present state where the order has no time for it, unless an event told it with its own."""
    kind = codes.STATE_KINDS.get(order.state)
    if kind is None:
        return []
    is_after_the_end = order.state in (codes.VISITED, codes.REOPENED, codes.ARCHIVED)
    at = (is_after_the_end and order.ended_at) or order.latest_at
    if any(entry.kind is kind and entry.occurred_at >= at for entry in told):
        return []
    return [
        Entry(
            source_event_id=f"{order.state}@{stamp_text(at)}",
            kind=kind,
            occurred_at=at,
            position=_LAST,
            native_code=order.state,
            to_state=str(codes.STATE_AFTER[kind]),
            actor_code=order.contractor if kind is HandlingEventKind.DECLINED else "",
            data={"state": order.state},
        )
    ]


def _hand_overs(order: Order, told: Sequence[Entry], centre_code: str) -> Iterator[HandOver]:
    """Every dispatch to the centre (WIRES 0.7); the last is the present one while the centre is the contractor."""
    dispatches = sorted(
        (entry for entry in told if entry.kind is HandlingEventKind.REFERRED),
        key=lambda entry: (entry.occurred_at, entry.position, entry.source_event_id),
    )
    ours = [index for index, entry in enumerate(dispatches) if _contractor(entry) == centre_code]
    for index in ours:
        entry = dispatches[index]
        following = dispatches[index + 1].occurred_at if index + 1 < len(dispatches) else None
        opened = HandOver(
            source_event_id=entry.source_event_id, channel=Channel.HOTLINE, mode=ReferralMode.DISPATCH, from_code="",
            to_code=centre_code, sent_at=entry.occurred_at, state=ReferralState.SENT,
        )  # fmt: skip
        if index == ours[-1] and order.contractor == centre_code:
            yield _present(opened, order)
        else:
            yield _past(opened, order, told, following)


def _present(opened: HandOver, order: Order) -> HandOver:
    """As the order's own state tells it."""
    standing = codes.STATES.get(order.state)
    state = standing.referral if standing is not None else _state_by_times(order)
    if state is None:
        state = ReferralState.SENT
    hand_over = replace(opened, state=state, due_at=order.due_at, return_by_at=order.back_by)
    if state is ReferralState.SENT:
        return hand_over
    # times of an earlier round may still stand in the order
    sent_at = opened.sent_at
    if state is ReferralState.DECLINED:
        return replace(hand_over, declined_at=max(sent_at, order.latest_at))
    signed_at = max(sent_at, order.signed_at or sent_at)
    if state is not ReferralState.CONCLUDED:
        return replace(hand_over, accepted_at=signed_at)
    return replace(
        hand_over,
        accepted_at=signed_at if order.signed_at else None,
        concluded_at=max(sent_at, order.ended_at or order.latest_at),
        outcome=codes.OUTCOMES.get(order.solved),
    )


def _state_by_times(order: Order) -> ReferralState:
    """For a state no table explains."""
    if order.ended_at is not None:
        return ReferralState.CONCLUDED
    return ReferralState.SIGNED if order.signed_at is not None else ReferralState.SENT


def _past(opened: HandOver, order: Order, told: Sequence[Entry], following: datetime | None) -> HandOver:
    """One that a later dispatch ended: followed up, it was concluded; else it went back."""

    def falls_in(at: datetime | None) -> bool:
        return at is not None and opened.sent_at <= at and (following is None or at <= following)

    visits = [entry for entry in told if entry.kind is HandlingEventKind.FOLLOWED_UP and falls_in(entry.occurred_at)]
    is_ended = falls_in(order.ended_at)
    if not visits and not is_ended:
        return replace(opened, state=ReferralState.DECLINED, declined_at=following)
    solved = _solved(visits[-1].data) if visits else order.solved
    return replace(
        opened,
        state=ReferralState.CONCLUDED,
        concluded_at=order.ended_at if is_ended else visits[-1].occurred_at,
        outcome=codes.OUTCOMES.get(solved or (order.solved if is_ended else "")),
    )


def _solved(data: Mapping[str, str]) -> str:
    return data.get("successSolve", "")


def _contractor(entry: Entry) -> str:
    return entry.data.get("contractorCode", "")
