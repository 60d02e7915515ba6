"""Disputes, moved by a person along the workflow: registered, accepted, assigned, resolved, closed, reopened …"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import strawberry

from hub import dispute_acts, registering
from hub.acts import Act
from hub.errors import UserInputError
from hub.model import PartyFacts
from hub.vocabulary import (
    UNKNOWN,
    Channel,
    HandlingEventKind,
    Outcome,
    PartyRole,
    PartyType,
    Satisfaction,
    Sex,
    Solved,
    TerminationReason,
)
from hub.walk_in import Registration
from schema.context import Info
from schema.mutations.acting import ActInput, acted
from schema.mutations.base import MutationPayload
from schema.types.dispute import Dispute, dispute

_VERSION = "The dispute's version that was read; refused where it has changed since."


@strawberry.type(description="The dispute as it stands now.")
class DisputePayload(MutationPayload):
    dispute: Dispute | None = strawberry.field(default=None, description="Null where it was refused.")


@strawberry.input(description="A move that needs nothing more.")
class MoveDisputeInput(ActInput):
    id: strawberry.ID = strawberry.field(description="The dispute.")
    expected_version: int | None = strawberry.field(default=None, description=_VERSION)


@strawberry.input(description="Why it is not accepted.")
class RejectDisputeInput(MoveDisputeInput):
    legal_ground: str = strawberry.field(description="The article it rests on, e.g. 人民调解法第十七条.")


@strawberry.input(description="Who has it in hand from now on.")
class AssignDisputeInput(MoveDisputeInput):
    assignee: str = strawberry.field(description="The mediator's or officer's name.")
    assignee_code: str = strawberry.field(default="", description="12-digit code of the unit, where known.")
    is_suitable: bool | None = strawberry.field(default=None, description="Whether it can be mediated at all; needed.")


@strawberry.input(description="A step on the way.")
class RecordEventInput(MoveDisputeInput):
    kind: HandlingEventKind = strawberry.field(
        description="MEDIATOR_ASSIGNED, SESSION_HELD, AGREEMENT_SIGNED, PERFORMED, TRIAGED or REMINDED."
    )
    agreement_no: str = strawberry.field(default="", description="With AGREEMENT_SIGNED or PERFORMED.")


@strawberry.input(description="How the mediation of a matter without referral ended.")
class ResolveDisputeInput(MoveDisputeInput):
    outcome: Outcome = strawberry.field(description="How it ended.")
    termination_reason: TerminationReason | None = strawberry.field(default=None, description="Which of the endings.")
    agreement_no: str = strawberry.field(default="", description="协议书编号, with an agreement.")


@strawberry.input(description="What came of asking the parties again.")
class RecordFollowUpInput(MoveDisputeInput):
    reached: bool = strawberry.field(description="Whether anybody was reached.")
    solved: Solved | None = strawberry.field(default=None, description="Whether it is settled, as they say.")
    satisfaction: Satisfaction | None = strawberry.field(default=None, description="How content they are.")


@strawberry.input(description="A person or organisation of the matter. Numbers are sealed as soon as they arrive.")
class PartyInput:
    role: PartyRole = strawberry.field(description="APPLICANT who brings it, RESPONDENT the other side …")
    name: str = strawberry.field(description="The name.")
    type: PartyType = strawberry.field(default=PartyType.PERSON, description="Person or organisation.")
    id_type: str = strawberry.field(default="", description="GA/T 517, e.g. 111 for an identity card.")
    id_no: str = strawberry.field(default="", description="The document's number.")
    phone: str = strawberry.field(default="", description="Where to reach them.")
    region_code: str = strawberry.field(default="", description="6, 9 or 12 digits.")
    address: str = strawberry.field(default="", description="Where they live.")
    sex: Sex = strawberry.field(default=Sex.UNKNOWN, description="As they say.")

    def to_facts(self) -> PartyFacts:
        """The same in the hub's words."""
        return PartyFacts(
            self.role, self.name.strip(), self.type, self.id_type.strip(), "".join(self.id_no.split()),
            "".join(self.phone.split()), self.region_code.strip(), self.address.strip(), self.sex,
        )  # fmt: skip


@strawberry.input(description="What somebody brings to the window.")
class RegisterDisputeInput(ActInput):
    title: str = strawberry.field(description="In a few words; at most 200 characters.")
    content: str = strawberry.field(default="", description="What it is about; at most 20 000 characters.")
    category: str = strawberry.field(default=UNKNOWN, description="Class of zz-dispute-17; see vocabularies.")
    channel: Channel = strawberry.field(default=Channel.WALK_IN, description="WALK_IN, PORTAL, PATROL or GRID.")
    region_code: str = strawberry.field(default="", description="The respondent's region: 6, 9 or 12 digits.")
    address: str = strawberry.field(default="", description="Where it is.")
    amount_cny: str | None = strawberry.field(default=None, description="Yuan in dispute, as a decimal text.")
    people_involved: int | None = strawberry.field(default=None, description="How many people.")
    is_confidential: bool = strawberry.field(default=False, description="Family violence, minors, health.")
    parties: list[PartyInput] = strawberry.field(description="At least one APPLICANT.")


