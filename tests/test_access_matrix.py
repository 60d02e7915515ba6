"""No byte outside the policy: role by role, every field and path, over HTTP, a canary in every text of the county."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from hub.desk import Desk
from hub.store.engine import open_store
from schema.seen_by import schema_for

from .access_kit import AGENCIES, CANARY, Questions, Through, everybody, plan, write
from .databases import Database
from .graphql_rows import COUNTY, desk_on

PLAN = plan()
EYES = everybody(PLAN)


#: questions drawn by lot for each principal; bench/access_canaries.py draws thousands
DRAWN = 15


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    store = open_store(database.url)
    desk = desk_on(store)
    await write(desk, PLAN)
    yield desk
    await store.close()


async def test_no_answer_holds_what_is_not_for_whoever_asks(desk: Desk) -> None:
    for eyes in EYES:
        through = Through(desk, eyes)
        schema = schema_for(eyes.role)
        assert schema.query_type is not None
        for root in schema.query_type.fields:
            await through.ask(Questions(schema, PLAN, seed=1).all_of(root, 2))
        for document in Questions(schema, PLAN, seed=1).every_id():
            await through.ask(document)
        for seed in range(DRAWN):
            await through.ask(Questions(schema, PLAN, seed).drawn())
        # the other half: what is theirs did come, or all of the above proved nothing
        should = {one.tag for one in PLAN.matters if eyes.sees_record(one)}
        came = {found[2] for canary in through.received if (found := CANARY.fullmatch(canary))}
        assert {tag for tag in came if tag[0] == "r"} <= should
        assert should <= came or eyes.role == "administrator"


async def test_nothing_is_counted_or_found_by_testing_it(desk: Desk) -> None:
    for eyes in EYES:
        through = Through(desk, eyes)
        seen = sum(eyes.sees_record(one) for one in PLAN.matters)
        disputes = sum(eyes.sees_dispute(number) for number in PLAN.cases)
        for root, count in (("disputes", disputes), ("caseRecords", seen)):
            answer = (await through.ask(f"{{ {root} {{ totalCount }} }}")).json()
            if eyes.role == "administrator":
                assert answer["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
                continue
            assert answer["data"][root]["totalCount"] == count, eyes.principal
        for instance in AGENCIES if eyes.role != "administrator" else ():
            answer = (
                await through.ask(f'{{ disputes(filter: {{ recordsFrom: "{instance}" }}) {{ totalCount }} }}')
            ).json()
            told = {m.dispute for m in PLAN.matters if m.instance == instance and eyes.sees_record(m)}
            expected = {number for number in told if number is not None and eyes.sees_dispute(number)}
            assert answer["data"]["disputes"]["totalCount"] == len(expected), (eyes.principal, instance)
        hidden = [one for one in PLAN.matters if not eyes.sees_record(one)]
        for one in hidden[:: max(len(hidden) // 6, 1)]:
            for test in (
                f'caseRecords(filter: {{ nativeNo: "zqnativeno{one.tag}q" }})',
                f'caseRecords(filter: {{ nativeId: "zqnativeid{one.tag}q" }})',
                f'disputes(filter: {{ text: "zqnativeno{one.tag}q" }})',
            ):
                answer = (await through.ask(f"{{ {test} {{ totalCount }} }}")).json()
                found = answer.get("data") or {"none": {"totalCount": 0}}
                assert [value["totalCount"] for value in found.values()] == [0], (eyes.principal, test)


async def test_files_follow_their_record(desk: Desk) -> None:
    for eyes in EYES:
        through = Through(desk, eyes)
        for one in PLAN.matters:
            answer = await through.client.get(f"/files/att_{COUNTY}_{one.number:06}")
            through.judge(answer, "")
            assert (answer.status_code == 200) == eyes.may_receive("body", one.tag), (eyes.principal, one)


@pytest.mark.parametrize("role", ["centre_operator", "township_operator"])
async def test_an_act_on_what_is_hidden_is_one_on_nothing(desk: Desk, role: str) -> None:
    eyes = next(one for one in EYES if one.role == role)
    through = Through(desk, eyes)
    hidden = next(n for n in PLAN.cases if not eyes.sees_dispute(n) and PLAN.closedness(n) == "RESTRICTED")
    answers = []
    for number in (hidden, 99):
        document = (
            f'mutation {{ acceptDispute(input: {{ id: "dsp_{COUNTY}_{number:06}" }}) '
            "{ userErrors { code message field hint } dispute { title } } }"
        )
        told = json.dumps((await through.ask(document)).json())
        answers.append(told.replace(f"{number:06}", "…"))
    assert answers[0] == answers[1]
    assert "NOT_FOUND" in answers[0]
