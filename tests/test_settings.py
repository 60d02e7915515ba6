"""Settings say where a mistake is, what it is, and what would be possible; secrets never show."""

from __future__ import annotations

from datetime import datetime, time
from pathlib import Path

import pytest

from hub.errors import ConfigurationError
from hub.model import SHANGHAI
from hub.settings import Settings, find_file, load_settings, unknown_variables

COURT = '[instances.court]\nconnector = "court"\n'


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in unknown_variables({f"HUB_{key.upper()}": "" for key in Settings.model_fields}):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("HUB_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)


def _load(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "conf" / "hub.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return load_settings(file)


def test_nothing_configured_is_a_hub_without_partners(tmp_path: Path) -> None:
    settings = load_settings()
    assert (settings.county, settings.centre_code, settings.host) == ("620725", "620725190000", "127.0.0.1")
    assert settings.store_url == "sqlite+aiosqlite:///data/hub.db"
    assert settings.key_file == Path("data/master.key")
    assert settings.instances == {}


def test_the_environment_stands_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_PORT", "8100")
    monkeypatch.setenv("HUB_INSTANCES__COURT__BASE_URL", "http://127.0.0.1:9000/api/")
    monkeypatch.setenv("HUB_INSTANCES__COURT__OPTIONS", '{"pageSize": 50}')
    settings = _load(tmp_path, "[hub]\nport = 8000\ncounty = '620725'\n" + COURT + "overlap_s = 60\n")
    court = settings.instance("court")
    assert settings.port == 8100
    assert (court.base_url, court.overlap_s, court.options) == ("http://127.0.0.1:9000/api", 60, {"pageSize": 50})


def test_paths_in_the_file_start_at_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _load(tmp_path, '[hub]\ndata_dir = "data"\n' + COURT + 'secret_file = "/etc/secret"\n')
    assert settings.data_dir == tmp_path / "conf" / "data"
    assert settings.instance("court").secret_file == Path("/etc/secret")
    assert _load(tmp_path, "").data_dir == tmp_path / "conf" / "data"
    monkeypatch.setenv("HUB_DATA_DIR", "here")
    assert _load(tmp_path, '[hub]\ndata_dir = "data"\n').data_dir == Path("here")


def test_times(tmp_path: Path) -> None:
    court = _load(tmp_path, COURT + "live_from = 2024-08-01T08:30:00\n").instance("court")
    assert court.live_from == datetime(2024, 8, 1, 8, 30, tzinfo=SHANGHAI)
    assert court.reconcile_time == time(2, 30)
    assert _load(tmp_path, COURT + 'reconcile_at = ""\n').instance("court").reconcile_time is None


@pytest.mark.parametrize(
    ("url", "full"),
    [
        ("postgresql://hub@db/hub", "postgresql+asyncpg://hub@db/hub"),
        ("postgres://hub@db/hub", "postgresql+asyncpg://hub@db/hub"),
        ("sqlite:////var/hub.db", "sqlite+aiosqlite:////var/hub.db"),
        ("postgresql+asyncpg://hub@db/hub", "postgresql+asyncpg://hub@db/hub"),
    ],
)
def test_the_driver_is_added_to_the_database_url(tmp_path: Path, url: str, full: str) -> None:
    assert _load(tmp_path, f'[hub]\ndatabase_url = "{url}"\n').store_url == full


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[hub]\nprot = 1\n", ["[hub] prot", "did you mean port?"]),
        ("[hub]\nport = 99999\n", ["[hub] port", "65535"]),
        ("[hub]\ncounty = 'x'\n", ["[hub] county"]),
        ("[hub]\nhost = 'hub.example'\n", ["[hub] host", "127.0.0.1"]),
        ("[hub]\ncentre_code = '62'\n", ["centre_code", "12 digits"]),
        ("[hbu]\n", ["hbu", "[hub]"]),
        ("[hub\n", ["no TOML", "line 1"]),
        ("[instances.court]\n", ["[instances.court] connector"]),
        ("[instances.Court]\nconnector = 'court'\n", ["'Court'", "small letters"]),
        (COURT + "overlap = 1\n", ["[instances.court] overlap is no setting", "overlap_s"]),
        (COURT + "overlap_s = -1\n", ["overlap_s", "greater than or equal to 0"]),
        (COURT + "pull_every_s = 'often'\n", ["pull_every_s", "integer"]),
        (COURT + "reconcile_at = '25:00'\n", ["reconcile_at", "02:30"]),
        (COURT + "base_url = 'court:80'\n", ["base_url", "https://"]),
        (COURT + "base_url = 'http://a:b@court'\n", ["base_url", "secret_file"]),
        (COURT + "base_url = 'http://court/?a=1'\n", ["base_url", "?"]),
        (COURT + "secret = 'a'\nsecret_env = 'B'\n", ["[instances.court]", "secret and secret_env"]),
        (COURT + "client_key_file = 'k'\n", ["client_cert_file"]),
    ],
)
def test_each_mistake_is_named(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _load(tmp_path, text)
    told = f"{caught.value} {caught.value.hint}"
    assert "hub.toml" in told
    for word in words:
        assert word in told


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _load(tmp_path, "[hub]\nport = 'x'\n" + COURT + "overlap_s = -1\n")
    assert "port" in str(caught.value)
    assert "overlap_s" in str(caught.value)


def test_a_mistake_in_the_environment_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_PORT", "eighty")
    with pytest.raises(ConfigurationError, match="HUB_PORT: "):
        load_settings()


def test_misspelt_variables_are_found() -> None:
    environ = {"HUB_PROT": "1", "HUB_PORT": "1", "HUB_INSTANCES__A__B": "", "HUB_DEBUG": "1", "HUB_TEST_X": "", "A": ""}
    assert unknown_variables(environ) == ["HUB_PROT"]


def test_secrets_come_from_file_or_environment_and_never_show(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "court.secret").write_text("s3cret-of-file\n")
    settings = _load(
        tmp_path,
        "[hub]\ndatabase_url = 'postgresql://hub:s3cret-of-db@db/hub'\n"
        + COURT
        + "secret_file = 'court.secret'\n[instances.a]\nconnector = 'court'\nsecret_env = 'A_SECRET'\n"
        + "[instances.b]\nconnector = 'court'\nsecret = 's3cret-of-b'\n[instances.c]\nconnector = 'court'\n",
    )
    environ = {"A_SECRET": "s3cret-of-env"}
    assert settings.instance("court").read_secret("court", environ) == "s3cret-of-file"
    assert settings.instance("a").read_secret("a", environ) == "s3cret-of-env"
    assert settings.instance("b").read_secret("b", environ) == "s3cret-of-b"
    assert settings.instance("c").read_secret("c", environ) == ""
    assert "s3cret" not in repr(settings) + str(settings) + settings.model_dump_json(exclude={"database_url"})


def test_missing_secrets_are_named(tmp_path: Path) -> None:
    settings = _load(tmp_path, COURT + "secret_file = 'none'\n[instances.a]\nconnector='a'\nsecret_env = 'A_SECRET'\n")
    with pytest.raises(ConfigurationError, match=r"\[instances.court\] secret_file: .*no such file"):
        settings.instance("court").read_secret("court", {})
    with pytest.raises(ConfigurationError, match="A_SECRET is not set"):
        settings.instance("a").read_secret("a", {})


def test_the_file_is_found(tmp_path: Path) -> None:
    assert find_file(None, {}) is None
    (tmp_path / "dispute-hub.toml").touch()
    (tmp_path / "other.toml").touch()
    assert find_file(None, {}) == Path("dispute-hub.toml")
    assert find_file(None, {"HUB_CONFIG": "other.toml"}) == Path("other.toml")
    assert find_file(tmp_path / "other.toml", {"HUB_CONFIG": "x"}) == tmp_path / "other.toml"
    with pytest.raises(ConfigurationError, match="does not exist"):
        find_file(None, {"HUB_CONFIG": "none.toml"})


def test_an_unknown_instance_is_told_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _load(tmp_path, COURT).instance("police")
    assert "court" in caught.value.hint


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("127.0.0.1", "HUB_TRUSTED_PROXIES is not readable"),
        ('["nonsense"]', "HUB_TRUSTED_PROXIES: [hub] trusted_proxies.0: a proxy is named by its address"),
    ],
)
def test_a_list_in_the_environment_is_named_when_it_is_wrong(
    monkeypatch: pytest.MonkeyPatch, value: str, told: str
) -> None:
    monkeypatch.setenv("HUB_TRUSTED_PROXIES", value)
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    assert told in refused.value.message and refused.value.hint
