"""GraphQL over HTTP: what a request may look like, and which status and media type its answer has.

A body that is no GraphQL request is answered 4xx, never 5xx. An answer in ``application/json`` is 200 once the request
was well formed; in ``application/graphql-response+json`` the status tells whether the operation ran. Nothing is run for
a request that a page elsewhere can have a browser send by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from app.strict_json import NotStrictError, strict_json
from hub.principal import Principal
from schema.budget import MALFORMED_COST, TOO_MUCH
from schema.context import Context
from schema.execution import Answer, Request, Runner

#: bytes of a request body, and characters of a GET's query string
MAX_BODY_BYTES = 256 * 1024
MAX_QUERY_STRING = 16 * 1024
#: a client that sends its body more slowly is cut off
_BODY_TIMEOUT_S = 30.0

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
#: what we answer with, by what a client may accept
ANSWERS = {GRAPHQL_JSON: GRAPHQL_JSON, JSON: JSON, "application/*": JSON, "*/*": JSON}

#: how long a request took, how it ended (ran, refused, limited or malformed), and what it cost
Observe = Callable[[float, str, int], None]

#: headers that a browser sends to another site only after asking it first; any one does, whatever it says
_NOT_SIMPLE = ("graphql-require-preflight", "apollo-require-preflight", "x-requested-with")
#: an id of a registered document, and what may stand before it
_LONGEST_ID, _ALGORITHM = 128, "sha256:"


class MalformedError(Exception):
    """The HTTP request holds no GraphQL request."""

    def __init__(
        self, status: int, message: str, headers: Mapping[str, str] | None = None, code: str = "BAD_REQUEST"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})
        self.code = code


@dataclass(frozen=True, slots=True)
class GraphQLOverHttp:
    """The endpoint: one request in, one answer out, every time with a fresh context."""

    #: answers for a role, over the schema as that role sees it
    runner_of: Callable[[str], Runner]
    new_context: Callable[[Principal], Context]
    observe: Observe

    async def answer(self, request: HttpRequest, principal: Principal) -> Response:
        """Answer a GET or POST of that principal."""
        started = perf_counter()
        context = self.new_context(principal)
        media_type = _answer_type(request.headers.get("accept"))
        try:
            if media_type is None:
                raise MalformedError(406, f"answers come as {GRAPHQL_JSON} or {JSON}")
            if context.budget is not None and context.budget.is_empty(principal.id, _per_minute(context)):
                raise MalformedError(429, TOO_MUCH, {"Retry-After": "1", "Connection": "close"}, "RATE_LIMITED")
            if request.method != "POST":
                _check_preflight(request)
            asked = await read_request(request)
        except MalformedError as problem:
            problem = _paid_for(problem, context)
            self.observe(perf_counter() - started, "limited" if problem.status == 429 else "malformed", 0)
            return malformed(problem, media_type or JSON)
        answer = await self.runner_of(principal.role).run(asked, context, only_queries=request.method != "POST")
        outcome = "limited" if answer.refused == "RATE_LIMITED" else "refused" if answer.refused else "ran"
        self.observe(perf_counter() - started, outcome, answer.cost)
        return _respond(answer, media_type)


def _per_minute(context: Context) -> int:
    return context.access.limits.cost_per_minute


def _paid_for(problem: MalformedError, context: Context) -> MalformedError:
    """The problem, or that there were too many of them."""
    if context.budget is None or problem.status == 429:
        return problem
    balance = context.budget.spend(context.principal.id, MALFORMED_COST, _per_minute(context))
    if not balance.wait_s:
        return problem
    return MalformedError(429, TOO_MUCH, {"Retry-After": str(balance.wait_s)}, "RATE_LIMITED")


async def read_request(request: HttpRequest) -> Request:
    """The GraphQL request in a GET or POST. Raises MalformedError."""
    if request.method == "POST":
        _check_content_type(request.headers.get("content-type"))
        if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise MalformedError(415, "a compressed body is not read", {"Accept-Encoding": "identity"})
        return read_map(_json(await _body(request)))
    return read_map(_query_string(request.url.query))


def _query_string(text: str) -> dict[str, Any]:
    if len(text) > MAX_QUERY_STRING:
        raise MalformedError(414, "the address is too long; use POST")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        raise MalformedError(400, "the address is not written in UTF-8") from None
    given: dict[str, Any] = dict(pairs)
    if len(given) < len(pairs):
        raise MalformedError(400, "a parameter stands in the address twice")
    for name in ("variables", "extensions"):
        if given.get(name):
            given[name] = _json(given[name].encode("utf-8", "surrogatepass"))
        else:
            given.pop(name, None)
    return {name: value for name, value in given.items() if value != "" or name == "query"}


def _check_preflight(request: HttpRequest) -> None:
    """A link or a picture on a page elsewhere must run nothing in the name of whoever looks at it."""
    is_bearer = request.headers.get("authorization", "").lower().startswith("bearer ")
    if not is_bearer and not any(name in request.headers for name in _NOT_SIMPLE):
        raise MalformedError(400, "a GET request needs the header GraphQL-Require-Preflight: 1, or use POST")


async def _body(request: HttpRequest) -> bytes:
    too_large = MalformedError(413, f"a request body has at most {MAX_BODY_BYTES} bytes", {"Connection": "close"})
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced[:12]) > MAX_BODY_BYTES:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise too_large
    except TimeoutError:
        raise MalformedError(408, "the request body did not arrive in time", {"Connection": "close"}) from None
    return bytes(body)


def _check_content_type(header: str | None) -> None:
    media_type, parameters = _media_type(header or "")
    if media_type != JSON or parameters.get("charset", "utf-8") not in ("utf-8", "utf8"):
        raise MalformedError(415, f"a POST body is {JSON} in UTF-8", {"Accept-Post": JSON})


def _json(text: bytes) -> Any:
    try:
        return strict_json(text)
    except NotStrictError as problem:
        raise MalformedError(400, str(problem)) from None


def read_map(given: Any) -> Request:
    """The GraphQL request in parsed JSON. Raises MalformedError."""
    if isinstance(given, list):
        raise MalformedError(400, "batches are not accepted; send one request each")
    if not isinstance(given, dict):
        raise MalformedError(400, "a GraphQL request is a JSON object")
    query, variables, name = given.get("query"), given.get("variables"), given.get("operationName")
    extensions = given.get("extensions")
    if extensions is not None and not isinstance(extensions, dict):
        raise MalformedError(400, "extensions is no object")
    document_id = _document_id(given.get("documentId"), extensions or {})
    if query is None and document_id:
        query = ""
    elif not isinstance(query, str) or not query.strip():
        raise MalformedError(400, "query is missing, or is no text")
    if variables is not None and not isinstance(variables, dict):
        raise MalformedError(400, "variables is no object")
    if name is not None and not isinstance(name, str):
        raise MalformedError(400, "operationName is no text")
    return Request(query, variables or {}, name or None, document_id)


def _document_id(given: Any, extensions: Mapping[str, Any]) -> str:
    """The id of a registered document, as ``documentId`` or as Apollo's clients send it; '' where there is none."""
    persisted = extensions.get("persistedQuery")
    if given is None and persisted is not None:
        given = persisted.get("sha256Hash") if isinstance(persisted, dict) else persisted
        if not isinstance(given, str):
            raise MalformedError(400, "extensions.persistedQuery has no sha256Hash")
    if given is None:
        return ""
    if not isinstance(given, str) or not 0 < len(given) <= _LONGEST_ID:
        raise MalformedError(400, f"documentId is text of 1 to {_LONGEST_ID} characters")
    return given.removeprefix(_ALGORITHM)


