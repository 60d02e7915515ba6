"""``GET /export/disputes.csv`` and ``.xlsx``: a list as a file, by the same eyes as the list itself.

Each page of it is asked of the role's own schema, so that what exists, what is found and what is masked is the same by
construction. Its rows are bounded, one export at a time runs for a principal, and who takes it is in the access log
before its first byte; each page of it is there as well, like any read.
"""

from __future__ import annotations

import asyncio
import csv
import io
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import structlog
from starlette.requests import Request as HttpRequest
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.authentication import Authenticate, Still, still_here
from app.export_lines import Column, columns_for, document, line
from app.refusal import refusal, unauthenticated
from hub.access_log import Look, log_first
from hub.errors import UnloggedError
from hub.principal import Principal
from hub.vocabulary import AccessKind
from schema.context import Context
from schema.execution import Answer, Request, Runner
from schema.trusted import NO_DOCUMENTS

#: rows of an export at most, unless the settings say otherwise
ROWS = 10_000
#: exports at a time, of all principals
_AT_ONCE = 4
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
#: no cell is anything but the text it is
_AS_TEXT = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
_HEADERS = {"Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'"}
_log = structlog.get_logger("export")

Page = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _File:
    """A finished file in a folder of its own."""

    folder: tempfile.TemporaryDirectory[str]

    @property
    def name(self) -> str:
        """Its path."""
        return f"{self.folder.name}/disputes.xlsx"

    def cleanup(self) -> None:
        """It is no more."""
        self.folder.cleanup()


class _Ending(Response):
    """A response after which something must be done, however it ends: also where the client went away."""

    def __init__(self, inner: Response, leave: Sequence[Callable[[], None]]) -> None:
        self._inner, self._leave = inner, leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._inner(scope, receive, send)
        finally:
            for end in self._leave:
                end()


class RefusedError(Exception):
    """The export cannot begin; the answer says why."""

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.status_code)
        self.answer = answer


class BrokenOffError(Exception):
    """A later page could not be had: the file must not look whole."""


def export_route(
    runner_of: Callable[[str], Runner],
    new_context: Callable[[Principal], Context],
    authenticate: Authenticate,
    rows: int = ROWS,
    still: Still = still_here,
) -> Route:
    """The route. Parameters: ``filter`` and ``orderBy``, each as JSON, as the list's own arguments are."""
    exports = _Exports(runner_of, new_context, rows, still)

    async def answer(request: HttpRequest) -> Response:
        try:
            if request.method != "GET":
                raise _refused(405, "METHOD_NOT_ALLOWED", "a file is had by GET", {"Allow": "GET"})
            # a page elsewhere could not read the file, but it could keep the database busy
            if request.headers.get("sec-fetch-site") == "cross-site":
                raise _refused(403, "FORBIDDEN", "exports begin in the front end's own pages")
            principal = await authenticate(request)
            if principal is None:
                raise RefusedError(unauthenticated())
            return await exports.begin(principal, request.path_params["kind"], _variables(request))
        except RefusedError as refused:
            return refused.answer

    return Route("/export/disputes.{kind}", answer, methods=["GET"])


@dataclass(slots=True)
class _Exports:
    """The exports that run."""

    runner_of: Callable[[str], Runner]
    new_context: Callable[[Principal], Context]
    rows: int
    still: Still
    running: set[str] = field(default_factory=set)

    async def begin(self, principal: Principal, kind: str, variables: Mapping[str, Any]) -> Response:
        """The file. Raises RefusedError."""
        context = self.new_context(principal)
        columns = columns_for(context.access)
        if not columns or kind not in ("csv", "xlsx"):
            raise _refused(404, "NOT_FOUND", "there is no such list")
        if principal.id in self.running or len(self.running) >= _AT_ONCE:
            raise _refused(429, "RATE_LIMITED", "an export is running", {"Retry-After": "10"})
        self.running.add(principal.id)
        try:
            pages = _Pages(
                self.runner_of(principal.role), lambda: self.new_context(principal), columns, variables,
                lambda: self.still(principal),
            )  # fmt: skip
            first = await pages.first()
            told = min(first["totalCount"], self.rows)
            await _note(context, kind, variables, told)
            headers = {**_HEADERS, "Hub-Total": str(first["totalCount"]), "Hub-Rows": str(told)}
            headers["Content-Disposition"] = f'attachment; filename="disputes.{kind}"'
            lines = pages.lines(first, self.rows)
            if kind == "xlsx":
                file = await _workbook(columns, lines)
                whole = FileResponse(file.name, media_type=_XLSX, headers=headers)
                return _Ending(whole, [file.cleanup, lambda: self.running.discard(principal.id)])
            parts = StreamingResponse(_csv(columns, lines), media_type="text/csv; charset=utf-8", headers=headers)
            return _Ending(parts, [lambda: self.running.discard(principal.id)])
        except BaseException:
            self.running.discard(principal.id)
            raise


