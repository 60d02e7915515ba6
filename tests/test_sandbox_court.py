"""The simulated court over real HTTP: every rule of its wire, every fault, and a life that goes on with its clock."""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import aiohttp
import pytest
from yarl import URL

from connectors.sandbox.county import County
from connectors.sandbox.court import CourtOptions, RunningCourt, serve_court, start_court
from connectors.sandbox.digests import signature, sm3, sm3_in_python
from hub.errors import ConfigurationError

CENTRE = "620725190000"
SCALE = 0.05
BEGIN = "2023-01-01 00:00:00"
AH = re.compile(r"^[(（]\d{4}[)）]甘0725(民诉前调|行诉前调|民初|行初|民特|财保|行审)\d{1,6}号$")
KEYS = [
    "ajbs", "ah", "ajlb", "laaymc", "ajzt", "fydm", "lxrq", "saly", "sfss", "sfsw", "sfsg", "sfst", "mqzz",
    "sjdwje", "ycts", "gxsj", "fwlsh", "caseStatus", "courtCode", "caseType", "caseCause", "caseAmount", "claim",
    "facts", "firstCommitTime", "mediateAgreementSignDate", "originalCaseCode", "originalCaseNo", "dsr", "logs",
]  # fmt: skip
LOG_KEYS = ["acceptType", "caseState", "at", "by", "org", "mode", "tjjg", "tjxybh", "bcgyy", "wzyss", "sldh"]
NO_NUMBER = "(2024)甘0725民诉前调99999号"


@dataclass
class Hub:
    """A plain client of the wire, signing as the documents say."""

    court: RunningCourt
    http: aiohttp.ClientSession
    token: str = ""
    sign_type: str = ""
    ts_shift_s: int = 0
    extra: dict[str, str] = field(default_factory=dict)

    def ts(self) -> str:
        return str(int((time.time() + self.ts_shift_s) * 1000))

    def sign(self, *parts: str) -> str:
        return signature(self.court.app_id + self.court.secret + "".join(parts), self.sign_type)

    async def log_in(self) -> dict[str, Any]:
        ts = self.ts()
        body = {"appId": self.court.app_id, "ts": ts, "sign": self.sign(ts)}
        if self.sign_type:
            body["signType"] = self.sign_type
        async with self.http.post(f"{self.court.base_url}/auth/token", json=body | self.extra) as response:
            assert response.status == 200
            reply: dict[str, Any] = await response.json()
        self.token = reply["content"]["token"] if reply["content"] else ""
        return reply

    async def get(self, path: str = "/sqtj/aj", **query: str) -> dict[str, Any]:
        async with self.http.get(self.court.base_url + path, params={"token": self.token} | query) as response:
            assert response.status == 200
            reply: dict[str, Any] = await response.json()
            return reply

    async def page(self, number: int = 1, size: int = 100, **query: str) -> dict[str, Any]:
        window: dict[str, str] = {} if "ajbs" in query else {"gxsjq": BEGIN}
        reply = await self.get(**(window | {"pageNum": str(number), "pageSize": str(size)} | query))
        assert reply["code"] == 200, reply
        content: dict[str, Any] = reply["content"]
        return content

    async def everything(self, gxsjq: str = BEGIN, gxsjz: str = "") -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        number, query = 1, {"gxsjz": gxsjz} if gxsjz else {}
        while page := (await self.page(number, 100, gxsjq=gxsjq, **query))["list"]:
            rows += page
            number += 1
        return rows

    async def rows_of(self, ajbs: str) -> list[dict[str, Any]]:
        return list((await self.page(ajbs=ajbs))["list"])

    async def push(self, ajbs: str, kind: str, **further: str) -> dict[str, Any]:
        body = {
            "ajbs": ajbs,
            "ah": "",
            "acceptType": kind,
            "tjjg": "",
            "tjxybh": "",
            "bcgyy": "",
            "wzyss": "",
        } | further
        ts = body.setdefault("ts", self.ts())
        signed = (ts, ajbs, body["ah"], kind, body["tjjg"], body["tjxybh"])
        body.setdefault("sign", self.sign(*signed))
        if self.sign_type:
            body["signType"] = self.sign_type
        return await self.post("/sqtj/fk", body)

    async def file(self, request_id: str, **further: object) -> dict[str, Any]:
        body: dict[str, Any] = {
            "requestId": request_id, "ajlb": "0301", "caseCause": "9132", "caseAmount": "5000.00", "claim": "还款",
            "facts": "借款未还", "fwlsh": "", "originalCaseCode": "", "originalCaseNo": "", "wzyss": "数额无异议",
            "submitter": CENTRE, "dsr": [{"dsrlx": "原告", "xm": "甲"}, {"dsrlx": "被告", "xm": "乙"}], "ts": self.ts(),
        } | further  # fmt: skip
        body.setdefault("sign", self.sign(body["ts"], body["requestId"], body["ajlb"], body["caseCause"]))
        return await self.post("/sqtj/tj", body)

    async def post(self, path: str, body: object) -> dict[str, Any]:
        address = f"{self.court.base_url}{path}?token={self.token}"
        async with self.http.post(address, json=body) as response:
            assert response.status == 200
            reply: dict[str, Any] = await response.json()
            return reply

    async def control(self, do: str, **further: object) -> Any:
        async with self.http.post(self.court.control_url, json={"do": do} | further) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def advance(self, **span: float) -> None:
        await self.control("advance", seconds=int(timedelta(**span).total_seconds()))


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Any]]:
    """Starts courts and closes them at the end of the test."""
    hubs: list[Hub] = []

    async def begin(**options: Any) -> Hub:
        court = await start_court(CourtOptions(**({"seed": 7, "scale": SCALE} | options)))
        hub = Hub(court, aiohttp.ClientSession())
        hubs.append(hub)
        await hub.log_in()
        return hub

    yield begin
    for hub in hubs:
        await hub.http.close()
        await hub.court.close()


@pytest.fixture
async def hub(start: Callable[..., Any]) -> Hub:
    started: Hub = await start()
    return started


