"""A small petition office of the tests' own: rows behind WIRES §3, as an HTTP server and as a wire without network.

Written from WIRES.md alone, apart from the sandbox, so that the connector is not proved against its sibling.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import aiohttp
from aiohttp import web
from hypothesis import strategies as st

from connectors.base import HttpAnswer, InstanceConfig
from hub.errors import TransientError
from hub.model import SHANGHAI
from hub.vocabulary import county_tables

CENTRE = "620725190000"
OFFICE = "620725180000"
SECRET = "s3cret-of-the-test"
OBTAIN, LIST, ONE = (f"/obtainData/{name}" for name in ("obtainJsonData", "list", "one"))


def config(**changes: Any) -> InstanceConfig:
    settings: dict[str, Any] = {
        "name": "petition",
        "product": "petition",
        "county": "620725",
        "centre_code": CENTRE,
        "live_from": datetime(2024, 8, 1, tzinfo=SHANGHAI),
        "tables": county_tables(),
        "secret": SECRET,
    }
    return InstanceConfig(**{**settings, **changes})


def stamp(seconds: int) -> str:
    return f"{datetime(2024, 3, 1, tzinfo=SHANGHAI) + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}"


def at(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=SHANGHAI)


def row(xfjbh: str, gxsj: str = "2024-03-01 09:00:00", /, **xfj: Any) -> dict[str, Any]:
    """A row with all its keys, as WIRES 3.3 lists them; ``xfr``, ``blfss`` and ``sjjhzt`` may be given too."""
    plain: dict[str, Any] = {
        "xfjbh": xfjbh, "xfxs": "02", "xfrq": "2024-02-28", "djsj": "2024-02-28 09:30:00", "djjgdm": OFFICE,
        "djjgmc": "山丹县信访局", "wtsddm": "620725101001", "wtsd": "清泉镇", "nrfldm": "0501", "xfmddm": "03",
        "xfyydm": "01", "xfnr": "借款未还", "bfyr": "李四", "bfyrzjhm": "", "xfrs": "1", "sjrs": "2", "xfjzt": "01",
        "blfs": "", "qxjg": "", "blsj": "", "xbjzrq": "", "lzjzsj": "", "bjbz": "0", "bjsj": "", "hjbz": "",
        "fcbz": "0", "fhbz": "0", "dbbz": "0", "cfxfbz": "0", "REPEATED_ID": xfjbh, "sfssbz": "0", "jabz": "0",
        "yybz": "0", "zdjjbz": "0", "sksflbz": "0", "nmbz": "0", "cxm": "C123", "hfbz": "0", "myd": "", "sjjhzt": "0",
    }  # fmt: skip
    writer = {"xm": "张三", "xb": "1", "zjhm": "620725199003074518", "lxdh": "13800001234", "zz": "清泉镇某村"}
    xfr, blfss = xfj.pop("xfr", [writer]), xfj.pop("blfss", [])
    whole = {"xfjbh": xfjbh, "gxsj": gxsj, "hash": "", "xfj": {**plain, **xfj}, "xfr": xfr, "blfss": blfss}
    return whole | {"hash": content_hash(whole)}


def step(blfs: str, blsj: str, **fields: Any) -> dict[str, Any]:
    return {"blfs": blfs, "qxjg": "", "blyj": "", "blsj": blsj, "czjg": "", **fields}


def content_hash(whole: Mapping[str, Any]) -> str:
    xfj = {name: value for name, value in whole["xfj"].items() if name != "sjjhzt"}
    content = json.dumps([xfj, whole["xfr"], whole["blfss"]], sort_keys=True, ensure_ascii=False)
    return hashlib.md5(content.encode()).hexdigest()


#: any JSON value
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)

#: (office, path, envelope): changes the answer's bytes or raises; the office has done what was asked already
Fault = Callable[["Office", str, dict[str, Any]], Any]


@dataclass
class Office:
    """The rows, the clock, and how it misbehaves: ``faults`` are taken one per request."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    now: datetime = datetime(2024, 8, 1, 8, 30, tzinfo=SHANGHAI)
    faults: list[Fault | None] = field(default_factory=list)
    batch: int = 200
    marks: bool = True
    asked: list[tuple[str, Any]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)

    def answer(self, path: str, body: bytes) -> dict[str, Any]:
        form = parse_qs(body.decode("ascii"), strict_parsing=True, encoding="utf-8", errors="strict")
        if form["httpRequestVerify"] != [hashlib.md5(SECRET.encode()).hexdigest()]:
            return {"code": "401", "msg": "验证失败", "data": None}
        asked = json.loads(form["jsonData"][0])
        self.asked.append((path, asked))
        if path == OBTAIN:
            assert asked == {}
            return {"code": "200", "msg": "成功", "data": self.obtain()}
        if path == LIST:
            assert set(asked) == {"from", "to"}
            rows = sorted(
                (r for r in self.rows if asked["from"] <= r["gxsj"] < asked["to"]),
                key=lambda r: (r["gxsj"], r["xfjbh"]),
            )
            return {"code": "200", "msg": "成功", "data": [{k: r[k] for k in ("xfjbh", "gxsj", "hash")} for r in rows]}
        assert path == ONE and set(asked) == {"xfjbh"}
        found = [r for r in self.rows if r["xfjbh"] == asked["xfjbh"]]
        return {"code": "200", "msg": "成功", "data": found[0] if found else None}

    def obtain(self) -> list[dict[str, Any]]:
        waiting = sorted((r for r in self.rows if r["xfj"]["sjjhzt"] == "0"), key=lambda r: (r["gxsj"], r["xfjbh"]))
        given = waiting[: self.batch]
        if self.marks:
            for r in given:
                r["xfj"] = {**r["xfj"], "sjjhzt": "20"}
        return [dict(r) for r in given]

    def edit(self, index: int, seconds: int = 1, **xfj: Any) -> None:
        """Change a letter: it moves to the clock's second and waits for exchange again."""
        self.now += timedelta(seconds=seconds)
        old = self.rows[index]
        whole = {**old, "gxsj": f"{self.now:%Y-%m-%d %H:%M:%S}", "xfj": {**old["xfj"], **xfj, "sjjhzt": "0"}}
        self.rows[index] = whole | {"hash": content_hash(whole)}

    def versions(self) -> set[tuple[str, str, str]]:
        return {(r["xfjbh"], r["gxsj"], r["hash"]) for r in self.rows}

    def count(self, path: str) -> int:
        return sum(asked == path for asked, _ in self.asked)


