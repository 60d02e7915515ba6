"""Somebody's way to a served county: by request, stream, socket and file; every byte of it is looked at."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import httpx2
from sqlalchemy import select
from starlette.requests import HTTPConnection
from structlog.testing import capture_logs

from app.graphql_live import Limits
from app.web import create_app
from hub.access_log import AccessLog
from hub.desk import Desk
from hub.principal import Principal
from hub.store import tables
from hub.vocabulary import county_tables

from .access_eyes import CANARY, NUMBER, Eyes, traces

#: how far a listener has come is told by these, so that one knows when everything was told
_BEATS = Limits(ping_every_s=0.06)
_SCOPE = {
    "asgi": {"version": "3.0"}, "http_version": "1.1", "path": "/graphql", "raw_path": b"/graphql", "root_path": "",
    "query_string": b"", "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1),
}  # fmt: skip
_MESSAGE = re.compile(r'"(?:message|hint)": ?"((?:[^"\\]|\\.)*)"')
_JSON = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]


class Through:
    """Somebody's way through the web server; what they receive is looked at byte by byte."""

    def __init__(self, desk: Desk, eyes: Eyes) -> None:
        self.desk, self.eyes = desk, eyes
        self.received: set[str] = set()
        self.log = AccessLog(desk, flush_s=600)
        self._renewed = 0

        async def authenticate(_: HTTPConnection) -> Principal | None:
            given = self.eyes.principal
            return replace(given, id=f"{given.id}-{self._renewed}") if self._renewed else given

        self.app = create_app(
            desk, county_tables, authenticate=authenticate, keeps_budgets=False, limits=_BEATS, access_log=self.log
        )
        transport = httpx2.ASGITransport(self.app)
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1")

    def renew(self) -> None:
        """Come as another with the same rights: what is counted by the hour begins anew."""
        self._renewed += 1

    async def ask(self, document: str, shown: Iterable[str] = (), **variables: Any) -> httpx2.Response:
        """POST it. The test fails where an answer or a log line holds what is not for these eyes.

        ``shown``: whole numbers that the answer must hold, each once.
        """
        body = {"query": document, "variables": variables}
        with self.watched():
            answer = await self.client.post("/graphql", json=body)
        assert answer.status_code < 500, answer.text
        self.judge(answer, json.dumps(body, ensure_ascii=False), shown, document)
        return answer

    async def get(self, path: str, **parameters: str) -> httpx2.Response:
        """GET a file, looked at in the same way."""
        with self.watched():
            answer = await self.client.get(path, params=parameters)
        assert answer.status_code < 500, answer.text
        self.judge(answer, json.dumps([path, parameters], ensure_ascii=False))
        return answer

    async def stream(self, document: str, end: int) -> list[Any]:
        """The changes that server-sent events tell, up to that place of the log; or its errors."""
        incoming: asyncio.Queue[Any] = asyncio.Queue()
        body = json.dumps({"query": document}).encode()
        incoming.put_nowait({"type": "http.request", "body": body, "more_body": False})
        told = b""

        async def send(message: Any) -> None:
            nonlocal told
            told += message.get("body", b"") or repr(message.get("headers")).encode()
            if b"id: %d\n" % end in told or b"event: complete" in told:
                incoming.put_nowait({"type": "http.disconnect"})

        scope = _SCOPE | {"type": "http", "scheme": "http", "method": "POST"}
        await self._serve(scope | {"headers": [*_JSON, (b"accept", b"text/event-stream")]}, incoming.get, send)
        self._look_at(told.decode(), document, document)
        lines = (line.removeprefix("data: ") for line in told.decode().splitlines() if line.startswith("data: "))
        return [json.loads(line) for line in lines]

    async def socket(self, document: str, end: int) -> list[Any]:
        """The same over graphql-transport-ws."""
        incoming: asyncio.Queue[Any] = asyncio.Queue()
        incoming.put_nowait({"type": "websocket.connect"})
        told: list[Any] = []

        async def send(message: Any) -> None:
            if message["type"] == "websocket.accept":
                _say(incoming, type="connection_init")
            elif message["type"] == "websocket.close":
                incoming.put_nowait({"type": "websocket.disconnect", "code": message.get("code", 1000)})
            else:
                said = json.loads(message["text"])
                told.append(said)
                if said["type"] == "connection_ack":
                    _say(incoming, type="subscribe", id="1", payload={"query": document})
                positions = (said.get("payload") or {}).get("positions", {}) if said["type"] == "ping" else {}
                if said["type"] in ("error", "complete") or positions.get("1") == end:
                    incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})

        scope = _SCOPE | {"type": "websocket", "scheme": "ws", "subprotocols": ["graphql-transport-ws"]}
        await self._serve(scope | {"headers": _JSON}, incoming.get, send)
        self._look_at(json.dumps(told), document, document)
        return [said["payload"] for said in told if said["type"] in ("next", "error")]

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        with self.watched():
            async with asyncio.timeout(30):
                await self.app(scope, receive, send)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """No line of a log that is written meanwhile may hold a word or number of anybody's."""
        kept = _Kept()
        logging.getLogger().addHandler(kept)
        try:
            with capture_logs() as lines:
                yield
        finally:
            logging.getLogger().removeHandler(kept)
        nothing_of_anybody([*lines, *kept.lines])

    def judge(self, answer: httpx2.Response, asked: str, shown: Iterable[str] = (), echoed: str = "") -> None:
        """The test fails where the answer holds what is not for these eyes."""
        text = f"{answer.headers} {_text(answer)}"
        for number in shown:
            assert text.count(number) == 1, "a number is shown once, where it was asked for"
            text = text.replace(number, "")
        self._look_at(text, asked, echoed)

    def _look_at(self, text: str, asked: str, echoed: str) -> None:
        # what the asker wrote themselves tells them nothing, e.g. where a field tells its argument; but a number that
        # came in a variable does not come back, and in no message does any
        # who answers for the access log sees in it by their keys what others looked at
        with_keys = "accessLog" not in asked
        said = " ".join(_MESSAGE.findall(text))
        leaked = {
            shown
            for shown in self.eyes.leaks(text, with_keys=with_keys)
            if shown not in asked or (NUMBER.fullmatch(shown) and (shown not in echoed or shown in said))
        }
        assert not leaked, (self.eyes.principal, asked[:2000], sorted(leaked)[:5])
        self.received |= {one.shown for one in traces(text) if one.shown not in asked}

    async def close(self) -> None:
        """Write down what was read; the test fails where the access log holds a word or number of anybody's."""
        with self.watched():
            await self.log.close()
        await self.client.aclose()
        assert self.log.waiting == 0
        async with self.desk.store.read() as connection:
            nothing_of_anybody([tuple(row) for row in await connection.execute(select(tables.access_log))])


async def at_rest() -> None:
    """Nothing reads any more: what a server leaves to its loop's end must not meet a database that is closed."""
    others = asyncio.all_tasks() - {cast("asyncio.Task[Any]", asyncio.current_task())}
    if others:
        # reads end by themselves; what is left waits for its time
        _, waiting = await asyncio.wait(others, timeout=0.2)
        for task in waiting:
            task.cancel()
        if waiting:
            await asyncio.wait(waiting, timeout=10)


class _Kept(logging.Handler):
    """Lines of libraries."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def nothing_of_anybody(lines: Any) -> None:
    """Keys may stand in a log, a word or number of a citizen's may not."""
    text = repr(lines)
    found = CANARY.search(text) or NUMBER.search(text)
    assert found is None, (found, text[:2000])


def _text(answer: httpx2.Response) -> str:
    """What can be read in an answer; a workbook is unpacked first."""
    if not answer.content.startswith(b"PK"):
        return answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as book:
        return " ".join(book.read(name).decode() for name in book.namelist())


def _say(incoming: asyncio.Queue[Any], **message: Any) -> None:
    incoming.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})