async def open_referral(hub: Hub, numbered: bool | None = None, mode: str = "委派") -> dict[str, Any]:
    """A row handed over to the centre in August and waiting for its result."""
    for _ in range(40):
        for row in await hub.everything(gxsjq="2024-08-01 00:00:00"):
            handed = [e for e in row["logs"] if e["acceptType"] == 80 and e["org"] == CENTRE]
            ended = any(e["acceptType"] in (4, 60, 61) for e in row["logs"])
            fits = numbered is None or (row["ah"] is not None) == numbered
            if handed and handed[0]["mode"] == mode and not ended and fits:
                return row
        await hub.advance(hours=12)
    raise AssertionError("no referral in twenty days")


def kinds(row: dict[str, Any]) -> list[int]:
    return [entry["acceptType"] for entry in row["logs"]]


# 1.1 tokens


async def test_token_lives_two_hours_of_real_time(start: Callable[..., Any]) -> None:
    now = [time.time()]
    hub: Hub = await start(transport_clock=lambda: now[0])
    reply = await hub.log_in()
    assert re.fullmatch(r"[0-9a-f]{32}", reply["content"]["token"]) and reply["content"]["expiresIn"] == 7200
    first = hub.token
    await hub.log_in()
    now[0] += 7199
    assert (await hub.get(gxsjq=BEGIN))["code"] == 200
    hub.token = first
    assert (await hub.get(gxsjq=BEGIN))["code"] == 200
    now[0] += 2
    assert (await hub.get(gxsjq=BEGIN))["code"] == 401


@pytest.mark.parametrize("wrong", [{"sign": "0" * 32}, {"appId": "somebody"}, {"signType": "SHA1"}, {"ts": "soon"}])
async def test_wrong_credentials_are_code_403(hub: Hub, wrong: dict[str, str]) -> None:
    hub.extra = wrong
    assert (await hub.log_in())["code"] == 403


@pytest.mark.parametrize(("shift", "code"), [(-290, 200), (290, 200), (-320, 403), (320, 403)])
async def test_request_time_may_be_off_by_300_seconds(hub: Hub, shift: int, code: int) -> None:
    hub.ts_shift_s = shift
    assert (await hub.log_in())["code"] == code


async def test_sm3_signs_as_well(hub: Hub) -> None:
    hub.sign_type = "SM3"
    assert (await hub.log_in())["code"] == 200
    row = await open_referral(hub)
    assert (await hub.push(row["ajbs"], "60", tjjg="3"))["code"] == 200


def test_sm3_agrees_with_its_standard() -> None:
    expected = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert sm3(b"abc") == sm3_in_python(b"abc") == expected
    assert sm3_in_python(b"abcd" * 16) == "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"


# 1.2 to 1.4, 1.11, 1.15: listing


async def test_rows_are_listed_by_stamp_id_and_number(hub: Hub) -> None:
    rows = await hub.everything()
    order = [(row["gxsj"], row["ajbs"], row["ah"] or "") for row in rows]
    assert order == sorted(order) and len(set(order)) == len(order)
    first = await hub.page(1)
    assert (first["total"], first["totalPages"]) == (len(rows), -(-len(rows) // 100))
    assert (first["pageSize"], first["pageNum"], len(first["list"])) == (100, 1, 100)
    assert (await hub.page(first["totalPages"] + 1))["list"] == []
    small = await hub.page(2, 7)
    assert small["list"] == rows[7:14]


async def test_bounds_are_inclusive_and_the_end_defaults_to_the_clock(hub: Hub) -> None:
    second = "2024-03-01 02:00:00"
    assert len(await hub.everything(gxsjq=second, gxsjz=second)) == 130
    await hub.control("add", rows=[{"gxsj": "2024-08-01 08:30:01"}])
    assert await hub.everything(gxsjq="2024-08-01 08:30:01") == []
    assert len(await hub.everything(gxsjq="2024-08-01 08:30:01", gxsjz="2024-08-02 00:00:00")) == 1


async def test_times_are_encoded_with_percent_or_plus(hub: Hub) -> None:
    for space in ("%20", "+"):
        window = f"gxsjq=2024-03-01{space}02:00:00&gxsjz=2024-03-01{space}02%3A00%3A00"
        query = f"token={hub.token}&{window}&pageNum=1&pageSize=1"
        async with hub.http.get(URL(f"{hub.court.base_url}/sqtj/aj?{query}", encoded=True)) as response:
            assert (await response.json())["content"]["total"] == 130


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"gxsjq": "2024-01-01"},
        {"gxsjq": BEGIN, "gxsjz": "yesterday"},
        {"gxsjq": BEGIN, "pageSize": "101"},
        {"gxsjq": BEGIN, "pageSize": "0"},
        {"gxsjq": BEGIN, "pageNum": "0"},
        {"gxsjq": BEGIN, "pageNum": "x"},
    ],
)
async def test_bad_parameters_are_code_400(hub: Hub, query: dict[str, str]) -> None:
    assert (await hub.get(**query))["code"] == 400
    hub.token = "0" * 32
    assert (await hub.get(**query))["code"] == 401


async def test_every_item_has_every_key_and_the_words_of_its_stage(hub: Hub) -> None:
    stages = {
        "待审查": (110,), "待立案": (130,), "已正式立案": (130,), "待指派调解": (170,), "调解中": (170, 130),
        "不予受理": (110,), "申请司法确认": (170,), "已结案": (170, 130), "归档": (170, 130), "结案": (170, 130),
    }  # fmt: skip
    for row in await hub.everything():
        assert list(row) == KEYS
        assert re.fullmatch(r"[0-9a-f]{32}", row["ajbs"]) and row["fwlsh"]
        assert row["caseStatus"] in stages[row["ajzt"]]
        assert row["ah"] is None or AH.match(row["ah"])
        assert row["caseType"] == row["ajlb"] and isinstance(row["ycts"], int)
        assert row["sjdwje"] is None or re.fullmatch(r"\d+\.\d\d", row["sjdwje"])
        times = [entry["at"] for entry in row["logs"]]
        assert times == sorted(times) and all(at <= row["gxsj"] for at in times)
        for entry in row["logs"]:
            assert list(entry) == LOG_KEYS
            assert re.fullmatch(r"\d{12}", entry["org"])


