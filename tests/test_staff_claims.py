"""What a sign-on service says of a person, in its own words, becomes what they were given; the settings translate."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.doctor import examine
from app.staff_claims import MISUNDERSTANDINGS, Refusal
from app.staff_tokens import staff_tokens
from hub.access import all_roles
from hub.errors import ConfigurationError
from hub.settings import load_settings
from hub.store.engine import open_store

from .graphql_rows import desk_on
from .sign_on_kit import AUDIENCE, SignOn, outcomes, sign_on


@pytest.fixture
async def service() -> AsyncIterator[SignOn]:
    async with sign_on() as running:
        yield running


async def test_a_township_operator_brings_their_township(service: SignOn) -> None:
    found = await service.reader().principal(
        service.token(roles="township_operator", hub={"regions": ["620725101", "620725101"], "agency": "620725101190"})
    )
    assert found is not None
    assert (found.role, found.regions, found.agency) == ("township_operator", ("620725101",), "620725101190")


async def test_a_liaison_brings_their_agency_or_its_records(service: SignOn) -> None:
    reader = service.reader()
    for hub in ({"agency": ["620725000000"]}, {"instances": "court"}):
        found = await reader.principal(
            service.token(roles=["agency_liaison"], hub={**hub, "channels": ["PETITION", "HOTLINE"]})
        )
        assert found is not None
        assert (found.agency or found.instances) and found.channels == ("PETITION", "HOTLINE")


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ("realm_access.roles", {"realm_access": {"roles": ["uma_authorization", "矛盾中心坐席"]}}),
        ("https://hub.example/role", {"https://hub.example/role": "矛盾中心坐席"}),
        ("groups", {"groups": ["everybody", "矛盾中心坐席", "centre_operator", "另一个坐席"]}),
    ],
)
async def test_the_settings_translate_the_services_words(service: SignOn, claim: str, said: dict[str, Any]) -> None:
    reader = service.reader(
        oidc_role_claim=claim, oidc_roles={"矛盾中心坐席": "centre_operator", "另一个坐席": "centre_operator"}
    )
    found = await reader.principal(service.token(roles=None, **said))
    assert found is not None and found.role == "centre_operator"
    # where the words are translated, ours mean nothing by themselves
    assert await reader.principal(service.token(roles="administrator", **{claim: "administrator"})) is None
    assert outcomes(reader) == {"BELIEVED": 1, "ROLE": 1}


async def test_every_role_of_people_can_be_given(service: SignOn) -> None:
    reader = service.reader()
    given = {"regions": ["620725"], "agency": "620725190000"}
    for role in all_roles():
        found = await reader.principal(service.token(roles=[role], hub=given))
        assert (found is None) is (role == "partner_system"), role


async def test_the_operator_is_told_once_a_minute_what_does_not_fit(service: SignOn) -> None:
    reader = service.reader()
    with capture_logs() as logs:
        for _ in range(5):
            assert await reader.principal(service.token(roles=["坐席"])) is None
            assert await reader.principal(service.token(aud="mail")) is None
            assert await reader.principal(service.token(sub=None)) is None
    assert [(one["log_level"], one["reason"]) for one in logs] == [("warning", "ROLE"), ("warning", "AUDIENCE")]
    assert "坐席" not in repr(logs)


# --- settings ---------------------------------------------------------------------------------------------------


def write(folder: Path, lines: str) -> Path:
    file = folder / "dispute-hub.toml"
    file.write_text(f"[hub]\n{lines}", encoding="utf-8")
    return file


async def test_without_a_service_no_token_is_read_and_with_one_it_is(service: SignOn, tmp_path: Path) -> None:
    store = open_store(f"sqlite+aiosqlite:///{tmp_path / 'never-asked.db'}")
    desk = desk_on(store)
    assert staff_tokens(load_settings(write(tmp_path, "")), desk) is None
    lines = f'oidc_issuer = "{service.issuer}"\noidc_audience = "{AUDIENCE}"\noidc_algorithms = ["ES256"]\n'
    reader = staff_tokens(load_settings(write(tmp_path, lines)), desk)
    assert reader is not None
    # by the desk's clock: the service's runs elsewhere
    service.clock.now = desk.clock()
    assert await reader.principal(service.token()) is not None
    await store.close()


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('oidc_issuer = "http://sign-on.example"\noidc_audience = "hub"', "oidc_issuer: an address looks like https"),
        ('oidc_issuer = "sign-on.example"\noidc_audience = "hub"', "oidc_issuer: an address looks like https"),
        ('oidc_issuer = "https://a:b@sign-on.example"\noidc_audience = "hub"', "no user, password"),
        ('oidc_issuer = "https://sign-on.example"', "oidc_issuer needs oidc_audience"),
        ('oidc_algorithms = ["HS256"]', "oidc_algorithms"),
        ('oidc_algorithms = ["none"]', "oidc_algorithms"),
        ("oidc_algorithms = []", "oidc_algorithms"),
        ("oidc_max_lifetime_s = 1000000", "oidc_max_lifetime_s"),
        ("oidc_clock_skew_s = 3600", "oidc_clock_skew_s"),
        ('oidc_role_claim = ""', "oidc_role_claim"),
    ],
)
def test_settings_that_would_let_strangers_in_are_refused(tmp_path: Path, lines: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_settings(write(tmp_path, lines))
    assert told in refused.value.message and "a:b" not in refused.value.message


@pytest.mark.parametrize("role", ["partner_system", "local", "root"])
def test_a_word_is_translated_into_a_role_of_people_only(tmp_path: Path, role: str) -> None:
    lines = 'oidc_issuer = "https://sign-on.example"\noidc_audience = "hub"\n'
    settings = load_settings(write(tmp_path, f'{lines}oidc_roles = {{ operators = "{role}" }}\n'))
    with pytest.raises(ConfigurationError, match=f"{role} is no role of people"):
        staff_tokens(settings, desk_on(open_store("sqlite+aiosqlite://")))


def test_the_service_is_called_exactly_as_it_calls_itself(tmp_path: Path) -> None:
    lines = 'oidc_issuer = "https://sign-on.example/realms/staff/"\noidc_audience = "hub"\noidc_ca_file = "ca.pem"\n'
    settings = load_settings(write(tmp_path, lines))
    assert settings.oidc_issuer == "https://sign-on.example/realms/staff/"
    assert settings.oidc_ca_file == tmp_path / "ca.pem"


def test_every_outcome_is_documented_and_those_that_an_operator_is_told_are_marked() -> None:
    page = (Path(__file__).parent.parent / "docs" / "operator.md").read_text(encoding="utf-8")
    table = page.partition("## The staff's sign-on service")[2].partition("## Webhooks")[0]
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", table, re.MULTILINE))
    assert rows.keys() == {"BELIEVED", *(why.name for why in Refusal)}
    assert {name for name, why in rows.items() if why.startswith("*told*")} == {why.name for why in MISUNDERSTANDINGS}


async def test_doctor_says_what_the_service_is_worth(service: SignOn, tmp_path: Path) -> None:
    async def told(**changes: object) -> tuple[str, str]:
        values = {"oidc_issuer": service.issuer, "oidc_audience": AUDIENCE, "data_dir": str(tmp_path), **changes}
        file = write(tmp_path, "\n".join(f"{name} = {json.dumps(value)}" for name, value in values.items()))
        (found,) = [one for one in await examine(lambda: file) if one.what == "sign-on service"]
        return found.level, f"{found.found} {found.todo}"

    assert await told() == ("OK", f"{service.issuer} signs with 2 keys ")
    assert await told(oidc_algorithms=["ES512"]) == (
        "FAIL", f"{service.issuer} has no key for ES512 Set oidc_algorithms.")  # fmt: skip
    level, words = await told(oidc_issuer=f"{service.issuer}/", oidc_jwks_url="")
    assert level == "FAIL" and "letter by letter" in words
    level, words = await told(oidc_jwks_url="http://127.0.0.1:1/keys")
    assert level == "WARN" and "nobody answers" in words
    assert not [one for one in await examine(lambda: write(tmp_path, "")) if one.what == "sign-on service"]
