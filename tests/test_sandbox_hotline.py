"""The simulated hotline over real HTTP: every rule of its wire, its webhooks, every fault, a life that goes on."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import orjson
import pytest
from aiohttp import web

from connectors.sandbox import hotline_files, hotline_hooks
from connectors.sandbox.county import County
from connectors.sandbox.digests import sm3
from connectors.sandbox.hotline import HotlineOptions, RunningHotline, serve_hotline, start_hotline
from connectors.sandbox.hotline_files import DISGUISED, FINE, MISSING, OVERSIZED, condition
from connectors.sandbox.hotline_orders import FIELDS, working_days_later
from connectors.sandbox.hotline_sign import hmac_sm3
from connectors.sandbox.routes import HOTLINE, POLICE
from hub.errors import ConfigurationError

CENTRE = "620725190000"
BEGIN = "2024-01-01 00:00:00"
ITEM = [
    "id", "workordercode", "orderNum", "a5Num", "orderType", "source", "urgency", "contractorCode", "contractorName",
    "streetCode", "caller", "callerPhone", "callerIdNo", "contactNumber", "respondent", "respondentPhone", "title",
    "content", "address", "areaCode", "problemId", "problemName", "repeated", "repeatedCode", "state",
    "districtStatus", "streetStatus", "dispatchtime", "signBy", "backBy", "processlimited", "signTime", "endTime",
    "straight", "confidential", "needVisit", "successSolve", "successVisit", "visitFailReason", "satisfaction",
    "replyFit", "replyContent", "attachments", "sourceJjdbh", "transferJjdbh", "createdAt", "updatedAt",
]  # fmt: skip
DONE = {"success": True, "code": 10000, "message": "ok"}

Answer = Callable[[dict[str, Any]], Awaitable[web.Response]]


@dataclass
class Receiver:
    """A hub's webhook address that notes what came."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answer: Answer | None = None

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.got.append((dict(request.headers), body))
        if self.answer is not None:
            return await self.answer(orjson.loads(body))
        return web.json_response(DONE)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [orjson.loads(body) for _, body in self.got]


@dataclass
class Hub:
    """A plain client of the wire, signing as the documents say."""

    hotline: RunningHotline
    http: aiohttp.ClientSession
    sign_type: str = ""
    changed: dict[str, str] = field(default_factory=dict)
    ts_shift_s: float = 0
    serial: int = 0

    def headers(self, body: bytes) -> dict[str, str]:
        ts, nonce = str(int((time.time() + self.ts_shift_s) * 1000)), secrets.token_hex(16)
        ts, nonce = self.changed.get("X-Timestamp", ts), self.changed.get("X-Nonce", nonce)
        message = f"{self.hotline.app_id}{ts}{nonce}".encode() + body
        key = self.hotline.secret.encode()
        sign = hmac_sm3(key, message) if self.sign_type else hmac.new(key, message, hashlib.sha256).hexdigest()
        found = {"X-App-Id": self.hotline.app_id, "X-Timestamp": ts, "X-Nonce": nonce, "X-Sign": sign}
        if self.sign_type:
            found["X-Sign-Type"] = self.sign_type
        return found | self.changed

    async def get(self, path: str, **query: object) -> dict[str, Any]:
        params = {name: str(value) for name, value in query.items()}
        async with self.http.get(self.hotline.base_url + path, params=params, headers=self.headers(b"")) as answer:
            assert answer.status == 200
            reply: dict[str, Any] = await answer.json()
            return reply

    async def raw(self, verb: str, body: bytes) -> bytes:
        address = f"{self.hotline.base_url}/order/{verb}"
        async with self.http.post(address, data=body, headers=self.headers(body)) as answer:
            assert answer.status == 200
            return await answer.read()

    async def call(self, verb: str, code: str = "", **fields: object) -> dict[str, Any]:
        self.serial += 1
        usual: dict[str, Any] = {"requestId": f"R{self.serial}", "at": "2024-08-01 09:00:00"}
        if verb != "create":
            usual["workordercode"] = code
        further: dict[str, dict[str, Any]] = {
            "sign": {"signer": "王调解"},
            "return": {"reasonCode": "01", "reason": "非本单位职责"},
            "extend": {"processlimited": "2024-09-30", "reason": "当事人外出"},
            "conclude": {"successSolve": "1", "replyContent": "已达成协议", "agreementNo": "X1"},
            "create": {"orderType": "投诉", "title": "欠薪", "content": "工资未付"},
        }
        reply: dict[str, Any] = orjson.loads(await self.raw(verb, orjson.dumps(usual | further[verb] | fields)))
        return reply

    async def code_of(self, verb: str, code: str = "", **fields: Any) -> int:
        return int((await self.call(verb, code, **fields))["code"])

    async def everything(self, size: int = 200, **query: object) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        updated_from, after_id = BEGIN, 0
        while True:
            page = await self.get("/order/list", updatedFrom=updated_from, afterId=after_id, size=size, **query)
            assert page["code"] == 10000, page
            assert page["pageInfo"]["size"] == size
            rows += page["resultData"]
            if not page["pageInfo"]["hasMore"]:
                return rows
            updated_from, after_id = rows[-1]["updatedAt"], rows[-1]["id"]

    async def order(self, code: str) -> dict[str, Any]:
        reply = await self.get(f"/order/{code}")
        assert reply["code"] == 10000, reply
        item: dict[str, Any] = reply["resultData"]
        return item

    async def control(self, do: str, **further: object) -> Any:
        async with self.http.post(self.hotline.control_url, json={"do": do} | further) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def advance(self, **span: float) -> None:
        await self.control("advance", seconds=int(timedelta(**span).total_seconds()))

    async def added(self, **fields: object) -> str:
        """A complaint dispatched to the centre now."""
        made = await self.control("add", count=1, set=fields)
        return str(made["added"][0]["native_id"])

    async def history(self) -> list[dict[str, Any]]:
        return [row for row in await self.everything() if row["contractorCode"] == CENTRE]


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Any]]:
    """Starts hotlines and closes them at the end of the test."""
    hubs: list[Hub] = []

    async def begin(**options: Any) -> Hub:
        hotline = await start_hotline(HotlineOptions(**({"seed": 7, "scale": 0.05} | options)))
        hubs.append(Hub(hotline, aiohttp.ClientSession()))
        return hubs[-1]

    yield begin
    for hub in hubs:
        await hub.http.close()
        await hub.hotline.close()


