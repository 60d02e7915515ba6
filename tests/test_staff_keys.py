"""The sign-on service's keys: asked for when needed, exchanged while serving, and not believed for ever."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from app.staff_keys import EVERY_S, FRESH_S, KEPT_S, KeyService, verifying_keys
from hub.errors import ConfigurationError, TransientError

from .hub_kit import Clock
from .sign_on_kit import ALGORITHMS, SignOn, ec_key, ed_key, outcomes, public, rsa_key, sign, sign_on


@pytest.fixture
async def service() -> AsyncIterator[SignOn]:
    async with sign_on() as running:
        yield running


def by(service: SignOn, kid: str) -> str:
    """A genuine token of another EC key."""
    return sign({"alg": "ES256", "kid": kid}, service.claims(), ec_key(kid))


async def test_nobody_is_asked_before_a_token_comes_and_once_for_many(service: SignOn) -> None:
    reader = service.reader()
    assert service.asked == []
    found = await asyncio.gather(*(reader.principal(service.token()) for _ in range(50)))
    assert all(found)
    assert service.asked == ["/staff/.well-known/openid-configuration", "/staff/keys"]


async def test_what_is_not_a_token_asks_nobody(service: SignOn) -> None:
    reader = service.reader()
    for token in ("", "x", "a.b.c", service.token()[:-6] + ".", sign({"alg": "ES512", "kid": "k"}, {}, ec_key())):
        assert await reader.principal(token) is None
    assert service.asked == []


async def test_a_new_key_is_believed_as_soon_as_it_is_published(service: SignOn) -> None:
    watch = Clock()
    reader = service.reader(watch)
    assert await reader.principal(service.token()) is not None
    assert await reader.principal(by(service, "ec-2")) is None
    service.keys.append(public(ec_key("ec-2")))
    watch.advance(seconds=EVERY_S)
    assert await reader.principal(by(service, "ec-2")) is not None
    assert await reader.principal(service.token()) is not None


async def test_a_key_taken_back_dies_when_the_keys_are_asked_for_again(service: SignOn) -> None:
    watch = Clock()
    reader = service.reader(watch)
    assert await reader.principal(service.token()) is not None
    service.keys = [one for one in service.keys if one["kid"] != "ec-1"]
    watch.advance(seconds=FRESH_S)
    assert await reader.principal(service.token()) is None
    assert outcomes(reader) == {"BELIEVED": 1, "UNKNOWN_KEY": 1}


async def test_a_service_that_publishes_nothing_any_more_is_believed_in_that_too(service: SignOn) -> None:
    watch = Clock()
    reader = service.reader(watch)
    assert await reader.principal(service.token()) is not None
    service.keys = []
    watch.advance(seconds=FRESH_S)
    assert await reader.principal(service.token()) is None


async def test_made_up_keys_do_not_make_us_ask_on_and_on(service: SignOn) -> None:
    watch = Clock()
    reader = service.reader(watch)
    for number in range(200):
        assert await reader.principal(by_stranger(service, f"made-up-{number}")) is None
    assert len(service.asked) == 2
    watch.advance(seconds=EVERY_S)
    for number in range(200):
        assert await reader.principal(by_stranger(service, f"made-up-{number}")) is None
    assert len(service.asked) == 4
    assert await reader.principal(service.token()) is not None


def by_stranger(service: SignOn, kid: str) -> str:
    return sign({"alg": "ES256", "kid": kid}, service.claims(), ec_key("stranger"))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (web.Response(status=500), "HTTP_5XX"),
        (web.Response(status=503), "MAINTENANCE"),
        (web.Response(status=404), "HTTP_404"),
        (web.Response(status=302, headers={"Location": "https://evil.example/keys"}), "HTTP_302"),
        (web.Response(body=b"<html>"), "BROKEN_ANSWER"),
        (web.Response(body=b'{"keys": {}}'), "BROKEN_ANSWER"),
        (web.Response(body=b'{"keys": [], "keys": []}'), "BROKEN_ANSWER"),
        (web.Response(body=b'{"keys": ' + b"[" * 100_000), "BROKEN_ANSWER"),
        (web.Response(body=json.dumps({"keys": [{}] * 65}).encode()), "BROKEN_ANSWER"),
        (web.Response(body=b" " * (257 * 1024)), "ANSWER_TOO_LONG"),
    ],
)
async def test_while_the_service_is_away_its_keys_live_for_an_hour(
    service: SignOn, answer: web.Response, reason: str
) -> None:
    watch = Clock()
    reader = service.reader(watch)
    assert await reader.principal(service.token()) is not None
    keys, service.answer = len(service.asked), answer
    watch.advance(seconds=FRESH_S)
    with capture_logs() as logs:
        assert await reader.principal(service.token()) is not None
        assert await reader.principal(service.token()) is not None
    assert len(service.asked) == keys + 2
    assert [(one["log_level"], one["reason"], one["known"]) for one in logs] == [("warning", reason, len(ALGORITHMS))]
    watch.advance(seconds=KEPT_S - FRESH_S)
    assert await reader.principal(service.token()) is None
    service.answer = None
    watch.advance(seconds=EVERY_S)
    assert await reader.principal(service.token()) is not None


async def test_a_service_that_never_was_there_lets_nobody_in(service: SignOn) -> None:
    token, reader = service.token(), service.reader(oidc_jwks_url="http://127.0.0.1:1/keys")
    assert await reader.principal(token) is None
    assert outcomes(reader) == {"UNKNOWN_KEY": 1}


async def test_whoever_goes_away_meanwhile_does_not_end_it_for_the_others(service: SignOn) -> None:
    reader = service.reader()
    impatient = asyncio.create_task(reader.principal(service.token()))
    patient = asyncio.create_task(reader.principal(service.token()))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient is not None


async def test_the_address_of_the_keys_may_be_given_and_may_have_a_query(service: SignOn) -> None:
    reader = service.reader(oidc_jwks_url=f"{service.issuer}/keys?p=staff%20a")
    assert await reader.principal(service.token()) is not None
    assert service.asked == ["/staff/keys?p=staff%20a"]


@pytest.mark.parametrize(
    "changes",
    [{"issuer": "https://evil.example"}, {"jwks_uri": "http://evil.example/keys"}, {"jwks_uri": None},
     {"jwks_uri": "file:///etc/passwd"}, {"jwks_uri": "https://a:b@evil.example/"}],
)  # fmt: skip
async def test_what_answers_in_the_services_place_is_not_believed(service: SignOn, changes: dict[str, Any]) -> None:
    service.says = {"issuer": service.issuer, "jwks_uri": f"{service.issuer}/keys", **changes}
    with pytest.raises(ValueError):
        await KeyService(service.issuer).fetch()
    assert await service.reader().principal(service.token()) is None


async def test_authorities_that_cannot_be_read_are_told_and_let_nobody_in(service: SignOn, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("no certificate", encoding="ascii")
    with pytest.raises(ConfigurationError, match="certificates"):
        await KeyService(service.issuer, ca_file=file).fetch()
    with pytest.raises(TransientError):
        await KeyService("https://127.0.0.1:1").fetch()


# --- what counts as a key ---------------------------------------------------------------------------------------


def usable(*keys: object, algorithms: tuple[str, ...] = ALGORITHMS) -> set[tuple[str, str]]:
    return set(verifying_keys(json.dumps({"keys": keys}).encode(), algorithms))


def test_a_key_proves_what_its_kind_and_its_own_word_allow() -> None:
    assert usable(public(rsa_key())) == {("rsa-1", "RS256"), ("rsa-1", "PS256")}
    assert usable(public(rsa_key(), alg="PS256")) == {("rsa-1", "PS256")}
    assert usable(public(ec_key(), use="sig", key_ops=["verify"])) == {("ec-1", "ES256")}
    assert usable(public(ed_key(), alg="Ed25519"), algorithms=("EdDSA", "Ed25519")) == {
        ("ed-1", "EdDSA"), ("ed-1", "Ed25519")}  # fmt: skip


def test_what_was_made_for_something_else_is_weak_or_unreadable_is_left_out() -> None:
    good = public(ec_key())
    assert usable(
        public(rsa_key(), use="enc"), public(rsa_key(), key_ops=["encrypt"]), public(rsa_key(), alg="RSA-OAEP"),
        public(ec_key("p384", "P-384")), public(ec_key("curve", "secp256k1")), {**good, "kid": "off", "x": good["y"]},
        {**good, "kid": None}, {**good, "kid": 7}, {"kty": "oct", "kid": "shared", "k": "c2VjcmV0"}, "text", None,
        {"kty": ["RSA"], "kid": "list"}, {"kty": "RSA", "kid": "small", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "kid": "one", "n": public(rsa_key())["n"], "e": "AQ"},
        {"kty": "RSA", "kid": "endless", "n": "_" * 4000, "e": "AQAB"}, {"kty": "OKP", "kid": "no x", "crv": "Ed25519"},
        {"kty": "OKP", "kid": "short", "crv": "Ed25519", "x": "AAAA"},
    ) == set()  # fmt: skip


def test_a_name_that_two_keys_bear_names_neither() -> None:
    assert usable(public(ec_key()), {**public(ec_key("other")), "kid": "ec-1"}, public(ed_key())) == {("ed-1", "EdDSA")}


def test_a_private_key_published_by_mistake_is_not_read_as_one() -> None:
    found = verifying_keys(json.dumps({"keys": [ec_key().as_dict(private=True)]}).encode(), ALGORITHMS)
    assert not found["ec-1", "ES256"].is_private
