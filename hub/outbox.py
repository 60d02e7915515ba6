"""Messages to partners: written with the change that caused them, delivered at least once, never lost.

A message belongs to a lane, the instance and the origin record, fixed when it is written; messages of a lane leave in
order. Its key is the same for all tries and derives from the partner's own keys, so that a rebuilt hub repeats it.
Every message ends ACKED, REFUSED, DEAD, UNCERTAIN or DISCARDED; a dead or uncertain one holds its own lane until a
person acts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import ColumnElement, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.command_json import dump, load
from hub.commands import Command
from hub.desk import Desk
from hub.errors import ConflictError
from hub.inbox import data_keys_of, key_owner
from hub.jobs import PUSH, put_in_line
from hub.sealing import DataKey, UnreadableError
from hub.store.ids import next_id
from hub.store.lookup import AnyRow
from hub.store.tables import data_keys, outbound_attempts, outbound_messages
from hub.vocabulary import MessageState

M = MessageState
#: states in which the head of a lane holds the others back
HOLDING = (M.QUEUED.value, M.DEAD.value, M.UNCERTAIN.value)
#: a try began of which nobody knows yet how it ended
STARTED = "STARTED"
#: it lies where the partner will find it
LAID = "LAID"


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
    last = (await tx.execute(select(func.max(c.id)).where(c.lane == draft.lane))).scalar_one()
    # the id is its place in the lane; machines' clocks differ
    message_id = next_id("out", desk.county, last)
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
    """A message whose turn it is, opened."""

    id: str
    lane: str
    key: str
    attempts: int
    version: int
    #: when it was queued, or a person had it tried again
    since: datetime
    #: when it was first laid where the partner will find it; None where it was not
    laid_at: datetime | None
    #: it was sent before and lies at the partner's, or nobody knows
    was_sent: bool
    #: a try began of which nobody knows how it ended; kept only where the wire carries no key
    has_started: bool
    #: None: it cannot be read, ``problem`` says why
    command: Command | None
    problem: str = ""


def _is_behind() -> ColumnElement[bool]:
    """Whether another message of the lane is to leave first."""
    c, before = outbound_messages.c, outbound_messages.alias("before")
    return exists().where(before.c.lane == c.lane, before.c.id < c.id, before.c.state.in_(HOLDING))


async def due(
    tx: AsyncConnection, desk: Desk, instance: str, *, limit: int, not_in: Iterable[str] = (), fresh_only: bool = False
) -> list[Due]:
    """Heads of lanes that may be tried now, the longest waiting first; ``fresh_only``: only what was never tried."""
    c, tried = outbound_messages.c, outbound_attempts.c
    since = func.coalesce(c.decided_at, c.queued_at)
    laid_at = select(func.min(tried.at)).where(tried.message_id == c.id, tried.outcome == LAID, tried.at >= since)
    query = (
        with_key(laid_at.scalar_subquery().label("laid_at"))
        .where(c.instance == instance, c.state == M.QUEUED.value, c.next_try_at <= desk.clock(), ~_is_behind())
        .where(c.lane.not_in(list(not_in)))
        .order_by(c.next_try_at, c.id)
        .limit(limit)
    )
    if fresh_only:
        query = query.where(c.attempts == 0)
    return [_opened(desk, row) for row in await tx.execute(query)]


def with_key(*further: ColumnElement[Any]) -> Any:
    """Messages with the key that seals them."""
    return select(outbound_messages, data_keys.c.wrapped, data_keys.c.native_id.label("owner"), *further).join(
        data_keys, data_keys.c.id == outbound_messages.c.data_key_id
    )


def _opened(desk: Desk, row: AnyRow) -> Due:
    command, problem = None, ""
    try:
        command = command_of(desk, row)
        problem = "" if command is not None else "ERASED"
    except (UnreadableError, ValueError, LookupError, TypeError):
        # one that a newer release wrote, or whose bytes were changed, must not hold the others
        problem = "UNREADABLE"
    has_started = row.last_error_kind == STARTED
    was_sent = bool(row.partner_ref) or row.attempts > 0 or has_started
    return Due(
        row.id, row.lane, row.key, row.attempts, row.version, row.decided_at or row.queued_at, row.laid_at, was_sent,
        has_started, command, problem,
    )  # fmt: skip


def command_of(desk: Desk, row: AnyRow) -> Command | None:
    """The command of a row of ``with_key``; None where an erasure destroyed its key. Raises UnreadableError …"""
    key = data_key_of(desk, row)
    return load(key.open(row.command_sealed, row.id)) if key is not None and row.command_sealed else None


def data_key_of(desk: Desk, row: AnyRow) -> DataKey | None:
    """The key of a row of ``with_key``; None where it was destroyed."""
    return desk.keys.open_data_key(row.wrapped, key_owner(row.instance, row.owner)) if row.wrapped else None


async def next_due_at(tx: AsyncConnection, instance: str) -> datetime | None:
    """When the next message may be tried; None where none waits but behind another."""
    c = outbound_messages.c
    query = select(func.min(c.next_try_at)).where(c.instance == instance, c.state == M.QUEUED.value, ~_is_behind())
    found: datetime | None = (await tx.execute(query)).scalar_one_or_none()
    return found


async def try_now(tx: AsyncConnection, desk: Desk, instance: str) -> int:
    """Have what waits for its next try tried at once, a receipt that is asked for included. Returns how many."""
    c = outbound_messages.c
    waiting = update(outbound_messages).where(c.instance == instance, c.state == M.QUEUED.value, ~_is_behind())
    return int((await tx.execute(waiting.values(next_try_at=desk.clock()))).rowcount)


async def begin(desk: Desk, message: Due) -> bool:
    """Put down that a message is about to be sent, where its wire could not undo a second send.

    False: somebody changed it meanwhile, it is not to be sent.
    """
    c = outbound_messages.c
    async with desk.store.write() as tx:
        changed = await tx.execute(
            update(outbound_messages)
            .where(c.id == message.id, c.version == message.version, c.state == M.QUEUED.value)
            .values(last_error_kind=STARTED)
        )
        return bool(changed.rowcount)
