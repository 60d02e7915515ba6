"""The court platform's HTTP floor: token, query, envelope, and what each kind of refusal means for us.

Every answer that is not a whole, well-formed, successful list is an error and never an empty page. No message
quotes the partner's text, a token or the secret.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.base import HttpAnswer, HttpWire, InstanceConfig
from connectors.court.paging import Listing
from connectors.court.rows import make_item
from connectors.json_rows import dumps, loads, text
from connectors.pushing import in_doubt
from hub.errors import AuthError, RejectedError, TransientError

TOKEN_PATH = "/auth/token"  # noqa: S105 — an address
LIST_PATH = "/sqtj/aj"

#: refusals that the same question will meet again: a person must look (WIRES 1.2, 1.10)
REFUSALS: Mapping[str, str] = {
    "400": "a parameter is not acceptable",
    "404": "no such record",
    "409": "the key was used with other content",
    "422": "not allowed in this state",
}
_JSON = {"Content-Type": "application/json"}
_CREDENTIALS_HINT = "Check app_id and secret of this instance, its sign_type, and this machine's clock (300 s allowed)."
#: a token is renewed this long before it dies, so that it does not die on the way
_TOKEN_MARGIN_S = 60.0
#: where the platform does not say how long a token lives
_TOKEN_LIFE_S = 600.0


@dataclass(frozen=True, slots=True)
class _Token:
    value: str = field(repr=False)
    #: on the monotonic clock
    renew_at: float
    wire: HttpWire = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """What the court answered to a message of ours that it took."""

    #: its receipt number
    sldh: str
    #: of a filing: the row it opened, and the number of its matter
    ajbs: str
    fwlsh: str
    raw: bytes = field(repr=False)


class CourtApi:
    """Asks the platform. Keeps one token for as long as the same wire is open."""

    def __init__(self, config: InstanceConfig) -> None:
        self._config = config
        self._token: _Token | None = None

    async def rows(self, wire: HttpWire, query: Mapping[str, str], page: int, page_size: int) -> Listing:
        """One page of the list. Raises AuthError, RejectedError, TransientError."""
        paging = {"pageNum": str(page), "pageSize": str(page_size)}
        envelope = await self.ask(wire, "GET", LIST_PATH, query={**query, **paging})
        require_success(envelope)
        return read_listing(envelope, page)

    async def ask(
        self, wire: HttpWire, method: str, path: str, *, query: Mapping[str, str], body: bytes | None = None
    ) -> Mapping[str, Any]:
        """The answer's envelope, whatever its code but 401: a token found dead is renewed once, and noted."""
        envelope: Mapping[str, Any] = {}
        for attempt in ("kept token", "new token"):
            token = await self._valid_token(wire)
            answer = await wire.request(method, path, query={"token": token.value, **query}, body=body)
            envelope = read_envelope(answer)
            if text(envelope.get("code")) != "401":
                return envelope
            self._forget(token)
            if attempt == "kept token":
                wire.note("TOKEN_EXPIRED", "The token died early; a new one was obtained.")
        raise TransientError("the platform refuses a token it has just issued", kind="TOKEN_EXPIRED")

    async def send(self, wire: HttpWire, path: str, fields: Mapping[str, Any], *signed: str) -> Sent:
        """Post a signed message and have its receipt; ``signed``: what the signature covers, after the time.

        Raises AuthError, RejectedError for the court's refusal, TransientError. A token found dead is renewed once
        and the same bytes go again.
        """
        body = dumps(self._signed(fields, signed))
        for attempt in ("kept token", "new token"):
            token = await self._valid_token(wire)
            with in_doubt():
                answer = await wire.request("POST", path, query={"token": token.value}, headers=_JSON, body=body)
                envelope = read_envelope(answer)
                if text(envelope.get("code")) != "401":
                    require_success(envelope)
                    return _sent(envelope, answer.body)
            self._forget(token)
            if attempt == "kept token":
                wire.note("TOKEN_EXPIRED", "The token died early; a new one was obtained.")
        raise TransientError("the platform refuses a token it has just issued", kind="TOKEN_EXPIRED")

    def _signed(self, fields: Mapping[str, Any], signed: Sequence[str]) -> dict[str, Any]:
        ts = str(time.time_ns() // 1_000_000)
        sign = signature(self._sign_type, self._config.app_id, self._config.secret, ts, *signed)
        # MD5 is what a body without the word is signed with
        named = {"signType": self._sign_type} if self._sign_type != "MD5" else {}
        return {**fields, "ts": ts, "sign": sign, **named}

    @property
    def _sign_type(self) -> str:
        return text(self._config.options.get("sign_type")).upper() or "MD5"

    async def _valid_token(self, wire: HttpWire) -> _Token:
        kept = self._token
        if kept is None or kept.wire is not wire or time.monotonic() >= kept.renew_at:
            kept = self._token = await self._obtain_token(wire)
        return kept

    def _forget(self, token: _Token) -> None:
        if self._token is token:  # another task may have renewed it meanwhile
            self._token = None

    async def _obtain_token(self, wire: HttpWire) -> _Token:
        asked_at = time.monotonic()
        answer = await wire.request("POST", TOKEN_PATH, headers=_JSON, body=self._token_request())
        envelope = read_envelope(answer)
        if text(envelope.get("code")) == "401":
            raise AuthError("the court's platform refuses our credentials", hint=_CREDENTIALS_HINT)
        require_success(envelope)
        content = envelope.get("content")
        value = text(content.get("token")) if isinstance(content, dict) else ""
        if not value:
            raise TransientError("the answer holds no token", kind="UNREADABLE_ANSWER")
        life = content.get("expiresIn") if isinstance(content, dict) else None
        life_s = float(life) if isinstance(life, (int, float)) and life > 0 else _TOKEN_LIFE_S
        return _Token(value, asked_at + life_s - min(_TOKEN_MARGIN_S, life_s / 10), wire)

    def _token_request(self) -> bytes:
        sign_type = self._sign_type
        ts = str(time.time_ns() // 1_000_000)
        sign = signature(sign_type, self._config.app_id, self._config.secret, ts)
        return dumps({"appId": self._config.app_id, "ts": ts, "sign": sign, "signType": sign_type})


def signature(sign_type: str, *parts: str) -> str:
    """Lowercase hex of the digest over the parts, joined without separators. Raises AuthError."""
    if sign_type not in ("MD5", "SM3"):
        raise AuthError("unknown sign_type", hint="sign_type is MD5 or SM3.")
    try:
        # the platform's choice of algorithm, not ours
        digest = hashlib.new(sign_type.lower(), usedforsecurity=False)
    except ValueError as exc:
        raise AuthError(
            f"this machine's OpenSSL has no {sign_type}",
            hint="Install an OpenSSL 3 with SM3, or agree on sign_type MD5 with the court.",
        ) from exc
    digest.update("".join(parts).encode())
    return digest.hexdigest()


def read_envelope(answer: HttpAnswer) -> Mapping[str, Any]:
    """``{"code", "msg", "content"}``. Raises where the platform did not answer in its own form."""
    if answer.status in (401, 403):
        raise AuthError(f"the court's gateway answers HTTP {answer.status}", hint=_CREDENTIALS_HINT)
    if answer.status != 200:
        raise TransientError(
            f"the court's gateway answers HTTP {answer.status}",
            kind="UNEXPECTED_STATUS",
            hint="Check base_url and the route to the platform.",
        )
    try:
        envelope = loads(answer.body)
    except ValueError as exc:
        raise TransientError("the answer is not JSON", kind="UNREADABLE_ANSWER") from exc
    if not isinstance(envelope, dict) or not text(envelope.get("code")):
        raise TransientError("the answer is no envelope with a code", kind="UNREADABLE_ANSWER")
    return envelope


def require_success(envelope: Mapping[str, Any]) -> None:
    """Nothing where the code is 200; else the error that says who must act."""
    code = text(envelope.get("code"))
    if code == "200":
        return
    if code == "403":
        raise AuthError("the court's platform refuses our credentials (code 403)", hint=_CREDENTIALS_HINT)
    if code in REFUSALS:
        raise RejectedError(code, REFUSALS[code])
    shown = code if re.fullmatch(r"[0-9A-Za-z_-]{1,16}", code) else "?"
    raise TransientError(f"the court's platform answers code {shown}", kind="BUSINESS_ERROR")


def _sent(envelope: Mapping[str, Any], raw: bytes) -> Sent:
    content = envelope.get("content")
    found = content if isinstance(content, dict) else {}
    sent = Sent(text(found.get("sldh")), text(found.get("ajbs")), text(found.get("fwlsh")), raw)
    if not sent.sldh:
        # without a number nothing the court says later could be told to be about this message
        raise TransientError("the answer holds no receipt number", kind="UNREADABLE_ANSWER")
    return sent


def read_listing(envelope: Mapping[str, Any], page: int) -> Listing:
    """The rows of a successful answer. A missing list is an error, never an empty page."""
    content = envelope.get("content")
    rows = content.get("list") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(rows, list):
        raise TransientError("the answer holds no list", kind="UNREADABLE_ANSWER")
    total = _count(content.get("total"))
    if total is None:
        raise TransientError("the answer does not say how many rows there are", kind="UNREADABLE_ANSWER")
    if _count(content.get("pageNum")) not in (None, page):
        raise TransientError("the answer is another page than asked for", kind="WRONG_PAGE")
    try:
        return Listing([make_item(row) for row in rows], total)
    except ValueError as exc:
        raise TransientError("a row cannot be read", kind="UNREADABLE_ANSWER") from exc


def _count(value: Any) -> int | None:
    digits = text(value)
    return int(digits) if re.fullmatch(r"[0-9]{1,9}", digits) else None
