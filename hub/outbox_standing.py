"""What became of a message: every try and every answer noted once, in one transaction with all that follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import disputes, linking
from hub.commands import Receipt
from hub.desk import Desk
from hub.history import Appender, EventDraft, StreamHead
from hub.model import Answer
from hub.outbox import LAID, Due, data_key_of, with_key
from hub.referrals import refresh
from hub.said import safe_words
from hub.sealing import mask_code
from hub.store.ids import new_id
from hub.store.lookup import AnyRow, chunks
from hub.store.tables import (
    case_records,
    early_answers,
    outbound_attempts,
    outbound_messages,
    own_references,
    referrals,
)
from hub.store.tables import disputes as dispute_table
from hub.store.turn import take_turn
from hub.store.upsert import insert_or_ignore
from hub.vocabulary import CommandKind, HandlingEventKind, LinkKind, MessageState

M = MessageState
#: the court wants material: the message is with them, its answer still to come
_WANTS_MATERIAL = "980"


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one try ended."""

    #: PUSH or FIND
    act: str
    outcome: str
    state: MessageState
    error_kind: str = ""
    error_hint: str = ""
    next_try_at: datetime | None = None
    receipt: Receipt | None = None
    #: the partner's own code and words of a refusal
    code: str = ""
    words: str = ""
    #: whether it counts against the message's tries
    counts: bool = True


async def note(desk: Desk, message: Due, attempt: Attempt) -> None:
    """Put down how a try ended, in one transaction with everything that follows from it.

    Where a person changed the message meanwhile, only that it arrived still counts: what happened, happened.
    """
    async with desk.store.write() as tx:
        await take_turn(tx, desk.county)
        before = await row_of(tx, message.id)
        has_arrived = attempt.state in (M.DELIVERED, M.ACKED)
        if not (before.state in _OPEN if has_arrived else _is_unchanged(before, message)):
            await put_attempt(tx, desk, before, attempt)
            return
        await tx.execute(
            update(outbound_messages)
            .where(outbound_messages.c.id == message.id)
            .values(**_values(desk, before, attempt), version=outbound_messages.c.version + 1)
        )
        row = await row_of(tx, message.id)
        # asked for its receipt again and again: the first time tells all
        if attempt.outcome != LAID or not before.partner_ref:
            await put_attempt(tx, desk, row, attempt)
        if attempt.receipt is not None:
            # names are held before the answer that speaks of them comes, laid or taken
            await _follow_receipt(tx, desk, row, attempt.receipt)
        else:
            await follow(tx, desk, [row])


#: of a partner's words, as many characters are kept
_LONGEST_ANSWER = 2000
#: not yet said to have arrived
_OPEN = (M.QUEUED.value, M.DEAD.value, M.UNCERTAIN.value, M.DISCARDED.value)


def _is_unchanged(row: AnyRow, message: Due) -> bool:
    return bool(row.version == message.version and row.state == M.QUEUED.value)


def _values(desk: Desk, row: AnyRow, attempt: Attempt) -> dict[str, Any]:
    now, receipt = desk.clock(), attempt.receipt
    values: dict[str, Any] = {
        "state": attempt.state.value, "next_try_at": attempt.next_try_at,
        "last_error_kind": attempt.error_kind or None, "last_error_hint": attempt.error_hint or None,
        "attempts": row.attempts + (1 if attempt.counts else 0),
    }  # fmt: skip
    if receipt is not None:
        values.update(partner_ref=mask_code(receipt.partner_ref), our_key=receipt.our_key)
    if attempt.state in (M.DELIVERED, M.ACKED):
        values["delivered_at"] = now
    if attempt.state in (M.ACKED, M.REFUSED):
        values.update(answered_at=now, **_told(attempt.code, attempt.words))
    return values


def _told(code: str, words: str) -> dict[str, str]:
    return {"answer_code": mask_code(code), "answer_words": safe_words(words)[:_LONGEST_ANSWER]}


