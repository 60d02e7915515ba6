"""What a person does about a message to a partner: have it tried again, set it aside, or decide what nobody knows.

Every act is one transaction, stands in the message's own history with who and why, and brings referral and dispute in
line. A message that is tried again keeps its key: a partner that has it already does nothing twice. Under a client's
own ``key`` an act is done once; again it raises AlreadyDoneError.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import once
from hub.desk import Desk
from hub.errors import ConflictError, MissingFieldError, NotFoundError, UserInputError, VersionConflictError
from hub.jobs import PUSH, put_in_line
from hub.once_key import OnceKey
from hub.outbox import STARTED, with_key
from hub.outbox_standing import Attempt, follow, put_attempt, row_of
from hub.said import LONGEST_REASON, words_of
from hub.sealing import mask_code
from hub.store.lookup import AnyRow, chunks
from hub.store.tables import early_answers, outbound_messages
from hub.store.turn import take_turn
from hub.store.upsert import insert_or_ignore
from hub.vocabulary import MessageState

M = MessageState
#: messages that one request may name
MAX_IDS = 100
#: messages a minute, where a bulk retry does not say how many
RATE_PER_MINUTE = 60


async def retry(
    desk: Desk, ids: Sequence[str] | None, *, instance: str | None = None, by: str, reason: str = "",
    per_minute: int = RATE_PER_MINUTE, key: OnceKey | None = None,
) -> dict[str, int]:  # fmt: skip
    """Have dead letters tried again: these, or all of an instance. Returns how many of each instance; all or none.

    A message named by its id may also wait for its next try: then it is tried now. They leave spread over time, so
    many a minute. Raises MissingFieldError, UserInputError, NotFoundError, ConflictError.
    """
    if (ids is None) is (instance is None):
        kind = MissingFieldError if ids is None else UserInputError
        raise kind("give either ids or an instance", field="ids")
    if ids is not None and len(ids) > MAX_IDS:
        raise UserInputError(f"at most {MAX_IDS} messages at once", field="ids", hint="Or all of an instance.")
    if not 1 <= per_minute <= 6000:
        raise UserInputError("a rate is 1 to 6000 messages a minute", field="perMinute")
    said = _reason(reason)
    async with desk.store.write() as tx:
        await take_turn(tx, desk.county)
        await once.check(tx, by, key)
        rows = await _named(tx, ids) if ids is not None else await _dead_of(tx, instance or "")
        for row in rows:
            _check(row, (M.DEAD, M.QUEUED), "tried again")
        for place, row in enumerate(rows):
            await _queue(tx, desk, row, by, said, after_s=60.0 * place / per_minute)
        counts = Counter(row.instance for row in rows)
        for name in sorted(counts):
            await put_in_line(tx, desk, PUSH, name)
        queued = dict(sorted(counts.items()))
        await once.keep(tx, desk, by, key, {"queued": queued})
    return queued


async def push_again(desk: Desk, message_id: str, *, by: str, reason: str, expected_version: int | None = None) -> None:
    """Send once more, under the same key, what the partner has taken or refused: it lost it, or thinks better of it.

    Where it still has the message it answers as before, and the standing is what it was.
    """
    said = _reason(reason, is_needed=True)
    async with desk.store.write() as tx:
        await take_turn(tx, desk.county)
        row = await _one(tx, message_id, expected_version)
        _check(row, (M.DELIVERED, M.ACKED, M.REFUSED, M.DEAD), "pushed again")
        if row.our_key and row.answered_at is not None:
            # the answer to this very receipt is known; with another receipt another answer comes
            known = {
                "instance": row.instance, "our_key": row.our_key, "county": desk.county,
                "accepted": row.state == M.ACKED.value, "code": row.answer_code, "words": row.answer_words,
                "partner_ref": row.partner_ref, "at": desk.clock(),
            }  # fmt: skip
            await insert_or_ignore(tx, early_answers, [known], update_columns=("accepted", "code", "words", "at"))
        await _queue(tx, desk, row, by, said)
        await put_in_line(tx, desk, PUSH, row.instance)
        await follow(tx, desk, [await row_of(tx, row.id)])


async def discard(
    desk: Desk, message_id: str, *, by: str, reason: str, expected_version: int | None = None,
    key: OnceKey | None = None,
) -> None:  # fmt: skip
    """Set a message aside for good: it is not sent any more, its lane goes on, it stays listed.

    Raises NotFoundError, MissingFieldError, UserInputError, ConflictError, VersionConflictError.
    """
    said = _reason(reason, is_needed=True)
    async with desk.store.write() as tx:
        await take_turn(tx, desk.county)
        await once.check(tx, by, key)
        row = await _one(tx, message_id, expected_version)
        _check(row, (M.QUEUED, M.DEAD, M.UNCERTAIN, M.REFUSED), "discarded")
        await _change(tx, desk, row, by, said, state=M.DISCARDED, act="DISCARD", next_try_at=None)
        await put_in_line(tx, desk, PUSH, row.instance)
        await follow(tx, desk, [await row_of(tx, row.id)])
        await once.keep(tx, desk, by, key, {"message": row.id})


async def decide(
    desk: Desk, message_id: str, *, is_delivered: bool, partner_ref: str = "", is_accepted: bool = False, by: str,
    reason: str, expected_version: int | None = None, key: OnceKey | None = None,
) -> None:  # fmt: skip
    """What the partner said of an uncertain message: it has it, under this number of its own; or it has not.

    What it has waits for its answer unless ``is_accepted``; what it has not is queued again. Raises as ``discard``.
    """
    said = _reason(reason, is_needed=True)
    number = partner_ref.strip()
    if is_delivered and not number:
        raise MissingFieldError("the partner's own number of it is needed", field="partnerRef", hint="Ask for it.")
    if not is_delivered and (number or is_accepted):
        raise UserInputError("what the partner has not has no number there", field="partnerRef")
    async with desk.store.write() as tx:
        await take_turn(tx, desk.county)
        await once.check(tx, by, key)
        row = await _one(tx, message_id, expected_version)
        _check(row, (M.UNCERTAIN,), "decided")
        if is_delivered:
            now = desk.clock()
            await _change(
                tx, desk, row, by, said, state=M.ACKED if is_accepted else M.DELIVERED, act="DECIDE", next_try_at=None,
                partner_ref=mask_code(number), our_key=number, delivered_at=now, last_error_kind=None,
                last_error_hint=None, **({"answered_at": now} if is_accepted else {}),
            )  # fmt: skip
        else:
            await _queue(tx, desk, row, by, said, act="DECIDE")
        await put_in_line(tx, desk, PUSH, row.instance)
        await follow(tx, desk, [await row_of(tx, row.id)])
        await once.keep(tx, desk, by, key, {"message": row.id})


async def _queue(
    tx: AsyncConnection, desk: Desk, row: AnyRow, by: str, reason: str, *, after_s: float = 0, act: str = "RETRY"
) -> None:
    at = desk.clock() + timedelta(seconds=after_s)
    await _change(
        tx, desk, row, by, reason, state=M.QUEUED, act=act, next_try_at=at, attempts=0, last_error_kind=None,
        last_error_hint=None,
    )  # fmt: skip


async def _change(
    tx: AsyncConnection, desk: Desk, row: AnyRow, by: str, reason: str, *, state: MessageState, act: str, **values: Any
) -> None:
    await tx.execute(
        update(outbound_messages)
        .where(outbound_messages.c.id == row.id)
        .values(
            state=state.value, decided_by=by, decided_at=desk.clock(), decided_reason=reason,
            version=outbound_messages.c.version + 1, **values,
        )
    )  # fmt: skip
    await put_attempt(tx, desk, row, Attempt(act, state.value, state), by=by, reason=reason)


async def _one(tx: AsyncConnection, message_id: str, expected_version: int | None) -> AnyRow:
    (row,) = await _named(tx, [message_id], field="id")
    if expected_version is not None and expected_version != row.version:
        raise VersionConflictError(expected_version, row.version)
    return row


async def _named(tx: AsyncConnection, ids: Sequence[str], field: str = "ids") -> list[AnyRow]:
    c = outbound_messages.c
    found = {row.id: row for part in chunks(ids) for row in await tx.execute(with_key().where(c.id.in_(part)))}
    for message_id in ids:
        if message_id not in found:
            raise not_there(message_id, field)
    return [found[message_id] for message_id in sorted(set(ids))]


async def _dead_of(tx: AsyncConnection, instance: str) -> list[AnyRow]:
    c = outbound_messages.c
    if (await tx.execute(select(c.id).where(c.instance == instance).limit(1))).first() is None:
        raise NotFoundError("nothing was ever queued for it", hint="Take a name of `connectors`.", field="instance")
    return list(await tx.execute(with_key().where(c.instance == instance, c.state == M.DEAD.value).order_by(c.id)))


def not_there(message_id: str, field: str = "") -> NotFoundError:
    """What to say of an id that nothing has."""
    return NotFoundError(f"no message is called {message_id}", hint="Take an id of the list.", field=field)


def _check(row: AnyRow, allowed: Sequence[MessageState], done: str) -> None:
    """Raises ConflictError."""
    if row.state not in {one.value for one in allowed}:
        hint = "Ask the partner, then decide it." if row.state == M.UNCERTAIN.value else ""
        raise ConflictError(f"{row.id} is {row.state}: it cannot be {done}", hint=hint)
    if done == "tried again" and row.last_error_kind == STARTED:
        raise ConflictError(f"{row.id} is being sent", hint="See how that ends.")
    if row.wrapped is None and done != "discarded":
        raise ConflictError(f"what {row.id} said was erased", hint="Discard it.")


def _reason(text: str, *, is_needed: bool = False) -> str:
    reason = words_of(text, "reason", longest=LONGEST_REASON)
    if is_needed and not reason:
        raise MissingFieldError("a reason is needed", field="reason", hint="Why? It stands in the message's history.")
    return reason
