"""JSON that can be read in one way only: UTF-8 without a mark, one value, no key twice, no number that is none.

Of two equal keys one program takes the first and another the last: what a proxy looked at must be what runs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import orjson


class NotStrictError(ValueError):
    """The bytes are not such JSON; the text says why, without quoting them."""


def strict_json(data: bytes) -> Any:
    """The one value in ``data``. Raises NotStrictError."""
    try:
        # refuses NaN, half surrogates, wrong UTF-8 and a byte order mark, but takes the last of equal keys
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise NotStrictError("this is not JSON in UTF-8") from None
    try:
        json.loads(data.decode(), object_pairs_hook=_once)
    except RecursionError:
        raise NotStrictError("this JSON is nested too deeply") from None
    except NotStrictError:
        raise
    except ValueError:
        # a number of thousands of digits
        raise NotStrictError("this is not JSON in UTF-8") from None
    return value


def _once(pairs: Sequence[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        raise NotStrictError("an object has the same key twice")
