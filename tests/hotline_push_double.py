"""A strict hotline of the tests' own for what is pushed: written from WIRES 4.1, 4.6, 4.7 and 4.12 alone."""

from __future__ import annotations

import hmac
import json
import re
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from connectors.sandbox.hotline_sign import hmac_sm3
from sync_jobs.http import AiohttpWire

from .push_doubles import APP_ID, SECRET, Partner, served

ORDER = "GS20240802000001"
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_FIELDS = {
    "sign": {"signer", "at"},
    "return": {"reasonCode", "reason"},
    "extend": {"processlimited", "reason"},
    "conclude": {"successSolve", "replyContent", "agreementNo", "at"},
}
_CREATE = {
    "requestId", "orderType", "title", "content", "address", "areaCode", "problemId", "caller", "callerPhone",
    "respondent", "respondentPhone", "at",
}  # fmt: skip
_FROM = {"sign": (1, 8), "return": (1, 2), "extend": (2, 3, 4), "conclude": (2, 3, 4)}
_TO = {"sign": 2, "return": 10, "extend": 4, "conclude": 6}


@dataclass
class StrictHotline(Partner):
    """Orders by number with their state; refuses every field that is not exactly as written."""

    orders: dict[str, int] = field(default_factory=lambda: {ORDER: 1})
    sign_type: str = "SHA256"
    #: requestId → (path and content, answer)
    held: dict[str, tuple[Any, dict[str, Any]]] = field(default_factory=dict)
    nonces: set[str] = field(default_factory=set)
    codes: deque[int] = field(default_factory=deque)
    envelopes: deque[dict[str, Any]] = field(default_factory=deque)

    def take(self, action: str, headers: dict[str, str], raw: bytes) -> dict[str, Any]:
        body = json.loads(raw)
        self.bodies.append(body)
        if not self._is_signed(headers, raw):
            return refusal(10001)
        if self.envelopes:
            return self.envelopes.popleft()
        code = self.codes.popleft() if self.codes else self._problem(action, body)
        key, content = body.get("requestId"), (action, body)
        if key in self.held:
            first, answer = self.held[key]
            return answer if first == content else refusal(20004)
        if code:
            return refusal(code)
        number, state = body.get("workordercode", f"GS20240805{len(self.orders):06}"), _TO.get(action, 0)
        self.orders[number] = state
        result = {"receiptNo": f"R{len(self.held) + 1:05}", "workordercode": number, "state": state}
        answer = {"success": True, "code": 10000, "message": "操作成功!", "resultData": result}
        self.held[key] = (content, answer)
        return answer

    def _is_signed(self, headers: dict[str, str], raw: bytes) -> bool:
        ts, nonce, said = (headers.get(f"x-{name}", "") for name in ("timestamp", "nonce", "sign"))
        if nonce in self.nonces or not re.fullmatch("[0-9a-f]{32}", nonce):
            return False
        self.nonces.add(nonce)
        message = f"{APP_ID}{ts}{nonce}".encode() + raw
        if self.sign_type == "SM3":
            right, named = hmac_sm3(SECRET.encode(), message), headers.get("x-sign-type") == "SM3"
        else:
            right, named = hmac.new(SECRET.encode(), message, "sha256").hexdigest(), "x-sign-type" not in headers
        return said == right and named and abs(int(ts) - time.time() * 1000) <= 300_000

    def _problem(self, action: str, body: dict[str, Any]) -> int:
        if not all(isinstance(value, str) for value in body.values()) or not body.get("requestId"):
            return 10002
        if "at" in body and not _MOMENT.fullmatch(body["at"]):
            return 10002
        if action == "create":
            required = ("requestId", "orderType", "title", "content", "at")
            is_whole = set(body) == _CREATE and all(body[name] for name in required)
            is_placed = re.fullmatch("|[0-9]{6}|[0-9]{9}|[0-9]{12}", body.get("areaCode", "x"))
            return 0 if is_whole and is_placed and body["orderType"] in ("投诉", "诉求") else 10002
        if set(body) != {"requestId", "workordercode"} | _FIELDS[action]:
            return 10002
        if not all(body[name] for name in _FIELDS[action] - {"agreementNo"}):
            return 10002
        if body.get("reasonCode", "01") not in ("01", "02", "03", "09") or body.get("successSolve", "1") not in "012":
            return 10002
        if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", body.get("processlimited", "2024-01-01")):
            return 10002
        if body["workordercode"] not in self.orders:
            return 20001
        return 0 if self.orders[body["workordercode"]] in _FROM[action] else 20002


def refusal(code: int) -> dict[str, Any]:
    return {"success": False, "code": code, "message": "李强的工单不允许", "resultData": None}


@asynccontextmanager
async def served_hotline(hotline: StrictHotline) -> AsyncIterator[AiohttpWire]:
    async def take(request: web.Request) -> web.StreamResponse:
        raw, names = await request.read(), {name.lower(): value for name, value in request.headers.items()}
        return await hotline.answer(request, lambda: hotline.take(request.match_info["action"], names, raw))

    async with served([web.post("/order/{action}", take)]) as wire:
        yield wire
