"""The history: facts appended to streams, never changed; each event chained to the one before it in its stream.

A stream is one case record, or one dispute's own acts. What people wrote goes into an erasable row beside the event,
which itself holds only a salted digest of it. Every event and link decision also waits for its public sequence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.desk import Desk
from hub.store.ids import new_id
from hub.store.tables import event_words, handling_events, unsequenced
from hub.vocabulary import Classification, HandlingEventKind

ASSERT, SUPERSEDE, RETRACT = "ASSERT", "SUPERSEDE", "RETRACT"
#: the source of what the hub itself did or concluded
HUB = "hub"


@dataclass(slots=True)
class StreamHead:
    """Where a stream stands: the last event's place and hash. Moved on by every append."""

    seq: int = 0
    hash: str = ""


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event before it has its place in a stream. Exactly one of ``record_id`` and ``dispute_id`` is set."""

    kind: HandlingEventKind
    occurred_at: datetime
    source_event_id: str
    record_id: str | None = None
    dispute_id: str | None = None
    operation: str = ASSERT
    previous_id: str | None = None
    position: int = 0
    actor_code: str = ""
    from_state: str = ""
    to_state: str = ""
    native_code: str = ""
    source: str = HUB
    item_id: str | None = None
    mapping_version: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)
    actor_name: str = ""
    words: str = ""
    #: salted digest of ``words`` and ``actor_name``; '' when both are empty
    words_digest: str = ""
    visibility: str = Classification.INTERNAL.value


def event_hash(row: Mapping[str, Any]) -> str:
    """SHA-256 over what an event states and the hash before it: the link of the stream's chain."""
    stated = [
        row["record_id"], row["dispute_id"], row["stream_seq"], row["operation"], row["previous_id"], row["kind"],
        row["occurred_at"].timestamp(), row["recorded_at"].timestamp(), row["position"], row["actor_code"],
        row["from_state"], row["to_state"], row["native_code"], row["source"], row["source_event_id"],
        row["item_id"], row["mapping_version"], row["data"], row["words_digest"], row["previous_hash"],
    ]  # fmt: skip
    return hashlib.sha256(orjson.dumps(stated, option=orjson.OPT_SORT_KEYS)).hexdigest()


class Appender:
    """Collects one transaction's events and writes them together with their words and their place in the queue."""

    def __init__(self, desk: Desk, now: datetime) -> None:
        self._desk = desk
        # the chain is verified from what the database gives back: whole microseconds on both engines
        self._now = now
        self._events: list[dict[str, Any]] = []
        self._words: list[dict[str, Any]] = []
        self._waiting: list[dict[str, Any]] = []

    def __len__(self) -> int:
        return len(self._events)

    def add(self, head: StreamHead, draft: EventDraft) -> str:
        """Put an event at the end of its stream; returns its id."""
        event_id = new_id("evt", self._desk.county)
        row: dict[str, Any] = {
            "id": event_id,
            "county": self._desk.county,
            "record_id": draft.record_id,
            "dispute_id": draft.dispute_id,
            "stream_seq": head.seq + 1,
            "operation": draft.operation,
            "previous_id": draft.previous_id,
            "kind": draft.kind.value,
            "occurred_at": draft.occurred_at,
            "recorded_at": self._now,
            "position": draft.position,
            "kind_rank": draft.kind.rank,
            "actor_code": draft.actor_code,
            "from_state": draft.from_state,
            "to_state": draft.to_state,
            "native_code": draft.native_code,
            "source": draft.source,
            "source_event_id": draft.source_event_id,
            "item_id": draft.item_id,
            "mapping_version": draft.mapping_version,
            "data": dict(draft.data),
            "words_digest": draft.words_digest,
            "correlation_id": draft.record_id or draft.dispute_id or "",
            "causation_id": draft.item_id or "",
            "visibility": draft.visibility,
            "previous_hash": head.hash,
        }
        row["hash"] = event_hash(row)
        head.seq, head.hash = row["stream_seq"], row["hash"]
        self._events.append(row)
        if draft.words or draft.actor_name:
            self._words.append(
                {
                    "event_id": event_id, "county": self._desk.county, "actor_name": draft.actor_name,
                    "words": draft.words,
                }
            )  # fmt: skip
        self.wait_for_sequence(event_id, "EVENT", row["hash"])
        return event_id

    def wait_for_sequence(self, entry_id: str, entry_kind: str, entry_hash: str) -> None:
        """Queue an entry (an event or correction of ours, a link decision of the caller's) for its public sequence."""
        self._waiting.append(
            {"entry_id": entry_id, "county": self._desk.county, "entry_kind": entry_kind, "entry_hash": entry_hash}
        )

    def note_correction(self, record_id: str, version: int) -> None:
        """Queue that a record reads otherwise as of that version of its row, where no event says so."""
        entry_id = f"{record_id}@{version}"
        self.wait_for_sequence(entry_id, "RECORD", hashlib.sha256(entry_id.encode()).hexdigest())

    async def flush(self, tx: AsyncConnection) -> None:
        """Write everything collected so far."""
        for table, rows in (
            (handling_events, self._events),
            (event_words, self._words),
            (unsequenced, self._waiting),
        ):
            if rows:
                await tx.execute(table.insert(), rows)
                rows.clear()
