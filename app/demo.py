"""The demonstration: a simulated county on this machine, pulled, compared and counted; then it may live on.

Its four agencies are processes of their own, three on loopback, one in a folder. Everything lies in one folder, so that
running again goes on with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from app.county import HUB, Partners, county_processes, write_settings
from app.demo_folder import claimed_folder, refuse_another_version, take_back_lanes
from app.demo_summary import Summary, Taken, summarise
from app.wiring import Hub, open_hub
from hub.settings import Settings
from sync_jobs.differences import ReconcileReport

#: the golden period, ``[from, to)``
PERIOD = (date(2024, 1, 1), date(2024, 8, 1))
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


@dataclass(frozen=True, slots=True)
class DemoSteps:
    """What the demonstration has others do."""

    #: pull one instance; its error stands in the result
    take_in: Callable[[Hub, str], Awaitable[dict[str, Any]]]
    #: compare one instance; its error stands in the report's run
    compare: Callable[[Hub, str], Awaitable[ReconcileReport]]
    #: with everything still open
    then: Callable[[Hub, Partners, Summary], Awaitable[None]]
    #: a partner stands
    on_started: Callable[[str], None] = lambda _: None


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


async def run_demo(options: DemoOptions, steps: DemoSteps) -> None:
    """Start the county, open the hub, pull, compare, count; hand all to ``steps.then`` before everything is closed."""
    folder, seed, scale = options.folder, options.seed, options.scale
    with claimed_folder(folder, seed, scale):
        await refuse_another_version(folder)
        async with county_processes(folder, seed, scale, on_started=steps.on_started) as partners:
            settings = demo_settings(options, partners)
            async with open_hub(settings, is_new=True) as hub:
                await hub.load_reference()
                await take_back_lanes(hub)
                taken = await _take_in_all(hub, partners, steps)
                await steps.then(hub, partners, await summarise(hub, taken, PERIOD, seed, scale))


def demo_settings(options: DemoOptions, partners: Partners) -> Settings:
    """A hub that knows the simulated county and nobody else; also written as a file for the other commands."""
    hub = {**HUB, "port": options.port}
    instances = {name: {**one.settings, "pull_every_s": _PULL_EVERY_S} for name, one in partners.items()}
    write_settings(options.folder, hub, instances)
    return _DemoSettings.model_validate({**hub, "data_dir": options.folder / "hub", "instances": instances})


async def _take_in_all(hub: Hub, partners: Partners, steps: DemoSteps) -> dict[str, Taken]:
    """Every partner side by side: while one is waited for, another one's records are worked on."""

    async def one(name: str) -> Taken:
        pulled = await steps.take_in(hub, name)
        return Taken(pulled, await steps.compare(hub, name))

    running = {name: asyncio.create_task(one(name)) for name in partners}
    try:
        await asyncio.gather(*running.values())
    finally:
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)
    return {name: task.result() for name, task in running.items()}
