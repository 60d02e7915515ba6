"""What a role sees: fields that exist for it, rows found for it, values it gets whole; nothing by a back door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLString,
    get_named_type,
    validate_schema,
)

from hub.access import TESTING, Redaction, access_of, all_roles
from hub.errors import ConfigurationError
from hub.principal import Principal, PrincipalKind
from hub.store import tables
from hub.store.engine import Store, open_store
from hub.vocabulary import HandlingEventKind, county_tables
from schema.build import build, executable, new_context
from schema.execution import Request
from schema.seen_by import runner_for, schema_for

from .databases import Database
from .graphql_rows import COUNTY, County, at, desk_on

WHOLE = executable(build())
ROLES = sorted(all_roles())
CENTRE, COURT, PETITION = "620725190000", "620725010000", "620725020000"
TOWN = "620725101"


def who(role: str, **given: Any) -> Principal:
    return Principal(f"acc_{role}", PrincipalKind.STAFF, given.pop("name", "李明"), role, **given)


class Asker:
    """Somebody of a role, asking without HTTP."""

    def __init__(self, store: Store, principal: Principal) -> None:
        self.store, self.principal = store, principal

    async def ask(self, query: str, **variables: Any) -> Any:
        context = new_context(desk_on(self.store), county_tables(), self.principal)
        return (await runner_for(self.principal.role).run(Request(query, variables), context)).payload

    async def data(self, query: str, **variables: Any) -> Any:
        payload = await self.ask(query, **variables)
        assert "errors" not in payload, payload["errors"]
        return payload["data"]

    async def titles(self) -> set[str]:
        found = (await self.data("{ disputes(first: 100) { totalCount edges { node { id } } } }"))["disputes"]
        ids = {edge["node"]["id"] for edge in found["edges"]}
        assert found["totalCount"] == len(ids)
        return {id.rpartition("_")[2].lstrip("0") for id in ids}

    async def records(self) -> set[str]:
        found = (await self.data("{ caseRecords(first: 100) { totalCount edges { node { id } } } }"))["caseRecords"]
        ids = {edge["node"]["id"] for edge in found["edges"]}
        assert found["totalCount"] == len(ids)
        return {id.rpartition("_")[2].lstrip("0") for id in ids}


# the files


def coordinates() -> set[str]:
    return {
        f"{name}.{field}"
        for name, named in WHOLE.type_map.items()
        if isinstance(named, (GraphQLObjectType, GraphQLInterfaceType)) and not name.startswith("__")
        for field in named.fields
    }


def given(role: str) -> set[str]:
    fields = access_of(role).fields
    assert fields is not None
    return {f"{name}.{field}" for name, those in fields.items() for field in those}


def test_every_field_is_somebodys_and_no_file_names_what_is_not_there() -> None:
    together = set().union(*(given(role) for role in ROLES))
    assert together == coordinates()


def test_whatever_tests_a_value_says_which() -> None:
    members = {
        f"{name}.{member}"
        for name, named in WHOLE.type_map.items()
        if name.endswith(TESTING) and isinstance(named, (GraphQLInputObjectType, GraphQLEnumType))
        for member in (named.fields if isinstance(named, GraphQLInputObjectType) else named.values)
    }
    tests = access_of(ROLES[0]).tests
    assert set(tests) == members
    assert {one for needed in tests.values() for one in needed} <= coordinates()


@pytest.mark.parametrize("role", ROLES)
def test_a_roles_schema_is_valid_and_holds_only_what_its_file_gives(role: str) -> None:
    schema = schema_for(role)
    assert validate_schema(schema) == []
    held = {
        f"{name}.{field}"
        for name, named in schema.type_map.items()
        if isinstance(named, (GraphQLObjectType, GraphQLInterfaceType)) and not name.startswith("__")
        for field in named.fields
    }
    assert held <= given(role)
    for coordinate, redaction in access_of(role).redactions.items():
        type_name, _, name = coordinate.partition(".")
        field = WHOLE.type_map[type_name].fields[name]  # type: ignore[attr-defined]
        # what must not be null can only become an empty text, and only texts have a first character
        assert (redaction is Redaction.REMOVE and not isinstance(field.type, GraphQLNonNull)) or (
            get_named_type(field.type) is GraphQLString
        )


def test_a_role_without_a_file_is_nobody() -> None:
    with pytest.raises(ConfigurationError, match="there is no role"):
        access_of("king")


# the rows

OPEN, CLOSED_UP, ELSEWHERE, COURTS, ACCUSED = 1, 2, 3, 4, 5


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = open_store(database.url)
    county = County()
    county.put(tables.agencies, id="agy_1", code=PETITION, name="县信访局", kind="PETITION", region_code=COUNTY)
    for number, given in {
        OPEN: {"region_code": f"{TOWN}001"},
        CLOSED_UP: {"region_code": f"{TOWN}002", "classification": "CONFIDENTIAL", "holder_code": "620725101990"},
        ELSEWHERE: {"region_code": "620725203001"},
        COURTS: {"region_code": "620725203001", "channel": "LITIGATION"},
    }.items():
        dispute = county.dispute(number, **given)
        source = {"instance": "court", "system": "court", "agency_code": COURT} if number == COURTS else {
            "instance": "hotline", "system": "hotline", "agency_code": "620725030000",
        }  # fmt: skip
        record = county.record(
            number, dispute, title=f"题{number}", content=f"内容{number}",
            region_code=given["region_code"], classification=given.get("classification", "INTERNAL"), **source,
        )  # fmt: skip
        county.party(number, record, name=f"王小{number}", address=f"地址{number}", id_mask="6207**********4518")
        county.event(number, HandlingEventKind.REGISTERED, record_id=record, words=f"话{number}", sequence=number)
    for number, against in ((ACCUSED, "张三"), (6, "县信访局"), (7, "李明")):
        accusation = county.record(
            number, None, instance="petition", system="petition", agency_code=PETITION, classification="RESTRICTED",
            channel="PETITION", region_code=COUNTY, opens_dispute=False,
        )  # fmt: skip
        county.party(number, accusation, role="RESPONDENT", name=against)
    await county.write(store)
    yield store
    await store.close()


@pytest.mark.parametrize(
    ("principal", "disputes", "records"),
    [
        (who("centre_operator"), {"1", "2", "3", "4"}, {"1", "2", "3", "4"}),
        (who("leader"), {"1", "2", "3", "4"}, {"1", "2", "3", "4"}),
        (who("auditor"), {"1", "2", "3", "4"}, {"1", "2", "3", "4"}),
        (who("township_operator", regions=(TOWN,)), {"1"}, {"1"}),
        # what is confidential only where their own unit has it in hand
        (who("township_operator", regions=(TOWN,), agency="620725101990"), {"1", "2"}, {"1", "2"}),
        # given nothing, sees nothing
        (who("township_operator"), set(), set()),
        (who("agency_liaison"), set(), set()),
        (who("agency_liaison", agency=COURT), {"4"}, {"4"}),
        (who("agency_liaison", instances=("court",), agency=COURT), {"4"}, {"4"}),
        # its accusations, but those against the unit and against whoever asks
        (who("agency_liaison", agency=PETITION), set(), {"5"}),
        (who("agency_liaison", agency=PETITION, name="王芳"), set(), {"5", "7"}),
        (who("partner_system", instances=("hotline",)), {"1", "2", "3"}, {"1", "2", "3"}),
        (who("partner_system", instances=("court",)), {"4"}, {"4"}),
        (who("partner_system", instances=("petition",)), set(), set()),
    ],
)  # fmt: skip
async def test_rows_that_a_principal_finds(
    store: Store, principal: Principal, disputes: set[str], records: set[str]
) -> None:
    asker = Asker(store, principal)
    assert (await asker.titles(), await asker.records()) == (disputes, records)
    for number in range(1, 8):
        by_id = await asker.data(
            """query ($dispute: ID!, $record: ID!, $event: ID!, $party: ID!) {
              dispute: node(id: $dispute) { id } record: node(id: $record) { id }
              event: node(id: $event) { id } party: node(id: $party) { id } }""",
            dispute=f"dsp_{COUNTY}_{number:06}", record=f"rec_{COUNTY}_{number:06}", event=f"evt_{COUNTY}_{number:06}",
            party=f"pty_{COUNTY}_{number:06}",
        )  # fmt: skip
        assert (by_id["dispute"] is not None) == (str(number) in disputes)
        for of_record in ("record", "party", *(["event"] if number < ACCUSED else [])):
            assert (by_id[of_record] is not None) == (str(number) in records)


async def test_an_administrator_has_no_disputes_at_all(store: Store) -> None:
    asker = Asker(store, who("administrator"))
    refused = await asker.ask("{ disputes { totalCount } }")
    assert refused["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert await asker.data("{ node(id: \"dsp_620725_000001\") { id } connectors { instance } }") == {
        "node": None, "connectors": [],
    }  # fmt: skip


# the values


async def test_redacted_values_are_never_whole_and_cannot_be_guessed_by_filters(store: Store) -> None:
    asker = Asker(store, who("leader"))
    found = await asker.data(
        """{ caseRecords { edges { node { title content parties { name addressText idMask } } } } }"""
    )
    parties = [party for edge in found["caseRecords"]["edges"] for party in edge["node"]["parties"]]
    assert {party["name"] for party in parties} == {"王**"}
    assert {(party["addressText"], party["idMask"]) for party in parties} == {(None, None)}
    assert {edge["node"]["content"] for edge in found["caseRecords"]["edges"]} == {None}
    # the summary is removed: searching in it would tell it word by word
    refused = await asker.ask('{ disputes(filter: { text: "内容" }) { totalCount } }')
    assert refused["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert await Asker(store, who("centre_operator")).data('{ disputes(filter: { text: "题1" }) { totalCount } }')


async def test_a_partner_sees_no_word_of_another_agency(store: Store) -> None:
    asker = Asker(store, who("partner_system", instances=("court",)))
    for query in ("{ disputes { edges { node { title } } } }", "{ caseRecords { edges { node { history { edges { node { words } } } } } } }"):  # fmt: skip # noqa: E501
        assert (await asker.ask(query))["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


# acts

ACCEPT = "mutation ($id: ID!) { acceptDispute(input: { id: $id }) { userErrors { code field } dispute { state } } }"


async def test_an_act_on_what_is_hidden_finds_nothing_and_changes_nothing(store: Store) -> None:
    asker = Asker(store, who("township_operator", regions=(TOWN,)))
    for unseen in ("dsp_620725_000003", "dsp_620725_999999"):
        done = (await asker.data(ACCEPT, id=unseen))["acceptDispute"]
        assert done == {"userErrors": [{"code": "NOT_FOUND", "field": "id"}], "dispute": None}
    link = (
        'mutation { linkRecord(input: { recordId: "rec_620725_000001", disputeId: "dsp_620725_000003", reason: "x" }) '
    )
    refused = await asker.ask(link + "{ userErrors { code } } }")
    assert refused["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_a_township_registers_what_is_its_own_and_nothing_else(store: Store) -> None:
    asker = Asker(store, who("township_operator", regions=(TOWN,)))
    register = """mutation ($region: String!) { registerDispute(input: { title: "通行", regionCode: $region,
      category: "0201", parties: [{ role: APPLICANT, name: "王芳" }] })
      { userErrors { code field } dispute { state } } }"""
    for elsewhere in ("620725203", "6207", ""):
        done = (await asker.data(register, region=elsewhere))["registerDispute"]
        assert done == {"userErrors": [{"code": "INVALID_VALUE", "field": "regionCode"}], "dispute": None}
    done = (await asker.data(register, region=f"{TOWN}001"))["registerDispute"]
    assert done == {"userErrors": [], "dispute": {"state": "REGISTERED"}}


async def test_only_actions_that_the_role_has_are_offered(store: Store) -> None:
    query = '{ dispute(id: "dsp_620725_000001") { availableActions { name } } }'
    offered = (await Asker(store, who("centre_operator")).data(query))["dispute"]["availableActions"]
    assert {"name": "referDispute"} in offered
    assert "errors" in await Asker(store, who("leader")).ask(query)


async def test_introspection_shows_a_role_its_own_schema(store: Store) -> None:
    asker = Asker(store, who("administrator"))
    names = {one["name"] for one in (await asker.data("{ __schema { types { name } } }"))["__schema"]["types"]}
    assert "Connector" in names and not names & {"Dispute", "CaseRecord", "Party", "HandlingEvent", "DisputeFilter"}


async def test_figures_count_what_the_asker_may_see(store: Store) -> None:
    query = '{ figures(from: "2024-01-01", to: "2025-01-01", ids: ["K1"]) { denominator units { totalCount } } }'
    county = County()
    dispute = county.dispute(20, region_code="620725203001")
    for number, region in ((21, f"{TOWN}001"), (22, "620725203001")):
        county.record(number, dispute, unit_key=f"f{number}", region_code=region, received_at=at(number))
    await county.write(store)
    async with store.write() as tx:
        await tx.execute(tables.case_records.update().values(dispute_id=f"dsp_{COUNTY}_000001").where(
            tables.case_records.c.id == f"rec_{COUNTY}_000021"))  # fmt: skip
        await tx.execute(tables.case_records.update().values(is_unit=False).where(tables.case_records.c.unit_key == ""))
    counts = {}
    for principal in (who("centre_operator"), who("township_operator", regions=(TOWN,))):
        (figure,) = (await Asker(store, principal).data(query))["figures"]
        assert figure["units"]["totalCount"] == figure["denominator"]
        counts[principal.role] = figure["denominator"]
    assert counts == {"centre_operator": 2, "township_operator": 1}
