"""The simulated partners as benches of the conformance suite, each over its own control address.

Building a county takes longer than an examination, so each is built once and copied for every law.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from connectors.base import AnyWire, Connector, InstanceConfig
from connectors.conformance import Exam, Held
from connectors.registry import make_connector
from connectors.sandbox.court import CourtOptions, start_court
from connectors.sandbox.hotline import HotlineOptions, start_hotline
from connectors.sandbox.petition import PetitionOptions, start_petition
from connectors.sandbox.police import PoliceOptions, start_police
from hub.model import SHANGHAI
from sync_jobs.folder import FolderOptions, open_folder_wire
from sync_jobs.http import WireOptions, open_http_wire

from .hub_kit import court_config

PRODUCTS = ("court", "police", "petition", "hotline")
#: modes in which an answer only comes later tell nothing of a connector
_SLOW = frozenset({"delay"})
#: columns that only some exports of the police have; ``dataset`` is the control address's own word
_OPTIONAL = frozenset({"dataset", "BJRXZB", "BJRYZB", "ZBX", "CJQK", "JJYBH"})

Command = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Manner:
    """What differs between the partners, as far as a bench is concerned."""

    #: fields of a row that change by themselves
    volatile: frozenset[str]
    largest_page: int
    stamp_field: str
    words_field: str
    #: what to set so that the category is one that no table knows, and the code that should be named
    misnamed: Mapping[str, str]
    unknown_code: str
    #: options of a mode
    mode_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


#: a small county has several pages all the same
_SMALL_PAGES: Mapping[str, Mapping[str, Any]] = {"court": {"page_size": 20}, "hotline": {"page_size": 20}}
_PAUSE = {"429": {"seconds": 0}}
MANNERS: Mapping[str, Manner] = {
    "court": Manner(frozenset(), 20, "gxsj", "claim", {"caseCause": "XX99"}, "XX99", _PAUSE),
    # one batch is one page
    "police": Manner(
        frozenset({"batch", "line"}),
        4000,
        "GXSJ",
        "BJNR",
        {"JQLBDM": "05", "JQLXDM": "0597", "JQXLDM": "059701"},
        "0597",
    ),
    "petition": Manner(frozenset({"sjjhzt"}), 200, "gxsj", "xfnr", {"nrfldm": "XX99"}, "XX99", _PAUSE),
    # numbers are hidden in the archive, addresses of files expire
    "hotline": Manner(
        frozenset({"attachments", "callerPhone", "contactNumber", "respondentPhone"}),
        20,
        "updatedAt",
        "content",
        {"problemId": "XX99"},
        "XX99",
        _PAUSE,
    ),
}


class SimulatedBench:
    """A simulated partner, worked by its control address."""

    def __init__(self, product: str, command: Command, modes: frozenset[str]) -> None:
        self._product, self._command, self._manner = product, command, MANNERS[product]
        self.largest_page = self._manner.largest_page
        self.modes = modes - _SLOW
        self._edits = 0

    async def view(self) -> Sequence[Held]:
        return [Held(k["native_id"], k["native_no"], _instant(k["version"])) for k in await self._command("view")]

    async def rows(self, native_id: str) -> Sequence[Mapping[str, Any]]:
        found = await self._command("view", native_id=native_id, rows=True)
        if self._product == "police":
            return [_as_sent(row) for key in found for row in key["rows"]]
        return [self.without_volatile(key["row"]) for key in found]

    def without_volatile(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {n: self.without_volatile(v) for n, v in value.items() if n not in self._manner.volatile}
        return [self.without_volatile(inner) for inner in value] if isinstance(value, list) else value

    async def advance(self, seconds: float) -> None:
        await self._command("advance", seconds=int(seconds))

    async def settle(self) -> None:
        if self._product != "police":
            return
        await self._command("look")
        await self.advance(7 * 3600)
        if any(batch["state"] == "withheld" for batch in await self._command("batches")):
            now = _instant((await self._command("clock"))["clock"])
            following = (now.replace(day=1) + timedelta(days=32)).replace(day=1, hour=9, minute=0, second=0)
            await self.advance((following - now).total_seconds())
        await self._command("look")

    async def add(self, count: int, back_s: float = 0) -> Sequence[str]:
        values: dict[str, Any] = {}
        if back_s:
            now = _instant((await self._command("clock"))["clock"])
            values = {self._manner.stamp_field: _wall_clock(now - timedelta(seconds=back_s))}
        added = await self._command("add", count=count, set=values)
        await self._send()
        return [key["native_id"] for key in added["added"]]

    async def edit(self, held: Held) -> None:
        self._edits += 1
        await self._set(held, {self._manner.words_field: f"第{self._edits}次更改"})
        await self._send()

    async def delete(self, held: Held) -> None:
        await self._command("delete", native_id=held.native_id, native_no=held.native_no)

    async def misname(self, held: Held) -> str:
        if self._product == "police":
            # the latest feedback's category overrides the call's
            for row in (await self._command("view", native_id=held.native_id, rows=True))[0]["rows"]:
                if row["dataset"] == "FKD":
                    await self._set(held, {**self._manner.misnamed, "JQZLDM": "05970100"}, number=row["FKDBH"])
        await self._set(held, self._manner.misnamed)
        await self._send()
        return self._manner.unknown_code

    async def misbehave(self, mode: str, times: int = 1, rate: float = 1.0) -> None:
        options = self._manner.mode_options.get(mode, {})
        await self._command("misbehave", mode=mode, times=times, rate=rate, **options)

    async def _set(self, held: Held, values: Mapping[str, str], **further: str) -> None:
        names = {"native_id": held.native_id, "native_no": held.native_no}
        await self._command("edit", **names, set=dict(values), **further)

    async def _send(self) -> None:
        """The police tell nothing before their clock moves."""
        if self._product == "police":
            await self.advance(1)


@dataclass
class Opened:
    """A simulated partner that runs, and what a hub needs to reach it."""

    config: InstanceConfig
    wire: AnyWire
    bench: SimulatedBench
    command: Command


class PartnerYard:
    """Builds each county once below one folder and opens copies of it."""

    def __init__(self, folder: Path, scale: float = 0.02) -> None:
        self._folder, self._scale = folder, scale
        self._built: dict[tuple[str, str], Path] = {}

    @asynccontextmanager
    async def opened(self, product: str, seed: str = "7") -> AsyncIterator[Opened]:
        """The partner as it stands at first."""
        template = await self._template(product, seed)
        async with AsyncExitStack() as undo:
            folder = Path(undo.enter_context(tempfile.TemporaryDirectory(dir=self._folder)))
            await asyncio.to_thread(shutil.copytree, template, folder, dirs_exist_ok=True)
            yield await open_partner(undo, product, folder, seed, self._scale)

    @asynccontextmanager
    async def exam(
        self,
        product: str,
        *,
        make: Callable[[InstanceConfig], Connector] = make_connector,
        seed: str = "7",
        mode: str = "",
        rate: float = 0.3,
    ) -> AsyncIterator[Exam]:
        """A connector of this product before its partner; ``mode`` is on from the beginning."""
        async with self.opened(product, seed) as partner:
            if mode == "maintenance":
                # the window is 00:00 to 01:00
                await partner.bench.advance(15.6 * 3600)
            if mode:
                await partner.bench.misbehave(mode, -1, rate)
            yield Exam(make, partner.config, partner.wire, partner.bench, seed, mode, longest_pause_s=0)

    async def _template(self, product: str, seed: str) -> Path:
        if (product, seed) not in self._built:
            folder = self._folder / f"{product}-{seed}"
            folder.mkdir()
            async with AsyncExitStack() as undo:
                await open_partner(undo, product, folder, seed, self._scale)
            self._built[product, seed] = folder
        return self._built[product, seed]


async def open_partner(undo: AsyncExitStack, product: str, folder: Path, seed: str, scale: float) -> Opened:
    """Start one simulated partner in this folder; ``undo`` ends it."""
    if product == "police":
        police = await start_police(PoliceOptions(seed=seed, scale=scale, folder=folder, poll_s=0))
        undo.push_async_callback(police.close)
        folder_wire = await undo.enter_async_context(open_folder_wire(FolderOptions(Path(police.root))))
        modes = frozenset((await police.control("misbehave"))["modes"])
        bench = SimulatedBench(product, police.control, modes)
        return Opened(_config(product), folder_wire, bench, police.control)
    partner: Any
    if product == "court":
        partner = await start_court(CourtOptions(seed=seed, scale=scale, folder=folder))
    elif product == "petition":
        partner = await start_petition(PetitionOptions(seed=seed, scale=scale, folder=folder))
    else:
        partner = await start_hotline(HotlineOptions(seed=seed, scale=scale, folder=folder))
    undo.push_async_callback(partner.close)
    http = await undo.enter_async_context(aiohttp.ClientSession())
    wire = await undo.enter_async_context(open_http_wire(WireOptions(base_url=partner.base_url, request_timeout_s=20)))

    async def command(do: str, **arguments: Any) -> Any:
        async with http.post(partner.control_url, json={"do": do, **arguments}) as answer:
            body = await answer.json()
            assert answer.status == 200, body
            return body

    modes = frozenset((await command("misbehave"))["modes"])
    config = _config(
        product, base_url=partner.base_url, app_id=getattr(partner, "app_id", ""), secret=partner.secret
    )  # fmt: skip
    return Opened(config, wire, SimulatedBench(product, command, modes), command)


def _as_sent(row: Mapping[str, str]) -> Mapping[str, str]:
    """A form without what not every export has; no value holds a tab or a line's end (WIRES 2.3)."""
    return {name: re.sub("[\t\r\n]", " ", value) for name, value in row.items() if name not in _OPTIONAL}


def _config(product: str, **changes: Any) -> InstanceConfig:
    return court_config(
        name=product, product=product, options={"agency_code": "620725000000"} | _SMALL_PAGES.get(product, {}),
        **{"secret": "", "app_id": "", **changes},
    )  # fmt: skip


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def _wall_clock(at: datetime) -> str:
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
