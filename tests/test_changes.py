"""The public log as it is read: in order, from any place on, each entry once, and nothing of what is hidden."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from sqlalchemy import text

from hub.acts import Act
from hub.desk import Desk
from hub.errors import UserInputError
from hub.feed import Feed
from hub.link_acts import merge_disputes, unmerge_disputes
from hub.reading import changes
from hub.reading.changes import ChangeRow
from hub.sequencer import sequence_all
from hub.sight import EVERYTHING, Sight
from hub.store.engine import Store, open_store
from hub.store.tables import disputes
from hub.vocabulary import HandlingEventKind as K

from .databases import Database
from .graphql_rows import COUNTY, County, Door
from .hub_kit import deliver, diverted, open_desk, row

#: sees what is internal, of the whole county
STAFF = Sight(
    classifications=frozenset({"PUBLIC", "INTERNAL"}), regions=None, channels=None, only_with_part=False,
    only_own_records=False,
)  # fmt: skip
#: a court's system: of disputes it has a part in, and only its own records
COURT = Sight(
    classifications=frozenset({"PUBLIC", "INTERNAL"}), regions=None, channels=None, instances=("court",)
)  # fmt: skip


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = open_store(database.url)
    yield store
    await store.close()


async def all_of(store: Store, sight: Sight, after: int = 0, **limits: int) -> list[ChangeRow]:
    found: list[ChangeRow] = []
    while True:
        async with store.snapshot() as connection:
            page = await changes.page(connection, sight, after, **limits)
        found.extend(page.rows)
        assert page.position >= after
        after = page.position
        if not page.more:
            return found


async def test_every_entry_comes_once_in_order_whatever_the_pages(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, [row(f"a{n}", fwlsh="same" if n < 3 else f"F{n}") for n in range(9)])
        given = await sequence_all(desk)
        whole = await all_of(desk.store, EVERYTHING)
        assert [one.sequence for one in whole] == list(range(1, given + 1))
        assert {one.entry_kind for one in whole} == {"EVENT", "LINK"}
        assert all(one.record_ids and one.disputes for one in whole)
        for limits in ({"first": 1}, {"first": 2, "scan": 2}, {"scan": 3}):
            assert await all_of(desk.store, EVERYTHING, **limits) == whole
        assert await all_of(desk.store, EVERYTHING, after=given - 2) == whole[-2:]
        assert await all_of(desk.store, EVERYTHING, after=given) == []


async def test_what_is_hidden_is_passed_over_and_the_place_moves_on(store: Store) -> None:
    county = County()
    open_one = county.dispute(1)
    closed = county.dispute(2, classification="CONFIDENTIAL")
    ours, theirs = county.record(1, open_one), county.record(2, open_one, instance="police", system="police")
    hidden = county.record(3, closed, classification="CONFIDENTIAL")
    about = [
        {"record_id": ours}, {"record_id": theirs}, {"record_id": hidden}, {"dispute_id": open_one},
        {"dispute_id": closed}, {"dispute_id": open_one, "data": {"record": hidden, "to": closed}},
    ]  # fmt: skip
    for number, one in enumerate(about, start=1):
        county.event(number, K.ACCEPTED, sequence=number, **one)
    await county.write(store)
    seen = {name: await all_of(store, sight) for name, sight in
            {"all": EVERYTHING, "staff": STAFF, "court": COURT, "nobody": Sight()}.items()}  # fmt: skip
    assert [one.sequence for one in seen["all"]] == [1, 2, 3, 4, 5, 6]
    assert [one.sequence for one in seen["staff"]] == [1, 2, 4, 6]
    assert [one.sequence for one in seen["court"]] == [1, 4, 6]
    assert seen["nobody"] == []
    for one in (*seen["staff"], *seen["court"]):
        assert closed not in {dispute.id for dispute in one.disputes} and hidden not in one.record_ids
        # neither does a log line that shows the row as it is
        assert closed not in repr(one) and hidden not in repr(one)
    assert seen["all"][5].record_ids == (hidden,)
    async with store.snapshot() as connection:
        page = await changes.page(connection, Sight(), 0)
    assert (list(page.rows), page.position, page.more) == ([], 6, False)


async def test_a_link_is_told_where_both_its_records_are_seen(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, [row("a1", fwlsh="same"), row("a2", fwlsh="same")])
        await sequence_all(desk)
        (link,) = [one for one in await all_of(desk.store, EVERYTHING) if one.entry_kind == "LINK"]
        assert len(set(link.record_ids)) == 2 and len(link.disputes) == 1
        async with desk.store.write() as tx:
            await tx.execute(
                text("UPDATE case_records SET classification = 'CONFIDENTIAL' WHERE id = :id").bindparams(
                    id=link.record_ids[0]
                )
            )
        seen = await all_of(desk.store, STAFF)
        assert seen and not any(link.record_ids[0] in one.record_ids or one.entry_kind == "LINK" for one in seen)


async def test_a_correction_that_no_event_tells_is_told_all_the_same(database: Database) -> None:
    """A field that reads otherwise is no step of the matter, and whoever shows it must read it anew."""
    async with open_desk(database.url) as desk:
        await deliver(desk, [row("a1")])
        await sequence_all(desk)
        (first,) = await all_of(desk.store, EVERYTHING)
        at = iter(f"2024-03-{day:02} 09:00:00" for day in range(6, 20))
        for changed in ({"laaymc": "离婚纠纷"}, {"caseAmount": "99.00"}, {"dsr": []}, {"facts": "另述"}):
            await deliver(desk, [row("a1", gxsj=next(at), **changed)])
            await sequence_all(desk)
        told = await all_of(desk.store, EVERYTHING, after=first.sequence)
        assert [(one.entry_kind, one.event_kind) for one in told] == [("RECORD", None)] * 4
        assert {one.record_ids for one in told} == {first.record_ids} and all(one.disputes for one in told)
        # what says nothing new is told to nobody: the same again, an older version, a new stamp alone
        stands = await changes_head(desk.store)
        await deliver(desk, [row("a1", gxsj="2024-03-01 09:00:00", facts="旧"), row("a1", gxsj=next(at), facts="另述")])
        # a step and a correction in one version are one change
        await deliver(desk, [row("a1", gxsj=next(at), facts="再述", logs=[diverted()])])
        await sequence_all(desk)
        kinds = [one.entry_kind for one in await all_of(desk.store, EVERYTHING, after=stands)]
        assert "RECORD" not in kinds and "EVENT" in kinds


async def _two_disputes(desk: Desk) -> list[str]:
    await deliver(desk, [row("a1"), row("a2", fwlsh="F2", dsr=[])])
    await sequence_all(desk)
    async with desk.store.read() as connection:
        return list((await connection.execute(disputes.select().order_by(disputes.c.code))).scalars())


async def test_what_concerns_a_dispute_is_known_through_merging_and_un_merging(database: Database) -> None:
    async with open_desk(database.url) as desk:
        one, other = await _two_disputes(desk)
        before = await changes_head(desk.store)
        await merge_disputes(desk, (one, other), act=Act("operator"))
        await sequence_all(desk)
        merged = await all_of(desk.store, EVERYTHING, after=before)
        kinds = {row.event_kind for row in merged}
        assert {"LINKED", "MERGED"} <= kinds
        numbered = row("a2", fwlsh="F2", dsr=[], gxsj="2024-03-06 09:00:00", ah="(2024)甘0725民诉前调9号")
        await deliver(desk, [row("a1", ajzt="调解中", gxsj="2024-03-06 09:00:00"), numbered])
        middle = await changes_head(desk.store)
        await sequence_all(desk)
        later = await all_of(desk.store, EVERYTHING, after=middle)
        # one dispute now: whoever follows either hears of all of it, told under the one that goes on
        assert later and all({one, other} <= row.about for row in later)
        assert {dispute.id for row in later for dispute in row.disputes} in ({one}, {other})
        (shell,) = {one, other} - {dispute.id for row in later for dispute in row.disputes}
        await unmerge_disputes(desk, shell, act=Act("operator", reason="两件事"))
        await sequence_all(desk)
        parted = await changes_head(desk.store)
        await deliver(desk, [row("a1", ajzt="已结案", gxsj="2024-03-07 09:00:00", ah="(2024)甘0725民诉前调8号")])
        await sequence_all(desk)
        last = await all_of(desk.store, EVERYTHING, after=parted)
        assert last and len({row.about for row in last}) == 1 and len(last[0].about) == 1


async def changes_head(store: Store) -> int:
    async with store.read() as connection:
        return await changes.head(connection)


async def test_a_place_that_the_log_has_not_reached_is_refused(store: Store) -> None:
    for after in (-1, 1, 2**53 - 1):
        async with store.snapshot() as connection:
            with pytest.raises(UserInputError, match="no such place"):
                await changes.page(connection, EVERYTHING, after)


async def test_the_query_pages_through_the_log(store: Store) -> None:
    county = County()
    dispute = county.dispute(1)
    record = county.record(1, dispute)
    for number in range(1, 6):
        county.event(number, K.ACCEPTED, record_id=record, sequence=number, words="不外传")
    await county.write(store)
    door = Door(store)
    start = await door.data("{ changes { position hasMore entries { sequence } } }")
    assert start["changes"] == {"position": 5, "hasMore": False, "entries": []}
    query = """query($after: Long, $first: Int) { changes(after: $after, first: $first) { position hasMore
      entries { sequence kind eventKind at recordIds disputes { id code version } } } }"""
    page = (await door.data(query, after=0, first=2))["changes"]
    assert (page["position"], page["hasMore"]) == (2, True)
    assert page["entries"][0] == {
        "sequence": 1, "kind": "EVENT", "eventKind": "ACCEPTED", "at": "2024-03-01T01:00:00Z", "recordIds": [record],
        "disputes": [{"id": dispute, "code": f"JF{COUNTY}2024000001", "version": 1}],
    }  # fmt: skip
    rest = (await door.data(query, after=2.0))["changes"]
    assert ([one["sequence"] for one in rest["entries"]], rest["position"]) == ([3, 4, 5], 5)
    for impossible in ({"after": -1}, {"after": 6}, {"after": 0, "first": 0}, {"after": 0, "first": 101}):
        assert await door.code(query, **impossible) == "BAD_USER_INPUT"
    for wrong in ("1", True, 1.5, 2**53, [1]):
        assert await door.code(query, after=wrong) == "BAD_USER_INPUT"


async def test_many_pages_in_one_question_are_too_many(store: Store) -> None:
    fields = "{ entries { sequence kind at recordIds disputes { id code version } } }"
    pages = " ".join(f"a{n}: changes(after: 0, first: 100) {fields}" for n in range(30))
    assert await Door(store).code(f"{{ {pages} }}") == "QUERY_TOO_LARGE"


async def _follow(feed: Feed, sight: Sight, after: int, count: int) -> list[int]:
    found: list[int] = []
    async with aclosing(feed.follow(sight, after)) as pages:
        async for page in pages:
            found.extend(row.sequence for row in page.rows)
            if len(found) >= count:
                return found
    raise AssertionError("a feed never ends")


async def test_followers_see_the_log_grow_by_another_process(database: Database) -> None:
    async with open_desk(database.url) as writer, open_desk(database.url) as reader:
        feed = Feed(reader.store)
        await deliver(writer, [row(f"a{n}", fwlsh=f"F{n}", dsr=[]) for n in range(4)])
        given = await sequence_all(writer)

        async def write_on() -> None:
            for number in range(4):
                await asyncio.sleep(0.02)
                await deliver(writer, [row(f"b{number}", fwlsh=f"G{number}", dsr=[])])
                await sequence_all(writer)

        async with asyncio.timeout(20):
            whole = given * 2
            found, late, _ = await asyncio.gather(
                _follow(feed, EVERYTHING, 0, whole), _follow(feed, STAFF, given, whole - given), write_on()
            )
        assert found == list(range(1, whole + 1)) and late == list(range(given + 1, whole + 1))
        # nobody follows any more: nothing looks any more
        assert not feed._followers and feed._tail is None


async def test_those_who_stand_together_read_together(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    county = County()
    record = county.record(1, county.dispute(1))
    for number in range(1, 4):
        county.event(number, K.ACCEPTED, record_id=record, sequence=number)
    await county.write(store)
    read = []
    page_of = changes.page

    async def counted(connection: object, sight: Sight, after: int) -> changes.Changes:
        read.append((sight, after))
        return await page_of(connection, sight, after)  # type: ignore[arg-type]

    monkeypatch.setattr(changes, "page", counted)
    feed = Feed(store)
    followers = [_follow(feed, sight, 0, 3) for sight in (STAFF, COURT) for _ in range(100)]
    async with asyncio.timeout(20):
        assert await asyncio.gather(*followers) == [[1, 2, 3]] * 200
    assert len(read) <= 4 and {sight for sight, _ in read} == {STAFF, COURT}


async def test_a_follower_waits_for_a_database_that_is_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.feed._PAUSE_S", 0.05)
    told: list[BaseException] = []
    async with open_desk(database.url) as desk:
        feed = Feed(desk.store, told.append)
        await deliver(desk, [row("a1")])
        given = await sequence_all(desk)
        steady, read = desk.store.snapshot, desk.store.read

        def away() -> None:
            raise ConnectionRefusedError

        monkeypatch.setattr(desk.store, "snapshot", away)
        monkeypatch.setattr(desk.store, "read", away)
        following = asyncio.create_task(_follow(feed, EVERYTHING, 0, given))
        await asyncio.sleep(0.3)
        assert not following.done() and len(told) == 1
        monkeypatch.setattr(desk.store, "snapshot", steady)
        monkeypatch.setattr(desk.store, "read", read)
        async with asyncio.timeout(10):
            assert await following == list(range(1, given + 1))


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_who_is_cut_off_listens_anew(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection that listens is cut off: the follower listens anew and misses nothing."""
    monkeypatch.setattr("hub.feed._PAUSE_S", 0.05)
    async with open_desk(database.url) as desk:
        feed = Feed(desk.store)
        following = asyncio.create_task(_follow(feed, EVERYTHING, 0, 2))
        async with asyncio.timeout(20):
            while feed._wakeups is None:
                await asyncio.sleep(0.01)
            async with desk.store.write() as tx:
                await tx.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND query LIKE 'LISTEN%'"
                    )
                )
            await deliver(desk, [row("a1"), row("a2", fwlsh="F2", dsr=[])])
            await sequence_all(desk)
            assert (await following)[:2] == [1, 2]
