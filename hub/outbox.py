"""Messages to partners: written with the change that caused them, delivered at least once, never lost.

A message belongs to a lane, the instance and the origin record, fixed when it is written; messages of a lane leave in
order. Its key is the same for all tries and derives from the partner's own keys, so that a rebuilt hub repeats it.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.command_json import dump
from hub.commands import Command
from hub.desk import Desk
from hub.errors import ConflictError
from hub.inbox import data_keys_of
from hub.jobs import PUSH, put_in_line
from hub.store.ids import new_id
from hub.store.tables import outbound_messages
from hub.vocabulary import MessageState


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
            state=MessageState.QUEUED.value, next_try_at=now, queued_at=now,
        )
    )  # fmt: skip
    await put_in_line(tx, desk, PUSH, draft.instance)
    return message_id
