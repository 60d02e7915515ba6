"""A row of the petition office as a kept item: decoded, identified, timed, and in one spelling for comparison.

A row is never dropped here. One without ``xfjbh`` has an empty key, one without a readable ``gxsj`` has no time;
the hub quarantines what cannot be mapped, alone.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Any

from connectors.json_rows import dumps, stamp_text, text, wall_clock
from hub.errors import TransientError
from hub.model import Item

#: fields of ``xfj`` and ``blfss`` that may come as a bare date, meaning 00:00:00 (WIRES 3.13)
MIXED_STAMPS = frozenset({"djsj", "blsj"})
#: what the office writes about the exchange itself: no content of the row (WIRES 3.8, 3.10)
VOLATILE = frozenset({"hash", "sjjhzt"})

_STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9]{2}:[0-9]{2}:[0-9]{2})?")
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


def stamp(value: Any) -> datetime | None:
    """``YYYY-MM-DD HH:mm:ss`` of Shanghai, or a bare date as its 00:00:00; None where it cannot be read."""
    return wall_clock(value, _STAMP)


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
