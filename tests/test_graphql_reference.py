"""Connectors, figures, regions, agencies and vocabularies through the door."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hub.store import tables
from hub.store.engine import open_store
from hub.vocabulary import ENUMERATIONS, DisputeState

from .databases import Database
from .graphql_rows import County, Door, at


@pytest.fixture
async def door(database: Database) -> AsyncIterator[Door]:
    store = open_store(database.url)
    yield Door(store)
    await store.close()


async def test_a_connector_as_the_operator_sees_it(door: Door) -> None:
    county = County()
    county.put(
        tables.connector_states, instance="court", product="court", last_success_at=at(5), consecutive_failures=2,
        last_error_kind="HTML_ANSWER", paused_at=at(6), next_run_at=at(9),
    )  # fmt: skip
    county.put(tables.connector_states, instance="hotline", product="hotline", next_run_at=at(9))
    for kind, minute in (("HTML_ANSWER", 3), ("TOKEN_EXPIRED", 4)):
        county.put(
            tables.connector_incidents, instance="court", kind=kind, hint="…", times=3, first_at=at(1),
            last_at=at(minute),
        )  # fmt: skip
    for number, state in ((1, "FAILED"), (2, "SUCCEEDED")):
        county.put(
            tables.sync_runs, id=f"run_{number}", instance="court", kind="PULL", state=state, started_at=at(number),
            pulled=number,
        )  # fmt: skip
        county.put(
            tables.reconciliations, id=f"rcn_{number}", instance="court", started_at=at(number), expected=2438,
            held=2430 + number,
        )  # fmt: skip
    county.put(tables.mapping_worklist, id="map_1", instance="court", table_name="ajlb", native_code="1")
    county.record(1, None)
    county.record(2, None, deleted_at_source=at(3))
    await county.write(door.store)
    query = """{ connectors {
      instance product lastSuccessAt consecutiveFailures lastErrorKind paused records quarantined mappingWorklist
      incidents { kind times } lastRun { state pulled } lastReconciliation { expected held } nextRunAt
    } }"""
    court, hotline = (await door.data(query))["connectors"]
    assert court == {
        "instance": "court", "product": "court", "lastSuccessAt": "2024-03-01T01:05:00Z", "consecutiveFailures": 2,
        "lastErrorKind": "HTML_ANSWER", "paused": True, "records": 1, "quarantined": 0, "mappingWorklist": 1,
        "incidents": [{"kind": "TOKEN_EXPIRED", "times": 3}, {"kind": "HTML_ANSWER", "times": 3}],
        "lastRun": {"state": "SUCCEEDED", "pulled": 2}, "lastReconciliation": {"expected": 2438, "held": 2432},
        "nextRunAt": None,
    }  # fmt: skip
    assert hotline["lastRun"] is None
    assert hotline["incidents"] == []
    assert hotline["nextRunAt"] == "2024-03-01T01:09:00Z"
    assert hotline["records"] == 0


async def test_a_figure_and_the_units_behind_it(door: Door) -> None:
    county = County()
    for number in range(5):
        dispute = county.dispute(number)
        record = county.record(number, dispute, unit_key=f"FW{number}", received_at=at(number))
        if number < 3:
            county.referral(number, record)
    await county.write(door.store)
    query = """query($after: String) {
      figures(ids: ["K1"], from: "2024-03-01", to: "2024-03-02", region: "620725") {
        id numerator denominator value unit from to region definitionVersion
        units(first: 2, after: $after) {
          totalCount pageInfo { hasNextPage hasPreviousPage endCursor }
          edges { cursor node { key inNumerator dispute { code } record { id } } }
        }
      }
    }"""
    keys, after, steps = [], None, []
    while True:
        (figure,) = (await door.data(query, after=after))["figures"]
        info = figure["units"]["pageInfo"]
        keys += [(edge["node"]["key"], edge["node"]["inNumerator"]) for edge in figure["units"]["edges"]]
        steps.append((info["hasPreviousPage"], info["hasNextPage"]))
        after = info["endCursor"]
        if not info["hasNextPage"]:
            break
    assert (figure["id"], figure["numerator"], figure["denominator"], figure["value"]) == ("K1", 3, 5, "60.0000")
    assert (figure["from"], figure["to"], figure["region"]) == ("2024-03-01", "2024-03-02", "620725")
    assert figure["units"]["totalCount"] == 5
    assert figure["units"]["edges"][0]["node"]["dispute"] == {"code": "JF6207252024000004"}
    assert keys == [(f"FW{number}", number < 3) for number in range(5)]
    assert steps == [(False, True), (True, True), (True, False)]
    empty = '{ figures(from: "2023-03-01", to: "2023-03-02") { value denominator } }'
    assert {figure["value"] for figure in (await door.data(empty))["figures"]} == {None}
    assert await door.code(query, after="AAAA") == "BAD_USER_INPUT"


async def test_regions_and_agencies(door: Door) -> None:
    county = County()
    county.put(tables.regions, code="620725", name="山丹县", level="COUNTY")
    county.put(tables.regions, code="620725101", name="清泉镇", level="TOWNSHIP", parent_code="620725")
    county.put(
        tables.agencies, id="agy_1", code="620725010000", name="山丹县人民法院", kind="COURT", region_code="620725"
    )
    await county.write(door.store)
    query = """{
      all: regions { code } below: regions(parent: "620725") { name parent { name } }
      towns: regions(level: TOWNSHIP) { code } none: regions(level: VILLAGE) { code }
      agencies { name kind region { name } } courts: agencies(kinds: [COURT]) { code }
      police: agencies(kinds: [POLICE]) { code }
    }"""
    assert await door.data(query) == {
        "all": [{"code": "620725"}, {"code": "620725101"}],
        "below": [{"name": "清泉镇", "parent": {"name": "山丹县"}}],
        "towns": [{"code": "620725101"}], "none": [],
        "agencies": [{"name": "山丹县人民法院", "kind": "COURT", "region": {"name": "山丹县"}}],
        "courts": [{"code": "620725010000"}], "police": [],
    }  # fmt: skip


async def test_vocabularies_label_every_code(door: Door) -> None:
    query = """query($names: [String!], $locale: Locale!) {
      vocabularies(names: $names, locale: $locale) { name entries { code label order parent } }
    }"""
    every = (await door.data(query, locale="ZH"))["vocabularies"]
    assert [one["name"] for one in every] == [*ENUMERATIONS, "Category", "Category24", "MediationType"]
    assert all(entry["label"] for one in every for entry in one["entries"])
    (states,) = (await door.data(query, names=["DisputeState"], locale="EN"))["vocabularies"]
    assert [entry["code"] for entry in states["entries"]] == [state.value for state in DisputeState]
    assert states["entries"][0] == {"code": "REGISTERED", "label": "Registered", "order": 0, "parent": None}
    (classes,) = (await door.data(query, names=["Category"], locale="ZH"))["vocabularies"]
    assert classes["entries"][1] == {"code": "0101", "label": "恋爱及婚姻", "order": 1, "parent": "01"}
    assert classes["entries"][-1]["code"] == "UNKNOWN"
    codes = {entry["code"] for entry in classes["entries"]}
    others = (await door.data(query, names=["Category24", "MediationType"], locale="ZH"))["vocabularies"]
    assert [len(one["entries"]) for one in others] == [24, 19]
    # every class of another list leads to one of ours
    assert {entry["parent"] for one in others for entry in one["entries"]} <= codes
