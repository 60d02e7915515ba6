"""What waits for somebody: what they can do something about and may see, the oldest first, gone with its reason."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import insert, update

from hub.principal import LOCAL, Principal, PrincipalKind
from hub.reading.tasks import ACTS
from hub.store import tables
from hub.store.engine import Store, open_store
from hub.vocabulary import TaskKind, county_tables
from schema.build import new_context
from schema.execution import Request
from schema.seen_by import runner_for

from .databases import Database
from .graphql_rows import COUNTY, County, at, desk_on

CENTRE, TOWN_HALL = "620725190000", "620725101990"
ASKED = """
query($kinds: [TaskKind!], $first: Int, $after: String) { tasks(kinds: $kinds, first: $first, after: $after) {
  totalCount pageInfo { endCursor hasNextPage } edges { node { kind since subject dispute { title } } }
} }
"""


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = open_store(database.url)
    yield store
    await store.close()


def who(role: str, **given: Any) -> Principal:
    return Principal(f"acc_{role}", PrincipalKind.STAFF, given.pop("name", "李明"), role, **given)


async def tasks(store: Store, principal: Principal, **variables: Any) -> Any:
    context = new_context(desk_on(store), county_tables(), principal)
    asked = ASKED if principal.role != "administrator" else ASKED.replace("dispute { title }", "")
    payload = (await runner_for(principal.role).run(Request(asked, variables), context)).payload
    assert "errors" not in payload, payload
    return payload["data"]["tasks"]


async def found(store: Store, principal: Principal, **variables: Any) -> list[tuple[str, str]]:
    edges = (await tasks(store, principal, first=100, **variables))["edges"]
    return [(edge["node"]["kind"], edge["node"]["subject"].rpartition("_")[2].lstrip("0")) for edge in edges]


async def a_county(store: Store) -> None:
    county = County()
    shown = county.dispute(1, assignee_name="李明", region_code="620725101001")
    hidden = county.dispute(2, classification="RESTRICTED", title="藏", assignee_name="李明")
    closed = county.dispute(3, state="CLOSED", assignee_name="李明")
    for number, dispute in ((10, shown), (20, hidden), (30, closed)):
        classification = "RESTRICTED" if dispute == hidden else "INTERNAL"
        record = county.record(number, dispute, classification=classification)
        county.referral(number, record, state="SENT", to_code=CENTRE)
        county.referral(number + 1, record, state="ACCEPTED", accepted_at=at(number + 5), to_code=CENTRE)
        county.referral(number + 2, record, state="RETURNED", to_code=CENTRE)
    # worked by hand by a township; one that a wire carries is the partner's own
    county.referral(50, None, dispute_id=shown, direction="OUT", state="SENT", to_code=TOWN_HALL, instance="")
    county.referral(51, None, dispute_id=shown, direction="OUT", state="SENT", to_code=TOWN_HALL, instance="police")
    county.record(40, county.dispute(4))
    await county.write(store)
    async with store.write() as tx:
        for number, to in ((60, 10), (61, 20)):
            await tx.execute(
                insert(tables.record_links).values(
                    id=f"lnk_{COUNTY}_{number:06}", county=COUNTY, from_record_id=f"rec_{COUNTY}_000040",
                    to_record_id=f"rec_{COUNTY}_{to:06}", kind="SAME_MATTER", state="SUGGESTED", method="PHONE",
                    confidence=0.5, evidence={}, decided_by="rule:3", decided_at=at(number),
                )
            )  # fmt: skip
        await tx.execute(
            insert(tables.mapping_worklist).values(
                id=f"map_{COUNTY}_000070", county=COUNTY, instance="court", table_name="state", native_code="9",
                first_seen_at=at(70), last_seen_at=at(71),
            )
        )  # fmt: skip
        await tx.execute(
            insert(tables.data_keys).values(
                id="key_1", county=COUNTY, instance="court", native_id="ajbs1", wrapped=b"", created_at=at(0)
            )
        )
        for number, state, dispute, referral in (
            (80, "DEAD", shown, 12), (81, "UNCERTAIN", hidden, 22), (82, "REFUSED", shown, 10),
            (83, "ACKED", shown, 10), (84, "REFUSED", shown, 11),
        ):  # fmt: skip
            await tx.execute(
                insert(tables.outbound_messages).values(
                    id=f"out_{COUNTY}_{number:06}", county=COUNTY, instance="court", lane="l", key=f"k{number}",
                    command="RETURN", dispute_id=dispute, referral_id=f"ref_{COUNTY}_{referral:06}", state=state,
                    data_key_id="key_1", content_hash="h", queued_at=at(number),
                )
            )  # fmt: skip


async def test_everybody_finds_what_they_can_do_something_about(store: Store) -> None:
    await a_county(store)
    centre = await found(store, who("centre_operator", agency=CENTRE))
    assert centre == [
        ("WORK_DISPUTE", "1"), ("ACCEPT_REFERRAL", "10"), ("CONCLUDE_REFERRAL", "11"), ("DECIDE_LINK", "60"),
        ("UNKNOWN_CODE", "70"), ("DEAD_MESSAGE", "80"), ("REFUSED_MESSAGE", "84"),
    ]  # fmt: skip
    town = who("township_operator", agency=TOWN_HALL, regions=("620725101",), name="王芳")
    assert await found(store, town) == [("ACCEPT_REFERRAL", "50")]
    # no row of a dispute, but every message: it keeps the outbox going
    administrator = await found(store, who("administrator"))
    assert administrator == [
        ("UNKNOWN_CODE", "70"), ("DEAD_MESSAGE", "80"), ("UNCERTAIN_MESSAGE", "81"), ("REFUSED_MESSAGE", "84"),
    ]  # fmt: skip
    everything = await found(store, LOCAL)
    assert {("ACCEPT_REFERRAL", "20"), ("UNCERTAIN_MESSAGE", "81"), ("DECIDE_LINK", "61")} <= set(everything)
    assert not {kind for kind, number in everything if number in ("30", "31", "51", "82")}


async def test_tasks_are_paged_by_age_and_chosen_by_kind(store: Store) -> None:
    await a_county(store)
    centre, seen, after = who("centre_operator", agency=CENTRE), [], None
    while True:
        page = await tasks(store, centre, first=2, after=after)
        seen += [edge["node"]["kind"] for edge in page["edges"]]
        assert page["totalCount"] == 7
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(seen) == 7
    assert await found(store, centre, kinds=["DECIDE_LINK", "QUARANTINED_ITEM"]) == [("DECIDE_LINK", "60")]
    # nothing of a kind that is not theirs
    assert await found(store, who("township_operator", regions=(COUNTY,)), kinds=["UNKNOWN_CODE"]) == []


async def test_a_task_is_gone_with_its_reason(store: Store) -> None:
    await a_county(store)
    centre = who("centre_operator", agency=CENTRE)
    async with store.write() as tx:
        await tx.execute(update(tables.referrals).values(state="RETURN_ACKED"))
        await tx.execute(update(tables.disputes).values(state="CLOSED"))
        await tx.execute(update(tables.record_links).values(state="REFUSED"))
    assert {kind for kind, _ in await found(store, centre)} == {"UNKNOWN_CODE", "DEAD_MESSAGE", "REFUSED_MESSAGE"}


def test_every_kind_has_an_act() -> None:
    assert set(ACTS) == set(TaskKind)
