"""What goes out to partners, and what of it waits for a person."""

from __future__ import annotations

from typing import Annotated

import strawberry

from hub.reading.outbox import DEAD_STATES, MessageFilter, message_listing
from hub.vocabulary import CommandKind, MessageState
from schema.connection import After, Before, Connection, First, Last, listed
from schema.context import Info
from schema.inputs import values_of
from schema.types.outbox import OutboundMessage, outbound_message


@strawberry.input(
    name="OutboundMessageFilter", description="Conditions that all hold together; a list matches any of its values."
)
class OutboundMessageFilterInput:
    instances: list[str] | None = strawberry.field(default=None, description="To one of these configured partners.")
    states: list[MessageState] | None = strawberry.field(default=None, description="In one of these states.")
    commands: list[CommandKind] | None = strawberry.field(default=None, description="Of one of these kinds.")
    dispute: str | None = strawberry.field(default=None, description="Of this dispute, by id or code.")
    referral: strawberry.ID | None = strawberry.field(default=None, description="About this referral.")

    def to_filter(self) -> MessageFilter:
        """The same in the hub's words."""
        referral = None if self.referral is None else str(self.referral)
        return MessageFilter(self.instances, values_of(self.states), values_of(self.commands), self.dispute, referral)


@strawberry.type
class OutboxQueries:
    @strawberry.field(description="Messages to partners, the latest first.")
    async def outbound_messages(
        self,
        info: Info,
        filter: OutboundMessageFilterInput | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[OutboundMessage]:
        listing = message_listing(info.context.sight, (filter or OutboundMessageFilterInput()).to_filter())
        return await listed(info.context.store, listing, outbound_message, first, after, last, before)

    @strawberry.field(description="Messages that wait for a person: dead letters and uncertain ones, the latest first.")
    async def dead_letters(
        self,
        info: Info,
        instances: Annotated[
            list[str] | None, strawberry.argument(description="To one of these configured partners.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[OutboundMessage]:
        listing = message_listing(info.context.sight, MessageFilter(instances, DEAD_STATES))
        return await listed(info.context.store, listing, outbound_message, first, after, last, before)
