"""Messages to partners: written with the change that caused them, delivered at least once, never lost.

A message belongs to a lane, the instance and the origin record, fixed when it is written; messages of a lane leave in
order. Its key is the same for all tries and derives from the partner's own keys, so that a rebuilt hub repeats it.
Every message ends ACKED, REFUSED, DEAD, UNCERTAIN or DISCARDED; a dead or uncertain one holds its own lane until a
person acts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import disputes, linking
from hub.command_json import dump, load
from hub.commands import Command, Receipt
from hub.desk import Desk
from hub.errors import ConflictError
from hub.history import Appender, EventDraft, StreamHead
from hub.inbox import data_keys_of, key_owner
from hub.jobs import PUSH, put_in_line
from hub.model import Answer, clean_text
from hub.referrals import refresh
from hub.sealing import DataKey, mask_code, mask_words
from hub.store.ids import new_id
from hub.store.lookup import AnyRow, chunks
from hub.store.tables import (
    case_records,
    data_keys,
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
#: states in which the head of a lane holds the others back
HOLDING = (M.QUEUED.value, M.DEAD.value, M.UNCERTAIN.value)
#: the court wants material: the message is with them, its answer still to come
_WANTS_MATERIAL = "980"
_STARTED = "STARTED"


@dataclass(frozen=True, slots=True)
class Draft:
    """A message before it is written."""

    instance: str
    #: origin record, else the referral: what its order is kept among
    about: str
    #: the partner's own keys, hand-over, step and revision
    step: tuple[str, ...]
    command: Command
    dispute_id: str
    referral_id: str | None = None
    record_id: str | None = None
    #: whose data key seals it: the native id of the record, else the referral's id
    owner: str = ""

    @property
    def key(self) -> str:
        """The step's key, at most 48 characters of letters, digits and a dash."""
        stated = "\n".join((self.instance, *self.step)).encode()
        return f"{self.command.kind.value}-{blake2b(stated, digest_size=16).hexdigest()}"

    @property
    def lane(self) -> str:
        """Messages of one lane leave in order."""
        return f"{self.instance}/{self.about}"


async def enqueue(tx: AsyncConnection, desk: Desk, draft: Draft) -> str:
    """Write the message in the caller's transaction; returns its id. The same step again is the same message.

    Raises ConflictError where the step was taken before with another content.
    """
    content = dump(draft.command)
    content_hash = desk.keys.content_hash(content)
    c = outbound_messages.c
    query = select(c.id, c.content_hash).where(c.instance == draft.instance, c.key == draft.key)
    known = (await tx.execute(query)).first()
    if known is not None:
        if known.content_hash != content_hash:
            raise ConflictError("this step was taken before with another content")
        return str(known.id)
    now = desk.clock()
    owner = draft.owner or draft.about
    key_id, data_key = (await data_keys_of(tx, desk, draft.instance, {owner}, now))[owner]
    message_id = new_id("out", desk.county)
    await tx.execute(
        outbound_messages.insert().values(
            id=message_id, county=desk.county, instance=draft.instance, lane=draft.lane, key=draft.key,
            command=draft.command.kind.value, dispute_id=draft.dispute_id, referral_id=draft.referral_id,
            record_id=draft.record_id, data_key_id=key_id, content_hash=content_hash,
            command_sealed=data_key.seal(content, message_id) if data_key else None,
            state=M.QUEUED.value, next_try_at=now, queued_at=now,
        )
    )  # fmt: skip
    await put_in_line(tx, desk, PUSH, draft.instance)
    return message_id


# --- what is due ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Due:
    """A message whose turn it is, opened. ``command`` None: its data key was destroyed by an erasure."""

    id: str
    lane: str
    key: str
    attempts: int
    version: int
    queued_at: datetime
    #: it was sent before and lies at the partner's, or nobody knows
    was_sent: bool
    #: a try began of which nobody knows how it ended; kept only where the wire can tell nothing later
    has_started: bool
    command: Command | None