async def test_quirks_of_the_wire_are_there(start: Callable[..., Any]) -> None:
    hub: Hub = await start(scale=0.2)
    pages = [await hub.page(number) for number in range(1, 7)]
    rows = [row for page in pages for row in page["list"]]
    stray = [page["pageNum:"] == page["pageNum"] for page in pages if "pageNum:" in page]
    assert stray and all(stray) and len(stray) < len(pages)
    oracle = [row for row in rows if re.fullmatch(r"\d\d[A-Z]{3}2[34]", row["lxrq"])]
    assert 0 < len(oracle) < len(rows) / 4
    assert any((row["ah"] or "").startswith("（") for row in rows) and any(
        (row["ah"] or "").startswith("(") for row in rows
    )
    assert any(row["fydm"] is None for row in rows) and any(row["fydm"] == "620725" for row in rows)
    numbers_of: Counter[str] = Counter(row["ajbs"] for row in rows)
    assert max(numbers_of.values()) == 2
    assert any(row["firstCommitTime"] < "2024" and "2024" in row["lxrq"] for row in rows)
    assert {row["ajlb"] for row in rows} == {"0301", "0401", "9901", "0303", "0901", "0409"}
    assert any("J620725" in row["facts"] or "GS2024" in row["facts"] for row in rows)


async def test_docketed_and_confirmed_rows_name_their_number(hub: Hub) -> None:
    rows = await hub.everything()
    first = {row["ajbs"]: row for row in rows if row["originalCaseNo"] is None}
    plain = str.maketrans("（）", "()")
    further = [row for row in rows if row["originalCaseNo"]]
    ways = Counter((row["ajlb"], row["originalCaseCode"] is not None) for row in further)
    assert ways[("0303", False)] and ways[("0301", False)] and ways[("0301", True)]
    for row in further:
        earlier = first[row["originalCaseCode"] or row["ajbs"]]
        assert row["originalCaseNo"].translate(plain) == earlier["ah"].translate(plain)
        assert (row["fwlsh"] == earlier["fwlsh"]) == (row["originalCaseCode"] is None)
        assert row["logs"] == []


async def test_xml_dialect_shows_the_same_rows(hub: Hub) -> None:
    page = await hub.page(1, 5)
    query = {"token": hub.token, "gxsjq": BEGIN, "pageSize": "5"}
    async with hub.http.get(f"{hub.court.base_url}/sqtj/aj.xml", params=query) as response:
        tree = ElementTree.fromstring(await response.text())
    space = "{http://dataexchange.court.gov.cn/2009/data}"
    assert tree.findtext(f"{space}brief/{space}count") == str(page["total"])
    rows = tree.findall(f"{space}data/{space}row")
    assert [row.findtext(f"{space}C_AJBS") for row in rows] == [row["ajbs"] for row in page["list"]]
    assert rows[0].findtext(f"{space}DT_GXSJ") == page["list"][0]["gxsj"]
    assert rows[0].findtext(f"{space}N_CASESTATUS") == str(page["list"][0]["caseStatus"])


# 1.5 to 1.7: the golden counts


@pytest.mark.parametrize(
    ("seed", "scale", "expected"), [(7, 1, (2438, 1907, 1407)), (11, 1, (2438, 1907, 1407)), (7, 0.1, (244, 191, 141))]
)
async def test_golden_counts(start: Callable[..., Any], seed: int, scale: float, expected: tuple[int, ...]) -> None:
    hub: Hub = await start(seed=seed, scale=scale)
    assert tuple((await hub.control("count")).values()) == expected
    rows = await hub.everything()
    logs = [entry for row in rows for entry in row["logs"]]
    assert {e["mode"] for e in logs if e["acceptType"] == 80} == {"委派", "委托"}
    assert any(e["acceptType"] == 80 and e["org"] != CENTRE for e in logs)
    corrections = {
        (r["logs"][n - 1]["tjjg"], e["tjjg"]) for r in rows for n, e in enumerate(r["logs"]) if e["acceptType"] == 61
    }
    assert corrections == {("1", "2"), ("2", "1")}
    assert any(kinds(row).count(80) == 2 for row in rows) and any(4 in kinds(row) for row in rows)
    assert {e["tjjg"] for e in logs if e["acceptType"] == 60} == {"1", "2", "3"}
    assert max(row["gxsj"] for row in rows) < "2024-08-01"
    assert any("2023" in row["lxrq"] for row in rows)


async def test_same_seed_and_scale_give_byte_identical_rows(start: Callable[..., Any]) -> None:
    one, two, other = await start(), await start(), await start(seed=8)
    assert await one.control("view") == await two.control("view") != await other.control("view")


# 1.8 to 1.10: pushes


async def test_result_shows_at_once_and_is_answered_after_a_minute(hub: Hub) -> None:
    row = await open_referral(hub, numbered=True)
    await hub.control("desk", acceptType="60", answer=981)
    reply = await hub.push(row["ajbs"], "60", ah=row["ah"], tjjg="1", tjxybh="XY-1")
    assert (reply["code"], reply["msg"]) == (200, "success")
    sldh = reply["content"]["sldh"]
    [shown] = await hub.rows_of(row["ajbs"])
    mine = shown["logs"][-1]
    assert (mine["acceptType"], mine["tjjg"], mine["tjxybh"], mine["sldh"], mine["org"]) == (
        60,
        "1",
        "XY-1",
        sldh,
        CENTRE,
    )
    assert shown["ajzt"] == "已结案" and shown["mediateAgreementSignDate"]
    await hub.advance(seconds=59)
    assert kinds((await hub.rows_of(row["ajbs"]))[0])[-1] == 60
    await hub.advance(seconds=1)
    [answered] = await hub.rows_of(row["ajbs"])
    last = answered["logs"][-1]
    assert (last["acceptType"], last["sldh"], last["tjxybh"], last["org"]) == (981, sldh, "XY-1", "620725000000")
    assert answered["gxsj"] == last["at"] > shown["gxsj"]


