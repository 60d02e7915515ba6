"""People and the access log: looked up, shown whole, and who did so, each for whom it is and in no byte besides."""

from __future__ import annotations

import json

from .access_door import Through
from .access_eyes import CANARY, everybody
from .access_lists import some, unknown
from .access_plan import Matter
from .graphql_rows import COUNTY

FIND = """mutation($i: FindPartiesInput!) { findParties(input: $i) { hasMore found {
  party { id name idMask phoneMask } record { id nativeNo } dispute { id } } userErrors { code message hint } } }"""
REVEAL = """mutation($i: RevealPartyInput!) { revealParty(input: $i) {
  idNumber phone party { id name idMask } userErrors { code message field hint } } }"""
MAY_FIND = ("centre_operator", "township_operator")
MAY_REVEAL = (*MAY_FIND, "agency_liaison")


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
