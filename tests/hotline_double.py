"""A small 12345 hotline of the tests' own: a table behind WIRES §4, as an HTTP server and as a wire without network.

Written from WIRES.md alone, apart from the sandbox, so that the connector is not proved against its sibling.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

import aiohttp
from aiohttp import web

from connectors.base import HttpAnswer, InstanceConfig
from hub.errors import TransientError
from hub.model import SHANGHAI
from hub.vocabulary import county_tables

CENTRE = "620725190000"
OTHER = "620725310000"
APP, SECRET = "hub", "s3cret-of-the-hub"
THEIR_APP, THEIR_SECRET, THEIR_OLD_SECRET = "hotline", "s3cret-of-theirs", "s3cret-of-last-year"


def config(**changes: Any) -> InstanceConfig:
    settings: dict[str, Any] = {
        "name": "hotline", "product": "hotline", "county": "620725", "centre_code": CENTRE,
        "live_from": datetime(2024, 8, 1, tzinfo=SHANGHAI), "tables": county_tables(), "app_id": APP, "secret": SECRET,
        "webhook_app_id": THEIR_APP, "webhook_secrets": (THEIR_SECRET, THEIR_OLD_SECRET),
    }  # fmt: skip
    return InstanceConfig(**{**settings, **changes})


def code(number: int) -> str:
    return f"GS20240612{number:06}"


def order(number: int = 1, updated: str = "2024-06-12 12:18:11", **fields: Any) -> dict[str, Any]:
    """An order with all its keys, as WIRES 4.5 lists them: a complaint nobody has yet."""
    plain: dict[str, Any] = {
        "id": number, "workordercode": code(number), "orderNum": None, "a5Num": code(number), "orderType": "投诉",
        "source": "电话", "urgency": "普通", "contractorCode": None, "contractorName": None, "streetCode": None,
        "caller": "王芳", "callerPhone": "13893612345", "callerIdNo": None, "contactNumber": "13893612345",
        "respondent": "李强", "respondentPhone": "13993654321", "title": "邻居排水", "content": "邻居把水排进我家院子",
        "address": "清泉镇东街村", "areaCode": "620725101202", "problemId": "2202",
        "problemName": "相邻用水、排水纠纷", "repeated": 0, "repeatedCode": None, "state": 0, "districtStatus": 0,
        "streetStatus": 0, "dispatchtime": None, "signBy": None, "backBy": None, "processlimited": None,
        "signTime": None, "endTime": None, "straight": 0, "confidential": 0, "needVisit": 1, "successSolve": None,
        "successVisit": None, "visitFailReason": None, "satisfaction": None, "replyFit": None, "replyContent": None,
        "attachments": None, "sourceJjdbh": None, "transferJjdbh": None, "createdAt": "2024-06-12 12:00:00",
        "updatedAt": updated,
    }  # fmt: skip
    if "state" in fields:
        fields.setdefault("districtStatus", fields["state"])
    return {**plain, **fields}


def dispatched(state: int = 1, **fields: Any) -> dict[str, Any]:
    """Fields of an order that the centre has."""
    return {
        "state": state, "districtStatus": state, "orderNum": "SD0001", "contractorCode": CENTRE,
        "contractorName": "山丹县综治中心", "dispatchtime": "2024-06-12 12:18:11", "processlimited": "2024-06-17",
        "backBy": "2024-06-13 12:18:11", **fields,
    }  # fmt: skip


def concluded(state: int = 6, solved: int | None = 1, **fields: Any) -> dict[str, Any]:
    """Fields of an order that the centre has dealt with."""
    times = {"signTime": "2024-06-12 15:00:00", "endTime": "2024-06-15 10:00:00", "successSolve": solved}
    return dispatched(state, **{**times, "replyContent": "双方已达成协议", **fields})


def webhook(told: Mapping[str, Any] | None, event: str, seq: int, at: str, **data: Any) -> bytes:
    """The body of one webhook."""
    number = told["workordercode"] if told else code(1)
    body = {"workordercode": number, "event": event, "seq": seq, "occurredAt": at, "data": data, "order": told}
    return json.dumps(body, ensure_ascii=False).encode()


def signed(body: bytes, *, secret: str = THEIR_SECRET, app: str = THEIR_APP, sm3: bool = False, ago_s: float = 0,
           nonce: str = "0123456789abcdef0123456789abcdef") -> dict[str, str]:  # fmt: skip
    """The headers the hotline sends with a body."""
    timestamp = str(int((time.time() - ago_s) * 1000))
    headers = {"X-App-Id": app, "X-Timestamp": timestamp, "X-Nonce": nonce, "Content-Type": "application/json"}
    if sm3:
        headers["X-Sign-Type"] = "SM3"
    message = (app + timestamp + nonce).encode() + body
    return headers | {"X-Sign": hmac.new(secret.encode(), message, "sm3" if sm3 else "sha256").hexdigest()}


@dataclass
class Hotline:
    """The table, its clock, and how it misbehaves: ``faults`` are taken one per request."""

    orders: list[dict[str, Any]] = field(default_factory=list)
    now: datetime = datetime(2024, 8, 1, 8, 30, tzinfo=SHANGHAI)
    #: each changes the answer or gives bytes in its place, or raises; None answers well
    faults: list[Callable[[Hotline, dict[str, Any]], Any] | None] = field(default_factory=list)
    sm3: bool = False
    #: pageInfo.size says how many rows there are instead of how many were asked for
    counts_rows: bool = False
    asked: list[dict[str, str]] = field(default_factory=list)
    nonces: set[str] = field(default_factory=set)

    def answer(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> bytes:
        """The whole answer's bytes, as a fault left them."""
        self.asked.append({"path": path, **query})
        envelope = self._checked(path, query, headers)
        fault = self.faults.pop(0) if self.faults else None
        spoiled = fault(self, envelope) if fault else None
        return spoiled if isinstance(spoiled, bytes) else json.dumps(envelope, ensure_ascii=False).encode()

    def _checked(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, Any]:
        given = {name.lower(): value for name, value in headers.items()}
        timestamp, nonce = given.get("x-timestamp", "0"), given.get("x-nonce", "")
        wanted = hmac.new(SECRET.encode(), f"{APP}{timestamp}{nonce}".encode(), "sm3" if self.sm3 else hashlib.sha256)
        is_fresh = abs(int(timestamp) - time.time() * 1000) <= 300_000 and nonce not in self.nonces
        is_type = given.get("x-sign-type") == ("SM3" if self.sm3 else None)
        self.nonces.add(nonce)
        if given.get("x-app-id") != APP or given.get("x-sign") != wanted.hexdigest() or not (is_fresh and is_type):
            return failure(10001)
        return self._list(query) if path == "/order/list" else self._one(unquote(path.removeprefix("/order/")))

    def _list(self, query: Mapping[str, str]) -> dict[str, Any]:
        size = int(query.get("size", "200"))
        if not 1 <= size <= 200:
            return failure(10002)
        behind = (query["updatedFrom"], int(query.get("afterId", "0")))
        found = sorted((o for o in self.orders if place(o) > behind), key=place)
        page = [self._shown(one) for one in found[:size]]
        if query.get("fields") == "key":
            page = [{name: one[name] for name in ("workordercode", "id", "updatedAt")} for one in page]
        info = {"size": len(page) if self.counts_rows else size, "hasMore": len(found) > size}
        return success(page, info)

    def _one(self, number: str) -> dict[str, Any]:
        found = next((one for one in self.orders if one["workordercode"] == number), None)
        return success(self._shown(found)) if found else failure(20001)

    def _shown(self, one: dict[str, Any]) -> dict[str, Any]:
        """WIRES 4.9: addresses expire, the archive hides numbers."""
        shown = dict(one)
        if shown.get("attachments"):
            shown["attachments"] = ",".join(f"{url}?e={len(self.asked)}" for url in shown["attachments"].split(","))
        if shown.get("state") == 9:
            for name in ("callerPhone", "contactNumber", "respondentPhone"):
                shown[name] = f"{shown[name][:3]}****{shown[name][-4:]}" if shown[name] else None
        return shown

    def edit(self, index: int, seconds: int = 1, **fields: Any) -> None:
        """Change an order: it moves to the clock's second."""
        self.now += timedelta(seconds=seconds)
        self.orders[index] = {**self.orders[index], "updatedAt": f"{self.now:%Y-%m-%d %H:%M:%S}", **fields}