async def test_repeat_is_answered_with_the_first_receipt_and_done_once(hub: Hub) -> None:
    row = await open_referral(hub, numbered=True)
    other = row["ah"].translate(str.maketrans("()（）", "（）()"))
    first = await hub.push(row["ajbs"], "60", ah=row["ah"], tjjg="2", bcgyy="5", wzyss="数额")
    again = await hub.push(row["ajbs"], "60", ah=other, tjjg="2", bcgyy="5", wzyss="数额")
    assert again == {"code": 200, "msg": "已存在", "content": first["content"]}
    assert (await hub.push(row["ajbs"], "60", ah=row["ah"], tjjg="2", bcgyy="4", wzyss="数额"))["code"] == 409
    [shown] = await hub.rows_of(row["ajbs"])
    assert kinds(shown).count(60) == 1
    pushes = await hub.control("pushes")
    assert [push["answer"]["code"] for push in pushes] == [200, 200, 409]
    assert pushes[0]["path"] == "/sqtj/fk" and pushes[0]["body"]["ajbs"] == row["ajbs"]


async def test_number_may_come_between_push_and_repeat(hub: Hub) -> None:
    row = await open_referral(hub, numbered=False)
    first = await hub.push(row["ajbs"], "60", tjjg="1", tjxybh="XY-2")
    assert first["code"] == 200
    [shown] = await hub.rows_of(row["ajbs"])
    assert AH.match(shown["ah"]), "an ended mediation is numbered"
    for ah in ("", shown["ah"]):
        assert (await hub.push(row["ajbs"], "60", ah=ah, tjjg="1", tjxybh="XY-2"))["msg"] == "已存在"


async def test_push_is_checked_in_every_field(hub: Hub) -> None:
    row = await open_referral(hub, numbered=True)
    ajbs, ah = row["ajbs"], row["ah"]
    good = {"ah": ah, "tjjg": "1", "tjxybh": "XY-3"}
    refused = [
        (400, "60", {"tjjg": ""}), (400, "60", {"tjjg": "9"}), (400, "60", {"tjxybh": ""}),
        (400, "60", {"tjjg": "2", "wzyss": ""}), (400, "60", {"tjjg": "2", "wzyss": "无", "bcgyy": "1"}),
        (400, "61", {"tjjg": "2", "tjxybh": "", "wzyss": "无"}), (400, "98", {"tjjg": "", "tjxybh": ""}),
        (400, "80", {}), (400, "60", {"ts": ""}), (403, "60", {"sign": "f" * 32}), (404, "60", {"ah": NO_NUMBER}),
        (422, "61", {}), (422, "98", {"tjjg": ""}),
    ]  # fmt: skip
    for code, kind, wrong in refused:
        assert (await hub.push(ajbs, kind, **(good | wrong)))["code"] == code, (kind, wrong)
    assert (await hub.push("0" * 32, "60", **(good | {"ah": ""})))["code"] == 404
    assert (await hub.post("/sqtj/fk", {"ajbs": 1}))["code"] == 400
    assert (await hub.post("/sqtj/fk", []))["code"] == 400
    token, hub.token = hub.token, "f" * 32
    assert (await hub.push(ajbs, "60", **good))["code"] == 401
    hub.token = token
    assert kinds((await hub.rows_of(ajbs))[0]) == kinds(row)
    assert (await hub.push(ajbs, "60", **good))["code"] == 200
    assert (await hub.push(ajbs, "60", **(good | {"tjxybh": "XY-4"})))["code"] == 422
    assert (await hub.push(ajbs, "4", ah=ah))["code"] == 422


async def test_result_before_a_hand_over_is_422(hub: Hub) -> None:
    rows = await hub.everything()
    docketed = next(row for row in rows if row["ajlb"] == "0301" and not row["logs"] and row["originalCaseNo"] is None)
    assert (await hub.push(docketed["ajbs"], "60", ah=docketed["ah"] or "", tjjg="3"))["code"] == 422


async def test_correction_has_a_key_of_its_own(hub: Hub) -> None:
    row = await open_referral(hub, numbered=True)
    ajbs, ah = row["ajbs"], row["ah"]
    assert (await hub.push(ajbs, "60", ah=ah, tjjg="1", tjxybh="XY-5"))["code"] == 200
    failed = await hub.push(ajbs, "61", ah=ah, tjjg="2", tjxybh="XY-5", wzyss="数额", bcgyy="8")
    agreed = await hub.push(ajbs, "61", ah=ah, tjjg="1", tjxybh="XY-5")
    assert failed["content"]["sldh"] != agreed["content"]["sldh"]
    await hub.advance(minutes=1)
    [shown] = await hub.rows_of(ajbs)
    assert [e["tjjg"] for e in shown["logs"] if e["acceptType"] in (60, 61)] == ["1", "2", "1"]
    assert sum(e["acceptType"] in (981, 982) for e in shown["logs"]) == 3


async def test_confirmation_brings_its_own_row_a_day_after_the_answer(hub: Hub) -> None:
    row = await open_referral(hub, numbered=True)
    ajbs, ah = row["ajbs"], row["ah"]
    await hub.push(ajbs, "60", ah=ah, tjjg="1", tjxybh="XY-6")
    await hub.control("desk", acceptType="98", answer=980)
    assert (await hub.push(ajbs, "98", ah=ah, tjxybh="XY-6"))["code"] == 200
    assert (await hub.push(ajbs, "98", ah=ah, tjxybh="XY-6b"))["code"] == 422, "the first is undecided"
    await hub.advance(minutes=1)
    [shown] = await hub.rows_of(ajbs)
    wanted = next(e for e in shown["logs"] if e["acceptType"] == 980)
    assert wanted["bcgyy"] and wanted["tjxybh"] == "XY-6" and shown["ajzt"] == "申请司法确认"
    await hub.control("desk", acceptType="98", answer=981)
    assert (await hub.push(ajbs, "98", ah=ah, tjxybh="XY-6c"))["code"] == 200
    await hub.advance(days=1, seconds=59)
    assert len(await hub.rows_of(ajbs)) == 1
    await hub.advance(seconds=1)
    mediated, confirmed = sorted(await hub.rows_of(ajbs), key=lambda found: found["ajlb"], reverse=True)
    assert (confirmed["ajlb"], confirmed["fwlsh"], confirmed["logs"]) == ("0303", mediated["fwlsh"], [])
    assert "民特" in confirmed["ah"] and confirmed["originalCaseCode"] is None
    assert (await hub.push(ajbs, "98", tjxybh="XY-7"))["code"] == 404, "'' no longer tells which row"


