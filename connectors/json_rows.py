"""What partners that speak JSON have in common: reading and writing it without loss, text, times of Shanghai.

Which spellings of a time a partner uses is the partner's own; they are handed in.
"""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from typing import Any

import orjson

from hub.model import SHANGHAI, clean_text

_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[ T].*)?", re.DOTALL)
_REFUSED = re.compile("[\x00\ud800-\udfff]")
#: outside these years a time is a typing error, and near the ends of the calendar arithmetic fails
YEARS = range(1900, 3000)


def loads(written: str | bytes) -> Any:
    """The JSON value. Raises ValueError. Lone surrogates, which orjson refuses, are kept for the mapping to strip."""
    try:
        return orjson.loads(written)
    except orjson.JSONDecodeError:
        known = written.decode("utf-8") if isinstance(written, bytes) else written
        if "\\u" not in known:
            raise
    try:
        return json.loads(known, parse_constant=_refuse)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc


def dumps(value: Any, *, sort_keys: bool = False) -> bytes:
    """The value as JSON bytes. Raises ValueError for what is nested beyond any sense."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sort_keys else 0)
    except TypeError:  # a lone surrogate, or an integer beyond 64 bits
        pass
    try:
        return json.dumps(value, sort_keys=sort_keys, separators=(",", ":")).encode()
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc


def text(value: Any) -> str:
    """A scalar field as text, without what a database refuses; null, '' and absent are alike, as is a wrong type."""
    if isinstance(value, str):
        return (clean_text(value)[0] if _REFUSED.search(value) else value).strip()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return ""


def wall_clock(value: Any, spelling: re.Pattern[str]) -> datetime | None:
    """A time of Shanghai in the partner's spelling as an instant; None where it cannot be read."""
    if not isinstance(value, str) or not spelling.fullmatch(value.strip()):
        return None
    try:
        at = datetime.fromisoformat(value.strip()).replace(tzinfo=SHANGHAI)
    except ValueError:
        return None
    return at if at.year in YEARS else None


def stamp_text(at: datetime) -> str:
    """``YYYY-MM-DD HH:mm:ss`` of Shanghai."""
    return at.astimezone(SHANGHAI).replace(tzinfo=None).isoformat(" ", "seconds")


def day(value: Any) -> date | None:
    """``YYYY-MM-DD``; a time behind it is ignored. None where it cannot be read."""
    match = _DAY.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    try:
        found = date.fromisoformat(match[1])
    except ValueError:
        return None
    return found if found.year in YEARS else None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
