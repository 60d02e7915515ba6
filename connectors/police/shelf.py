"""What lies in ``in/``: batches, their markers and our acks, in the police's order, and which serials are missing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.base import FileEntry, FolderWire
from connectors.police.names import MARKER, ZIP, BatchName, parse_batch

IN, ACKS = "in", "in/ack"
_ACK = ".json"


@dataclass(frozen=True, slots=True)
class Lot:
    """One batch name and the files that lie of it. Two equal lots are the same files, unchanged."""

    name: BatchName
    zip: FileEntry | None
    marker: FileEntry | None
    ack: FileEntry | None

    @property
    def zip_path(self) -> str:
        return f"{IN}/{self.name.text}{ZIP}"

    @property
    def marker_path(self) -> str:
        return f"{IN}/{self.name.text}{MARKER}"

    @property
    def ack_path(self) -> str:
        return ack_path(self.name.text)


@dataclass(frozen=True, slots=True)
class Shelf:
    """All lots, oldest first."""

    lots: tuple[Lot, ...]
    #: zips whose name says nothing
    strangers: int
    #: every serial of a unit that is or was here
    serials: Mapping[str, frozenset[int]]

    def after(self, text: str) -> Sequence[Lot]:
        """The lots behind the batch of this name; all of them for ''."""
        last = parse_batch(text)
        if last is None:
            return self.lots
        return self.lots[bisect_right(self.lots, last.order, key=lambda lot: lot.name.order) :]

    def is_gap_before(self, name: BatchName) -> bool:
        """The serial before this one is missing, though earlier ones are known."""
        known = self.serials.get(name.unit, frozenset())
        return name.serial - 1 not in known and any(serial < name.serial for serial in known)


async def look(wire: FolderWire) -> Shelf:
    """What lies there now. Raises TransientError while the folder is away."""
    files = {entry.name: entry for entry in await wire.list(IN)}
    acks = {entry.name: entry for entry in await wire.list(ACKS)}
    names = {parse_batch(file.removesuffix(MARKER).removesuffix(ZIP)) for file in files if file.endswith((ZIP, MARKER))}
    lots = tuple(
        Lot(
            name,
            files.get(f"{name.text}{ZIP}"),
            files.get(f"{name.text}{MARKER}"),
            acks.get(f"{name.text}{_ACK}"),
        )
        for name in sorted((name for name in names if name is not None), key=lambda name: name.order)
    )
    serials: dict[str, set[int]] = {}
    for name in [lot.name for lot in lots if lot.zip] + [
        name for file in acks if (name := parse_batch(file.removesuffix(_ACK))) is not None
    ]:
        serials.setdefault(name.unit, set()).add(name.serial)
    known = {f"{lot.name.text}{ZIP}" for lot in lots}
    strangers = sum(file.endswith(ZIP) and file not in known for file in files)
    return Shelf(lots, strangers, {unit: frozenset(found) for unit, found in serials.items()})


def ack_path(batch: str) -> str:
    """Where the ack of a batch lies."""
    return f"{ACKS}/{batch}{_ACK}"
