"""A call with its dispatches and feedbacks as one record: a pure function of the newest version of each form.

It depends on the set of forms alone, never on their order. Forms that were withdrawn contribute nothing; a withdrawn
call keeps the feedbacks that still stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from connectors.police import codes
from connectors.police.parties import seen_together, with_caller
from hub.errors import OrphanError
from hub.model import CaseFacts, Entry, HandOver, PartyFacts
from hub.vocabulary import CaseRecordState, Classification, HandlingEventKind, Procedure, ReferralState

_CLASSIFICATIONS = list(Classification)


def compose(parts: Sequence[CaseFacts]) -> CaseFacts:
    """One record. Raises OrphanError while the call itself is missing."""
    newest = max(parts, key=_version, default=None)
    call = max(_of("JJD", parts), key=_version, default=None)
    if newest is None or call is None:
        raise OrphanError("forms came before their call", hint="They wait until the police send it.")
    dispatches = sorted(_standing("CJD", parts), key=_told)
    feedbacks = sorted(_standing("FKD", parts), key=_told)
    standing = [call, *dispatches, *feedbacks]
    hand_overs = _concluded(feedbacks)
    results = [part.result for part in feedbacks if part.result is not None]
    return replace(
        call,
        **_category(call, feedbacks),
        state=_state(call, dispatches, feedbacks),
        updated_at=newest.updated_at,
        tie_break=newest.tie_break,
        opens_dispute=any(part.opens_dispute for part in parts),
        classification=max((part.classification for part in standing), key=_CLASSIFICATIONS.index),
        agency_code=next((part.agency_code for part in standing if part.agency_code), ""),
        is_unit=bool(hand_overs),
        docketed_at=max((part.docketed_at for part in feedbacks if part.docketed_at), default=None),
        result=results[-1] if results else None,
        parties=_parties(call, feedbacks),
        entries=tuple(_entries(call, standing)),
        hand_overs=hand_overs,
        unknown_codes=tuple(dict.fromkeys(code for part in standing for code in part.unknown_codes)),
        part="",
    )


def _of(dataset: str, parts: Sequence[CaseFacts]) -> Iterator[CaseFacts]:
    return (part for part in parts if part.part.startswith(f"{dataset}:"))


def _standing(dataset: str, parts: Sequence[CaseFacts]) -> Iterator[CaseFacts]:
    return (part for part in _of(dataset, parts) if part.withdrawn_at is None)


def _version(part: CaseFacts) -> tuple[datetime, tuple[int, ...], str]:
    assert part.updated_at is not None
    return part.updated_at, part.tie_break, part.part


def _told(part: CaseFacts) -> tuple[datetime, datetime, tuple[int, ...], str]:
    """By the form's own time, then its version (WIRES 2.6)."""
    return part.received_at, *_version(part)


def _category(call: CaseFacts, feedbacks: Sequence[CaseFacts]) -> dict[str, Any]:
    """The latest feedback that names a category overrides the call's (WIRES 2.14)."""
    said = next((part for part in reversed(feedbacks) if part.category_native), call)
    is_dispute = said.native_kind == codes.DISPUTE_CLASS
    return {
        **{name: getattr(said, name) for name in ("category", "category_native", "classes", "native_kind", "title")},
        "procedure": Procedure.POLICE_MEDIATION if is_dispute else Procedure.INTAKE,
    }


def _state(call: CaseFacts, dispatches: Sequence[CaseFacts], feedbacks: Sequence[CaseFacts]) -> CaseRecordState:
    """The call's own word where it ends the matter or is unknown; else the latest feedback, else how far it got."""
    if call.state not in codes.PROGRESS:
        return call.state
    if feedbacks:
        return feedbacks[-1].state
    return max((part.state for part in (call, *dispatches)), key=codes.PROGRESS.index)


def _parties(call: CaseFacts, feedbacks: Sequence[CaseFacts]) -> tuple[PartyFacts, ...]:
    named = [part.parties for part in reversed(feedbacks) if part.parties]
    if not named:
        return call.parties
    older = [party for parties in named[1:] for party in parties]
    return with_caller(seen_together(named[0], older), call.parties)


def _entries(call: CaseFacts, standing: Sequence[CaseFacts]) -> Iterator[Entry]:
    """Every form's entries; the call was closed after whatever else had happened when the police said so."""
    assert call.updated_at is not None
    ends = (HandlingEventKind.FOLLOWED_UP, HandlingEventKind.CLOSED)
    before = [
        entry.occurred_at
        for part in standing
        for entry in part.entries
        if entry.kind not in ends and entry.occurred_at <= call.updated_at
    ]
    for part in standing:
        for entry in part.entries:
            yield replace(entry, occurred_at=max(before, default=entry.occurred_at)) if entry.kind in ends else entry


def _concluded(feedbacks: Sequence[CaseFacts]) -> tuple[HandOver, ...]:
    """Every hand-over to the centre with the results that are its own; the latest result tells the outcome."""
    opened = [(hand_over, part) for part in feedbacks for hand_over in part.hand_overs]
    hand_overs = [hand_over for hand_over, _ in opened]
    dispatches = [_dispatch_of(part) for _, part in opened]
    for part in feedbacks:
        if part.result is not None and hand_overs:
            index = _answered(hand_overs, dispatches, part)
            hand_overs[index] = _with_result(hand_overs[index], part)
    return tuple(hand_overs)


def _answered(hand_overs: Sequence[HandOver], dispatches: Sequence[str], result: CaseFacts) -> int:
    """Which hand-over a result is about: the wire names none (WIRES 2.6).

    Of those before it, of its own dispatch where that tells them apart: the oldest that is open, else the latest,
    which it corrects. A result dated before every hand-over still is one of the first.
    """
    earlier = [i for i, hand_over in enumerate(hand_overs) if hand_over.sent_at <= result.received_at] or [0]
    own = _dispatch_of(result)
    candidates = [i for i in earlier if own and dispatches[i] == own] or earlier
    still_open = [i for i in candidates if hand_overs[i].concluded_at is None]
    return still_open[0] if still_open else candidates[-1]


def _with_result(hand_over: HandOver, part: CaseFacts) -> HandOver:
    assert part.result is not None
    ending = codes.ENDINGS[part.native_state]
    confirmed = any(entry.kind is HandlingEventKind.RETURN_ACKED for entry in part.entries)
    acked_at = hand_over.return_acked_at or (part.result.at if confirmed else None)
    return replace(
        hand_over,
        # a correction does not take back what was acknowledged
        state=ReferralState.RETURN_ACKED if acked_at else ReferralState.CONCLUDED,
        concluded_at=hand_over.concluded_at or part.result.at,
        outcome=ending.outcome,
        termination_reason=ending.reason,
        return_acked_at=acked_at,
        partner_ref=part.part.partition(":")[2],
    )


def _dispatch_of(part: CaseFacts) -> str:
    return next((entry.data["CJDBH"] for entry in part.entries if "CJDBH" in entry.data), "")
