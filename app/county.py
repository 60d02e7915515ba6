"""The simulated county: four partners of one seed and scale, each a process, and the settings to reach them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from app.sandboxes import SandboxProcess, sandbox_process
from app.settings_text import to_toml
from hub.errors import TransientError
from hub.settings import DEFAULT_FILE

#: also the names of the instances that reach them
PARTNERS = ("court", "police", "petition", "hotline")
#: the simulated county decided that records of the same people join by themselves (linking rule 2)
HUB = {"data_dir": "hub", "links_people": True}

Partners = Mapping[str, SandboxProcess]


@asynccontextmanager
async def county_processes(
    folder: Path,
    seed: str,
    scale: str,
    further: Callable[[str], Sequence[str]] = lambda _: ("--keep",),
    on_started: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[Partners]:
    """Run all four side by side for the time of the block, each with its store in a folder of its own.

    ``further`` gives a partner's own options. Raises HubError naming a partner that did not start.
    """
    started: dict[str, SandboxProcess] = {}

    async def start(stack: AsyncExitStack, partner: str) -> None:
        process = sandbox_process(
            partner, folder=folder / partner, seed=seed, scale=scale, further=further(partner)
        )  # fmt: skip
        started[partner] = await stack.enter_async_context(process)
        on_started(partner)

    async with AsyncExitStack() as stack:
        starting = [asyncio.create_task(start(stack, partner)) for partner in PARTNERS]
        try:
            await asyncio.gather(*starting)
        finally:
            for task in starting:
                task.cancel()
            await asyncio.gather(*starting, return_exceptions=True)
        yield {partner: started[partner] for partner in PARTNERS}


async def advance(partners: Iterable[SandboxProcess], seconds: int) -> list[str]:
    """Move all clocks by as much. Returns who did not answer; that keeps nobody else's clock."""
    asked = list(partners)
    command = {"do": "advance", "seconds": seconds}
    answers = await asyncio.gather(*(one.control(command) for one in asked), return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, TransientError):
            raise answer
    return [one.partner for one, answer in zip(asked, answers, strict=True) if isinstance(answer, TransientError)]


async def clocks(partners: Partners) -> dict[str, datetime]:
    """Where each partner's simulated clock stands, without zone, as they write it. Who does not answer is left out."""
    names = list(partners)
    answers = await asyncio.gather(*(partners[name].control({"do": "clock"}) for name in names), return_exceptions=True)
    told: dict[str, datetime] = {}
    for name, answer in zip(names, answers, strict=True):
        if isinstance(answer, BaseException):
            if not isinstance(answer, TransientError):
                raise answer
            continue
        told[name] = datetime.fromisoformat(answer["clock"])
    return told


async def advance_to(partners: Partners, until: datetime) -> None:
    """Move every clock that is behind to the same time. Who does not answer keeps nobody else's clock."""
    behind = {name: until - at for name, at in (await clocks(partners)).items() if at < until}
    commands = (
        partners[name].control({"do": "advance", "seconds": round(gap.total_seconds())}) for name, gap in behind.items()
    )
    for answer in await asyncio.gather(*commands, return_exceptions=True):
        if isinstance(answer, BaseException) and not isinstance(answer, TransientError):
            raise answer


def settings_file(folder: Path) -> Path:
    """The settings of a hub in a county's folder, for ``--config``."""
    return folder / DEFAULT_FILE


def write_settings(folder: Path, hub: Mapping[str, Any], instances: Mapping[str, Mapping[str, Any]]) -> None:
    """The settings file of a hub that reaches the county, written anew."""
    words = "# written anew whenever the simulated county starts; the partners and their secrets are simulated\n"
    settings_file(folder).write_text(words + to_toml(hub, instances), encoding="utf-8")
