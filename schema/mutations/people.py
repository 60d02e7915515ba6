"""People's particulars, for who says why: looked up at the window, or shown whole. Both are written down first."""

from __future__ import annotations

import strawberry

from hub.finding import find_parties, sought
from hub.revealing import reveal_party
from hub.vocabulary import AccessPurpose, PartyDetail
from schema.context import Info
from schema.mutations.base import MutationInput, MutationPayload, answered
from schema.types.dispute import Dispute, dispute
from schema.types.party import Party, party
from schema.types.record import CaseRecord, case_record

_PURPOSE = "Why; it stands in the access log."


@strawberry.input(description="Which person to look for: exactly one of idNumber, phone and name.")
class FindPartiesInput(MutationInput):
    purpose: AccessPurpose = strawberry.field(description=_PURPOSE)
    id_number: str | None = strawberry.field(default=None, description="An identity number, whole.")
    phone: str | None = strawberry.field(default=None, description="A phone number, whole.")
    name: str | None = strawberry.field(
        default=None, description="How the name begins, two characters at least; within the asker's regions."
    )


@strawberry.type(description="A person or organisation that fits, in one record that names them.")
class FoundParty:
    party: Party = strawberry.field(description="As that record names them.")
    record: CaseRecord = strawberry.field(description="The record.")

    @strawberry.field(description="The dispute it belongs to; null where it belongs to none.")
    async def dispute(self, info: Info) -> Dispute | None:
        id = self.record.row.dispute_id
        row = None if id is None else await info.context.loaders.disputes.load(id)
        return None if row is None else dispute(row)


@strawberry.type(description="Who was found.")
class FindPartiesPayload(MutationPayload):
    found: list[FoundParty] = strawberry.field(
        default_factory=list, description="The latest records first, at most 100; only of what the asker may see."
    )
    has_more: bool = strawberry.field(default=False, description="Whether more fit than stand here.")


@strawberry.input(description="Whose numbers to show, and why.")
class RevealPartyInput(MutationInput):
    party_id: strawberry.ID = strawberry.field(description="A party of a record.")
    purpose: AccessPurpose = strawberry.field(description=_PURPOSE)
    details: list[PartyDetail] | None = strawberry.field(
        default=None, description="ID_NUMBER, PHONE or both; both when not given. Ask for what you need only."
    )


@strawberry.type(description="A party's whole numbers.")
class RevealPartyPayload(MutationPayload):
    party: Party | None = strawberry.field(default=None, description="The party, masked as ever.")
    id_number: str | None = strawberry.field(
        default=None, description="Null where it was not asked for, is not known, or the agency itself hides it."
    )
    phone: str | None = strawberry.field(default=None, description="Null for the same reasons.")


@strawberry.type
class PeopleMutations:
    @strawberry.mutation(
        description="Whether a person has been here before. Written to the access log before it answers; where that "
        "cannot be done, nothing is told. Refused with RATE_LIMITED from the role's number of searches an hour on."
    )
    async def find_parties(self, info: Info, input: FindPartiesInput) -> FindPartiesPayload | None:
        async def act() -> FindPartiesPayload:
            context = info.context
            wanted = sought(input.id_number, input.phone, input.name)
            matches = await find_parties(
                context.desk, context.principal, context.sight, wanted, input.purpose,
                context.access.limits.finds_per_hour,
            )  # fmt: skip
            found = [FoundParty(party=party(one.party), record=case_record(one.record)) for one in matches.found]
            return FindPartiesPayload(found=found, has_more=matches.more)

        return await answered(info, FindPartiesPayload, input, act)

    @strawberry.mutation(
        description="Show a party's whole numbers. Written to the access log before it answers; where that cannot be "
        "done, nothing is shown. Refused with RATE_LIMITED from the role's number of such looks an hour on."
    )
    async def reveal_party(self, info: Info, input: RevealPartyInput) -> RevealPartyPayload | None:
        async def act() -> RevealPartyPayload:
            context, id = info.context, str(input.party_id)
            details = input.details
            if details is None:
                details = [PartyDetail.ID_NUMBER, PartyDetail.PHONE]
            shown = await reveal_party(
                context.desk, context.principal, context.sight, id, details, input.purpose,
                context.access.limits.reveals_per_hour,
            )  # fmt: skip
            row = await context.loaders.parties.load(id)
            return RevealPartyPayload(
                party=None if row is None else party(row), id_number=shown.id_number, phone=shown.phone
            )

        return await answered(info, RevealPartyPayload, input, act)