async def test_accepted_decline_leads_to_docketing_or_a_second_hand_over(start: Callable[..., Any]) -> None:
    hub: Hub = await start(scale=0.5)
    await hub.control("desk", acceptType="4", answer=981, times=-1)
    await hub.advance(days=6)
    rows = [
        r for r in await hub.everything(gxsjq="2024-08-01 00:00:00") if kinds(r)[-1:] in ([80], [5]) and 80 in kinds(r)
    ]
    ours = [r for r in rows if all(e["org"] == CENTRE for e in r["logs"] if e["acceptType"] == 80)]
    for row in ours:
        assert (await hub.push(row["ajbs"], "4", ah=row["ah"] or "", bcgyy="不宜调解"))["code"] == 200
    await hub.advance(days=3)
    ends: Counter[str] = Counter()
    for row in ours:
        found = await hub.rows_of(row["ajbs"])
        again = any(kinds(r).count(80) == 2 for r in found)
        docketed = any(r["ajzt"] == "已正式立案" for r in found)
        ends["again" if again else "docketed" if docketed else "neither"] += 1
    assert ends["again"] and ends["docketed"] and not ends["neither"]


async def test_refused_decline_leaves_the_referral_with_the_centre(hub: Hub) -> None:
    row = await open_referral(hub, numbered=True)
    await hub.control("desk", acceptType="4", answer=982)
    await hub.push(row["ajbs"], "4", ah=row["ah"], bcgyy="不宜调解")
    assert (await hub.push(row["ajbs"], "60", ah=row["ah"], tjjg="3"))["code"] == 422
    await hub.advance(minutes=1)
    [shown] = await hub.rows_of(row["ajbs"])
    assert shown["logs"][-1]["acceptType"] == 982 and shown["logs"][-1]["bcgyy"]
    assert (await hub.push(row["ajbs"], "60", ah=row["ah"], tjjg="3"))["code"] == 200


async def test_push_about_history_changes_nothing_but_the_answer(hub: Hub) -> None:
    rows = await hub.everything()
    ended = (r for r in rows if kinds(r)[-1:] == [60] and r["logs"][-1]["org"] == CENTRE and "2024" in r["lxrq"])
    agreed = next(r for r in ended if r["logs"][-1]["tjjg"] == "1")
    before = await hub.control("count")
    reply = await hub.push(agreed["ajbs"], "60", ah=agreed["ah"], tjjg="2", wzyss="无")
    await hub.advance(minutes=1)
    shown = next(r for r in await hub.rows_of(agreed["ajbs"]) if r["ah"] == agreed["ah"])
    assert shown["logs"][:-1] == agreed["logs"]
    assert (shown["logs"][-1]["acceptType"], shown["logs"][-1]["sldh"]) == (981, reply["content"]["sldh"])
    assert {k: v for k, v in shown.items() if k not in ("logs", "gxsj")} == {
        k: v for k, v in agreed.items() if k not in ("logs", "gxsj")
    }
    assert await hub.control("count") == before
    assert (await hub.push(agreed["ajbs"], "61", ah=agreed["ah"], tjjg="2", tjxybh="G-1", wzyss="无"))["code"] == 200
    assert (await hub.control("count"))["mediated"] == before["mediated"] - 1


# 1.18: filings of the centre


async def test_filing_is_listed_at_once_decided_and_numbered_a_day_later(hub: Hub) -> None:
    await hub.control("desk", acceptType="filing", answer=981)
    reply = await hub.file("R-1")
    content = reply["content"]
    assert reply["msg"] == "success" and set(content) == {"sldh", "ajbs", "fwlsh"}
    [row] = await hub.rows_of(content["ajbs"])
    assert (row["caseStatus"], row["ajzt"], row["saly"], row["ah"]) == (110, "待审查", "综治中心推送", None)
    entry = row["logs"][0]
    assert (entry["acceptType"], entry["org"], entry["sldh"], entry["wzyss"]) == (
        90,
        CENTRE,
        content["sldh"],
        "数额无异议",
    )
    assert list(row) == KEYS and row["fwlsh"] == content["fwlsh"]
    assert await hub.file("R-1") == {"code": 200, "msg": "已存在", "content": content}
    assert (await hub.file("R-1", claim="别的"))["code"] == 409
    assert (await hub.file("R-2", fwlsh=content["fwlsh"]))["code"] == 422, "undecided"
    await hub.advance(seconds=60)
    [decided] = await hub.rows_of(content["ajbs"])
    assert (decided["caseStatus"], decided["ajzt"], kinds(decided)) == (130, "待立案", [90, 981])
    assert (await hub.file("R-2", fwlsh=content["fwlsh"]))["code"] == 422, "accepted"
    await hub.advance(hours=24)
    [docketed] = await hub.rows_of(content["ajbs"])
    assert docketed["ajzt"] == "已正式立案" and "民初" in docketed["ah"]


async def test_filing_sent_back_is_replaced_and_refused_is_renewed(hub: Hub) -> None:
    await hub.control("desk", acceptType="filing", answer=980)
    first = (await hub.file("R-3"))["content"]
    await hub.advance(minutes=1)
    await hub.control("desk", acceptType="filing", answer=982)
    second = (await hub.file("R-4", fwlsh=first["fwlsh"], claim="补充后的请求", ajlb="0401"))["content"]
    assert (second["ajbs"], second["fwlsh"]) == (first["ajbs"], first["fwlsh"]) and second["sldh"] != first["sldh"]
    [row] = await hub.rows_of(first["ajbs"])
    assert (row["claim"], kinds(row), row["ajzt"]) == ("补充后的请求", [90, 980, 90], "待审查")
    await hub.advance(minutes=1)
    [refused] = await hub.rows_of(first["ajbs"])
    assert (refused["ajzt"], kinds(refused)[-1]) == ("不予受理", 982) and refused["logs"][-1]["bcgyy"]
    third = (await hub.file("R-5", fwlsh=first["fwlsh"]))["content"]
    assert third["ajbs"] != first["ajbs"] and third["fwlsh"] == first["fwlsh"]


