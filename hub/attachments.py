"""Files that records name: noted with the record, fetched once, kept sealed once per content, refused with a reason.

What a record names and what became of it are rows that stay; a file that a newer version names no more is marked.
Noting, keeping or refusing the same twice changes nothing.
"""

from __future__ import annotations

import base64
import binascii
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import file_types
from hub.desk import Desk
from hub.errors import NotFoundError
from hub.history import Appender, EventDraft, StreamHead
from hub.model import AttachmentFacts, CaseFacts, clean_text
from hub.sealing import mask_words
from hub.store.ids import new_id
from hub.store.lookup import AnyRow, chunks
from hub.store.tables import attachment_contents, attachments, case_records, record_entries
from hub.store.turn import take_turn
from hub.store.upsert import insert_or_ignore
from hub.vocabulary import AttachmentReason, AttachmentState, HandlingEventKind

#: the hub's own entry in a record's stream for each file it stored
ATTACHED = "hub:attached:"
#: seconds until the next try after each failed one; after the last the file has failed
WAITS_S = (60, 300, 1800, 7200, 43_200, 86_400, 86_400, 86_400)
#: whoever asks again gets the same answer: nothing but a person's wish tries these another time
FINAL = frozenset(
    {
        AttachmentReason.HOST_NOT_ALLOWED, AttachmentReason.BAD_ADDRESS, AttachmentReason.TYPE_NOT_ALLOWED,
        AttachmentReason.TOO_LARGE, AttachmentReason.EMPTY, AttachmentReason.BAD_BASE64,
    }
)  # fmt: skip
_LONGEST_NAME = 120
#: characters that are not shown, or that turn the reading direction of a name round
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

# --- what a record names ------------------------------------------------------------------------------------------


def clean_name(declared: str) -> str:
    """A declared name as it may be shown and saved: no path, nothing unseen, numbers of persons masked, not long."""
    name = clean_text(declared)[0].replace("\\", "/").rpartition("/")[2]
    name = "".join(c for c in name if unicodedata.category(c) not in _UNSEEN)
    name = mask_words(name).strip(" .")
    if len(name) <= _LONGEST_NAME:
        return name
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending) > 10:
        return name[:_LONGEST_NAME]
    return stem[: _LONGEST_NAME - len(ending) - 1] + dot + ending


def ref_hash(desk: Desk, facts: AttachmentFacts) -> str:
    """What tells the file from the others of its record: keyed, because a path may hold a name or a number."""
    return desk.keys.content_hash(facts.identity.encode("utf-8", "replace"))


async def note(
    tx: AsyncConnection, desk: Desk, instance: str, told: Sequence[tuple[str, bool, CaseFacts]], now: datetime
) -> None:
    """Write what these records (id, whether it is new, facts) name now, in the caller's transaction."""
    known: dict[tuple[str, str], AnyRow] = {}
    for part in chunks(record_id for record_id, is_new, _ in told if not is_new):
        query = select(attachments).where(attachments.c.record_id.in_(part))
        known.update({(row.record_id, row.ref_hash): row for row in await tx.execute(query)})
    fresh: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    named: set[tuple[str, str]] = set()
    for record_id, _, facts in told:
        for position, one in enumerate(facts.attachments):
            key = record_id, ref_hash(desk, one)
            if not one.identity or key in named:
                continue
            named.add(key)
            said = {
                "position": position, "kind": one.kind.value, "name": clean_name(one.name),
                "classification": facts.classification.value, "deleted_at_source": None,
            }  # fmt: skip
            row = known.get(key)
            if row is None:
                fresh.append(
                    {
                        **said, "id": new_id("att", desk.county), "county": desk.county, "instance": instance,
                        "record_id": record_id, "ref_hash": key[1], "state": AttachmentState.PENDING.value,
                        "attempts": 0, "next_try_at": now, "first_seen_at": now,
                    }
                )  # fmt: skip
            elif any(row._mapping[name] != value for name, value in said.items()):
                changed.append({f"b_{name}": value for name, value in {**said, "id": row.id}.items()})
    if fresh:
        await tx.execute(attachments.insert(), fresh)
    if changed:
        await tx.execute(_UPDATE_SAID, changed)
    gone = [row.id for key, row in known.items() if key not in named and row.deleted_at_source is None]
    for part in chunks(gone):
        await tx.execute(update(attachments).where(attachments.c.id.in_(part)).values(deleted_at_source=now))