def _answer_type(accept: str | None) -> str | None:
    """The media type of the answer; None where the client accepts none of ours."""
    if accept is None or not accept.strip():
        return JSON
    return preferred(accept, ANSWERS)


def preferred(accept: str, offers: Mapping[str, str]) -> str | None:
    """What is offered for the media range that an ``Accept`` header weighs most, the first named among equals."""
    best: tuple[float, str] | None = None
    for part in accept.split(","):
        media_range, parameters = _media_type(part)
        offered = offers.get(media_range)
        weight = _weight(parameters.get("q", "1"))
        if offered is not None and weight > 0 and (best is None or weight > best[0]):
            best = weight, offered
    return None if best is None else best[1]


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _media_type(header: str) -> tuple[str, dict[str, str]]:
    first, *rest = header.split(";")
    pairs = (part.partition("=") for part in rest)
    parameters = {name.strip().lower(): value.strip().strip('"').lower() for name, _, value in pairs}
    return first.strip().lower(), parameters


def _respond(answer: Answer, media_type: str) -> Response:
    headers = {}
    if answer.refused is None:
        status = 200
    elif answer.wait_s:
        # who asked too much, and what we cannot write down: both come again later
        status = 429 if answer.refused == "RATE_LIMITED" else 503
        headers = {"Retry-After": str(answer.wait_s)}
    elif answer.refused == "OPERATION_NOT_ALLOWED":
        status, headers = 405, {"Allow": "POST"}
    else:
        status = 200 if media_type == JSON else 400
    return Response(orjson.dumps(answer.payload), status, {"Content-Type": f"{media_type}; charset=utf-8", **headers})


def malformed(problem: MalformedError, media_type: str = JSON) -> Response:
    """The answer to an HTTP request that holds no GraphQL request."""
    body = orjson.dumps({"errors": [{"message": problem.message, "extensions": {"code": problem.code}}]})
    headers = {"Content-Type": f"{media_type}; charset=utf-8", **problem.headers}
    return Response(body, problem.status, headers)
