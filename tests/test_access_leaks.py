"""What once told of hidden matters, each by its name: a sentence and a figure."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.desk import Desk
from hub.principal import Principal, PrincipalKind
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


async def ask(desk: Desk, document: str, **variables: Any) -> Any:
    context = new_context(desk, county_tables(), CENTRE)
    return (await runner_for(CENTRE.role).run(Request(document, variables), context)).payload


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