async def answered(tx: AsyncConnection, desk: Desk, instance: str, answers: Sequence[Answer]) -> None:
    """The partner's business answers, told by its records. One that names nothing of ours yet is kept until it does."""
    c = outbound_messages.c
    by_key = {answer.our_key: answer for answer in answers if answer.our_key}
    rows: list[AnyRow] = []
    known: set[str] = set()
    for part in chunks(by_key):
        for row in (await tx.execute(with_key().where(c.instance == instance, c.our_key.in_(part)))).all():
            known.add(row.our_key)
            # whatever became of it here, the partner has it
            if row.state not in (M.ACKED.value, M.REFUSED.value):
                rows.append(row)
    for row in rows:
        await _take_answer(tx, desk, row, by_key[row.our_key])
    # only who pushes at all can be owed an answer
    if (await tx.execute(select(c.id).where(c.instance == instance).limit(1))).first() is not None:
        now = desk.clock()
        early = [
            {
                "instance": instance, "our_key": key, "county": desk.county, "accepted": answer.accepted,
                "code": mask_code(answer.code), "words": safe_words(answer.reason)[:_LONGEST_ANSWER],
                "partner_ref": mask_code(answer.partner_ref), "at": now,
            }
            for key, answer in by_key.items()
            if key not in known
        ]  # fmt: skip
        await insert_or_ignore(
            tx, early_answers, early, update_columns=("accepted", "code", "words", "partner_ref", "at")
        )


async def row_of(tx: AsyncConnection, message_id: str) -> AnyRow:
    """The message with the key that seals it."""
    row: AnyRow = (await tx.execute(with_key().where(outbound_messages.c.id == message_id))).one()
    return row


async def _follow_receipt(tx: AsyncConnection, desk: Desk, row: AnyRow, receipt: Receipt) -> None:
    anchors: list[str] = []
    if receipt.names and row.referral_id and row.record_id:
        await insert_or_ignore(
            tx, own_references,
            [
                {
                    "record_id": row.record_id, "kind": LinkKind.TRANSFERRED_FROM.value, "scheme": name.scheme,
                    "value": name.value, "county": desk.county, "referral_id": row.referral_id,
                }
                for name in receipt.names
            ],
        )  # fmt: skip
        anchors.append(row.record_id)
    early = None
    if row.state == M.DELIVERED.value and row.our_key:
        e = early_answers.c
        query = select(early_answers).where(e.instance == row.instance, e.our_key == row.our_key)
        early = (await tx.execute(query)).first()
    await follow(tx, desk, [row], anchors)
    if early is not None:
        answer = Answer(early.our_key, early.accepted, early.code, early.words, early.partner_ref)
        await _take_answer(tx, desk, row, answer)
        await tx.execute(
            early_answers.delete().where(
                early_answers.c.instance == row.instance, early_answers.c.our_key == row.our_key
            )
        )


async def _take_answer(tx: AsyncConnection, desk: Desk, row: AnyRow, answer: Answer) -> None:
    waits = not answer.accepted and answer.code == _WANTS_MATERIAL
    if waits and row.answer_code == answer.code:
        return
    state = M.ACKED if answer.accepted else M.DELIVERED if waits else M.REFUSED
    now = desk.clock()
    values: dict[str, Any] = {
        "state": state.value, **_told(answer.code, answer.reason),
        "next_try_at": None, "delivered_at": row.delivered_at or now,
    }  # fmt: skip
    if not waits:
        values["answered_at"] = now
    await tx.execute(
        update(outbound_messages)
        .where(outbound_messages.c.id == row.id)
        .values(**values, version=outbound_messages.c.version + 1)
    )
    outcome = "ACKED" if answer.accepted else "WANTS_MATERIAL" if waits else "REFUSED"
    await put_attempt(tx, desk, row, Attempt("ANSWER", outcome, state, code=answer.code))
    await follow(tx, desk, [await row_of(tx, row.id)])


