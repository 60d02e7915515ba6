"""The schema, built once per process, and its SDL."""

from __future__ import annotations

from functools import lru_cache

import strawberry
from graphql import GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema
from graphql.pyutils import Undefined
from strawberry.schema.config import StrawberryConfig

from hub.access import access_of
from hub.access_log import AccessLog
from hub.desk import Desk
from hub.feed import Feed
from hub.principal import Principal
from hub.vocabulary import CountyTables
from schema.budget import Budget
from schema.context import Context, Makers
from schema.loaders import Loaders
from schema.mutation import Mutation
from schema.query import Query
from schema.scalars import SCALARS
from schema.subscription import Subscription
from schema.trusted import NO_DOCUMENTS, Documents
from schema.types.dispute import dispute
from schema.types.event import HandlingEvent, handling_event
from schema.types.party import Party
from schema.types.record import case_record
from schema.types.referral import Referral, referral

_MAKERS = Makers(dispute=dispute, record=case_record, event=handling_event, referral=referral)


@lru_cache(maxsize=1)
def build() -> strawberry.Schema:
    """The schema; the same object every time."""
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[HandlingEvent, Party, Referral],
        config=StrawberryConfig(disable_field_suggestions=True, scalar_map=SCALARS),
    )
    _drop_null_defaults(executable(schema))
    return schema


def executable(schema: strawberry.Schema) -> GraphQLSchema:
    """The graphql-core schema inside, which we run ourselves: strawberry's own runner logs failed queries whole."""
    return schema._schema


def sdl() -> str:
    """The schema in its definition language, as committed in ``schema/schema.graphql``."""
    return build().as_str().rstrip() + "\n"


def new_context(
    desk: Desk, tables: CountyTables, principal: Principal, feed: Feed | None = None, resume_after: int | None = None,
    budget: Budget | None = None, documents: Documents = NO_DOCUMENTS, access_log: AccessLog | None = None,
    base_path: str = "",
) -> Context:  # fmt: skip
    """The world of one request, with empty loaders. Raises ConfigurationError where the role is unknown."""
    access = access_of(principal.role)
    sight = access.sight(principal)
    return Context(
        desk,
        tables,
        Loaders(desk.store, sight),
        _MAKERS,
        principal,
        access,
        sight,
        feed,
        resume_after,
        budget,
        documents,
        access_log,
        base_path=base_path,
    )


def _drop_null_defaults(schema: GraphQLSchema) -> None:
    """Leaving an argument out and giving null mean the same here; ``= null`` behind each would only be noise."""
    for named in schema.type_map.values():
        if isinstance(named, (GraphQLObjectType, GraphQLInterfaceType)):
            for field in named.fields.values():
                for argument in field.args.values():
                    if argument.default_value is None:
                        argument.default_value = Undefined
        elif isinstance(named, GraphQLInputObjectType):
            for input_field in named.fields.values():
                if input_field.default_value is None:
                    input_field.default_value = Undefined
