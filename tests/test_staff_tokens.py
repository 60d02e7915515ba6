"""Tokens of the sign-on service: a genuine one brings a person in; a forged, borrowed, old or altered one nobody."""

from __future__ import annotations

import hmac
import json
import random
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from joserfc import jwe
from starlette.requests import HTTPConnection
from structlog.testing import capture_logs

from app.staff_claims import Refusal
from app.staff_tokens import LONGEST
from app.web import create_app
from connectors.hotline import HotlineConnector
from hub.errors import AuthError
from hub.model import SHANGHAI
from hub.principal import Principal, PrincipalKind
from hub.store.engine import open_store
from hub.vocabulary import county_tables

from .graphql_rows import desk_on
from .hotline_double import config as hotline_config
from .hotline_double import dispatched, order, signed, webhook
from .sign_on_kit import AnyKey, SignOn, b64, ec_key, ed_key, outcomes, public, rsa_key, sign, sign_on

HEADER = {"alg": "ES256", "kid": "ec-1"}


@pytest.fixture
async def service() -> AsyncIterator[SignOn]:
    async with sign_on() as running:
        yield running


# --- genuine ones -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alg", "key"), [("RS256", rsa_key), ("PS256", rsa_key), ("ES256", ec_key), ("EdDSA", ed_key)]
)  # fmt: skip
async def test_a_genuine_token_says_who_asks(service: SignOn, alg: str, key: Callable[[], AnyKey]) -> None:
    token = sign({"alg": alg, "kid": str(key().kid), "typ": "at+jwt", "x5t": "abc"}, service.claims(), key(), alg)
    reader = service.reader()
    found = await reader.principal(token)
    assert found is not None and outcomes(reader) == {"BELIEVED": 1}
    assert (found.kind, found.name, found.role) == (PrincipalKind.STAFF, "李明", "centre_operator")
    assert found.expires_at is not None
    # thirty seconds of the clocks' difference are the token's
    assert found.expires_at.timestamp() == int(service.clock.now.timestamp()) + 330


async def test_the_same_person_is_the_same_and_the_id_tells_nothing(service: SignOn) -> None:
    reader = service.reader()
    number = "620725199003074518"
    first, again, other = [
        await reader.principal(service.token(sub=subject, iat=int(service.clock.now.timestamp()) - age))
        for subject, age in ((number, 0), (number, 9), ("f3a2", 0))
    ]
    assert first is not None and again is not None and other is not None
    assert first.id == again.id != other.id and first.id.startswith("oidc_")
    assert number not in repr(first)


async def test_one_of_several_audiences_is_enough_and_clocks_may_differ_a_little(service: SignOn) -> None:
    reader, now = service.reader(), int(service.clock.now.timestamp())
    for changes in ({"aud": ["account", "dispute-hub"]}, {"iat": now + 25, "nbf": now + 25}, {"iat": now - 320,
                    "exp": now - 20}, {"iat": now - 0.5, "exp": now + 99.5}):  # fmt: skip
        assert await reader.principal(service.token(**changes)) is not None, changes


async def test_a_genuine_token_dies_by_itself(service: SignOn) -> None:
    reader, token = service.reader(), service.token()
    assert await reader.principal(token) is not None
    service.clock.advance(seconds=329)
    assert await reader.principal(token) is not None
    service.clock.advance(seconds=2)
    assert await reader.principal(token) is None
    assert outcomes(reader)["TIME"] == 1


# --- hostile ones -----------------------------------------------------------------------------------------------


def pem(key: AnyKey) -> bytes:
    made: bytes = key.as_pem(private=False)  # type: ignore[union-attr]
    return made


def header(**changes: Any) -> dict[str, Any]:
    return {**HEADER, **changes}


def claimed(**changes: Any) -> Callable[[SignOn], str]:
    """Signed by the service itself, and saying something that may not be."""
    return lambda service: service.token(**changes)


