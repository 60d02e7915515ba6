"""Signatures and nonces of both directions (WIRES.md 4.1). They live by real time, never by the simulated clock."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from connectors.sandbox.digests import sm3

_TOLERANCE_S, _NONCE_LIFE_S = 300, 600
_BLOCK = 64
_NONCE = re.compile(r"[0-9a-fA-F]{32}", re.ASCII)
_TIMESTAMP = re.compile(r"\d{1,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Application:
    """Who signs in one direction."""

    app_id: str
    secret: str = field(repr=False)

    def sign(self, timestamp: str, nonce: str, body: bytes, sign_type: str = "") -> str:
        """``X-Sign`` under HMAC-SHA256 or, for ``SM3``, HMAC-SM3; raises ValueError for another type."""
        key, message = self.secret.encode(), f"{self.app_id}{timestamp}{nonce}".encode() + body
        if sign_type == "":
            return hmac.new(key, message, hashlib.sha256).hexdigest()
        if sign_type == "SM3":
            return hmac_sm3(key, message)
        raise ValueError(sign_type)


def hmac_sm3(key: bytes, message: bytes) -> str:
    """RFC 2104 over SM3; ``hmac`` itself needs an OpenSSL that has SM3."""
    padded = (bytes.fromhex(sm3(key)) if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    inner = sm3(bytes(byte ^ 0x36 for byte in padded) + message)
    return sm3(bytes(byte ^ 0x5C for byte in padded) + bytes.fromhex(inner))


class Gate:
    """Lets in what the hub signed, each nonce once."""

    def __init__(self, application: Application, clock: Callable[[], float]) -> None:
        self._application, self._clock = application, clock
        self._seen: OrderedDict[str, float] = OrderedDict()

    def admits(self, headers: Mapping[str, str], body: bytes, skew_s: float = 0.0) -> bool:
        """Application, signature, time and nonce are right; a nonce counts as seen only when all else is."""
        timestamp, nonce = headers.get("X-Timestamp", ""), headers.get("X-Nonce", "")
        if not _TIMESTAMP.fullmatch(timestamp) or not _NONCE.fullmatch(nonce):
            return False
        try:
            expected = self._application.sign(timestamp, nonce, body, headers.get("X-Sign-Type", ""))
        except ValueError:
            return False
        is_ours = headers.get("X-App-Id", "") == self._application.app_id
        if not hmac.compare_digest(expected.encode(), headers.get("X-Sign", "").encode()) or not is_ours:
            return False
        now = self._clock()
        return abs(now + skew_s - int(timestamp) / 1000) <= _TOLERANCE_S and self._is_fresh(nonce.lower(), now)

    def _is_fresh(self, nonce: str, now: float) -> bool:
        while self._seen and next(iter(self._seen.values())) < now - _NONCE_LIFE_S:
            self._seen.popitem(last=False)
        if nonce in self._seen:
            return False
        self._seen[nonce] = now
        return True
