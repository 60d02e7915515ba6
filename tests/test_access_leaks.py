"""What once told of hidden matters, each by its name: a sentence, a figure, two filters, a link."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.desk import Desk
from hub.principal import Principal, PrincipalKind
from hub.store import tables
from hub.store.engine import open_store
from hub.vocabulary import HandlingEventKind, county_tables
from schema.build import new_context
from schema.execution import Request
from schema.seen_by import runner_for

from .databases import Database
from .graphql_rows import County, at, desk_on

CENTRE = Principal("acc_1", PrincipalKind.STAFF, "王芳", "centre_operator")


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    store = open_store(database.url)
    yield desk_on(store)
    await store.close()


async def ask(desk: Desk, document: str, who: Principal = CENTRE) -> Any:
    context = new_context(desk, county_tables(), who)
    return (await runner_for(who.role).run(Request(document, {}), context)).payload


async def test_an_event_names_no_dispute_that_is_hidden(desk: Desk) -> None:
    county = County()
    shown, hidden = county.dispute(1), county.dispute(2, classification="RESTRICTED")
    other = county.dispute(3)
    county.event(1, HandlingEventKind.MERGED, dispute_id=shown, data={"into": hidden})
    county.event(2, HandlingEventKind.MERGED, dispute_id=shown, data={"into": other})
    county.event(3, HandlingEventKind.UNLINKED, dispute_id=shown, data={"to": hidden})
    await county.write(desk.store)
    answer = await ask(desk, f'{{ dispute(id: "{shown}") {{ history {{ edges {{ node {{ text }} }} }} }} }}')
    texts = [edge["node"]["text"] for edge in answer["data"]["dispute"]["history"]["edges"]]
    assert texts == ["并案", f"并案：并入纠纷 {other}", "解除来源记录关联"]


async def test_a_figure_counts_nothing_that_only_a_hidden_record_says(desk: Desk) -> None:
    county = County()
    for number, key in ((1, "a"), (2, "b")):
        county.record(number, county.dispute(number), unit_key=key)
    # of the first filing a hidden record was handed over; of the second a hidden one says that it ended well
    county.referral(3, county.record(3, None, unit_key="a", classification="RESTRICTED"))
    county.referral(2, "rec_620725_000002")
    agreed = {"result_at": at(9), "result_outcome": "AGREED"}
    county.record(4, None, unit_key="b", classification="RESTRICTED", **agreed)
    await county.write(desk.store)
    asked = '{ figures(from: "2024-03-01", to: "2024-04-01", ids: ["K1", "K2a.LITIGATION"]) { numerator denominator } }'
    found = (await ask(desk, asked))["data"]["figures"]
    assert found == [{"numerator": 1, "denominator": 2}, {"numerator": 0, "denominator": 1}]


async def test_no_message_is_found_by_a_dispute_or_hand_over_that_is_hidden(desk: Desk) -> None:
    county = County()
    for number, closed in ((1, "INTERNAL"), (2, "RESTRICTED")):
        dispute = county.dispute(number, classification=closed, code=f"JF{number}")
        referral = county.referral(number, None, dispute_id=dispute, direction="OUT", instance="hotline")
        county.put(tables.data_keys, id=f"key_{number}", instance="hotline", native_id=f"message {number}")
        county.put(
            tables.outbound_messages, id=f"out_620725_{number:06}", instance="hotline", lane="l", key=f"k{number}",
            command="REFER", dispute_id=dispute, referral_id=referral, data_key_id=f"key_{number}", state="DEAD",
        )  # fmt: skip
    await county.write(desk.store)
    auditor = Principal("acc_2", PrincipalKind.STAFF, "赵审", "auditor")
    # whoever sees every message in outline is not told by a filter which one is about an accusation
    for name, asked in (("dispute", "JF"), ("dispute", "dsp_620725_00000"), ("referral", "ref_620725_00000")):
        for number in (1, 2):
            document = f'{{ outboundMessages(filter: {{ {name}: "{asked}{number}" }}) {{ totalCount }} }}'
            found = (await ask(desk, document, auditor))["data"]["outboundMessages"]["totalCount"]
            assert found == (1 if number == 1 else 0), (name, number)
    every = await ask(desk, "{ outboundMessages { totalCount } }", auditor)
    assert every["data"]["outboundMessages"]["totalCount"] == 2


async def test_that_an_own_record_lies_in_a_hidden_dispute_is_not_found_out(desk: Desk) -> None:
    county = County()
    for number, closed in ((1, "INTERNAL"), (2, "RESTRICTED")):
        dispute = county.dispute(number, classification=closed)
        county.record(number, dispute, agency_code="620725010000")
    county.record(3, None, agency_code="620725010000")
    await county.write(desk.store)
    liaison = Principal("acc_3", PrincipalKind.STAFF, "周联", "agency_liaison", agency="620725010000")
    for has, expected in (("true", [1]), ("false", [3, 2])):
        rows = "edges { node { nativeId dispute { id } } }"
        document = f"{{ caseRecords(filter: {{ hasDispute: {has} }}) {{ {rows} }} }}"
        edges = (await ask(desk, document, liaison))["data"]["caseRecords"]["edges"]
        assert [edge["node"]["nativeId"] for edge in edges] == [f"ajbs{number}" for number in expected]
        assert all((edge["node"]["dispute"] is not None) == (has == "true") for edge in edges)


async def test_that_an_own_record_was_linked_into_a_hidden_dispute_is_not_told(desk: Desk) -> None:
    county = County()
    for number, closed in ((1, "INTERNAL"), (2, "RESTRICTED")):
        county.record(number, county.dispute(number, classification=closed), agency_code="620725101990")
    await county.write(desk.store)
    town = Principal("acc_4", PrincipalKind.STAFF, "吴镇", "township_operator", ("620725101",), "620725101990")
    edges = (await ask(desk, "{ caseRecords { edges { node { nativeId link { method } } } } }", town))["data"]
    found = {edge["node"]["nativeId"]: edge["node"]["link"] for edge in edges["caseRecords"]["edges"]}
    assert found == {"ajbs1": {"method": "OPENING"}, "ajbs2": None}
