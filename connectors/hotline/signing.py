"""The hotline's signature, the same in both directions: HMAC over app id, time, nonce and body (WIRES 4.1).

No error holds a secret, a signature or anything of the content.
"""

from __future__ import annotations

import hmac
import secrets
import time

from hub.errors import AuthError

SHA256, SM3 = "SHA256", "SM3"
SIGN_TYPES = frozenset({SHA256, SM3})


def signature(sign_type: str, secret: str, app_id: str, timestamp: str, nonce: str, body: bytes) -> str:
    """Lowercase hex. Raises AuthError where this machine has no SM3."""
    message = f"{app_id}{timestamp}{nonce}".encode("utf-8", "surrogatepass") + body
    if sign_type == SM3:
        return _hmac_sm3(secret.encode(), message)
    return hmac.new(secret.encode(), message, "sha256").hexdigest()


def signed_headers(sign_type: str, secret: str, app_id: str, body: bytes) -> dict[str, str]:
    """The headers of one attempt; a further attempt needs its own. A GET signs no body bytes."""
    timestamp, nonce = str(time.time_ns() // 1_000_000), secrets.token_hex(16)
    headers = {
        "X-App-Id": app_id,
        "X-Timestamp": timestamp,
        "X-Nonce": nonce,
        "X-Sign": signature(sign_type, secret, app_id, timestamp, nonce, body),
    }
    return headers | {"X-Sign-Type": SM3} if sign_type == SM3 else headers


def _hmac_sm3(secret: bytes, message: bytes) -> str:
    try:
        return hmac.new(secret, message, "sm3").hexdigest()
    except ValueError:  # this Python's OpenSSL was built without it
        pass
    try:
        # only where needed: it brings an OpenSSL of its own
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.hashes import SM3 as Sm3Hash
        from cryptography.hazmat.primitives.hmac import HMAC
    except ImportError as exc:
        raise _no_sm3() from exc
    try:
        computed = HMAC(secret, Sm3Hash())
    except UnsupportedAlgorithm as exc:
        raise _no_sm3() from exc
    computed.update(message)
    return computed.finalize().hex()


def _no_sm3() -> AuthError:
    return AuthError(
        "NO_SM3: this machine offers no SM3",
        hint="Install an OpenSSL 3 with SM3, or agree on HMAC-SHA256 with the hotline.",
    )