async def test_filing_that_continues_gets_a_new_id_and_is_no_filing(hub: Hub) -> None:
    rows = await hub.everything()
    failed = next(r for r in rows if r["ajlb"] == "9901" and kinds(r)[-1:] == [60] and r["logs"][-1]["tjjg"] == "2")
    before = await hub.control("count", **{"from": "2023-01-01", "to": "2025-01-01"})
    content = (
        await hub.file("R-6", fwlsh=failed["fwlsh"], originalCaseCode=failed["ajbs"], originalCaseNo=failed["ah"])
    )["content"]
    assert content["fwlsh"] == failed["fwlsh"] and content["ajbs"] != failed["ajbs"]
    [row] = await hub.rows_of(content["ajbs"])
    assert (row["originalCaseCode"], row["originalCaseNo"]) == (failed["ajbs"], failed["ah"])
    assert await hub.control("count", **{"from": "2023-01-01", "to": "2025-01-01"}) == before


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        (400, {"ajlb": "9901"}), (400, {"caseCause": ""}), (400, {"claim": ""}), (400, {"facts": ""}),
        (400, {"submitter": "620725000000"}), (400, {"caseAmount": "12"}), (400, {"dsr": []}), (400, {"dsr": "甲"}),
        (400, {"dsr": [{"dsrlx": "原告", "xm": "甲"}]}), (400, {"requestId": ""}), (400, {"claim": 5}),
        (400, {"dsr": [{"dsrlx": "原告", "xm": "甲"}, {"dsrlx": "被告", "xm": ""}]}),
        (403, {"sign": "0" * 32}), (404, {"fwlsh": "nowhere"}), (404, {"originalCaseCode": "0" * 32}),
        (404, {"originalCaseNo": NO_NUMBER}),
    ],
)  # fmt: skip
async def test_filing_is_checked_in_every_field(hub: Hub, code: int, wrong: dict[str, object]) -> None:
    assert (await hub.file("R-7", **wrong))["code"] == code


async def test_filing_with_an_unknown_cause_or_without_amount_is_taken(hub: Hub) -> None:
    content = (await hub.file("R-8", caseCause="ZZ", caseAmount="", ajlb="0401"))["content"]
    [row] = await hub.rows_of(content["ajbs"])
    assert (row["laaymc"], row["caseAmount"], row["ajlb"]) == (None, None, "0401")


# the county lives on


async def test_life_does_not_depend_on_how_the_way_is_cut(start: Callable[..., Any]) -> None:
    one, two = await start(), await start()
    await one.advance(days=9)
    for hours in [1] * 30 + [7] * 12 + [102]:
        await two.advance(hours=hours)
    row = await open_referral(one)
    for hub in (one, two):
        assert (await hub.push(row["ajbs"], "60", tjjg="2", wzyss="无争议"))["code"] == 200
    await one.advance(days=12)
    for hours in [5] * 48 + [48]:
        await two.advance(hours=hours)
    assert await one.control("clock") == await two.control("clock")
    assert await one.control("view") == await two.control("view")


async def test_new_filings_arrive_are_diverted_and_numbered_late(start: Callable[..., Any]) -> None:
    hub: Hub = await start(scale=0.3)
    assert await hub.everything(gxsjq="2024-08-01 00:00:00") == []
    await hub.advance(hours=3)
    early = {r["ajbs"]: r for r in await hub.everything(gxsjq="2024-08-01 00:00:00")}
    assert early and all(row["ah"] is None for row in early.values())
    await hub.advance(days=24)
    rows = await hub.everything(gxsjq="2024-08-01 00:00:00")
    assert 24 * 2 < len(rows) < 24 * 7
    late = [r for r in rows if r["ajbs"] in early and r["ah"]]
    assert late and all(row["gxsj"] > early[row["ajbs"]]["gxsj"] for row in late)
    identities = Counter(row["ajbs"] for row in rows)
    assert all(count == 1 for ajbs, count in identities.items() if ajbs in early)
    ours = [r for r in rows if any(e["acceptType"] == 80 and e["org"] == CENTRE for e in r["logs"])]
    assert ours and not any({60, 61, 4} & set(kinds(row)) for row in ours), "only a push concludes a referral"
    assert {e["mode"] for r in ours for e in r["logs"] if e["acceptType"] == 80} == {"委派", "委托"}
    assert {"不予受理", "调解中", "已正式立案"} <= {row["ajzt"] for row in rows}
    assert (await hub.control("count")) == {"filings": 731, "diverted": 572, "mediated": 422}


async def test_scripts_name_the_courts_open_referrals(start: Callable[..., Any]) -> None:
    hub: Hub = await start(scale=0.3)
    await hub.advance(days=10)
    rows = await hub.everything(gxsjq="2024-08-01 00:00:00")
    ours = {r["ajbs"] for r in rows if any(e["acceptType"] == 80 and e["org"] == CENTRE for e in r["logs"])}
    scripts = County(7, 0.3).scripts(datetime(2024, 8, 1).date(), datetime(2024, 8, 12).date())
    assert ours <= {script.native_id for script in scripts if script.instance == "court"}


async def test_failed_mediation_is_docketed_some_days_later(start: Callable[..., Any]) -> None:
    hub: Hub = await start(scale=0.3)
    await hub.advance(days=8)
    rows = [r for r in await hub.everything(gxsjq="2024-08-01 00:00:00") if r["ajlb"] == "9901"]
    ours = [r for r in rows if any(e["acceptType"] == 80 and e["org"] == CENTRE for e in r["logs"])]
    for row in ours:
        assert (await hub.push(row["ajbs"], "60", ah=row["ah"] or "", tjjg="2", wzyss="无争议"))["code"] == 200
    await hub.advance(days=12)
    after = await hub.everything(gxsjq="2024-08-01 00:00:00")
    docketed = [r for r in after if r["originalCaseNo"] and r["ajlb"] in ("0301", "0401")]
    assert {r["originalCaseCode"] is None for r in docketed} == {True, False}
    assert len(docketed) < len(ours)
    assert any(r["ajzt"] in ("归档", "结案") for r in after if r["ajbs"] in {r["ajbs"] for r in ours})


