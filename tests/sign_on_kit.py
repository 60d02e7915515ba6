"""A sign-on service on loopback: it publishes keys, makes tokens, and does what a bad day makes such services do."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from aiohttp import web
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from app.staff_claims import claim_names
from app.staff_keys import KeyService, StaffKeys
from app.staff_tokens import StaffTokens, TokenRules
from hub.sealing import KeyRing
from hub.settings import Settings

from .hub_kit import Clock

AUDIENCE = "dispute-hub"
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
AnyKey = RSAKey | ECKey | OKPKey


@cache
def rsa_key(kid: str = "rsa-1", bits: int = 2048) -> RSAKey:
    return RSAKey.generate_key(bits, {"kid": kid})


@cache
def ec_key(kid: str = "ec-1", curve: str = "P-256") -> ECKey:
    return ECKey.generate_key(curve, {"kid": kid})


@cache
def ed_key(kid: str = "ed-1") -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"kid": kid})


def b64(content: bytes | Mapping[str, Any]) -> str:
    plain = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(plain).rstrip(b"=").decode()


def sign(header: Mapping[str, Any] | bytes, payload: Mapping[str, Any] | bytes, key: AnyKey, alg: str = "ES256") -> str:
    """A token with exactly this header, signed as ``alg`` signs, whatever the header says."""
    signed = f"{b64(header)}.{b64(payload)}"
    model = jws.JWSRegistry.algorithms[alg]
    return f"{signed}.{b64(model.sign(signed.encode(), key))}"


def public(key: AnyKey, **more: Any) -> dict[str, Any]:
    return {**key.as_dict(private=False), **more}


@dataclass
class SignOn:
    """The running service, and tokens as it makes them."""

    issuer: str
    clock: Clock
    keys: list[dict[str, Any]]
    asked: list[str] = field(default_factory=list)
    #: instead of the keys
    answer: web.Response | None = None
    #: instead of what the service says of itself
    says: dict[str, Any] | None = None

    def claims(self, **changes: Any) -> dict[str, Any]:
        """What a genuine token says; a change to None leaves the claim out."""
        now = int(self.clock.now.timestamp())
        said = {
            "iss": self.issuer, "aud": AUDIENCE, "sub": "f3a1", "iat": now, "exp": now + 300, "name": "李明",
            "roles": ["offline_access", "centre_operator"], **changes,
        }  # fmt: skip
        return {name: value for name, value in said.items() if value is not None}

    def token(self, **changes: Any) -> str:
        return sign({"alg": "ES256", "kid": "ec-1", "typ": "JWT"}, self.claims(**changes), ec_key())

    def settings(self, **changes: Any) -> Settings:
        return Settings(**{
            "oidc_issuer": self.issuer, "oidc_audience": AUDIENCE, "oidc_algorithms": ALGORITHMS,
            "oidc_region_claim": "hub.regions", "oidc_agency_claim": "hub.agency",
            "oidc_instance_claim": "hub.instances", "oidc_channel_claim": "hub.channels", **changes,
        })  # fmt: skip

    def reader(self, monotonic: Clock | None = None, **changes: Any) -> StaffTokens:
        """Reads this service's tokens by the service's clock; ``monotonic`` is the clock of the remembered keys."""
        settings = self.settings(**changes)
        service = KeyService(settings.oidc_issuer, settings.oidc_jwks_url)
        rules = TokenRules(settings.oidc_issuer, AUDIENCE, settings.oidc_algorithms, settings.oidc_max_lifetime_s,
                           settings.oidc_clock_skew_s)  # fmt: skip
        watch = monotonic or Clock()
        keys = StaffKeys(service.fetch, settings.oidc_algorithms, lambda: watch().timestamp())
        return StaffTokens(rules, claim_names(settings), keys, KeyRing(b"k" * 32).content_hash, self.clock)


def outcomes(reader: StaffTokens) -> dict[str, int]:
    """How its tokens were met, by kind."""
    samples = [one for metric in reader.metric.collect() for one in metric.samples if one.name.endswith("_total")]
    return {one.labels["outcome"]: int(one.value) for one in samples}


@asynccontextmanager
async def sign_on() -> AsyncIterator[SignOn]:
    """A service with one key of each kind."""
    service = SignOn("", Clock(), [public(rsa_key(), use="sig"), public(ec_key(), alg="ES256"), public(ed_key())])

    async def configuration(request: web.Request) -> web.Response:
        service.asked.append(request.path)
        return web.json_response(service.says or {"issuer": service.issuer, "jwks_uri": f"{service.issuer}/keys"})

    async def keys(request: web.Request) -> web.Response:
        service.asked.append(request.path_qs)
        if service.answer is not None:
            return web.Response(body=service.answer.body, status=service.answer.status)
        return web.json_response({"keys": service.keys})

    app = web.Application()
    app.router.add_get("/staff/.well-known/openid-configuration", configuration)
    app.router.add_get("/staff/keys", keys)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    service.issuer = f"http://127.0.0.1:{port}/staff"
    try:
        yield service
    finally:
        await runner.cleanup()
