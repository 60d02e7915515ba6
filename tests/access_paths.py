"""Every other way out of the hub, principal by principal: what is live, files, exports, people, the log, refusals."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import openpyxl
from graphql import GraphQLInputObjectType, GraphQLNonNull, GraphQLSchema, get_named_type

from schema.seen_by import schema_for

from .access_door import Through
from .access_eyes import CANARY, Eyes, everybody
from .access_lists import HAVE_NO_MATTERS, some, told, unknown
from .access_plan import Matter, Plan
from .graphql_rows import COUNTY

FIND = """mutation($i: FindPartiesInput!) { findParties(input: $i) { hasMore found {
  party { id name idMask phoneMask } record { id nativeNo } dispute { id } } userErrors { code message hint } } }"""
REVEAL = """mutation($i: RevealPartyInput!) { revealParty(input: $i) {
  idNumber phone party { id name idMask } userErrors { code message field hint } } }"""
MAY_FIND = ("centre_operator", "township_operator")
MAY_REVEAL = (*MAY_FIND, "agency_liaison")
SEE_FILES = ("centre_operator", "township_operator", "agency_liaison", "partner_system")
NO_TITLES = ("auditor", "partner_system")
_FIELDS = "{ sequence kind eventKind at recordIds disputes { id code version } }"

Entry = tuple[int, list[str], list[str]]


# what is live


def end_of_log(made: Plan) -> int:
    return 2000 + max(one.number for one, _ in made.suggested())


def entries(eyes: Eyes, about: int | None = None) -> list[Entry]:
    """Sequence, records and disputes of every entry that these eyes see; of one dispute, where one is given."""
    found: list[Entry] = []

    def seen(numbers: Sequence[int | None]) -> list[str]:
        return [f"dsp_{COUNTY}_{n:06}" for n in dict.fromkeys(numbers) if n is not None and eyes.sees_dispute(n)]

    for one in eyes.records:
        if about in (None, one.dispute):
            found.append((one.number, [one.id], seen([one.dispute])))
    for case in eyes.cases:
        if about in (None, case.number) or about == case.next:
            named = [] if case.next is None else [eyes.plan.first_of(case.next)]
            found.append(
                (1000 + case.number, [m.id for m in named if eyes.sees_record(m)], seen([case.number, case.next]))
            )
    for one, other in eyes.plan.suggested():
        if eyes.sees_both(one, other) and about in (None, one.dispute, other.dispute):
            found.append((2000 + one.number, [one.id, other.id], seen([one.dispute, other.dispute])))
    return sorted(found)


def plainly(change: Any) -> Entry:
    return change["sequence"], change["recordIds"], [one["id"] for one in change["disputes"]]


async def read_on(through: Through) -> None:
    """``changes``: entries and places; where a page ends says nothing of what was passed over."""
    eyes, end = through.eyes, end_of_log(through.eyes.plan)
    if eyes.role in HAVE_NO_MATTERS:
        await unknown(through, f"{{ changes(after: 0) {{ position entries {_FIELDS} }} }}")
        return
    expected, after, more, found = entries(eyes), 0, True, []
    while more:
        asked = f"{{ changes(after: {after}, first: 37) {{ position hasMore entries {_FIELDS} }} }}"
        page = (await told(through, asked))["changes"]
        found += [plainly(one) for one in page["entries"]]
        more, after = page["hasMore"], page["position"]
        assert more == (len(found) < len(expected))
        assert after == (found[-1][0] if more else end)
    assert found == expected, eyes.principal


async def listened(through: Through) -> None:
    """Both transports tell the same, and of what is hidden as little as of what does not exist."""
    eyes, end = through.eyes, end_of_log(through.eyes.plan)
    if eyes.role in HAVE_NO_MATTERS:
        refused = await through.stream(f"subscription {{ changes(after: 0) {_FIELDS} }}", end)
        # the socket closes before anything can be subscribed to
        silent = await through.socket(f"subscription {{ changes(after: 0) {_FIELDS} }}", end)
        assert "data" not in refused[0] and silent == []
        return
    ways = (through.stream, through.socket)
    for way in ways:
        answers = await way(f"subscription {{ changes(after: 0) {_FIELDS} }}", end)
        assert [plainly(one["data"]["changes"]) for one in answers] == entries(eyes), (eyes.principal, way)
    for place, case in enumerate((*some(eyes.cases, 2), *some(eyes.hidden_cases, 2))):
        name = f'id: "{case.id}"' if place % 2 else f'code: "{case.code}"'
        none = name.replace(f"{case.number:06}", "000099")
        for way in ways:
            answers = await way(f"subscription {{ disputeChanged({name}, after: 0) {_FIELDS} }}", end)
            if case in eyes.cases:
                changes = [plainly(one["data"]["disputeChanged"]) for one in answers]
                assert changes == entries(eyes, case.number), (eyes.principal, case)
            else:
                # hidden: the same answer as for one that nobody has
                nothing = await way(f"subscription {{ disputeChanged({none}, after: 0) {_FIELDS} }}", end)
                assert json.dumps(answers) == json.dumps(nothing) and "NOT_FOUND" in json.dumps(answers)


# files and exports


async def fetched(through: Through) -> None:
    nothing = await through.get(f"/files/att_{COUNTY}_{_NOBODY:06}")
    for one in (*some(through.eyes.records, 4), *some(through.eyes.hidden, 4)):
        answer = await through.get(f"/files/att_{COUNTY}_{one.number:06}")
        assert (answer.status_code == 200) == through.eyes.may_receive("body", one.tag), (through.eyes.principal, one)
        assert answer.status_code == 200 or (answer.status_code, answer.text) == (404, nothing.text)


async def exported(through: Through) -> None:
    eyes = through.eyes
    if eyes.role in HAVE_NO_MATTERS:
        assert {(await through.get(f"/export/disputes.{kind}")).status_code for kind in ("csv", "xlsx")} == {404}
        return
    half = [case for case in eyes.cases if case.region.startswith("620725101")]
    for cases, filter in ((eyes.cases, {}), (half, {"regions": ["620725101"]})):
        asked = {"filter": json.dumps(filter), "orderBy": json.dumps({"field": "CODE", "direction": "ASC"})}
        answer = await through.get("/export/disputes.csv", **asked)
        heading, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
        at = heading.index("纠纷编号")
        assert [row[at] for row in rows] == [case.code for case in cases], eyes.principal
        assert answer.headers["hub-rows"] == answer.headers["hub-total"] == str(len(cases))
        assert ("标题" in heading) == (eyes.role not in NO_TITLES)
        for case, row in zip(cases, rows, strict=True):
            names = dict(zip(heading, row, strict=True)).get("当事人", "")
            # those of the records that the asker sees, and of each as much as they may read
            seen = [one for one in eyes.records if one.dispute == case.number]
            if eyes.role in ("leader", "auditor"):
                assert names == "甲**", eyes.principal
            else:
                assert names.split("、") == ([one.name for one in seen] or [""]), (eyes.principal, case)
    book = await through.get("/export/disputes.xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(book.content), read_only=True).worksheets[0]
    assert len(list(sheet.iter_rows())) == len(eyes.cases) + 1
    hidden = "zqsummary" + "".join(f"d{case.number}q" for case in eyes.hidden_cases[:1])
    by_words = await through.get("/export/disputes.csv", filter=json.dumps({"text": hidden}))
    may = eyes.role in ("centre_operator", "township_operator", "agency_liaison")
    assert by_words.status_code == (200 if may else 400)
    assert not may or by_words.headers["hub-total"] == "0"


# people


async def found_by(through: Through, one: Matter, detail: str) -> None:
    """Whoever may look people up finds whom they see; the number that was asked for comes back in no byte."""
    eyes = through.eyes
    through.renew()
    value = {"idNumber": one.id_number, "phone": one.phone, "name": one.name}[detail]
    answer = (await through.ask(FIND, i={"purpose": "INTAKE", detail: value})).json()
    if eyes.role not in MAY_FIND:
        assert answer["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED" and "data" not in answer
        return
    found = answer["data"]["findParties"]
    assert not found["hasMore"] and found["userErrors"] == []
    seen = one in eyes.records
    assert [each["record"]["id"] for each in found["found"]] == [one.id] * seen, (eyes.principal, one, detail)
    assert [each["party"]["id"] for each in found["found"]] == [one.party_id] * seen


async def looked_up(through: Through) -> None:
    eyes = through.eyes
    for one in (*some(eyes.records, 2), *some(eyes.hidden, 3)):
        for detail in ("idNumber", "phone", "name"):
            await found_by(through, one, detail)
    if eyes.role in MAY_FIND:
        answer = (await through.ask(FIND, i={"purpose": "INTAKE", "name": "甲zqname"})).json()["data"]["findParties"]
        found = {each["record"]["id"] for each in answer["found"]}
        assert found == {one.id for one in eyes.records if not one.accused}, eyes.principal
        assert answer["hasMore"] is False


async def revealed_of(through: Through, one: Matter) -> None:
    """The whole numbers of one seen party, in the one payload that was asked for them; of a hidden one nothing."""
    eyes, seen = through.eyes, one in through.eyes.records and through.eyes.role in MAY_REVEAL
    through.renew()
    given = {"purpose": "CONTACT", "partyId": one.party_id}
    answer = (await through.ask(REVEAL, shown=[one.id_number, one.phone] if seen else [], i=given)).json()
    if eyes.role not in MAY_REVEAL:
        assert answer["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED" and "data" not in answer
        return
    shown = answer["data"]["revealParty"]
    if seen:
        assert (shown["idNumber"], shown["phone"]) == (one.id_number, one.phone)
        assert (shown["party"]["id"], shown["userErrors"]) == (one.party_id, [])
        return
    nobody = given | {"partyId": f"pty_{COUNTY}_000999"}
    nothing = (await through.ask(REVEAL, i=nobody)).json()
    assert shown["userErrors"][0]["code"] == "NOT_FOUND", (eyes.principal, one)
    assert json.dumps(answer).replace(one.party_id, nobody["partyId"]) == json.dumps(nothing)


async def revealed(through: Through) -> None:
    for one in (*some(through.eyes.records, 3), *some(through.eyes.hidden, 3)):
        await revealed_of(through, one)


async def who_looked(through: Through) -> None:
    """The access log shows keys and codes to auditors, and to nobody else; what was looked at stands not in it."""
    eyes = through.eyes
    asked = """{ accessLog(first: 100) { totalCount edges { node { id at principalId principalName role kind purpose
      details documentHash operation searchedHash subjectIds subjectCount } } } }"""
    if eyes.role != "auditor":
        await unknown(through, asked)
        return
    # somebody looks, and so does whoever asks
    clerk = Through(through.desk, everybody(eyes.plan)[0])
    for one in some(clerk.eyes.records, 2):
        await found_by(clerk, one, "idNumber")
        await revealed_of(clerk, one)
    await through.log.close()
    answer = await through.client.post("/graphql", json={"query": asked})
    assert answer.json()["data"]["accessLog"]["totalCount"] > 0
    found = CANARY.search(answer.text) or eyes.leaks(answer.text, with_keys=False)
    assert not found, found
    await clerk.close()


# refusals


async def refused(through: Through) -> None:
    """What is hidden is answered like what does not exist, whatever names it, and nothing is done to it."""
    eyes, schema = through.eyes, schema_for(through.eyes.role)
    firsts = [one for one, _ in eyes.plan.suggested()]
    hidden = eyes.hidden_cases[0], next(one for one in eyes.hidden if one.is_handed and one in firsts)
    for documents in (_questions(schema, *hidden), _acts(eyes, schema, *hidden)):
        for start in range(0, len(documents[1]), 8):
            kind, parts = documents[0], documents[1][start : start + 8]
            asked = f"{kind} {{ {' '.join(f'a{place}: {part}' for place, part in enumerate(parts))} }}"
            none = asked
            for one in hidden:
                none = none.replace(f"{one.number:06}", f"{_NOBODY:06}")
                none = none.replace(f"zqnativeid{getattr(one, 'tag', '')}q", f"zqnativeidr{_NOBODY}q")
            about_hidden, about_none = [(await through.ask(one)).text for one in (asked, none)]
            for one in hidden:
                about_hidden = about_hidden.replace(f"{one.number:06}", f"{_NOBODY:06}")
            assert about_hidden == about_none, (eyes.principal, asked)


#: a number that nothing in the county has
_NOBODY = 777


def _questions(schema: GraphQLSchema, case: Any, one: Matter) -> tuple[str, list[str]]:
    keys = [case.id, one.id, one.party_id, *(f"{kind}_{COUNTY}_{one.number:06}" for kind in ("ref", "evt", "att"))]
    asked = [f'node(id: "{key}") {{ id }}' for key in keys]
    if schema.query_type is not None and "dispute" in schema.query_type.fields:
        asked += [f'dispute(id: "{case.id}") {{ id }}', f'dispute(code: "{case.code}") {{ id }}']
        asked += [f'caseRecord(instance: "{one.instance}", nativeId: "zqnativeid{one.tag}q") {{ id }}']
    return "query", asked


def _acts(eyes: Eyes, schema: GraphQLSchema, case: Any, one: Matter) -> tuple[str, list[str]]:
    """Every mutation of the role that names something of somebody's, naming what is hidden."""
    asked = []
    for name, field in schema.mutation_type.fields.items() if schema.mutation_type is not None else ():
        wanted = get_named_type(field.args["input"].type)
        assert isinstance(wanted, GraphQLInputObjectType)
        ids = [key for key, inner in wanted.fields.items() if get_named_type(inner.type).name == "ID"]
        if not ids or "Quarantined" in name or name == "acceptDrift" or eyes.role in HAVE_NO_MATTERS:
            # what waits on worklists is nobody's matter, and who keeps the outbox going sees every message
            continue
        values = []
        for key, inner in wanted.fields.items():
            if key in ids:
                kind = _kind(name, key, get_named_type(field.type).name)
                number = case.number if kind in ("dsp", "out") else one.number
                id = f'"{kind}_{COUNTY}_{number:06}"'
                values.append(f"{key}: {f'[{id}]' if str(inner.type).startswith('[') else id}")
            elif isinstance(inner.type, GraphQLNonNull) and str(inner.default_value) == "Undefined":
                some_value = _SOME.get(get_named_type(inner.type).name, '"x"')
                values.append(f"{key}: {some_value}")
        asked.append(f"{name}(input: {{ {', '.join(values)} }}) {{ userErrors {{ code message field hint }} }}")
    return "mutation", asked


_SOME = {"Outcome": "AGREED", "HandlingEventKind": "SESSION_HELD", "LinkDecision": "ACCEPT", "Boolean": "true",
         "Int": "1", "Date": '"2024-05-01"', "AgencyKind": "COURT", "ReferralMode": "DELEGATE",
         "AccessPurpose": "INTAKE"}  # fmt: skip


def _kind(mutation: str, key: str, payload: str) -> str:
    if key in ("recordId",) or mutation == "unlinkRecord":
        return "rec"
    if key == "partyId":
        return "pty"
    if mutation == "decideLinkSuggestion":
        return "lnk"
    if "DeadLetter" in payload or "Uncertain" in payload:
        return "out"
    return "ref" if payload == "ReferralPayload" and mutation != "referDispute" else "dsp"


PATHS = (read_on, listened, fetched, exported, looked_up, revealed, who_looked, refused)
