"""AccessLogEntry: one look at citizens' matters. Keys and codes; never what was seen."""

from __future__ import annotations

import strawberry

from hub.reading.access_log import LookRow
from hub.vocabulary import AccessKind, AccessPurpose, PartyDetail
from schema.scalars import Instant


@strawberry.type(description="One look at citizens' matters 查阅记录: who, when, how and at what; never what was seen.")
class AccessLogEntry:
    id: strawberry.ID = strawberry.field(description="The entry itself.")
    at: Instant = strawberry.field(description="When.")
    principal_id: str = strawberry.field(description="Who, as accounts, keys and tokens are known.")
    principal_name: str = strawberry.field(description="Their name at that time, as the history names who acts.")
    role: str = strawberry.field(description="Their role at that time.")
    kind: AccessKind = strawberry.field(description="How.")
    purpose: AccessPurpose | None = strawberry.field(description="Why, where it has to be said.")
    details: list[PartyDetail] = strawberry.field(description="What was revealed, or by what somebody was looked for.")
    document_hash: str | None = strawberry.field(description="Equal documents have equal hashes. Keyed.")
    operation: str | None = strawberry.field(description="What its client calls the operation.")
    searched_hash: str | None = strawberry.field(description="Equal searches and lists have equal hashes. Keyed.")
    subject_ids: list[strawberry.ID] = strawberry.field(
        description="What the answer held, at most 100: disputes first, then records, then what is of them."
    )
    subject_count: int = strawberry.field(description="How much the answer held.")


def access_log_entry(row: LookRow) -> AccessLogEntry:
    """The public entry of a row."""
    return AccessLogEntry(
        id=strawberry.ID(row.id),
        at=Instant(row.at),
        principal_id=row.principal_id,
        principal_name=row.principal_name,
        role=row.role,
        kind=AccessKind[row.kind],
        purpose=AccessPurpose[row.purpose] if row.purpose else None,
        details=[PartyDetail[name] for name in row.details.split()],
        document_hash=row.document_hash or None,
        operation=row.operation or None,
        searched_hash=row.searched or None,
        subject_ids=[strawberry.ID(id) for id in row.subject_ids.split()],
        subject_count=row.subject_count,
    )