def headed(**changes: Any) -> Callable[[SignOn], str]:
    return lambda service: sign(header(**changes), service.claims(), ec_key())


def timed(**seconds: int) -> Callable[[SignOn], str]:
    """Times from now on."""
    return lambda service: service.token(
        **{name: int(service.clock.now.timestamp()) + value for name, value in seconds.items()}
    )


def of_text(text: str) -> Callable[[SignOn], str]:
    """The service's signature over claims that JSON readers understand differently; ``…`` is the genuine rest."""
    return lambda service: sign(
        header(), text.replace("…", json.dumps(service.claims())[1:-1]).encode(), ec_key()
    )  # fmt: skip


def spare_bits(service: SignOn) -> str:
    """Another last letter that decodes to the same signature in a careless reader."""
    token = sign({"alg": "RS256", "kid": "rsa-1"}, service.claims(), rsa_key(), "RS256")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + letters[letters.index(token[-1]) ^ 1]


def nested(service: SignOn) -> str:
    """A genuine token inside an encrypted one, to our own public key."""
    return jwe.encrypt_compact(
        {"alg": "RSA-OAEP", "enc": "A128GCM", "kid": "rsa-1", "cty": "JWT"}, service.token().encode(), rsa_key()
    )


def sent(**parts: Any) -> Callable[[SignOn], str]:
    """A genuine token's three parts with some replaced."""

    def make(service: SignOn) -> str:
        head, payload, signature = service.token().split(".")
        return ".".join((parts.get("head", head), parts.get("payload", payload), parts.get("signature", signature)))

    return make


def hmac_with(secret: Callable[[], bytes], kid: str) -> Callable[[SignOn], str]:
    """Signed with what everybody knows, as if it were a shared secret."""

    def make(service: SignOn) -> str:
        said = f"{b64({'alg': 'HS256', 'kid': kid})}.{b64(service.claims())}"
        return f"{said}.{b64(hmac.digest(secret(), said.encode(), 'sha256'))}"

    return make