# 0.24: the control address


async def test_view_edit_and_delete(hub: Hub) -> None:
    view = await hub.control("view")
    assert set(view[0]) == {"native_id", "native_no", "version", "hash"}
    key = next(k for k in view if k["native_no"])
    await hub.advance(seconds=5)
    edited = await hub.control("edit", native_id=key["native_id"], native_no=key["native_no"], set={"claim": "变更"})
    assert edited["edited"][0]["version"] == "2024-08-01 08:30:05" and edited["edited"][0]["hash"] != key["hash"]
    row = next(r for r in await hub.rows_of(key["native_id"]) if r["claim"] == "变更")
    assert row["gxsj"] == "2024-08-01 08:30:05"
    await hub.control("delete", native_id=key["native_id"], native_no=key["native_no"])
    assert len(await hub.control("view")) == len(view) - 1
    assert len((await hub.control("delete", count=5, seed="x"))["deleted"]) == 5
    assert len(await hub.everything()) == len(view) - 6


async def test_random_edits_are_seeded_realistic_and_move_the_stamp(start: Callable[..., Any]) -> None:
    one, two = await start(), await start()
    for hub in (one, two):
        await hub.advance(hours=1)
        before = {(k["native_id"], k["native_no"]): k for k in await hub.control("view")}
        edited = (await hub.control("edit", count=60, seed="e"))["edited"]
        assert len({(k["native_id"], k["native_no"]) for k in edited}) == 60
        for key in edited:
            was = before[(key["native_id"], key["native_no"])]
            assert key["hash"] != was["hash"] and key["version"] == "2024-08-01 09:30:00"
    assert await one.control("view") == await two.control("view")
    rows = [r for r in await one.everything(gxsjq="2024-08-01 09:30:00") if "2024-08-01 09:30:00" in str(r)]
    assert any(kinds(r)[-1:] == [61] for r in rows) and any("变更诉讼请求" in r["claim"] for r in rows)


async def test_thousands_of_rows_may_share_one_second(hub: Hub) -> None:
    second = "2024-08-01 08:00:00"
    await hub.control("add", count=5000, set={"gxsj": second, "lxrq": "2024-05-05"})
    assert (await hub.page(51, gxsjq=second, gxsjz=second))["total"] == 5000
    seen = {
        row["ajbs"] for number in (1, 25, 50) for row in (await hub.page(number, gxsjq=second, gxsjz=second))["list"]
    }
    assert len(seen) == 300
    assert (await hub.control("count"))["filings"] == 122 + 5000
    moved = await hub.control("edit", count=200, seed="s", set={"gxsj": "2024-08-01 08:10:00"})
    assert {key["version"] for key in moved["edited"]} == {"2024-08-01 08:10:00"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"do": "dance"},
        {"do": "misbehave", "mode": "sulk"},
        {"do": "advance", "seconds": -1},
        {"do": "edit"},
        {"do": "edit", "native_id": "no", "set": {}},
        {"do": "edit", "count": 1, "set": {"nofield": 1}},
        {"do": "edit", "count": 1, "set": {"gxsj": "today"}},
        {"do": "delete", "count": 10**6},
        {"do": "desk", "acceptType": "60", "answer": 5},
    ],
)
async def test_wrong_commands_are_refused_and_change_nothing(hub: Hub, wrong: dict[str, object]) -> None:
    before = await hub.control("view")
    async with hub.http.post(hub.court.control_url, json=wrong) as response:
        assert response.status == 400 and (await response.json())["error"]
    assert await hub.control("view") == before


# 0.16, 0.24: misbehaviour


async def raw(hub: Hub, method: str = "GET", path: str = "/sqtj/aj") -> tuple[int, str, bytes, dict[str, str]]:
    query = {"token": hub.token, "gxsjq": BEGIN}
    async with hub.http.request(method, hub.court.base_url + path, params=query) as response:
        return response.status, response.content_type, await response.read(), dict(response.headers)


@pytest.mark.parametrize(("mode", "status"), [("500", 500), ("html", 502), ("429", 429)])
async def test_html_pages_come_so_many_times(hub: Hub, mode: str, status: int) -> None:
    await hub.control("misbehave", mode=mode, times=2, seconds=3)
    for _ in range(2):
        found = await raw(hub)
        assert found[:2] == (status, "text/html") and b"<html>" in found[2]
        assert found[3].get("Retry-After") == ("3" if mode == "429" else None)
    assert (await raw(hub))[0] == 200


async def test_maintenance_only_in_its_hour(hub: Hub) -> None:
    await hub.control("misbehave", mode="maintenance", times=-1)
    assert (await raw(hub))[0] == 200
    await hub.advance(hours=15, minutes=30)
    assert (await raw(hub))[:2] == (503, "text/html")
    await hub.advance(hours=1)
    assert (await raw(hub))[0] == 200
    await hub.advance(hours=23)
    await hub.control("misbehave", mode="maintenance", times=0)
    assert (await raw(hub))[0] == 200


async def test_cut_and_outage_break_the_connection(hub: Hub) -> None:
    await hub.control("misbehave", mode="cut", times=1)
    with pytest.raises(aiohttp.ClientPayloadError):
        await raw(hub)
    # aiohttp's client silently asks again when a connection that it kept open breaks
    await hub.control("misbehave", mode="outage", times=-1)
    with pytest.raises(aiohttp.ClientConnectionError):
        await raw(hub)
    await hub.control("misbehave", mode="outage", times=0)
    assert (await raw(hub))[0] == 200


async def test_lost_answer_was_done(hub: Hub) -> None:
    row = await open_referral(hub, numbered=True)
    await hub.control("misbehave", mode="lost", times=1)
    assert (await raw(hub))[0] == 200, "a listing is no occasion"
    with pytest.raises(AssertionError):
        await hub.push(row["ajbs"], "60", ah=row["ah"], tjjg="3")
    assert (await hub.push(row["ajbs"], "60", ah=row["ah"], tjjg="3"))["msg"] == "已存在"


