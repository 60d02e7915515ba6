"""Shapes: which fields an item has and of which JSON type, without a single value.

Lists of objects are folded: ``dsr[].xm`` stands for that field of any of them. A name that may hold a person's number,
or is longer than any field's, becomes ``*``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

#: fields of one item that are told; more is an object used as a table
MOST_FIELDS = 500
_DEEPEST = 8
_PLAIN_NAME = re.compile(r"(?!.*\d{5})[\w$@:-]{1,64}")
_TYPES: Mapping[type, str] = {
    str: "string", int: "number", float: "number", bool: "boolean", dict: "object", list: "list", type(None): "null",
}  # fmt: skip


def json_fields(value: Any) -> dict[str, str]:
    """Path → type of everything inside a JSON value. Several types of one path in one item are ``mixed``."""
    found: dict[str, str] = {}
    _walk(value, "", found, 0)
    return found


def _walk(value: Any, path: str, found: dict[str, str], depth: int) -> None:
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        prefix = f"{path}." if path else ""
        for name, inner in value.items():
            here = prefix + field_name(name)
            _note(found, here, inner)
            if isinstance(inner, dict | list):
                _walk(inner, here, found, depth + 1)
    elif isinstance(value, list):
        here = f"{path}[]"
        for inner in value:
            _note(found, here, inner)
            if isinstance(inner, dict | list):
                _walk(inner, here, found, depth + 1)


def _note(found: dict[str, str], path: str, value: Any) -> None:
    if len(found) >= MOST_FIELDS and path not in found:
        return
    kind = _TYPES.get(type(value), "mixed")
    known = found.setdefault(path, kind)
    # a null beside a value says nothing of the type
    if known != kind and kind != "null":
        found[path] = kind if known == "null" else "mixed"


@lru_cache(maxsize=4096)
def field_name(name: str) -> str:
    """The name as it may be told; ``*`` where it is no field's name."""
    return name if _PLAIN_NAME.fullmatch(name) else "*"
