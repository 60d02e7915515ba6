"""What a client is told when something goes wrong: declared errors as they are, all others only by a reference.

A log line carries the reference, the field's name, the error's class and where it was raised; never the query, its
variables, or an error's own text, which may quote a row.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import structlog
from graphql import GraphQLError

from hub.errors import ConflictError, HubError, NotFoundError, UnloggedError, UserInputError
from hub.sealing import mask_words
from schema.without_values import without_values

log = structlog.get_logger()

#: every ``extensions.code`` there is; each stands in docs/frontend.md
CODES = frozenset({
    "BAD_REQUEST", "UNAUTHENTICATED", "FORBIDDEN", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED",
    "QUERY_TOO_LARGE", "INTROSPECTION_NOT_ALLOWED", "RATE_LIMITED", "TRY_AGAIN_LATER", "TOO_MANY_SUBSCRIPTIONS",
    "PERSISTED_QUERY_NOT_FOUND", "DOCUMENT_NOT_TRUSTED", "OPERATION_NOT_ALLOWED", "BAD_USER_INPUT", "NOT_FOUND",
    "CONFLICT", "METHOD_NOT_ALLOWED", "NOT_INSTALLED", "ACCESS_LOG_UNAVAILABLE", "INTERNAL",
})  # fmt: skip

#: errors that say something the caller can use, and the code under which a program may recognise them
_DECLARED: tuple[tuple[type[HubError], str], ...] = (
    (UserInputError, "BAD_USER_INPUT"),
    (NotFoundError, "NOT_FOUND"),
    (ConflictError, "CONFLICT"),
    (UnloggedError, "ACCESS_LOG_UNAVAILABLE"),
)


def refusal(error: GraphQLError, code: str) -> dict[str, Any]:
    """An error about the request itself: it never ran, and its message names what the client sent, without values."""
    return _shown(error, without_values(error.message), {"code": code})


def failure(error: GraphQLError) -> dict[str, Any]:
    """An error of a field that ran."""
    original = error.original_error
    for declared, code in _DECLARED:
        if isinstance(original, declared):
            hint = {"hint": original.hint} if original.hint else {}
            # an id that nothing is known under is the client's own text
            return _shown(error, mask_words(original.message), {"code": code, **hint})
    if original is None and error.message.startswith("Argument "):
        # a variable that is null where a default hid that it may not be
        return _shown(error, without_values(error.message), {"code": "BAD_USER_INPUT"})
    return _shown(error, *_masked(error))


def failures(errors: Sequence[GraphQLError] | None) -> list[dict[str, Any]]:
    """All errors of an execution."""
    return [failure(error) for error in errors or ()]


def report(problem: BaseException, place: str) -> str:
    """Log that something failed at ``place``, without a word of its text; returns the reference to look for."""
    reference = uuid.uuid4().hex[:12]
    frame = problem.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    at = f"{frame.tb_frame.f_globals.get('__name__')}:{frame.tb_lineno}" if frame is not None else ""
    log.error("internal error", reference=reference, place=place, error=type(problem).__name__, at=at)
    return reference


def internal(problem: BaseException, place: str) -> dict[str, Any]:
    """A fault of ours as a client may see it: nothing but the reference under which it is logged."""
    reference = report(problem, place)
    return {"message": f"internal error, reference {reference}",
            "extensions": {"code": "INTERNAL", "reference": reference}}  # fmt: skip


def _masked(error: GraphQLError) -> tuple[str, dict[str, Any]]:
    field = getattr(getattr(error.nodes[0], "name", None), "value", "?") if error.nodes else "?"
    masked = internal(error.original_error or error, f"field {field}")
    return masked["message"], masked["extensions"]


def _shown(error: GraphQLError, message: str, extensions: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"message": message}
    if error.locations:
        shown["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path is not None:
        shown["path"] = error.path
    shown["extensions"] = extensions
    return shown
