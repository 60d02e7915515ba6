"""Attachment: a file that a record names, and where its content can be had once the hub has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from hub.reading.attachments import AttachmentRow
from hub.vocabulary import AttachmentKind, AttachmentReason, AttachmentState
from schema.context import Info
from schema.scalars import Instant, instant
from schema.types.node import Node

if TYPE_CHECKING:
    from schema.types.record import CaseRecord


@strawberry.type(description="A file 附件 that an agency's record names.")
class Attachment(Node):
    kind: AttachmentKind = strawberry.field(description="What it is to the matter.")
    name: str = strawberry.field(description="As the agency calls it, without path; identifiers inside are masked.")
    state: AttachmentState = strawberry.field(description="Whether the hub has it.")
    reason: AttachmentReason | None = strawberry.field(description="Why the hub has it not, or not yet.")
    media_type: str | None = strawberry.field(description="What its bytes are, whatever it is called.")
    bytes: int | None = strawberry.field(description="Its size; null while not stored.")
    url: str | None = strawberry.field(
        description="Path on this server that answers with it, base path included; null while not stored."
    )
    source: str = strawberry.field(description="The configured partner that named it.")
    first_seen_at: Instant = strawberry.field(description="When a record first named it.")
    fetched_at: Instant | None = strawberry.field(description="When the hub stored it.")
    deleted_at_source: Instant | None = strawberry.field(description="When the record was found to name it no more.")
    row: strawberry.Private[AttachmentRow]

    @strawberry.field(description="The record that names it.")
    async def record(self, info: Info) -> Annotated[CaseRecord, strawberry.lazy("schema.types.record")] | None:
        row = await info.context.loaders.records.load(self.row.record_id)
        return None if row is None else info.context.make.record(row)


def attachment(row: AttachmentRow, base_path: str) -> Attachment:
    """The public attachment of a row, by a server that lies below ``base_path``."""
    is_stored = row.state == AttachmentState.STORED.value
    return Attachment(
        id=strawberry.ID(row.id),
        kind=AttachmentKind[row.kind],
        name=row.name,
        state=AttachmentState[row.state],
        reason=AttachmentReason[row.reason] if row.reason else None,
        media_type=row.media_type,
        bytes=row.bytes,
        url=f"{base_path}/files/{row.id}" if is_stored else None,
        source=row.instance,
        first_seen_at=Instant(row.first_seen_at),
        fetched_at=instant(row.fetched_at),
        deleted_at_source=instant(row.deleted_at_source),
        row=row,
    )
