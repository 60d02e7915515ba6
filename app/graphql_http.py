"""GraphQL over HTTP: what a request may look like, and which status and media type its answer has.

A body that is no GraphQL request is answered 4xx, never 5xx. An answer in ``application/json`` is 200 once the request
was well formed; in ``application/graphql-response+json`` the status tells whether the operation ran.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from hub.principal import Principal
from schema.context import Context
from schema.execution import Answer, Request, Runner

#: bytes of a request body, and characters of a GET's query string
MAX_BODY_BYTES = 256 * 1024
MAX_QUERY_STRING = 16 * 1024
#: a client that sends its body more slowly is cut off
_BODY_TIMEOUT_S = 30.0

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"

#: how long a request took, and how it ended: ran, refused or malformed
Observe = Callable[[float, str], None]


class MalformedError(Exception):
    """The HTTP request holds no GraphQL request."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})


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
        media_type = _answer_type(request.headers.get("accept"))
        try:
            if media_type is None:
                raise MalformedError(406, f"answers come as {GRAPHQL_JSON} or {JSON}")
            asked = await read_request(request)
        except MalformedError as problem:
            self.observe(perf_counter() - started, "malformed")
            return malformed(problem, media_type or JSON)
        answer = await self.runner_of(principal.role).run(
            asked, self.new_context(principal), only_queries=request.method != "POST"
        )
        self.observe(perf_counter() - started, "refused" if answer.refused else "ran")
        return _respond(answer, media_type)


async def read_request(request: HttpRequest) -> Request:
    """The GraphQL request in a GET or POST. Raises MalformedError."""
    if request.method == "POST":
        _check_content_type(request.headers.get("content-type"))
        return read_map(_json(await _body(request)))
    if len(request.url.query) > MAX_QUERY_STRING:
        raise MalformedError(414, "the address is too long; use POST")
    given: dict[str, Any] = dict(request.query_params)
    for name in ("variables", "extensions"):
        if given.get(name):
            given[name] = _json(given[name].encode("utf-8", "surrogatepass"))
        else:
            given.pop(name, None)
    return read_map(given)


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
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise MalformedError(400, "this is not JSON in UTF-8") from None


def read_map(given: Any) -> Request:
    """The GraphQL request in parsed JSON. Raises MalformedError."""
    if isinstance(given, list):
        raise MalformedError(400, "batches are not accepted; send one request each")
    if not isinstance(given, dict):
        raise MalformedError(400, "a GraphQL request is a JSON object")
    query, variables, name = given.get("query"), given.get("variables"), given.get("operationName")
    if not isinstance(query, str) or not query.strip():
        raise MalformedError(400, "query is missing, or is no text")
    if variables is not None and not isinstance(variables, dict):
        raise MalformedError(400, "variables is no object")
    if name is not None and not isinstance(name, str):
        raise MalformedError(400, "operationName is no text")
    if given.get("extensions") is not None and not isinstance(given["extensions"], dict):
        raise MalformedError(400, "extensions is no object")
    return Request(query, variables or {}, name or None)


def _answer_type(accept: str | None) -> str | None:
    """The media type of the answer; None where the client accepts none of ours."""
    if accept is None or not accept.strip():
        return JSON
    best: tuple[float, str] | None = None
    for part in accept.split(","):
        media_range, parameters = _media_type(part)
        offered = {GRAPHQL_JSON: GRAPHQL_JSON, JSON: JSON, "application/*": JSON, "*/*": JSON}.get(media_range)
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
    elif answer.refused == "OPERATION_NOT_ALLOWED":
        status, headers = 405, {"Allow": "POST"}
    else:
        status = 200 if media_type == JSON else 400
    return Response(orjson.dumps(answer.payload), status, {"Content-Type": f"{media_type}; charset=utf-8", **headers})


def malformed(problem: MalformedError, media_type: str = JSON) -> Response:
    """The answer to an HTTP request that holds no GraphQL request."""
    body = orjson.dumps({"errors": [{"message": problem.message, "extensions": {"code": "BAD_REQUEST"}}]})
    headers = {"Content-Type": f"{media_type}; charset=utf-8", **problem.headers}
    return Response(body, problem.status, headers)
