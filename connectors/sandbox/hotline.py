"""The 12345 hotline, simulated: a server on loopback that speaks P4 exactly as WIRES.md §0 and §4, quirks included.

Written from the wire document alone. ``start_hotline`` for programs and tests, ``serve_hotline`` for a command line.
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
from connectors.sandbox.court_faults import faulty
from connectors.sandbox.faults import MODES, Faults
from connectors.sandbox.hotline_build import open_store
from connectors.sandbox.hotline_control import HotlineControl
from connectors.sandbox.hotline_desk import HotlineDesk
from connectors.sandbox.hotline_files import HotlineFiles
from connectors.sandbox.hotline_hooks import HookSender, HookSettings
from connectors.sandbox.hotline_rule import HotlineRule
from connectors.sandbox.hotline_sign import Application, Gate
from connectors.sandbox.hotline_store import HotlineStore
from connectors.sandbox.hotline_wire import HotlineWire
from connectors.sandbox.http_faults import CONTROL_PATH
from connectors.sandbox.kept_store import Progress
from connectors.sandbox.loopback import listen
from hub.errors import ConfigurationError

#: its requests are signed one by one: there is no token to die
HOTLINE_MODES = {**MODES, "expire": "the addresses of files are dead before their time"}
#: a call holds a few thousand characters of words at most
_LARGEST_BODY = 16 * 1024**2


@dataclass(frozen=True, slots=True)
class HotlineOptions:
    """How to run one simulated hotline. The same seed and scale give byte-identical orders."""

    seed: str | int = 7
    scale: Decimal | float | int | str = 1
    #: 0 = any free port
    port: int = 0
    #: where the hotline keeps its store; None = a temporary folder that goes with the server
    folder: Path | None = None
    #: a store changed since it was built: True goes on with it, False builds anew, None refuses to guess
    keep: bool | None = None
    #: who the hub is here
    app_id: str = "dispute-hub"
    secret: str = field(default="simulated-hotline-secret", repr=False)
    #: where events go; None tells nobody, the control address may name one later
    webhook_url: str | None = None
    #: who the hotline is at the hub
    webhook_app_id: str = "hotline-12345"
    webhook_secret: str = field(default="simulated-webhook-secret", repr=False)
    #: '' signs webhooks with HMAC-SHA256, ``SM3`` with HMAC-SM3
    webhook_sign_type: str = ""
    #: multiplies the waits of 1, 5, 30, 120 and 720 minutes between re-sends (WIRES.md 0.2)
    resend_factor: float = 1.0
    #: occasions by mode, -1 = until switched off
    misbehave: Mapping[str, int] = field(default_factory=dict)
    #: the same for webhooks
    webhook_misbehave: Mapping[str, int] = field(default_factory=dict)
    #: a later start lives through the time since 2024-08-01 08:30 first
    start_clock: datetime = START
    progress: Progress | None = None
    #: real time, for signatures, nonces, re-sends and the life of file addresses
    transport_clock: Callable[[], float] = time.time


@dataclass(slots=True)
class RunningHotline:
    """A simulated hotline that answers."""

    base_url: str
    control_url: str
    app_id: str
    secret: str = field(repr=False)
    webhook_app_id: str
    webhook_secret: str = field(repr=False)
    desk: HotlineDesk = field(repr=False)
    _undo: AsyncExitStack = field(repr=False)

    async def close(self) -> None:
        """Stop answering and sending, close the store, remove a temporary folder."""
        await self._undo.aclose()


async def start_hotline(options: HotlineOptions = HotlineOptions()) -> RunningHotline:
    """Build or open the store and serve it; leaves nothing behind when it fails. Raises ConfigurationError."""
    if options.start_clock < START:
        raise ConfigurationError(f"the simulated hotline's clock starts at {START}", hint="Choose a later start.")
    async with AsyncExitStack() as undo:
        folder = options.folder
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="simulated-hotline-"))
            undo.callback(shutil.rmtree, folder, ignore_errors=True)
        county = County(options.seed, options.scale)
        store = await open_store(county, folder, options.keep, options.progress)
        undo.callback(store.close)
        desk, runner = await _start(options, county, store, undo)
        base_url = await listen(runner, options.port)
        desk.files.base_url = base_url
        if options.start_clock > desk.now:
            await desk.advance(int((options.start_clock - desk.now).total_seconds()))
        return RunningHotline(
            base_url, base_url + CONTROL_PATH, options.app_id, options.secret, options.webhook_app_id,
            options.webhook_secret, desk, undo.pop_all(),
        )  # fmt: skip


async def _start(
    options: HotlineOptions, county: County, store: HotlineStore, undo: AsyncExitStack
) -> tuple[HotlineDesk, web.AppRunner]:
    faults, lock, clock = Faults(county.seed, options.misbehave, HOTLINE_MODES), asyncio.Lock(), options.transport_clock
    hook_faults = Faults(f"{county.seed}|webhooks", options.webhook_misbehave)
    settings = HookSettings(options.webhook_url, options.resend_factor, options.webhook_sign_type)
    files = HotlineFiles(options.secret, clock, faults)
    desk = HotlineDesk(store, county, HotlineRule(county.seed), files, settings)
    webhooks = Application(options.webhook_app_id, options.webhook_secret)
    sender = HookSender(store, webhooks, settings, hook_faults, clock)
    desk.on_event, store.skew, faults.clock = sender.wake, lambda: _skew(faults), lambda: desk.now
    gate = Gate(Application(options.app_id, options.secret), clock)
    server = web.Application(middlewares=[faulty(faults, lambda: desk.now)], client_max_size=_LARGEST_BODY)
    server.add_routes(HotlineWire(desk, gate, faults, lock).routes())
    server.add_routes(files.routes())
    server.add_routes(HotlineControl(desk, faults, sender, lock).routes())
    runner = web.AppRunner(server, access_log=None)
    undo.push_async_callback(runner.cleanup)
    sender.start()
    undo.push_async_callback(sender.close)
    return desk, runner


async def serve_hotline(options: HotlineOptions, on_ready: Callable[[RunningHotline], None]) -> None:
    """Serve until cancelled; ``on_ready`` learns the addresses, to print them."""
    hotline = await start_hotline(options)
    try:
        on_ready(hotline)
        await asyncio.Event().wait()
    finally:
        await hotline.close()


def _skew(faults: Faults) -> timedelta:
    if faults.option("skew", "clock") == "transport":
        return timedelta()
    fault = faults.strike("skew")
    return timedelta(seconds=fault.number("seconds", 300)) if fault else timedelta()
