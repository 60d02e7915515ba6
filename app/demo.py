"""The demonstration: a simulated court on this machine, pulled, compared and counted; then it may live on.

The court is a process of its own on loopback. Everything lies in one folder, so that running again goes on with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from sqlalchemy.exc import SQLAlchemyError

from app.first_filing import watch_first_filing
from app.layout import strange_parts
from app.sandboxes import Addresses, SandboxProcess, sandbox_process
from app.summary import disputes_by_agencies, figure_json, live_disputes
from app.wiring import Hub, open_hub
from hub import figures
from hub.errors import HubError, UserInputError
from hub.settings import DEFAULT_FILE, Settings
from hub.store import migrate
from hub.store.engine import open_store
from sync_jobs.differences import ReconcileReport

INSTANCE = "court"
#: the golden period, ``[from, to)``
PERIOD = (date(2024, 1, 1), date(2024, 8, 1))
#: those of the partners the demo starts
FIGURES = (figures.K1.id, figures.K2A_LITIGATION.id)
_MARK = "demo.json"
#: the demonstration looks often, so that a person sees it move
_PULL_EVERY_S = 5


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What to show."""

    folder: Path
    seed: str = "7"
    scale: str = "1"
    #: of the GraphQL server; 0 takes a free one
    port: int = 8000


