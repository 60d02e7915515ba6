"""A request that is refused: in one shape at every door for front ends and integrators, that of GraphQL's errors.

Partners' webhooks are answered as their wires want it, and pages as pages.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

_CODES = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}


def refusal(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer. ``code`` is one of ``schema.errors.CODES``."""
    return JSONResponse({"errors": [{"message": message, "extensions": {"code": code}}]}, status, dict(headers or {}))


def unauthenticated() -> Response:
    """To whoever proved nothing; what is wrong with a credential is never told."""
    return refusal(401, "UNAUTHENTICATED", "sign in first", {"WWW-Authenticate": 'Bearer realm="dispute-hub"'})


async def no_door(_: Request, problem: Exception) -> Response:
    """To whoever knocks where no door is, or with the wrong method."""
    assert isinstance(problem, HTTPException)
    return refusal(
        problem.status_code, _CODES.get(problem.status_code, "BAD_REQUEST"), problem.detail.lower(), problem.headers
    )
