"""Lists by the rules: exactly what somebody may see is listed, counted, ordered, found, drawn on the map and waits.

Each check asks one principal and compares with the plain rules; what is hidden must not even show in a number.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from schema.seen_by import schema_for

from .access_door import Through
from .access_eyes import CANARY
from .access_plan import AGENCIES, Case, Matter
from .access_questions import Questions

HAVE_NO_MATTERS = ("administrator",)
MAY_FIND_BY_NAME = ("centre_operator", "township_operator", "agency_liaison", "partner_system")
MAY_FIND_BY_TITLE = (*MAY_FIND_BY_NAME, "leader")
_MAY_FILTER_BY_WORDS = ("centre_operator", "township_operator", "agency_liaison")
#: a number that nothing in the county has
NOBODY = 777
_NONE: Mapping[str, str] = {}


async def told(through: Through, asked: str) -> Any:
    """The data of an answer that must have no errors."""
    answer = (await through.ask(asked)).json()
    assert "errors" not in answer, (through.eyes.principal, asked[:500], answer["errors"])
    return answer["data"]


async def unknown(through: Through, asked: str) -> None:
    """The question is one about nothing that exists: for this role there is no such field."""
    answer = (await through.ask(asked)).json()
    codes = [one["extensions"]["code"] for one in answer.get("errors", ())]
    assert codes[:1] == ["GRAPHQL_VALIDATION_FAILED"] and "data" not in answer, (through.eyes.principal, asked)


async def _in_parts(
    through: Through, asked: Sequence[str], variables: Mapping[str, str] = _NONE, size: int = 6
) -> list[Any]:
    """The answers of many root fields, a few a request: no request may ask for all of them."""
    found: list[Any] = []
    for start in range(0, len(asked), size):
        part = asked[start : start + size]
        given = {name: value for name, value in variables.items() if any(f"${name}," in one for one in part)}
        declared = f"({', '.join(f'${name}: String!' for name in given)})" if given else ""
        fields = " ".join(f"a{place}: {one}" for place, one in enumerate(part))
        answer = (await through.ask(f"query{declared} {{ {fields} }}", **given)).json()
        assert "errors" not in answer, (through.eyes.principal, fields, answer["errors"])
        found += answer["data"].values()
    return found


def some(rows: Sequence[Any], count: int) -> Sequence[Any]:
    """A few from everywhere in a list."""
    return rows[:: max(len(rows) // count, 1)][:count]


async def selected(through: Through) -> None:
    """Everything that every root field leads to, and every key there is; what is theirs must come, the rest not."""
    eyes, schema = through.eyes, schema_for(through.eyes.role)
    assert schema.query_type is not None
    for root in schema.query_type.fields:
        await through.ask(Questions(schema, eyes.plan, seed=1).all_of(root, 2))
    for document in Questions(schema, eyes.plan, seed=1).every_id():
        await through.ask(document)
    for root in ("disputes", "caseRecords") if eyes.role not in HAVE_NO_MATTERS else ():
        answer = await through.ask(Questions(schema, eyes.plan, seed=1).whole(root))
        assert "errors" not in answer.json(), answer.text
    # the other half: what is theirs did come, or all of the above proved nothing
    came = {found[2] for canary in through.received if (found := CANARY.fullmatch(canary))}
    assert {tag for tag in came if tag[0] == "r"} == {one.tag for one in eyes.records}, eyes.principal


async def counted(through: Through) -> None:
    eyes = through.eyes
    if eyes.role in HAVE_NO_MATTERS:
        await unknown(through, "{ disputes { totalCount } }")
        await unknown(through, "{ caseRecords { totalCount } }")
        return
    facets = "totalCount facets(by: [STATE, CATEGORY, CHANNEL, REGION, HOLDER]) { by counts { code count } }"
    asked = [f"every: disputes {{ {facets} }}", "records: caseRecords { totalCount }"]
    # that a record of theirs is in a dispute that they do not see, is nothing they may know
    asked += [f"is_{one}: caseRecords(filter: {{ hasDispute: {one} }}) {{ totalCount }}" for one in ("true", "false")]
    for instance in AGENCIES:
        asked.append(f'{instance}: disputes(filter: {{ recordsFrom: "{instance}" }}) {{ {facets} }}')
    answer = await told(through, f"{{ {' '.join(asked)} }}")
    assert answer.pop("records")["totalCount"] == len(eyes.records)
    joined = sum(one.dispute is not None and eyes.sees_dispute(one.dispute) for one in eyes.records)
    assert [answer.pop(one)["totalCount"] for one in ("is_true", "is_false")] == [joined, len(eyes.records) - joined]
    for name, found in answer.items():
        told_by = {one.dispute for one in eyes.records if one.instance == name}
        cases = [case for case in eyes.cases if name == "every" or case.number in told_by]
        assert found["totalCount"] == len(cases), (eyes.principal, name)
        counts = {one["by"]: {count["code"]: count["count"] for count in one["counts"]} for one in found["facets"]}
        assert counts == {
            "STATE": Counter(case.state for case in cases),
            "CATEGORY": Counter(case.category for case in cases),
            "CHANNEL": Counter(case.channel for case in cases),
            "REGION": Counter(case.region[:9] for case in cases),
            "HOLDER": Counter(case.holder for case in cases),
        }, (eyes.principal, name)


async def tested(through: Through) -> None:
    """A filter answers yes or no: it must not answer about what is hidden, nor by what is not shown whole."""
    eyes = through.eyes
    if eyes.role in HAVE_NO_MATTERS:
        return
    by_words = eyes.role in _MAY_FILTER_BY_WORDS
    asked = []
    for one in some(eyes.hidden, 3):
        asked += [f'caseRecords(filter: {{ nativeNo: "zqnativeno{one.tag}q" }})',
                  f'caseRecords(filter: {{ nativeId: "zqnativeid{one.tag}q" }})']  # fmt: skip
        asked += [f'disputes(filter: {{ text: "zqnativeno{one.tag}q" }})'] * by_words
    for case in some(eyes.hidden_cases, 3):
        asked += [f'disputes(filter: {{ code: "{case.code}" }})']
        asked += [f'disputes(filter: {{ assignee: "zqassigneed{case.number}q" }})'] * by_words
        asked += [f'disputes(filter: {{ text: "zqsummaryd{case.number}q" }})'] * by_words
    page = "{ totalCount pageInfo { hasNextPage hasPreviousPage } }"
    for found in await _in_parts(through, [f"{one} {page}" for one in asked], size=3):
        assert found == {"totalCount": 0, "pageInfo": {"hasNextPage": False, "hasPreviousPage": False}}, asked
    if not by_words:
        # who does not read them whole has no such filter
        await unknown(through, '{ disputes(filter: { text: "zqsummaryd1q" }) { totalCount } }')


async def ordered(through: Through) -> None:
    eyes = through.eyes
    if eyes.role in HAVE_NO_MATTERS:
        return
    orders = {"REGISTERED_AT": lambda one: one.number, "STATE_SINCE": lambda one: (one.state_since, one.id),
              "CODE": lambda one: one.code}  # fmt: skip
    for field, key in orders.items():
        expected = sorted(eyes.cases, key=key)
        assert await _page_through(through, field, 9) == [case.id for case in expected], (eyes.principal, field)
    # another's cursor: where it leads is told as if what it names were not there
    for hidden in some(eyes.hidden_cases, 3):
        cursor = base64.urlsafe_b64encode(json.dumps(["code+", hidden.code]).encode()).decode().rstrip("=")
        asked = f'disputes(orderBy: {{ field: CODE, direction: ASC }}, first: 2, after: "{cursor}")'
        found = (await told(through, f"{{ {asked} {_PAGE} }}"))["disputes"]
        behind = [case.id for case in eyes.cases if case.number > hidden.number]
        assert [edge["node"]["id"] for edge in found["edges"]] == behind[:2]
        info = found["pageInfo"]
        assert info["hasNextPage"] == (len(behind) > 2)
        assert info["hasPreviousPage"] == any(case.number < hidden.number for case in eyes.cases)


_PAGE = "{ totalCount pageInfo { hasNextPage hasPreviousPage endCursor } edges { cursor node { id code } } }"


async def _page_through(through: Through, field: str, size: int) -> list[str]:
    ids: list[str] = []
    after, more = "", True
    while more:
        asked = f"disputes(orderBy: {{ field: {field}, direction: ASC }}, first: {size}{after})"
        page = (await told(through, f"{{ {asked} {_PAGE} }}"))["disputes"]
        assert page["totalCount"] == len(through.eyes.cases)
        assert page["pageInfo"]["hasPreviousPage"] == bool(ids)
        ids += [edge["node"]["id"] for edge in page["edges"]]
        more = page["pageInfo"]["hasNextPage"]
        assert more == (len(ids) < len(through.eyes.cases))
        after = f', after: "{page["pageInfo"]["endCursor"]}"'
    return ids


async def searched(through: Through) -> None:
    eyes = through.eyes
    if eyes.role in HAVE_NO_MATTERS:
        await unknown(through, '{ search(text: "zqtitle") { hasMore } }')
        return
    ways = {"NUMBER": "zqnativeno", "NAME": "甲zqname", "TITLE": "zqtitle"}
    may = {"NUMBER": True, "NAME": eyes.role in MAY_FIND_BY_NAME, "TITLE": eyes.role in MAY_FIND_BY_TITLE}
    # all at once by how they begin, and some that are hidden by themselves
    wanted: list[tuple[str, str, list[Matter], list[Case]]] = [
        (way, text, [one for one in eyes.records if may[way] and (way != "NAME" or not one.accused)], [])
        for way, text in ways.items()
    ]
    for one in (*some(eyes.hidden, 2), *some(eyes.records, 1)):
        seen = [one] if one in eyes.records else []
        wanted += [("NUMBER", f"zqnativeid{one.tag}q", seen, []), ("NAME", one.name, seen if may["NAME"] else [], []),
                   ("TITLE", f"zqtitle{one.tag}q", seen if may["TITLE"] else [], [])]  # fmt: skip
        # a person's whole number is no way to find them here
        wanted += [("NUMBER", one.id_number if one.number % 2 else one.phone, [], [])]
    wanted += [("CODE", case.code, [], [case] if case in eyes.cases else [])
               for case in (*some(eyes.hidden_cases, 2), *some(eyes.cases, 1))]  # fmt: skip
    hit = "hasMore hits { matchedBy dispute { id } record { id } }"
    variables = {f"t{place}": text for place, (_, text, _, _) in enumerate(wanted)}
    asked = [f"search(text: ${name}, first: 100) {{ {hit} }}" for name in variables]
    # that there is more than was asked for is told where there is
    asked += [f"search(text: ${name}, first: 1) {{ {hit} }}" for name in list(variables)[: len(ways)]]
    answers = await _in_parts(through, asked, variables)
    firsts = answers[len(wanted) :]
    for place, (way, text, records, cases) in enumerate(wanted):
        found = answers[place]
        keys = {case.id for case in cases} | {
            f"dsp_620725_{one.dispute:06}" if one.dispute and eyes.sees_dispute(one.dispute) else one.id
            for one in records
        }
        told_of = [(one["dispute"] or one["record"])["id"] for one in found["hits"]]
        assert sorted(told_of) == sorted(keys), (eyes.principal, way, text)
        assert all(one["matchedBy"] == [way] for one in found["hits"]), (eyes.principal, way, found)
        assert not found["hasMore"], (eyes.principal, way, text)
        assert place >= len(ways) or firsts[place]["hasMore"] == (len(keys) > 1), (eyes.principal, way, text)
