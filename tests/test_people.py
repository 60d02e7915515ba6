"""People are looked up and shown whole only for a purpose, only where seen anyway, and only once it is written down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from hub.access import access_of, all_roles
from hub.desk import Desk
from hub.model import PartyFacts
from hub.parties import party_row
from hub.principal import Principal, PrincipalKind
from hub.store import tables
from hub.store.engine import open_store
from hub.vocabulary import PartyRole, county_tables
from schema.build import new_context
from schema.execution import Request
from schema.seen_by import runner_for

from .access_log_kit import no_log
from .databases import Database
from .graphql_rows import COUNTY, County, desk_on

TOWN, OTHER = "620725101", "620725102"
CENTRE = Principal("acc_1", PrincipalKind.STAFF, "李明", "centre_operator")
TOWNSHIP = Principal("acc_2", PrincipalKind.STAFF, "王干", "township_operator", regions=(TOWN,))
NUMBER, MOBILE = "620725199003074518", "13893612345"

FIND = """mutation($i: FindPartiesInput!) { findParties(input: $i) {
  hasMore userErrors { code message field hint }
  found { party { id name idMask } record { nativeId } dispute { code } } } }"""
REVEAL = """mutation($i: RevealPartyInput!) { revealParty(input: $i) {
  idNumber phone party { name idMask } userErrors { code message field hint } } }"""


class Window:
    """The centre's window over a few matters: 1 in the town, 2 in another, 3 an accusation, 4 an inquiry."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.now = datetime.now(UTC)

    async def fill(self) -> None:
        county = County()
        for number, region, closed in ((1, TOWN, "INTERNAL"), (2, OTHER, "INTERNAL"), (3, TOWN, "RESTRICTED")):
            dispute = county.dispute(number, region_code=f"{region}001", classification=closed)
            county.record(number, dispute, region_code=f"{region}001", classification=closed)
        county.record(4, None, region_code=f"{TOWN}001")
        await county.write(self.desk.store)
        await self.put(1, "张三丰", NUMBER, MOBILE)
        await self.put(2, "张三丰", NUMBER, "+8613893612345")
        await self.put(3, "张三丰", NUMBER, MOBILE)
        await self.put(4, "张三", "6207**********4518", "0935-7654321")

    async def put(self, number: int, name: str, id_no: str, phone: str) -> None:
        record, party = f"rec_{COUNTY}_{number:06}", f"pty_{COUNTY}_{number:06}"
        facts = PartyFacts(PartyRole.APPLICANT, name, id_no=id_no, phone=phone)
        async with self.desk.store.write() as tx:
            await tx.execute(tables.parties.insert().values(party_row(self.desk, party, record, 0, facts)))
            await tx.execute(tables.search_terms.insert().values(county=COUNTY, record_id=record, term=f"p{name}"))

    async def ask(self, query: str, who: Principal = CENTRE, **input: Any) -> Any:
        context = new_context(self.desk, county_tables(), who)
        answer = await runner_for(who.role).run(Request(query, {"i": {"purpose": "INTAKE", **input}}), context)
        return answer.payload

    async def find(self, who: Principal = CENTRE, **input: Any) -> Any:
        return (await self.ask(FIND, who, **input))["data"]["findParties"]

    async def found(self, who: Principal = CENTRE, **input: Any) -> list[str]:
        answer = await self.find(who, **input)
        assert answer["userErrors"] == []
        return [one["record"]["nativeId"].removeprefix("ajbs") for one in answer["found"]]

    async def reveal(self, party: int, who: Principal = CENTRE, **input: Any) -> Any:
        return (await self.ask(REVEAL, who, partyId=f"pty_{COUNTY}_{party:06}", **input))["data"]["revealParty"]

    async def looks(self) -> list[Any]:
        async with self.desk.store.read() as connection:
            log = tables.access_log
            return list((await connection.execute(select(log).order_by(log.c.at, log.c.id))).all())


@pytest.fixture
async def window(database: Database) -> AsyncIterator[Window]:
    store = open_store(database.url)
    window = Window(desk_on(store))
    # an hour must be over at will
    object.__setattr__(window.desk, "clock", lambda: window.now)
    await window.fill()
    yield window
    await store.close()