@pytest.fixture
async def hub(start: Callable[..., Any]) -> Hub:
    started: Hub = await start()
    return started


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    server = web.Application()
    server.add_routes([web.post("/hooks/hotline", found.handle)])
    runner = web.AppRunner(server)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks/hotline"
    yield found
    await runner.cleanup()


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(300):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("waited in vain")


async def settled(hub: Hub) -> list[dict[str, Any]]:
    """Every event once none waits any more."""
    for _ in range(300):
        events: list[dict[str, Any]] = (await hub.control("webhooks"))["events"]
        if all(event["state"] != "waiting" for event in events):
            return events
        await asyncio.sleep(0.01)
    raise AssertionError("an event still waits")


# 4.1 signatures


async def test_both_kinds_of_signature_are_understood(hub: Hub) -> None:
    assert (await hub.get("/order/list", updatedFrom=BEGIN))["code"] == 10000
    hub.sign_type = "SM3"
    code = await hub.added()
    assert (await hub.get("/order/list", updatedFrom=BEGIN))["code"] == 10000
    assert await hub.code_of("sign", code) == 10000


def test_hmac_sm3_is_rfc_2104() -> None:
    for key in (b"k", b"k" * 64, b"k" * 65):
        long = bytes.fromhex(sm3(key)) if len(key) > 64 else key
        inner = bytes(b ^ 0x36 for b in long.ljust(64, b"\0"))
        outer = bytes(b ^ 0x5C for b in long.ljust(64, b"\0"))
        assert hmac_sm3(key, b"message") == sm3(outer + bytes.fromhex(sm3(inner + b"message")))
    if "sm3" in hashlib.algorithms_available:
        assert hmac_sm3(b"key", b"message") == hmac.new(b"key", b"message", "sm3").hexdigest()


async def test_wrong_credentials_are_code_10001(hub: Hub) -> None:
    for wrong in (
        {"X-Sign": "0" * 64}, {"X-Sign": ""}, {"X-App-Id": "somebody"}, {"X-Sign-Type": "SM3"},
        {"X-Sign-Type": "MD5"}, {"X-Timestamp": "soon"}, {"X-Nonce": "short"}, {"X-Nonce": "g" * 32},
    ):  # fmt: skip
        hub.changed = wrong
        refused = await hub.get("/order/list", updatedFrom=BEGIN)
        assert refused["code"] == 10001 and refused["success"] is False and refused["resultData"] is None, wrong
        assert await hub.code_of("sign", "GS1") == 10001, wrong


@pytest.mark.parametrize(("shift", "code"), [(-295, 10000), (295, 10000), (-310, 10001), (310, 10001)])
async def test_request_time_may_be_off_by_300_seconds(hub: Hub, shift: int, code: int) -> None:
    hub.ts_shift_s = shift
    assert (await hub.get("/order/list", updatedFrom=BEGIN))["code"] == code


async def test_a_nonce_is_good_once_in_600_seconds(start: Callable[..., Any]) -> None:
    now = [time.time()]
    hub: Hub = await start(transport_clock=lambda: now[0])
    hub.changed = {"X-Nonce": "a" * 32}
    answers = []
    for step_s in (0, 1, 598, 2):
        now[0] += step_s
        hub.changed["X-Timestamp"] = str(int(now[0] * 1000))
        answers.append((await hub.get("/order/list", updatedFrom=BEGIN))["code"])
    assert answers == [10000, 10001, 10001, 10000]


async def test_a_forged_request_does_not_use_up_a_nonce(hub: Hub) -> None:
    hub.changed = {"X-Nonce": "b" * 32, "X-Sign": "0" * 64}
    assert (await hub.get("/order/list", updatedFrom=BEGIN))["code"] == 10001
    del hub.changed["X-Sign"]
    assert (await hub.get("/order/list", updatedFrom=BEGIN))["code"] == 10000


# 4.4 list, 4.5 items


@pytest.mark.parametrize("size", [7, 200])
async def test_paging_by_key_reaches_every_order_once(hub: Hub, size: int) -> None:
    rows = await hub.everything(size)
    pairs = [(row["updatedAt"], row["id"]) for row in rows]
    assert pairs == sorted(set(pairs))
    assert {row["workordercode"] for row in rows} == {key["native_id"] for key in await hub.control("view")}
    assert all(list(row) == ITEM == list(FIELDS) for row in rows)


