"""The schema as committed: nothing undocumented, nothing promised that is not there yet."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    build_schema,
)

from hub.store import tables
from hub.store.engine import open_store
from hub.vocabulary import HandlingEventKind
from schema.build import build, executable, sdl
from schema.examples import EXAMPLES, Example

from .databases import Database
from .graphql_rows import County, Door

COMMITTED = Path(__file__).parent.parent / "schema" / "schema.graphql"

#: the read side's later issues bring these; until then they are absent, not stubbed
LATER = (
    "riskColour", "deadlines", "publicStatusText", "supervisions",
    "nextDueAt", "isOverdue", "tags", "scale",
)  # fmt: skip


#: enums whose members say what they are
SELF_EXPLAINING = ("Locale", "OrderDirection", "DisputeOrderField", "DisputeFacet")


def test_the_committed_sdl_is_the_schema() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == sdl(), "run: dispute-hub schema export"


def test_everything_public_is_described() -> None:
    silent = []
    for name, named in executable(build()).type_map.items():
        if name.startswith("__") or name in ("ID", "String", "Int", "Float", "Boolean"):
            continue
        if not named.description:
            silent.append(name)
        if isinstance(named, (GraphQLObjectType, GraphQLInterfaceType, GraphQLInputObjectType)):
            silent += [f"{name}.{field}" for field, one in named.fields.items() if not one.description]
        if isinstance(named, GraphQLEnumType) and name not in (
            "Locale",
            "OrderDirection",
            "DisputeOrderField",
            "DisputeFacet",
        ):
            silent += [f"{name}.{value}" for value, one in named.values.items() if not one.description]
    assert silent == []


@pytest.mark.parametrize("name", LATER)
def test_what_later_issues_bring_is_absent(name: str) -> None:
    assert f" {name}" not in sdl().replace("(", " ").replace(":", " ")


def test_no_sealed_number_has_a_field() -> None:
    party = executable(build()).type_map["Party"]
    assert isinstance(party, GraphQLObjectType)
    assert set(party.fields) == {
        "id", "role", "type", "name", "idType", "idMask", "phoneMask", "region", "addressText", "sex", "birthYear",
    }  # fmt: skip


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.query.partition("query ")[2].split()[0])
async def test_every_suggested_query_runs(database: Database, example: Example) -> None:
    store = open_store(database.url)
    county = County()
    record = county.record(1, county.dispute(1))
    county.event(1, HandlingEventKind.REGISTERED, record_id=record)
    county.event(2, HandlingEventKind.LINKED, dispute_id="dsp_620725_000001", data={"record": record})
    county.party(1, record)
    county.referral(1, record)
    county.put(tables.connector_states, instance="court", product="court")
    try:
        await county.write(store)
        data = await Door(store).data(example.query)
        assert all(data.values())
    finally:
        await store.close()


async def test_the_first_suggestion_shows_a_history_growing(database: Database) -> None:
    store = open_store(database.url)
    county = County()
    record = county.record(1, county.dispute(1))
    lengths = []
    try:
        for number in range(3):
            county.event(number, HandlingEventKind.ACCEPTED, record_id=record)
            await county.write(store)
            (edge,) = (await Door(store).data(EXAMPLES[0].query))["disputes"]["edges"]
            lengths.append(edge["node"]["history"]["totalCount"])
    finally:
        await store.close()
    assert lengths == [1, 2, 3]


def test_every_list_that_pages_is_a_relay_connection() -> None:
    schema = build_schema(sdl())
    connections = {name: named for name, named in schema.type_map.items() if name.endswith("Connection")}
    assert len(connections) > 5
    for name, named in connections.items():
        assert isinstance(named, GraphQLObjectType)
        edge = schema.type_map[name.removesuffix("Connection") + "Edge"]
        assert isinstance(edge, GraphQLObjectType)
        assert str(named.fields["edges"].type) == f"[{edge.name}!]!"
        assert str(named.fields["pageInfo"].type) == "PageInfo!"
        assert str(edge.fields["cursor"].type) == "String!" and "node" in edge.fields
    for owner in schema.type_map.values():
        if isinstance(owner, (GraphQLObjectType, GraphQLInterfaceType)):
            for field, one in owner.fields.items():
                if str(one.type).endswith("Connection!"):
                    found = {argument: str(one.args[argument].type) for argument in one.args}
                    wanted = {"first": "Int", "after": "String"}
                    assert found | wanted == found, f"{owner.name}.{field}"
    page_info = schema.type_map["PageInfo"]
    assert isinstance(page_info, GraphQLObjectType)
    assert {field: str(one.type) for field, one in page_info.fields.items()} == {
        "startCursor": "String", "endCursor": "String", "hasNextPage": "Boolean!", "hasPreviousPage": "Boolean!",
    }  # fmt: skip


def test_every_mutation_takes_one_input_and_answers_one_payload() -> None:
    mutation = build_schema(sdl()).mutation_type
    assert mutation is not None and len(mutation.fields) > 20
    for name, field in mutation.fields.items():
        (argument,) = field.args
        wanted = field.args[argument].type
        assert argument == "input" and isinstance(wanted, GraphQLNonNull), name
        assert isinstance(wanted.of_type, GraphQLInputObjectType) and "clientMutationId" in wanted.of_type.fields, name
        # null when it failed: several mutations of one request then tell each for itself
        assert isinstance(field.type, GraphQLObjectType) and field.type.name.endswith("Payload"), name
        assert [one.name for one in field.type.interfaces] == ["MutationPayload"], name
