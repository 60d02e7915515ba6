"""What a client may say over graphql-transport-ws: messages read strictly, and for everything else a close code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from app.graphql_http import MalformedError, read_map
from app.graphql_live import Ending
from app.strict_json import NotStrictError, strict_json
from schema.execution import Request

_LONGEST_ID = 128


class Ended(Exception):
    """The connection ends with that code."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.reason)
        self.ending = ending


def ended(code: int, reason: str) -> Ended:
    """To be raised: the connection ends with that code."""
    return Ended(Ending(code, reason))


def read_message(text: str | None, most_bytes: int) -> Mapping[str, Any]:
    """A message; ``text`` is None where bytes came. Raises Ended."""
    if text is None:
        raise ended(4400, "messages are text")
    if len(text) > most_bytes or len(text.encode()) > most_bytes:
        raise ended(4413, f"a message has at most {most_bytes} bytes")
    try:
        message = strict_json(text.encode())
    except NotStrictError as problem:
        raise ended(4400, str(problem)) from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ended(4400, "a message is an object with a type")
    return message


def payload_of(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """What it carries; empty where it carries nothing. Raises Ended."""
    payload = message.get("payload")
    if payload is None:
        return {}
    if not isinstance(payload, dict):
        raise ended(4400, "a payload is an object")
    return payload


def id_of(message: Mapping[str, Any]) -> str:
    """Which subscription it is about. Raises Ended."""
    id = message.get("id")
    if not isinstance(id, str) or not 0 < len(id) <= _LONGEST_ID:
        raise ended(4400, f"an id is text of 1 to {_LONGEST_ID} characters")
    return id


def request_of(message: Mapping[str, Any]) -> Request:
    """The request that a ``subscribe`` carries. Raises Ended."""
    try:
        return read_map(message.get("payload"))
    except MalformedError as problem:
        raise ended(4400, problem.message) from None


def with_credential(socket: WebSocket, payload: Mapping[str, Any]) -> HTTPConnection:
    """The handshake's request; with the credential of ``connection_init`` in place of its own, where one is given."""
    given = [value for name, value in payload.items() if name.lower() == "authorization"]
    if not given:
        return socket
    if len(given) > 1 or not isinstance(given[0], str):
        raise ended(4400, "Authorization is one text")
    # a cookie beside a credential would let the page's visitor in where the credential does not
    kept = [(name, value) for name, value in socket.scope["headers"] if name not in (b"authorization", b"cookie")]
    headers = [*kept, (b"authorization", given[0].encode("latin-1", "replace"))]
    return HTTPConnection({**socket.scope, "headers": headers})