STRANGER = ec_key("stranger")
HOSTILE: dict[str, tuple[Callable[[SignOn], str], Refusal]] = {
    "unsigned, and saying so": (sent(head=b64({"alg": "none", "kid": "ec-1"}), signature=""), Refusal.MALFORMED),
    "alg none with a signature": (sent(head=b64({"alg": "none", "kid": "ec-1"})), Refusal.ALGORITHM),
    "alg nOnE": (sent(head=b64({"alg": "nOnE", "kid": "ec-1"})), Refusal.ALGORITHM),
    "without a signature": (sent(signature=""), Refusal.MALFORMED),
    "HS256 with the public key as PEM": (hmac_with(lambda: pem(rsa_key()), "rsa-1"), Refusal.ALGORITHM),
    "HS256 with the public key as JSON": (
        hmac_with(lambda: json.dumps(public(ec_key())).encode(), "ec-1"), Refusal.ALGORITHM),
    "an algorithm that is not pinned": (
        lambda service: sign({"alg": "RS512", "kid": "rsa-1"}, service.claims(), rsa_key(), "RS512"),
        Refusal.ALGORITHM),
    "an algorithm that is a list": (sent(head=b64({"alg": ["ES256"], "kid": "ec-1"})), Refusal.ALGORITHM),
    "RS256 in the name of the EC key": (
        lambda service: sign({"alg": "RS256", "kid": "ec-1"}, service.claims(), rsa_key(), "RS256"),
        Refusal.UNKNOWN_KEY),
    "a kid that nobody knows": (headed(kid="ec-9"), Refusal.UNKNOWN_KEY),
    "a kid that is a path": (headed(kid="../../../dev/null"), Refusal.UNKNOWN_KEY),
    "a kid with SQL": (headed(kid="ec-1' OR '1'='1"), Refusal.UNKNOWN_KEY),
    "a kid that is a number": (headed(kid=1), Refusal.HEADER),
    "without a kid": (lambda service: sign({"alg": "ES256"}, service.claims(), ec_key()), Refusal.HEADER),
    "jku: keys from elsewhere": (headed(jku="https://evil.example/keys"), Refusal.HEADER),
    "x5u: a certificate from elsewhere": (headed(x5u="https://evil.example/c.pem"), Refusal.HEADER),
    "x5c: a certificate brought along": (headed(x5c=["MIIB"]), Refusal.HEADER),
    "jwk: the stranger's own key, brought along": (
        lambda service: sign(header(jwk=public(STRANGER)), service.claims(), STRANGER), Refusal.HEADER),
    "crit: an extension nobody knows": (headed(crit=["exp"], exp=1), Refusal.HEADER),
    "b64=false: another way of signing": (headed(b64=False, crit=["b64"]), Refusal.HEADER),
    "zip: to be unpacked": (headed(zip="DEF"), Refusal.HEADER),
    "a sign-out, not a sign-in": (headed(typ="logout+jwt"), Refusal.HEADER),
    "a member twice in the header": (
        lambda service: sign(b'{"alg":"ES256","alg":"none","kid":"ec-1"}', service.claims(), ec_key()),
        Refusal.MALFORMED),
    "a header that is a list": (sent(head=b64(b"[]")), Refusal.MALFORMED),
    "a header that is no UTF-8": (sent(head=b64(b'{"alg":"\xff"}')), Refusal.MALFORMED),
    "a header without end": (sent(head=b64(b'{"a":' * 1_000)), Refusal.MALFORMED),
    "signed by another key": (lambda service: sign(header(), service.claims(), STRANGER), Refusal.SIGNATURE),
    "ES256 with r = s = 0": (sent(signature=b64(bytes(64))), Refusal.SIGNATURE),
    "ES256 with r and s of all ones": (sent(signature=b64(b"\xff" * 64)), Refusal.SIGNATURE),
    "ES256 in DER": (sent(signature=b64(b"\x30\x06\x02\x01\x01\x02\x01\x01")), Refusal.SIGNATURE),
    "another person's signature": (
        lambda service: sent(signature=service.token(sub="f3a2").split(".")[2])(service), Refusal.SIGNATURE),
    "claims exchanged under a genuine signature": (
        lambda service: sent(payload=b64(service.claims(roles=["administrator"])))(service), Refusal.SIGNATURE),
    "cut off": (lambda service: service.token()[:-6], Refusal.SIGNATURE),
    "with a line break": (lambda service: service.token() + "\n", Refusal.MALFORMED),
    "padded": (lambda service: service.token() + "==", Refusal.MALFORMED),
    "spare bits set": (spare_bits, Refusal.MALFORMED),
    "four parts": (lambda service: service.token() + ".e30", Refusal.MALFORMED),
    "one inside an encrypted one": (nested, Refusal.MALFORMED),
    "huge": (claimed(more="x" * LONGEST), Refusal.MALFORMED),
    "run out": (timed(iat=-400, exp=-31), Refusal.TIME),
    "not valid yet": (timed(nbf=120), Refusal.TIME),
    "made tomorrow": (timed(iat=86_400, exp=86_700), Refusal.TIME),
    "ended before it began": (timed(iat=20, exp=10), Refusal.TIME),
    "without an end": (claimed(exp=None), Refusal.TIME),
    "without a beginning": (claimed(iat=None), Refusal.TIME),
    "an end that is true": (claimed(exp=True), Refusal.TIME),
    "a beginning that is true": (claimed(nbf=True), Refusal.TIME),
    "an end that is text": (claimed(exp="4000000000"), Refusal.TIME),
    "an end beyond all numbers": (of_text('{…, "more": 1e999}'), Refusal.MALFORMED),
    "an end of a thousand digits": (claimed(exp=10**1000), Refusal.TIME),
    "living for a year": (timed(exp=365 * 86_400), Refusal.LIFETIME),
    "another service's": (claimed(iss="https://evil.example/staff"), Refusal.ISSUER),
    "of nearly this service": (lambda service: service.token(iss=service.issuer + "/"), Refusal.ISSUER),
    "without a service": (claimed(iss=None), Refusal.ISSUER),
    "for somebody else": (claimed(aud="mail"), Refusal.AUDIENCE),
    "for others, of several": (claimed(aud=["mail", "dispute-hub-test"]), Refusal.AUDIENCE),
    "for nobody": (claimed(aud=[]), Refusal.AUDIENCE),
    "for an object": (claimed(aud={"dispute-hub": 1}), Refusal.AUDIENCE),
    "without whom it is for": (claimed(aud=None), Refusal.AUDIENCE),
    "without whose it is": (claimed(sub=None), Refusal.SUBJECT),
    "nobody's": (claimed(sub=""), Refusal.SUBJECT),
    "a number's": (claimed(sub=7), Refusal.SUBJECT),
    "half a letter's": (of_text('{"sub": "\\ud800"}'), Refusal.ISSUER),
    "a claim twice": (of_text('{"roles": ["administrator"], …}'), Refusal.MALFORMED),
    "NaN": (of_text('{…, "more": NaN}'), Refusal.MALFORMED),
    "claims that are a list": (of_text("[{…}]"), Refusal.MALFORMED),
    "claims without end": (of_text("[" * 4_000), Refusal.MALFORMED),
    "without a role": (claimed(roles=None), Refusal.ROLE),
    "a role that is none here": (claimed(roles=["root"]), Refusal.ROLE),
    "this machine's own role": (claimed(roles=["local"]), Refusal.ROLE),
    "a program's role": (claimed(roles=["partner_system"]), Refusal.ROLE),
    "two roles": (claimed(roles=["auditor", "centre_operator"]), Refusal.ROLE),
    "a role that is an object": (claimed(roles={"centre_operator": True}), Refusal.ROLE),
    "without a name": (claimed(name=None), Refusal.NAME),
    "this machine's own name": (claimed(name=" operator "), Refusal.NAME),
    "a name of half a letter": (claimed(name="\ud800"), Refusal.NAME),
    "a name of two lines": (claimed(name="李明\n王芳"), Refusal.NAME),
    "a township's person without a township": (claimed(roles=["township_operator"]), Refusal.GRANT),
    "a liaison of no agency": (claimed(roles=["agency_liaison"]), Refusal.GRANT),
    "a region of full-width digits": (claimed(hub={"regions": ["６２０７２５１０１"]}), Refusal.GRANT),
    "a region that is a pattern": (claimed(hub={"regions": ["%"]}), Refusal.GRANT),
    "two agencies": (claimed(hub={"agency": ["620725000000", "620725190000"]}), Refusal.GRANT),
    "a channel that is none": (claimed(hub={"channels": ["EVERY"]}), Refusal.GRANT),
    "an endless list of instances": (claimed(hub={"instances": ["court"] * 65}), Refusal.GRANT),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_token_brings_nobody_in(service: SignOn, name: str) -> None:
    make, why = HOSTILE[name]
    reader = service.reader()
    assert await reader.principal(make(service)) is None
    assert outcomes(reader) == {why.name: 1}
    assert await reader.principal(service.token()) is not None


def test_every_reason_to_refuse_has_a_hostile_token() -> None:
    assert {why for _, why in HOSTILE.values()} == set(Refusal)


async def test_over_http_each_is_told_to_sign_in_and_nothing_else(service: SignOn, tmp_path: Path) -> None:
    reader = service.reader()

    async def authenticate(connection: HTTPConnection) -> Principal | None:
        return await reader.principal(connection.headers["authorization"].removeprefix("Bearer "))

    store = open_store(f"sqlite+aiosqlite:///{tmp_path / 'never-asked.db'}")
    transport = httpx2.ASGITransport(create_app(desk_on(store), county_tables, authenticate=authenticate))
    tokens = [token for make, _ in HOSTILE.values() if "\n" not in (token := make(service))]
    with capture_logs() as logs:
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            for token in tokens:
                answer = await client.post(
                    "/graphql", json={"query": "{ viewer }"}, headers={"Authorization": f"Bearer {token}"}
                )
                assert answer.status_code == 401, token
                assert answer.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
                assert token[-20:] not in answer.text
    await store.close()
    told = repr(logs)
    assert not [token for token in tokens if token[:40] in told or token[-40:] in told]
    # of what only an operator can put right one line a kind, without what the token says
    assert {one["reason"] for one in logs} <= {why.name for why in Refusal}
    assert "李明" not in told and "f3a1" not in told and "evil.example" not in told


# --- altered ones -----------------------------------------------------------------------------------------------


def altered(genuine: bytes, draw: random.Random) -> Iterator[bytes]:
    """Mutants of these bytes without end: flipped, replaced, left out, doubled, exchanged, cut."""
    while True:
        content, at = bytearray(genuine), draw.randrange(len(genuine))
        match draw.randrange(7):
            case 0:
                content[at] ^= 1 << draw.randrange(7)
            case 1:
                content[at] = draw.choice(b"ABCxyz019-_.=+/ ")
            case 2:
                del content[at]
            case 3:
                content.insert(at, content[at])
            case 4:
                other = draw.randrange(len(genuine))
                content[at], content[other] = content[other], content[at]
            case 5:
                del content[at:]
            case _:
                for place in draw.sample(range(len(genuine)), 3):
                    content[place] ^= 1 << draw.randrange(7)
        if content != genuine:
            yield bytes(content)


async def test_none_of_ten_thousand_altered_tokens_is_believed(service: SignOn) -> None:
    reader, draw = service.reader(), random.Random(5)
    genuine = [
        sign({"alg": alg, "kid": str(key.kid)}, service.claims(), key, alg)
        for alg, key in (("RS256", rsa_key()), ("PS256", rsa_key()), ("ES256", ec_key()), ("EdDSA", ed_key()))
    ]
    for token in genuine:
        assert await reader.principal(token) is not None
        for _, mutant in zip(range(2500), altered(token.encode(), draw), strict=False):
            assert await reader.principal(mutant.decode("latin-1")) is None, mutant
        assert await reader.principal(token) is not None
    counted = outcomes(reader)
    # many come as far as the signature, and no further
    assert counted.keys() == {"BELIEVED", "MALFORMED", "ALGORITHM", "HEADER", "UNKNOWN_KEY", "SIGNATURE"}
    assert counted["SIGNATURE"] > 3000 and sum(counted.values()) == 10_008


def test_none_of_ten_thousand_altered_webhooks_is_taken() -> None:
    connector, draw = HotlineConnector(hotline_config()), random.Random(6)
    hung = order(**dispatched())
    body = webhook(hung, "派单", 1, "2024-06-12 12:18:11", contractorCode=hung["contractorCode"])
    for sm3 in (False, True):
        headers = {name.lower(): value for name, value in signed(body, sm3=sm3).items()}
        sent_at = int(headers["x-timestamp"]) / 1000
        now = datetime.fromtimestamp(sent_at, SHANGHAI)
        assert connector.receive(headers, body, now).items
        # which of the two ways signed it is not signed itself, and may be written in small letters
        proofs = ["x-app-id", "x-timestamp", "x-nonce", "x-sign"]
        for _ in range(5000):
            name = draw.choice([*proofs, "", ""])
            changed, content = dict(headers), body
            if name:
                changed[name] = next(altered(headers[name].encode(), draw)).decode("latin-1")
            else:
                content = next(altered(body, draw))
            with pytest.raises(AuthError):
                connector.receive(changed, content, now)
