"""One history over all agencies: current facts only, in one order, ours in codes and theirs in words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.store import tables
from hub.store.engine import open_store
from hub.vocabulary import HandlingEventKind as Kind

from .databases import Database
from .graphql_rows import County, Door, at

HISTORY = """
query($kinds: [HandlingEventKind!]) { dispute(id: "dsp_620725_000001") {
  history(kinds: $kinds, first: 100) { totalCount edges { node { id } } }
  records { id history(kinds: $kinds) { totalCount edges { node { id } } } }
} }
"""


@pytest.fixture
async def door(database: Database) -> AsyncIterator[Door]:
    store = open_store(database.url)
    yield Door(store)
    await store.close()


def ids_of(connection: Any) -> list[str]:
    assert connection["totalCount"] == len(connection["edges"])
    return [edge["node"]["id"] for edge in connection["edges"]]


async def test_events_of_all_records_and_own_acts_stand_in_one_order(door: Door) -> None:
    county = County()
    dispute = county.dispute(1)
    court = county.record(1, dispute)
    hotline = county.record(2, dispute, instance="hotline", system="hotline")
    stranger = county.record(3, county.dispute(2))
    # written in another order than they happened
    in_order = [
        county.event(9, Kind.CLOSED, record_id=court, occurred_at=at(0)),
        county.event(8, Kind.REGISTERED, record_id=hotline, occurred_at=at(1), position=0),
        county.event(7, Kind.REGISTERED, record_id=court, occurred_at=at(1), position=1),
        county.event(6, Kind.ACCEPTED, record_id=hotline, occurred_at=at(1), position=1),
        county.event(5, Kind.ACCEPTED, record_id=court, occurred_at=at(1), position=1, source_event_id="f"),
        county.event(4, Kind.LINKED, dispute_id=dispute, occurred_at=at(2), source="hub"),
        county.event(3, Kind.REFERRED, record_id=court, occurred_at=at(3), source_event_id="Z"),
        county.event(2, Kind.REFERRED, record_id=court, occurred_at=at(3), source_event_id="a"),
    ]
    county.event(1, Kind.CLOSED, record_id=stranger)
    county.event(11, Kind.CLOSED, dispute_id="dsp_620725_000002")
    await county.write(door.store)
    found = (await door.data(HISTORY))["dispute"]
    assert ids_of(found["history"]) == in_order
    of_court = [in_order[place] for place in (0, 2, 4, 6, 7)]
    assert ids_of(found["records"][0]["history"]) == of_court
    assert ids_of(found["records"][1]["history"]) == [in_order[1], in_order[3]]


async def test_superseded_and_retracted_facts_are_hidden(door: Door) -> None:
    county = County()
    dispute = county.dispute(1)
    record = county.record(1, dispute)
    old = county.event(1, Kind.ACCEPTED, record_id=record, is_current=False, source_event_id="a")
    new = county.event(2, Kind.ACCEPTED, record_id=record, operation="SUPERSEDE", previous_id=old, source_event_id="a")
    gone = county.event(3, Kind.CLOSED, record_id=record, is_current=False, source_event_id="b")
    county.event(4, Kind.CLOSED, record_id=record, operation="RETRACT", previous_id=gone, source_event_id="b")
    warned = county.event(5, Kind.CONFLICTING_RESULTS, dispute_id=dispute)
    undone = county.event(6, Kind.CONFLICTING_RESULTS, dispute_id=dispute, operation="RETRACT", previous_id=warned)
    stays = county.event(7, Kind.LINKED, dispute_id=dispute)
    await county.write(door.store)
    found = (await door.data(HISTORY))["dispute"]
    assert ids_of(found["history"]) == [new, stays]
    assert ids_of(found["records"][0]["history"]) == [new]
    nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert (await door.data(nodes, ids=[old, gone, warned, undone]))["nodes"] == [None] * 4


async def test_a_history_shows_only_the_kinds_asked_for(door: Door) -> None:
    county = County()
    dispute = county.dispute(1)
    record = county.record(1, dispute)
    one = county.event(1, Kind.REGISTERED, record_id=record)
    county.event(2, Kind.ACCEPTED, record_id=record)
    three = county.event(3, Kind.LINKED, dispute_id=dispute)
    await county.write(door.store)
    found = (await door.data(HISTORY, kinds=["LINKED", "REGISTERED"]))["dispute"]
    assert ids_of(found["history"]) == [one, three]
    assert ids_of(found["records"][0]["history"]) == [one]
    assert ids_of((await door.data(HISTORY, kinds=[]))["dispute"]["history"]) == []


async def test_an_event_tells_everything_it_knows(door: Door) -> None:
    county = County()
    dispute = county.dispute(1)
    record = county.record(1, dispute)
    county.put(
        tables.agencies, id="agy_1", code="620725190000", name="山丹县综治中心", kind="CENTER", region_code="620725"
    )
    county.put(tables.regions, code="620725", name="山丹县", level="COUNTY")
    referral = county.referral(1, record, source_event_id="80@1")
    county.event(
        1, Kind.REFERRED, record_id=record, source_event_id="80@1", words="无争议", sequence=7,
        actor_code="620725190000", to_state="TRANSFERRED", data={"org": "620725190000", "mode": "委派", "by": "王法官"},
    )  # fmt: skip
    county.event(2, Kind.RESULT_RECORDED, record_id=record, words="", data={"tjjg": "1", "tjxybh": "(2024)山综调001"})
    await county.write(door.store)
    query = """{ dispute(id: "dsp_620725_000001") { history { edges { node {
      kind occurredAt recordedAt fromState toState text words source sequence
      actor { code name kind region { name parent { name } } } record { id } referral { id }
    } } } } }"""
    first, second = (edge["node"] for edge in (await door.data(query))["dispute"]["history"]["edges"])
    assert first == {
        "kind": "REFERRED", "occurredAt": "2024-03-01T01:01:00Z", "recordedAt": "2024-03-01T01:02:00Z",
        "fromState": None, "toState": "TRANSFERRED", "text": "移送：移交单位 山丹县综治中心，方式委派",
        "words": "无争议",
        "source": "court", "sequence": 7,
        "actor": {
            "code": "620725190000", "name": "山丹县综治中心", "kind": "CENTER",
            "region": {"name": "山丹县", "parent": None},
        },
        "record": {"id": record}, "referral": {"id": referral},
    }  # fmt: skip
    assert second["sequence"] is None
    assert second["words"] is None
    assert second["actor"] is None
    assert second["referral"] is None
    assert second["text"] == "登记调解结果：达成协议，协议书编号 (2024)山综调001"


async def test_an_act_of_the_hub_leads_to_the_record_it_is_about(door: Door) -> None:
    county = County()
    dispute = county.dispute(1)
    record = county.record(1, dispute)
    county.event(1, Kind.LINKED, dispute_id=dispute, source="hub", data={"record": record})
    county.event(2, Kind.MERGED, dispute_id=dispute, source="hub", data={"into": county.dispute(9)})
    await county.write(door.store)
    query = """{ dispute(id: "dsp_620725_000001") { history { edges { node { text source record { id } } } } } }"""
    linked, merged = (edge["node"] for edge in (await door.data(query))["dispute"]["history"]["edges"])
    assert linked == {"text": "关联来源记录", "source": "hub", "record": {"id": record}}
    assert merged == {"text": "并案：并入纠纷 dsp_620725_000009", "source": "hub", "record": None}
