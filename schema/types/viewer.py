"""Who asks, as the front end greets them: their name, their role, and what they can do here at all."""

from __future__ import annotations

import strawberry

from schema.context import Info
from schema.enums import Locale
from schema.scalars import Instant, instant
from schema.types.reference import Agency, agency_of


@strawberry.type(description="A kind of consumer; what it may see and do stands in its file.")
class Role:
    code: str = strawberry.field(description="The name of its file, e.g. centre_operator.")
    zh: strawberry.Private[str]
    en: strawberry.Private[str]

    @strawberry.field(description="What it is called.")
    def label(self, locale: Locale = Locale.ZH) -> str:
        return self.en if locale is Locale.EN else self.zh


@strawberry.type(description="Whoever asks.")
class Viewer:
    name: str = strawberry.field(description="The person's or program's name.")
    signature: str = strawberry.field(
        description="As the history names them: the name, and a mark behind it where the sign-on service gave the name."
    )
    role: Role = strawberry.field(description="The kind of consumer.")
    regions: list[str] = strawberry.field(description="Codes of the regions whose subtrees are theirs.")
    instances: list[str] = strawberry.field(description="The configured partners whose records are theirs.")
    expires_at: Instant | None = strawberry.field(description="When they must sign in again; null: not by itself.")
    agency_code: strawberry.Private[str]

    @strawberry.field(description="The unit that they work for.")
    async def agency(self, info: Info) -> Agency | None:
        return await agency_of(info, self.agency_code)

    @strawberry.field(description="The mutations that exist for them, by name: show no button for any other.")
    def permissions(self, info: Info) -> list[str]:
        # the schema that runs is the one of their role
        mutations = info._raw_info.schema.mutation_type
        return sorted(mutations.fields) if mutations is not None else []


def viewer_of(info: Info) -> Viewer:
    """The principal of this request."""
    principal, access = info.context.principal, info.context.access
    return Viewer(
        name=principal.name,
        signature=principal.signature,
        role=Role(code=access.role, zh=access.zh, en=access.en),
        regions=list(principal.regions),
        instances=list(principal.instances),
        expires_at=instant(principal.expires_at),
        agency_code=principal.agency,
    )
