"""One GraphQL request as its transport delivered it, and what no request may hold whatever its document says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from graphql import GraphQLError

from schema.guard import MAX_VALUE_DEPTH, MAX_VARIABLE_VALUES

_ESCAPED_NUL = re.compile(r"\\u(?:0000|\{0+\})")


@dataclass(frozen=True, slots=True)
class Request:
    """A GraphQL request: a document, or the id of one that was registered."""

    query: str
    variables: Mapping[str, Any]
    operation_name: str | None = None
    #: '' where the document came whole
    document_id: str = ""


def check_values(request: Request) -> None:
    """Refuse what cannot be text, a number or be walked through in bounded time. Raises GraphQLError.

    No database keeps NUL, and a lone surrogate is no text: neither can name or be anything here.
    """
    texts = [request.query, request.operation_name or ""]
    for count, value in enumerate(_values(request.variables, 0)):
        if count > MAX_VARIABLE_VALUES:
            raise GraphQLError(f"the variables hold more than {MAX_VARIABLE_VALUES} values")
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, float) and not isfinite(value):
            raise GraphQLError("a number is finite")
    if any("\x00" in text or not _is_text(text) for text in texts) or _ESCAPED_NUL.search(request.query):
        raise GraphQLError("text cannot hold NUL or half a surrogate pair")


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _values(value: Any, depth: int) -> Iterator[Any]:
    """Every key and value, at any depth."""
    if depth > MAX_VALUE_DEPTH:
        raise GraphQLError(f"variables are nested more than {MAX_VALUE_DEPTH} deep")
    yield value
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from _values(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner, depth + 1)