async def due(tx: AsyncConnection, desk: Desk, instance: str, *, limit: int, not_in: Iterable[str] = ()) -> list[Due]:
    """Heads of lanes that may be tried now, the longest waiting first."""
    c = outbound_messages.c
    before = outbound_messages.alias("before")
    is_behind = exists().where(before.c.lane == c.lane, before.c.id < c.id, before.c.state.in_(HOLDING))
    query = (
        select(outbound_messages, data_keys.c.wrapped, data_keys.c.native_id.label("owner"))
        .join(data_keys, data_keys.c.id == c.data_key_id)
        .where(c.instance == instance, c.state == M.QUEUED.value, c.next_try_at <= desk.clock(), ~is_behind)
        .where(c.lane.not_in(list(not_in)))
        .order_by(c.next_try_at, c.id)
        .limit(limit)
    )
    return [_opened(desk, row) for row in await tx.execute(query)]


def _opened(desk: Desk, row: AnyRow) -> Due:
    key = _data_key(desk, row)
    command = load(key.open(row.command_sealed, row.id)) if key is not None and row.command_sealed else None
    was_sent = bool(row.partner_ref) or row.attempts > 0
    return Due(
        row.id, row.lane, row.key, row.attempts, row.version, row.queued_at, was_sent,
        row.last_error_kind == _STARTED, command,
    )  # fmt: skip


def _data_key(desk: Desk, row: AnyRow) -> DataKey | None:
    return desk.keys.open_data_key(row.wrapped, key_owner(row.instance, row.owner)) if row.wrapped else None


async def next_due_at(tx: AsyncConnection, instance: str) -> datetime | None:
    """When the next message may be tried; None where none waits."""
    c = outbound_messages.c
    query = select(func.min(c.next_try_at)).where(c.instance == instance, c.state == M.QUEUED.value)
    found: datetime | None = (await tx.execute(query)).scalar_one_or_none()
    return found


# --- what became of it ------------------------------------------------------------------------------------------


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


async def begin(desk: Desk, message: Due) -> None:
    """Put down that a message is about to be sent, where nothing could be known of it if we died meanwhile."""
    async with desk.store.write() as tx:
        await tx.execute(
            update(outbound_messages).where(outbound_messages.c.id == message.id).values(last_error_kind=_STARTED)
        )


async def note(desk: Desk, instance: str, message: Due, attempt: Attempt) -> None:
    """Put down how a try ended, in one transaction with everything that follows from it.

    Nothing is noted where a person or another worker changed the message meanwhile: what we did carried its key.
    """
    async with desk.store.write() as tx:
        await take_turn(tx, desk.county)
        now = desk.clock()
        receipt = attempt.receipt
        values: dict[str, Any] = {
            "state": attempt.state.value, "next_try_at": attempt.next_try_at,
            "last_error_kind": attempt.error_kind or None, "last_error_hint": attempt.error_hint or None,
            "attempts": outbound_messages.c.attempts + (1 if attempt.counts else 0),
        }  # fmt: skip
        if receipt is not None:
            values.update(partner_ref=mask_code(receipt.partner_ref), our_key=receipt.our_key)
        if attempt.state in (M.DELIVERED, M.ACKED):
            values["delivered_at"] = now
        if attempt.state in (M.ACKED, M.REFUSED):
            values.update(answered_at=now, answer_code=mask_code(attempt.code), answer_words=_safe(attempt.words))
        changed = await tx.execute(
            update(outbound_messages)
            .where(
                outbound_messages.c.id == message.id, outbound_messages.c.version == message.version,
                outbound_messages.c.state == M.QUEUED.value,
            )
            .values(**values, version=outbound_messages.c.version + 1)
        )  # fmt: skip
        if not changed.rowcount:
            return
        row = await _row(tx, message.id)
        await _put_attempt(tx, desk, row, attempt)
        if receipt is not None and attempt.state in (M.DELIVERED, M.ACKED):
            await _follow_receipt(tx, desk, row, receipt)
        else:
            await _follow(tx, desk, [row], ())


