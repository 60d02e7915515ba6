"""Where everything is joined: settings in, an open hub out. Importing this does nothing; nobody else builds parts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from connectors import registry
from connectors.base import Connector, InstanceConfig
from hub import calendar, reference
from hub.desk import Desk, utc_now
from hub.errors import ConfigurationError, UserInputError
from hub.reference import KnownAgency
from hub.settings import InstanceSettings, Settings
from hub.store import migrate
from hub.store.engine import Store, open_store
from hub.store_identity import open_keys
from hub.vocabulary import AgencyKind, CommandKind, CountyTables, county_tables
from sync_jobs.downloads import DownloadOptions, host_of
from sync_jobs.folder import DirectoryWire, FolderOptions, open_folder_wire
from sync_jobs.http import AiohttpWire, WireOptions, open_http_wire
from sync_jobs.lease import FencedStore
from sync_jobs.queue import Claim, Queue


class Hub:
    """One open hub: its store and keys, and its partners as they are configured. Made by ``open_hub``."""

    def __init__(self, settings: Settings, desk: Desk, tables: CountyTables) -> None:
        self.settings = settings
        self.desk = desk
        #: the county's codes with the operator's own over the files'
        self.tables = tables
        self.queue = Queue(desk.store, settings.county)
        self._connectors: dict[str, Connector] = {}

    @property
    def store(self) -> Store:
        """The open database."""
        return self.desk.store

    def instances(self, named: str | None = None) -> list[str]:
        """The named instance alone, or all of them. Raises UserInputError for a name that is not configured."""
        if named is None:
            return sorted(self.settings.instances)
        if named not in self.settings.instances:
            known = ", ".join(sorted(self.settings.instances)) or "none"
            raise UserInputError(f"no instance {named!r} is configured", hint=f"Configured: {known}.")
        return [named]

    def connector(self, name: str) -> Connector:
        """The instance's connector, its secret resolved. Raises ConfigurationError."""
        if name not in self._connectors:
            self._connectors[name] = registry.make_connector(self._config(name))
        return self._connectors[name]

    def wire(self, name: str) -> AbstractAsyncContextManager[AiohttpWire | DirectoryWire]:
        """The open way to the instance's partner, of the kind its connector speaks. Raises ConfigurationError."""
        one = self.settings.instance(name)
        if self.connector(name).wire_kind == "folder":
            if one.folder is None:
                raise ConfigurationError(
                    f"instance {name} names no folder", hint=f"Set folder in [instances.{name}]: it holds in/ and out/."
                )
            return open_folder_wire(FolderOptions(one.folder, timeout_s=one.request_timeout_s))
        return open_http_wire(_wire_options(one))

    def download_options(self, name: str) -> DownloadOptions:
        """Where the files that the instance's records name may come from, and how large and slow they may be."""
        one = self.settings.instance(name)
        hosts = host_of(one.base_url) if one.attachment_hosts is None else frozenset(one.attachment_hosts)
        return DownloadOptions(hosts, one.attachment_max_bytes, one.attachment_timeout_s, _wire_options(one))

    def fenced_desk(self, claim: Claim) -> Desk:
        """The desk for the time of one claimed job: no write gets through once the job was taken over."""
        return replace(self.desk, store=FencedStore(self.store, claim))

    async def load_reference(self) -> None:
        """Make regions, agencies and codes in the store equal to the files and the settings; fill an empty calendar."""
        await reference.load_reference(self.desk, shipped_tables(self.settings), self._agencies())
        await calendar.seed(self.desk)

    async def reload_codes(self) -> None:
        """Take up codes that an operator set since: connectors asked for from now on know them."""
        async with self.store.read() as connection:
            found = await reference.current_tables(connection, shipped_tables(self.settings))
        if found != self.tables:
            self.tables = found
            self._connectors.clear()

    def _agencies(self) -> list[KnownAgency]:
        county = self.settings.county
        known = [KnownAgency(self.settings.centre_code, f"{self.tables.name}综治中心", AgencyKind.CENTER, county)]
        for name, one in self.settings.instances.items():
            if one.agency_code:
                kind = self.connector(name).agency_kind
                known.append(KnownAgency(one.agency_code, one.agency_name or name, kind, county))
        return known

    def _config(self, name: str) -> InstanceConfig:
        one = self.settings.instance(name)
        return InstanceConfig(
            name=name, product=one.connector, county=self.settings.county, centre_code=self.settings.centre_code,
            live_from=one.live_from, tables=self.tables, base_url=one.base_url, app_id=one.app_id,
            secret=one.read_secret(name), webhook_app_id=one.webhook_app_id,
            webhook_secrets=one.read_webhook_secrets(name), overlap_s=one.overlap_s,
            options={"agency_code": one.agency_code, **one.options},
        )  # fmt: skip


def _wire_options(one: InstanceSettings) -> WireOptions:
    return WireOptions(
        one.base_url, one.connect_timeout_s, one.request_timeout_s, one.max_answer_bytes,
        one.max_requests_per_s, one.proxy, one.ca_file, one.client_cert_file, one.client_key_file,
    )  # fmt: skip


def shipped_tables(settings: Settings) -> CountyTables:
    """The county's tables as its files have them."""
    return county_tables(settings.county, settings.county_folder)


def prepare_folders(settings: Settings) -> None:
    """Make the folders that the settings name, for the hub's user only."""
    folders = [settings.data_dir, settings.key_file.parent]
    try:
        url = make_url(settings.store_url)
    except ArgumentError as exc:
        raise ConfigurationError("[hub] database_url cannot be read", hint="e.g. postgresql://hub@db/hub") from exc
    if url.drivername == "sqlite+aiosqlite" and url.database:
        folders.append(Path(url.database).parent)
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)


async def require_migrated(settings: Settings) -> None:
    """Raises ConfigurationError unless the database stands at the revision this release knows."""
    found, wanted = await migrate.current(settings.store_url), migrate.head()
    if found != wanted:
        where = f"stands at {found}" if found else "was never migrated"
        raise ConfigurationError(
            f"the database {where}, this release needs {wanted}", hint="Run `dispute-hub migrate`."
        )


@asynccontextmanager
async def open_hub(
    settings: Settings, *, clock: Callable[[], datetime] = utc_now, is_new: bool = False
) -> AsyncIterator[Hub]:
    """Open the hub on a migrated database. ``is_new``: migrate it first. Raises ConfigurationError."""
    prepare_folders(settings)
    if is_new:
        await migrate.upgrade_to_head(settings.store_url)
    else:
        await require_migrated(settings)
    store = open_store(settings.store_url)
    try:
        keys = await open_keys(store, settings.key_file, settings.county)
        desk = Desk(
            store, keys, settings.county, clock, links_people=settings.links_people, size_guard=settings.size_guard,
            find_quoted=registry.quoted_by((one.connector for one in settings.instances.values()), settings.county),
            carries=lambda name: _carried(settings, name), centre_code=settings.centre_code,
        )  # fmt: skip
        hub = Hub(settings, desk, shipped_tables(settings))
        await hub.reload_codes()
        yield hub
    finally:
        await store.close()


def _carried(settings: Settings, instance: str) -> frozenset[CommandKind]:
    """What the wire of an instance carries outward; nothing where it is not configured."""
    one = settings.instances.get(instance)
    return frozenset() if one is None else registry.carried_by(one.connector)
