"""Messages to partners: what kind, how far, what went wrong; what they say is shown in outline only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from hub.command_outline import outline_of
from hub.reading.outbox import AttemptRow, MessageRow
from hub.vocabulary import CommandKind, MessageState
from schema.context import Info
from schema.scalars import Instant, instant

if TYPE_CHECKING:
    from schema.types.dispute import Dispute
    from schema.types.referral import Referral


@strawberry.type(
    description="One code, day, count or yes-or-no of a message; words, names and numbers are never shown."
)
class OutlineEntry:
    name: str = strawberry.field(description="E.g. outcome.")
    value: str = strawberry.field(description="E.g. AGREED.")


@strawberry.type(description="One line of a message's own history: a try, an answer, or what a person did about it.")
class OutboundAttempt:
    act: str = strawberry.field(description="PUSH, FIND, ANSWER; RETRY, DISCARD, DECIDE of a person.")
    at: Instant = strawberry.field(description="When.")
    outcome: str = strawberry.field(
        description="LAID, DELIVERED, ACKED, REFUSED, TRANSIENT, IN_DOUBT …; of a person's act the state after it."
    )
    error_kind: str | None = strawberry.field(description="What went wrong, as a constant; or the partner's own code.")
    by: str | None = strawberry.field(description="Who, where a person acted.")
    reason: str | None = strawberry.field(description="Why, where a person acted.")


@strawberry.type(description="A message to a partner 推送: written with the act that caused it, sent under one key.")
class OutboundMessage:
    id: strawberry.ID = strawberry.field(description="For retryDeadLetters, discardDeadLetter and decideUncertain.")
    instance: str = strawberry.field(description="The configured partner.")
    command: CommandKind = strawberry.field(description="What it tells.")
    state: MessageState = strawberry.field(description="How far it came.")
    lane: str = strawberry.field(description="Messages of one lane leave in order; a dead or uncertain one holds it.")
    key: str = strawberry.field(description="The step's key, the same for every try.")
    attempts: int = strawberry.field(description="Tries that count; a partner that is not there is none.")
    last_error_kind: str | None = strawberry.field(description="What went wrong at last, as a constant.")
    last_error_hint: str | None = strawberry.field(description="What to do about it.")
    queued_at: Instant = strawberry.field(description="When the act was done.")
    next_try_at: Instant | None = strawberry.field(description="When it is tried next; null where it is not.")
    delivered_at: Instant | None = strawberry.field(description="When the partner's receipt came.")
    answered_at: Instant | None = strawberry.field(description="When the partner's own answer came.")
    partner_ref: str | None = strawberry.field(description="The partner's number of it.")
    answer_code: str | None = strawberry.field(description="The code of the partner's answer.")
    decided_by: str | None = strawberry.field(description="Who last acted on it.")
    decided_at: Instant | None = strawberry.field(description="When.")
    decided_reason: str | None = strawberry.field(description="Why.")
    version: int = strawberry.field(description="Give it as expectedVersion, to decide only what you saw.")
    row: strawberry.Private[MessageRow]

    @strawberry.field(description="The dispute it belongs to now.")
    async def dispute(self, info: Info) -> Annotated[Dispute, strawberry.lazy("schema.types.dispute")] | None:
        row = await info.context.loaders.disputes.load(self.row.dispute_id)
        return None if row is None else info.context.make.dispute(row)

    @strawberry.field(description="The referral it is about.")
    async def referral(self, info: Info) -> Annotated[Referral, strawberry.lazy("schema.types.referral")] | None:
        if self.row.referral_id is None:
            return None
        row = await info.context.loaders.referrals.load(self.row.referral_id)
        return None if row is None else info.context.make.referral(row)

    @strawberry.field(description="What it says, as far as anybody may see it; empty where it was erased.")
    def outline(self, info: Info) -> list[OutlineEntry]:
        return [OutlineEntry(name=n, value=v) for n, v in outline_of(info.context.desk, self.row).items()]

    @strawberry.field(description="Every try, answer and act, in order.")
    async def history(self, info: Info) -> list[OutboundAttempt]:
        return [_attempt(row) for row in await info.context.loaders.attempts.load(self.row.id)]


def outbound_message(row: MessageRow) -> OutboundMessage:
    """The public message of a row."""
    return OutboundMessage(
        id=strawberry.ID(row.id),
        instance=row.instance,
        command=CommandKind[row.command],
        state=MessageState[row.state],
        lane=row.lane,
        key=row.key,
        attempts=row.attempts,
        last_error_kind=row.last_error_kind,
        last_error_hint=row.last_error_hint,
        queued_at=Instant(row.queued_at),
        next_try_at=instant(row.next_try_at) if row.state == MessageState.QUEUED.value else None,
        delivered_at=instant(row.delivered_at),
        answered_at=instant(row.answered_at),
        partner_ref=row.partner_ref or None,
        answer_code=row.answer_code or None,
        decided_by=row.decided_by,
        decided_at=instant(row.decided_at),
        decided_reason=row.decided_reason or None,
        version=row.version,
        row=row,
    )


def _attempt(row: AttemptRow) -> OutboundAttempt:
    return OutboundAttempt(
        act=row.act,
        at=Instant(row.at),
        outcome=row.outcome,
        error_kind=row.error_kind or None,
        by=row.by or None,
        reason=row.reason or None,
    )