@strawberry.type
class DisputeMutations:
    @strawberry.mutation(description="Take down what somebody brings to the window; a record and a dispute of its own.")
    async def register_dispute(self, info: Info, input: RegisterDisputeInput) -> DisputePayload | None:
        told = _registration(input)

        async def act(decided: Act) -> dict[str, Any]:
            at = input.at
            if not info.context.sight.covers_region(input.region_code.strip()):
                raise UserInputError("the region is none of yours", hint="See viewer { regions }.", field="regionCode")
            return {"dispute": await registering.register_dispute(info.context.desk, told(), decided, at=at)}

        return await acted(info, DisputePayload, input, act, _shown)

    @strawberry.mutation(description="受理: take it on.")
    async def accept_dispute(self, info: Info, input: MoveDisputeInput) -> DisputePayload | None:
        return await _moved(info, input, dispute_acts.accept_dispute)

    @strawberry.mutation(description="不予受理: do not take it on.")
    async def reject_dispute(self, info: Info, input: RejectDisputeInput) -> DisputePayload | None:
        return await _moved(info, input, dispute_acts.reject_dispute, legal_ground=input.legal_ground)

    @strawberry.mutation(description="分流: say who has it in hand.")
    async def assign_dispute(self, info: Info, input: AssignDisputeInput) -> DisputePayload | None:
        return await _moved(
            info, input, dispute_acts.assign_dispute, assignee=input.assignee, assignee_code=input.assignee_code,
            is_suitable=input.is_suitable,
        )  # fmt: skip

    @strawberry.mutation(description="Put down a step on the way.")
    async def record_event(self, info: Info, input: RecordEventInput) -> DisputePayload | None:
        data = {"agreement_no": input.agreement_no}
        return await _moved(info, input, dispute_acts.record_event, kind=input.kind, data=data)

    @strawberry.mutation(description="中止: nothing happens for a while.")
    async def suspend_dispute(self, info: Info, input: MoveDisputeInput) -> DisputePayload | None:
        return await _moved(info, input, dispute_acts.suspend_dispute)

    @strawberry.mutation(description="恢复: go on where it was suspended.")
    async def resume_dispute(self, info: Info, input: MoveDisputeInput) -> DisputePayload | None:
        return await _moved(info, input, dispute_acts.resume_dispute)

    @strawberry.mutation(description="化解结果 of a matter without referral; a referral has its own concludeReferral.")
    async def resolve_dispute(self, info: Info, input: ResolveDisputeInput) -> DisputePayload | None:
        return await _moved(
            info, input, dispute_acts.resolve_dispute, outcome=input.outcome,
            termination_reason=input.termination_reason, agreement_no=input.agreement_no,
        )  # fmt: skip

    @strawberry.mutation(description="撤回: whoever brought it wants it no more.")
    async def withdraw_dispute(self, info: Info, input: MoveDisputeInput) -> DisputePayload | None:
        return await _moved(info, input, dispute_acts.withdraw_dispute)

    @strawberry.mutation(description="回访: ask the parties how it stands.")
    async def record_follow_up(self, info: Info, input: RecordFollowUpInput) -> DisputePayload | None:
        return await _moved(
            info, input, dispute_acts.record_follow_up, reached=input.reached,
            solved=input.solved.value if input.solved else "",
            satisfaction=input.satisfaction.value if input.satisfaction else "",
        )  # fmt: skip

    @strawberry.mutation(description="办结归档: done; nothing of it is concluded afterwards unless it is reopened.")
    async def close_dispute(self, info: Info, input: MoveDisputeInput) -> DisputePayload | None:
        return await _moved(info, input, dispute_acts.close_dispute)

    @strawberry.mutation(description="反弹重启: it has come up again.")
    async def reopen_dispute(self, info: Info, input: MoveDisputeInput) -> DisputePayload | None:
        return await _moved(info, input, dispute_acts.reopen_dispute)


async def _moved(
    info: Info, input: MoveDisputeInput, move: Callable[..., Awaitable[None]], **given: Any
) -> DisputePayload | None:
    async def act(decided: Act) -> dict[str, Any]:
        at: datetime | None = input.at
        await move(info.context.desk, str(input.id), decided, at=at, expected_version=input.expected_version, **given)
        return {"dispute": str(input.id)}

    return await acted(info, DisputePayload, input, act, _shown)


async def _shown(info: Info, result: dict[str, Any]) -> DisputePayload:
    row = await info.context.loaders.disputes.load(result["dispute"])
    return DisputePayload(dispute=None if row is None else dispute(row))


def _registration(input: RegisterDisputeInput) -> Callable[[], Registration]:
    def made() -> Registration:
        now = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
        return Registration(
            "", input.title.strip(), now, now, input.content.strip(), input.category, input.region_code.strip(),
            input.address.strip(), _amount(input.amount_cny), input.people_involved, input.channel,
            input.is_confidential, tuple(party.to_facts() for party in input.parties),
        )  # fmt: skip

    return made


def _amount(text: str | None) -> Decimal | None:
    if text is None or not text.strip():
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise UserInputError("an amount is a decimal number like 12000.00", field="amountCny") from None
    if not amount.is_finite():
        raise UserInputError("an amount is a decimal number like 12000.00", field="amountCny")
    return amount
