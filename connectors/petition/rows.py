"""A row of the petition office as a kept item: decoded, identified, timed, and in one spelling for comparison.

A row is never dropped here. One without ``xfjbh`` has an empty key, one without a readable ``gxsj`` has no time;
the hub quarantines what cannot be mapped, alone.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import date, datetime
from typing import Any

import orjson

from hub.errors import TransientError
from hub.model import SHANGHAI, Item, clean_text

#: fields of ``xfj`` and ``blfss`` that may come as a bare date, meaning 00:00:00 (WIRES 3.13)
MIXED_STAMPS = frozenset({"djsj", "blsj"})
#: what the office writes about the exchange itself: no content of the row (WIRES 3.8, 3.10)
VOLATILE = frozenset({"hash", "sjjhzt"})

_STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9]{2}:[0-9]{2}:[0-9]{2})?")
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[ T].*)?", re.DOTALL)
_REFUSED = re.compile("[\x00\ud800-\udfff]")
#: outside these years a time is a typing error, and near the ends of the calendar arithmetic fails
_YEARS = range(1900, 3000)
#: with more whole letters of UTF-8 for each broken one an answer is damaged UTF-8 and not GB18030
_DAMAGED = 3


def decode(body: bytes) -> str:
    """The answer's text: strictly UTF-8, else strictly GB18030, whatever its header says (WIRES 3.11).

    Raises TransientError of kind ``UNDECODABLE``: then nothing of the answer may be used.
    """
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        found = body.decode("gb18030")
    except UnicodeDecodeError:
        found = None
    # nearly every pair of bytes is some letter of GB18030: UTF-8 with a broken byte would come out as other people's
    # names and be believed
    if found is None or _is_damaged_utf8(body):
        raise TransientError(
            "the answer is neither UTF-8 nor GB18030",
            kind="UNDECODABLE",
            hint="Nothing of it is used; its rows are read again one by one.",
        )
    return found


def _is_damaged_utf8(body: bytes) -> bool:
    letters = [letter for letter in body.decode("utf-8", "replace") if letter > "\u07ff"]
    broken = letters.count("\ufffd")
    return len(letters) - broken > _DAMAGED * broken


def loads(written: str | bytes) -> Any:
    """The JSON value. Raises ValueError. Lone surrogates, which orjson refuses, are kept for the mapping to strip."""
    try:
        return orjson.loads(written)
    except orjson.JSONDecodeError:
        known = written.decode() if isinstance(written, bytes) else written
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


def stamp(value: Any) -> datetime | None:
    """``YYYY-MM-DD HH:mm:ss`` of Shanghai, or a bare date as its 00:00:00; None where it cannot be read."""
    if not isinstance(value, str) or not _STAMP.fullmatch(value.strip()):
        return None
    try:
        at = datetime.fromisoformat(value.strip()).replace(tzinfo=SHANGHAI)
    except ValueError:
        return None
    return at if at.year in _YEARS else None


def stamp_text(at: datetime) -> str:
    """The wire's spelling of an instant, in whole seconds."""
    return at.astimezone(SHANGHAI).replace(tzinfo=None).isoformat(" ", "seconds")


def day(value: Any) -> date | None:
    """``YYYY-MM-DD`` (a time behind it is ignored); None where it cannot be read."""
    match = _DAY.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    try:
        found = date.fromisoformat(match[1])
    except ValueError:
        return None
    return found if found.year in _YEARS else None


def canonical(row: Any) -> bytes:
    """The row in one spelling: key order, a bare date for midnight, and null, '' and absent make no difference."""
    try:
        return dumps(_one_spelling(row), sort_keys=True)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc


def make_item(row: Any) -> Item:
    """The row as an item. Raises ValueError for what is nested beyond any sense."""
    fields = row if isinstance(row, dict) else {}
    xfjbh = text(fields.get("xfjbh"))
    return Item(
        key=xfjbh,
        native_id=xfjbh,
        native_no="",
        updated_at=stamp(fields.get("gxsj")),
        body=dumps(row),
        canonical=canonical(row),
        content_mark=text(fields.get("hash")),
    )


def fingerprint(xfjbh: str, updated_at: datetime | None, mark: str) -> int:
    """128 bits that tell this version of this letter, as row and list name it, from every other."""
    name = "\x00".join((xfjbh, stamp_text(updated_at) if updated_at else "", mark))
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=16).digest(), "big")


def _one_spelling(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        kept = {key: _one_spelling(inner, key) for key, inner in value.items() if key not in VOLATILE}
        return {key: inner for key, inner in kept.items() if inner not in (None, "", [], {})}
    if isinstance(value, list):
        return [_one_spelling(inner) for inner in value]
    if name in MIXED_STAMPS and (at := stamp(value)):
        return stamp_text(at)
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
