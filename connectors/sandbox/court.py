"""The court's platform, simulated: a server on loopback that speaks P1 exactly as WIRES.md §0 and §1, quirks included.

Written from the wire document alone. ``start_court`` for programs and tests, ``serve_court`` for a command line.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from aiohttp import web

from connectors.sandbox.county import START, County
from connectors.sandbox.court_auth import Application, Tokens
from connectors.sandbox.court_build import open_store
from connectors.sandbox.court_control import CourtControl
from connectors.sandbox.court_desk import CourtDesk
from connectors.sandbox.court_faults import faulty
from connectors.sandbox.court_wire import CourtWire
from connectors.sandbox.desk_rule import DeskRule
from connectors.sandbox.faults import Faults
from connectors.sandbox.http_faults import CONTROL_PATH
from connectors.sandbox.kept_store import Progress
from connectors.sandbox.loopback import listen
from hub.errors import ConfigurationError

#: a push holds a few thousand characters of words at most
_LARGEST_BODY = 16 * 1024**2


@dataclass(frozen=True, slots=True)
class CourtOptions:
    """How to run one simulated court. The same seed and scale give byte-identical rows."""

    seed: str | int = 7
    scale: Decimal | float | int | str = 1
    #: 0 = any free port
    port: int = 0
    #: where the court keeps its store; None = a temporary folder that goes with the server
    folder: Path | None = None
    #: a store changed since it was built: True goes on with it, False builds anew, None refuses to guess
    keep: bool | None = None
    app_id: str = "dispute-hub"
    secret: str = field(default="simulated-court-secret", repr=False)
    #: occasions by mode, -1 = until switched off
    misbehave: Mapping[str, int] = field(default_factory=dict)
    #: a later start lives through the time since 2024-08-01 08:30 first
    start_clock: datetime = START
    progress: Progress | None = None
    #: real time, for tokens and signatures
    transport_clock: Callable[[], float] = time.time


@dataclass(slots=True)
class RunningCourt:
    """A simulated court that answers."""

    base_url: str
    control_url: str
    app_id: str
    secret: str = field(repr=False)
    desk: CourtDesk = field(repr=False)
    _runner: web.AppRunner = field(repr=False)
    _temporary: Path | None = field(repr=False)

    async def close(self) -> None:
        """Stop answering, close the store, remove a temporary folder."""
        await self._runner.cleanup()
        self.desk.store.close()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)


async def start_court(options: CourtOptions = CourtOptions()) -> RunningCourt:
    """Build or open the store and serve it; leaves nothing behind when it fails. Raises ConfigurationError."""
    if options.start_clock < START:
        raise ConfigurationError(f"the simulated court's clock starts at {START}", hint="Choose a later start.")
    async with AsyncExitStack() as undo:
        folder, temporary = options.folder, None
        if folder is None:
            folder = temporary = Path(tempfile.mkdtemp(prefix="simulated-court-"))
            undo.callback(shutil.rmtree, temporary, ignore_errors=True)
        county = County(options.seed, options.scale)
        store = await open_store(county, folder, options.keep, options.progress)
        undo.callback(store.close)
        desk = CourtDesk(store, county, DeskRule(county.seed))
        if options.start_clock > desk.now:
            await desk.advance(int((options.start_clock - desk.now).total_seconds()))
        runner = web.AppRunner(_application(options, county, desk), access_log=None)
        undo.push_async_callback(runner.cleanup)
        base_url = await listen(runner, options.port)
        undo.pop_all()
    return RunningCourt(base_url, base_url + CONTROL_PATH, options.app_id, options.secret, desk, runner, temporary)


def _application(options: CourtOptions, county: County, desk: CourtDesk) -> web.Application:
    faults, lock = Faults(county.seed, options.misbehave), asyncio.Lock()
    desk.store.skew, faults.clock = lambda: _skew(faults), lambda: desk.now
    credentials = Application(options.app_id, options.secret)
    tokens = Tokens(credentials, options.transport_clock)
    server = web.Application(middlewares=[faulty(faults, lambda: desk.now)], client_max_size=_LARGEST_BODY)
    server.add_routes(CourtWire(desk, county, credentials, tokens, faults, lock).routes())
    server.add_routes(CourtControl(desk, faults, lock).routes())
    return server


async def serve_court(options: CourtOptions, on_ready: Callable[[RunningCourt], None]) -> None:
    """Serve until cancelled; ``on_ready`` learns the addresses, to print them."""
    court = await start_court(options)
    try:
        on_ready(court)
        await asyncio.Event().wait()
    finally:
        await court.close()


def _skew(faults: Faults) -> timedelta:
    if faults.option("skew", "clock") == "transport":
        return timedelta()
    fault = faults.strike("skew")
    return timedelta(seconds=fault.number("seconds", 300)) if fault else timedelta()
