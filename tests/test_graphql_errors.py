"""What goes wrong: the caller learns what to change, and nobody learns what a row says."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from hub.access import FULL, Limits
from hub.store import tables
from hub.store.engine import open_store

from .databases import Database
from .graphql_rows import County, Door

SECRET = "622225198001012345"


@pytest.fixture
async def door(database: Database) -> AsyncIterator[Door]:
    store = open_store(database.url)
    yield Door(store)
    await store.close()


async def test_an_unexpected_error_is_told_by_its_reference_alone(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    county = County()
    # a word that no vocabulary knows: a release newer than this one wrote it
    county.dispute(1, title=SECRET, state=f"NEW {SECRET}")
    await county.write(door.store)
    printed = io.StringIO()
    with capture_logs() as logs, redirect_stdout(printed), redirect_stderr(printed):
        payload = await door.ask(
            "query($text: String) { disputes(filter: { text: $text }) { edges { node { title } } } }", text=SECRET
        )
    (error,) = payload["errors"]
    reference = error["extensions"]["reference"]
    assert error["message"] == f"internal error, reference {reference}"
    assert error["extensions"]["code"] == "INTERNAL"
    (line,) = logs
    assert line["reference"] == reference
    assert line["error"] == "KeyError"
    assert SECRET not in str(payload) + str(logs) + caplog.text + printed.getvalue()


async def test_a_failing_database_says_nothing_of_its_statement(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    async with door.store.write() as tx:
        await tx.run_sync(lambda sync: tables.parties.drop(sync))
    await _one_record(door)
    with capture_logs() as logs:
        payload = await door.ask(
            'query($id: String!) { caseRecord(instance: "court", nativeId: $id) { nativeId parties { name } } }',
            id=SECRET,
        )
    assert payload["data"] == {"caseRecord": None}
    assert payload["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert payload["errors"][0]["path"] == ["caseRecord", "parties"]
    told = str(payload) + str(logs) + caplog.text
    assert SECRET not in told
    assert "SELECT" not in told


async def _one_record(door: Door) -> None:
    county = County()
    county.record(1, None, native_id=SECRET)
    await county.write(door.store)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ disputs { totalCount } }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ disputes { ", "GRAPHQL_PARSE_FAILED"),
        ("query A { connectors { instance } } query B { connectors { instance } }", "BAD_USER_INPUT"),
        ("fragment A on Query { connectors { instance } }", "BAD_USER_INPUT"),
        ("mutation { closeCounty }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { changes }", "OPERATION_NOT_ALLOWED"),
        ('{ node(id: "\\u0000") { id } }', "BAD_USER_INPUT"),
        ('{ figures(ids: ["K99"], from: "2024-01-01", to: "2024-08-01") { id } }', "NOT_FOUND"),
        ('{ figures(from: "2024-08-01", to: "2024-01-01") { id } }', "BAD_USER_INPUT"),
        ('{ vocabularies(names: ["Nothing"]) { name } }', "BAD_USER_INPUT"),
        ('{ disputes(filter: { registered: { from: "yesterday" } }) { totalCount } }', "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_a_wrong_request_is_named(door: Door, query: str, code: str) -> None:
    assert await door.code(query) == code


@pytest.mark.parametrize(
    "variables",
    [{"states": ["NOWHERE"]}, {"states": "x" * 1000}, {"states": {"a": 1}}, {"states": ["ASSIGNED\x00"]},
     {"states": [[[[[["ASSIGNED"]]]]]]}, {"unused": "\x00"}, {"states": [None]}, {"unused": "\ud800"}],
    ids=lambda variables: ascii(variables)[:30],
)  # fmt: skip
async def test_wrong_variables_are_named(door: Door, variables: dict[str, Any]) -> None:
    query = "query($states: [DisputeState!]) { disputes(filter: { states: $states }) { totalCount } }"
    assert await door.code(query, **variables) == "BAD_USER_INPUT"


async def test_nothing_is_suggested_to_a_role_that_may_not_know(door: Door) -> None:
    limited = replace(door.context(), access=replace(FULL, limits=Limits()))

    async def told(query: str, **variables: Any) -> str:
        return str(await door.ask_as(limited, query, **variables))

    for query in (
        "{ dispute { totalCount } }",
        "{ disputes { totalCout } }",
        "{ disputes(fliter: {}) { totalCount } }",
        "{ disputes(filter: { state: [ASSIGNED] }) { totalCount } }",
        "{ disputes(filter: { states: [ASSIGNE] }) { totalCount } }",
        "{ node(id: 1) { ... on Disput { id } } }",
    ):
        assert "id you mean" not in await told(query), query
    assert "id you mean" in str(await door.ask("{ disputes { totalCout } }"))
    query = "query($f: DisputeFilter) { disputes(filter: $f) { totalCount } }"
    for wrong in ({"states": ["ASSIGNE"]}, {"state": ["ASSIGNED"]}):
        assert "id you mean" not in await told(query, f=wrong), wrong


async def test_one_failing_field_leaves_the_others(door: Door) -> None:
    payload = await door.ask("{ a: dispute { id } b: connectors { instance } }")
    assert payload["data"] == {"a": None, "b": []}
    assert payload["errors"][0]["path"] == ["a"]
    assert payload["errors"][0]["message"] == "give either id or code"


INPUT = "mutation($i: FindPartiesInput!) { findParties(input: $i) { hasMore } }"

#: what a request may get wrong with somebody's name or number in it
WITH_VALUES: dict[str, tuple[str, dict[str, Any] | None]] = {
    "a field is missing": ('mutation { findParties(input: { name: "NAME", idNumber: "NUMBER" }) { hasMore } }', None),
    "a field is missing in a variable": (INPUT, {"i": {"name": "NAME", "idNumber": "NUMBER"}}),
    "no such enum value": (INPUT, {"i": {"name": "NUMBER", "purpose": "NAME"}}),
    "no such enum value, quoted": ('mutation { findParties(input: { purpose: "NAME" }) { hasMore } }', None),
    "a number for a text": (INPUT, {"i": {"idNumber": 6207251990030745, "purpose": "INTAKE"}}),
    "a list for a text": ('{ disputes(filter: { text: ["NAME", "NUMBER"] }) { totalCount } }', None),
    "an object for a text": ('{ dispute(code: { a: "NAME" }) { id } }', None),
    "a text for an object": ('{ disputes(filter: "NAME") { totalCount } }', None),
    "a text for an object in a variable": (INPUT, {"i": "NAME NUMBER"}),
    "a text for a page": ('{ disputes(first: "NAME") { totalCount } }', None),
    "no such member": (INPUT, {"i": {"NAME": 1, "NUMBER": 2, "purpose": "INTAKE"}}),
    "no such member, quoted": (INPUT, {"i": {"x'NAME' found": "NAME", "purpose": "INTAKE"}}),
    "a text where none is": ('{ disputes "NAME NUMBER" { totalCount } }', None),
    "a block where none is": ('{ disputes """NAME NUMBER""" { totalCount } }', None),
    "a number where none is": ("{ disputes 6207251990030745 { totalCount } }", None),
    "a text for a name": ('query "NAME" { viewer { name } }', None),
    "a day that is none": ('{ figures(from: "NAME", to: "NUMBER") { id } }', None),
    "an id that is none": ('{ node(id: "NUMBER") { id } }', None),
    "a cursor that is none": ('{ disputes(after: "NAME NUMBER") { totalCount } }', None),
    "a code that is none": ('{ dispute(code: "NUMBER") { id } }', None),
    "an id of an input that is none": (
        'mutation { revealParty(input: { partyId: "NUMBER", purpose: CONTACT }) { userErrors { message } } }', None
    ),
    "an id of an act that is none": (
        'mutation { acceptDispute(input: { id: "NUMBER" }) { userErrors { message hint } } }', None
    ),
}  # fmt: skip


async def test_no_error_repeats_a_value(door: Door) -> None:
    person, number = "韩磊虎", "620725199003074518"
    for name, (query, variables) in WITH_VALUES.items():
        filled = json.loads(json.dumps(variables or {}).replace("NAME", person).replace("NUMBER", number))
        with capture_logs() as lines:
            answer = str(await door.ask(query.replace("NAME", person).replace("NUMBER", number), **filled))
        assert "message" in answer or "None" in answer, (name, answer)
        assert not any(value in answer + str(lines) for value in (person, number, "6207251990030745")), (name, answer)


async def test_an_error_without_values_still_says_what_to_mend(door: Door) -> None:
    async def told(query: str, **variables: Any) -> str:
        return str((await door.ask(query, **variables))["errors"][0]["message"])

    assert await told(INPUT, i={"name": "张三"}) == (
        "Variable '$i' has invalid value: Expected value of type 'FindPartiesInput' to include required field "
        "'purpose'."
    )
    assert await told(INPUT, i={"name": "张三", "purpose": "INTAK"}) == (
        "Variable '$i' has invalid value at .purpose: This value does not exist in 'AccessPurpose' enum. "
        "Did you mean the enum value 'INTAKE'?"
    )
    assert await told('{ disputes(filter: { states: ["ASSIGNED"] }) { totalCount } }') == (
        "Enum 'DisputeState' cannot represent non-enum value. Did you mean the enum value 'ASSIGNED'?"
    )
    assert await told(INPUT, i={"nam": "张三", "purpose": "INTAKE"}) == (
        "Variable '$i' has invalid value: Expected value of type 'FindPartiesInput' not to include unknown field "
        "'nam'. Did you mean 'name'?"
    )
    assert await told('{ disputes(first: "张三") { totalCount } }') == "Int cannot represent non-integer value."
    assert await told('{ disputes "张三" { totalCount } }') == "Syntax Error: Expected Name, found String."
    assert await told("{ disputes { totalCount } } }") == "Syntax Error: Unexpected '}'."
