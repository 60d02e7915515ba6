"""The police, simulated: a shared folder in which batches come and go exactly as WIRES.md §0 and §2 say, with quirks.

Written from the wire document alone. ``start_police`` for programs and tests, ``serve_police`` for a command line.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from connectors.sandbox.county import START, County
from connectors.sandbox.faults import Faults
from connectors.sandbox.kept_store import Progress
from connectors.sandbox.police_build import open_store
from connectors.sandbox.police_control import PoliceControl
from connectors.sandbox.police_desk import PoliceDesk
from connectors.sandbox.police_dispatch import Dispatch
from connectors.sandbox.police_drop import Drop
from connectors.sandbox.police_faults import POLICE_MODES, POLICE_PLACES
from connectors.sandbox.police_rule import TransferRule
from connectors.sandbox.police_store import PoliceStore
from connectors.sandbox.police_tray import Tray
from hub.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class PoliceOptions:
    """How to run the simulated police. The same seed and scale give byte-identical batches of the history."""

    seed: str | int = 7
    scale: Decimal | float | int | str = 1
    #: where the police keep their store and the shared folder; None = a temporary folder that goes with them
    folder: Path | None = None
    #: a store changed since it was built: True goes on with it, False builds anew, None refuses to guess
    keep: bool | None = None
    #: occasions by mode, -1 = until switched off; they strike the batches of the history too
    misbehave: Mapping[str, int] = field(default_factory=dict)
    #: a later start lives through the time since 2024-08-01 08:30 first
    start_clock: datetime = START
    progress: Progress | None = None
    #: real seconds between two looks into the folder; 0 = only when told to
    poll_s: float = 0.2
    #: real seconds until a batch of the hub whose marker stays wrong is refused (WIRES.md 2.2)
    patience_s: float = 600


@dataclass(slots=True)
class RunningPolice:
    """Simulated police at work."""

    #: the shared folder: ``in/``, ``out/`` and ``control/`` below it
    root: Path
    desk: PoliceDesk = field(repr=False)
    _control: PoliceControl = field(repr=False)
    _temporary: Path | None = field(repr=False)
    _watch: asyncio.Task[None] | None = field(repr=False)

    @property
    def control_folder(self) -> Path:
        """Where command files are taken."""
        return self.root / "control"

    async def control(self, do: str, **arguments: Any) -> Any:
        """One command of :mod:`connectors.sandbox.police_control`. Raises UserInputError or NotFoundError."""
        return await self._control.perform({"do": do, **arguments})

    async def watch(self) -> None:
        """Until cancelled; raises whatever ends the look-out."""
        await (self._watch if self._watch is not None else asyncio.Event().wait())

    async def close(self) -> None:
        """Stop looking, close the store, remove a temporary folder. Raises whatever ended the look-out early."""
        try:
            if self._watch is not None:
                self._watch.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._watch
        finally:
            self.desk.store.close()
            if self._temporary is not None:
                shutil.rmtree(self._temporary, ignore_errors=True)


async def start_police(options: PoliceOptions = PoliceOptions()) -> RunningPolice:
    """Build or open store and folder and go to work; leaves nothing behind when it fails. Raises ConfigurationError."""
    if options.start_clock < START:
        raise ConfigurationError(f"the simulated police clock starts at {START}", hint="Choose a later start.")
    async with AsyncExitStack() as undo:
        folder, temporary = options.folder, None
        if folder is None:
            folder = temporary = Path(tempfile.mkdtemp(prefix="simulated-police-"))
            undo.callback(shutil.rmtree, temporary, ignore_errors=True)
        county = County(options.seed, options.scale)
        root = folder / f"police-{county.seed}-{county.scale}"
        faults = Faults(county.seed, options.misbehave, POLICE_MODES, POLICE_PLACES)
        drop = Drop(root / "in")
        drop.recover()

        def make_dispatch(store: PoliceStore) -> Dispatch:
            return Dispatch(store, drop, faults, county.seed)

        is_misbehaving = bool(options.misbehave)
        store = await open_store(county, folder, root, options.keep, make_dispatch, is_misbehaving, options.progress)
        undo.callback(store.close)
        store.skew = lambda: _skew(faults)
        desk = PoliceDesk(store, county, make_dispatch(store), TransferRule(county.seed))
        faults.clock = lambda: desk.now
        if options.start_clock > desk.now:
            await desk.advance(int((options.start_clock - desk.now).total_seconds()))
        control = PoliceControl(desk, Tray(desk, faults, root, options.patience_s), faults, root / "control")
        undo.pop_all()
    watch = asyncio.create_task(_watch(control, options.poll_s)) if options.poll_s > 0 else None
    return RunningPolice(root, desk, control, temporary, watch)


async def serve_police(options: PoliceOptions, on_ready: Callable[[RunningPolice], None]) -> None:
    """Work until cancelled; ``on_ready`` learns the folders, to print them."""
    police = await start_police(options)
    try:
        on_ready(police)
        await police.watch()
    finally:
        await police.close()


async def _watch(control: PoliceControl, poll_s: float) -> None:
    while True:
        # a file that vanishes or grows while it is read is looked at again
        with contextlib.suppress(OSError):
            await control.look()
        await asyncio.sleep(poll_s)


def _skew(faults: Faults) -> timedelta:
    fault = faults.strike("skew")
    return timedelta(seconds=fault.number("seconds", 300)) if fault else timedelta()