async def answered(tx: AsyncConnection, desk: Desk, instance: str, answers: Sequence[Answer]) -> None:
    """The partner's business answers, told by its records. One that names nothing of ours yet is kept until it does."""
    c = outbound_messages.c
    by_key = {answer.our_key: answer for answer in answers if answer.our_key}
    rows: list[AnyRow] = []
    known: set[str] = set()
    for part in chunks(by_key):
        for row in (await tx.execute(_with_key().where(c.instance == instance, c.our_key.in_(part)))).all():
            known.add(row.our_key)
            if row.state in (M.DELIVERED.value, M.QUEUED.value):
                rows.append(row)
    for row in rows:
        await _take_answer(tx, desk, row, by_key[row.our_key])
    # only who pushes at all can be owed an answer
    if (await tx.execute(select(c.id).where(c.instance == instance).limit(1))).first() is not None:
        now = desk.clock()
        early = [
            {
                "instance": instance, "our_key": key, "county": desk.county, "accepted": answer.accepted,
                "code": mask_code(answer.code), "words": _safe(answer.reason),
                "partner_ref": mask_code(answer.partner_ref), "at": now,
            }
            for key, answer in by_key.items()
            if key not in known
        ]  # fmt: skip
        await insert_or_ignore(
            tx, early_answers, early, update_columns=("accepted", "code", "words", "partner_ref", "at")
        )


def _with_key() -> Any:
    return select(outbound_messages, data_keys.c.wrapped, data_keys.c.native_id.label("owner")).join(
        data_keys, data_keys.c.id == outbound_messages.c.data_key_id
    )


async def _row(tx: AsyncConnection, message_id: str) -> AnyRow:
    row: AnyRow = (await tx.execute(_with_key().where(outbound_messages.c.id == message_id))).one()
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
    await _follow(tx, desk, [row], anchors)
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
        "state": state.value, "answer_code": mask_code(answer.code), "answer_words": _safe(answer.reason),
        "next_try_at": None, "delivered_at": func.coalesce(outbound_messages.c.delivered_at, now),
    }  # fmt: skip
    if not waits:
        values["answered_at"] = now
    await tx.execute(
        update(outbound_messages)
        .where(outbound_messages.c.id == row.id)
        .values(**values, version=outbound_messages.c.version + 1)
    )
    outcome = "ACKED" if answer.accepted else "WANTS_MATERIAL" if waits else "REFUSED"
    await _put_attempt(tx, desk, row, Attempt("ANSWER", outcome, state, code=answer.code))
    await _follow(tx, desk, [await _row(tx, row.id)], ())


async def _put_attempt(tx: AsyncConnection, desk: Desk, row: AnyRow, attempt: Attempt) -> None:
    raw = attempt.receipt.raw if attempt.receipt is not None else b""
    attempt_id = new_id("att", desk.county)
    key = _data_key(desk, row) if raw else None
    await tx.execute(
        outbound_attempts.insert().values(
            id=attempt_id, county=desk.county, message_id=row.id, act=attempt.act, at=desk.clock(),
            outcome=attempt.outcome, error_kind=attempt.error_kind or mask_code(attempt.code),
            answer_sealed=key.seal(raw, attempt_id) if key is not None else None,
        )
    )  # fmt: skip


async def _follow(tx: AsyncConnection, desk: Desk, rows: Sequence[AnyRow], relinked: Sequence[str]) -> None:
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
    if row.state == M.ACKED.value:
        return (HandlingEventKind.RETURN_ACKED if is_return else HandlingEventKind.DELIVERED), data
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


def _safe(words: str) -> str:
    return mask_words(clean_text(words)[0])[:2000]
