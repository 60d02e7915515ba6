"""Tokens of the staff's sign-on service: believed when every rule holds, by one way of reading, with pinned algorithms.

A token is a JWS in compact form (RFC 7515, 7519; BCP 225). Its header may name a key and an algorithm and nothing else:
no address of keys, no key of its own, no extension. The service's published key decides, never what the token says.
"""

from __future__ import annotations

import base64
import time
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import structlog
from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from prometheus_client import Counter

from app.staff_claims import (
    MISUNDERSTANDINGS,
    ClaimNames,
    Refusal,
    RefusedTokenError,
    claim_names,
    principal_by_claims,
)
from app.staff_keys import PublicKey, StaffKeys, key_service
from app.strict_reading import read_base64url, read_object
from hub.desk import Desk
from hub.principal import Principal
from hub.settings import Settings

#: longer ones are not looked at
LONGEST = 8 * 1024
#: seconds between two log lines of one kind
_TOLD_EVERY_S = 60.0
#: before algorithm, thumbprint (RFC 7638) and name of the key that proved somebody
_PROOF = "token"
#: the thumbprints repeat which certificate it was and are not looked at
_HEADER = frozenset({"alg", "kid", "typ", "x5t", "x5t#S256"})
#: tokens made for something else, such as a sign-out, say so
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_log = structlog.get_logger("sign-on")


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token must say of itself."""

    issuer: str
    audience: str
    algorithms: Collection[str]
    max_lifetime_s: int
    clock_skew_s: int


@dataclass(frozen=True, slots=True)
class _Parts:
    """A token taken apart; nothing of it is proved."""

    algorithm: str
    kid: str
    payload: bytes


class StaffTokens:
    """Proves tokens. ``name_of`` makes an id that tells nothing of the subject it is made from."""

    def __init__(
        self,
        rules: TokenRules,
        names: ClaimNames,
        keys: StaffKeys,
        name_of: Callable[[bytes], str],
        clock: Callable[[], datetime],
    ) -> None:
        self._rules = rules
        self._names = names
        self.keys = keys
        self._name_of = name_of
        self._clock = clock
        self._told_at: dict[Refusal, float] = {}
        #: for ``/metrics``
        self.metric = Counter(
            "hub_staff_tokens", "Tokens of the sign-on service by how they were met", ["outcome"], registry=None
        )

    async def principal(self, token: str) -> Principal | None:
        """Whose token it is; None where it is not to be believed."""
        try:
            found = await self._prove(token)
        except RefusedTokenError as refused:
            self.metric.labels(refused.why.name).inc()
            self._tell(refused.why)
            return None
        self.metric.labels("BELIEVED").inc()
        return found

    def still(self, principal: Principal) -> bool:
        """Whether the key that signed their token is published yet, as far as that is known now. Waits for nobody."""
        prefix, algorithm, thumbprint, kid = [*principal.proof.split(":", 3), "", "", ""][:4]
        key = self.keys.known(kid, algorithm) if prefix == _PROOF else None
        return key is not None and key.thumbprint() == thumbprint

    async def _prove(self, token: str) -> Principal:
        parts = _take_apart(token, self._rules.algorithms)
        key = await self.keys.find(parts.kid, parts.algorithm)
        if key is None:
            raise RefusedTokenError(Refusal.UNKNOWN_KEY)
        _check_signature(token, parts, key)
        claims = _read(parts.payload)
        subject, expires_at = check_claims(claims, self._rules, self._clock())
        owner = self._name_of(f"{self._rules.issuer}\0{subject}".encode())
        principal = principal_by_claims(claims, self._names, f"oidc_{owner}", expires_at)
        mark = base64.b32encode(bytes.fromhex(owner[:10])).decode().lower()
        return replace(principal, mark=mark, proof=f"{_PROOF}:{parts.algorithm}:{key.thumbprint()}:{parts.kid}")

    def _tell(self, why: Refusal) -> None:
        """Tell the operator what only they can put right; strangers' attempts are counted alone."""
        now = time.monotonic()
        if why in MISUNDERSTANDINGS and now - self._told_at.get(why, -_TOLD_EVERY_S) >= _TOLD_EVERY_S:
            self._told_at[why] = now
            _log.warning("a genuine token of the sign-on service was refused", reason=why.name, because=why.value)


