"""The hotline's HTTP floor: signed questions, its envelope, and what each kind of refusal means for us.

Every answer that is not a whole, well-formed, successful one is an error and never an empty page. No message quotes
the partner's text or the secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from connectors.base import HttpAnswer, HttpWire, InstanceConfig
from connectors.hotline.paging import Listing, Place, confirmed
from connectors.hotline.rows import order_item, stamp, whole_number
from connectors.hotline.signing import SHA256, signed_headers
from connectors.json_rows import dumps, loads, stamp_text, text
from connectors.pushing import in_doubt
from hub.errors import AuthError, RejectedError, TransientError

LIST_PATH = "/order/list"

SUCCESS, BAD_SIGNATURE, UNKNOWN_ORDER = "10000", "10001", "20001"
#: refusals that the same question will meet again: a person must look (WIRES 4.7)
REFUSALS: Mapping[str, str] = {
    "10002": "a parameter is not acceptable",
    UNKNOWN_ORDER: "no such order",
    "20002": "not allowed in this state",
    "20003": "the time for sending it back is over",
    "20004": "the request id was used with other content",
    "20005": "not this contractor's order",
}
_JSON = {"Content-Type": "application/json"}
_CREDENTIALS_HINT = "Check app_id and secret of this instance, its sign_type, and this machine's clock (300 s allowed)."


@dataclass(frozen=True, slots=True)
class Sent:
    """What the hotline answered to a call of ours that it took."""

    receipt_no: str
    workordercode: str
    raw: bytes = field(repr=False)


class HotlineApi:
    """Asks the hotline. Keeps nothing between two questions."""

    def __init__(self, config: InstanceConfig, sign_type: str = SHA256) -> None:
        self._config = config
        self._sign_type = sign_type

    async def orders(self, wire: HttpWire, behind: Place, size: int, *, keys_only: bool = False) -> Listing:
        """A page of the list, known to be whole. Raises AuthError, RejectedError, TransientError."""
        listing = await self._page(wire, behind, size, keys_only)
        if not listing.is_doubtful:
            return listing
        return confirmed(listing, await self._page(wire, behind, size, keys_only=True))

    async def order(self, wire: HttpWire, code: str) -> Mapping[str, Any] | None:
        """One order, or None where the hotline does not have it."""
        envelope = await self._ask(wire, f"/order/{quote(code, safe='')}")
        if text(envelope.get("code")) == UNKNOWN_ORDER:
            return None
        require_success(envelope)
        row = envelope.get("resultData")
        if not isinstance(row, dict):
            raise TransientError("the answer holds no order", kind="UNREADABLE_ANSWER")
        if text(row.get("workordercode")) != code:
            raise TransientError("the answer holds another order than asked for", kind="FILTER_IGNORED")
        return row

    async def send(self, wire: HttpWire, path: str, fields: Mapping[str, Any]) -> Sent:
        """Post one call and have its receipt. Raises AuthError, TransientError, RejectedError: the hotline refuses.

        Time, nonce and signature are new at every call; the request id among the fields is not.
        """
        body = dumps(fields)
        headers = signed_headers(self._sign_type, self._config.secret, self._config.app_id, body) | _JSON
        with in_doubt():
            answer = await wire.request("POST", path, headers=headers, body=body)
            envelope = read_envelope(answer)
            require_success(envelope)
            return _sent(envelope, answer.body)

    async def _page(self, wire: HttpWire, behind: Place, size: int, keys_only: bool) -> Listing:
        query = {"updatedFrom": stamp_text(behind.at), "afterId": str(behind.id), "size": str(size)}
        envelope = await self._ask(wire, LIST_PATH, query | {"fields": "key"} if keys_only else query)
        require_success(envelope)
        return read_listing(envelope, size)

    async def _ask(self, wire: HttpWire, path: str, query: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        headers = signed_headers(self._sign_type, self._config.secret, self._config.app_id, b"")
        return read_envelope(await wire.request("GET", path, query=query, headers=headers))


def read_envelope(answer: HttpAnswer) -> Mapping[str, Any]:
    """``{"success", "code", …}``. Raises where the hotline did not answer in its own form."""
    if answer.status in (401, 403):
        raise AuthError(f"the hotline's gateway answers HTTP {answer.status}", hint=_CREDENTIALS_HINT)
    if answer.status != 200:
        raise TransientError(
            f"the hotline's gateway answers HTTP {answer.status}",
            kind="UNEXPECTED_STATUS",
            hint="Check base_url and the route to the hotline.",
        )
    try:
        envelope = loads(answer.body)
    except ValueError as exc:
        raise TransientError("the answer is not JSON", kind="UNREADABLE_ANSWER") from exc
    if not isinstance(envelope, dict) or not text(envelope.get("code")):
        raise TransientError("the answer is no envelope with a code", kind="UNREADABLE_ANSWER")
    return envelope


def require_success(envelope: Mapping[str, Any]) -> None:
    """Nothing where success and code say so together; else the error that says who must act."""
    code, is_success = text(envelope.get("code")), envelope.get("success")
    if code == SUCCESS and is_success is True:
        return
    if code == SUCCESS or is_success is True:
        raise TransientError("the answer's success and code contradict each other", kind="UNREADABLE_ANSWER")
    if code == BAD_SIGNATURE:
        raise AuthError("the hotline refuses our signature (code 10001)", hint=_CREDENTIALS_HINT)
    if code in REFUSALS:
        raise RejectedError(code, REFUSALS[code])
    shown = code if re.fullmatch(r"[0-9A-Za-z_-]{1,16}", code) else "?"
    raise TransientError(f"the hotline answers code {shown}", kind="BUSINESS_ERROR")


def _sent(envelope: Mapping[str, Any], raw: bytes) -> Sent:
    result = envelope.get("resultData")
    found = result if isinstance(result, dict) else {}
    sent = Sent(text(found.get("receiptNo")), text(found.get("workordercode")), raw)
    if not sent.receipt_no or not sent.workordercode:
        raise TransientError("the answer holds no receipt", kind="UNREADABLE_ANSWER")
    return sent


def read_listing(envelope: Mapping[str, Any], asked: int) -> Listing:
    """The rows of a successful answer. Raises TransientError where it is not whole or says nothing of what follows.

    ``pageInfo.size`` may repeat what was asked for or count the rows. Fewer rows than it says are a page in pieces,
    but on a last page it may as well be the former: then the answer proves nothing and is doubtful.
    """
    rows, page = envelope.get("resultData"), envelope.get("pageInfo")
    more = page.get("hasMore") if isinstance(page, dict) else None
    if not isinstance(rows, list) or not isinstance(page, dict) or not isinstance(more, bool):
        raise TransientError("the answer holds no list that says whether more follows", kind="UNREADABLE_ANSWER")
    said = whole_number(page.get("size"))
    if (more and not rows) or (said is not None and len(rows) < min(said, asked) and (more or said != asked)):
        raise TransientError("the page holds fewer orders than it says", kind="PARTIAL_PAGE")
    try:
        listing = Listing([order_item(row) for row in rows], [_place(row) for row in rows], more)
    except ValueError as exc:
        raise TransientError("a row cannot be read", kind="UNREADABLE_ANSWER") from exc
    is_counted = not more and said == len(rows)
    if listing.is_sorted and (len(rows) >= asked or is_counted):
        return listing
    return Listing(listing.items, listing.places, more, is_doubtful=True)


def _place(row: Any) -> Place | None:
    if not isinstance(row, dict):
        return None
    at, number = stamp(row.get("updatedAt")), whole_number(row.get("id"))
    return Place(at, number) if at is not None and number is not None else None
