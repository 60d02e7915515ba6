"""Who looks is written down: reads within a second, files and lists before they are given; else nothing is shown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from sqlalchemy import select
from starlette.requests import HTTPConnection
from structlog.testing import capture_logs

from app.web import create_app
from hub.access_log import AccessLog, Look, Subjects, log_first
from hub.desk import Desk
from hub.errors import ConfigurationError, UnloggedError
from hub.principal import LOCAL, Principal, PrincipalKind
from hub.store import tables
from hub.store.engine import open_store
from hub.vocabulary import AccessKind, county_tables

from .access_kit import Through, everybody, plan, write
from .access_log_kit import no_log
from .cli_kit import Run
from .databases import Database
from .graphql_rows import COUNTY, County, desk_on

CLERK = Principal("acc_1", PrincipalKind.STAFF, "李明", "centre_operator")
AUDITOR = Principal("acc_2", PrincipalKind.STAFF, "赵审", "auditor")
NUMBER, MOBILE = "620725199003074518", "13893612345"
LIST = "query List($text: String) { disputes(filter: { text: $text }) { edges { node { title parties { name } } } } }"


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    store = open_store(database.url)
    yield desk_on(store)
    await store.close()


@asynccontextmanager
async def door(desk: Desk, log: AccessLog, principal: Principal = CLERK) -> AsyncIterator[httpx2.AsyncClient]:
    async def authenticate(_: HTTPConnection) -> Principal:
        return principal

    app = create_app(desk, county_tables, authenticate=authenticate, access_log=log)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1") as client:
        yield client
    await log.close()


async def ask(client: httpx2.AsyncClient, query: str, **variables: Any) -> httpx2.Response:
    return await client.post("/graphql", json={"query": query, "variables": variables})


async def entries(desk: Desk) -> list[Any]:
    async with desk.store.read() as connection:
        return list((await connection.execute(select(tables.access_log).order_by(tables.access_log.c.id))).all())


async def two_disputes(desk: Desk) -> None:
    county = County()
    for number in (1, 2):
        record = county.record(number, county.dispute(number, title=f"纠纷{number}"))
        county.party(number, record, name="张三")
    await county.write(desk.store)


async def test_a_read_is_written_within_a_second_with_what_it_showed(desk: Desk) -> None:
    await two_disputes(desk)
    log = AccessLog(desk)
    async with door(desk, log) as client:
        answer = await ask(client, LIST, text="纠纷1")
        assert answer.json()["data"]["disputes"]["edges"][0]["node"]["title"] == "纠纷1"
        # what cannot run has shown nothing
        assert "errors" in (await ask(client, "{ nothing }")).json()
        await asyncio.sleep(1)
        (one,) = await entries(desk)
    assert (one.principal_id, one.principal_name, one.role, one.kind) == ("acc_1", "李明", "centre_operator", "READ")
    assert (one.operation, one.purpose, one.subject_count) == ("List", "", 2)
    assert one.subject_ids == f" dsp_{COUNTY}_000001 pty_{COUNTY}_000001 "


async def test_many_reads_are_one_transaction_and_equal_documents_are_equal(desk: Desk) -> None:
    await two_disputes(desk)
    log = AccessLog(desk, flush_s=60)
    async with door(desk, log) as client:
        for number in range(20):
            await ask(client, LIST, text=f"纠纷{number}")
        await ask(client, '{ node(id: "dsp_620725_000001") { id } }')
        assert (log.waiting, await entries(desk)) == (21, [])
        # going down writes what waits
        await log.close()
        found = await entries(desk)
    assert [one.operation for one in found] == ["List"] * 20 + [""]
    assert len({one.document_hash for one in found}) == 2
    assert found[-1].subject_ids.split() == [f"dsp_{COUNTY}_000001"]


async def test_a_full_queue_refuses_reads_before_they_run(desk: Desk) -> None:
    log = AccessLog(desk, limit=2, flush_s=60)
    async with door(desk, log) as client:
        # a refusal gives its place back
        for query in ("{ disputes { totalCount } }", "{ disputes(first: -1) { totalCount } }", "{ nothing }"):
            await ask(client, query)
        refused = await ask(client, "{ disputes { totalCount } }")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert refused.json()["errors"][0]["extensions"]["code"] == "ACCESS_LOG_UNAVAILABLE"
        assert "data" not in refused.json()
        metrics = (await client.get("/metrics")).text
        assert "hub_access_log_waiting 2.0" in metrics and "hub_access_log_refused 1.0" in metrics
        await log.close()
        assert (await ask(client, "{ disputes { totalCount } }")).status_code == 200


async def test_a_log_that_cannot_be_written_refuses_reads_until_it_can(desk: Desk) -> None:
    told: list[BaseException] = []
    log = AccessLog(desk, told.append, flush_s=0.01, pause_s=0.01)
    async with door(desk, log) as client:
        async with no_log(desk):
            assert (await ask(client, "{ disputes { totalCount } }")).status_code == 200
            await _until(lambda: bool(told))
            for _ in range(3):
                assert (await ask(client, "{ disputes { totalCount } }")).status_code == 503
                await asyncio.sleep(0.02)
        await _until(lambda: log.waiting == 0)
        assert (await ask(client, "{ disputes { totalCount } }")).status_code == 200
        await log.close()
        # the read that was shown is there after all, and the cause was told once
        assert (len(await entries(desk)), len(told)) == (2, 1)


async def test_a_log_that_stands_still_is_no_log(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.access_log.LATE_S", 0.2)
    log, goes_on = AccessLog(desk, flush_s=0.01), asyncio.Event()

    async def stands_still(_: object) -> None:
        await goes_on.wait()

    async with door(desk, log) as client:
        desk.store.before_write = stands_still
        assert (await ask(client, "{ disputes { totalCount } }")).status_code == 200
        await asyncio.sleep(0.3)
        assert (await ask(client, "{ disputes { totalCount } }")).status_code == 503
        goes_on.set()
        await _until(lambda: log.waiting == 0)
        assert (await ask(client, "{ disputes { totalCount } }")).status_code == 200


async def test_what_was_read_and_then_not_answered_is_written_too(desk: Desk) -> None:
    county = County()
    for number in range(1, 101):
        county.record(number, county.dispute(number, title="甲"))
    await county.write(desk.store)
    log = AccessLog(desk, flush_s=60)
    async with door(desk, log) as client:
        fields = " ".join(f"a{number}: code" for number in range(90))
        answer = await ask(client, f"{{ disputes(first: 100) {{ edges {{ node {{ {fields} }} }} }} }}")
        assert answer.json()["errors"][0]["extensions"]["code"] == "QUERY_TOO_LARGE"
        assert log.waiting == 1
        await log.close()
    (one,) = await entries(desk)
    assert one.subject_count > 50


async def test_no_crowd_and_no_cursor_hides_what_was_looked_at(desk: Desk) -> None:
    county = County()
    for number in range(1, 121):
        county.record(number, county.dispute(number, title="甲"))
    await county.write(desk.store)
    log, target = AccessLog(desk, flush_s=60), f"dsp_{COUNTY}_000001"
    async with door(desk, log) as client:
        await ask(
            client, f'{{ x: disputes(first: 100) {{ edges {{ node {{ id }} }} }} y: node(id: "{target}") {{ id }} }}'
        )
        await ask(client, "query($n: Int) { disputes(last: $n) { edges { cursor } } }", n=1)
        await ask(client, '{ search(text: "ajbs111") { hits { matchedBy } } }')
        await log.close()
    crowd, cursor, hits = await entries(desk)
    assert target in crowd.subject_ids and target in cursor.subject_ids
    assert hits.subject_ids.split() == [f"dsp_{COUNTY}_000111", f"rec_{COUNTY}_000111"]
    assert cursor.searched and cursor.searched != crowd.searched and not hits.searched


async def test_a_machine_that_lacks_the_new_master_key_shows_nothing_until_it_has_it(desk: Desk) -> None:
    async def lacks(_: object) -> None:
        raise ConfigurationError("the database is sealed with a key that is not here")

    log = AccessLog(desk, flush_s=0.01, pause_s=0.01)
    async with door(desk, log) as client:
        desk.store.before_write = lacks
        assert (await ask(client, "{ disputes { totalCount } }")).status_code == 200
        await _until(lambda: log.is_failing)
        assert (await ask(client, "{ disputes { totalCount } }")).status_code == 503
        with pytest.raises(UnloggedError):
            await log_first(desk, Look(CLERK, AccessKind.FILE))
        desk.store.before_write = None
        await _until(lambda: log.waiting == 0)
        assert (await ask(client, "{ disputes { totalCount } }")).status_code == 200


async def _until(is_so: Any) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.01)


async def test_files_and_lists_are_logged_before_they_are_given_or_not_given(desk: Desk) -> None:
    made = plan()
    await write(desk, made)
    file = f"/files/att_{COUNTY}_{made.matters[0].number:06}"
    async with door(desk, AccessLog(desk)) as client:
        async with no_log(desk):
            for address in (file, "/export/disputes.csv"):
                refused = await client.get(address)
                assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
                assert refused.json()["errors"][0]["extensions"] == {"code": "ACCESS_LOG_UNAVAILABLE"}
                assert "zq" not in refused.text
        for address, kind in ((file, "FILE"), ("/export/disputes.csv?filter=" + json.dumps({"text": "zq"}), "EXPORT")):
            answer = await client.get(address)
            assert answer.status_code == 200
            assert len([one for one in await entries(desk) if one.kind == kind]) == 1, kind
        by_kind = {one.kind: one for one in await entries(desk)}
        file_look, export = by_kind["FILE"], by_kind["EXPORT"]
        assert file_look.subject_ids.split() == [f"rec_{COUNTY}_{made.matters[0].number:06}", file.split("/")[-1]]
        assert export.subject_count == int(answer.headers["hub-rows"]) > 0 and export.searched
        # whoever may not have it has not looked
        assert (await client.get(f"/files/att_{COUNTY}_999999")).status_code == 404
        assert len([one for one in await entries(desk) if one.kind == "FILE"]) == 1


async def test_no_number_that_somebody_asks_about_is_kept(desk: Desk) -> None:
    await two_disputes(desk)
    with capture_logs() as lines:
        async with door(desk, AccessLog(desk)) as client:
            await ask(client, LIST, text=NUMBER)
            await ask(client, f'query q{MOBILE} {{ search(text: "{NUMBER}") {{ hasMore }} }}')
            await ask(client, f'{{ caseRecord(instance: "court", nativeId: "{MOBILE}") {{ id }} }}')
            await client.get("/export/disputes.csv", params={"filter": json.dumps({"text": MOBILE})})
    found = await entries(desk)
    assert len(found) == 5
    assert NUMBER not in repr((found, lines)) and MOBILE not in repr((found, lines))


async def test_an_auditor_reads_the_log_and_nobody_else_has_it(desk: Desk) -> None:
    made = plan()
    await write(desk, made)
    for number in range(30):
        await log_first(desk, Look(CLERK, AccessKind.READ, Subjects([f"dsp_{COUNTY}_{number:06}"])))
    await log_first(desk, Look(LOCAL, AccessKind.FILE, Subjects(["att_1"])))
    query = (
        "query($f: AccessLogFilter, $a: String) { accessLog(filter: $f, first: 20, after: $a) { totalCount "
        "pageInfo { endCursor hasNextPage } edges { node { at principalName kind subjectIds subjectCount } } } }"
    )
    async with door(desk, AccessLog(desk, flush_s=60), AUDITOR) as client:
        page = (await ask(client, query)).json()["data"]["accessLog"]
        assert (page["totalCount"], page["edges"][0]["node"]["kind"]) == (31, "FILE")
        rest = (await ask(client, query, a=page["pageInfo"]["endCursor"])).json()["data"]["accessLog"]
        subjects = [one["node"]["subjectIds"] for one in (page["edges"] + rest["edges"])[1:]]
        assert subjects == [[f"dsp_{COUNTY}_{number:06}"] for number in reversed(range(30))]
        for wanted, count in (
            ({"kinds": ["FILE"]}, 1), ({"principals": ["acc_1"]}, 30), ({"subject": f"dsp_{COUNTY}_000007"}, 1),
            ({"subject": "dsp_620725_0000"}, 0), ({"days": {"to": "2024-01-01"}}, 0), ({"purposes": ["INTAKE"]}, 0),
        ):  # fmt: skip
            answer = (await ask(client, query, f=wanted)).json()
            assert answer["data"]["accessLog"]["totalCount"] == count, wanted
    for eyes in everybody(made):
        answer = await Through(desk, eyes).ask("{ accessLog { totalCount } }")
        assert ("errors" in answer.json()) == (eyes.role != "auditor"), eyes.role


async def test_subjects_are_named_in_order_and_counted_whole() -> None:
    found = Subjects([f"evt_{number}" for number in range(9_000)])
    for id in ("pty_1", "rec_1", "dsp_2", "dsp_1", "dsp_2", "acc_1", "620725", "dsp"):
        found.add(id)
    assert len(found) == 9_004 and len(found.first()) == 8_000
    assert found.first()[:5] == ["dsp_2", "dsp_1", "rec_1", "pty_1", "evt_0"]


def test_the_command_line_shows_who_looked(run: Run) -> None:
    assert run("migrate").code == 0
    assert run("access", "log").out == "nobody looked\n"
    assert run("access", "log", "--kind", "look").code == 2
    assert run("access", "log", "--json", "--kind", "read", "--from", "2024-01-01", "--subject", "dsp_1").json == []
