"""Referrals: work handed over between agencies; what the partner tells and what we did are kept apart, both count."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.desk import Desk
from hub.model import HandOver, Source, clean_text
from hub.referral_standing import (
    Own,
    Sent,
    Standing,
    Told,
    columns,
    inbound,
    is_inbound,
    outbound,
    own_from,
    to_json,
    told_from,
)
from hub.said import safe_words
from hub.sealing import mask_code
from hub.store.ids import new_id
from hub.store.lookup import AnyRow, chunks
from hub.store.tables import outbound_messages, referrals
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

    What we did ourselves stays, and counts beside it. A hand-over the partner took back is kept and marked; its
    referral keeps its id if it returns.
    """
    known: dict[tuple[str, str], AnyRow] = {}
    for part in chunks([record_id for record_id, is_new, _ in families if not is_new]):
        # a hand-over of ours hangs on the record that stands for its dispute, and is nothing the partner tells
        inward = referrals.c.direction == ReferralDirection.IN.value
        for row in await tx.execute(select(referrals).where(referrals.c.record_id.in_(part), inward)):
            known[(row.record_id, row.source_event_id)] = row
    sent = await messages_of(tx, [row.id for row in known.values() if row.own is not None])
    fresh: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for record_id, _, hand_overs in families:
        for hand_over in hand_overs:
            held = _taken(known, (record_id, hand_over.source_event_id))
            values = _values(source, hand_over, held, sent.get(held.id, ()) if held is not None else ())
            if held is None:
                fresh.append(
                    {
                        **values, "id": new_id("ref", desk.county), "county": desk.county, "record_id": record_id,
                        "source_event_id": hand_over.source_event_id, "version": 1,
                    }
                )  # fmt: skip
            else:
                changed.append({"referral": held.id, **{f"new_{name}": value for name, value in values.items()}})
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
    for part in chunks(row.id for row in known.values()):
        await tx.execute(update(referrals).where(referrals.c.id.in_(part)).values(is_live=False))


async def refresh(tx: AsyncConnection, referral_ids: Iterable[str]) -> list[AnyRow]:
    """Bring these referrals in line with our acts and messages. Returns those whose standing changed, as they are now.

    Whoever calls it settles the disputes of the changed ones afterwards.
    """
    ids = list(referral_ids)
    sent = await messages_of(tx, ids)
    changed: list[str] = []
    for part in chunks(ids):
        for row in (await tx.execute(select(referrals).where(referrals.c.id.in_(part)))).all():
            values = columns(_standing(row, own_from(row.own), told_from(row.told), sent.get(row.id, ())))
            if any(getattr(row, name) != value for name, value in values.items()):
                changed.append(row.id)
                change = update(referrals).where(referrals.c.id == row.id)
                await tx.execute(change.values(**values, version=referrals.c.version + 1))
    found: list[AnyRow] = []
    for part in chunks(changed):
        found += (await tx.execute(select(referrals).where(referrals.c.id.in_(part)))).all()
    return found


async def messages_of(tx: AsyncConnection, referral_ids: Iterable[str]) -> dict[str, list[Sent]]:
    """Our messages about each of these referrals."""
    c = outbound_messages.c
    found: dict[str, list[Sent]] = {}
    for part in chunks(referral_ids):
        query = select(
            c.referral_id, c.command, c.state, c.queued_at, c.delivered_at, c.answered_at, c.partner_ref
        ).where(c.referral_id.in_(part))
        for row in await tx.execute(query.order_by(c.id)):
            found.setdefault(row.referral_id, []).append(
                Sent(row.command, row.state, row.queued_at, row.delivered_at, row.answered_at, row.partner_ref)
            )
    return found


def _taken(known: dict[tuple[str, str], AnyRow], name: tuple[str, str]) -> AnyRow | None:
    return known.pop(name) if name in known else None


def _standing(row: Any, own: Own, told: Told, sent: Sequence[Sent]) -> Standing:
    if is_inbound(row.direction):
        return inbound(told, own, sent, owes_return=row.owes_return)
    return outbound(own, sent, has_wire=bool(row.instance))


def _values(source: Source, hand_over: HandOver, row: AnyRow | None, sent: Sequence[Sent]) -> dict[str, Any]:
    told = Told.of(
        hand_over, mask_code(clean_text(hand_over.agreement_no)[0]), mask_code(clean_text(hand_over.partner_ref)[0])
    )
    own = own_from(row.own if row is not None else None)
    owes = owes_return(source, hand_over)
    facts = safe_words(hand_over.undisputed_facts)
    reason = safe_words(hand_over.returned_reason)
    return {
        "channel": hand_over.channel.value,
        "mode": hand_over.mode.value,
        "direction": ReferralDirection.IN.value,
        "from_code": hand_over.from_code or source.agency_code,
        "to_code": hand_over.to_code,
        **columns(inbound(told, own, sent, owes_return=owes)),
        "undisputed_facts": facts or (row.own_undisputed_facts if row is not None else ""),
        "returned_reason": reason or (row.own_words if row is not None and own.declined_at else ""),
        "sent_at": hand_over.sent_at,
        "told": to_json(told),
        "owes_return": owes,
        "is_live": True,
    }
