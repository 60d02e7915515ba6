"""Messages to partners, decided by a person: tried again, set aside, or said to have arrived."""

from __future__ import annotations

from contextlib import suppress

import strawberry

from hub import outbox_acts
from hub.once import AlreadyDoneError
from hub.outbox_acts import RATE_PER_MINUTE
from hub.reading.outbox import by_ids
from schema.context import Info
from schema.mutations.acting import once_key
from schema.mutations.base import MutationInput, MutationPayload, answered
from schema.types.outbox import OutboundMessage, outbound_message

_EXPECTED = "The version that was read; refused where it has changed since."
_REASON = "Why; kept in the message's history. At most 500 characters."


@strawberry.input(description="Which messages to try again: either some, by id, or all dead letters of an instance.")
class RetryDeadLettersInput(MutationInput):
    ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="At most 100 dead letters; one that waits for its next try is tried now."
    )
    instance: str | None = strawberry.field(default=None, description="All dead letters to this configured partner.")
    per_minute: int = strawberry.field(
        default=RATE_PER_MINUTE, description="So many leave in a minute, so that nobody is flooded; 1 to 6000."
    )
    reason: str = strawberry.field(default="", description=_REASON)


@strawberry.type(description="What was queued again.")
class RetryDeadLettersPayload(MutationPayload):
    queued: int = strawberry.field(default=0, description="How many messages; a worker sends them.")
    instances: list[str] = strawberry.field(default_factory=list, description="To these configured partners.")


@strawberry.input(description="Which message is not to be sent, and why.")
class DiscardDeadLetterInput(MutationInput):
    id: strawberry.ID = strawberry.field(description="Dead, uncertain, refused, or still waiting.")
    reason: str = strawberry.field(description=_REASON)
    expected_version: int | None = strawberry.field(default=None, description=_EXPECTED)


@strawberry.input(description="What the partner said of a message of which nobody knew whether it arrived.")
class DecideUncertainInput(MutationInput):
    id: strawberry.ID = strawberry.field(description="An uncertain message.")
    delivered: bool = strawberry.field(description="Whether the partner has it; if not, it is sent again.")
    partner_ref: str = strawberry.field(default="", description="The partner's own number of it, where it has it.")
    accepted: bool = strawberry.field(
        default=False, description="Whether the partner has accepted it too, so that no further answer is awaited."
    )
    reason: str = strawberry.field(description=_REASON)
    expected_version: int | None = strawberry.field(default=None, description=_EXPECTED)


@strawberry.type(description="The message as it stands now.")
class DiscardDeadLetterPayload(MutationPayload):
    message: OutboundMessage | None = strawberry.field(default=None, description="Null where it was refused.")


@strawberry.type(description="The message as it stands now.")
class DecideUncertainPayload(MutationPayload):
    message: OutboundMessage | None = strawberry.field(default=None, description="Null where it was refused.")


@strawberry.type
class OutboxMutations:
    @strawberry.mutation(
        description="Have dead letters sent again, each under its own key, spread over time. What was refused stays so."
    )
    async def retry_dead_letters(self, info: Info, input: RetryDeadLettersInput) -> RetryDeadLettersPayload | None:
        async def act() -> RetryDeadLettersPayload:
            ids = None if input.ids is None else [str(id) for id in input.ids]
            try:
                queued = await outbox_acts.retry(
                    info.context.desk, ids, instance=input.instance, by=info.context.decider, reason=input.reason,
                    per_minute=input.per_minute, key=once_key(info, RetryDeadLettersPayload, input),
                )  # fmt: skip
            except AlreadyDoneError as before:
                queued = before.result["queued"]
            return RetryDeadLettersPayload(queued=sum(queued.values()), instances=sorted(queued))

        return await answered(info, RetryDeadLettersPayload, input, act)

    @strawberry.mutation(description="Set a message aside for good: not sent any more, what stands behind it goes on.")
    async def discard_dead_letter(self, info: Info, input: DiscardDeadLetterInput) -> DiscardDeadLetterPayload | None:
        async def act() -> DiscardDeadLetterPayload:
            with suppress(AlreadyDoneError):
                await outbox_acts.discard(
                    info.context.desk, str(input.id), by=info.context.decider, reason=input.reason,
                    expected_version=input.expected_version, key=once_key(info, DiscardDeadLetterPayload, input),
                )  # fmt: skip
            return DiscardDeadLetterPayload(message=await _shown(info, str(input.id)))

        return await answered(info, DiscardDeadLetterPayload, input, act)

    @strawberry.mutation(description="Decide an uncertain message by what the partner said.")
    async def decide_uncertain(self, info: Info, input: DecideUncertainInput) -> DecideUncertainPayload | None:
        async def act() -> DecideUncertainPayload:
            with suppress(AlreadyDoneError):
                await outbox_acts.decide(
                    info.context.desk, str(input.id), is_delivered=input.delivered, partner_ref=input.partner_ref,
                    is_accepted=input.accepted, by=info.context.decider, reason=input.reason,
                    expected_version=input.expected_version, key=once_key(info, DecideUncertainPayload, input),
                )  # fmt: skip
            return DecideUncertainPayload(message=await _shown(info, str(input.id)))

        return await answered(info, DecideUncertainPayload, input, act)


async def _shown(info: Info, message_id: str) -> OutboundMessage | None:
    info.context.loaders.forget()
    async with info.context.store.read() as connection:
        row = (await by_ids(connection, info.context.sight, [message_id])).get(message_id)
    return None if row is None else outbound_message(row)
