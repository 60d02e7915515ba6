"""Where a dispute stands, as its records and referrals tell it: a pure function of current facts (law 3).

An open referral: ASSIGNED, IN_PROGRESS once accepted. Concluded: RESOLVED when agreed, performed or self-settled, else
UNRESOLVED; docketed afterwards, or docketed without a referral: EXITED; refused: REJECTED; else REGISTERED. The hub's
own acts fold on top: the later word counts, but what a person closed, rejected or withdrew stays so whatever arrives,
and a suspension ends by an act, or by an end that the facts tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from hub.referrals import CONCLUDED_STATES, OPEN_STATES
from hub.vocabulary import (
    Channel,
    Classification,
    DisputeState,
    Outcome,
    Procedure,
    ReferralDirection,
    ReferralMode,
    ReferralState,
)

#: the procedure a referral of each channel puts the dispute into
_PROCEDURE_OF_CHANNEL = {
    Channel.LITIGATION: Procedure.PRE_LIT_MEDIATION,
    Channel.POLICE: Procedure.PEOPLES_MEDIATION,
    Channel.PETITION: Procedure.PEOPLES_MEDIATION,
    Channel.HOTLINE: Procedure.HOTLINE_HANDLING,
}
_CLASSIFICATIONS = list(Classification)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the overview of a dispute shows of its course."""

    state: DisputeState
    since: datetime
    outcome: Outcome | None
    procedure: Procedure
    holder_code: str
    classification: Classification


def derive(records: Sequence[Any], referrals: Iterable[Any]) -> Standing:
    """From a component's record rows and live referral rows. At least one record opens a dispute."""
    opening = sorted((row for row in records if row.opens_dispute), key=_by_receipt)
    first, last = opening[0], opening[-1]
    # words of a record that is gone at the source no longer tell where the dispute stands
    gone = {row.id for row in records if row.deleted_at_source is not None}
    told = [row for row in records if row.id not in gone] or list(records)
    standing_now = [row for row in referrals if row.record_id not in gone]
    handed = sorted(
        (row for row in standing_now if row.direction == ReferralDirection.IN.value),
        key=lambda row: (row.sent_at, row.source_event_id),
    )
    # whom we called in holds it only once they took it, and a helper never does
    taken = [
        row
        for row in standing_now
        if row.direction == ReferralDirection.OUT.value
        and row.mode != ReferralMode.ASSIST.value
        and row.accepted_at is not None
        and ReferralState(row.state) in OPEN_STATES
    ]
    is_open = [row for row in handed if ReferralState(row.state) in OPEN_STATES]
    concluded = [row for row in handed if ReferralState(row.state) in CONCLUDED_STATES and row.concluded_at]
    dockets = [row for row in told if row.docketed_at is not None]
    latest = max(told, key=_by_receipt)

    holder = is_open[-1].to_code if is_open else last.agency_code
    if taken:
        holder = max(taken, key=lambda row: (row.accepted_at, row.id)).to_code
    procedure = Procedure(latest.procedure) if latest.procedure else Procedure.INTAKE
    classification = max((Classification(row.classification) for row in records), key=_CLASSIFICATIONS.index)

    def standing(state: DisputeState, since: datetime, outcome: Outcome | None = None) -> Standing:
        return Standing(state, since, outcome, procedure, holder, classification)

    if is_open:
        current = is_open[-1]
        procedure = _PROCEDURE_OF_CHANNEL.get(Channel(current.channel), procedure)
        if current.accepted_at is not None:
            return standing(DisputeState.IN_PROGRESS, current.accepted_at)
        return standing(DisputeState.ASSIGNED, current.sent_at)
    if concluded:
        final = max(concluded, key=lambda row: (row.concluded_at, row.source_event_id))
        outcome = Outcome(final.outcome) if final.outcome else None
        afterwards = [row for row in dockets if _is_after(row, final)]
        if afterwards:
            since = max(final.concluded_at, min(row.docketed_at for row in afterwards))
            return standing(DisputeState.EXITED, since, Outcome.DOCKETED)
        resolved = outcome is not None and outcome.resolves
        return standing(DisputeState.RESOLVED if resolved else DisputeState.UNRESOLVED, final.concluded_at, outcome)
    if dockets:
        return standing(DisputeState.EXITED, min(row.docketed_at for row in dockets), Outcome.DOCKETED)
    refusals = [row.rejected_at for row in told if row.rejected_at is not None]
    if refusals:
        return standing(DisputeState.REJECTED, max(refusals))
    return standing(DisputeState.REGISTERED, first.received_at)


#: stays whatever facts arrive, until a person reopens it
_FINAL = frozenset({DisputeState.CLOSED, DisputeState.REJECTED, DisputeState.WITHDRAWN})
_ENDS = frozenset({DisputeState.RESOLVED, DisputeState.UNRESOLVED, DisputeState.EXITED})


def fold(facts: Standing, row: Any) -> Standing:
    """What the facts say with the hub's own acts on top, as the dispute's row keeps them; None: nobody acted."""
    if row is None or row.own_state is None:
        return facts
    own, since = DisputeState(row.own_state), row.own_since
    outcome = Outcome(row.own_outcome) if row.own_outcome else None
    acted = replace(facts, state=own, since=since, outcome=outcome or facts.outcome)
    if own in _FINAL:
        return acted
    if own is DisputeState.SUSPENDED:
        return facts if facts.state in _ENDS and facts.since > since else acted
    if facts.state is not DisputeState.REGISTERED and facts.since > since:
        return facts
    return acted


def _by_receipt(row: Any) -> tuple[datetime, str, str, str]:
    return (row.received_at, row.instance, row.native_id, row.lineage)


def _is_after(docketed: Any, referral: Any) -> bool:
    # a number that goes on from an earlier one was given after that one ended, whatever its date says
    return bool(docketed.lineage and docketed.id != referral.record_id) or docketed.docketed_at > referral.concluded_at
