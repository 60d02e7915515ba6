"""The petition office's four addresses over HTTP, byte for byte as WIRES.md §0 and §3 say."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import orjson
from aiohttp import web

from connectors.sandbox.chance import luck
from connectors.sandbox.digests import signature
from connectors.sandbox.faults import Fault, Faults
from connectors.sandbox.petition_desk import PetitionDesk
from connectors.sandbox.petition_faults import PLACES_BY_PATH, give_unknown_code, lose_one, spoil
from connectors.sandbox.petition_letters import Letter
from connectors.sandbox.petition_push import receive_push
from connectors.sandbox.stamps import read_stamp, stamp

LARGEST_BATCH = 200
#: of the answers with rows, how many are GB18030 though nobody switched that on (3.11)
_LEGACY_ENCODING = 0.12
_MESSAGES = {"400": "jsonData格式错误", "401": "验证失败", "500": "系统异常，请稍后再试"}
_FORM = "application/x-www-form-urlencoded"


class Refusal(Exception):
    """The whole request is refused with one of the office's codes; nothing was stored or marked (3.2)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    def reply(self) -> dict[str, object]:
        """The answer."""
        return {"code": self.code, "msg": _MESSAGES[self.code], "data": None}


@dataclass(slots=True)
class PetitionWire:
    """Handlers of one running office; everything that marks or changes waits for ``lock``."""

    desk: PetitionDesk
    secret: str
    seed: str
    faults: Faults
    lock: asyncio.Lock

    def routes(self) -> list[web.RouteDef]:
        """The partner's addresses."""
        handlers = {"pull": self.obtain, "push": self.push, "list": self.listing, "one": self.one}
        return [web.post(path, handlers[place]) for path, place in PLACES_BY_PATH.items()]

    async def obtain(self, request: web.Request) -> web.Response:
        """3.9: up to 200 rows that were not exchanged yet; asking marks them."""
        return await self._answer(request, self._obtain)

    async def listing(self, request: web.Request) -> web.Response:
        """3.9: xfjbh, gxsj and hash of every row of a window; marks nothing."""
        return await self._answer(request, self._list)

    async def one(self, request: web.Request) -> web.Response:
        """One row by xfjbh, or what the office holds of one push by sxfjbh (3.8); marks nothing."""
        return await self._answer(request, self._one)

    async def push(self, request: web.Request) -> web.Response:
        """3.7: a batch of steps, each with its own fate."""
        return await self._answer(request, self._push)

    async def _answer(self, request: web.Request, act: Callable[[Any], web.Response]) -> web.Response:
        place = PLACES_BY_PATH[request.path]
        body = await request.read()
        text = b""
        async with self.lock:
            try:
                text = self._verified(request, body)
                asked = _parsed(text)
                if self.faults.strike("code500", place):
                    raise Refusal("500")
                response = act(asked)
            except Refusal as refusal:
                response = _json(refusal.reply())
            if place == "push":
                reply = response.body
                assert isinstance(reply, bytes)
                self.desk.store.note_push(self.desk.now, request.path, text or body, reply)
        return response

    def _verified(self, request: web.Request, body: bytes) -> bytes:
        """The bytes of jsonData; raises Refusal unless the form carries the digest of our secret (3.1)."""
        if request.content_type != _FORM:
            raise Refusal("400")
        try:
            fields = parse_qs(body.decode("utf-8"), keep_blank_values=True, errors="strict")
        except ValueError as exc:
            raise Refusal("400") from exc
        given = fields.get("httpRequestVerify", [""])[0]
        if not hmac.compare_digest(given.encode(), signature(self.secret, "MD5").encode()):
            raise Refusal("401")
        return fields.get("jsonData", [""])[0].encode()

    def _obtain(self, asked: object) -> web.Response:
        if not isinstance(asked, dict):
            raise Refusal("400")
        store = self.desk.store
        with store.transaction():
            numbers = store.waiting(LARGEST_BATCH)
            if numbers:
                self.desk.touch()
            numbers = lose_one(store, numbers, self.faults)
            rows = store.exchange(give_unknown_code(store, numbers, self.faults, self.desk.now))
        return _json(_data(spoil(rows, self.faults)), *self._spelling(rows))

    def _spelling(self, rows: list[Letter]) -> tuple[str, ...]:
        """The encoding of an answer with rows where it is not the one that its header names."""
        if not rows:
            return ()
        fault = self.faults.strike("encoding", "pull") or self.faults.strike("gbk", "pull")
        if fault:
            return (_as(fault),)
        first = rows[0]
        return ("gb18030",) if luck("gb18030", self.seed, first["xfjbh"], first["gxsj"]) < _LEGACY_ENCODING else ()

    def _list(self, asked: object) -> web.Response:
        if not isinstance(asked, dict):
            raise Refusal("400")
        begin, end = (_stamp(asked.get(name)) for name in ("from", "to"))
        return _json(_data(self.desk.store.listing(begin, end)))

    def _one(self, asked: object) -> web.Response:
        if not isinstance(asked, dict):
            raise Refusal("400")
        named = {name: asked[name] for name in ("xfjbh", "sxfjbh") if asked.get(name)}
        if len(named) != 1 or not all(isinstance(value, str) for value in named.values()):
            raise Refusal("400")
        [(name, value)] = named.items()
        return _json(_data(self.desk.store.row(value) if name == "xfjbh" else self.desk.store.held(value)))

    def _push(self, asked: object) -> web.Response:
        if not isinstance(asked, list) or len(asked) > LARGEST_BATCH or not all(isinstance(i, dict) for i in asked):
            raise Refusal("400")
        # of one item there is no half
        if len(asked) > 1 and self.faults.strike("partial", "push"):
            asked = asked[: (len(asked) + 1) // 2]
        return _json(receive_push(self.desk, asked).reply())


def _parsed(text: bytes) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise Refusal("400") from exc


def _stamp(text: object) -> str:
    try:
        return stamp(read_stamp(str(text)))
    except ValueError as exc:
        raise Refusal("400") from exc


def _data(data: object) -> dict[str, object]:
    return {"code": "200", "msg": "成功", "data": data}


def _as(fault: Fault) -> str:
    return fault.text("as", "gb18030")


def _json(reply: dict[str, object], spelling: str = "") -> web.Response:
    """HTTP 200 and JSON under a header that says UTF-8, whatever the body is."""
    body = orjson.dumps(reply)
    if spelling:
        body = body.decode("utf-8").encode("gb18030")
    if spelling == "broken":
        # one byte that begins nothing in either encoding
        middle = body.index("成功".encode("gb18030"))
        body = body[:middle] + b"\xff" + body[middle:]
    return web.Response(body=body, content_type="application/json", charset="utf-8")