async def test_a_person_is_found_by_number_phone_or_name_where_they_are_seen(window: Window) -> None:
    assert await window.found(idNumber=NUMBER) == ["2", "1"]
    assert await window.found(idNumber=f" {NUMBER[:6]} {NUMBER[6:]}") == ["2", "1"]
    assert await window.found(phone=MOBILE) == ["1"]
    assert await window.found(phone="+86 138-9361-2345") == ["2", "1"]
    assert await window.found(phone="0935 7654321") == ["4"]
    assert await window.found(name="张三") == ["4", "2", "1"]
    assert await window.found(name="张三丰") == ["2", "1"]
    # the agency hid the number of the fourth, and it is no beginning that is looked for
    assert await window.found(idNumber=NUMBER[:17]) == []
    assert await window.found(name="三丰") == []
    (_, first) = (await window.find(idNumber=NUMBER))["found"]
    assert first["dispute"]["code"] == f"JF{COUNTY}2024000001"
    assert first["party"] == {"id": f"pty_{COUNTY}_000001", "name": "张三丰", "idMask": "6207**********4518"}


async def test_a_township_finds_only_within_its_own_regions(window: Window) -> None:
    assert await window.found(TOWNSHIP, idNumber=NUMBER) == ["1"]
    assert await window.found(TOWNSHIP, name="张三") == ["4", "1"]
    # who sees the county but answers for a part of it looks for names there
    assert await window.found(replace(CENTRE, regions=(OTHER,)), name="张三") == ["2"]
    nowhere = replace(TOWNSHIP, regions=())
    assert await window.found(nowhere, idNumber=NUMBER) == [] and await window.found(nowhere, name="张三") == []


async def test_every_search_is_written_down_before_it_is_told_even_one_that_finds_nothing(window: Window) -> None:
    await window.found(idNumber=NUMBER)
    await window.found(idNumber="110101199003070134")
    await window.found(TOWNSHIP, idNumber=NUMBER, purpose="MEDIATION")
    first, second, third = await window.looks()
    assert (first.kind, first.purpose, first.details, first.principal_id) == ("FIND", "INTAKE", "ID_NUMBER", "acc_1")
    assert first.subject_ids.split()[:2] == [f"dsp_{COUNTY}_000002", f"dsp_{COUNTY}_000001"]
    assert (first.subject_count, second.subject_count, third.purpose) == (6, 0, "MEDIATION")
    # equal searches are equal, and nothing else can be told of them
    assert first.searched == third.searched != second.searched and NUMBER not in repr(first)
    async with no_log(window.desk):
        answer = await window.ask(FIND, idNumber=NUMBER)
    assert answer["data"] == {"findParties": None}
    assert [one["extensions"]["code"] for one in answer["errors"]] == ["ACCESS_LOG_UNAVAILABLE"]


@pytest.mark.parametrize(
    ("input", "field"),
    [
        ({}, None), ({"idNumber": NUMBER, "name": "张三"}, None), ({"idNumber": "6207**********4518"}, "idNumber"),
        ({"name": "张"}, "name"), ({"name": "  "}, "name"), ({"phone": "12345"}, "phone"),
        ({"name": "张" * 101}, "name"),
        ({"idNumber": "9" * 5000}, "idNumber"), ({"name": "张＊"}, "name"),
    ],
)  # fmt: skip
async def test_what_cannot_be_looked_for_is_refused_without_repeating_it(
    window: Window, input: dict[str, str], field: str | None
) -> None:
    answer = await window.find(**input)
    (error,) = answer["userErrors"]
    assert (error["code"], error["field"], answer["found"]) == ("INVALID_VALUE", field, [])
    assert not any(value in repr(error) for value in input.values() if value.strip())
    assert await window.looks() == []


async def test_odd_characters_find_nobody_and_break_nothing(window: Window) -> None:
    for odd in ("%%", "__", "张%", "\\\\", "' OR 1=1", "p" * 100):
        assert await window.found(name=odd) == [], odd
    assert [one["code"] for one in (await window.find(name="张\u202e三"))["userErrors"]] == ["INVALID_VALUE"]
    for impossible in ("\ud800张", "\u0000张三"):
        assert "data" not in await window.ask(FIND, name=impossible)


