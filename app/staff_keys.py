"""The sign-on service's public keys: fetched when first needed, asked for anew when old or when a new one appears.

Whoever sends made-up key names makes us ask the service twice a minute at most. While the service cannot be asked, what
was known is believed for an hour at most: a key that was taken back must not live for ever behind a broken line.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from app.certificates import check_trusted
from app.strict_reading import read_base64url, read_object
from hub.errors import HubError, TransientError
from hub.settings import Settings, encrypted_address
from sync_jobs.http import WireOptions, open_http_wire

#: seconds after which the keys are asked for again, and after which they are no longer believed without an answer
FRESH_S, KEPT_S = 600.0, 3600.0
#: seconds between two questions
EVERY_S = 30.0
_LONGEST_ANSWER = 256 * 1024
_MOST_KEYS = 64
_RSA_BITS = range(2048, 8193)
_log = structlog.get_logger("sign-on")

PublicKey = RSAKey | ECKey | OKPKey
#: by the key's name and the algorithm it may prove
Keys = Mapping[tuple[str, str], PublicKey]
Fetch = Callable[[], Awaitable[bytes]]

#: what a key must be to prove a signature of that algorithm: its type and its curve
_FITS = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", None)),
    "ES256": ("EC", "P-256"), "ES384": ("EC", "P-384"), "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"), "Ed25519": ("OKP", "Ed25519"),
}  # fmt: skip
#: the public members; whatever else a service publishes of a key is not even read
_PUBLIC: dict[str, tuple[type[RSAKey] | type[ECKey] | type[OKPKey], tuple[str, ...]]] = {
    "RSA": (RSAKey, ("n", "e")),
    "EC": (ECKey, ("crv", "x", "y")),
    "OKP": (OKPKey, ("crv", "x")),
}


class StaffKeys:
    """Remembers the keys for everybody who asks at once. ``monotonic`` gives seconds that never go back."""

    def __init__(
        self, fetch: Fetch, algorithms: Collection[str], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._algorithms = algorithms
        self._monotonic = monotonic
        self._keys: Keys = {}
        self._known_at = self._asked_at = -float("inf")
        self._asking: asyncio.Task[None] | None = None

    async def find(self, kid: str, algorithm: str) -> PublicKey | None:
        """The key of that name for that algorithm; None where the service has none or could not be asked."""
        where = (kid, algorithm)
        if self._age() > FRESH_S or where not in self._keys:
            await self._ask()
        return self._keys.get(where) if self._age() <= KEPT_S else None

    def known(self, kid: str, algorithm: str) -> PublicKey | None:
        """The same as far as it is known now, without waiting; where that is old, the service is asked beside it."""
        if self._age() > FRESH_S:
            self._begin()
        return self._keys.get((kid, algorithm)) if self._age() <= KEPT_S else None

    def _age(self) -> float:
        return self._monotonic() - self._known_at

    async def _ask(self) -> None:
        """Ask once for everybody who waits; not at all where that was done a moment ago."""
        self._begin()
        if self._asking is not None:
            # whoever goes away does not end it for the others
            await asyncio.shield(self._asking)

    def _begin(self) -> None:
        if self._asking is None and self._monotonic() - self._asked_at >= EVERY_S:
            self._asked_at = self._monotonic()
            self._asking = asyncio.create_task(self._renew())

    async def _renew(self) -> None:
        try:
            self._keys = verifying_keys(await self._fetch(), self._algorithms)
            self._known_at = self._monotonic()
        except (HubError, ValueError) as problem:
            kind = problem.kind if isinstance(problem, TransientError) else "BROKEN_ANSWER"
            _log.warning("the sign-on service's keys were not fetched", reason=kind, known=len(self._keys))
        finally:
            self._asking = None


def verifying_keys(document: bytes, algorithms: Collection[str]) -> Keys:
    """The usable keys of a JWK set (RFC 7517). Raises ValueError where it is none.

    A key that is made for something else, weak or unreadable is left out, and so is a name that two keys bear.
    """
    listed = read_object(document).get("keys")
    if not isinstance(listed, list) or len(listed) > _MOST_KEYS:
        raise ValueError("no set of keys")
    found: dict[tuple[str, str], PublicKey | None] = {}
    for one in listed:
        if not isinstance(one, dict) or not isinstance(one.get("kid"), str):
            continue
        key = _public_key(one)
        for algorithm in algorithms if key is not None else ():
            if _serves(one, algorithm):
                where = (one["kid"], algorithm)
                found[where] = None if where in found else key
    return {where: key for where, key in found.items() if key is not None}


def _serves(jwk: Mapping[str, Any], algorithm: str) -> bool:
    kind, curve = _FITS[algorithm]
    operations = jwk.get("key_ops", ["verify"])
    named = jwk.get("alg", algorithm)
    return (
        jwk.get("kty") == kind
        and (curve is None or jwk.get("crv") == curve)
        and jwk.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and (named == algorithm or {named, algorithm} == {"EdDSA", "Ed25519"})
    )


def _public_key(jwk: Mapping[str, Any]) -> PublicKey | None:
    kind = jwk.get("kty")
    if not isinstance(kind, str) or kind not in _PUBLIC:
        return None
    made, members = _PUBLIC[kind]
    public = {name: value for name in members if isinstance(value := jwk.get(name), str)}
    try:
        if kind == "RSA" and _bits(public["n"]) not in _RSA_BITS:
            return None
        return made.import_key({"kty": kind, **public})
    except (JoseError, LookupError, ValueError, TypeError):
        return None


def _bits(modulus: str) -> int:
    return int.from_bytes(read_base64url(modulus)).bit_length()


@dataclass(frozen=True, slots=True)
class KeyService:
    """Where the keys lie."""

    issuer: str
    #: '' asks the service itself
    jwks_url: str = ""
    ca_file: Path | None = None

    async def fetch(self) -> bytes:
        """The set of keys, as published. Raises TransientError, ConfigurationError, ValueError."""
        return await self._get(self.jwks_url or await self._discover())

    async def _discover(self) -> str:
        """Where the service says that its keys lie (OpenID Connect Discovery 1.0, section 4)."""
        said = read_object(await self._get(self.issuer.rstrip("/") + "/.well-known/openid-configuration"))
        address = said.get("jwks_uri")
        if said.get("issuer") != self.issuer or not isinstance(address, str) or not address:
            raise ValueError("another service answered")
        return encrypted_address(address)

    async def _get(self, url: str) -> bytes:
        parts = urlsplit(url)
        options = WireOptions(
            f"{parts.scheme}://{parts.netloc}", connect_timeout_s=2, request_timeout_s=3,
            max_answer_bytes=_LONGEST_ANSWER, ca_file=self.ca_file,
        )  # fmt: skip
        async with open_http_wire(options) as wire:
            answer = await wire.request("GET", parts.path or "/", query=dict(parse_qsl(parts.query)))
        if answer.status != 200:
            raise TransientError("the sign-on service gives no keys", kind=f"HTTP_{answer.status}")
        return answer.body


def key_service(settings: Settings) -> KeyService:
    """The service of the settings. Raises ConfigurationError where ``oidc_ca_file`` cannot be used."""
    if settings.oidc_ca_file is not None:
        check_trusted("oidc_ca_file", settings.oidc_ca_file)
    return KeyService(settings.oidc_issuer, settings.oidc_jwks_url, settings.oidc_ca_file)


async def published_keys(settings: Settings) -> Keys:
    """What it publishes now. Raises TransientError, ConfigurationError, ValueError."""
    return verifying_keys(await key_service(settings).fetch(), settings.oidc_algorithms)