@dataclass(slots=True)
class Summary:
    """What the demonstration came to."""

    instances: dict[str, dict[str, int]] = field(default_factory=dict)
    disputes: int = 0
    disputes_by_agencies: dict[str, int] = field(default_factory=dict)
    figures: list[figures.FigureValue] = field(default_factory=list)
    incidents: dict[str, dict[str, int]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The object that ``demo --once --json`` prints."""
        return {
            "instances": self.instances,
            "disputes": self.disputes,
            "disputesByAgencies": self.disputes_by_agencies,
            "figures": {value.id: figure_json(value) for value in self.figures},
        }


class _DemoSettings(Settings):
    """Settings that no file and no variable of this machine can change: the demonstration never meets a real hub."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


@contextlib.contextmanager
def claimed_folder(options: DemoOptions) -> Iterator[None]:
    """The folder, marked as this demonstration's and held for the time of the block.

    Raises UserInputError when it is another's, or another demonstration is running in it.
    """
    mark = options.folder / _MARK
    if not mark.exists():
        if options.folder.exists() and any(options.folder.iterdir()):
            raise UserInputError(f"{options.folder} holds other things", hint="Give a new folder with --data.")
        options.folder.mkdir(parents=True, exist_ok=True)
        mark.write_text(json.dumps({"seed": options.seed, "scale": options.scale}), encoding="utf-8")
    with mark.open(encoding="utf-8") as file:
        try:
            # let go by the system when we end, however we end
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserInputError(
                f"a demonstration is running in {options.folder}", hint="Give another folder with --data."
            ) from None
        found = json.load(file)
        if found != {"seed": options.seed, "scale": options.scale}:
            raise UserInputError(
                f"{options.folder} was made with --seed {found.get('seed')} --scale {found.get('scale')}",
                hint="Give the same again, or another folder with --data.",
            )
        yield


def demo_settings(options: DemoOptions, court: Addresses) -> Settings:
    """A hub that knows the simulated court and nobody else; also written as a file for the other commands."""
    instance = {
        "connector": "court", "base_url": court.base_url, "app_id": court.app_id, "secret": court.secret,
        "agency_code": "620725000000", "agency_name": "山丹县人民法院", "live_from": "2024-08-01T00:00:00",
        "pull_every_s": _PULL_EVERY_S,
    }  # fmt: skip
    lines = [
        "# of the demonstration, written anew whenever it starts; the court and its secret are simulated",
        "[hub]", 'data_dir = "hub"', f"port = {options.port}", f"[instances.{INSTANCE}]",
        # a JSON string or number is a TOML one
        *(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in instance.items()),
    ]  # fmt: skip
    settings_file(options.folder).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return _DemoSettings.model_validate(
        {"data_dir": options.folder / "hub", "port": options.port, "instances": {INSTANCE: instance}}
    )


def settings_file(folder: Path) -> Path:
    """The settings of the hub in a demonstration's folder, for ``--config``."""
    return folder / DEFAULT_FILE


async def run_demo(
    options: DemoOptions,
    take_in: Callable[[Hub, str], Awaitable[dict[str, Any]]],
    compare: Callable[[Hub, str], Awaitable[ReconcileReport]],
    then: Callable[[Hub, SandboxProcess, Summary], Awaitable[None]],
) -> None:
    """Start the court, open the hub, pull, compare, count; hand all to ``then`` before everything is closed."""
    court_folder = options.folder / "court"
    with claimed_folder(options):
        await _refuse_another_version(options.folder)
        async with sandbox_process("court", folder=court_folder, seed=options.seed, scale=options.scale) as court:
            settings = demo_settings(options, court.addresses)
            async with open_hub(settings, is_new=True) as hub:
                await hub.load_reference()
                pulled = await take_in(hub, INSTANCE)
                report = await compare(hub, INSTANCE)
                await then(hub, court, await summarise(hub, pulled, report))


async def _refuse_another_version(folder: Path) -> None:
    """Raises UserInputError where the folder's hub was made by another version of this program."""
    file = folder / "hub" / "hub.db"
    if not file.exists():
        return
    url = f"sqlite+aiosqlite:///{file}"
    store = open_store(url)
    try:
        found = await migrate.current(url)
        if found is None:
            # a first run was stopped before it came to that
            return
        async with store.read() as connection:
            is_ours = found == migrate.head() and not await strange_parts(connection)
    except SQLAlchemyError:
        is_ours = False
    finally:
        await store.close()
    if not is_ours:
        raise UserInputError(
            f"{folder} was made by another version", hint="Give another folder with --data, or remove this one."
        )


async def summarise(hub: Hub, pulled: dict[str, Any], report: ReconcileReport) -> Summary:
    """The counts after a pull and a comparison. Raises HubError when either ended early."""
    run = report.run
    error = pulled["error"] or (run and run.error and {"kind": run.error_kind, "message": run.error.message})
    if error:
        raise HubError(f"the simulated court could not be read: {error['kind']}: {error['message']}")
    summary = Summary()
    summary.instances[INSTANCE] = {
        "pulled": pulled["pulled"],
        "new": pulled["new"] + (run.new if run else 0),
        "held": report.held,
        "quarantined": report.quarantined,
        "expected": report.expected,
    }
    incidents = dict(pulled["incidents"])
    for kind, times in (run.incidents if run else {}).items():
        incidents[kind] = incidents.get(kind, 0) + times
    summary.incidents[INSTANCE] = incidents
    async with hub.store.read() as connection:
        summary.disputes = await live_disputes(connection)
        summary.disputes_by_agencies = await disputes_by_agencies(connection)
        summary.figures = await figures.compute(connection, FIGURES, *PERIOD)
    return summary


async def live_on(
    hub: Hub, court: SandboxProcess, stop: asyncio.Event, *, speed: float, on_ready: Callable[[str], None],
    on_filing: Callable[[str], None], on_growth: Callable[[str], None],
) -> None:  # fmt: skip
    """Serve, work and schedule while the court's clock runs ``speed`` simulated minutes a second, until ``stop``.

    ``on_filing`` is told the code of the first dispute that is filed from now on, ``on_growth`` when its history has
    grown for the first time.
    """
    from app.jobs import run_worker
    from app.serve import serve_graphql

    tasks = [
        asyncio.create_task(serve_graphql(hub, stop, on_ready=on_ready)),
        asyncio.create_task(run_worker(hub, stop)),
        asyncio.create_task(_move_clock(court, stop, speed)),
    ]
    # it ends when it has told what there is to tell; the others live on
    watching = asyncio.create_task(watch_first_filing(hub, stop, on_filing, on_growth))
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        stop.set()
        await asyncio.gather(*tasks, watching, return_exceptions=True)


async def _move_clock(court: SandboxProcess, stop: asyncio.Event, speed: float) -> None:
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), 1.0)
        except TimeoutError:
            if speed > 0:
                await court.control({"do": "advance", "seconds": round(speed * 60)})
