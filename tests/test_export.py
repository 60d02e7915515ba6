"""A list as a file: what the list shows and nothing else, as text that nothing runs, bounded, logged, never half."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import openpyxl
import pytest
from starlette.requests import HTTPConnection
from structlog.testing import capture_logs

from app import export_http
from app.export_lines import harmless
from app.web import create_app
from hub.desk import Desk
from hub.principal import LOCAL, Principal, PrincipalKind
from hub.store.engine import open_store
from hub.vocabulary import county_tables
from schema.execution import Answer

from .access_kit import CANARY, Through, everybody, plan, write
from .databases import Database
from .graphql_rows import County, desk_on

PLAN = plan()
EYES = everybody(PLAN)


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    store = open_store(database.url)
    yield desk_on(store)
    await store.close()


def client(desk: Desk, principal: Principal | None = LOCAL, **options: Any) -> httpx2.AsyncClient:
    async def authenticate(_: HTTPConnection) -> Principal | None:
        return principal

    app = create_app(desk, county_tables, authenticate=authenticate, **options)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1")


def read(answer: httpx2.Response) -> list[list[str]]:
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


async def a_county(desk: Desk, size: int) -> None:
    county = County()
    for number in range(size):
        record = county.record(number, county.dispute(number, title=f"纠纷{number}", amount_cny="12000.00"))
        county.party(number, record, name="张三")
    await county.write(desk.store)


async def test_a_file_holds_what_its_reader_may_see_and_nothing_else(desk: Desk) -> None:
    await write(desk, PLAN)
    for eyes in EYES:
        through = Through(desk, eyes)
        with capture_logs() as lines:
            answer = await through.client.get("/export/disputes.csv")
        assert not CANARY.search(repr(lines))
        if eyes.role == "administrator":
            assert answer.status_code == 404
            continue
        through.judge(answer, "")
        heading, *rows = read(answer)
        seen = [number for number in PLAN.cases if eyes.sees_dispute(number)]
        assert len(rows) == len(seen) == int(answer.headers["hub-rows"])
        assert ("标题" in heading) == (eyes.role not in ("auditor", "partner_system"))
        titles = {found[2] for found in CANARY.finditer(answer.text) if found[1] == "title"}
        assert titles == ({f"d{number}" for number in seen} if "标题" in heading else set())
        if eyes.role == "leader":
            assert "甲**" in answer.text and "甲zq" not in answer.text


async def test_a_long_list_comes_whole_and_as_its_filter_says(desk: Desk) -> None:
    await a_county(desk, 230)
    async with client(desk) as asked:
        heading, *rows = read(await asked.get("/export/disputes.csv?orderBy=" + json.dumps({"field": "CODE"})))
        assert [row[0] for row in rows] == [f"JF6207252024{number:06}" for number in reversed(range(230))]
        first = dict(zip(heading, rows[-1], strict=True))
        assert (first["标题"], first["当事人"], first["状态"]) == ("纠纷0", "张三", "已分流")
        assert (first["登记时间"], first["金额（元）"]) == ("2024-03-01 09:00", "12000.00")
        chosen = json.dumps({"text": "纠纷22"})
        rows = read(await asked.get("/export/disputes.csv", params={"filter": chosen}))[1:]
        assert len(rows) == 11


async def test_a_workbook_is_the_same_list(desk: Desk) -> None:
    await a_county(desk, 130)
    async with client(desk) as asked:
        lines = read(await asked.get("/export/disputes.csv"))
        answer = await asked.get("/export/disputes.xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content), read_only=True).worksheets[0]
    assert [[cell or "" for cell in row] for row in sheet.iter_rows(values_only=True)] == lines
    assert answer.headers["content-disposition"] == 'attachment; filename="disputes.xlsx"'


async def test_no_cell_is_run(desk: Desk) -> None:
    county = County()
    for number, title in enumerate(["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1", "平常"]):
        county.dispute(number, title=title)
    await county.write(desk.store)
    async with client(desk) as asked:
        titles = [row[1] for row in read(await asked.get("/export/disputes.csv"))[1:]]
        answer = await asked.get("/export/disputes.xlsx")
    assert sorted(titles) == sorted(["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\t=1", "'＝1", "平常"])
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets[0]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None} == {"s"}
    assert harmless("x" * 40_000) == "x" * 32_000


async def test_rows_are_bounded_and_the_answer_says_so(desk: Desk) -> None:
    await a_county(desk, 120)
    async with client(desk, export_rows=110) as asked:
        for kind in ("csv", "xlsx"):
            answer = await asked.get(f"/export/disputes.{kind}")
            assert (answer.headers["hub-total"], answer.headers["hub-rows"]) == ("120", "110")
        assert len(read(await asked.get("/export/disputes.csv"))) == 111


async def test_who_takes_what_away_is_logged_first(desk: Desk) -> None:
    await a_county(desk, 3)
    principal = Principal("acc_1", PrincipalKind.STAFF, "李明", "leader")
    async with client(desk, principal) as asked:
        with capture_logs() as lines:
            await asked.get("/export/disputes.csv", params={"filter": json.dumps({"holder": "王芳"})})
    (line,) = [one for one in lines if one["event"] == "list exported"]
    assert (line["principal"], line["rows"], line["kind"]) == ("acc_1", 0, "csv")
    assert "王芳" not in repr(lines) and "李明" not in repr(lines)


async def test_what_cannot_be_had_is_refused(desk: Desk) -> None:
    async with client(desk, None) as stranger, client(desk) as asked:
        for status, answer in (
            (401, await stranger.get("/export/disputes.csv")),
            (404, await asked.get("/export/disputes.ods")),
            (400, await asked.get("/export/disputes.csv?filter={")),
            (400, await asked.get('/export/disputes.csv?filter={"nothing":1}')),
            (400, await asked.get('/export/disputes.csv?filter={"text":""}')),
            (403, await asked.get("/export/disputes.csv", headers={"Sec-Fetch-Site": "cross-site"})),
            (405, await asked.post("/export/disputes.csv")),
            (405, await asked.head("/export/disputes.csv")),
        ):
            assert answer.status_code == status, answer.text


async def test_one_export_at_a_time_and_the_next_when_it_ended(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await a_county(desk, 2)
    gate, begun = asyncio.Event(), asyncio.Event()
    whole = export_http._Pages.first

    async def slow(pages: Any) -> Any:
        begun.set()
        await gate.wait()
        return await whole(pages)

    monkeypatch.setattr(export_http._Pages, "first", slow)
    async with client(desk) as asked:
        running = asyncio.create_task(asked.get("/export/disputes.xlsx"))
        await begun.wait()
        answer = await asked.get("/export/disputes.csv")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "10")
        gate.set()
        assert (await running).status_code == 200
        # refused or had: afterwards another may begin
        assert (await asked.get("/export/disputes.csv?filter={}")).status_code == 200
        assert (await asked.get('/export/disputes.csv?filter={"no":1}')).status_code == 400
        assert (await asked.get("/export/disputes.csv")).status_code == 200


async def test_an_export_begins_within_the_minutes_budget(desk: Desk) -> None:
    await a_county(desk, 3)
    principal = Principal("acc_1", PrincipalKind.STAFF, "李明", "leader")
    async with client(desk, principal) as asked:
        statuses = {(await asked.get("/export/disputes.csv")).status_code for _ in range(40)}
        assert statuses == {200, 429}
        assert int((await asked.get("/export/disputes.csv")).headers["retry-after"]) > 0


async def test_a_list_that_breaks_off_does_not_look_whole(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await a_county(desk, 150)
    ask = export_http._Pages._ask

    async def once(pages: Any, after: str | None, *, counted: bool) -> Any:
        return await ask(pages, after, counted=counted) if after is None else Answer({"errors": [{}]})

    monkeypatch.setattr(export_http._Pages, "_ask", once)
    async with client(desk) as asked:
        with pytest.raises(ConnectionAbortedError):
            await asked.get("/export/disputes.csv")
        # nothing was sent of it yet
        assert (await asked.get("/export/disputes.xlsx")).status_code == 500


async def test_a_slow_export_ends_with_the_right_to_it(desk: Desk) -> None:
    await a_county(desk, 150)
    asked_after = []

    async def still(principal: Principal) -> bool:
        asked_after.append(principal)
        return False

    async with client(desk, still=still) as asked:
        with pytest.raises(ConnectionAbortedError):
            await asked.get("/export/disputes.csv")
        assert asked_after == [LOCAL]