async def put_attempt(
    tx: AsyncConnection, desk: Desk, row: AnyRow, attempt: Attempt, *, by: str = "", reason: str = ""
) -> None:
    """One line of the message's own history; ``by`` and ``reason`` where a person acted."""
    raw = attempt.receipt.raw if attempt.receipt is not None else b""
    attempt_id = new_id("att", desk.county)
    key = data_key_of(desk, row) if raw else None
    await tx.execute(
        outbound_attempts.insert().values(
            id=attempt_id, county=desk.county, message_id=row.id, act=attempt.act, at=desk.clock(),
            outcome=attempt.outcome, error_kind=attempt.error_kind or mask_code(attempt.code), by=by, reason=reason,
            answer_sealed=key.seal(raw, attempt_id) if key is not None else None,
        )
    )  # fmt: skip


async def follow(tx: AsyncConnection, desk: Desk, rows: Sequence[AnyRow], relinked: Sequence[str] = ()) -> None:
    """Bring referrals and disputes in line with messages that moved, and tell it in the disputes' own streams."""
    now = desk.clock()
    appender = Appender(desk, now)
    await refresh(tx, [row.referral_id for row in rows if row.referral_id])
    for row in rows:
        told = _event_of(row)
        dispute = await _dispute_of(tx, row)
        if told is None or dispute is None:
            continue
        head = StreamHead(dispute.stream_seq, dispute.stream_hash)
        kind, data = told
        appender.add(
            head,
            EventDraft(
                dispute_id=dispute.id, kind=kind, occurred_at=now, data=data,
                source_event_id=f"{kind.value}:{row.id}:{row.version}",
            ),
        )  # fmt: skip
        await tx.execute(
            update(dispute_table)
            .where(dispute_table.c.id == dispute.id)
            .values(stream_seq=head.seq, stream_hash=head.hash)
        )
    if relinked:
        await linking.relink(tx, desk, relinked, appender)
    members = await _members(tx, rows)
    if members:
        await disputes.settle(tx, desk, members, appender)
    await appender.flush(tx)


def _event_of(row: AnyRow) -> tuple[HandlingEventKind, dict[str, str]] | None:
    """What of a message is a step in the dispute's course; the partner's own answers come as facts of its records."""
    data = {"message": row.id, "partner_ref": row.partner_ref}
    is_return = row.command == CommandKind.RETURN.value
    if row.state == M.DELIVERED.value and not row.answer_code:
        return (HandlingEventKind.RETURNED if is_return else HandlingEventKind.DELIVERED), data
    if row.state == M.ACKED.value and is_return:
        return HandlingEventKind.RETURN_ACKED, data
    # one that arrived before it was answered has told so already
    if row.state == M.ACKED.value and row.delivered_at == row.answered_at:
        return HandlingEventKind.DELIVERED, data
    return None


async def _dispute_of(tx: AsyncConnection, row: AnyRow) -> AnyRow | None:
    """The dispute it belongs to now: its record's, wherever that went."""
    query = select(dispute_table)
    if row.record_id is not None:
        query = query.join(case_records, case_records.c.dispute_id == dispute_table.c.id)
        return (await tx.execute(query.where(case_records.c.id == row.record_id))).first()
    return (await tx.execute(query.where(dispute_table.c.id == row.dispute_id))).first()


async def _members(tx: AsyncConnection, rows: Sequence[AnyRow]) -> list[list[str]]:
    own = case_records.alias("own")
    anchors = [row.record_id for row in rows if row.record_id]
    anchors += list(
        (
            await tx.execute(
                select(referrals.c.record_id).where(
                    referrals.c.id.in_([row.referral_id for row in rows if row.referral_id])
                )
            )
        ).scalars()
    )
    query = (
        select(case_records.c.dispute_id, case_records.c.id)
        .join(own, own.c.dispute_id == case_records.c.dispute_id)
        .where(own.c.id.in_(set(anchors)))
        .distinct()
    )
    groups: dict[str, list[str]] = {}
    for dispute_id, record_id in await tx.execute(query):
        groups.setdefault(dispute_id, []).append(record_id)
    return list(groups.values())
