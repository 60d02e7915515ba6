"""What the hotline delivers as kept items: an order under its number, a webhook's event under number, word and seq.

An item is never dropped here. One without identity has an empty key, one without a readable stamp has no time; the
hub quarantines what cannot be mapped, alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.json_rows import dumps, text, wall_clock
from hub.model import Item

#: the state in which the hotline hides numbers (WIRES 4.9)
ARCHIVED = "9"
#: what it hides there
PHONES = ("callerPhone", "contactNumber", "respondentPhone")

_STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?")
#: of an address: whose server it names
_ORIGIN = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")


def whole_number(value: Any) -> int | None:
    """A number that is not negative, as number or as digits; None where it is neither."""
    digits = text(value)
    return int(digits) if _WHOLE_NUMBER.fullmatch(digits) else None


def stamp(value: Any) -> datetime | None:
    """``YYYY-MM-DD HH:mm:ss`` of Shanghai as an instant; None where it cannot be read."""
    return wall_clock(value, _STAMP)


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
    """The row as it is compared: addresses by their path alone, and in the archive numbers by their mask.

    Where a file's server stands and until when the address holds changes by itself; which file it is does not.

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
        return [_ORIGIN.sub("", address.split("?", 1)[0].strip(), count=1) for address in attachments.split(",")]
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
