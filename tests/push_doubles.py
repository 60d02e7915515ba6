"""Strict partners of the tests' own for what is pushed: written from WIRES alone, stricter than the simulated ones.

Each serves real HTTP, or answers a folder, and keeps every message it was sent, so that a test can count effects.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from connectors.base import InstanceConfig
from sync_jobs.http import AiohttpWire, WireOptions, open_http_wire

from .hub_kit import CENTRE, court_config

APP_ID, SECRET = "hub", "s3cret-of-the-test"

HALF_WIDTH = str.maketrans("（）", "()")


def config_of(product: str, **changes: Any) -> InstanceConfig:
    return court_config(name=product, product=product, app_id=APP_ID, secret=SECRET, **changes)


@dataclass
class Partner:
    """What the HTTP doubles share: requests, faults, and effects."""

    #: one taken at each push
    faults: deque[str] = field(default_factory=deque)
    #: every body that came, faults included
    bodies: list[Any] = field(default_factory=list)

    def take_fault(self) -> str:
        return self.faults.popleft() if self.faults else ""

    async def answer(self, request: web.Request, act: Callable[[], dict[str, Any]]) -> web.StreamResponse:
        """Act unless the fault forbids it, then answer as the fault says."""
        fault = self.take_fault()
        if fault == "429":
            return web.Response(status=429, headers={"Retry-After": "7"})
        if fault == "503":
            return web.Response(status=503, text="<html>维护</html>", content_type="text/html")
        if fault == "html":
            return web.Response(status=500, text="<html>李强的案件</html>", content_type="text/html")
        if fault == "refused-connection":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        body = json.dumps(act(), ensure_ascii=False).encode()
        if fault == "lost":
            return web.Response(status=502, text="<html>", content_type="text/html")
        if fault == "garbage":
            return web.Response(body=body[: len(body) // 2], content_type="application/json")
        if fault == "cut":
            response = web.StreamResponse(headers={"Content-Length": str(len(body))})
            await response.prepare(request)
            await response.write(body[: len(body) // 2])
            assert request.transport is not None
            request.transport.abort()
            return response
        return web.Response(body=body, content_type="application/json")


def digest(sign_type: str, *parts: str) -> str:
    return hashlib.new(sign_type.lower(), "".join(parts).encode()).hexdigest()


# --- court (WIRES 1.8–1.10, 1.18) -------------------------------------------------------------------------------


@dataclass
class StrictCourt(Partner):
    """Knows its cases by (ajbs, number or ''), refuses every field that is not exactly as written."""

    cases: set[tuple[str, str]] = field(default_factory=lambda: {("a" * 32, "(2024)甘0725民诉前调7号"), ("b" * 32, "")})
    sign_type: str = "MD5"
    tokens: list[str] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    #: transaction key → (content, receipt)
    held: dict[tuple[str, ...], tuple[dict[str, str], dict[str, str]]] = field(default_factory=dict)
    #: codes that strike before anything is done
    codes: deque[int] = field(default_factory=deque)

    @property
    def effects(self) -> int:
        return len(self.held)

    def issue(self, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("sign") != digest(self.sign_type, APP_ID, SECRET, str(body.get("ts"))):
            return {"code": 403, "msg": "签名错误", "content": None}
        self.tokens.append(f"{len(self.tokens) + 1:032x}")
        return {"code": 200, "msg": "success", "content": {"token": self.tokens[-1], "expiresIn": 7200}}

    def push(self, token: str, body: dict[str, Any]) -> dict[str, Any]:
        names = ("ajbs", "ah", "acceptType", "tjjg", "tjxybh", "bcgyy", "wzyss", "ts", "sign")
        return self._taken(token, body, names, ("ajbs", "ah", "acceptType", "tjjg", "tjxybh"), self._push_code)

    def file(self, token: str, body: dict[str, Any]) -> dict[str, Any]:
        names = (
            "requestId", "ajlb", "caseCause", "caseAmount", "claim", "facts", "dsr", "fwlsh", "originalCaseCode",
            "originalCaseNo", "wzyss", "submitter", "ts", "sign",
        )  # fmt: skip
        return self._taken(token, body, names, ("requestId", "ajlb", "caseCause"), self._filing_code)

    def _taken(
        self, token: str, body: dict[str, Any], names: tuple[str, ...], signed: tuple[str, ...],
        judge: Callable[[dict[str, Any]], int],
    ) -> dict[str, Any]:  # fmt: skip
        self.bodies.append(body)
        if token not in self.tokens or token in self.dead:
            return {"code": 401, "msg": "token无效", "content": None}
        if self.codes:
            return {"code": self.codes.popleft(), "msg": "被告李强的材料不全", "content": None}
        wanted = {*names, "signType"} if self.sign_type == "SM3" else {*names}
        if set(body) != wanted or not all(isinstance(body[name], str) for name in names if name != "dsr"):
            return {"code": 400, "msg": "参数", "content": None}
        if abs(int(body["ts"]) - time.time() * 1000) > 300_000 or body["sign"] != digest(
            self.sign_type, APP_ID, SECRET, body["ts"], *(body[name] for name in signed)
        ):
            return {"code": 403, "msg": "签名错误", "content": None}
        code = judge(body)
        if code != 200:
            return {"code": code, "msg": "拒绝", "content": None}
        key = self.key(body)
        content = {name: value for name, value in body.items() if name not in ("ts", "sign", "signType")}
        if key in self.held:
            first, receipt = self.held[key]
            if first != content:
                return {"code": 409, "msg": "同一流水号内容不同", "content": None}
            return {"code": 200, "msg": "已存在", "content": receipt}
        receipt = {"sldh": f"SL{len(self.held) + 1:06}"}
        if "requestId" in body:
            receipt |= {"ajbs": digest("MD5", body["requestId"]), "fwlsh": body["fwlsh"] or f"FW{len(self.held) + 1}"}
        self.held[key] = (content, receipt)
        return {"code": 200, "msg": "success", "content": receipt}

    @staticmethod
    def key(body: dict[str, Any]) -> tuple[str, ...]:
        if "requestId" in body:
            return ("tj", body["requestId"])
        names = ("ajbs", "ah", "acceptType", "tjxybh", *(("tjjg",) if body["acceptType"] == "61" else ()))
        return tuple(body[name] for name in names)

    def _push_code(self, body: dict[str, Any]) -> int:
        kind, tjjg = body["acceptType"], body["tjjg"]
        if kind not in ("60", "61", "4", "98"):
            return 400
        if kind in ("60", "61"):
            if tjjg not in ("1", "2", "3") or (tjjg == "2") != (body["bcgyy"] in ("3", "4", "5", "6", "7", "8")):
                return 400
            if (tjjg == "2" and not body["wzyss"]) or (tjjg == "1" and not body["tjxybh"]):
                return 400
            if kind == "61" and not body["tjxybh"]:
                return 400
            if kind == "60" and tjjg != "1" and body["tjxybh"]:
                return 400
        elif tjjg or (kind == "98") != bool(body["tjxybh"]):
            return 400
        # half- and full-width brackets match alike
        known = {(ajbs, ah.translate(HALF_WIDTH)) for ajbs, ah in self.cases}
        return 200 if (body["ajbs"], body["ah"].translate(HALF_WIDTH)) in known else 404

    def _filing_code(self, body: dict[str, Any]) -> int:
        if body["ajlb"] not in ("0301", "0401") or body["submitter"] != CENTRE:
            return 400
        if not all(body[name] for name in ("requestId", "caseCause", "claim", "facts")):
            return 400
        sides = [row["dsrlx"] for row in body["dsr"]]
        if not {"原告", "被告"} <= set(sides) <= {"原告", "被告", "第三人"}:
            return 400
        if not all(row["xm"] for row in body["dsr"]):
            return 400
        if any(set(row) != {"dsrlx", "xm", "zjlx", "zjhm", "lxdh", "xzqhdm", "zz"} for row in body["dsr"]):
            return 400
        whole, _, places = body["caseAmount"].partition(".")
        return 200 if not body["caseAmount"] or (whole.isdigit() and len(places) == 2) else 400


@asynccontextmanager
async def served_court(court: StrictCourt) -> AsyncIterator[AiohttpWire]:
    async def token(request: web.Request) -> web.StreamResponse:
        return web.json_response(court.issue(await request.json()))

    async def push(request: web.Request) -> web.StreamResponse:
        body, value = await request.json(), request.query["token"]
        return await court.answer(request, lambda: court.push(value, body))

    async def file(request: web.Request) -> web.StreamResponse:
        body, value = await request.json(), request.query["token"]
        return await court.answer(request, lambda: court.file(value, body))

    routes = [web.post("/auth/token", token), web.post("/sqtj/fk", push), web.post("/sqtj/tj", file)]
    async with served(routes) as wire:
        yield wire


@asynccontextmanager
async def served(routes: list[web.RouteDef]) -> AsyncIterator[AiohttpWire]:
    """These routes on a port of 127.0.0.1, and the hub's own wire to them."""
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        async with open_http_wire(WireOptions(base_url=f"http://{host}:{port}", request_timeout_s=5)) as wire:
            yield wire
    finally:
        await runner.cleanup()