@dataclass(frozen=True, slots=True)
class _Pages:
    """A list, page by page, asked as its principal asks."""

    runner: Runner
    new_context: Callable[[], Context]
    columns: Sequence[Column]
    variables: Mapping[str, Any]
    #: whether they still are who they were
    still: Callable[[], Awaitable[bool]]

    async def first(self) -> Page:
        """The first page, counted. Raises RefusedError where the list cannot be had."""
        answer = await self._ask(None, counted=True)
        if answer.wait_s:
            status = 429 if answer.refused == "RATE_LIMITED" else 503
            wait = {"Retry-After": str(answer.wait_s)}
            raise RefusedError(JSONResponse({"errors": answer.payload["errors"]}, status, wait))
        if "errors" in answer.payload:
            raise RefusedError(JSONResponse({"errors": answer.payload["errors"]}, 400))
        page: Page = answer.payload["data"]["disputes"]
        return page

    async def lines(self, page: Page, rows: int) -> AsyncGenerator[list[str]]:
        """Every line from that page on, at most ``rows``. Raises BrokenOffError."""
        given = 0
        while True:
            for edge in page["edges"]:
                if given == rows:
                    return
                given += 1
                yield line(self.columns, edge["node"])
            if not page["pageInfo"]["hasNextPage"] or given >= rows:
                return
            # a slow reader may have lost the right meanwhile
            if not await self.still():
                raise BrokenOffError
            answer = await self._ask(page["pageInfo"]["endCursor"], counted=False)
            if "errors" in answer.payload:
                raise BrokenOffError
            page = answer.payload["data"]["disputes"]

    async def _ask(self, after: str | None, *, counted: bool) -> Answer:
        asked = Request(document(self.columns, counted=counted), {**self.variables, "after": after})
        # our own document: it need not be a trusted one
        context = replace(self.new_context(), documents=NO_DOCUMENTS)
        if not counted:
            # the minute's budget says whether an export may begin; it would cut a long one in its middle
            context = replace(context, budget=None)
        return await self.runner.run(asked, context, only_queries=True)


def _variables(request: HttpRequest) -> dict[str, Any]:
    """The list's arguments. Raises RefusedError."""
    found = {}
    for name in ("filter", "orderBy"):
        given = request.query_params.get(name)
        if not given:
            continue
        try:
            found[name] = orjson.loads(given)
        except ValueError:
            raise _refused(400, "BAD_REQUEST", f"{name} is not JSON") from None
    return found


def _refused(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> RefusedError:
    return RefusedError(refusal(status, code, message, headers))


async def _note(context: Context, kind: str, variables: Mapping[str, Any], rows: int) -> None:
    """Write down who takes how much away before they have any of it; what they asked for may name people, so as a hash.

    Raises RefusedError where that cannot be written.
    """
    asked = orjson.dumps(dict(variables), option=orjson.OPT_SORT_KEYS).decode()
    look = Look(context.principal, AccessKind.EXPORT, operation=f"disputes_{kind}", searched=asked, count=rows)
    try:
        await log_first(context.desk, look)
    except UnloggedError as problem:
        headers = {"Retry-After": str(problem.retry_after_s)}
        raise _refused(503, "ACCESS_LOG_UNAVAILABLE", problem.message, headers) from problem
    _log.info("list exported", principal=context.principal.id, role=context.principal.role, kind=kind, rows=rows)


async def _csv(columns: Sequence[Column], lines: AsyncIterator[list[str]]) -> AsyncIterator[bytes]:
    """The list in CSV with a byte-order mark: without it Excel takes Chinese for another encoding."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([column.heading for column in columns])
    yield b"\xef\xbb\xbf"
    async for cells in lines:
        writer.writerow(cells)
        if buffer.tell() > 32_768:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


async def _workbook(columns: Sequence[Column], lines: AsyncGenerator[list[str]]) -> _File:
    """The list as a workbook, written row by row into a folder that only this process may read. Raises RefusedError."""
    try:
        from xlsxwriter import Workbook
    except ImportError:
        raise _refused(501, "NOT_INSTALLED", "install dispute-hub[excel], or take the .csv") from None
    made = _File(tempfile.TemporaryDirectory(prefix="dispute-hub-"))
    book = None
    try:
        book = Workbook(made.name, {"constant_memory": True, "tmpdir": made.folder.name, **_AS_TEXT})
        sheet = book.add_worksheet("纠纷")
        sheet.freeze_panes(1, 0)
        for at, column in enumerate(columns):
            sheet.write_string(0, at, column.heading)
        place = 0
        async with aclosing(lines) as each:
            async for cells in each:
                place += 1
                for at, cell in enumerate(cells):
                    sheet.write_string(place, at, cell)
        await asyncio.to_thread(book.close)
    except BaseException:
        with suppress(Exception):
            if book is not None:
                book.close()
        made.cleanup()
        raise
    return made
