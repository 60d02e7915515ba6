"""What is told as it happens keeps to the policy: principal by principal, exactly what plain rules let them see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from hub.desk import Desk
from hub.feed import Feed
from hub.store.engine import open_store
from hub.vocabulary import county_tables
from schema.build import new_context
from schema.execution import Refused, Request
from schema.seen_by import runner_for

from .access_kit import CANARY, Eyes, everybody, plan, write
from .access_live import Entry, end_of_log, entries, plainly
from .databases import Database
from .graphql_rows import desk_on

PLAN = plan()
EYES = everybody(PLAN)
#: the log's last entry
END = end_of_log(PLAN)
#: an id that nothing in the county has
NOBODY = "dsp_620725_000099"
FIELDS = "{ sequence kind eventKind at recordIds disputes { id code version } }"


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    store = open_store(database.url)
    desk = desk_on(store)
    await write(desk, PLAN)
    yield desk
    await store.close()


async def told_by(desk: Desk, eyes: Eyes, document: str) -> list[Entry]:
    """What a subscription tells from the log's beginning to its end."""
    context = new_context(desk, county_tables(), eyes.principal, Feed(desk.store))
    found = []
    async with aclosing(await runner_for(eyes.role).subscribe(Request(document, {}), context)) as steps:
        async for told in steps:
            assert not CANARY.search(str(told.payload))
            if told.payload is not None:
                (change,) = told.payload["data"].values()
                found.append(plainly(change))
            if told.position == END:
                return found
    raise AssertionError("a subscription never ends")


async def test_everybody_is_told_exactly_what_they_may_see(desk: Desk) -> None:
    for eyes in EYES:
        document = f"subscription {{ changes(after: 0) {FIELDS} }}"
        if eyes.role == "administrator":
            with pytest.raises(Refused):
                await told_by(desk, eyes, document)
            continue
        assert await told_by(desk, eyes, document) == entries(eyes), eyes.principal
        context = new_context(desk, county_tables(), eyes.principal)
        query = Request(f"{{ changes(after: 0, first: 100) {{ position entries {FIELDS} }} }}", {})
        page = (await runner_for(eyes.role).run(query, context)).payload["data"]["changes"]
        assert [plainly(one) for one in page["entries"]] == entries(eyes)[:100]
        assert page["position"] == (END if len(entries(eyes)) <= 100 else entries(eyes)[99][0])


async def test_a_dispute_is_followed_by_whoever_may_see_it(desk: Desk) -> None:
    for eyes in (one for one in EYES if one.role != "administrator"):
        refusals = []
        for number in (*PLAN.cases, 99):
            id = PLAN.cases[number].id if number in PLAN.cases else NOBODY
            name = f'id: "{id}"' if number % 2 else f'code: "JF620725-2024-{number:06}"'
            document = f"subscription {{ disputeChanged({name}, after: 0) {FIELDS} }}"
            if number in PLAN.cases and eyes.sees_dispute(number):
                assert await told_by(desk, eyes, document) == entries(eyes, number), (eyes.principal, number)
                continue
            with pytest.raises(Refused) as refused:
                await told_by(desk, eyes, document)
            refusals.append(refused.value.payload)
        # a hidden one is as little there as one that does not exist, the last of these
        assert all(one == refusals[-1] for one in refusals), eyes.principal
