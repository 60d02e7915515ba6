"""A small court of the tests' own: a table behind WIRES §1, as an HTTP server and as a wire without network.

Written from WIRES.md alone, apart from the sandbox, so that the connector is not proved against its sibling.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from aiohttp import web

from connectors.base import HttpAnswer, InstanceConfig
from hub.errors import TransientError
from hub.model import SHANGHAI
from hub.vocabulary import county_tables

CENTRE = "620725190000"
SECRET = "s3cret-of-the-test"


def config(**changes: Any) -> InstanceConfig:
    settings: dict[str, Any] = {
        "name": "court",
        "product": "court",
        "county": "620725",
        "centre_code": CENTRE,
        "live_from": datetime(2024, 8, 1, tzinfo=SHANGHAI),
        "tables": county_tables(),
        "app_id": "hub",
        "secret": SECRET,
    }
    return InstanceConfig(**{**settings, **changes})


def row(ajbs: str, gxsj: str = "2024-03-01 09:00:00", **fields: Any) -> dict[str, Any]:
    """A row with all its keys, as WIRES 1.4 lists them."""
    plain: dict[str, Any] = {
        "ajbs": ajbs, "ah": None, "ajlb": "0301", "laaymc": "民间借贷纠纷", "ajzt": "待审查", "fydm": "620725",
        "lxrq": "2024-02-29", "saly": "当事人起诉", "sfss": "1", "sfsw": "0", "sfsg": "0", "sfst": "0", "mqzz": None,
        "sjdwje": "12000.00", "ycts": 0, "gxsj": gxsj, "fwlsh": f"F-{ajbs}", "caseStatus": 110, "courtCode": "620725",
        "caseType": "0301", "caseCause": "9132", "caseAmount": "12000.00", "claim": "请求归还借款", "facts": "借款未还",
        "firstCommitTime": "2024-02-28 20:00:00", "mediateAgreementSignDate": None, "originalCaseCode": None,
        "originalCaseNo": None, "dsr": [], "logs": [],
    }  # fmt: skip
    return {**plain, **fields}


def log(accept_type: int, at: str, **fields: Any) -> dict[str, Any]:
    plain = dict.fromkeys(("org", "mode", "tjjg", "tjxybh", "bcgyy", "wzyss", "sldh"))
    return {"acceptType": accept_type, "caseState": "调解中", "at": at, "by": "王法官", **plain, **fields}


@dataclass
class Court:
    """The table, its clock, and how it misbehaves: ``faults`` are taken one per list request."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    now: datetime = datetime(2024, 8, 1, 8, 30, tzinfo=SHANGHAI)
    #: each changes the answer's bytes or raises; None answers well
    faults: list[Callable[[Court, dict[str, Any]], Any] | None] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    sign_type: str = "MD5"
    asked: list[dict[str, str]] = field(default_factory=list)

    def issue(self, body: Mapping[str, Any]) -> dict[str, Any]:
        signed = f"hub{SECRET}{body['ts']}".encode()
        is_fresh = abs(int(body["ts"]) - time.time() * 1000) <= 300_000
        if body["appId"] != "hub" or body["sign"] != hashlib.new(self.sign_type.lower(), signed).hexdigest():
            return {"code": 403, "msg": "签名错误", "content": None}
        if not is_fresh or body.get("signType", "MD5") != self.sign_type:
            return {"code": 403, "msg": "时间戳", "content": None}
        self.tokens.append(f"{len(self.tokens) + 1:032x}")
        return {"code": 200, "msg": "success", "content": {"token": self.tokens[-1], "expiresIn": 7200}}

    def list(self, query: Mapping[str, str]) -> dict[str, Any]:
        self.asked.append(dict(query))
        if query.get("token") not in self.tokens or query["token"] in self.dead:
            return {"code": 401, "msg": "token无效", "content": None}
        size, page = int(query["pageSize"]), int(query["pageNum"])
        if not 1 <= size <= 100:
            return {"code": 400, "msg": "pageSize", "content": None}
        if "ajbs" in query:
            found = [r for r in self.rows if r["ajbs"] == query["ajbs"]]
        else:
            end = query.get("gxsjz", f"{self.now:%Y-%m-%d %H:%M:%S}")
            found = [r for r in self.rows if r["gxsj"] is None or query["gxsjq"] <= r["gxsj"] <= end]
        found.sort(key=lambda r: (r["gxsj"] or "", r["ajbs"] or "", r["ah"] or ""))
        content = {
            "total": len(found),
            "totalPages": -(-len(found) // size),
            "pageSize": size,
            "pageNum": page,
            "pageNum:": page,
            "list": found[(page - 1) * size : page * size],
        }
        return {"code": 200, "msg": "success", "content": content}

    def edit(self, index: int, seconds: int = 1, **fields: Any) -> None:
        """Change a row: it moves to the clock's second."""
        self.now += timedelta(seconds=seconds)
        changed = {"gxsj": f"{self.now:%Y-%m-%d %H:%M:%S}", **fields}
        self.rows[index] = {**self.rows[index], **changed}

    def take_fault(self) -> Callable[[Court, dict[str, Any]], Any] | None:
        return self.faults.pop(0) if self.faults else None


def answer_bytes(court: Court, envelope: dict[str, Any]) -> bytes:
    """The answer as a fault left it. A fault may raise, return bytes, or change the envelope in place."""
    fault = court.take_fault()
    spoiled = fault(court, envelope) if fault else None
    return spoiled if isinstance(spoiled, bytes) else json.dumps(envelope, ensure_ascii=False).encode()


class Notes:
    def __init__(self) -> None:
        self.noted: list[str] = []

    def note(self, kind: str, hint: str = "") -> None:
        self.noted.append(kind)


class DirectWire(Notes):
    """The court without a network between."""

    def __init__(self, court: Court) -> None:
        super().__init__()
        self.court = court

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        if path == "/auth/token":
            return HttpAnswer(200, {}, json.dumps(self.court.issue(json.loads(body or b""))).encode())
        return HttpAnswer(200, {}, answer_bytes(self.court, self.court.list(query or {})))


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
                if response.status == 429:
                    retry_after = float(response.headers["Retry-After"])
                    raise TransientError("too many requests", kind="RATE_LIMITED", retry_after=retry_after)
                if response.status >= 500:
                    raise TransientError(f"HTTP {response.status}", kind="HTML_ANSWER")
                names = {name.lower(): value for name, value in response.headers.items()}
                return HttpAnswer(response.status, names, await response.read())
        except (TimeoutError, aiohttp.ClientError) as exc:
            raise TransientError("no whole answer", kind="CUT_ANSWER") from exc


@asynccontextmanager
async def served(court: Court) -> AsyncIterator[AiohttpWire]:
    """The court on a port of 127.0.0.1, and an open wire to it."""

    async def token(request: web.Request) -> web.StreamResponse:
        return web.json_response(court.issue(await request.json()))

    async def rows(request: web.Request) -> web.StreamResponse:
        return web.Response(body=answer_bytes(court, court.list(request.query)), content_type="application/json")

    app = web.Application()
    app.router.add_post("/auth/token", token)
    app.router.add_get("/sqtj/aj", rows)
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
