"""A row of the court's list as a kept item: its identity, its time, and one spelling for comparison.

A row is never dropped here. One without ``ajbs`` has an empty key, one without a readable ``gxsj`` has no time;
the hub quarantines what cannot be mapped, alone.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import orjson

from connectors.court.numbers import half_width, normalise
from hub.model import SHANGHAI, Item, clean_text

#: the fields that may come as ``20JAN21`` in place of ``2021-01-20`` (WIRES 1.11)
ORACLE_DATES = ("lxrq", "mediateAgreementSignDate")

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}")
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[ T].*)?", re.DOTALL)
_ORACLE = re.compile(r"([0-9]{2})([A-Z]{3})([0-9]{2})")
_REFUSED = re.compile("[\x00\ud800-\udfff]")
#: outside these years a time is a typing error, and near the ends of the calendar arithmetic fails
_YEARS = range(1900, 3000)


def loads(body: bytes) -> Any:
    """The JSON value. Raises ValueError. Lone surrogates, which orjson refuses, are kept for the mapping to strip."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        if rb"\u" not in body:
            raise
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse)
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
    """``YYYY-MM-DD HH:mm:ss`` of Shanghai as an instant; None where it cannot be read."""
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
    """``YYYY-MM-DD`` (a time behind it is ignored) or ``DDMONYY`` of this century; None where it cannot be read."""
    if not isinstance(value, str):
        return None
    try:
        if match := _DAY.fullmatch(value.strip()):
            found = date(*(int(part) for part in match.groups()))
        elif (match := _ORACLE.fullmatch(value.strip().upper())) and match[2] in _MONTHS:
            found = date(2000 + int(match[3]), _MONTHS.index(match[2]) + 1, int(match[1]))
        else:
            return None
    except ValueError:
        return None
    return found if found.year in _YEARS else None


def canonical(row: Any) -> bytes:
    """The row in one spelling: key order, bracket width, date form, and null, '' and absent make no difference."""
    if isinstance(row, Mapping):
        dates = {name: found.isoformat() for name in ORACLE_DATES if (found := day(row.get(name)))}
        row = {**row, **dates}
    try:
        return dumps(_one_spelling(row), sort_keys=True)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc


def make_item(row: Any) -> Item:
    """The row as an item. Two rows of one ``ajbs`` with different numbers are two items."""
    fields = row if isinstance(row, dict) else {}
    native_id = text(fields.get("ajbs"))
    native_no = normalise(text(fields.get("ah")))
    return Item(
        key=f"{native_id}/{native_no}" if native_id else "",
        native_id=native_id,
        native_no=native_no if native_id else "",
        updated_at=stamp(fields.get("gxsj")),
        body=dumps(row),
        canonical=canonical(row),
    )


def fingerprint(item: Item) -> int:
    """128 bits that tell this version of this row from every other."""
    return int.from_bytes(hashlib.sha256(item.key.encode() + b"\x00" + item.canonical).digest()[:16], "big")


def _one_spelling(value: Any) -> Any:
    if isinstance(value, str):
        return half_width(value)
    if isinstance(value, dict):
        pruned = {name: _one_spelling(inner) for name, inner in value.items()}
        return {name: inner for name, inner in pruned.items() if inner not in (None, "", [], {})}
    if isinstance(value, list):
        return [_one_spelling(inner) for inner in value]
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
