"""A strict petition office of the tests' own for what is pushed: written from WIRES 3.1, 3.2, 3.7 and 3.8 alone."""

from __future__ import annotations

import hashlib
import json
import re
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from aiohttp import web

from sync_jobs.http import AiohttpWire

from .push_doubles import SECRET, Partner, served

LETTER = "XF6207252024080200001"
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")


@dataclass
class StrictOffice(Partner):
    """Holds each push under its number; refuses every field that is not exactly as written."""

    letters: set[str] = field(default_factory=lambda: {LETTER})
    held: dict[str, Any] = field(default_factory=dict)
    #: failReason, '' for success, said of the next pushes in place of what is right
    reasons: deque[str] = field(default_factory=deque)
    #: whole envelopes said in place of what is right
    envelopes: deque[dict[str, Any]] = field(default_factory=deque)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def push(self, items: list[dict[str, Any]]) -> dict[str, Any]:
        self.bodies.extend(items)
        if self.envelopes:
            return self.envelopes.popleft()
        success, conflict, failed = [], [], []
        for item in items:
            number, reason = item["sxfjbh"], self.reasons.popleft() if self.reasons else self._reason(item)
            if reason:
                failed.append({"failId": number, "failReason": reason})
            elif number in self.held:
                conflict.append(number)
            else:
                self.held[number] = item
                success.append(number)
        return {
            "code": "200", "msg": "成功", "successStr": ",".join(success), "conflictStr": ",".join(conflict),
            "failSituationList": failed,
        }  # fmt: skip

    def one(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(asked)
        held = self.held.get(asked["sxfjbh"])
        data = {"sxfjbh": asked["sxfjbh"], "hash": "0" * 32, "item": held} if held is not None else None
        return {"code": "200", "msg": "成功", "data": data}

    def _reason(self, item: dict[str, Any]) -> str:
        if set(item) != {"sxfjbh", "xfj", "xfr", "blfss"} or item["xfr"] != [] or set(item["xfj"]) != {"xfjbh"}:
            return "字段缺失:xfj"
        letter, steps = item["xfj"]["xfjbh"], item["blfss"]
        if not re.fullmatch(rf"{re.escape(letter)}-[0-9]{{2}}", item["sxfjbh"]):
            return "字段缺失:sxfjbh"
        if len(steps) != 1:
            return "blfss必须且只能有一条"
        step = steps[0]
        further = {"xbjzrq"} if step["blfs"] == "13" else set()
        if set(step) != {"blfs", "dftype", "hjbz", "blyj", "blsj", "xysbh"} | further:
            return "字段缺失:blfss"
        if not all(isinstance(value, str) for value in step.values()):
            return "字段缺失:blfs"
        is_result = step["blfs"] == "14"
        if step["blfs"] not in ("11", "12", "13", "14") or not _MOMENT.fullmatch(step["blsj"]):
            return "字段缺失:blsj"
        if (step["dftype"] in ("0", "1"), step["hjbz"] in ("0", "1")) != (is_result, is_result):
            return "字段缺失:hjbz"
        if step["blfs"] != "11" and not step["blyj"]:
            return "字段缺失:blyj"
        if further:
            date.fromisoformat(step["xbjzrq"])
        return "" if letter in self.letters else "信访件不存在"


@asynccontextmanager
async def served_office(office: StrictOffice) -> AsyncIterator[AiohttpWire]:
    async def read(request: web.Request) -> Any:
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded; charset=UTF-8"
        form = await request.post()
        assert set(form) == {"httpRequestVerify", "jsonData"}
        is_right = form["httpRequestVerify"] == hashlib.md5(SECRET.encode(), usedforsecurity=False).hexdigest()
        return json.loads(str(form["jsonData"])) if is_right else None

    async def push(request: web.Request) -> web.StreamResponse:
        items = await read(request)
        refused = {"code": "401", "msg": "验证失败"}
        return await office.answer(request, lambda: refused if items is None else office.push(items))

    async def one(request: web.Request) -> web.StreamResponse:
        asked = await read(request)
        return await office.answer(request, lambda: office.one(asked))

    routes = [web.post("/obtainData/pushJsonData", push), web.post("/obtainData/one", one)]
    async with served(routes) as wire:
        yield wire