_UPDATE_SAID = (
    update(attachments)
    .where(attachments.c.id == bindparam("b_id"))
    .values({name: bindparam(f"b_{name}") for name in
             ("position", "kind", "name", "classification", "deleted_at_source")})
)  # fmt: skip

# --- what waits ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that is due to be fetched."""

    id: str
    record_id: str
    native_id: str
    ref_hash: str
    kind: str
    attempts: int


async def waiting(connection: AsyncConnection, instance: str, now: datetime, limit: int) -> list[Waiting]:
    """What is due, the latest named first: its address is the freshest. Nothing of what the partner took back."""
    c = attachments.c
    query = (
        select(c.id, c.record_id, case_records.c.native_id, c.ref_hash, c.kind, c.attempts)
        .join(case_records, case_records.c.id == c.record_id)
        .where(c.instance == instance, c.state == literal_column("'PENDING'"), c.next_try_at <= now)
        .where(c.deleted_at_source.is_(None), case_records.c.deleted_at_source.is_(None))
        .order_by(c.attempts, c.id.desc())
        .limit(limit)
    )
    return [Waiting(*row) for row in await connection.execute(query)]


async def retry(tx: AsyncConnection, now: datetime, *, ids: Sequence[str] = (), instance: str | None = None) -> int:
    """Let refused and failed files be fetched again, and waiting ones now; returns how many.

    Raises NotFoundError for an id that is none.
    """
    c = attachments.c
    if ids:
        there = set((await tx.execute(select(c.id).where(c.id.in_(ids)))).scalars())
        if missing := [one for one in ids if one not in there]:
            raise NotFoundError(f"there is no file {missing[0]}", hint="See `dispute-hub files list`.")
    again = update(attachments).where(c.state != AttachmentState.STORED.value)
    if ids:
        again = again.where(c.id.in_(ids))
    if instance is not None:
        again = again.where(c.instance == instance)
    done = await tx.execute(again.values(state=AttachmentState.PENDING.value, attempts=0, next_try_at=now))
    return int(done.rowcount)


