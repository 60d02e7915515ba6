"""Settings: one TOML file, the environment ``HUB_*`` over it, and secrets that are never printed.

``[hub]`` and one ``[instances.<name>]`` for each configured partner. ``HUB_PORT`` stands for ``[hub] port`` and
``HUB_INSTANCES__COURT__BASE_URL`` for ``[instances.court] base_url``. Relative paths in the file start at the file's
folder, relative paths in the environment at the working directory.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from hub.errors import ConfigurationError
from hub.model import SHANGHAI

#: read when neither ``--config`` nor HUB_CONFIG names a file, where it exists
DEFAULT_FILE = Path("dispute-hub.toml")
#: variables that are no settings
_OTHER_VARIABLES = re.compile(r"HUB_(CONFIG|DEBUG|LOG_LEVEL|TEST(_.*)?)$")
_PATHS = (
    "data_dir", "county_folder", "master_key_file", "oidc_ca_file", "trusted_documents", "tls_cert_file",
    "tls_key_file",
)  # fmt: skip
_INSTANCE_PATHS = ("folder", "secret_file", "ca_file", "client_cert_file", "client_key_file")
_INSTANCE_PATH_LISTS = ("webhook_secret_files",)
#: once options, which are printed and logged like any table
_MOVED_OPTIONS = {"webhook_secrets": "webhook_secret_files", "webhook_app_id": "webhook_app_id"}


def _address(host: str) -> str:
    if host != "localhost":
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise ValueError("an address of this machine, like 127.0.0.1, ::1, 0.0.0.0, or localhost") from None
    return host


def _public_url(url: str) -> str:
    checked = _http_address(url)
    path = urlsplit(checked).path
    if path and not re.fullmatch(r"(/[a-z0-9._-]+)+", path):
        raise ValueError("the path of a public address has small letters, digits, dots and dashes")
    return checked


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("a proxy is named by its address or network, like 127.0.0.1 or 10.0.0.0/24") from None
    return text


def _http_address(url: str) -> str:
    if not url:
        return url
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an address looks like https://court.example:8443/api")
    if parts.username or parts.password:
        raise ValueError("an address holds no user or password; use app_id and secret_file")
    if parts.query or parts.fragment:
        raise ValueError("an address ends before ? and #")
    return url.rstrip("/")


def encrypted_address(url: str) -> str:
    """The address exactly as it stands, where nobody in between can change the answer. Raises ValueError."""
    if not url:
        return url
    parts = urlsplit(url)
    is_here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not parts.hostname or (parts.scheme != "https" and not (parts.scheme == "http" and is_here)):
        raise ValueError("an address looks like https://sign-on.example/realms/staff; http only on this machine")
    if parts.username or parts.password or parts.fragment:
        raise ValueError("an address holds no user, password or #")
    return url


def _time_of_day(text: str) -> str:
    if text and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise ValueError("a time of day looks like 02:30, or is empty for never")
    return text


def _aware(instant: datetime) -> datetime:
    return instant if instant.tzinfo else instant.replace(tzinfo=SHANGHAI)


def _unit_code(code: str) -> str:
    if code and not re.fullmatch(r"\d{12}", code):
        raise ValueError("a unit code has 12 digits, like 620725190000")
    return code


def _file_host(host: str) -> str:
    parts = urlsplit(f"//{host}")
    try:
        is_plain = parts.netloc == host and bool(parts.hostname) and "@" not in host and (parts.port or 1) > 0
    except ValueError:
        is_plain = False
    if not is_plain or "*" in host or not re.fullmatch(r"[!-~]+", host):
        raise ValueError("a host looks like files.example or files.example:8443, without https:// and without *")
    return host.lower()


FileHost = Annotated[str, AfterValidator(_file_host)]
HttpAddress = Annotated[str, AfterValidator(_http_address)]
EncryptedAddress = Annotated[str, AfterValidator(encrypted_address)]
#: signatures that can be checked with a public key; whoever can check one with a shared secret can also make one
SignatureAlgorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"
]
UnitCode = Annotated[str, AfterValidator(_unit_code)]


class InstanceSettings(BaseModel):
    """One configured partner: where it is, who we are there, how often it is asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: a name that ``dispute-hub connectors list`` shows
    connector: str
    base_url: HttpAddress = ""
    #: for a partner that writes files: the folder that holds its ``in/`` and ``out/``
    folder: Path | None = None
    app_id: str = ""
    #: exactly one of these three, or none where the wire needs no secret
    secret: SecretStr | None = Field(None, repr=False)
    secret_env: str = ""
    secret_file: Path | None = None
    #: whose webhooks we take; '' is ``app_id``
    webhook_app_id: str = ""
    #: at most one of these three; every secret that is alive, two while one is replaced
    webhook_secrets: list[SecretStr] = Field(default_factory=list, max_length=4, repr=False)
    webhook_secret_envs: list[str] = Field(default_factory=list, max_length=4)
    webhook_secret_files: list[Path] = Field(default_factory=list, max_length=4)
    #: a longer body is refused unread
    webhook_max_bytes: int = Field(1 << 20, ge=1024, le=64 << 20)
    agency_code: UnitCode = ""
    agency_name: str = ""
    #: results dated earlier owe no return; without an offset it is Shanghai time
    live_from: Annotated[datetime, AfterValidator(_aware)] = datetime(2024, 8, 1, tzinfo=SHANGHAI)
    #: seconds of the partner's clock that every run reads again
    overlap_s: int = Field(600, ge=0, le=31 * 86_400)
    pull_every_s: int = Field(300, ge=5, le=86_400)
    #: Shanghai time of the nightly comparison; empty: never
    reconcile_at: Annotated[str, AfterValidator(_time_of_day)] = "02:30"
    connect_timeout_s: float = Field(10, gt=0, le=300)
    #: for one whole request, its answer included
    request_timeout_s: float = Field(60, gt=0, le=3600)
    max_answer_bytes: int = Field(64 << 20, ge=1024)
    #: a scheduled pull that has run so long, or so many pages, goes on at the next due time
    max_run_s: float = Field(600, ge=1, le=86_400)
    max_run_pages: int = Field(2000, ge=1)
    #: a scheduled comparison that has run so long has failed
    max_reconcile_s: float = Field(3600, ge=1, le=86_400)
    #: 0: as fast as the partner answers
    max_requests_per_s: float = Field(0, ge=0)
    #: where the files that records name may be fetched; None: from the host and port of ``base_url`` alone
    attachment_hosts: tuple[FileHost, ...] | None = None
    attachment_max_bytes: int = Field(20 << 20, ge=1024, le=512 << 20)
    #: for one file, redirects included
    attachment_timeout_s: float = Field(30, gt=0, le=3600)
    #: no further file is begun in a run that has spent so long on files; the rest waits for the next
    attachment_budget_s: float = Field(60, gt=0, le=3600)
    proxy: HttpAddress = ""
    ca_file: Path | None = None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_secret(self) -> InstanceSettings:
        for kinds in (("secret", "secret_env", "secret_file"),
                      ("webhook_secrets", "webhook_secret_envs", "webhook_secret_files")):  # fmt: skip
            given = [name for name in kinds if getattr(self, name)]
            if len(given) > 1:
                raise ValueError(f"give one of {' and '.join(given)}, not both")
        for name, instead in _MOVED_OPTIONS.items():
            if name in self.options:
                raise ValueError(f"{name} is no option any more; set {instead} beside options, not in it")
        if self.client_key_file and not self.client_cert_file:
            raise ValueError("client_key_file needs client_cert_file")
        return self

    @property
    def reconcile_time(self) -> time | None:
        """The nightly comparison's time of day in Shanghai, or None for never."""
        return time.fromisoformat(self.reconcile_at) if self.reconcile_at else None

    def read_secret(self, name: str, environ: Mapping[str, str] = os.environ) -> str:
        """The secret itself; '' where none is configured. Raises ConfigurationError, which never holds it."""
        if self.secret is not None:
            return self.secret.get_secret_value()
        if self.secret_env:
            return _from_variable(f"[instances.{name}] secret_env", self.secret_env, environ)
        if self.secret_file is not None:
            return _from_file(f"[instances.{name}] secret_file", self.secret_file)
        return ""

    def read_webhook_secrets(self, name: str, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
        """All that are alive; none where no webhooks are taken. Raises ConfigurationError, which never holds one."""
        where = f"[instances.{name}] webhook_secret"
        found = [
            *(secret.get_secret_value() for secret in self.webhook_secrets),
            *(_from_variable(f"{where}_envs", variable, environ) for variable in self.webhook_secret_envs),
            *(_from_file(f"{where}_files", file) for file in self.webhook_secret_files),
        ]
        # an empty one would let everybody in
        if not all(found):
            raise ConfigurationError(f"{where}s: one of them is empty", hint="A secret is at least one character.")
        return tuple(found)


class Settings(BaseSettings):
    """Everything one hub is told. Values are checked when they are read, not when they are used."""

    model_config = SettingsConfigDict(
        env_prefix="HUB_", env_nested_delimiter="__", env_ignore_empty=True, extra="forbid", frozen=True
    )

    county: str = Field("620725", pattern=r"^\d{6}$")
    #: folder with the county's own regions.csv and codes.csv; None: the one shipped
    county_folder: Path | None = None
    #: 12-digit unit code of the dispute centre: only a hand-over that names it is a referral to us
    centre_code: UnitCode = "620725190000"
    data_dir: Path = Path("data")
    #: '' means a SQLite file in ``data_dir``; it may hold a password and is never printed
    database_url: str = Field("", repr=False)
    #: None means ``master.key`` in ``data_dir``
    master_key_file: Path | None = None
    host: Annotated[str, AfterValidator(_address)] = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65_535)
    #: what people open: its name is answered under, its path is where everything lies below
    public_url: Annotated[str, AfterValidator(_public_url)] = ""
    #: further names to be answered under
    allowed_hosts: list[str] = Field(default_factory=list)
    #: proxies whose X-Forwarded-For and X-Forwarded-Proto are believed
    trusted_proxies: list[Annotated[str, AfterValidator(_network)]] = Field(default_factory=list)
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    #: how many lanes one worker process runs side by side
    worker_lanes: int = Field(4, ge=1, le=64)
    #: linking rule 2: records of the same people in one kind of quarrel are joined without asking a person
    links_people: bool = False
    #: rule 2 never makes a dispute of more records than this; beyond it a person is asked
    size_guard: int = Field(12, ge=2, le=1000)
    #: how long a worker that went silent keeps its jobs; a living one renews in time
    lease_s: float = Field(60, ge=3, le=3600)
    #: the staff's sign-on service (OpenID Connect), exactly as its tokens name it; '' is none
    oidc_issuer: EncryptedAddress = ""
    #: as its tokens name this hub
    oidc_audience: str = Field("", max_length=255)
    #: where its public keys lie; '' asks its ``/.well-known/openid-configuration``
    oidc_jwks_url: EncryptedAddress = ""
    oidc_ca_file: Path | None = None
    oidc_algorithms: tuple[SignatureAlgorithm, ...] = Field(("RS256", "ES256"), min_length=1)
    #: a token that lives longer is refused: nothing else ends a right that was taken back
    oidc_max_lifetime_s: int = Field(3600, ge=60, le=86_400)
    oidc_clock_skew_s: int = Field(30, ge=0, le=120)
    #: claims by their names, those inside another with dots: ``realm_access.roles``; '' is none
    oidc_role_claim: str = Field("roles", min_length=1)
    oidc_name_claim: str = Field("name", min_length=1)
    oidc_region_claim: str = ""
    oidc_agency_claim: str = ""
    oidc_instance_claim: str = ""
    oidc_channel_claim: str = ""
    #: the service's names of roles and ours; empty: they have the same names
    oidc_roles: dict[str, str] = Field(default_factory=dict)
    #: folder of the documents that clients may ask for by id; None: there are none
    trusted_documents: Path | None = None
    #: whether GraphQL runs nothing but those
    trusted_only: bool = False
    #: rows of an exported list at most
    export_rows: int = Field(10_000, ge=1, le=1_000_000)
    #: `doctor` warns when the newest backup is older; 0 never, where others keep backups
    backup_within_days: int = Field(7, ge=0, le=3660)
    instances: dict[str, InstanceSettings] = Field(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings

    @model_validator(mode="after")
    def _instance_names(self) -> Settings:
        for name in self.instances:
            if not re.fullmatch(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*", name):
                raise ValueError(f"instance {name!r}: a name has small letters, digits and single _ or - between them")
        return self

    @model_validator(mode="after")
    def _audience(self) -> Settings:
        if self.oidc_issuer and not self.oidc_audience:
            raise ValueError("oidc_issuer needs oidc_audience: what the service calls this hub")
        if self.oidc_issuer and not self.oidc_jwks_url and "?" in self.oidc_issuer:
            raise ValueError("oidc_issuer with a ? needs oidc_jwks_url")
        return self

    @model_validator(mode="after")
    def _only_what_is_there(self) -> Settings:
        if self.trusted_only and self.trusted_documents is None:
            raise ValueError("trusted_only needs trusted_documents: without a document nothing could be asked")
        return self

    @property
    def key_file(self) -> Path:
        """Where the master key lies."""
        return self.master_key_file or self.data_dir / "master.key"

    @property
    def store_url(self) -> str:
        """The database with its asynchronous driver named. May hold a password."""
        url = self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'hub.db'}"
        for short, full in (("postgres", "postgresql+asyncpg"), ("postgresql", "postgresql+asyncpg"),
                            ("sqlite", "sqlite+aiosqlite")):  # fmt: skip
            if url.startswith(f"{short}://"):
                return full + url.removeprefix(short)
        return url

    def instance(self, name: str) -> InstanceSettings:
        """The named instance. Raises ConfigurationError with the names there are."""
        if name not in self.instances:
            known = ", ".join(sorted(self.instances)) or "none"
            raise ConfigurationError(f"no instance {name!r} is configured", hint=f"Configured: {known}.")
        return self.instances[name]


def _from_variable(where: str, variable: str, environ: Mapping[str, str]) -> str:
    if not environ.get(variable):
        raise ConfigurationError(
            f"{where}: the variable {variable} is not set",
            hint=f"Set it where the hub is started, or use {where.rpartition(' ')[2].replace('env', 'file')}.",
        )
    return environ[variable]


def _from_file(where: str, file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        why = (exc.strerror or "").lower() if isinstance(exc, OSError) else "it is not UTF-8"
        raise ConfigurationError(
            f"{where}: {file} cannot be read: {why}",
            hint="It holds the secret alone, in UTF-8, readable by the hub's user.",
        ) from exc


def find_file(named: Path | None, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The settings file: the named one, else HUB_CONFIG, else ./dispute-hub.toml where it exists."""
    file = named or (Path(environ["HUB_CONFIG"]) if environ.get("HUB_CONFIG") else None)
    if file is None:
        return DEFAULT_FILE if DEFAULT_FILE.is_file() else None
    if not file.is_file():
        what = "is no file" if file.exists() else "does not exist"
        raise ConfigurationError(f"the settings file {file} {what}", hint="See --config and HUB_CONFIG.")
    return file


def load_settings(file: Path | None = None) -> Settings:
    """Read the file, lay the environment over it, check all. Raises ConfigurationError naming each mistake."""
    values = _read(file) if file else {}
    where = str(file) if file else "the environment"
    try:
        return Settings(**values)
    except ValidationError as exc:
        mistakes = [_explain(error, where) for error in exc.errors(include_url=False, include_input=False)]
        raise ConfigurationError("; ".join(mistakes), hint="docs/operator.md lists every setting.") from None
    except SettingsError as exc:
        named = re.search(r'"(\w+)"', str(exc))
        variable = f"HUB_{named[1].upper()}" if named else "a variable"
        raise ConfigurationError(
            f"{variable} is not readable",
            hint='Lists and tables are JSON there: ["127.0.0.1"], {"a": "b"}.',
        ) from None


def unknown_variables(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Variables HUB_… that name no setting: misspelt, most likely."""
    known = {f"HUB_{name.upper()}" for name in Settings.model_fields}
    return sorted(
        name
        for name in environ
        if name.startswith("HUB_") and name.split("__")[0].upper() not in known and not _OTHER_VARIABLES.match(name)
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"{file} is no TOML: {exc}", hint="Text stands in quotes, a table in [ ].") from None
    except OSError as exc:
        raise ConfigurationError(f"{file} cannot be read: {exc.strerror}") from None
    hub, instances = tables.pop("hub", {}), tables.pop("instances", {})
    if tables or not isinstance(hub, dict) or not isinstance(instances, dict) or "instances" in hub:
        found = ", ".join(tables) or "hub or instances as a value"
        raise ConfigurationError(
            f"{file}: {found} is not possible here", hint="There are [hub] and [instances.<name>]."
        )
    folder = file.parent
    # wherever a process is started, one file means one folder: another master key would open nothing
    hub.setdefault("data_dir", str(Settings.model_fields["data_dir"].default))
    for table, paths in ((hub, _PATHS), *((one, _INSTANCE_PATHS) for one in instances.values())):
        for key in paths:
            if isinstance(table, dict) and isinstance(table.get(key), str):
                table[key] = folder / table[key]
    for one in instances.values():
        for key in _INSTANCE_PATH_LISTS:
            if isinstance(one, dict) and isinstance(one.get(key), list):
                one[key] = [folder / path if isinstance(path, str) else path for path in one[key]]
    return {**hub, "instances": instances}


def _explain(error: ErrorDetails, where: str) -> str:
    """One sentence: file or variable, key, what is wrong, what is possible."""
    path = [str(part) for part in error["loc"]]
    given = {name.upper() for name in os.environ}
    # an item of a list stands in its list's variable
    variables = ("HUB_" + "__".join(path[:length]).upper() for length in range(len(path), 0, -1))
    where = next((one for one in variables if one in given), where)
    model: type[BaseModel] = Settings
    key = ".".join(path)
    table = "[hub]"
    if path[:1] == ["instances"] and len(path) > 1:
        model, table, key = InstanceSettings, f"[instances.{path[1]}]", ".".join(path[2:])
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, model.model_fields, 1)
        meant = f"; did you mean {near[0]}?" if near else f"; possible: {', '.join(sorted(model.model_fields))}"
        return f"{where}: {table} {key} is no setting{meant}"
    message = error["msg"].removeprefix("Value error, ")
    return f"{where}: {table} {key}: {message}".replace(" : ", ": ")