def staff_tokens(settings: Settings, desk: Desk) -> StaffTokens | None:
    """The sign-on service of the settings; None where none is set. Raises ConfigurationError. Asks nobody yet."""
    if not settings.oidc_issuer:
        return None
    rules = TokenRules(
        settings.oidc_issuer, settings.oidc_audience, settings.oidc_algorithms, settings.oidc_max_lifetime_s,
        settings.oidc_clock_skew_s,
    )  # fmt: skip
    keys = StaffKeys(key_service(settings).fetch, settings.oidc_algorithms)
    return StaffTokens(rules, claim_names(settings), keys, desk.keys.content_hash, desk.clock)


def check_claims(claims: Mapping[str, Any], rules: TokenRules, now: datetime) -> tuple[str, datetime]:
    """The subject, and when it ends to be believed. Raises RefusedTokenError."""
    if claims.get("iss") != rules.issuer:
        raise RefusedTokenError(Refusal.ISSUER)
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or not all(isinstance(one, str) for one in audiences):
        raise RefusedTokenError(Refusal.AUDIENCE)
    if rules.audience not in audiences:
        raise RefusedTokenError(Refusal.AUDIENCE)
    expires, issued = _seconds(claims, "exp"), _seconds(claims, "iat")
    begins = _seconds(claims, "nbf") if "nbf" in claims else issued
    seconds, skew = now.timestamp(), rules.clock_skew_s
    if not (max(issued, begins) - skew <= seconds < expires + skew and issued < expires):
        raise RefusedTokenError(Refusal.TIME)
    if expires - issued > rules.max_lifetime_s:
        raise RefusedTokenError(Refusal.LIFETIME)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject.isprintable() or not 1 <= len(subject) <= 255:
        raise RefusedTokenError(Refusal.SUBJECT)
    return subject, datetime.fromtimestamp(expires + skew, UTC)


def _take_apart(token: str, algorithms: Collection[str]) -> _Parts:
    segments = token.split(".") if len(token) <= LONGEST else ()
    if len(segments) != 3:
        raise RefusedTokenError(Refusal.MALFORMED)
    try:
        head, payload, _ = (read_base64url(segment) for segment in segments)
    except ValueError:
        raise RefusedTokenError(Refusal.MALFORMED) from None
    header = _read(head)
    algorithm, kid, type_ = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise RefusedTokenError(Refusal.ALGORITHM)
    if not header.keys() <= _HEADER or not isinstance(type_, str) or type_.lower() not in _TYPES:
        raise RefusedTokenError(Refusal.HEADER)
    if not isinstance(kid, str) or not 1 <= len(kid) <= 255:
        raise RefusedTokenError(Refusal.HEADER)
    return _Parts(algorithm, kid, payload)


def _check_signature(token: str, parts: _Parts, key: PublicKey) -> None:
    try:
        with warnings.catch_warnings():
            # RFC 9864 calls EdDSA's name too wide; with a key of Ed25519, which is made sure of, it is not
            warnings.simplefilter("ignore", SecurityWarning)
            signed = jws.deserialize_compact(token, key, algorithms=[parts.algorithm])
    except (JoseError, ValueError, TypeError):
        raise RefusedTokenError(Refusal.SIGNATURE) from None
    if signed.payload != parts.payload:
        raise RefusedTokenError(Refusal.SIGNATURE)


def _read(content: bytes) -> Mapping[str, Any]:
    try:
        return read_object(content)
    except ValueError:
        raise RefusedTokenError(Refusal.MALFORMED) from None


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    """A NumericDate between 1970 and 2100; booleans are numbers to Python, not here."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 4_102_444_800:
        raise RefusedTokenError(Refusal.TIME)
    return float(value)
