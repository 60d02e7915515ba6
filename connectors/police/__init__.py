"""The police's file drop (警调对接): batches read from a folder, forms mapped one by one, composed into calls.

The wire is WIRES §2 of a simulated police, composed from real vendors' shapes. The floors: ``shelf`` and ``arrival``
see what lies in the folder, ``batch`` (``archive``, ``manifest``, ``rows``) opens it, ``mapping`` says what one form
means, ``compose`` what a call and its forms mean together. The way out: ``returns`` and ``transfer`` spell a row,
``outgoing`` makes a batch of it, ``drop`` lays it into the folder and reads the police's ack.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from typing import ClassVar, NamedTuple

from connectors.base import FolderWire, InstanceConfig, Window, WireKind
from connectors.police import compose, drop, mapping, shelf
from connectors.police.ack import Ack, BatchRefusedError, read_held, refusal
from connectors.police.arrival import Arrival, Patience, Standing, arrival_of
from connectors.police.batch import read_batch
from connectors.police.fields import KNOWN_FIELDS, shape_of
from connectors.police.month_end import month_lists
from connectors.police.names import quoted_here
from connectors.police.outgoing import Outgoing
from connectors.police.place import Place
from connectors.police.returns import HTLX, is_final, return_batches
from connectors.police.shelf import Lot, Shelf
from connectors.police.transfer import number_of, transfer_batches
from connectors.pushing import require_carried
from hub.commands import AboutRecord, Command, Receipt, Refer
from hub.errors import ConfigurationError, TransientError
from hub.model import CaseFacts, Cursor, DigestEntry, Fact, Item, Page, RecordName, Shape
from hub.vocabulary import AgencyKind, CommandKind

#: kinds of incident (``wire.note``); a batch refused whole is noted under the reason's own code
SERIAL_GAP, UNKNOWN_FILE, DUPLICATE_NAME = "SERIAL_GAP", "UNKNOWN_FILE", "DUPLICATE_NAME"
FOLDER_AWAY = "FOLDER_AWAY"

_HALF_ARRIVED_S = 600
_MAX_BATCH_BYTES = 128 << 20
#: a folder of thousands of batches is not listed anew for each of them
_LOOK_AGAIN_S = 2.0
#: another process that writes under the same name at the same moment gives way to us, or we to it
_LAY_TRIES = 3


class _Sight(NamedTuple):
    """What was seen in the middle of a run, and when (monotonic)."""

    wire: FolderWire
    at: float
    shelf: Shelf


class PoliceConnector:
    """One police folder of one county.

    Options: ``half_arrived_s`` (seconds after its marker in which a batch may still be incomplete, 600),
    ``max_batch_bytes`` (of a zip, and of what it unpacks to, 128 MiB).
    """

    product: ClassVar[str] = "police"
    agency_kind: ClassVar[AgencyKind] = AgencyKind.POLICE
    summary: ClassVar[str] = "Police calls and feedback: batch files through a one-way gap, acks as files (警调对接)."
    #: a key in the month-end list cannot be asked for: the hub reports it and waits for the police to send it
    can_fetch: ClassVar[bool] = False
    wire_kind: ClassVar[WireKind] = "folder"
    commands: ClassVar[frozenset[CommandKind]] = frozenset(HTLX) | {CommandKind.REFER}
    #: the file's name, made of the key
    has_keys: ClassVar[bool] = True
    can_find: ClassVar[bool] = True
    mapping_version: int = 1
    known_fields: Mapping[str, frozenset[str]] = KNOWN_FIELDS

    def __init__(self, config: InstanceConfig) -> None:
        self.config = config
        self._patience = Patience(
            _number(config, "half_arrived_s", _HALF_ARRIVED_S, 0),
            _number(config, "max_batch_bytes", _MAX_BATCH_BYTES, 1024),
        )
        #: lots found done, so that a run does not open them again; a changed file is another lot
        self._done: set[Lot] = set()
        self._sight: _Sight | None = None

    async def check(self, wire: FolderWire) -> str:
        """Look into the folder."""
        seen = await shelf.look(wire)
        waiting = sum(lot.ack is None for lot in seen.lots)
        return f"The police's folder holds {len(seen.lots)} batches, {waiting} of them not acknowledged."

    def start_cursor(self, cursor: Cursor | None, since: datetime | None = None) -> Cursor:
        """The very start: every batch; a kept cursor: those without our ack; ``since``: also the acked ones from there.

        A run looks at all names again, so that a batch which comes late under an earlier name is read all the same.
        """
        return Place.start(cursor, since).to_cursor()

    async def pull(self, wire: FolderWire, cursor: Cursor) -> Page:
        """The next unread batch, whole, with its ack as receipt. A gap in the serials is noted and blocks nothing."""
        place = Place.from_cursor(cursor)
        seen = await self._look(wire, place)
        lots = seen.after(place.after)
        for index, lot in enumerate(lots):
            arrival = await self._arrival(wire, lot, place)
            if isinstance(arrival, Standing):
                continue
            if seen.is_gap_before(lot.name):
                wire.note(SERIAL_GAP, f"The batch before {lot.name.text} is missing.")
            items, ack = await self._open(wire, lot, arrival)
            return self._page(place, lot.name.text, index + 1 < len(lots), items, ack)
        return self._page(place, lots[-1].name.text if lots else place.after, False)

    async def acknowledge(self, wire: FolderWire, page: Page) -> None:
        """Write the page's ack, once the page is committed. An ack of the same bytes is left as it is."""
        ack = page.receipt
        if not isinstance(ack, Ack):
            return
        path = shelf.ack_path(ack.batch)
        try:
            held = read_held(await wire.read(path))
        except TransientError:
            # there is none yet; if the whole folder is away, writing says so
            held = None
        if held is not None and held.sha256 == ack.sha256:
            return
        await wire.write(path, ack.to_bytes())

    async def digest(self, wire: FolderWire, window: Window) -> AsyncIterator[DigestEntry]:
        """The keys in the newest month-end list of every month that the window touches.

        ``key`` names the form, ``native_id`` its call; ``updated_at`` is its version when the month ended, so a newer
        one of ours agrees. A month without list yields nothing: ask ``listed`` before anything counts as gone.
        """
        async for found in month_lists(wire, window, self._patience):
            for entry in found.entries:
                yield entry

    async def listed(self, wire: FolderWire, window: Window) -> Sequence[Window]:
        """The months of ``digest``, by when a call came (BJSJ). Outside them nothing can be said to be gone."""
        return [found.window async for found in month_lists(wire, window, self._patience)]

    async def fetch(self, wire: FolderWire, native_ids: Sequence[str]) -> Sequence[Item]:
        """Nothing: no form can be asked for on this wire (``can_fetch``)."""
        return ()

    def map(self, item: Item) -> Sequence[Fact]:
        """One form as a partial view of its call, and the answer to a batch of ours that it names."""
        return mapping.facts_of(item, self.config)

    def shape(self, item: Item) -> Shape | None:
        """The columns of a line, by dataset; None for a line that could not be used."""
        return shape_of(item.body)

    @staticmethod
    def quoted(text: str, county: str) -> Sequence[RecordName]:
        """The county's calls that somebody's words name."""
        return [RecordName("police.jjdbh", found) for found in quoted_here(text, county)]

    def compose(self, parts: Sequence[CaseFacts]) -> CaseFacts:
        """The call with its dispatches and feedbacks. Raises OrphanError while the call itself has not come."""
        return compose.compose(parts)

    async def push(self, wire: FolderWire, key: str, command: Command) -> Receipt:
        """Lay the batch into ``out/``, once. Delivered is it when the police's ack is there: ``find`` tells.

        Raises RejectedError where the police have refused it already.
        """
        require_carried(command, self.commands, "the police")
        for _ in range(_LAY_TRIES):
            place = await self._place(wire, key, command)
            if place.ack is not None or await drop.lay(wire, place):
                return self._receipt(place, command)
        raise TransientError("another process writes under our names", kind="NAMES_TAKEN")

    async def find(self, wire: FolderWire, key: str, command: Command) -> Receipt | None:
        """The receipt of a batch that lies there whole, else None. Raises RejectedError where the police refused it."""
        require_carried(command, self.commands, "the police")
        place = await self._place(wire, key, command)
        return self._receipt(place, command) if place.has_zip and place.has_marker else None

    async def _place(self, wire: FolderWire, key: str, command: Command) -> drop.Place:
        seen = await drop.look(wire)
        return await drop.place_of(wire, seen, self._batches(key, command, seen))

    def _batches(self, key: str, command: Command, seen: drop.Drop) -> Iterator[Outgoing]:
        if isinstance(command, Refer):
            return transfer_batches(self.config, key, command, seen)
        assert isinstance(command, AboutRecord)
        return return_batches(self.config, key, command)

    def _receipt(self, place: drop.Place, command: Command) -> Receipt:
        name = place.batch.name
        if place.ack is not None:
            drop.require_taken(place.ack)
        is_transfer = isinstance(command, Refer)
        our_key = number_of(place.batch, self.config.centre_code) if is_transfer else name
        final = is_final(command) and not is_transfer
        return Receipt(
            partner_ref=name,
            is_delivered=place.ack is not None,
            is_final=final,
            our_key="" if final else our_key,
            names=(RecordName("police.ysbh", our_key),) if is_transfer else (),
            raw=place.ack.raw if place.ack is not None else b"",
        )

    def _page(
        self, place: Place, batch: str, more: bool, items: Sequence[Item] = (), ack: Ack | None = None
    ) -> Page:  # fmt: skip
        if not more:
            self._sight = None
        return Page(items, place.moved(batch, more).to_cursor(), more, ack)

    async def _look(self, wire: FolderWire, place: Place) -> Shelf:
        """What lies there: looked at when a run begins, and within it every few seconds."""
        kept = self._sight
        if place.after and kept is not None and kept.wire is wire and time.monotonic() - kept.at < _LOOK_AGAIN_S:
            return kept.shelf
        seen = await shelf.look(wire)
        self._sight = _Sight(wire, time.monotonic(), seen)
        if not place.after:
            self._done.intersection_update(seen.lots)
            if seen.strangers:
                wire.note(UNKNOWN_FILE, f"{seen.strangers} zip files have no batch's name.")
        return seen

    async def _arrival(self, wire: FolderWire, lot: Lot, place: Place) -> Arrival | Standing:
        rereads = place.rereads(lot.name)
        if lot in self._done and not rereads:
            return Standing.DONE
        try:
            arrival = await arrival_of(wire, lot, self._patience, rereads=rereads)
        except TransientError as exc:
            if exc.kind == FOLDER_AWAY:
                raise
            # one file that cannot be read holds up no other, unless nothing can be read any more: then this raises
            await wire.list(shelf.IN)
            wire.note(exc.kind, f"{lot.name.text} cannot be read yet.")
            return Standing.WAITS
        if arrival is Standing.DONE:
            self._done.add(lot)
        return arrival

    async def _open(self, wire: FolderWire, lot: Lot, arrival: Arrival) -> tuple[Sequence[Item], Ack]:
        try:
            if arrival.refused is not None:
                raise arrival.refused
            batch = await asyncio.to_thread(read_batch, lot.name, arrival.content, self._patience.max_bytes)
        except BatchRefusedError as refused:
            kind = refused.code if refused.code.isascii() else DUPLICATE_NAME
            wire.note(kind, f"{lot.name.text} was refused whole.")
            return (), refusal(lot.name.text, arrival.sha256, refused)
        return tuple(batch.items), batch.ack(arrival.sha256)


def _number(config: InstanceConfig, name: str, default: int, least: int) -> int:
    value = config.options.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigurationError(f"{name} of instance {config.name} is impossible", hint=f"Use {least} or more.")
    return value