async def test_refused_before_it_was_done(hub: Hub) -> None:
    row = await open_referral(hub, numbered=True)
    await hub.control("misbehave", mode="html", times=1, on="push")
    assert (await raw(hub))[0] == 200
    with pytest.raises(AssertionError):
        await hub.push(row["ajbs"], "60", ah=row["ah"], tjjg="3")
    assert (await hub.push(row["ajbs"], "60", ah=row["ah"], tjjg="3"))["msg"] == "success"


async def test_expired_token_is_401_until_a_new_one(hub: Hub) -> None:
    await hub.control("misbehave", mode="expire", times=1)
    assert (await hub.get(gxsjq=BEGIN))["code"] == 401
    assert (await hub.get(gxsjq=BEGIN))["code"] == 401
    await hub.log_in()
    assert (await hub.get(gxsjq=BEGIN))["code"] == 200


async def test_pages_are_spoilt_and_whole_again(hub: Hub) -> None:
    whole = (await hub.page())["list"]
    await hub.control("misbehave", mode="duplicate")
    doubled = (await hub.page())["list"]
    assert len(doubled) == 101 and {r["ajbs"] for r in doubled} == {r["ajbs"] for r in whole}
    await hub.control("misbehave", mode="gap")
    assert len((await hub.page())["list"]) == 99
    await hub.control("misbehave", mode="partial")
    half = await hub.page()
    assert half["list"] == whole[:50] and half["pageSize"] == 100
    await hub.control("misbehave", mode="reorder")
    mixed = (await hub.page())["list"]
    assert mixed != whole and sorted(map(str, mixed)) == sorted(map(str, whole))
    assert (await hub.page())["list"] == whole


async def test_an_unknown_code_and_a_silent_deletion_are_the_courts_own_everywhere(hub: Hub) -> None:
    whole = {r["ajbs"]: r for r in (await hub.page())["list"]}
    before = await hub.control("view")
    await hub.advance(seconds=60)
    await hub.control("misbehave", mode="unknown")
    assert len((await hub.page())["list"]) == 100
    [odd] = [key for key in await hub.control("view") if key["version"] == "2024-08-01 08:31:00"]
    [shown] = [r for r in (await hub.page(ajbs=odd["native_id"]))["list"] if r["gxsj"] == odd["version"]]
    assert shown == whole[odd["native_id"]] | {"caseCause": "XX99", "gxsj": "2024-08-01 08:31:00"}
    await hub.control("misbehave", mode="vanish")
    await hub.page()
    assert len(await hub.control("view")) == len(before) - 1


async def test_badly_encoded_answer_does_not_parse(hub: Hub) -> None:
    await hub.control("misbehave", mode="encoding")
    status, _, body, headers = await raw(hub)
    assert status == 200 and "utf-8" in headers["Content-Type"]
    with pytest.raises(UnicodeDecodeError):
        body.decode("utf-8")
    assert "原告" in body.decode("gb18030")


async def test_delay_is_real_time(hub: Hub) -> None:
    await hub.control("misbehave", mode="delay", times=1, seconds=0.2)
    began = time.monotonic()
    await hub.page()
    assert time.monotonic() - began >= 0.2


async def test_skewed_clocks(hub: Hub) -> None:
    await hub.control("misbehave", mode="skew", times=1, seconds=120)
    added = await hub.control("add", count=2)
    assert [key["version"] for key in added["added"]] == ["2024-08-01 08:32:00", "2024-08-01 08:30:00"]
    await hub.control("misbehave", mode="skew", times=1, seconds=400, clock="transport")
    assert (await hub.log_in())["code"] == 403
    assert (await hub.log_in())["code"] == 200


async def test_faults_at_start_and_by_rate_are_seeded(start: Callable[..., Any]) -> None:
    hub: Hub = await start(misbehave={"gap": 1})
    assert len((await hub.page())["list"]) == 99
    struck = []
    for started in (await start(), await start()):
        await started.control("misbehave", mode="500", times=-1, rate=0.5)
        struck.append([(await raw(started))[0] for _ in range(20)])
    assert struck[0] == struck[1] and {200, 500} == set(struck[0])


# starting and stopping


async def test_changed_store_is_never_taken_up_silently(tmp_path: Path) -> None:
    options = CourtOptions(seed=7, scale=SCALE, folder=tmp_path)
    steps: list[tuple[int, int]] = []
    court = await start_court(replace(options, progress=lambda done, total: steps.append((done, total))))
    await court.close()
    assert steps and steps[-1][0] == steps[-1][1]
    steps.clear()
    court = await start_court(replace(options, progress=lambda done, total: steps.append((done, total))))
    assert steps == [], "an untouched store is used again"
    await court.desk.advance(3600)
    await court.close()
    with pytest.raises(ConfigurationError):
        await start_court(options)
    court = await start_court(replace(options, keep=True))
    assert court.desk.now == datetime(2024, 8, 1, 9, 30)
    await court.close()
    court = await start_court(replace(options, keep=False))
    assert court.desk.now == datetime(2024, 8, 1, 8, 30)
    await court.close()


async def test_later_start_has_lived_through_the_time_between(start: Callable[..., Any]) -> None:
    hub: Hub = await start()
    later: Hub = await start(start_clock=datetime(2024, 8, 4, 8, 30))
    await hub.advance(days=3)
    assert await hub.control("view") == await later.control("view")
    with pytest.raises(ConfigurationError):
        await start_court(CourtOptions(scale=SCALE, start_clock=datetime(2024, 7, 1)))


async def test_failed_start_leaves_nothing_behind(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    taken = URL(hub.court.base_url).port or 0
    with pytest.raises(ConfigurationError, match="not free"):
        await start_court(CourtOptions(scale=SCALE, port=taken))
    starting = asyncio.ensure_future(start_court(CourtOptions(scale=2)))
    await asyncio.sleep(0.2)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert list(tmp_path.iterdir()) == []


async def test_serving_runs_until_cancelled() -> None:
    ready: asyncio.Future[RunningCourt] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve_court(CourtOptions(scale=SCALE), ready.set_result))
    court = await ready
    assert court.base_url.startswith("http://127.0.0.1:") and court.control_url.startswith(court.base_url)
    assert court.secret not in repr(court)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert not court.desk.store.path.exists()
