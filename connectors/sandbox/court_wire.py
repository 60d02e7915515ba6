"""The court's five addresses over HTTP, byte for byte as WIRES.md §0 and §1 say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from xml.sax.saxutils import escape

import orjson
from aiohttp import web

from connectors.sandbox.county import County
from connectors.sandbox.court_auth import TOKEN_LIFE_S, Application, Tokens
from connectors.sandbox.court_desk import CourtDesk
from connectors.sandbox.court_filing import read_filing, receive_filing
from connectors.sandbox.court_push import read_push, receive_push
from connectors.sandbox.court_refusal import CourtRefusal, success
from connectors.sandbox.court_rows import Row, read_stamp, stamp, touched
from connectors.sandbox.court_store import Window
from connectors.sandbox.faults import Faults

LARGEST_PAGE = 100
_XML_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<resource xmlns="http://dataexchange.court.gov.cn/2009/data">'
_NUMBERS = ("caseStatus", "ycts", "sjdwje", "caseAmount")
_TIMES = ("gxsj", "lxrq", "firstCommitTime", "mediateAgreementSignDate")


@dataclass(frozen=True, slots=True)
class Listing:
    """A checked query of ``/sqtj/aj``."""

    window: Window
    page: int
    size: int


@dataclass(slots=True)
class CourtWire:
    """Handlers of one running court; every change waits for ``lock``."""

    desk: CourtDesk
    county: County
    application: Application
    tokens: Tokens
    faults: Faults
    lock: asyncio.Lock

    def routes(self) -> list[web.RouteDef]:
        """The partner's addresses."""
        return [
            web.post("/auth/token", self.token),
            web.get("/sqtj/aj", self.rows),
            web.get("/sqtj/aj.xml", self.rows_as_xml),
            web.post("/sqtj/fk", self.push),
            web.post("/sqtj/tj", self.file),
        ]

    async def token(self, request: web.Request) -> web.Response:
        """1.1: a token, or code 403."""
        skew = self.faults.strike("skew", "token") if self._has_transport_skew() else None
        self.tokens.skew_s = skew.number("seconds", 400) if skew else 0.0
        try:
            asked = orjson.loads(await request.read())
        except orjson.JSONDecodeError:
            return answer(CourtRefusal(400, "JSON").body())
        token = self.tokens.issue(asked) if isinstance(asked, dict) else None
        if token is None:
            return answer(CourtRefusal(403).body())
        return answer(success({"token": token, "expiresIn": TOKEN_LIFE_S}))

    async def rows(self, request: web.Request) -> web.Response:
        """1.2: one page of rows."""
        try:
            listing = self._listing(request)
        except CourtRefusal as refusal:
            return answer(refusal.body())
        bodies, total = self._page(listing)
        pages = -(-total // listing.size)
        # seen in a real platform: a second key with a colon in its name (WIRES.md 1.11)
        stray = b'"pageNum:":%d,' % listing.page if total % 5 == listing.page % 5 else b""
        counts = b'"total":%d,"totalPages":%d,"pageSize":%d,"pageNum":%d' % (total, pages, listing.size, listing.page)
        body = b'{"code":200,"msg":"success","content":{%s,%s"list":[%s]}}' % (counts, stray, b",".join(bodies))
        is_badly_encoded = bool(bodies) and self.faults.strike("encoding", "pull") is not None
        return answer(body, is_badly_encoded)

    async def rows_as_xml(self, request: web.Request) -> web.Response:
        """The XML dialect of the same page; refusals stay JSON."""
        try:
            listing = self._listing(request)
        except CourtRefusal as refusal:
            return answer(refusal.body())
        bodies, total = self._page(listing)
        text = "".join(_xml_row(orjson.loads(body)) for body in bodies)
        document = f"{_XML_HEAD}<brief><count>{total}</count></brief><data>{text}</data></resource>"
        return web.Response(body=document.encode(), content_type="application/xml", charset="utf-8")

    async def push(self, request: web.Request) -> web.Response:
        """1.9: a result, correction, decline or application for confirmation."""
        body = await request.read()
        return await self._receive(request, body, lambda: receive_push(self.desk, read_push(body, self.application)))

    async def file(self, request: web.Request) -> web.Response:
        """1.18: a filing of the centre."""
        body = await request.read()
        return await self._receive(
            request, body, lambda: receive_filing(self.desk, self.county, read_filing(body, self.application))
        )

    async def _receive(self, request: web.Request, body: bytes, act: Callable[[], bytes]) -> web.Response:
        async with self.lock:
            try:
                self._authorised(request)
                reply = act()
            except CourtRefusal as refusal:
                reply = refusal.body()
            self.desk.store.note_push(self.desk.now, request.path, body, reply)
        return answer(reply)

    def _authorised(self, request: web.Request) -> None:
        token = request.query.get("token", "")
        if self.tokens.is_alive(token) and self.faults.strike("expire", _where(request)):
            self.tokens.kill(token)
        if not self.tokens.is_alive(token):
            raise CourtRefusal(401)

    def _listing(self, request: web.Request) -> Listing:
        self._authorised(request)
        query = request.query
        ajbs = query.get("ajbs", "")
        page, size = _whole(query.get("pageNum", "1"), "pageNum"), _whole(query.get("pageSize", "100"), "pageSize")
        if size > LARGEST_PAGE:
            raise CourtRefusal(400, "pageSize")
        begin, end = query.get("gxsjq", ""), query.get("gxsjz", "")
        if not begin and not ajbs:
            raise CourtRefusal(400, "gxsjq")
        for name, value in (("gxsjq", begin), ("gxsjz", end)):
            if value:
                _check_stamp(value, name)
        # one row asked for by its id is shown as it is; a listing without end stops at the clock
        last = end or ("9999" if ajbs else stamp(self.desk.now))
        return Listing(Window(begin, last, ajbs), page, size)

    def _page(self, listing: Listing) -> tuple[list[bytes], int]:
        bodies, total = self._found(listing)
        if bodies and self._changes_itself(bodies):
            bodies, total = self._found(listing)
        return self._spoilt(bodies), total

    def _found(self, listing: Listing) -> tuple[list[bytes], int]:
        store = self.desk.store
        bodies = store.bodies(listing.window, listing.size, (listing.page - 1) * listing.size)
        return bodies, store.total(listing.window)

    def _changes_itself(self, bodies: list[bytes]) -> bool:
        """One of these rows gets a code that no table knows, or is taken away: the court has it so from now on."""
        unknown, vanish = self.faults.strike("unknown", "pull"), self.faults.strike("vanish", "pull")
        if unknown is None and vanish is None:
            return False
        chosen: Row = orjson.loads(self.faults.rng.choice(bodies))
        self.desk.touch()
        for row_id, row in self.desk.store.of_ajbs(chosen["ajbs"]):
            if row["ah"] == chosen["ah"] and vanish is not None:
                self.desk.store.delete(row_id)
            elif row["ah"] == chosen["ah"] and unknown is not None:
                row[unknown.text("field", "caseCause")] = unknown.options.get("value", "XX99")
                self.desk.store.replace(row_id, touched(row, self.desk.now))
        return True

    def _spoilt(self, bodies: list[bytes]) -> list[bytes]:
        """The page as the faults that are on leave it; an empty page is no occasion."""
        faults, rng = self.faults, self.faults.rng
        if bodies and faults.strike("gap", "pull"):
            del bodies[rng.randrange(len(bodies))]
        if bodies and faults.strike("duplicate", "pull"):
            bodies.insert(rng.randrange(len(bodies) + 1), rng.choice(bodies))
        if len(bodies) > 1 and faults.strike("reorder", "pull"):
            rng.shuffle(bodies)
        if bodies and faults.strike("partial", "pull"):
            bodies = bodies[: len(bodies) // 2]
        return bodies

    def _has_transport_skew(self) -> bool:
        return self.faults.option("skew", "clock") == "transport"


def answer(body: bytes, is_badly_encoded: bool = False) -> web.Response:
    """HTTP 200 and JSON, whatever the business code."""
    if is_badly_encoded:
        body = body.decode("utf-8").encode("gb18030")
    return web.Response(body=body, content_type="application/json", charset="utf-8")


def _where(request: web.Request) -> str:
    return "pull" if request.method == "GET" else "push"


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text) > 0):
        raise CourtRefusal(400, name)
    return int(text)


def _check_stamp(text: str, name: str) -> None:
    try:
        read_stamp(text)
    except ValueError as exc:
        raise CourtRefusal(400, name) from exc


def _xml_row(row: Row) -> str:
    return "<row>" + "".join(_xml_field(name, value) for name, value in row.items()) + "</row>"


def _xml_field(name: str, value: object) -> str:
    prefix = "N_" if name in _NUMBERS else "DT_" if name in _TIMES else "C_"
    tag = prefix + name.upper()
    if value is None:
        return f"<{tag}/>"
    text = orjson.dumps(value).decode() if isinstance(value, list) else str(value)
    return f"<{tag}>{escape(text)}</{tag}>"
