"""The petition office, simulated: a server on loopback that speaks P3 exactly as WIRES.md §0 and §3, quirks included.

Written from the wire document alone. ``start_petition`` for programs and tests, ``serve_petition`` for a command line.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from aiohttp import web

from connectors.sandbox.county import START, County
from connectors.sandbox.http_faults import CONTROL_PATH
from connectors.sandbox.kept_store import Progress
from connectors.sandbox.loopback import listen
from connectors.sandbox.petition_build import open_store
from connectors.sandbox.petition_control import PetitionControl
from connectors.sandbox.petition_desk import PetitionDesk
from connectors.sandbox.petition_faults import clock_error, faulty, office_faults
from connectors.sandbox.petition_wire import PetitionWire
from hub.errors import ConfigurationError

#: 200 items with their words
_LARGEST_BODY = 16 * 1024**2


@dataclass(frozen=True, slots=True)
class PetitionOptions:
    """How to run one simulated petition office. The same seed and scale give byte-identical rows."""

    seed: str | int = 7
    scale: Decimal | float | int | str = 1
    #: 0 = any free port
    port: int = 0
    #: where the office keeps its store; None = a temporary folder that goes with the server
    folder: Path | None = None
    #: a store changed since it was built, if only by an exchange: True goes on with it, False builds anew,
    #: None refuses to guess
    keep: bool | None = None
    secret: str = field(default="simulated-petition-secret", repr=False)
    #: occasions by mode, -1 = until switched off
    misbehave: Mapping[str, int] = field(default_factory=dict)
    #: a later start lives through the time since 2024-08-01 08:30 first
    start_clock: datetime = START
    progress: Progress | None = None


@dataclass(slots=True)
class RunningPetition:
    """A simulated petition office that answers."""

    base_url: str
    control_url: str
    secret: str = field(repr=False)
    desk: PetitionDesk = field(repr=False)
    _runner: web.AppRunner = field(repr=False)
    _temporary: Path | None = field(repr=False)

    async def close(self) -> None:
        """Stop answering, close the store, remove a temporary folder."""
        await self._runner.cleanup()
        self.desk.store.close()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)


async def start_petition(options: PetitionOptions = PetitionOptions()) -> RunningPetition:
    """Build or open the store and serve it; leaves nothing behind when it fails. Raises ConfigurationError."""
    if options.start_clock < START:
        raise ConfigurationError(f"the simulated office's clock starts at {START}", hint="Choose a later start.")
    async with AsyncExitStack() as undo:
        folder, temporary = options.folder, None
        if folder is None:
            folder = temporary = Path(tempfile.mkdtemp(prefix="simulated-petition-"))
            undo.callback(shutil.rmtree, temporary, ignore_errors=True)
        county = County(options.seed, options.scale)
        store = await open_store(county, folder, options.keep, options.progress)
        undo.callback(store.close)
        desk = PetitionDesk(store, county)
        if options.start_clock > desk.now:
            await desk.advance(int((options.start_clock - desk.now).total_seconds()))
        runner = web.AppRunner(_application(options, county, desk), access_log=None)
        undo.push_async_callback(runner.cleanup)
        base_url = await listen(runner, options.port)
        undo.pop_all()
    return RunningPetition(base_url, base_url + CONTROL_PATH, options.secret, desk, runner, temporary)


def _application(options: PetitionOptions, county: County, desk: PetitionDesk) -> web.Application:
    faults, lock = office_faults(county.seed, options.misbehave), asyncio.Lock()
    desk.store.skew, faults.clock = lambda: clock_error(faults), lambda: desk.now
    server = web.Application(middlewares=[faulty(faults, lambda: desk.now)], client_max_size=_LARGEST_BODY)
    server.add_routes(PetitionWire(desk, options.secret, county.seed, faults, lock).routes())
    server.add_routes(PetitionControl(desk, faults, lock).routes())
    return server


async def serve_petition(options: PetitionOptions, on_ready: Callable[[RunningPetition], None]) -> None:
    """Serve until cancelled; ``on_ready`` learns the addresses, to print them."""
    office = await start_petition(options)
    try:
        on_ready(office)
        await asyncio.Event().wait()
    finally:
        await office.close()
