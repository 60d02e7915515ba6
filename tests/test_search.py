"""One box: what leads to a record however it is written, and to nothing that is hidden or may not be read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import delete, event, select

from hub import search_terms
from hub.store import tables
from hub.store.engine import Store, open_store
from hub.store.migrations.versions import r0012_what_records_are_found_by as migration
from hub.store.terms import LAST, pairs, plain, title_terms, words

from .court_kit import court_hub
from .databases import Database
from .graphql_rows import COUNTY, County, Door

ASKED = """
query($text: String!, $first: Int) {
  search(text: $text, first: $first) { hasMore hits { matchedBy dispute { id } record { id } } }
}
"""


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = open_store(database.url)
    yield store
    await store.close()


def number_of(node: dict[str, str] | None) -> int | None:
    return None if node is None else int(node["id"].rpartition("_")[2])


async def hits(store: Store, text: str, first: int = 100) -> list[tuple[list[str], int | None, int | None]]:
    found = (await Door(store).data(ASKED, text=text, first=first))["search"]
    return [(hit["matchedBy"], number_of(hit["dispute"]), number_of(hit["record"])) for hit in found["hits"]]


async def a_county(store: Store) -> None:
    county = County()
    first, second = county.dispute(1, code="JF620725-2024-000001"), county.dispute(2, code="JF620725-2024-000002")
    r1 = county.record(11, first, title="张村邻里通行纠纷", native_no="（2024）甘0725民初12号", native_id="AJ-77")
    county.party(1, r1, name="欧阳娜娜")
    r2 = county.record(12, first, title="通行受阻求助", instance="police", native_no="JJD20240301")
    county.party(2, r2, name="欧阳 娜娜")
    r3 = county.record(21, second, title="邻居拆迁补偿纠纷(二次)", native_no="(2024)甘0725民初120号")
    county.party(3, r3, name="王**")
    county.record(31, None, title="咨询：拆迁怎么补偿", native_no="〔2023〕12")
    await county.write(store)


async def test_every_way_leads_there(store: Store) -> None:
    await a_county(store)
    assert await hits(store, "jf620725-2024-000002") == [(["CODE"], 2, None)]
    assert await hits(store, "ＡＪ－77") == [(["NUMBER"], 1, 11)]
    # a number is found by its beginning, and the shortest first is no promise: the latest is
    assert await hits(store, "(2024)甘0725民初12") == [(["NUMBER"], 2, 21), (["NUMBER"], 1, 11)]
    for spelling in (
        "（2024）甘0725民初12号",
        "(2024)甘0725民初12号",
        "〔2024〕甘０７２５民初１２号",
        "[2024] 甘0725民初12号",
    ):
        assert await hits(store, spelling) == [(["NUMBER"], 1, 11)], spelling
    assert await hits(store, "【2023】12") == [(["NUMBER"], None, 31)]
    # several records of one dispute are one hit, with the latest of them
    assert await hits(store, "欧阳娜娜") == [(["NAME"], 1, 12)]
    assert await hits(store, "欧阳") == [(["NAME"], 1, 12)]
    assert await hits(store, "王*") == []
    assert await hits(store, "通行") == [(["TITLE"], 1, 12)]
    assert await hits(store, "拆迁") == [(["TITLE"], None, 31), (["TITLE"], 2, 21)]
    assert await hits(store, "拆迁 纠纷") == [(["TITLE"], 2, 21)]
    assert await hits(store, "邻里通行纠纷") == [(["TITLE"], 1, 11)]
    # every pair of it stands there, itself does not
    assert await hits(store, "邻里通行邻里") == []
    # a single character beside a word: one that ends a word, and one that begins a pair
    assert await hits(store, "拆迁 次") == await hits(store, "拆迁 邻") == [(["TITLE"], 2, 21)]
    assert await hits(store, "不存在的词") == await hits(store, "100% '; --") == []


async def test_a_text_that_says_too_little_is_refused(store: Store) -> None:
    door = Door(store)
    for text in ("", " ", "王", "（", "x" * 201):
        assert await door.code(ASKED, text=text) == "BAD_USER_INPUT", text
    assert await door.code(ASKED, text="王芳", first=101) == "BAD_USER_INPUT"
    # whatever characters: a question, not a failure
    for text in ("%%", "__", "\x00\x01", "👍👍", LAST * 2, "t" * 200, "(((("):
        answer = await door.ask(ASKED, text=text)
        assert "errors" not in answer or answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT", text


async def test_more_is_told(store: Store) -> None:
    county = County()
    for number in range(30):
        county.record(number, county.dispute(number), title="通行纠纷")
    await county.write(store)
    for first, more in ((0, True), (29, True), (30, False)):
        found = (await Door(store).data(ASKED, text="通行", first=first))["search"]
        assert (len(found["hits"]), found["hasMore"]) == (first, more)


async def test_an_index_leads_there(store: Store, database: Database) -> None:
    """No way looks through the table: a county of a hundred thousand records is searched like a small one."""
    await a_county(store)
    statements: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if "search_terms" in statement:
            statements.append(statement)

    event.listen(store.engine.sync_engine, "before_cursor_execute", note)
    await hits(store, "拆迁 补偿纠纷")
    event.remove(store.engine.sync_engine, "before_cursor_execute", note)
    assert len(statements) == 2
    if not database.url.startswith("sqlite"):
        return
    async with store.read() as connection:
        for statement in statements:
            marks = statement.count("?")
            plan = (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", ("t",) * marks)).all()
            steps = [row[3] for row in plan if "search_terms" in row[3]]
            assert steps and all(step.startswith("SEARCH") for step in steps), steps


async def terms_of(store: Store) -> dict[str, set[str]]:
    c, found = tables.search_terms.c, {}
    async with store.read() as connection:
        for row in await connection.execute(select(c.record_id, c.term)):
            found.setdefault(row.record_id, set()).add(row.term)
    return found


async def test_intake_keeps_terms_as_the_migration_would_make_them(database: Database) -> None:
    async with court_hub(database.url, scale=0.02) as hub:
        await hub.pull()
        for step in range(3):
            await hub.control("edit", count=15, seed=f"terms/{step}")
            await hub.control("advance", seconds=3600 * 20)
            await hub.pull()
        kept = await terms_of(hub.desk.store)
        async with hub.desk.store.write() as tx:
            await tx.execute(delete(tables.search_terms))
            await tx.run_sync(migration._fill)
        assert await terms_of(hub.desk.store) == kept
        assert len(kept) > 50 and min(len(terms) for terms in kept.values()) > 5


async def test_terms_can_be_taken_away(store: Store) -> None:
    await a_county(store)
    gone = f"rec_{COUNTY}_000011"
    async with store.write() as tx:
        await search_terms.forget(tx, [gone])
    assert gone not in await terms_of(store) and len(await terms_of(store)) == 3


async def test_changed_terms_take_the_place_of_the_old(store: Store) -> None:
    await a_county(store)
    record = f"rec_{COUNTY}_000011"
    before = (await terms_of(store))[record]
    names = {term for term in before if term.startswith("p")}
    async with store.write() as tx:
        await search_terms.note(tx, COUNTY, [search_terms.Found(record, False, title_terms("水库"), None)])
    # its parties were not told anew
    assert (await terms_of(store))[record] == {"t水库", "t库"} | names
    async with store.write() as tx:
        await search_terms.note(tx, COUNTY, [search_terms.Found(record, False, None, {"p李四"})])
    assert (await terms_of(store))[record] == {"t水库", "t库", "p李四"}


def test_a_text_becomes_terms() -> None:
    assert plain("（２０２４） 甘0725〔民〕ABC") == "(2024)甘0725(民)abc"
    assert words("张三、李四（二次）ABC-1") == ["张三", "李四", "二次", "abc", "1"]
    assert pairs("通行权") == ["通行", "行权"] and pairs("权") == []
    assert title_terms("通行。权") == {"t通行", "t行", "t权"}
