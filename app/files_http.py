"""``GET /files/{id}``: a stored file as what it is, to be saved and never to be shown inside a page of ours.

Who takes it is written down before a byte of it is given.
"""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.authentication import Authenticate
from app.refusal import refusal, unauthenticated
from hub.access import access_of
from hub.access_log import Look, Subjects, log_first
from hub.desk import Desk
from hub.errors import UnloggedError
from hub.reading import attachments
from hub.vocabulary import AccessKind

#: whatever a browser makes of it, it may run nothing, load nothing and be framed by nobody
_HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def file_route(desk: Desk, authenticate: Authenticate) -> Route:
    """The route. 404 for what is unknown, hidden from who asks, not stored, or erased; they are not told apart.

    503 where it cannot be written down who takes the file.
    """

    async def answer(request: Request) -> Response:
        principal = await authenticate(request)
        if principal is None:
            return unauthenticated()
        access = access_of(principal.role)
        id, found = str(request.path_params["id"]), None
        # PostgreSQL knows no such character, and no file is called by it
        if access.may_see("Attachment.url") and "\0" not in id:
            async with desk.store.read() as connection:
                found = await attachments.sealed_of(connection, access.sight(principal), id)
        if found is None:
            return refusal(404, "NOT_FOUND", "there is no such file")
        body = await asyncio.to_thread(found.open, desk.keys)
        try:
            await log_first(desk, Look(principal, AccessKind.FILE, Subjects([found.record_id, found.id])))
        except UnloggedError as problem:
            headers = {"Retry-After": str(problem.retry_after_s)}
            return refusal(503, "ACCESS_LOG_UNAVAILABLE", problem.message, headers)
        headers = {**_HEADERS, "Content-Disposition": _disposition(found.name)}
        response = Response(body, headers=headers)
        # as it is: Starlette would add a character set of its own to text
        response.headers["Content-Type"] = found.media_type
        return response

    return Route("/files/{id}", answer, methods=["GET"])


def _disposition(name: str) -> str:
    return f"attachment; filename*=UTF-8''{quote(name or 'file', safe='')}"
