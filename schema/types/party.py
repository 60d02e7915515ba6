"""Party: a person or organisation in the matter. Numbers are shown as masks; the sealed ones never leave the store."""

from __future__ import annotations

import strawberry

from hub.reading.parties import PartyRow
from hub.vocabulary import PartyRole, PartyType, Sex
from schema.context import Info
from schema.types.node import Node
from schema.types.reference import Region, region_of


@strawberry.type(description="A person or organisation 当事人, as one agency's record names them.")
class Party(Node):
    role: PartyRole = strawberry.field(description="What they are in the matter.")
    type: PartyType = strawberry.field(description="Person or organisation.")
    name: str = strawberry.field(description="As the record has it; empty for the anonymous.")
    id_type: str | None = strawberry.field(description="Kind of identity document, GA/T 517, e.g. 111.")
    id_mask: str | None = strawberry.field(description="Identity number with its middle hidden.")
    phone_mask: str | None = strawberry.field(description="Phone number with its middle hidden.")
    address_text: str | None = strawberry.field(description="Address as written.")
    sex: Sex = strawberry.field(description="GB/T 2261.1.")
    birth_year: int | None = strawberry.field(description="Year of birth.")
    region_code: strawberry.Private[str]

    @strawberry.field(description="Where they live or sit.")
    async def region(self, info: Info) -> Region | None:
        return await region_of(info, self.region_code)


def party(row: PartyRow) -> Party:
    """The public party of a row."""
    return Party(
        id=strawberry.ID(row.id),
        role=PartyRole[row.role],
        type=PartyType[row.type],
        name=row.name,
        id_type=row.id_type or None,
        id_mask=row.id_mask or None,
        phone_mask=row.phone_mask or None,
        address_text=row.address or None,
        sex=Sex[row.sex],
        birth_year=row.birth_year,
        region_code=row.region_code,
    )