def answer_bytes(office: Office, path: str, body: bytes) -> bytes:
    """The answer as a fault left it. A fault may raise, return bytes, or change the envelope in place."""
    envelope = office.answer(path, body)
    fault = office.faults.pop(0) if office.faults else None
    spoiled = fault(office, path, envelope) if fault else None
    return spoiled if isinstance(spoiled, bytes) else json.dumps(envelope, ensure_ascii=False).encode()


class Notes:
    def __init__(self) -> None:
        self.noted: list[str] = []

    def note(self, kind: str, hint: str = "") -> None:
        self.noted.append(kind)


class DirectWire(Notes):
    """The office without a network between."""

    def __init__(self, office: Office) -> None:
        super().__init__()
        self.office = office

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        assert method == "POST" and not query
        return HttpAnswer(200, {}, answer_bytes(self.office, path, body or b""))


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
                names = {name.lower(): value for name, value in response.headers.items()}
                return HttpAnswer(response.status, names, await response.read())
        except (TimeoutError, aiohttp.ClientError) as exc:
            raise TransientError("no whole answer", kind="CUT_ANSWER") from exc


@asynccontextmanager
async def served(office: Office) -> AsyncIterator[AiohttpWire]:
    """The office on a port of 127.0.0.1, and an open wire to it."""

    async def handle(request: web.Request) -> web.StreamResponse:
        office.headers.append({name.lower(): value for name, value in request.headers.items()})
        try:
            body = answer_bytes(office, request.path, await request.read())
        except TransientError:
            return web.Response(status=502, text="<html>502</html>", content_type="text/html")
        # the header promises UTF-8, whatever the body is (WIRES 3.11)
        return web.Response(body=body, headers={"Content-Type": "application/json; charset=UTF-8"})

    app = web.Application()
    app.router.add_post("/{path:.*}", handle)
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
