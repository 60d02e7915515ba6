"""Links, decided by a person: joined, kept apart, joined again."""

from __future__ import annotations

from enum import Enum

import strawberry

from hub import link_acts
from hub.acts import Act
from hub.link_acts import Decided
from hub.reading import links
from schema.context import Info
from schema.mutations.base import MutationInput, MutationPayload, answered
from schema.types.dispute import Dispute, dispute
from schema.types.link import LinkSuggestion, link_suggestion
from schema.types.record import CaseRecord, case_record

_REASON = "Kept beside the act, numbers of persons masked; at most 2 000 characters."
_PARTING_REASON = f"Why they are not one matter; needed. {_REASON}"


@strawberry.enum(description="What a person says of a suggestion.")
class LinkDecision(Enum):
    ACCEPT = strawberry.enum_value("ACCEPT", description="They are one matter.")
    REFUSE = strawberry.enum_value("REFUSE", description="They are not.")


@strawberry.input(description="Whether two records are one matter.")
class DecideLinkSuggestionInput(MutationInput):
    id: strawberry.ID = strawberry.field(description="A suggestion.")
    decision: LinkDecision = strawberry.field(
        description="ACCEPT joins their disputes; REFUSE keeps the two apart: no rule joins them any more."
    )
    reason: str = strawberry.field(default="", description=_REASON)
    expected_version: int | None = strawberry.field(default=None, description="The suggestion's version that was read.")


@strawberry.input(description="Which record belongs to which dispute.")
class LinkRecordInput(MutationInput):
    record_id: strawberry.ID = strawberry.field(description="A record of no dispute, or alone in its own.")
    dispute_id: strawberry.ID = strawberry.field(description="Where it belongs.")
    reason: str = strawberry.field(default="", description=_REASON)
    expected_version: int | None = strawberry.field(default=None, description="The dispute's version that was read.")


@strawberry.input(description="Which record does not belong to its dispute.")
class UnlinkRecordInput(MutationInput):
    record_id: strawberry.ID = strawberry.field(description="A record that shares its dispute with others.")
    reason: str = strawberry.field(description=_PARTING_REASON)
    expected_version: int | None = strawberry.field(default=None, description="The dispute's version that was read.")


@strawberry.input(description="Which two disputes are one.")
class MergeDisputesInput(MutationInput):
    id: strawberry.ID = strawberry.field(description="One of them.")
    other_id: strawberry.ID = strawberry.field(description="The other.")
    reason: str = strawberry.field(default="", description=_REASON)
    expected_version: int | None = strawberry.field(default=None, description="The first one's version that was read.")
    other_expected_version: int | None = strawberry.field(default=None, description="The other one's.")


@strawberry.input(description="Which merged dispute is a matter of its own after all.")
class UnmergeDisputesInput(MutationInput):
    id: strawberry.ID = strawberry.field(description="The dispute that was merged into another.")
    reason: str = strawberry.field(description=_PARTING_REASON)
    expected_version: int | None = strawberry.field(default=None, description="Its version that was read.")


@strawberry.type(description="How the records and disputes concerned stand now.")
class LinkPayload(MutationPayload):
    suggestion: LinkSuggestion | None = strawberry.field(default=None, description="The suggestion that was decided.")
    records: list[CaseRecord] = strawberry.field(default_factory=list, description="Empty where it was refused.")
    disputes: list[Dispute] = strawberry.field(
        default_factory=list, description="Live disputes that hold those records, each once."
    )


async def _done(info: Info, decided: Decided) -> LinkPayload:
    loaders = info.context.loaders
    loaders.forget()
    records = await loaders.records.load_many(list(decided.record_ids[:100]))
    found = await loaders.disputes.load_many(list(decided.dispute_ids))
    suggestion = None
    if decided.link_id is not None:
        async with info.context.store.read() as connection:
            suggestion = await links.by_id(connection, info.context.sight, decided.link_id)
    return LinkPayload(
        suggestion=None if suggestion is None else link_suggestion(suggestion),
        records=[case_record(row) for row in records if row is not None],
        disputes=[dispute(row) for row in found if row is not None],
    )


@strawberry.type
class LinkMutations:
    @strawberry.mutation(description="Say whether two records that look like one matter are one.")
    async def decide_link_suggestion(self, info: Info, input: DecideLinkSuggestionInput) -> LinkPayload | None:
        async def act() -> LinkPayload:
            decided = await link_acts.decide_suggestion(
                info.context.desk, str(input.id), accept=input.decision is LinkDecision.ACCEPT,
                act=Act(info.context.decider, input.reason), expected_version=input.expected_version,
            )  # fmt: skip
            return await _done(info, decided)

        return await answered(info, LinkPayload, input, act)

    @strawberry.mutation(description="Put a record into a dispute.")
    async def link_record(self, info: Info, input: LinkRecordInput) -> LinkPayload | None:
        async def act() -> LinkPayload:
            decided = await link_acts.link_record(
                info.context.desk, str(input.record_id), str(input.dispute_id),
                act=Act(info.context.decider, input.reason), expected_version=input.expected_version,
            )  # fmt: skip
            return await _done(info, decided)

        return await answered(info, LinkPayload, input, act)

    @strawberry.mutation(
        description="Take a record out of its dispute. No rule joins it with any record left behind again."
    )
    async def unlink_record(self, info: Info, input: UnlinkRecordInput) -> LinkPayload | None:
        async def act() -> LinkPayload:
            decided = await link_acts.unlink_record(
                info.context.desk, str(input.record_id), act=Act(info.context.decider, input.reason),
                expected_version=input.expected_version,
            )  # fmt: skip
            return await _done(info, decided)

        return await answered(info, LinkPayload, input, act)

    @strawberry.mutation(
        description="Make one dispute of two. The one whose first record was received first goes on; the other's code "
        "still answers."
    )
    async def merge_disputes(self, info: Info, input: MergeDisputesInput) -> LinkPayload | None:
        async def act() -> LinkPayload:
            decided = await link_acts.merge_disputes(
                info.context.desk, (str(input.id), str(input.other_id)), act=Act(info.context.decider, input.reason),
                expected_versions=(input.expected_version, input.other_expected_version),
            )  # fmt: skip
            return await _done(info, decided)

        return await answered(info, LinkPayload, input, act)

    @strawberry.mutation(description="Give a merged dispute its own records back, under its own code.")
    async def unmerge_disputes(self, info: Info, input: UnmergeDisputesInput) -> LinkPayload | None:
        async def act() -> LinkPayload:
            decided = await link_acts.unmerge_disputes(
                info.context.desk, str(input.id), act=Act(info.context.decider, input.reason),
                expected_version=input.expected_version,
            )  # fmt: skip
            return await _done(info, decided)

        return await answered(info, LinkPayload, input, act)
