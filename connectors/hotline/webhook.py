"""The hotline's webhooks (WIRES 4.1–4.3): proved genuine first, then taken apart into the order and the event.

A webhook that is genuine is always kept, whatever it holds: what cannot be understood is quarantined from there.
Whether its nonce was seen before is the hub's to know.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from connectors.base import Received
from connectors.hotline.rows import event_item, order_item, unreadable_item
from connectors.hotline.signing import SHA256, SIGN_TYPES, signature
from connectors.json_rows import dumps, loads
from hub.errors import AuthError
from hub.model import Item

#: how far the partner's clock may be from ours, before and after
WINDOW_S = 300

#: 4.3: anything else counts as not delivered
REPLY = dumps({"success": True, "code": 10000, "message": "操作成功!", "pageInfo": None, "resultData": None})

_MILLISECONDS = re.compile(r"[0-9]{1,15}")
_NONCE = re.compile(r"[0-9a-fA-F]{32}")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")


def received(
    headers: Mapping[str, str], body: bytes, now: datetime, *, app_id: str, live_secrets: Sequence[str]
) -> Received:
    """Raises AuthError, whose message begins with a code and tells nothing of the content."""
    given = {name.lower(): value.strip() for name, value in headers.items()}
    _require_genuine(given, body, app_id, live_secrets)
    _require_recent(given["x-timestamp"], now)
    return Received(_items(body), given["x-nonce"], REPLY)


def _require_genuine(given: Mapping[str, str], body: bytes, app_id: str, live_secrets: Sequence[str]) -> None:
    if not live_secrets or not app_id:
        raise AuthError("NO_SECRET: no webhooks are expected here", hint="Set webhook_secret_files of the instance.")
    if not hmac.compare_digest(_bytes(given.get("x-app-id", "")), _bytes(app_id)):
        raise AuthError("UNKNOWN_APP: the webhook names another app id", hint="Compare webhook_app_id with theirs.")
    timestamp, nonce, sign = (given.get(name, "") for name in ("x-timestamp", "x-nonce", "x-sign"))
    sign_type = given.get("x-sign-type", "").upper() or SHA256
    if sign_type not in SIGN_TYPES:
        raise AuthError("BAD_SIGN_TYPE: the webhook is signed in a way we do not know")
    if not _MILLISECONDS.fullmatch(timestamp) or not _NONCE.fullmatch(nonce) or not _SIGNATURE.fullmatch(sign):
        raise AuthError("BAD_HEADERS: X-Timestamp, X-Nonce or X-Sign is missing or misshapen")
    # all of them, whichever fits: the time this takes must not tell which secret is near
    fits = [
        hmac.compare_digest(signature(sign_type, secret, app_id, timestamp, nonce, body), sign)
        for secret in live_secrets
    ]
    if not any(fits):
        raise AuthError(
            "BAD_SIGNATURE: the webhook's signature is not right", hint="Compare the secrets of both sides."
        )


def _require_recent(timestamp: str, now: datetime) -> None:
    if abs(now.timestamp() * 1000 - int(timestamp)) > WINDOW_S * 1000:
        raise AuthError(
            f"OUTSIDE_WINDOW: the webhook was signed more than {WINDOW_S} s away from our clock",
            hint="Compare both machines' clocks; an old copy of a webhook is refused on purpose.",
        )


def _items(body: bytes) -> tuple[Item, ...]:
    """The order first: the event belongs to its record."""
    try:
        payload = loads(body)
        if not isinstance(payload, dict):
            return (unreadable_item(body),)
        order = payload.get("order")
        event = event_item(payload)
        return (order_item(order), event) if order not in (None, "", {}) else (event,)
    except ValueError:
        return (unreadable_item(body),)


def _bytes(header: str) -> bytes:
    return header.encode("utf-8", "surrogatepass")
