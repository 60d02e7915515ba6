"""The demonstration: a simulated county on this machine, pulled, worked, compared and counted; then it may live on.

Its four agencies are processes of their own, three on loopback, one in a folder. Everything lies in one folder, so that
running again goes on with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from app.county import HUB, Partners, county_processes, write_settings
from app.demo_folder import claimed_folder, refuse_another_version, take_back_lanes
from app.demo_loop import DAYS, Loop
from app.demo_summary import Summary, Taken, added, summarise
from app.mediator import Mediator
from app.wiring import Hub, open_hub
from hub.settings import Settings
from sync_jobs.differences import ReconcileReport

T = TypeVar("T")

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
    #: live the first days of August before the summary, so that results go back
    closes_loop: bool = False


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
    #: a day of August was lived; of so many
    on_day: Callable[[int], None] = lambda _: None


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
    """Start the county, open the hub, pull, live August's first days where asked, compare, count.

    All is handed to ``steps.then`` before everything is closed.
    """
    folder, seed, scale = options.folder, options.seed, options.scale
    with claimed_folder(folder, seed, scale):
        await refuse_another_version(folder)
        async with county_processes(folder, seed, scale, on_started=steps.on_started) as partners:
            settings = demo_settings(options, partners)
            async with open_hub(settings, is_new=True) as hub:
                await hub.load_reference()
                await take_back_lanes(hub)
                pulled = await _side_by_side(partners, lambda name: steps.take_in(hub, name))
                if options.closes_loop:
                    await _close_loop(options, steps, hub, partners, pulled)
                compared = await _side_by_side(partners, lambda name: steps.compare(hub, name))
                taken = {name: Taken(pulled[name], compared[name]) for name in partners}
                await steps.then(hub, partners, await summarise(hub, partners, taken, PERIOD, seed, scale))


def demo_settings(options: DemoOptions, partners: Partners) -> Settings:
    """A hub that knows the simulated county and nobody else; also written as a file for the other commands."""
    hub = {**HUB, "port": options.port}
    instances = {name: {**one.settings, "pull_every_s": _PULL_EVERY_S} for name, one in partners.items()}
    write_settings(options.folder, hub, instances)
    return _DemoSettings.model_validate({**hub, "data_dir": options.folder / "hub", "instances": instances})


async def _close_loop(
    options: DemoOptions, steps: DemoSteps, hub: Hub, partners: Partners, pulled: dict[str, dict[str, Any]]
) -> None:
    """What comes in meanwhile is added to what was pulled. A partner that could not be read is left out."""
    reached = {name: one for name, one in partners.items() if pulled[name]["error"] is None}

    def tell(name: str, further: dict[str, Any]) -> None:
        pulled[name] = added(pulled[name], further)

    mediator = Mediator(hub.desk, options.seed, options.scale)
    await Loop(hub, reached, mediator, steps.take_in, tell, lambda: steps.on_day(DAYS)).run()


async def _side_by_side(partners: Partners, one: Callable[[str], Awaitable[T]]) -> dict[str, T]:
    """While one partner is waited for, another one's records are worked on."""
    running = {name: asyncio.ensure_future(one(name)) for name in partners}
    try:
        await asyncio.gather(*running.values())
    finally:
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)
    return {name: task.result() for name, task in running.items()}
