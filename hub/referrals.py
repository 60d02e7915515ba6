"""Referrals: an inbound hand-over is derived from its partner's record and follows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.desk import Desk
from hub.model import HandOver, Source, clean_text
from hub.sealing import mask_code, mask_words
from hub.store.ids import new_id
from hub.store.lookup import chunks
from hub.store.tables import referrals
from hub.vocabulary import ReferralDirection, ReferralState

#: waiting for the centre, or in its hands
OPEN_STATES = frozenset(
    {
        ReferralState.SENT, ReferralState.DELIVERED, ReferralState.SIGNED, ReferralState.ACCEPTED,
        ReferralState.IN_PROGRESS,
    }
)  # fmt: skip
#: the work is done, whatever became of the return
CONCLUDED_STATES = frozenset(
    {ReferralState.CONCLUDED, ReferralState.RETURN_QUEUED, ReferralState.RETURNED, ReferralState.RETURN_ACKED}
)


def owes_return(source: Source, hand_over: HandOver) -> bool:
    """A result dated before the instance's ``live_from`` is history that owes nothing (WIRES 0.17)."""
    return hand_over.concluded_at is None or hand_over.concluded_at >= source.live_from


async def write(
    tx: AsyncConnection, desk: Desk, source: Source, families: Sequence[tuple[str, bool, Sequence[HandOver]]]
) -> None:
    """Make the referrals of these records (id, is new, hand-overs) equal to what the records tell now.

    A hand-over the partner took back is kept and marked; its referral keeps its id if it returns.
    """
    known: dict[tuple[str, str], str] = {}
    for part in chunks([record_id for record_id, is_new, _ in families if not is_new]):
        query = select(referrals.c.id, referrals.c.record_id, referrals.c.source_event_id).where(
            referrals.c.record_id.in_(part)
        )
        known.update({(row.record_id, row.source_event_id): row.id for row in await tx.execute(query)})
    fresh, changed = [], []
    for record_id, _, hand_overs in families:
        for hand_over in hand_overs:
            values = _values(source, hand_over)
            referral_id = known.pop((record_id, hand_over.source_event_id), None)
            if referral_id is None:
                fresh.append(
                    {
                        **values, "id": new_id("ref", desk.county), "county": desk.county, "record_id": record_id,
                        "source_event_id": hand_over.source_event_id, "version": 1,
                    }
                )  # fmt: skip
            else:
                changed.append({"referral": referral_id, **{f"new_{name}": value for name, value in values.items()}})
    if fresh:
        await tx.execute(referrals.insert(), fresh)
    if changed:
        names = [name[4:] for name in changed[0] if name.startswith("new_")]
        await tx.execute(
            update(referrals)
            .where(referrals.c.id == bindparam("referral"))
            .values({name: bindparam(f"new_{name}") for name in names} | {"version": referrals.c.version + 1}),
            changed,
        )
    for part in chunks(known.values()):
        await tx.execute(update(referrals).where(referrals.c.id.in_(part)).values(is_live=False))


def _values(source: Source, hand_over: HandOver) -> dict[str, Any]:
    return {
        "channel": hand_over.channel.value,
        "mode": hand_over.mode.value,
        "direction": ReferralDirection.IN.value,
        "from_code": hand_over.from_code or source.agency_code,
        "to_code": hand_over.to_code,
        "state": hand_over.state.value,
        "outcome": hand_over.outcome.value if hand_over.outcome else None,
        "termination_reason": hand_over.termination_reason.value if hand_over.termination_reason else None,
        "agreement_no": mask_code(clean_text(hand_over.agreement_no)[0]),
        "undisputed_facts": mask_words(clean_text(hand_over.undisputed_facts)[0]),
        "returned_reason": mask_words(clean_text(hand_over.returned_reason)[0]),
        "sent_at": hand_over.sent_at,
        "accepted_at": hand_over.accepted_at,
        "declined_at": hand_over.declined_at,
        "concluded_at": hand_over.concluded_at,
        "return_acked_at": hand_over.return_acked_at,
        "due_at": hand_over.due_at,
        "partner_ref": mask_code(clean_text(hand_over.partner_ref)[0]),
        "owes_return": owes_return(source, hand_over),
        "is_live": True,
    }