async def test_the_pair_is_compared_strictly_and_the_id_defaults_to_zero(hub: Hub) -> None:
    rows = await hub.everything()
    middle = rows[len(rows) // 2]
    inclusive = await hub.get("/order/list", updatedFrom=middle["updatedAt"], size=1)
    assert inclusive["resultData"][0]["id"] == middle["id"]
    assert inclusive["pageInfo"] == {"size": 1, "hasMore": True}
    after = await hub.get("/order/list", updatedFrom=middle["updatedAt"], afterId=middle["id"], size=1)
    assert after["resultData"][0]["id"] == rows[len(rows) // 2 + 1]["id"]
    none = await hub.get("/order/list", updatedFrom="2030-01-01 00:00:00")
    assert none["resultData"] == [] and none["pageInfo"] == {"size": 200, "hasMore": False}


async def test_keys_alone_are_the_digest(hub: Hub) -> None:
    keys = await hub.everything(fields="key")
    assert keys == [{n: row[n] for n in ("workordercode", "id", "updatedAt")} for row in await hub.everything()]


async def test_bad_parameters_are_code_10002(hub: Hub) -> None:
    queries: tuple[dict[str, str], ...] = (
        {}, {"updatedFrom": "2024-01-01"}, {"updatedFrom": BEGIN, "size": "201"}, {"updatedFrom": BEGIN, "size": "0"},
        {"updatedFrom": BEGIN, "afterId": "x"}, {"updatedFrom": BEGIN, "afterId": "-1"},
        {"updatedFrom": BEGIN, "fields": "all"},
    )  # fmt: skip
    for query in queries:
        assert (await hub.get("/order/list", **query))["code"] == 10002, query


async def test_unknown_order_is_code_20001(hub: Hub) -> None:
    assert (await hub.get("/order/GS20240101999999"))["code"] == 20001


async def test_orders_have_the_shapes_of_the_documents(hub: Hub) -> None:
    stamp, day = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", r"\d{4}-\d\d-\d\d"
    rows = await hub.everything()
    for row in rows:
        assert re.fullmatch(r"GS\d{14}", row["workordercode"]) and row["a5Num"] == row["workordercode"]
        assert row["orderType"] in ("投诉", "诉求", "追办", "咨询", "建议")
        assert isinstance(row["id"], int) and isinstance(row["state"], int) and row["state"] == row["districtStatus"]
        assert "" not in row.values()
        dispatched = row["dispatchtime"] is not None
        names = ("orderNum", "contractorCode", "backBy", "signBy", "processlimited", "streetStatus")
        assert all((row[name] is not None) == dispatched for name in names)
        for name in ("dispatchtime", "signBy", "backBy", "signTime", "endTime", "createdAt", "updatedAt"):
            assert row[name] is None or re.fullmatch(stamp, row[name])
        assert row["processlimited"] is None or re.fullmatch(day, row["processlimited"])
        assert (row["repeated"] == "1") == (row["repeatedCode"] is not None)
    assert any(row["orderNum"] and row["orderNum"] != row["workordercode"] for row in rows)
    assert any(row["streetStatus"] not in (None, row["districtStatus"]) for row in rows)
    kinds = {row["orderType"] for row in rows}
    assert kinds >= {"投诉", "诉求", "咨询", "建议"}
    others = [row for row in rows if row["contractorCode"] not in (None, CENTRE)]
    assert len(others) > 100 and {row["state"] for row in others} >= {2, 3, 6, 9}
    assert any(row["respondent"] is None and row["orderType"] == "诉求" for row in rows)


@pytest.mark.parametrize(("seed", "scale"), [(7, "1"), (3, "0.1")])
async def test_golden_counts(start: Callable[..., Any], seed: int, scale: str) -> None:
    hub: Hub = await start(seed=seed, scale=scale)
    expected = {"1": (492, 430), "0.1": (49, 43)}[scale]
    count = await hub.control("count")
    assert (count["referrals"], count["settled"]) == expected
    assert await hub.control("count", **{"from": "2024-08-01", "to": "2025-01-01"}) == {"referrals": 0, "settled": 0}
    ours = [row for row in await hub.history() if BEGIN <= row["dispatchtime"] < "2024-08-01"]
    assert (len(ours), sum(row["successSolve"] == "1" for row in ours)) == expected
    assert all(row["state"] in (6, 7, 9) and row["updatedAt"] < "2024-08-01" for row in ours)
    if scale == "1":
        assert "追办" in {row["orderType"] for row in await hub.everything()}
        assert len(await hub.everything()) == 7400


async def test_same_seed_and_scale_give_the_same_orders(start: Callable[..., Any]) -> None:
    first, second, other = await start(), await start(seed="7"), await start(seed=8)
    assert await first.control("view") == await second.control("view") != await other.control("view")
    await first.advance(days=4)
    for _ in range(8):
        await second.advance(hours=12)
    assert await first.control("view") == await second.control("view")


# 4.8 the 110 link


async def test_110_numbers_are_those_of_the_same_quarrel(start: Callable[..., Any]) -> None:
    hub: Hub = await start(scale=0.3)
    rows = {row["workordercode"]: row for row in await hub.everything()}
    sources, transfers, repeats = {}, {}, {}
    for quarrel in County(7, 0.3).history():
        for matter in quarrel.matters:
            for reference in (ref for ref in matter.references if ref.is_structured):
                if (matter.instance, reference.instance) == (HOTLINE, POLICE):
                    sources[matter.native_id] = reference.number
                elif (matter.instance, reference.instance) == (POLICE, HOTLINE):
                    transfers[reference.number] = matter.native_id
                elif (matter.instance, reference.instance) == (HOTLINE, HOTLINE):
                    repeats[matter.native_id] = reference.number
    for name, expected in (("sourceJjdbh", sources), ("transferJjdbh", transfers), ("repeatedCode", repeats)):
        assert expected and {code: row[name] for code, row in rows.items() if row[name]} == expected
    assert set(repeats.values()) <= set(rows)
    assert {row["source"] for row in rows.values() if row["sourceJjdbh"]} == {"110"}


# 4.9 masking and attachments


async def test_an_archived_order_shows_masked_phones_and_ever_new_addresses(hub: Hub) -> None:
    code = await hub.added(attachments=["1.png", "2.pdf"])
    before, again = await hub.order(code), await hub.order(code)
    assert before == again and before["callerPhone"] == "13900000001"
    await hub.control("edit", native_id=code, set={"state": 9, "districtStatus": 9})
    first, second = await hub.order(code), await hub.order(code)
    for name in ("callerPhone", "contactNumber", "respondentPhone"):
        assert re.fullmatch(r"139\*{4}000[12]", first[name])
    assert first["attachments"] != second["attachments"]
    paths = [[urlsplit(url).path for url in row["attachments"].split(",")] for row in (before, first, second)]
    assert paths[0] == paths[1] == paths[2] and len(paths[0]) == 2
    assert {k: v for k, v in first.items() if k != "attachments"} == {
        k: v for k, v in second.items() if k != "attachments"
    }


async def test_attachments_are_served_some_missing_oversized_or_disguised(
    start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hotline_files, "OVERSIZED_BYTES", 2 * 1024**2)
    now = [time.time()]
    hub: Hub = await start(transport_clock=lambda: now[0])
    names = [f"{n}.png" for n in range(120)] + ["9.pdf"]
    code = await hub.added(attachments=names)
    urls = dict(zip(names, (await hub.order(code))["attachments"].split(","), strict=True))
    found = {state: next(n for n in names if condition(code, n) == state) for state in (MISSING, OVERSIZED, DISGUISED)}
    found[FINE] = next(n for n in names if condition(code, n) == FINE)

    async def read(url: str) -> tuple[int, str, bytes]:
        async with hub.http.get(url) as answer:
            return answer.status, answer.content_type, await answer.read()

    status, kind, body = await read(urls[found[FINE]])
    assert (status, kind) == (200, "image/png") and body.startswith(b"\x89PNG\r\n\x1a\n")
    assert (await read(urls[found[MISSING]]))[0] == 404
    assert len((await read(urls[found[OVERSIZED]]))[2]) == 2 * 1024**2
    assert (await read(urls[found[DISGUISED]]))[2].startswith(b"<html>")
    good = urls[found[FINE]]
    assert (await read(good.replace("token=", "token=0")))[0] == 403
    assert (await read(good.split("?")[0]))[0] == 403
    await hub.control("misbehave", mode="expire")
    assert ((await read(good))[0], (await read(good))[0]) == (403, 200)
    expires = int(parse_qs(urlsplit(good).query)["expires"][0])
    assert expires - now[0] >= 1800
    now[0] = expires + 1
    assert (await read(good))[0] == 403


async def test_the_history_has_attachments(hub: Hub) -> None:
    rows = [row for row in await hub.everything() if row["attachments"]]
    assert len(rows) > 5 and any("," in row["attachments"] for row in rows)
    assert all(url.startswith(hub.hotline.base_url) for row in rows for url in row["attachments"].split(","))


# 4.6 calls


async def test_an_order_goes_from_dispatch_to_conclusion(hub: Hub) -> None:
    code = await hub.added()
    before = await hub.order(code)
    await hub.advance(minutes=5)
    signed = await hub.call("sign", code)
    assert signed["resultData"] == {
        "receiptNo": signed["resultData"]["receiptNo"], "workordercode": code, "state": 2, "at": "2024-08-01 08:35:00",
    }  # fmt: skip
    assert (signed["success"], signed["code"], signed["message"], signed["pageInfo"]) == (
        True, 10000, "操作成功!", None,
    )  # fmt: skip
    after = await hub.order(code)
    assert (after["state"], after["signTime"], after["updatedAt"]) == (2, "2024-08-01 08:35:00", "2024-08-01 08:35:00")
    assert before["updatedAt"] < after["updatedAt"]
    assert (await hub.call("extend", code, processlimited="2024-09-10"))["resultData"]["state"] == 4
    assert (await hub.order(code))["processlimited"] == "2024-09-10"
    assert (await hub.call("conclude", code, successSolve=2))["resultData"]["state"] == 6
    ended = await hub.order(code)
    assert (ended["successSolve"], ended["replyContent"], ended["endTime"]) == (
        "2", "已达成协议", "2024-08-01 08:35:00",
    )  # fmt: skip
    assert [p["path"] for p in await hub.control("pushes")] == ["/order/sign", "/order/extend", "/order/conclude"]


async def test_a_repeat_is_answered_byte_for_byte_and_other_content_is_refused(hub: Hub) -> None:
    code = await hub.added()
    body = {"requestId": "K1", "workordercode": code, "signer": "王", "at": "2024-08-01 08:31:00"}
    first = await hub.raw("sign", orjson.dumps(body))
    await hub.call("conclude", code)
    await hub.advance(days=2)
    reordered = orjson.dumps(dict(reversed(body.items())))
    assert first == await hub.raw("sign", orjson.dumps(body)) == await hub.raw("sign", reordered)
    assert await hub.code_of("sign", code, requestId="K1", signer="李") == 20004
    assert await hub.code_of("conclude", code, requestId="K1") == 20004
    assert await hub.code_of("create", requestId="K1") == 20004


async def test_a_refused_call_does_not_use_up_its_request_id(hub: Hub) -> None:
    code = await hub.added()
    assert await hub.code_of("conclude", code, requestId="K2") == 20002
    await hub.call("sign", code)
    assert await hub.code_of("conclude", code, requestId="K2") == 10000


@pytest.mark.parametrize(
    ("verb", "states"),
    [("sign", {1, 8}), ("return", {1, 2}), ("extend", {2, 3, 4}), ("conclude", {2, 3, 4})],
)
async def test_calls_are_allowed_in_these_states_only(hub: Hub, verb: str, states: set[int]) -> None:
    for state in range(11):
        code = await hub.added(state=state, districtStatus=state)
        assert await hub.code_of(verb, code) == (10000 if state in states else 20002)


async def test_a_return_after_its_deadline_is_code_20003(hub: Hub) -> None:
    code = await hub.added()
    back_by = datetime.fromisoformat((await hub.order(code))["backBy"])
    left_s = (back_by - datetime(2024, 8, 1, 8, 30)).total_seconds()
    await hub.advance(seconds=left_s - 1)
    assert await hub.code_of("return", await hub.added(backBy=back_by.strftime("%Y-%m-%d %H:%M:%S"))) == 10000
    await hub.advance(seconds=1)
    assert await hub.code_of("return", code) == 20003
    assert await hub.code_of("sign", code) == 10000
    assert await hub.code_of("return", code) == 20003


async def test_history_others_orders_and_unknown_ones_are_refused(hub: Hub) -> None:
    before, rows = await hub.control("view"), await hub.everything()
    old = next(row["workordercode"] for row in rows if row["contractorCode"] == CENTRE)
    other = next(row["workordercode"] for row in rows if row["contractorCode"] not in (None, CENTRE))
    nobodys = next(row["workordercode"] for row in rows if row["contractorCode"] is None)
    expected = {old: 20002, other: 20005, nobodys: 20005, "GS20240101999999": 20001}
    for code, refusal in expected.items():
        assert {await hub.code_of(verb, code) for verb in ("sign", "return", "extend", "conclude")} == {refusal}
    assert await hub.control("view") == before


async def test_bad_calls_are_code_10002(hub: Hub) -> None:
    calls: tuple[tuple[str, dict[str, Any]], ...] = (
        ("sign", {"requestId": ""}), ("sign", {"workordercode": None}), ("sign", {"signer": None}),
        ("sign", {"at": "2024-08-01"}), ("sign", {"signer": ["王"]}), ("return", {"reasonCode": "04"}),
        ("return", {"reason": ""}), ("extend", {"processlimited": "2024-09-10 10:00:00"}),
        ("extend", {"processlimited": "20240910"}), ("extend", {"processlimited": "2024-08-02"}),
        ("conclude", {"successSolve": "3"}), ("conclude", {"successSolve": True}), ("conclude", {"replyContent": ""}),
    )  # fmt: skip
    code = await hub.added(state=2, districtStatus=2)
    before = await hub.order(code)
    for verb, wrong in calls:
        assert await hub.code_of(verb, code, **wrong) == 10002, (verb, wrong)
    assert await hub.order(code) == before


async def test_bodies_that_are_no_objects_are_code_10002(hub: Hub) -> None:
    for body in (b"", b"{", b"[]", b"\xff"):
        assert orjson.loads(await hub.raw("sign", body))["code"] == 10002


@pytest.mark.parametrize(
    ("where", "state", "is_ours"), [("elsewhere", 1, False), ("centre", 1, True), ("closed", 9, True)]
)
async def test_a_returned_order_goes_where_the_dispatcher_decides(
    hub: Hub, receiver: Receiver, where: str, state: int, is_ours: bool
) -> None:
    await hub.control("webhooks", url=receiver.url)
    await hub.control("desk", about="return", answer=where)
    code = await hub.added()
    assert (await hub.call("return", code))["resultData"]["state"] == 10
    assert await hub.code_of("sign", code) == 20002
    await hub.advance(hours=2, minutes=1) if where != "closed" else await hub.advance(days=2)
    order = await hub.order(code)
    assert (order["state"], order["contractorCode"] == CENTRE) == (state, is_ours)
    await settled(hub)
    told = [event["seq"] for event in receiver.events if event["workordercode"] == code]
    assert told == ([1, 2] if where == "centre" else [1])
    assert await hub.code_of("sign", code) == {"centre": 10000, "elsewhere": 20005, "closed": 20002}[where]


# 4.12 create


async def test_a_created_order_is_listed_at_once_and_goes_to_another_contractor(hub: Hub, receiver: Receiver) -> None:
    await hub.control("webhooks", url=receiver.url)
    made = await hub.call(
        "create", requestId="C1", problemId="2402", areaCode="620725101001", caller="甲", callerPhone="13911112222"
    )
    code = made["resultData"]["workordercode"]
    assert re.fullmatch(r"GS20240801\d{6}", code) and made["resultData"]["state"] == 0
    order = await hub.order(code)
    assert (order["source"], order["problemName"], order["state"], order["respondent"]) == (
        "综治中心", "追索劳动报酬纠纷", 0, None,
    )  # fmt: skip
    for name in ("orderNum", "contractorCode", "backBy", "processlimited"):
        assert order[name] is None
    assert await hub.code_of("sign", code) == 20005
    assert await hub.call(
        "create", requestId="C1", problemId="2402", areaCode="620725101001", caller="甲", callerPhone="13911112222",
        respondent="", address=None,
    ) == made  # fmt: skip
    assert await hub.code_of("create", requestId="C1", title="别的") == 20004
    await hub.advance(hours=4)
    assert (await hub.order(code))["contractorCode"] not in (None, CENTRE)
    await hub.advance(days=40)
    assert (await hub.order(code))["state"] == 9
    assert code not in {event["workordercode"] for event in receiver.events}


async def test_a_bad_creation_is_code_10002(hub: Hub) -> None:
    for wrong in (
        {"orderType": "咨询"},
        {"title": ""},
        {"content": None},
        {"at": ""},
        {"areaCode": "6207"},
        {"areaCode": "62072x"},
    ):
        assert await hub.code_of("create", **wrong) == 10002, wrong


async def test_an_unknown_problem_is_kept_without_name(hub: Hub) -> None:
    made = await hub.call("create", problemId="9999")
    order = await hub.order(made["resultData"]["workordercode"])
    assert (order["problemId"], order["problemName"]) == ("9999", None)


# 4.2, 4.3 and 4.10 webhooks


def checked(hotline: RunningHotline, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """The event, its signature proved."""
    ts, nonce = headers["X-Timestamp"], headers["X-Nonce"]
    message = f"{hotline.webhook_app_id}{ts}{nonce}".encode() + body
    key = hotline.webhook_secret.encode()
    is_sm3 = headers.get("X-Sign-Type") == "SM3"
    assert headers["X-App-Id"] == hotline.webhook_app_id
    assert headers["X-Sign"] == (
        hmac_sm3(key, message) if is_sm3 else hmac.new(key, message, hashlib.sha256).hexdigest()
    )
    assert re.fullmatch(r"[0-9a-f]{32}", nonce) and abs(int(ts) / 1000 - time.time()) < 60
    event: dict[str, Any] = orjson.loads(body)
    return event


@pytest.mark.parametrize("sign_type", ["", "SM3"])
async def test_a_dispatch_is_told_signed_and_with_the_whole_order(
    start: Callable[..., Any], receiver: Receiver, sign_type: str
) -> None:
    hub: Hub = await start(webhook_url=receiver.url, webhook_sign_type=sign_type)
    code = await hub.added(attachments=["1.png"])
    await until(lambda: len(receiver.got) == 1)
    headers, body = receiver.got[0]
    assert headers.get("X-Sign-Type", "") == sign_type
    event = checked(hub.hotline, headers, body)
    assert list(event) == ["workordercode", "event", "seq", "occurredAt", "data", "order"]
    assert event | {"order": None} == {
        "workordercode": code, "event": "派单", "seq": 1, "occurredAt": "2024-08-01 08:30:00",
        "data": {"contractorCode": CENTRE}, "order": None,
    }  # fmt: skip
    assert event["order"] == await hub.order(code)
    [told] = await settled(hub)
    assert (told["state"], [a["outcome"] for a in told["attempts"]]) == ("delivered", ["delivered"])


async def test_a_follow_up_comes_a_day_after_the_conclusion(hub: Hub, receiver: Receiver) -> None:
    await hub.control("webhooks", url=receiver.url)
    await hub.control("desk", about="visit", answer="1")
    code = await hub.added()
    await hub.call("sign", code)
    await hub.call("conclude", code)
    await settled(hub)
    assert [event["event"] for event in receiver.events] == ["派单"]
    await hub.advance(seconds=86399)
    assert (await hub.order(code))["state"] == 6
    await hub.advance(seconds=1)
    await settled(hub)
    [visit] = [event for event in receiver.events if event["workordercode"] == code and event["seq"] > 1]
    assert (visit["event"], visit["occurredAt"]) == ("回访", "2024-08-02 08:30:00")
    assert visit["data"]["successSolve"] == "1" and visit["data"]["successVisit"] == "1"
    assert set(visit["data"]) == {"successVisit", "successSolve", "visitFailReason", "satisfaction"}
    assert visit["order"]["state"] == 7
    await hub.advance(days=4)
    assert (await hub.order(code))["state"] == 9


async def test_an_unsolved_follow_up_sends_the_order_back_to_work(hub: Hub, receiver: Receiver) -> None:
    await hub.control("webhooks", url=receiver.url)
    await hub.control("desk", about="visit", answer="0", times=1)
    code = await hub.added()
    for _ in range(2):
        assert await hub.code_of("sign", code) == 10000
        assert await hub.code_of("conclude", code) == 10000
        await hub.advance(days=1)
    await settled(hub)
    told = sorted((e for e in receiver.events if e["workordercode"] == code), key=lambda event: int(event["seq"]))
    assert [(e["event"], e["seq"]) for e in told] == [("派单", 1), ("回访", 2), ("派单", 3), ("回访", 4)]
    assert told[1]["data"]["successSolve"] == "0" and told[1]["occurredAt"] == told[2]["occurredAt"]
    assert told[1]["order"] == told[2]["order"] and told[2]["order"]["state"] == 8
    assert told[2]["order"]["backBy"] > told[0]["order"]["backBy"]
    assert told[2]["order"]["dispatchtime"] == told[0]["order"]["dispatchtime"]
    assert (await hub.order(code))["state"] == 7


async def test_a_caller_who_is_not_reached_changes_no_result(hub: Hub) -> None:
    await hub.control("desk", about="visit", answer="unreached")
    code = await hub.added()
    await hub.call("sign", code)
    await hub.call("conclude", code)
    await hub.advance(days=1)
    order = await hub.order(code)
    assert (order["state"], order["successVisit"], order["successSolve"]) == (7, "0", "1")
    assert order["visitFailReason"] and order["satisfaction"] is None


async def test_who_lets_limits_pass_is_urged_three_times(hub: Hub, receiver: Receiver) -> None:
    await hub.control("webhooks", url=receiver.url)
    code = await hub.added()
    await hub.advance(days=40)
    await settled(hub)
    told = [e for e in receiver.events if e["workordercode"] == code and e["event"] == "催办"]
    assert sorted(e["data"]["level"] for e in told) == [1, 2, 3]
    assert all(isinstance(e["data"]["content"], str) for e in told)
    limits = {e["data"]["level"]: e["occurredAt"] for e in told}
    assert limits[1] > (await hub.order(code))["signBy"] and limits[2][:10] > (await hub.order(code))["processlimited"]


async def test_events_can_be_caused_and_have_rising_numbers(hub: Hub, receiver: Receiver) -> None:
    await hub.control("webhooks", url=receiver.url)
    code = await hub.added()
    await hub.control("event", native_id=code, event="追办", data={"content": "请尽快"})
    await hub.control("event", native_id=code, event="催办", data={"level": 2, "content": "超期"})
    events = await settled(hub)
    assert [(e["event"], e["seq"]) for e in events] == [("派单", 1), ("追办", 2), ("催办", 3)]
    assert {tuple(e["data"]) for e in receiver.events} == {("contractorCode",), ("content",), ("level", "content")}


async def test_history_tells_nothing_and_nobody_is_told_without_address(hub: Hub, receiver: Receiver) -> None:
    assert (await hub.control("webhooks"))["events"] == []
    await hub.added()
    assert [e["state"] for e in await settled(hub)] == ["unsent"]
    await hub.control("webhooks", url=receiver.url)
    await hub.added()
    assert [e["state"] for e in await settled(hub)] == ["unsent", "delivered"]
    assert len(receiver.got) == 1


async def test_an_undelivered_event_is_sent_again_five_times_and_then_given_up(
    start: Callable[..., Any], receiver: Receiver
) -> None:
    hub: Hub = await start(webhook_url=receiver.url, resend_factor=2e-6)
    refusals: list[web.Response] = [
        web.json_response(DONE, status=500), web.json_response(DONE | {"code": 10001}),
        web.json_response(DONE | {"success": False}), web.Response(text="ok"), web.json_response([]),
        web.Response(status=302, headers={"Location": receiver.url}),
    ]  # fmt: skip

    async def refuse(_: dict[str, Any]) -> web.Response:
        return refusals[len(receiver.got) - 1]

    receiver.answer = refuse
    await hub.added()
    [told] = await settled(hub)
    assert told["state"] == "given up"
    assert [a["outcome"] for a in told["attempts"]] == [
        "HTTP 500", "refused", "refused", "no JSON", "refused", "HTTP 302",
    ]  # fmt: skip
    assert len({body for _, body in receiver.got}) == 1
    assert len({headers["X-Nonce"] for headers, _ in receiver.got}) == 6
    times = [a["at"] for a in told["attempts"]]
    minutes = [(later - earlier) / 2e-6 / 60 for earlier, later in pairwise(times)]
    assert all(m >= least for m, least in zip(minutes, (1, 5, 30, 120, 720), strict=True))


async def test_an_answer_must_come_in_time(
    hub: Hub, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, start: Callable[..., Any]
) -> None:
    assert hotline_hooks.ANSWER_LIMIT_S == 3
    monkeypatch.setattr(hotline_hooks, "ANSWER_LIMIT_S", 0.1)
    quick: Hub = await start(webhook_url=receiver.url, resend_factor=1e-6)

    async def slow_once(_: dict[str, Any]) -> web.Response:
        await asyncio.sleep(0.3 if len(receiver.got) == 1 else 0)
        return web.json_response(DONE)

    receiver.answer = slow_once
    await quick.added()
    [told] = await settled(quick)
    assert [a["outcome"] for a in told["attempts"]] == ["timeout", "delivered"]


async def test_waiting_events_survive_a_restart(start: Callable[..., Any], receiver: Receiver, tmp_path: Path) -> None:
    first: Hub = await start(folder=tmp_path, webhook_url="http://127.0.0.1:9/none", resend_factor=1e-4)
    await first.added()
    for _ in range(100):
        if (await first.control("webhooks"))["events"][0]["attempts"]:
            break
        await asyncio.sleep(0.01)
    await first.hotline.close()
    second: Hub = await start(folder=tmp_path, keep=True, webhook_url=receiver.url, resend_factor=1e-4)
    [told] = await settled(second)
    assert [a["outcome"] for a in told["attempts"]][0 :: len(told["attempts"]) - 1] == ["no connection", "delivered"]


async def test_webhooks_misbehave_as_told(hub: Hub, receiver: Receiver) -> None:
    await hub.control("webhooks", url=receiver.url)
    await hub.control("misbehave", mode="duplicate", on="webhook")
    await hub.added()
    await settled(hub)
    assert len(receiver.got) == 2 and receiver.got[0][1] == receiver.got[1][1]
    assert receiver.got[0][0]["X-Nonce"] != receiver.got[1][0]["X-Nonce"]
    await hub.control("misbehave", mode="gap", on="webhook")
    await hub.added()
    assert [e["state"] for e in await settled(hub)] == ["delivered", "dropped"]
    receiver.got.clear()
    await hub.control("misbehave", mode="delay", on="webhook", seconds=0.2)
    late, prompt = await hub.added(), await hub.added()
    await settled(hub)
    assert [e["workordercode"] for e in receiver.events] == [prompt, late]
    receiver.got.clear()
    await hub.control("misbehave", mode="reorder", on="webhook", times=-1)
    await hub.control("add", count=12)
    await settled(hub)
    codes = [e["workordercode"] for e in receiver.events]
    assert len(codes) == 12 and codes != sorted(codes)
    await hub.control("misbehave", mode="skew", on="webhook", seconds=1000)
    await hub.added()
    await settled(hub)
    assert int(receiver.got[-1][0]["X-Timestamp"]) / 1000 > time.time() + 900


# the county lives on


async def test_new_orders_arrive_and_the_centres_own_are_told(hub: Hub, receiver: Receiver) -> None:
    await hub.control("webhooks", url=receiver.url)
    before = {row["workordercode"] for row in await hub.everything()}
    await hub.advance(days=25)
    rows = {row["workordercode"]: row for row in await hub.everything()}
    new = [row for code, row in rows.items() if code not in before]
    assert len(new) > 20 and all(row["createdAt"] >= "2024-08-01 08:30:00" for row in new)
    assert Counter(row["state"] for row in new)[9] > 5
    events = await settled(hub)
    ours = [row for row in new if row["contractorCode"] == CENTRE]
    assert ours and {e["workordercode"] for e in events} == {row["workordercode"] for row in ours}
    # nothing is concluded that we did not conclude
    assert all(row["state"] == 1 and row["successSolve"] is None for row in ours)
    scripts = {
        m.native_id: h.at
        for day in range(25)
        for q in County(7, 0.05).arrivals(datetime(2024, 8, 1).date() + timedelta(day), only=HOTLINE)
        for m in q.matters
        for h in m.hand_overs
        if m.instance == HOTLINE and h.is_to_centre
    }
    assert all(row["dispatchtime"] == str(scripts[row["workordercode"]]) for row in ours)


def test_limits_count_working_days() -> None:
    friday = datetime(2024, 8, 2, 16)
    assert working_days_later(friday, 1) == datetime(2024, 8, 5, 16)
    assert working_days_later(friday, 5) == datetime(2024, 8, 9, 16)


# control and faults


async def test_edits_additions_and_deletions_show_on_the_wire(hub: Hub) -> None:
    await hub.advance(seconds=60)
    edited = (await hub.control("edit", count=5, seed="e"))["edited"]
    assert {key["version"] for key in edited} == {"2024-08-01 08:31:00"}
    for key in edited:
        assert (await hub.order(key["native_id"]))["updatedAt"] == "2024-08-01 08:31:00"
    code = edited[0]["native_id"]
    await hub.control("edit", native_id=code, set={"content": "改", "updatedAt": "2024-03-01 00:00:00"})
    [view] = await hub.control("view", native_id=code, rows=True)
    assert (view["version"], view["row"]["content"], view["native_no"]) == ("2024-03-01 00:00:00", "改", "")
    gone = (await hub.control("delete", count=2, seed="d"))["deleted"]
    assert {(await hub.get(f"/order/{key['native_id']}"))["code"] for key in gone} == {20001}
    assert (await hub.control("clock"))["clock"] == "2024-08-01 08:31:00"


async def test_a_wrong_command_is_refused(hub: Hub) -> None:
    commands: tuple[dict[str, Any], ...] = (
        {"do": "sing"}, {"do": "misbehave", "mode": "sing"}, {"do": "misbehave", "mode": "html", "on": "webhook"},
        {"do": "edit", "native_id": "GS1", "set": {}}, {"do": "advance", "seconds": -1}, {"do": "advance"},
        {"do": "desk", "about": "visit", "answer": "3"}, {"do": "webhooks", "signType": "MD5"},
        {"do": "add", "count": 1, "set": {"colour": "red"}}, {"do": "event", "native_id": "GS1", "event": "回访"},
        {"do": "webhooks", "url": 7}, {"do": "webhooks", "factor": -1},
    )  # fmt: skip
    before = await hub.control("view")
    for command in commands:
        async with hub.http.post(hub.hotline.control_url, json=command) as answer:
            assert answer.status == 400 and (await answer.json())["error"], command
    assert await hub.control("view") == before


async def test_pages_misbehave_as_told(hub: Hub) -> None:
    whole = await hub.everything(fields="key")
    first = whole[:200]

    async def page() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await hub.get("/order/list", updatedFrom=BEGIN, fields="key"))["resultData"]
        return rows

    await hub.control("misbehave", mode="duplicate")
    assert len(await page()) == 201
    await hub.control("misbehave", mode="gap")
    assert len(await page()) == 199
    await hub.control("misbehave", mode="partial")
    assert await page() == first[:100]
    await hub.control("misbehave", mode="reorder")
    shuffled = await page()
    assert shuffled != first and sorted(shuffled, key=lambda row: (row["updatedAt"], row["id"])) == first
    assert await page() == first
    before = await hub.control("view")
    await hub.control("misbehave", mode="unknown")
    await hub.get("/order/list", updatedFrom=BEGIN)
    [odd] = [key for key in await hub.control("view") if key not in before]
    shown = (await hub.get(f"/order/{odd['native_id']}"))["resultData"]
    assert (shown["problemId"], shown["updatedAt"]) == ("XX99", odd["version"])
    await hub.control("misbehave", mode="vanish")
    await hub.get("/order/list", updatedFrom=BEGIN)
    assert len(await hub.control("view")) == len(before) - 1
    await hub.control("misbehave", mode="encoding")
    async with hub.http.get(
        f"{hub.hotline.base_url}/order/list", params={"updatedFrom": BEGIN}, headers=hub.headers(b"")
    ) as answer:
        assert answer.charset == "utf-8"
        assert "投诉" in (await answer.read()).decode("gb18030")


@pytest.mark.parametrize(("mode", "status"), [("500", 500), ("html", 502), ("429", 429)])
async def test_whole_answers_fail_as_told(start: Callable[..., Any], mode: str, status: int) -> None:
    hub: Hub = await start(misbehave={mode: 1})
    url = f"{hub.hotline.base_url}/order/list"
    async with hub.http.get(url, params={"updatedFrom": BEGIN}, headers=hub.headers(b"")) as answer:
        assert answer.status == status and answer.content_type == "text/html"
        assert ("Retry-After" in answer.headers) == (mode == "429")
    assert (await hub.get("/order/list", updatedFrom=BEGIN))["code"] == 10000


async def test_a_lost_answer_was_done_and_a_repeat_finds_it(hub: Hub) -> None:
    code = await hub.added()
    await hub.control("misbehave", mode="lost")
    body = orjson.dumps({"requestId": "L1", "workordercode": code, "signer": "王", "at": "2024-08-01 08:31:00"})
    url = f"{hub.hotline.base_url}/order/sign"
    async with hub.http.post(url, data=body, headers=hub.headers(body)) as answer:
        assert answer.status == 502
    assert (await hub.order(code))["state"] == 2
    assert orjson.loads(await hub.raw("sign", body))["code"] == 10000
    for mode in ("cut", "outage"):
        await hub.control("misbehave", mode=mode)
        with pytest.raises(aiohttp.ClientError):
            await hub.raw("sign", body)


async def test_both_clocks_can_be_wrong(hub: Hub) -> None:
    await hub.control("misbehave", mode="skew", seconds=-600)
    code = await hub.added()
    assert (await hub.order(code))["updatedAt"] == "2024-08-01 08:20:00"
    await hub.control("misbehave", mode="skew", clock="transport", seconds=400)
    assert (await hub.get("/order/list", updatedFrom=BEGIN))["code"] == 10001
    assert (await hub.get("/order/list", updatedFrom=BEGIN))["code"] == 10000


# the store


async def test_a_changed_store_is_never_reused_silently(start: Callable[..., Any], tmp_path: Path) -> None:
    first: Hub = await start(folder=tmp_path)
    fresh = await first.control("view")
    code = await first.added()
    await first.hotline.close()
    with pytest.raises(ConfigurationError):
        await start(folder=tmp_path)
    kept: Hub = await start(folder=tmp_path, keep=True)
    assert (await kept.order(code))["state"] == 1
    await kept.hotline.close()
    anew: Hub = await start(folder=tmp_path, keep=False)
    assert await anew.control("view") == fresh


async def test_a_later_start_lives_through_the_time_before(start: Callable[..., Any]) -> None:
    later, moved = await start(start_clock=datetime(2024, 8, 4, 9)), await start()
    await moved.advance(days=3, minutes=30)
    assert await later.control("view") == await moved.control("view")
    with pytest.raises(ConfigurationError):
        await start(start_clock=datetime(2024, 7, 1))


async def test_serving_ends_when_cancelled() -> None:
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        serve_hotline(HotlineOptions(scale=0.01), lambda hotline: ready.set_result(hotline.base_url))
    )
    async with aiohttp.ClientSession() as http, http.get(f"{await ready}/order/list") as answer:
        assert (await answer.json())["code"] == 10001
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientConnectionError):
            await http.get(ready.result())
