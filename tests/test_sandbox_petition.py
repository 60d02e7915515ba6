"""The simulated petition office over real HTTP: every rule of its wire, every fault, and a life that goes on."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from connectors.sandbox.county import County
from connectors.sandbox.petition import PetitionOptions, RunningPetition, serve_petition, start_petition
from connectors.sandbox.petition_faults import OFFICE_MODES
from hub.errors import ConfigurationError
from hub.vocabulary import county_tables

CENTRE = "620725190000"
SCALE = 0.3
EVER = {"from": "2023-01-01 00:00:00", "to": "2099-01-01 00:00:00"}
ROW_KEYS = ["xfjbh", "gxsj", "hash", "xfj", "xfr", "blfss"]
XFJ_KEYS = [
    "xfjbh", "xfxs", "xfrq", "djsj", "djjgdm", "djjgmc", "wtsddm", "wtsd", "nrfldm", "xfmddm", "xfyydm", "xfnr",
    "bfyr", "bfyrzjhm", "xfrs", "sjrs", "xfjzt", "blfs", "qxjg", "blsj", "xbjzrq", "lzjzsj", "bjbz", "bjsj", "hjbz",
    "fcbz", "fhbz", "dbbz", "cfxfbz", "REPEATED_ID", "sfssbz", "jabz", "yybz", "zdjjbz", "sksflbz", "nmbz", "cxm",
    "hfbz", "myd", "sjjhzt",
]  # fmt: skip
FLAGS = (
    "bjbz", "fcbz", "fhbz", "dbbz", "cfxfbz", "sfssbz", "jabz", "yybz", "zdjjbz", "sksflbz", "nmbz", "hfbz",
)  # fmt: skip
STEP_KEYS = ["blfs", "qxjg", "blyj", "blsj", "czjg"]
XFR_KEYS = ["xm", "xb", "zjhm", "lxdh", "zz"]
STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
DATE = r"\d{4}-\d\d-\d\d"
Row = dict[str, Any]


@dataclass
class Hub:
    """A plain client of the wire, as the documents say."""

    office: RunningPetition
    http: aiohttp.ClientSession
    secret: str

    async def raw(self, path: str, data: object) -> tuple[int, str, bytes, dict[str, str]]:
        text = data if isinstance(data, str) else orjson.dumps(data).decode()
        form = {"httpRequestVerify": hashlib.md5(self.secret.encode()).hexdigest(), "jsonData": text}
        async with self.http.post(f"{self.office.base_url}/obtainData/{path}", data=form) as response:
            body = await response.read()
            return response.status, response.headers["Content-Type"], body, dict(response.headers)

    async def ask(self, path: str, data: object) -> dict[str, Any]:
        status, content_type, body, _ = await self.raw(path, data)
        assert (status, content_type) == (200, "application/json; charset=utf-8")
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            assert path == "obtainJsonData"
            text = body.decode("gb18030")
        reply: dict[str, Any] = orjson.loads(text)
        assert isinstance(reply["code"], str)
        return reply

    async def data(self, path: str, data: object) -> Any:
        reply = await self.ask(path, data)
        assert (reply["code"], reply["msg"]) == ("200", "成功")
        return reply["data"]

    async def obtain(self) -> list[Row]:
        return list(await self.data("obtainJsonData", {}))

    async def everything(self) -> list[Row]:
        """All rows that wait; afterwards none does."""
        rows: list[Row] = []
        while page := await self.obtain():
            rows += page
        return rows

    async def listed(self, **window: str) -> list[Row]:
        return list(await self.data("list", EVER | window))

    async def one(self, xfjbh: str) -> Row:
        row: Row = await self.data("one", {"xfjbh": xfjbh})
        return row

    async def push(self, *items: Row) -> tuple[list[str], list[str], dict[str, str]]:
        """(success, conflict, failReason by failId)."""
        reply = await self.ask("pushJsonData", list(items))
        assert list(reply) == ["code", "msg", "successStr", "conflictStr", "failSituationList"]
        assert reply["code"] == "200"
        failed = {entry["failId"]: entry["failReason"] for entry in reply["failSituationList"]}
        return *(reply[name].split(",") if reply[name] else [] for name in ("successStr", "conflictStr")), failed

    async def control(self, do: str, **further: object) -> Any:
        async with self.http.post(self.office.control_url, json={"do": do} | further) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def advance(self, **span: float) -> None:
        await self.control("advance", seconds=int(timedelta(**span).total_seconds()))

    async def rows(self) -> list[Row]:
        return [key["row"] for key in await self.control("view", rows=True)]

    async def referred(self, count: int = 1) -> list[str]:
        """So many letters that have just been handed to the centre."""
        routing = {"blfs": "02", "qxjg": CENTRE, "blsj": "2024-08-01 08:30:00", "xfjzt": "02"}
        return [key["native_id"] for key in (await self.control("add", count=count, set=routing))["added"]]


def step(xfjbh: str, number: int, blfs: str, **further: str) -> Row:
    """An item of pushJsonData."""
    fields = {"blfs": blfs, "dftype": "", "hjbz": "", "blyj": "意见", "blsj": "2024-08-02 09:00:00", "xysbh": ""}
    if blfs == "14":
        fields |= {"dftype": "1", "hjbz": "1"}
    if blfs == "13":
        fields |= {"xbjzrq": "2024-12-01"}
    return {"sxfjbh": f"{xfjbh}-{number:02d}", "xfj": {"xfjbh": xfjbh}, "xfr": [], "blfss": [fields | further]}


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Any]]:
    """Starts offices and closes them at the end of the test."""
    hubs: list[Hub] = []

    async def begin(**options: Any) -> Hub:
        office = await start_petition(PetitionOptions(**({"seed": 7, "scale": SCALE} | options)))
        hub = Hub(office, aiohttp.ClientSession(), office.secret)
        hubs.append(hub)
        return hub

    yield begin
    for hub in hubs:
        await hub.http.close()
        await hub.office.close()


@pytest.fixture
async def hub(start: Callable[..., Any]) -> Hub:
    started: Hub = await start()
    return started


# 3.1, 3.2: form and codes


@pytest.mark.parametrize("path", ["obtainJsonData", "list", "one", "pushJsonData"])
async def test_wrong_verify_is_401_and_garbage_400_and_nothing_is_done(hub: Hub, path: str) -> None:
    good: object = {"obtainJsonData": {}, "list": EVER, "one": {"xfjbh": "x"}, "pushJsonData": []}[path]
    hub.secret = "guess"
    assert (await hub.ask(path, good))["code"] == "401"
    hub.secret = hub.office.secret
    assert (await hub.ask(path, "{oops"))["code"] == "400"
    assert (await hub.ask(path, ""))["code"] == "400"
    assert (await hub.ask(path, "7"))["code"] == "400"
    address = f"{hub.office.base_url}/obtainData/{path}"
    async with hub.http.post(address, json={"jsonData": "{}"}) as response:
        assert (await response.json())["code"] == "400"
    async with hub.http.get(address) as response:
        assert response.status == 405
    assert all(row["xfj"]["sjjhzt"] == "0" for row in await hub.rows())


async def test_form_is_decoded_whatever_its_spelling(hub: Hub) -> None:
    verify = hashlib.md5(hub.secret.encode()).hexdigest()
    window = "%7B%22from%22:%222024-01-01+00%3a00:00%22,%22to%22:%222024-02-01%2000:00:00%22}"
    body = f"jsonData={window}&httpRequestVerify={verify}"
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
    async with hub.http.post(f"{hub.office.base_url}/obtainData/list", data=body.encode(), headers=headers) as response:
        assert (await response.json())["code"] == "200"


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("list", {}), ("list", {"from": "2024-01-01 00:00:00"}), ("list", EVER | {"to": "2024-01-01"}),
        ("one", {}), ("one", {"xfjbh": 5}), ("one", {"xfjbh": "a", "sxfjbh": "a-01"}), ("obtainJsonData", []),
        ("pushJsonData", {}), ("pushJsonData", [1]), ("pushJsonData", [{}] * 201),
    ],
)  # fmt: skip
async def test_jsonData_of_the_wrong_shape_is_400(hub: Hub, path: str, wrong: object) -> None:
    assert (await hub.ask(path, wrong))["code"] == "400"


# 3.3 to 3.6, 3.12 to 3.14: rows


async def test_every_row_has_every_field_as_a_string(start: Callable[..., Any]) -> None:
    hub: Hub = await start(scale=1)
    rows = await hub.everything()
    assert len(rows) == 480
    codes = {code.code for code in county_tables().native_codes if code.system == "petition"}
    for row in rows:
        assert list(row) == ROW_KEYS and list(row["xfj"]) == XFJ_KEYS
        assert re.fullmatch(r"XF620725\d{8}\d{5}", row["xfjbh"]) and row["xfj"]["xfjbh"] == row["xfjbh"]
        assert re.fullmatch(STAMP, row["gxsj"]) and re.fullmatch(r"[0-9a-f]{32}", row["hash"])
        assert row["xfr"] and all(list(one) == XFR_KEYS for one in row["xfr"])
        assert len(row["blfss"]) == 1 and list(row["blfss"][0]) == STEP_KEYS
        xfj = row["xfj"]
        for part in (xfj, *row["xfr"], *row["blfss"]):
            assert all(isinstance(value, str) for value in part.values())
        assert all(xfj[flag] in ("0", "1") for flag in FLAGS)
        assert re.fullmatch(DATE, xfj["xfrq"]) and re.fullmatch(DATE, xfj["xbjzrq"])
        assert xfj["nrfldm"] in codes | {""} and re.fullmatch(r"620725(\d{3})?(\d{3})?", xfj["wtsddm"])
        assert re.fullmatch(rf"({STAMP})?", xfj["bjsj"]) and (xfj["bjsj"] != "") == (xfj["bjbz"] == "1")
        assert xfj["xfrq"] <= xfj["djsj"][:10] and (not xfj["blsj"] or xfj["blsj"] >= xfj["djsj"][:10])
        assert (xfj["blfs"] == "") == (xfj["xfjzt"] == "01") == (xfj["blsj"] == "")
        assert xfj["cfxfbz"] == ("1" if xfj["REPEATED_ID"] not in ("", row["xfjbh"]) else "0")
    seen = {name: {row["xfj"][name] for row in rows} for name in ("blfs", "xfjzt", "xfmddm", "xfxs", "myd", "hjbz")}
    assert seen["blfs"] == {"", "01", "02", "03", "04", "05"} and seen["xfmddm"] == {"01", "02", "03"}
    assert seen["xfjzt"] >= {"01", "02", "03", "04", "06", "07", "08", "09", "10"} and len(seen["xfxs"]) == 4
    assert seen["myd"] == {"", "0", "1", "3"} and seen["hjbz"] == {"", "0", "1"}
    for name in ("djsj", "blsj"):
        bare = [row for row in rows if re.fullmatch(DATE, row["xfj"][name])]
        assert 20 < len(bare) < 150, name
    assert {one["xb"] for row in rows for one in row["xfr"]} >= {"", "0", "1"}
    repeated = [row["xfj"]["REPEATED_ID"] for row in rows if row["xfj"]["cfxfbz"] == "1"]
    assert repeated and set(repeated) <= {row["xfjbh"] for row in rows}
    assert any(row["xfj"]["REPEATED_ID"] == row["xfjbh"] for row in rows)


async def test_sex_is_0_for_a_woman_and_1_for_a_man(hub: Hub) -> None:
    for row in await hub.rows():
        for one in row["xfr"]:
            # the 17th digit is odd for men; a masked or mistyped one tells nothing
            if re.fullmatch(r"\d{16}[0-9]\w", one["zjhm"]) and one["xm"][-1] in "伟强军勇芳娜敏静":
                assert one["xb"] == ("1" if one["xm"][-1] in "伟强军勇" else "0")


async def test_anonymous_letters_name_nobody(start: Callable[..., Any]) -> None:
    hub: Hub = await start(scale=1)
    rows = await hub.rows()
    anonymous = [row for row in rows if row["xfj"]["nmbz"] == "1"]
    assert {row["xfj"]["xfmddm"] for row in anonymous} == {"01", "02", "03"}
    for row in anonymous:
        assert row["xfr"] == [dict.fromkeys(XFR_KEYS, "")]
    named = [one for row in rows if row["xfj"]["nmbz"] == "0" for one in row["xfr"]]
    assert all(one["xm"] for one in named)
    ids = Counter("missing" if not o["zjhm"] else "masked" if "*" in o["zjhm"] else "told" for o in named)
    assert ids["missing"] and ids["masked"] and ids["told"] > 300


async def test_some_accusations_name_people_who_quarrel_elsewhere(start: Callable[..., Any]) -> None:
    hub: Hub = await start(scale=1)
    rows = {row["xfjbh"]: row for row in await hub.rows()}
    accusations = [row for row in rows.values() if row["xfj"]["xfmddm"] == "02"]
    complaints = [row for row in rows.values() if row["xfj"]["xfmddm"] == "03"]
    assert len(accusations) == 52 and all(row["xfj"]["qxjg"] != CENTRE for row in accusations)
    accused_elsewhere = {row["xfj"]["bfyrzjhm"] for row in complaints} - {""}
    assert sum(row["xfj"]["bfyrzjhm"] in accused_elsewhere for row in accusations) > 10
    names = [row["xfj"]["REPEATED_ID"] for row in accusations if row["xfj"]["cfxfbz"] == "1"]
    assert names and all(rows[name]["xfj"]["xfmddm"] == "03" for name in names)
    quoting = [row for row in accusations if re.search(r"(XF|J|GS)\d{14}", row["xfj"]["xfnr"])]
    assert any(row["xfj"]["nrfldm"] for row in quoting)
    assert any(row["xfj"]["bfyr"] and not row["xfj"]["bfyrzjhm"] for row in accusations)
    for row in quoting:
        for number in re.findall(r"XF\d{19}", row["xfj"]["xfnr"]):
            assert rows[number]["xfj"]["djsj"][:10] <= row["xfj"]["djsj"][:10]


# 3.4, 3.5: the golden counts


@pytest.mark.parametrize(
    ("seed", "scale", "expected"), [(7, 1, (480, 18, 18)), (11, 1, (480, 18, 18)), (7, 0.1, (48, 2, 2))]
)
async def test_golden_counts(start: Callable[..., Any], seed: int, scale: float, expected: tuple[int, ...]) -> None:
    hub: Hub = await start(seed=seed, scale=scale)
    assert tuple((await hub.control("count")).values()) == expected
    rows = [row["xfj"] for row in await hub.everything()]
    referred = [xfj for xfj in rows if xfj["blfs"] in ("01", "02") and xfj["qxjg"] == CENTRE]
    assert len(referred) == expected[1] and all("2024-01-01" <= x["djsj"][:10] < "2024-08-01" for x in referred)
    assert all("2024-01-01" <= xfj["blsj"][:10] < "2024-08-01" for xfj in referred)
    assert all((xfj["hjbz"], xfj["bjbz"]) == ("1", "1") and xfj["bjsj"] < "2024-08-01" for xfj in referred)
    # what must not count: another unit's settlements, and the centre named without a hand-over
    assert any(xfj["blfs"] == "01" and xfj["qxjg"] != CENTRE and xfj["hjbz"] == "1" for xfj in rows)
    assert scale < 1 or sum(xfj["blfs"] == "04" and xfj["qxjg"] == CENTRE for xfj in rows) > 5


async def test_same_seed_and_scale_give_byte_identical_rows(start: Callable[..., Any]) -> None:
    one, two, other = await start(), await start(), await start(seed=8)
    assert await one.control("view") == await two.control("view") != await other.control("view")
    assert (await one.raw("obtainJsonData", {}))[2] == (await two.raw("obtainJsonData", {}))[2]


async def test_the_letters_are_those_of_the_county(hub: Hub) -> None:
    told = {m.native_id: m for q in County(7, SCALE).history() for m in q.matters if m.instance == "petition"}
    rows = {row["xfjbh"]: row["xfj"] for row in await hub.rows()}
    assert set(rows) == set(told)
    for xfjbh, xfj in rows.items():
        matter = told[xfjbh]
        assert xfj["djsj"][:10] == matter.received_at.date().isoformat()
        assert xfj["xfmddm"] == {4: "02", 5: "01"}.get(matter.route, "03")
        if xfj["xfmddm"] == "03":
            assert (xfj["nrfldm"], matter.region_code.startswith(xfj["wtsddm"])) == (matter.native_code, True)


# 3.8 to 3.11: reading


async def test_reading_is_destructive_and_oldest_first_until_empty(start: Callable[..., Any]) -> None:
    hub: Hub = await start(scale=1)
    pages = [await hub.obtain() for _ in range(4)]
    assert [len(page) for page in pages] == [200, 200, 80, 0]
    rows = [row for page in pages for row in page]
    order = [(row["gxsj"], row["xfjbh"]) for row in rows]
    assert order == sorted(order) and len({xfjbh for _, xfjbh in order}) == 480
    assert all(row["xfj"]["sjjhzt"] == "20" for row in rows)
    [edited] = (await hub.control("edit", native_id=rows[5]["xfjbh"], set={"xfnr": "补充"}))["edited"]
    [again] = await hub.obtain()
    assert (again["xfjbh"], again["xfj"]["xfnr"], again["hash"]) == (edited["native_id"], "补充", edited["hash"])


async def test_list_and_one_agree_with_the_row_and_mark_nothing(hub: Hub) -> None:
    listed = await hub.listed()
    assert list(listed[0]) == ["xfjbh", "gxsj", "hash"]
    assert [(k["gxsj"], k["xfjbh"]) for k in listed] == sorted((k["gxsj"], k["xfjbh"]) for k in listed)
    before = {key["xfjbh"]: await hub.one(key["xfjbh"]) for key in listed[:20]}
    rows = {row["xfjbh"]: row for row in await hub.everything()}
    assert {k["xfjbh"]: (k["gxsj"], k["hash"]) for k in listed} == {
        x: (row["gxsj"], row["hash"]) for x, row in rows.items()
    }
    for xfjbh, shown in before.items():
        assert shown["xfj"]["sjjhzt"] == "0"
        assert shown | {"xfj": shown["xfj"] | {"sjjhzt": "20"}} == rows[xfjbh] == await hub.one(xfjbh)
    assert await hub.listed() == listed and await hub.obtain() == []


async def test_windows_of_the_list_are_half_open_and_deleted_rows_vanish(hub: Hub) -> None:
    listed = await hub.listed()
    third, fourth = listed[2], listed[3]
    assert third["gxsj"] < fourth["gxsj"]
    assert await hub.listed(**{"from": third["gxsj"], "to": fourth["gxsj"]}) == [third]
    await hub.control("delete", native_id=third["xfjbh"])
    assert await hub.listed(**{"from": third["gxsj"], "to": fourth["gxsj"]}) == []
    assert await hub.one(third["xfjbh"]) is None
    assert await hub.data("one", {"sxfjbh": f"{third['xfjbh']}-01"}) is None


async def test_now_and_then_an_answer_is_gb18030_by_itself(start: Callable[..., Any]) -> None:
    spellings: Counter[str] = Counter()
    hub: Hub = await start(scale=0.02)
    for number in range(60):
        await hub.control("add", count=1, set={"xfnr": f"䶮㛃𠅤{number}"})
        _, content_type, body, _ = await hub.raw("obtainJsonData", {})
        assert content_type == "application/json; charset=utf-8"
        try:
            text, spelling = body.decode("utf-8"), "utf-8"
        except UnicodeDecodeError:
            text, spelling = body.decode("gb18030"), "gb18030"
        assert number == 0 or f"䶮㛃𠅤{number}" in text
        spellings[spelling] += 1
    assert 1 <= spellings["gb18030"] <= 20


# 3.7, 3.8, 0.12, 0.13: pushes


async def test_result_is_success_and_shows_at_once(hub: Hub) -> None:
    [xfjbh] = await hub.referred()
    await hub.everything()
    assert await hub.push(step(xfjbh, 1, "11", blyj="收到", blsj="2024-08-01 10:00:00")) == ([f"{xfjbh}-01"], [], {})
    [signed] = await hub.everything()
    assert (signed["xfjbh"], signed["xfj"]["xfjzt"], signed["xfj"]["hjbz"]) == (xfjbh, "03", "")
    assert signed["blfss"] == [
        {"blfs": "11", "qxjg": CENTRE, "blyj": "收到", "blsj": "2024-08-01 10:00:00", "czjg": CENTRE}
    ]
    assert (await hub.push(step(xfjbh, 2, "13", xbjzrq="2024-11-30")))[0]
    [extended] = await hub.everything()
    assert (extended["xfj"]["xfjzt"], extended["xfj"]["xbjzrq"]) == ("07", "2024-11-30")
    assert (await hub.push(step(xfjbh, 3, "14", hjbz="0", dftype="0")))[0]
    [answered] = await hub.everything()
    xfj = answered["xfj"]
    assert (xfj["xfjzt"], xfj["hjbz"], xfj["bjbz"]) == ("08", "0", "0")
    assert (xfj["blfs"], xfj["qxjg"], xfj["blsj"]) == ("02", CENTRE, "2024-08-01 08:30:00")
    assert (await hub.push(step(xfjbh, 4, "14")))[0], "a second result corrects the first"
    assert (await hub.one(xfjbh))["xfj"]["hjbz"] == "1"
    await hub.advance(days=5)
    closed = (await hub.one(xfjbh))["xfj"]
    assert (closed["xfjzt"], closed["bjbz"], closed["bjsj"] > "2024-08-01") == ("09", "1", True)
    assert (await hub.push(step(xfjbh, 5, "11")))[0]
    assert (await hub.one(xfjbh))["xfj"]["xfjzt"] == "09", "a signature after the result means nothing"


async def test_declined_letter_is_the_offices_again(hub: Hub) -> None:
    [xfjbh] = await hub.referred()
    assert (await hub.push(step(xfjbh, 1, "12")))[0]
    row = await hub.one(xfjbh)
    assert (row["xfj"]["xfjzt"], row["xfj"]["qxjg"], row["blfss"][0]["blfs"]) == ("05", CENTRE, "12")
    assert await hub.push(step(xfjbh, 2, "14")) == ([], [], {f"{xfjbh}-02": "非本单位办理"})
    await hub.advance(days=4)
    row = await hub.one(xfjbh)
    assert (row["xfj"]["xfjzt"], row["xfj"]["qxjg"], row["blfss"][0]["blfs"]) == ("06", CENTRE, "05")
    await hub.advance(days=40)
    assert (await hub.one(xfjbh))["xfj"]["xfjzt"] == "09" and (await hub.one(xfjbh))["xfj"]["hjbz"] == ""


async def test_every_item_has_its_own_fate(hub: Hub) -> None:
    good, other, third = await hub.referred(3)
    rows = await hub.rows()
    advice = next(r["xfjbh"] for r in rows if r["xfj"]["blfs"] == "04" or r["xfj"]["qxjg"] not in ("", CENTRE))
    nobody = "XF6207252024080177777"
    none, two = step(good, 3, "11") | {"blfss": []}, step(good, 4, "11")
    two["blfss"] *= 2
    before = await hub.one(third)
    batch = [
        step(good, 1, "11"), step(good, 1, "11"), step(other, 1, "14"), step(advice, 1, "14"), step(nobody, 1, "11"),
        none, two, step(good, 5, "15"), step(good, 6, "14", hjbz=""), step(good, 7, "14", dftype="2"),
        step(good, 8, "13", xbjzrq="soon"), step(good, 9, "11", blsj=""), step(good, 10, "11") | {"xfj": {}},
        step(good, 11, "11") | {"sxfjbh": ""}, step(third, 1, "14") | {"sxfjbh": f"{third}-1"},
        step(third, 2, "14") | {"xfj": {"xfjbh": good}},
    ]  # fmt: skip
    success, conflict, failed = await hub.push(*batch)
    assert (success, conflict) == ([f"{good}-01", f"{other}-01"], [f"{good}-01"])
    assert failed == {
        f"{advice}-01": "非本单位办理", f"{nobody}-01": "信访件不存在",
        f"{good}-03": "blfss必须且只能有一条", f"{good}-04": "blfss必须且只能有一条",
        f"{good}-05": "字段缺失:blfs", f"{good}-06": "字段缺失:hjbz", f"{good}-07": "字段缺失:dftype",
        f"{good}-08": "字段缺失:xbjzrq", f"{good}-09": "字段缺失:blsj", f"{good}-10": "字段缺失:xfjbh",
        "": "字段缺失:sxfjbh", f"{third}-1": "字段缺失:sxfjbh", f"{third}-02": "字段缺失:xfjbh",
    }  # fmt: skip
    assert await hub.one(third) == before
    assert (await hub.push(step(good, 3, "11")))[0], "what failed is not held and may be pushed again"
    pushes = await hub.control("pushes")
    assert [len(push["body"]) for push in pushes] == [16, 1]
    assert pushes[0]["path"] == "/obtainData/pushJsonData" and pushes[0]["answer"]["successStr"].startswith(good)


async def test_conflict_shows_what_is_held_and_changes_nothing(hub: Hub) -> None:
    [xfjbh] = await hub.referred()
    item = step(xfjbh, 1, "14", xysbh="山综调1")
    assert (await hub.push(item))[0]
    before = await hub.one(xfjbh)
    assert await hub.push(item) == ([], [f"{xfjbh}-01"], {})
    assert await hub.push(step(xfjbh, 1, "14", hjbz="0")) == ([], [f"{xfjbh}-01"], {})
    assert await hub.push(step(xfjbh, 1, "99")) == ([], [f"{xfjbh}-01"], {})
    held = await hub.data("one", {"sxfjbh": f"{xfjbh}-01"})
    assert list(held) == ["sxfjbh", "hash", "item"] and held["item"] == item
    assert re.fullmatch(r"[0-9a-f]{32}", held["hash"]) and await hub.one(xfjbh) == before


async def test_push_about_history_is_receipted_and_changes_nothing(hub: Hub) -> None:
    rows = await hub.everything()
    ours = next(r for r in rows if r["xfj"]["blfs"] in ("01", "02") and r["xfj"]["qxjg"] == CENTRE)
    count = await hub.control("count")
    await hub.control("advance", seconds=5)
    items = [step(ours["xfjbh"], n, blfs, **more) for n, (blfs, more) in enumerate([("14", {"hjbz": "0"}), ("12", {})])]
    assert (await hub.push(*items))[0] == [f"{ours['xfjbh']}-00", f"{ours['xfjbh']}-01"]
    assert await hub.one(ours["xfjbh"]) == ours and await hub.control("count") == count
    assert (await hub.push(items[0]))[1] == [f"{ours['xfjbh']}-00"]


# the county lives on


async def test_life_does_not_depend_on_how_the_way_is_cut(start: Callable[..., Any]) -> None:
    one, two = await start(scale=1), await start(scale=1)
    await one.advance(days=20)
    for hours in [1] * 30 + [7] * 60 + [30]:
        await two.advance(hours=hours)
    ours = [row["xfjbh"] for row in await one.rows() if row["xfj"]["xfjzt"] == "02" and row["xfj"]["qxjg"] == CENTRE]
    assert ours
    for hub in (one, two):
        assert len((await hub.push(*(step(xfjbh, 1, "14") for xfjbh in ours)))[0]) == len(ours)
    await one.advance(days=20)
    for hours in [5] * 90 + [30]:
        await two.advance(hours=hours)
    assert await one.control("clock") == await two.control("clock")
    assert await one.control("view") == await two.control("view")


async def test_new_letters_arrive_are_routed_and_wait_for_the_centre(start: Callable[..., Any]) -> None:
    hub: Hub = await start(scale=1)
    old = {row["xfjbh"]: row for row in await hub.everything()}
    assert max(row["gxsj"] for row in old.values()) <= "2024-08-01 08:30:00"
    await hub.advance(days=45)
    rows = {row["xfjbh"]: row for row in await hub.everything()}
    new = {xfjbh: row for xfjbh, row in rows.items() if xfjbh not in old}
    assert 45 < len(new) < 45 * 4
    assert any(rows[xfjbh]["xfj"]["xfjzt"] != old[xfjbh]["xfj"]["xfjzt"] for xfjbh in rows if xfjbh in old)
    ours = {x: r for x, r in new.items() if r["xfj"]["blfs"] in ("01", "02") and r["xfj"]["qxjg"] == CENTRE}
    assert ours and all((r["xfj"]["xfjzt"], r["xfj"]["hjbz"]) == ("02", "") for r in ours.values())
    assert {row["xfj"]["xfmddm"] for row in new.values()} >= {"02", "03"}
    scripts = County(7, 1).scripts(date(2024, 8, 1), date(2024, 9, 15))
    assert set(ours) <= {script.native_id for script in scripts if script.instance == "petition"}
    assert await hub.control("count") == {"petitions": 480, "referred": 18, "settled": 18}
    later = await hub.control("count", **{"from": "2024-08-01", "to": "2025-01-01"})
    assert (later["petitions"], later["referred"], later["settled"]) == (len(new), len(ours), 0)


async def test_a_signed_letter_is_taken_in_hand_and_a_closed_one_asked_after(hub: Hub) -> None:
    letters = await hub.referred(12)
    await hub.push(*(step(xfjbh, 1, "11") for xfjbh in letters))
    await hub.advance(days=1)
    assert {(await hub.one(xfjbh))["xfj"]["xfjzt"] for xfjbh in letters} == {"06"}
    await hub.push(*(step(xfjbh, 2, "14") for xfjbh in letters))
    await hub.advance(days=20)
    ended = [(await hub.one(xfjbh))["xfj"] for xfjbh in letters]
    assert {xfj["xfjzt"] for xfj in ended} == {"09"}
    assert {xfj["hfbz"] for xfj in ended} == {"0", "1"} and {xfj["myd"] for xfj in ended} <= {"", "0", "1", "3"}


# 0.24: the control address


async def test_view_edit_add_and_delete(hub: Hub) -> None:
    await hub.everything()
    view = await hub.control("view")
    assert list(view[0]) == ["native_id", "native_no", "version", "hash"] and view[0]["native_no"] == ""
    await hub.advance(seconds=5)
    name = view[0]["native_id"]
    edited = await hub.control("edit", native_id=name, native_no="", set={"xfj": {"yybz": "1"}, "xfr": []})
    assert edited["edited"][0]["version"] == "2024-08-01 08:30:05" and edited["edited"][0]["hash"] != view[0]["hash"]
    [row] = await hub.everything()
    assert (row["xfjbh"], row["xfj"]["yybz"], row["xfr"]) == (name, "1", [])
    same = await hub.control("edit", native_id=name, set={"gxsj": "2024-07-01 00:00:00"})
    assert (same["edited"][0]["version"], same["edited"][0]["hash"]) == ("2024-07-01 00:00:00", row["hash"])
    await hub.control("delete", native_id=name)
    assert len((await hub.control("delete", count=5, seed="x"))["deleted"]) == 5
    assert len((await hub.control("add", count=300))["added"]) == 300
    assert len(await hub.control("view")) == len(view) - 6 + 300
    assert [len(await hub.obtain()) for _ in range(3)] == [200, 100, 0]


async def test_random_edits_are_seeded_and_move_the_stamp(start: Callable[..., Any]) -> None:
    one, two = await start(), await start()
    for hub in (one, two):
        await hub.everything()
        await hub.advance(hours=1)
        before = {key["native_id"]: key for key in await hub.control("view")}
        edited = (await hub.control("edit", count=60, seed="e"))["edited"]
        assert len({key["native_id"] for key in edited}) == 60
        for key in edited:
            assert key["hash"] != before[key["native_id"]]["hash"] and key["version"] == "2024-08-01 09:30:00"
        assert {row["xfjbh"] for row in await hub.everything()} >= {key["native_id"] for key in edited}
    assert await one.control("view") == await two.control("view")


@pytest.mark.parametrize(
    "wrong",
    [
        {"do": "dance"},
        {"do": "misbehave", "mode": "expire"},
        {"do": "misbehave", "mode": "gap", "on": "token"},
        {"do": "advance", "seconds": -1},
        {"do": "edit"},
        {"do": "edit", "native_id": "no", "set": {}},
        {"do": "edit", "count": 1, "set": {"nofield": 1}},
        {"do": "edit", "count": 1, "set": {"gxsj": "today"}},
        {"do": "edit", "count": 1, "set": {"yybz": 1}},
        {"do": "add", "rows": [{"xfjbh": "XF620725202312310000", "xfrs": 2}]},
        {"do": "edit", "count": 1, "set": {"blfss": []}},
        {"do": "edit", "count": 1, "set": {"xfjbh": "another"}},
        {"do": "delete", "count": 10**6},
    ],
)
async def test_wrong_commands_are_refused_and_change_nothing(hub: Hub, wrong: dict[str, object]) -> None:
    before = await hub.control("view")
    async with hub.http.post(hub.office.control_url, json=wrong) as response:
        assert response.status == 400 and (await response.json())["error"]
    assert await hub.control("view") == before


# 0.16, 0.24: misbehaviour


@pytest.mark.parametrize(("mode", "status"), [("500", 500), ("html", 502), ("429", 429)])
async def test_html_pages_mark_nothing(hub: Hub, mode: str, status: int) -> None:
    await hub.control("misbehave", mode=mode, times=2, seconds=3)
    for path in ("obtainJsonData", "list"):
        found = await hub.raw(path, {})
        assert (found[0], found[1].split(";")[0]) == (status, "text/html") and b"<html>" in found[2]
        assert found[3].get("Retry-After") == ("3" if mode == "429" else None)
    assert len(await hub.everything()) == 144


async def test_code_500_stores_and_marks_nothing(hub: Hub) -> None:
    [xfjbh] = await hub.referred()
    await hub.control("misbehave", mode="code500", times=2)
    assert (await hub.ask("obtainJsonData", {}))["code"] == "500"
    assert (await hub.ask("pushJsonData", [step(xfjbh, 1, "11")]))["code"] == "500"
    assert (await hub.push(step(xfjbh, 1, "11")))[0] and len(await hub.everything()) == 145


async def test_lost_rows_are_marked_and_lost_pushes_are_done(hub: Hub) -> None:
    [xfjbh] = await hub.referred()
    await hub.control("misbehave", mode="lost", times=1)
    assert (await hub.raw("obtainJsonData", {}))[0] == 502
    assert await hub.obtain() == [] and len(await hub.listed()) == 145
    await hub.control("misbehave", mode="lost", times=1)
    assert (await hub.raw("pushJsonData", [step(xfjbh, 1, "14")]))[0] == 502
    assert (await hub.one(xfjbh))["xfj"]["hjbz"] == "1"
    assert (await hub.push(step(xfjbh, 1, "14")))[1] == [f"{xfjbh}-01"]


async def test_cut_answers_break_off_after_the_rows_were_marked(hub: Hub) -> None:
    await hub.control("misbehave", mode="cut", on="pull")
    assert len(await hub.listed()) == 144
    with pytest.raises(aiohttp.ClientPayloadError):
        await hub.raw("obtainJsonData", {})
    assert await hub.obtain() == []


async def test_outage_breaks_the_connection_until_switched_off(hub: Hub) -> None:
    await hub.control("misbehave", mode="outage", times=-1)
    for path in ("obtainJsonData", "one"):
        with pytest.raises(aiohttp.ClientConnectionError):
            await hub.raw(path, {})
    await hub.advance(days=9)
    await hub.control("misbehave", mode="outage", times=0)
    assert len(await hub.everything()) > 144


async def test_gap_partial_duplicate_and_reorder_spoil_the_rows(hub: Hub) -> None:
    listed = {key["xfjbh"] for key in await hub.listed()}
    await hub.control("misbehave", mode="gap")
    assert len({row["xfjbh"] for row in await hub.obtain()}) == 143 and await hub.obtain() == []
    await hub.control("edit", count=10, seed="1", set={"jabz": "1"})
    await hub.control("misbehave", mode="partial")
    assert len(await hub.obtain()) == 5 and await hub.obtain() == []
    await hub.control("edit", count=10, seed="2", set={"jabz": "0"})
    await hub.control("misbehave", mode="duplicate")
    twice = [row["xfjbh"] for row in await hub.obtain()]
    assert (len(twice), len(set(twice))) == (11, 10)
    await hub.control("edit", count=20, seed="3", set={"jabz": "1"})
    await hub.control("misbehave", mode="reorder")
    order = [row["xfjbh"] for row in await hub.obtain()]
    assert order != sorted(order) and len(order) == 20
    assert {key["xfjbh"] for key in await hub.listed()} == listed


async def test_partial_batch_tells_of_half_of_its_items(hub: Hub) -> None:
    letters = await hub.referred(3)
    await hub.control("misbehave", mode="partial", times=1)
    items = [step(xfjbh, 1, "11") for xfjbh in letters]
    assert (await hub.push(items[0]))[0], "of one item there is no half"
    assert await hub.push(*items) == ([f"{letters[1]}-01"], [f"{letters[0]}-01"], {})
    assert (await hub.push(*items))[0] == [f"{letters[2]}-01"]


@pytest.mark.parametrize("mode", ["encoding", "gbk"])
async def test_encoding_mode_lies_about_the_charset(hub: Hub, mode: str) -> None:
    await hub.control("misbehave", mode=mode, times=1)
    _, content_type, body, _ = await hub.raw("obtainJsonData", {})
    assert content_type == "application/json; charset=utf-8"
    with pytest.raises(UnicodeDecodeError):
        body.decode("utf-8")
    assert len(orjson.loads(body.decode("gb18030"))["data"]) == 144
    await hub.control("edit", count=3, seed="1", set={"jabz": "1"})
    await hub.control("misbehave", mode=mode, times=1, **{"as": "broken"})
    _, _, body, _ = await hub.raw("obtainJsonData", {})
    for encoding in ("utf-8", "gb18030"):
        with pytest.raises(UnicodeDecodeError):
            body.decode(encoding)
    assert await hub.obtain() == []


async def test_unknown_code_is_the_offices_own_everywhere(hub: Hub) -> None:
    await hub.everything()
    await hub.control("edit", count=8, seed="1", set={"jabz": "1"})
    await hub.advance(seconds=10)
    await hub.control("misbehave", mode="unknown", field="xfjzt", value="99")
    rows = await hub.obtain()
    [odd] = [row for row in rows if row["xfj"]["xfjzt"] == "99"]
    assert len(rows) == 8 and odd["gxsj"] == "2024-08-01 08:30:10" and await hub.one(odd["xfjbh"]) == odd
    assert odd["hash"] in {key["hash"] for key in await hub.listed()}


async def test_a_letter_vanishes_without_a_word(hub: Hub) -> None:
    before = {key["native_id"] for key in await hub.control("view")}
    await hub.control("misbehave", mode="vanish")
    rows = await hub.obtain()
    after = {key["native_id"] for key in await hub.control("view")}
    [gone] = before - after
    assert gone not in {row["xfjbh"] for row in rows} and await hub.data("one", {"xfjbh": gone}) is None


async def test_an_outage_of_three_days_ends_by_itself_and_the_flood_follows(hub: Hub) -> None:
    await hub.everything()
    await hub.control("misbehave", mode="outage", times=-1, days=3)
    await hub.advance(days=2)
    with pytest.raises(aiohttp.ClientError):
        await hub.obtain()
    await hub.control("edit", count=5, seed="1")
    await hub.advance(days=1)
    assert len(await hub.obtain()) >= 5
    assert (await hub.control("misbehave"))["misbehaving"] == {}


async def test_a_stamp_never_goes_back(hub: Hub) -> None:
    await hub.control("misbehave", mode="skew", times=1, seconds=300)
    [ahead] = (await hub.control("edit", count=1, seed="1"))["edited"]
    [again] = (await hub.control("edit", count=1, seed="1"))["edited"]
    assert (ahead["version"], again["version"]) == ("2024-08-01 08:35:00", "2024-08-01 08:35:01")


async def test_skew_is_in_the_stamp_of_what_changes(hub: Hub) -> None:
    await hub.control("misbehave", mode="skew", times=1, seconds=-400)
    [late] = (await hub.control("edit", count=1, seed="1"))["edited"]
    [right] = (await hub.control("edit", count=1, seed="2"))["edited"]
    assert (late["version"], right["version"]) == ("2024-08-01 08:23:20", "2024-08-01 08:30:00")


async def test_delay_and_maintenance(hub: Hub) -> None:
    await hub.control("misbehave", mode="delay", times=1, seconds=0.2)
    began = time.monotonic()
    await hub.listed()
    assert time.monotonic() - began >= 0.2
    await hub.control("misbehave", mode="maintenance", times=-1)
    assert (await hub.raw("list", EVER))[0] == 200
    await hub.advance(hours=15, minutes=40)
    assert (await hub.raw("list", EVER))[0] == 503


async def test_modes_are_told_and_named_in_the_control_answer(hub: Hub) -> None:
    told = await hub.control("misbehave")
    assert told["modes"] == dict(OFFICE_MODES) and told["misbehaving"] == {}
    named = {"duplicate", "reorder", "gap", "partial", "cut", "lost", "500", "html", "429", "delay", "encoding"}
    assert set(told["modes"]) >= named | {"unknown", "skew", "outage"}


async def test_misbehaviour_may_be_on_from_the_start(start: Callable[..., Any]) -> None:
    hub: Hub = await start(misbehave={"html": 1})
    assert (await hub.raw("list", EVER))[0] == 502
    assert (await hub.raw("list", EVER))[0] == 200


# starting and stopping


async def test_store_is_kept_built_anew_or_refused(tmp_path: Path) -> None:
    options: dict[str, Any] = {"seed": 7, "scale": SCALE, "folder": tmp_path}
    steps: list[tuple[int, int]] = []
    first = await start_petition(PetitionOptions(**options, progress=lambda done, total: steps.append((done, total))))
    await first.close()
    assert steps[-1][0] == steps[-1][1]
    again = await start_petition(PetitionOptions(**options))
    hub = Hub(again, aiohttp.ClientSession(), again.secret)
    taken = await hub.everything()
    await hub.http.close()
    await again.close()
    with pytest.raises(ConfigurationError):
        await start_petition(PetitionOptions(**options))
    for keep, expected in ((True, 0), (False, len(taken))):
        office = await start_petition(PetitionOptions(**options, keep=keep))
        hub = Hub(office, aiohttp.ClientSession(), office.secret)
        assert len(await hub.everything()) == expected
        await hub.http.close()
        await office.close()


async def test_serve_tells_its_addresses_and_stops_when_cancelled() -> None:
    told: asyncio.Future[RunningPetition] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve_petition(PetitionOptions(scale=0.01, port=0), told.set_result))
    office = await told
    assert office.base_url.startswith("http://127.0.0.1:") and office.control_url.startswith(office.base_url)
    with pytest.raises(ConfigurationError):
        await start_petition(PetitionOptions(scale=0.01, port=int(office.base_url.rsplit(":", 1)[1])))
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving


async def test_a_later_start_lives_through_the_time_before(start: Callable[..., Any]) -> None:
    from connectors.sandbox.county import START

    late, moved = await start(start_clock=START + timedelta(days=9)), await start()
    await moved.advance(days=9)
    assert await late.control("view") == await moved.control("view")
    with pytest.raises(ConfigurationError):
        await start_petition(PetitionOptions(scale=0.01, start_clock=START - timedelta(seconds=1)))
