"""A row of the court's list as a kept item: its identity, its time, and one spelling for comparison.

A row is never dropped here. One without ``ajbs`` has an empty key, one without a readable ``gxsj`` has no time;
the hub quarantines what cannot be mapped, alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from connectors.court.numbers import half_width, normalise
from connectors.json_rows import YEARS, dumps, text, wall_clock
from connectors.json_rows import day as plain_day
from hub.model import Item

#: the fields that may come as ``20JAN21`` in place of ``2021-01-20`` (WIRES 1.11)
ORACLE_DATES = ("lxrq", "mediateAgreementSignDate")

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}")
_ORACLE = re.compile(r"([0-9]{2})([A-Z]{3})([0-9]{2})")


def stamp(value: Any) -> datetime | None:
    """``YYYY-MM-DD HH:mm:ss`` of Shanghai as an instant; None where it cannot be read."""
    return wall_clock(value, _STAMP)


def day(value: Any) -> date | None:
    """``YYYY-MM-DD`` (a time behind it is ignored) or ``DDMONYY`` of this century; None where it cannot be read."""
    found = plain_day(value)
    match = _ORACLE.fullmatch(value.strip().upper()) if isinstance(value, str) and found is None else None
    if match is None or match[2] not in _MONTHS:
        return found
    try:
        found = date(2000 + int(match[3]), _MONTHS.index(match[2]) + 1, int(match[1]))
    except ValueError:
        return None
    return found if found.year in YEARS else None


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