def place(one: Mapping[str, Any]) -> tuple[str, int]:
    return str(one["updatedAt"]), int(one["id"])


def success(data: Any, info: Any = None) -> dict[str, Any]:
    return {"success": True, "code": 10000, "message": "操作成功!", "pageInfo": info, "resultData": data}


def failure(number: int) -> dict[str, Any]:
    return {"success": False, "code": number, "message": "张三 13800001234", "pageInfo": None, "resultData": None}


class Notes:
    def __init__(self) -> None:
        self.noted: list[str] = []

    def note(self, kind: str, hint: str = "") -> None:
        self.noted.append(kind)


class DirectWire(Notes):
    """The hotline without a network between."""

    def __init__(self, hotline: Hotline) -> None:
        super().__init__()
        self.hotline = hotline

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        assert method == "GET" and body is None
        return HttpAnswer(200, {}, self.hotline.answer(path, query or {}, headers or {}))


class AiohttpWire(Notes):
    """The contract of HttpWire in few lines, over a real connection."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        super().__init__()
        self._session, self._base_url = session, base_url

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        try:
            async with self._session.request(
                method, self._base_url + path, params=query, headers=headers, data=body
            ) as response:
                if response.status >= 500:
                    raise TransientError(f"HTTP {response.status}", kind="HTML_ANSWER")
                return HttpAnswer(response.status, {}, await response.read())
        except (TimeoutError, aiohttp.ClientError) as exc:
            raise TransientError("no whole answer", kind="CUT_ANSWER") from exc


@asynccontextmanager
async def served(hotline: Hotline) -> AsyncIterator[AiohttpWire]:
    """The hotline on a port of 127.0.0.1, and an open wire to it."""

    async def any_question(request: web.Request) -> web.StreamResponse:
        answer = hotline.answer(request.rel_url.raw_path, request.query, request.headers)
        return web.Response(body=answer, content_type="application/json")

    app = web.Application()
    app.router.add_get("/order/{rest:.*}", any_question)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        async with aiohttp.ClientSession() as session:
            yield AiohttpWire(session, f"http://{host}:{port}")
    finally:
        await runner.cleanup()
