"""What is signed is read in one way only: JSON and base64 that two readers could understand differently are refused."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Sequence
from typing import Any, NoReturn

_BASE64URL = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def read_base64url(text: str) -> bytes:
    """The bytes. Raises ValueError for padding, other letters, and spare bits that are not zero."""
    if not _BASE64URL.fullmatch(text):
        raise ValueError("no base64url")
    content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    # of the last letter up to four bits mean nothing: other letters would stand for the same bytes
    if base64.urlsafe_b64encode(content).rstrip(b"=").decode() != text:
        raise ValueError("no canonical base64url")
    return content


def read_object(content: bytes) -> dict[str, Any]:
    """The object. Raises ValueError for anything else: other values, members named twice, NaN, endless depth."""
    try:
        found = json.loads(content.decode(), object_pairs_hook=_once, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def _once(members: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError("a member is named twice")
    return found


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError("a number without end")
    return number


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