# --- what became of it --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sealed:
    """A file's content, ready to be kept."""

    id: str
    content_hash: str
    media_type: str
    size: int
    #: None where an equal content is kept already
    wrapped: bytes | None
    body_sealed: bytes | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one try ended: with a content, or with the reason why there is none."""

    of: Waiting
    got: Sealed | AttachmentReason


def decode(inline: str, limit: int) -> bytes | AttachmentReason:
    """The content of a file that came inside its record; a ``data:`` prefix and line breaks are allowed."""
    text = inline.partition(",")[2] if inline[:5].lower() == "data:" else inline
    text = "".join(text.split())
    # before decoding: what is too long is not unpacked first
    if len(text) // 4 * 3 > limit + 3:
        return AttachmentReason.TOO_LARGE
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return AttachmentReason.BAD_BASE64
    return AttachmentReason.TOO_LARGE if len(content) > limit else content


def seal(desk: Desk, content: bytes, known: bool = False) -> Sealed | AttachmentReason:
    """A content under a key of its own, or the reason why it is not kept. ``known``: an equal one is kept already."""
    if not content:
        return AttachmentReason.EMPTY
    media_type = file_types.sniff(content)
    if media_type is None:
        return AttachmentReason.TYPE_NOT_ALLOWED
    content_id, content_hash = new_id("fil", desk.county), desk.keys.content_hash(content)
    if known:
        return Sealed(content_id, content_hash, media_type, len(content), None, None)
    key, wrapped = desk.keys.new_data_key(content_id)
    return Sealed(content_id, content_hash, media_type, len(content), wrapped, key.seal(content, content_id))


async def is_kept(connection: AsyncConnection, desk: Desk, content: bytes) -> bool:
    """Whether an equal content can be read already."""
    c = attachment_contents.c
    query = select(c.id).where(c.county == desk.county, c.content_hash == desk.keys.content_hash(content))
    return (await connection.execute(query)).first() is not None


async def settle(desk: Desk, outcomes: Sequence[Outcome]) -> int:
    """Write how these tries ended, in one transaction; returns how many files are stored now.

    A file that is not waiting any more is left as it is.
    """
    async with desk.store.write() as tx:
        await take_turn(tx, desk.county)
        now = desk.clock()
        c = attachments.c
        query = select(c.id).where(c.id.in_([one.of.id for one in outcomes]), c.state == AttachmentState.PENDING.value)
        still = set((await tx.execute(query)).scalars())
        due = [one for one in outcomes if one.of.id in still]
        stored = [(one.of, one.got) for one in due if isinstance(one.got, Sealed)]
        if stored:
            stored = await _store(tx, desk, stored, now)
            await _tell(tx, desk, stored, now)
        for one in due:
            if isinstance(one.got, AttachmentReason):
                await tx.execute(update(attachments).where(c.id == one.of.id).values(_missed(one.of, one.got, now)))
    return len(stored)


def _missed(of: Waiting, reason: AttachmentReason, now: datetime) -> dict[str, Any]:
    tries = of.attempts + 1
    state, wait = AttachmentState.PENDING, 0
    if reason in FINAL:
        state = AttachmentState.REFUSED
    elif tries > len(WAITS_S):
        state = AttachmentState.FAILED
    else:
        wait = WAITS_S[tries - 1]
    return {
        "state": state.value, "reason": reason.value, "attempts": tries, "next_try_at": now + timedelta(seconds=wait),
    }  # fmt: skip


async def _store(
    tx: AsyncConnection, desk: Desk, stored: Sequence[tuple[Waiting, Sealed]], now: datetime
) -> list[tuple[Waiting, Sealed]]:
    """Returns those that are kept now: a content that was known may be gone since, and is fetched again."""
    contents = [
        {
            "id": got.id, "county": desk.county, "content_hash": got.content_hash, "media_type": got.media_type,
            "bytes": got.size, "created_at": now, "body_sealed": got.body_sealed,
            # sealed before this write began: the master key may have changed since
            "wrapped": desk.keys.renew_data_key(got.wrapped, got.id),
        }
        for _, got in stored
        if got.wrapped is not None
    ]  # fmt: skip
    await insert_or_ignore(tx, attachment_contents, contents, on=("county", "content_hash"))
    c = attachment_contents.c
    hashes = {got.content_hash for _, got in stored}
    query = select(c.content_hash, c.id).where(c.county == desk.county, c.content_hash.in_(hashes))
    kept = {row.content_hash: row.id for row in await tx.execute(query)}
    done = [(of, got) for of, got in stored if got.content_hash in kept]
    for of, got in done:
        values = {
            "state": AttachmentState.STORED.value, "reason": None, "fetched_at": now, "media_type": got.media_type,
            "bytes": got.size, "content_id": kept[got.content_hash],
        }  # fmt: skip
        await tx.execute(update(attachments).where(attachments.c.id == of.id).values(values))
    return done


async def _tell(tx: AsyncConnection, desk: Desk, stored: Sequence[tuple[Waiting, Sealed]], now: datetime) -> None:
    """Each stored file becomes an entry of its record's stream: codes and counts, no name."""
    c = case_records.c
    query = select(c.id, c.stream_seq, c.stream_hash).where(c.id.in_({of.record_id for of, _ in stored}))
    heads = {row.id: StreamHead(row.stream_seq, row.stream_hash) for row in await tx.execute(query)}
    appender = Appender(desk, now)
    entries = []
    for of, got in stored:
        draft = EventDraft(
            record_id=of.record_id, kind=HandlingEventKind.ATTACHED, occurred_at=now,
            source_event_id=f"{ATTACHED}{of.id}",
            data={"attachment": of.id, "kind": of.kind, "mediaType": got.media_type, "bytes": got.size},
        )  # fmt: skip
        entries.append(
            {
                "record_id": of.record_id, "source_event_id": draft.source_event_id, "county": desk.county,
                "kind": draft.kind.value, "event_id": appender.add(heads[of.record_id], draft), "content_hash": "",
                "is_live": True,
            }
        )  # fmt: skip
    await insert_or_ignore(
        tx, record_entries, entries, on=("record_id", "source_event_id"),
        update_columns=("kind", "event_id", "content_hash", "is_live"),
    )  # fmt: skip
    for record_id, head in heads.items():
        await tx.execute(
            update(case_records).where(c.id == record_id).values(stream_seq=head.seq, stream_hash=head.hash)
        )
    await appender.flush(tx)
