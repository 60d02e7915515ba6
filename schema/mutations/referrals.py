"""Referrals, worked by a person: taken, sent back, extended, concluded, corrected; and disputes handed out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import strawberry

from hub import referral_acts, referring
from hub.acts import Act
from hub.errors import MissingFieldError, UserInputError
from hub.referring import Matters, Target
from hub.vocabulary import (
    AgencyKind,
    DeclineReason,
    Outcome,
    Performance,
    ReferralDirection,
    ReferralMode,
    TerminationReason,
    TransferGround,
)
from schema.context import Info
from schema.mutations.acting import ActInput, acted
from schema.mutations.base import MutationPayload
from schema.scalars import Day, Instant
from schema.types.dispute import Dispute, dispute
from schema.types.referral import Referral, referral


@strawberry.type(description="The referral and its dispute as they stand now.")
class ReferralPayload(MutationPayload):
    referral: Referral | None = strawberry.field(default=None, description="Null where it was refused.")
    dispute: Dispute | None = strawberry.field(default=None, description="Null where it was refused.")


@strawberry.input(description="A move that needs nothing more.")
class MoveReferralInput(ActInput):
    id: strawberry.ID = strawberry.field(description="The referral.")
    expected_version: int | None = strawberry.field(
        default=None, description="The referral's version that was read; refused where it has changed since."
    )


@strawberry.input(description="What is needed to take a hand-over.")
class AcceptReferralInput(MoveReferralInput):
    is_suitable: bool | None = strawberry.field(
        default=None, description="Whether it can be mediated; needed if inbound."
    )
    has_consent: bool | None = strawberry.field(
        default=None, description="Whether the parties agree to mediation; needed for a court's delegation."
    )


@strawberry.input(description="Why it goes back.")
class DeclineReferralInput(MoveReferralInput):
    decline_reason: DeclineReason | None = strawberry.field(default=None, description="Inbound: needed.")
    words: str = strawberry.field(default="", description="What the other side is told.")


@strawberry.input(description="How much longer, and why.")
class ExtendReferralInput(MoveReferralInput):
    due_on: Day = strawberry.field(description="The last day.")
    words: str = strawberry.field(default="", description="What the origin is told.")


@strawberry.input(description="How it ended.")
class ConcludeReferralInput(MoveReferralInput):
    outcome: Outcome = strawberry.field(description="How it ended.")
    termination_reason: TerminationReason | None = strawberry.field(
        default=None, description="Which ending of art. 25; needed unless agreed or settled."
    )
    agreement_no: str = strawberry.field(default="", description="协议书编号; needed with an agreement.")
    undisputed_facts: str = strawberry.field(default="", description="无争议事实; the court needs them on failure.")
    words: str = strawberry.field(default="", description="What the origin is told.")
    performance: Performance | None = strawberry.field(default=None, description="How far it was performed.")
    has_written_application: bool | None = strawberry.field(
        default=None, description="Whether the parties applied in writing, for the police."
    )


@strawberry.input(description="The agreement that is to be confirmed.")
class ApplyForConfirmationInput(MoveReferralInput):
    agreement_no: str = strawberry.field(description="协议书编号; a new one where material was wanted.")
    words: str = strawberry.field(default="", description="What is supplied.")


@strawberry.input(description="What the police are warned of.")
class EscalateReferralInput(MoveReferralInput):
    words: str = strawberry.field(description="What may happen.")


@strawberry.input(description="Where a dispute, or a part of the work, goes.")
class ReferDisputeInput(ActInput):
    id: strawberry.ID = strawberry.field(description="The dispute.")
    target: AgencyKind = strawberry.field(description="What kind of agency is to take it.")
    target_code: str = strawberry.field(default="", description="12-digit code of the unit, where known.")
    instance: str = strawberry.field(
        default="", description="The configured partner whose wire carries it; none: it is worked by hand."
    )
    mode: ReferralMode = strawberry.field(
        description="EXIT_ROUTE to a statutory procedure, TRANSFER, ASSIST (吹哨报到), ESCALATE, ASSIGN or DELEGATE."
    )
    claim: str = strawberry.field(default="", description="What is claimed; the court needs it.")
    facts: str = strawberry.field(default="", description="What happened; the court needs it.")
    words: str = strawberry.field(default="", description="What the receiver should know besides.")
    undisputed_facts: str = strawberry.field(default="", description="无争议事实.")
    is_administrative: bool = strawberry.field(default=False, description="行政 rather than civil, for the court.")
    risk: TransferGround | None = strawberry.field(default=None, description="Why, for the police.")
    order_type: str = strawberry.field(default="", description="投诉 or 诉求, for the hotline.")
    report_in_by: Instant | None = strawberry.field(default=None, description="With ASSIST: until when to report in.")
    parent_referral_id: strawberry.ID | None = strawberry.field(
        default=None, description="The hand-over to the centre that this goes on from."
    )
    expected_version: int | None = strawberry.field(default=None, description="The dispute's version that was read.")


@strawberry.type
class ReferralMutations:
    @strawberry.mutation(description="接收: take a hand-over. The origin gets a receipt where its wire carries one.")
    async def accept_referral(self, info: Info, input: AcceptReferralInput) -> ReferralPayload | None:
        async def act(decided: Act) -> dict[str, Any]:
            if await _is_ours(info, str(input.id)):
                return await _done(info, input, referring.accept_by_hand, decided)
            return await _done(
                info, input, referral_acts.accept_referral, decided, is_suitable=input.is_suitable,
                has_consent=input.has_consent,
            )  # fmt: skip

        return await acted(info, ReferralPayload, input, act, _shown)

    @strawberry.mutation(description="退回: send it back, within the time its channel sets.")
    async def decline_referral(self, info: Info, input: DeclineReferralInput) -> ReferralPayload | None:
        async def act(decided: Act) -> dict[str, Any]:
            if await _is_ours(info, str(input.id)):
                return await _done(info, input, referring.decline_by_hand, decided, words=input.words)
            return await _done(
                info, input, referral_acts.decline_referral, decided, reason=input.decline_reason, words=input.words
            )

        return await acted(info, ReferralPayload, input, act, _shown)

    @strawberry.mutation(description="延期: take more time; the origin is asked where its wire carries that.")
    async def extend_referral(self, info: Info, input: ExtendReferralInput) -> ReferralPayload | None:
        async def act(decided: Act) -> dict[str, Any]:
            return await _done(
                info, input, referral_acts.extend_referral, decided, due_on=input.due_on, words=input.words
            )

        return await acted(info, ReferralPayload, input, act, _shown)

    @strawberry.mutation(description="办结: say how it ended. An inbound one returns to its origin, exactly once.")
    async def conclude_referral(self, info: Info, input: ConcludeReferralInput) -> ReferralPayload | None:
        async def act(decided: Act) -> dict[str, Any]:
            if await _is_ours(info, str(input.id)):
                return await _done(info, input, referring.conclude_by_hand, decided, outcome=input.outcome)
            return await _done(info, input, referral_acts.conclude_referral, decided, **_ending(input))

        return await acted(info, ReferralPayload, input, act, _shown)

    @strawberry.mutation(description="更正: another result than the one returned; the origin is told as a correction.")
    async def correct_referral(self, info: Info, input: ConcludeReferralInput) -> ReferralPayload | None:
        async def act(decided: Act) -> dict[str, Any]:
            return await _done(info, input, referral_acts.correct_referral, decided, **_ending(input))

        return await acted(info, ReferralPayload, input, act, _shown)

    @strawberry.mutation(description="申请司法确认 of an agreement at the court that handed the case over.")
    async def apply_for_confirmation(self, info: Info, input: ApplyForConfirmationInput) -> ReferralPayload | None:
        async def act(decided: Act) -> dict[str, Any]:
            return await _done(
                info, input, referral_acts.apply_for_confirmation, decided, agreement_no=input.agreement_no,
                words=input.words,
            )  # fmt: skip

        return await acted(info, ReferralPayload, input, act, _shown)

    @strawberry.mutation(description="升级风险提示: warn the police who handed it over.")
    async def escalate_referral(self, info: Info, input: EscalateReferralInput) -> ReferralPayload | None:
        async def act(decided: Act) -> dict[str, Any]:
            return await _done(info, input, referral_acts.escalate_referral, decided, words=input.words)

        return await acted(info, ReferralPayload, input, act, _shown)

    @strawberry.mutation(description="Take back a hand-over of ours that is worked by hand and that nobody took yet.")
    async def cancel_referral(self, info: Info, input: MoveReferralInput) -> ReferralPayload | None:
        async def act(decided: Act) -> dict[str, Any]:
            return await _done(info, input, referring.cancel_referral, decided)

        return await acted(info, ReferralPayload, input, act, _shown)

    @strawberry.mutation(description="Hand a dispute, or a part of the work, out to the proper procedure.")
    async def refer_dispute(self, info: Info, input: ReferDisputeInput) -> ReferralPayload | None:
        async def act(decided: Act) -> dict[str, Any]:
            if input.order_type not in ("", "投诉", "诉求"):
                raise UserInputError("an order is 投诉 or 诉求", field="orderType")
            if input.mode is ReferralMode.ASSIST and input.report_in_by is None:
                raise MissingFieldError("ASSIST names a time to report in", field="reportInBy")
            referral_id = await referring.refer_dispute(
                info.context.desk, str(input.id), decided,
                target=Target(input.target, input.target_code.strip(), input.instance.strip()), mode=input.mode,
                matters=Matters(
                    input.claim, input.facts, input.words, input.undisputed_facts, input.is_administrative,
                    input.risk, input.order_type, input.report_in_by,
                ),
                parent_referral_id=str(input.parent_referral_id) if input.parent_referral_id else None,
                at=input.at, expected_version=input.expected_version,
            )  # fmt: skip
            return {"referral": referral_id}

        return await acted(info, ReferralPayload, input, act, _shown)


def _ending(input: ConcludeReferralInput) -> dict[str, Any]:
    names = ("outcome", "termination_reason", "agreement_no", "undisputed_facts", "words", "performance",
             "has_written_application")  # fmt: skip
    return {name: getattr(input, name) for name in names}


async def _done(
    info: Info, input: MoveReferralInput, move: Callable[..., Awaitable[None]], decided: Act, **given: Any
) -> dict[str, Any]:
    await move(info.context.desk, str(input.id), decided, at=input.at, expected_version=input.expected_version, **given)
    return {"referral": str(input.id)}


async def _is_ours(info: Info, referral_id: str) -> bool:
    """Whether it is a hand-over of ours to somebody else."""
    row = await info.context.loaders.referrals.load(referral_id)
    return row is not None and row.direction == ReferralDirection.OUT.value


async def _shown(info: Info, result: dict[str, Any]) -> ReferralPayload:
    loaders = info.context.loaders
    row = await loaders.referrals.load(result["referral"])
    about = None if row is None or row.dispute_id is None else await loaders.disputes.load(row.dispute_id)
    return ReferralPayload(
        referral=None if row is None else referral(row), dispute=None if about is None else dispute(about)
    )
