"""What the hotline delivers as kept items: an order under its number, a webhook's event under number, word and seq.

An item is never dropped here. One without identity has an empty key, one without a readable stamp has no time; the
hub quarantines what cannot be mapped, alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import orjson

from hub.model import SHANGHAI, Item, clean_text

#: the state in which the hotline hides numbers (WIRES 4.9)
ARCHIVED = "9"
#: what it hides there
PHONES = ("callerPhone", "contactNumber", "respondentPhone")

_STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?")
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[ T].*)?", re.DOTALL)
_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")
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


def whole_number(value: Any) -> int | None:
    """A number that is not negative, as number or as digits; None where it is neither."""
    digits = text(value)
    return int(digits) if _WHOLE_NUMBER.fullmatch(digits) else None


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
    """``YYYY-MM-DD``; a time behind it is ignored. None where it cannot be read."""
    match = _DAY.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    try:
        found = date(*(int(part) for part in match.groups()))
    except ValueError:
        return None
    return found if found.year in _YEARS else None


def state_of(row: Mapping[str, Any]) -> str:
    """The state that governs: the district's."""
    return text(row.get("districtStatus")) or text(row.get("state"))


def order_item(row: Any) -> Item:
    """An order of the list, of a single answer or of a webhook: the same version, however it came."""
    fields = row if isinstance(row, dict) else {}
    code = text(fields.get("workordercode"))
    return Item(
        key=code,
        native_id=code,
        native_no="",
        updated_at=stamp(fields.get("updatedAt")),
        body=dumps(row),
        canonical=_canonical(_without_volatile(fields) if fields else row),
    )


def event_item(payload: Mapping[str, Any]) -> Item:
    """A webhook without its order. Sent again it is the same bytes, so its own time is its version."""
    event = {name: value for name, value in payload.items() if name != "order"}
    code, word, seq = text(event.get("workordercode")), text(event.get("event")), whole_number(event.get("seq"))
    has_name = bool(code and word) and seq is not None
    return Item(
        key=f"{code}/{word}/{seq}" if has_name else "",
        native_id=code,
        native_no="",
        updated_at=stamp(event.get("occurredAt")),
        body=dumps(event),
        canonical=_canonical(event),
    )


def is_event(fields: Mapping[str, Any]) -> bool:
    """Whether a kept body is a webhook's event; an order that one day gains a field of that name stays an order."""
    is_order = "createdAt" in fields or "orderType" in fields
    return not is_order and any(name in fields for name in ("event", "seq", "occurredAt"))


def unreadable_item(body: bytes) -> Item:
    """A signed webhook that is no JSON object: kept whole for the quarantine."""
    return Item(key="", native_id="", native_no="", updated_at=None, body=body, canonical=body)


def _without_volatile(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row as it is compared: addresses without their expiring query, and in the archive numbers by their mask.

    There a hidden number and the full one are alike; before it, where nothing is hidden, every digit counts.
    """
    compared = dict(row)
    if "attachments" in row:
        compared["attachments"] = _lasting(row["attachments"])
    if state_of(row) == ARCHIVED:
        compared |= {name: _mask(text(row[name])) for name in PHONES if name in row}
    return compared


def _lasting(attachments: Any) -> Any:
    if isinstance(attachments, str):
        return [address.split("?", 1)[0].strip() for address in attachments.split(",")]
    if isinstance(attachments, list):
        return [_lasting(address) for address in attachments]
    return attachments


def _mask(number: str) -> str:
    plain = number.replace("＊", "*")
    return f"{plain[:3]}****{plain[-4:]}" if len(plain) > 7 else plain


def _canonical(value: Any) -> bytes:
    """One spelling: key order, and null, '' and absent make no difference."""
    try:
        return dumps(_pruned(value), sort_keys=True)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: _pruned(inner) for name, inner in value.items()}
        return {name: inner for name, inner in kept.items() if inner not in (None, "", [], {})}
    if isinstance(value, list):
        return [_pruned(inner) for inner in value]
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