async def test_numbers_are_shown_for_a_purpose_and_written_down_first(window: Window) -> None:
    shown = await window.reveal(1)
    assert (shown["idNumber"], shown["phone"], shown["party"]["idMask"]) == (NUMBER, MOBILE, "6207**********4518")
    only = await window.reveal(1, details=["PHONE"], purpose="CONTACT")
    assert (only["idNumber"], only["phone"]) == (None, MOBILE)
    # what the agency hid is not known here either
    hidden = await window.reveal(4)
    assert (hidden["idNumber"], hidden["phone"], hidden["userErrors"]) == (None, "0935-7654321", [])
    first, second, third = await window.looks()
    assert (first.kind, first.purpose, first.details) == ("REVEAL", "INTAKE", "ID_NUMBER PHONE")
    assert first.subject_ids.split() == [f"{kind}_{COUNTY}_000001" for kind in ("dsp", "rec", "pty")]
    assert (second.details, second.purpose) == ("PHONE", "CONTACT")
    assert NUMBER not in repr((first, second, third)) and MOBILE not in repr((first, second, third))
    async with no_log(window.desk):
        answer = await window.ask(REVEAL, partyId=f"pty_{COUNTY}_000001")
    assert answer["data"] == {"revealParty": None} and NUMBER not in repr(answer)


async def test_whoever_is_hidden_is_not_found_and_nothing_is_written(window: Window) -> None:
    with capture_logs() as lines:
        for party, who in ((3, CENTRE), (2, TOWNSHIP), (9, CENTRE)):
            answer = await window.reveal(party, who)
            assert [one["code"] for one in answer["userErrors"]] == ["NOT_FOUND"]
            assert (answer["idNumber"], answer["phone"], answer["party"]) == (None, None, None)
        assert [one["code"] for one in (await window.reveal(1, details=["NAME"]))["userErrors"]] == ["INVALID_VALUE"]
    assert await window.looks() == [] and NUMBER not in repr(lines)


async def test_nobody_looks_oftener_than_their_role_may_however_many_ask_at_once(window: Window) -> None:
    most = access_of("township_operator").limits.finds_per_hour
    window.now -= timedelta(minutes=90)
    await asyncio.gather(*(window.find(TOWNSHIP, idNumber=NUMBER) for _ in range(5)))
    window.now += timedelta(minutes=50)
    assert len(await window.looks()) == 5
    answers = await asyncio.gather(*(window.find(TOWNSHIP, idNumber=NUMBER) for _ in range(most + 10)))
    refused = [one["userErrors"][0] for one in answers if one["userErrors"]]
    # those of fifty minutes ago count
    assert (len(refused), {one["code"] for one in refused}) == (15, {"RATE_LIMITED"})
    assert all(one["hint"].startswith("Try again in ") for one in refused)
    assert len(await window.looks()) == most
    # others have their own count, and so has what is shown whole
    assert await window.found(idNumber=NUMBER) == ["2", "1"]
    assert (await window.reveal(1, TOWNSHIP))["idNumber"] == NUMBER
    window.now += timedelta(minutes=11)
    assert await window.found(TOWNSHIP, idNumber=NUMBER) == ["1"]


async def test_who_may_look_for_people_stands_in_their_file(window: Window) -> None:
    finds, reveals = set(), set()
    for name, access in all_roles().items():
        who = replace(CENTRE, id=name, role=name, regions=(TOWN,))
        limits = access.limits
        for query, may, most in ((FIND, finds, limits.finds_per_hour), (REVEAL, reveals, limits.reveals_per_hour)):
            input = {"idNumber": NUMBER} if query is FIND else {"partyId": f"pty_{COUNTY}_000001"}
            answer = await window.ask(query, who, **input)
            if "data" in answer:
                may.add(name)
            # a number an hour without the field, or the field without a number, would be a mistake in the file
            assert ("data" in answer) == (most > 0), name
            assert "data" in answer or NUMBER not in repr(answer)
    assert finds == {"centre_operator", "township_operator"}
    assert reveals == {"centre_operator", "township_operator", "agency_liaison"}
