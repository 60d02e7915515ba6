"""Disputes, records, parties and referrals through the door: filters, global ids, and who is whom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.store import tables
from hub.store.engine import open_store
from hub.vocabulary import HandlingEventKind

from .databases import Database
from .graphql_rows import County, Door, at

DISPUTES = """
query($filter: DisputeFilter) {
  disputes(filter: $filter, orderBy: { field: REGISTERED_AT, direction: ASC }, first: 100) {
    totalCount
    edges { node { code } }
  }
}
"""
RECORDS = """
query($filter: CaseRecordFilter) { caseRecords(filter: $filter) { totalCount edges { node { nativeId } } } }
"""


@pytest.fixture
async def door(database: Database) -> AsyncIterator[Door]:
    store = open_store(database.url)
    yield Door(store)
    await store.close()


async def county_of_four(door: Door) -> None:
    county = County()
    one = county.dispute(
        1, code="JF1", title="相邻通行纠纷", category="0201", state="ASSIGNED", channel="LITIGATION",
        region_code="620725101001", holder_code="620725190000", registered_at=at(0), state_since=at(500),
    )  # fmt: skip
    two = county.dispute(
        2, code="JF2", title="借款 100% 未还", summary="欠款_纠纷", category="0804", state="RESOLVED",
        channel="HOTLINE", region_code="620725102", holder_code="620725010000", registered_at=at(24 * 60),
    )  # fmt: skip
    three = county.dispute(
        3, code="JF3", title="土地", category="09", state="CLOSED", channel="POLICE", region_code="620725",
        registered_at=at(48 * 60),
    )  # fmt: skip
    county.dispute(4, code="JF4", state="MERGED", is_live=False, merged_into=one, registered_at=at(72 * 60))
    county.record(1, one, native_id="A1", native_no="(2024)甘0725民诉前调12号", received_at=at(0))
    county.record(2, one, native_id="G1", instance="hotline", system="hotline", native_kind="投诉", received_at=at(5))
    county.record(3, two, native_id="G2", instance="hotline", system="hotline", received_at=at(24 * 60))
    county.record(4, three, native_id="J3", instance="police-a", system="police", state="CLOSED")
    county.record(5, None, native_id="J4", instance="police-a", system="police", deleted_at_source=at(9))
    await county.write(door.store)


DISPUTE_FILTERS: list[tuple[Any, list[str]]] = [
    (None, ["JF1", "JF2", "JF3"]),
    ({}, ["JF1", "JF2", "JF3"]),
    ({"includeFormer": True}, ["JF1", "JF2", "JF3", "JF4"]),
    ({"code": "JF2"}, ["JF2"]),
    ({"states": ["ASSIGNED", "CLOSED"]}, ["JF1", "JF3"]),
    ({"states": []}, []),
    ({"categories": ["02"]}, ["JF1"]),
    ({"categories": ["08", "09"]}, ["JF2", "JF3"]),
    ({"categories": ["0804"]}, ["JF2"]),
    ({"categories": ["__"]}, []),
    ({"channels": ["POLICE", "HOTLINE"]}, ["JF2", "JF3"]),
    ({"regions": ["620725"]}, ["JF1", "JF2", "JF3"]),
    ({"regions": ["620725101"]}, ["JF1"]),
    ({"regions": ["%"]}, []),
    ({"holder": "620725010000"}, ["JF2"]),
    ({"registered": {"from": "2024-03-02"}}, ["JF2", "JF3"]),
    ({"registered": {"from": "2024-03-01", "to": "2024-03-02"}}, ["JF1"]),
    ({"registered": {"to": "2024-03-03"}}, ["JF1", "JF2"]),
    ({"recordsFrom": ["hotline"]}, ["JF1", "JF2"]),
    ({"recordsFrom": ["hotline", "court"]}, ["JF1"]),
    ({"recordsFrom": ["police"]}, ["JF3"]),
    ({"text": "通行"}, ["JF1"]),
    ({"text": " 欠款_纠 "}, ["JF2"]),
    ({"text": "100%"}, ["JF2"]),
    ({"text": "1%0"}, []),
    ({"text": "jf3"}, ["JF3"]),
    ({"text": "（2024）甘0725民诉前调12号"}, ["JF1"]),
    ({"text": "民诉前调12"}, ["JF1"]),
    ({"text": "G2"}, ["JF2"]),
    ({"text": "通行", "states": ["CLOSED"]}, []),
]


async def test_filters_of_disputes(door: Door) -> None:
    await county_of_four(door)
    for wanted, codes in DISPUTE_FILTERS:
        found = (await door.data(DISPUTES, filter=wanted))["disputes"]
        assert [edge["node"]["code"] for edge in found["edges"]] == codes, wanted
        assert found["totalCount"] == len(codes), wanted


async def test_impossible_filters_are_refused_clearly(door: Door) -> None:
    for wanted in (
        {"text": "   "},
        {"text": "长" * 201},
        {"registered": {"from": "2024-03-02", "to": "2024-03-01"}},
        {"registered": {"from": "2024-02-30"}},
        {"registered": {"from": "0001-01-01"}},
        {"regions": ["1"] * 201},
        {"recordsFrom": ["1"] * 201},
    ):
        assert await door.code(DISPUTES, filter=wanted) == "BAD_USER_INPUT", wanted


async def test_an_order_by_state_since(door: Door) -> None:
    await county_of_four(door)
    query = "{ disputes(orderBy: { field: STATE_SINCE, direction: ASC }) { edges { node { code } } } }"
    found = (await door.data(query))["disputes"]["edges"]
    assert [edge["node"]["code"] for edge in found] == ["JF1", "JF2", "JF3"]
    newest = (await door.data("{ disputes(first: 1) { edges { node { code } } } }"))["disputes"]["edges"]
    assert newest[0]["node"]["code"] == "JF3"


RECORD_FILTERS: list[tuple[Any, set[str]]] = [
    (None, {"A1", "G1", "G2", "J3", "J4"}),
    ({"instances": ["hotline"]}, {"G1", "G2"}),
    ({"kinds": ["投诉"]}, {"G1"}),
    ({"states": ["CLOSED"]}, {"J3"}),
    ({"nativeId": "A1"}, {"A1"}),
    ({"nativeNo": "(2024)甘0725民诉前调12号"}, {"A1"}),
    ({"nativeNo": "（2024）甘0725民诉前调12号"}, {"A1"}),
    ({"nativeNo": "（2024）甘0725民诉前调1"}, set()),
    ({"regions": ["620725101"]}, {"A1", "G1", "G2", "J3", "J4"}),
    ({"received": {"from": "2024-03-02"}}, {"G2"}),
    ({"hasDispute": False}, {"J4"}),
    ({"hasDispute": True, "instances": ["police-a"]}, {"J3"}),
    ({"deletedAtSource": True}, {"J4"}),
    ({"deletedAtSource": False}, {"A1", "G1", "G2", "J3"}),
]


async def test_filters_of_records(door: Door) -> None:
    await county_of_four(door)
    for wanted, ids in RECORD_FILTERS:
        found = (await door.data(RECORDS, filter=wanted))["caseRecords"]
        assert {edge["node"]["nativeId"] for edge in found["edges"]} == ids, wanted
        assert found["totalCount"] == len(ids), wanted


async def test_a_record_by_the_agencys_own_number(door: Door) -> None:
    county = County()
    county.record(1, None, native_id="A", native_no="")
    county.record(2, None, native_id="A", native_no="(2024)甘01号")
    county.record(3, None, native_id="B", native_no="(2024)甘02号")
    await county.write(door.store)
    query = """query($id: String!, $no: String) {
      caseRecord(instance: "court", nativeId: $id, nativeNo: $no) { id nativeNo }
    }"""
    one = {"id": "rec_620725_000001", "nativeNo": None}
    two = {"id": "rec_620725_000002", "nativeNo": "(2024)甘01号"}
    assert (await door.data(query, id="A", no=""))["caseRecord"] == one
    assert (await door.data(query, id="A", no="（2024）甘01号"))["caseRecord"] == two
    assert (await door.data(query, id="B"))["caseRecord"]["nativeNo"] == "(2024)甘02号"
    assert (await door.data(query, id="C"))["caseRecord"] is None
    assert await door.code(query, id="A") == "BAD_USER_INPUT"


async def test_a_merged_dispute_answers_by_its_old_code(door: Door) -> None:
    await county_of_four(door)
    query = "query($code: String) { dispute(code: $code) { state mergedInto { code mergedInto { code } } } }"
    merged = (await door.data(query, code="JF4"))["dispute"]
    assert merged == {"state": "MERGED", "mergedInto": {"code": "JF1", "mergedInto": None}}
    assert (await door.data(query, code="JF1"))["dispute"]["mergedInto"] is None
    assert (await door.data(query, code="none"))["dispute"] is None


async def test_a_dispute_is_asked_by_id_or_by_code(door: Door) -> None:
    await county_of_four(door)
    query = "query($id: ID, $code: String) { dispute(id: $id, code: $code) { code } }"
    assert (await door.data(query, id="dsp_620725_000002"))["dispute"]["code"] == "JF2"
    assert await door.code(query) == "BAD_USER_INPUT"
    assert await door.code(query, id="dsp_620725_000002", code="JF2") == "BAD_USER_INPUT"


async def test_every_id_leads_back_to_its_node(door: Door) -> None:
    county = County()
    dispute = county.dispute(1)
    record = county.record(1, dispute)
    event = county.event(1, HandlingEventKind.REGISTERED, record_id=record)
    own = county.event(2, HandlingEventKind.REGISTERED, dispute_id=dispute)
    ids = [dispute, record, event, own, county.party(1, record), county.referral(1, record)]
    await county.write(door.store)
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
    found = (await door.data(query, ids=ids))["nodes"]
    assert [node["id"] for node in found] == ids
    assert [node["__typename"] for node in found] == [
        "Dispute", "CaseRecord", "HandlingEvent", "HandlingEvent", "Party", "Referral",
    ]  # fmt: skip
    strangers = ["", "dsp_x", "evt_", "xyz_1", "rec_620725_000009", "dsp", "évt_1"]
    assert (await door.data(query, ids=strangers))["nodes"] == [None] * len(strangers)
    assert (await door.data("query($id: ID!) { node(id: $id) { id } }", id=record))["node"] == {"id": record}
    assert await door.code(query, ids=["dsp_1"] * 101) == "BAD_USER_INPUT"


async def test_each_person_of_a_dispute_is_shown_once(door: Door) -> None:
    county = County()
    dispute = county.dispute(1)
    first = county.record(1, dispute, received_at=at(0))
    second = county.record(2, dispute, received_at=at(9), instance="hotline", system="hotline")
    county.party(1, first, name="张三", role="CALLER")
    county.party(2, first, name="李四", role="RESPONDENT", id_index="i4", id_mask="6222**********2345")
    county.party(3, first, name="", role="WITNESS")
    county.party(4, second, name="张三", role="APPLICANT", id_index="i3", phone_mask="138****0001")
    county.party(5, second, name="李思", role="RESPONDENT", id_index="i4")
    county.party(6, second, name="张三", role="WITNESS", id_index="i9")
    county.party(7, second, name="张三", type="ORGANISATION")
    county.party(8, second, name="", role="WITNESS")
    await county.write(door.store)
    query = """{ dispute(id: "dsp_620725_000001") {
      parties { id } records { parties { id } }
    } }"""
    found = (await door.data(query))["dispute"]
    assert [int(party["id"][-2:]) for party in found["parties"]] == [2, 3, 4, 6, 7, 8]
    assert [[int(p["id"][-2:]) for p in record["parties"]] for record in found["records"]] == [
        [1, 2, 3], [4, 5, 6, 7, 8],
    ]  # fmt: skip


async def test_a_sealed_number_never_leaves(door: Door) -> None:
    county = County()
    record = county.record(1, county.dispute(1))
    county.party(
        1, record, id_type="111", id_mask="6222**********2345", id_sealed=b"SEALED", id_index="INDEX",
        phone_mask="138****0001", phone_sealed=b"SEALED", address="清泉镇", birth_year=1980, region_code="620725101",
    )  # fmt: skip
    await county.write(door.store)
    query = """{ caseRecord(instance: "court", nativeId: "ajbs1") {
      parties { role type name idType idMask phoneMask addressText sex birthYear region { code name level } }
    } }"""
    assert (await door.data(query))["caseRecord"]["parties"] == [
        {
            "role": "APPLICANT", "type": "PERSON", "name": "张三", "idType": "111", "idMask": "6222**********2345",
            "phoneMask": "138****0001", "addressText": "清泉镇", "sex": "MALE", "birthYear": 1980,
            "region": {"code": "620725101", "name": None, "level": None},
        }
    ]  # fmt: skip


async def test_referrals_that_stand(door: Door) -> None:
    county = County()
    dispute = county.dispute(1)
    record = county.record(1, dispute)
    county.referral(2, record, outcome="AGREED", state="CONCLUDED", agreement_no="协1", termination_reason="AGREEMENT")
    county.referral(1, record)
    county.referral(3, record, is_live=False)
    county.referral(4, None, dispute_id=dispute, direction="OUT", from_code="620725190000", to_code="620725010000")
    county.put(
        tables.agencies, id="agy_1", code="620725190000", name="山丹县综治中心", kind="CENTER", level="COUNTY",
        region_code="620725",
    )  # fmt: skip
    await county.write(door.store)
    query = """{ dispute(id: "dsp_620725_000001") {
      referrals { id outcome agreementNo from { code } to { name kind } record { id } }
      records { referrals { id } }
    } }"""
    found = (await door.data(query))["dispute"]
    assert [int(one["id"][-1]) for one in found["referrals"]] == [1, 2, 4]
    assert found["referrals"][1] == {
        "id": "ref_620725_000002", "outcome": "AGREED", "agreementNo": "协1", "from": {"code": "620725010000"},
        "to": {"name": "山丹县综治中心", "kind": "CENTER"}, "record": {"id": record},
    }  # fmt: skip
    assert found["referrals"][2]["record"] is None
    assert [int(one["id"][-1]) for one in found["records"][0]["referrals"]] == [1, 2]


async def test_instants_money_and_links_as_promised(door: Door) -> None:
    county = County()
    dispute = county.dispute(1, amount_cny="12000.00", people_involved=2)
    county.record(1, dispute, amount_cny="0.10", link_method="RULE_1", link_confidence=0.9)
    county.record(2, None)
    await county.write(door.store)
    query = """{ dispute(id: "dsp_620725_000001") {
      amountCny peopleInvolved registeredAt closedAt category { code label en: label(locale: EN) }
      currentProcedure classification version holder { code name kind }
      records { amountCny link { method confidence evidence } dispute { id } }
    } caseRecord(instance: "court", nativeId: "ajbs2") { link { method } dispute { id } } }"""
    found = await door.data(query)
    assert found["dispute"]["registeredAt"] == "2024-03-01T01:01:00Z"
    assert found["dispute"]["amountCny"] == "12000.00"
    assert found["dispute"]["category"]["code"] == "0201"
    assert found["dispute"]["holder"] == {"code": "620725190000", "name": None, "kind": None}
    assert found["dispute"]["records"] == [
        {
            "amountCny": "0.10", "dispute": {"id": dispute},
            "link": {"method": "RULE_1", "confidence": 0.9, "evidence": {"rule": "1"}},
        }
    ]  # fmt: skip
    assert found["caseRecord"] == {"link": None, "dispute": None}
