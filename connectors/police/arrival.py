"""Whether a batch is there whole, was answered already, or must be refused for the way it lies there (WIRES 2.2, 2.8).

A batch is done when its ack names the hash that its marker states. What is half arrived waits; ten minutes after its
marker came it is refused, and the police send the content again under the next serial.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from dataclasses import dataclass
from enum import Enum

from connectors.base import FileEntry, FolderWire
from connectors.police.ack import BAD_ZIP, DUPLICATE_NAME, BatchRefusedError, HeldAck, read_held
from connectors.police.shelf import Lot

HALF_ARRIVED = "HALF_ARRIVED"

_ANSWERED = "a batch of this name with another content was answered before"
_MARKER = re.compile(r"[0-9a-f]{64}")
#: a marker is 65 bytes; whatever is much longer is none
_LONGEST_MARKER = 4096


@dataclass(frozen=True, slots=True)
class Patience:
    """What the instance allows."""

    #: how long after its marker a batch may still be incomplete
    half_arrived_s: float
    #: of a zip, and of what it unpacks to
    max_bytes: int


class Standing(Enum):
    """Why there is nothing to do about a batch."""

    DONE = "answered as it lies there"
    WAITS = "half arrived"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A batch to be read, or to be refused as it lies there."""

    sha256: str
    content: bytes = b""
    refused: BatchRefusedError | None = None


async def arrival_of(wire: FolderWire, lot: Lot, patience: Patience, *, rereads: bool = False) -> Arrival | Standing:
    """What to do about this batch. ``rereads``: read it though it was answered, unless it was refused."""
    held = await held_ack(wire, lot)
    if lot.marker is None:
        return Standing.DONE if held is not None else _waits(wire, lot)
    stated = await stated_hash(wire, lot)
    # a batch refused whole holds nothing: its content came again under another name
    is_settled = held is not None and (not rereads or held.is_refused)
    if held is not None and is_settled and held.sha256 == stated:
        return Standing.DONE
    if lot.zip is None:
        return Standing.DONE if held is not None else _late(wire, lot, _sha256(b""), BAD_ZIP, patience)
    if lot.zip.size > patience.max_bytes:
        return Arrival(stated, refused=BatchRefusedError(BAD_ZIP, "larger than allowed"))
    content = await wire.read(lot.zip_path)
    actual = await asyncio.to_thread(_sha256, content)
    if held is None:
        return Arrival(actual, content) if actual == stated else _late(wire, lot, actual, BAD_ZIP, patience)
    if held.sha256 == actual:
        return Standing.DONE if is_settled or actual != stated else Arrival(actual, content)
    if held.sha256 == stated:
        # answered, and altered since: what was answered stands
        return _waits(wire, lot)
    if actual == stated:
        return Arrival(actual, refused=BatchRefusedError(DUPLICATE_NAME, _ANSWERED))
    return _late(wire, lot, actual, DUPLICATE_NAME, patience)


async def whole_content(wire: FolderWire, lot: Lot, patience: Patience) -> bytes | None:
    """The zip's bytes where it is there whole and was not refused; None otherwise."""
    if lot.zip is None or lot.marker is None or lot.zip.size > patience.max_bytes:
        return None
    held = await held_ack(wire, lot)
    if held is not None and held.is_refused:
        return None
    content = await wire.read(lot.zip_path)
    return content if await asyncio.to_thread(_sha256, content) == await stated_hash(wire, lot) else None


async def held_ack(wire: FolderWire, lot: Lot) -> HeldAck | None:
    """Our ack of this batch; None where there is none, or none that is whole."""
    return read_held(await wire.read(lot.ack_path)) if lot.ack is not None else None


async def stated_hash(wire: FolderWire, lot: Lot) -> str:
    """The hash in the marker; '' where it states none."""
    if lot.marker is None or lot.marker.size > _LONGEST_MARKER:
        return ""
    stated = (await wire.read(lot.marker_path)).strip().lower().decode("ascii", "replace")
    return stated if _MARKER.fullmatch(stated) else ""


def _waits(wire: FolderWire, lot: Lot) -> Standing:
    wire.note(HALF_ARRIVED, f"{lot.name.text} is not, or not yet, what a marker states.")
    return Standing.WAITS


def _late(wire: FolderWire, lot: Lot, actual: str, code: str, patience: Patience) -> Arrival | Standing:
    """Half arrived: refused once its marker has been there long enough."""
    if lot.marker is None or _age_s(lot.marker) < patience.half_arrived_s:
        return _waits(wire, lot)
    detail = _ANSWERED if code == DUPLICATE_NAME else "it is not what its marker states"
    return Arrival(actual, refused=BatchRefusedError(code, detail))


def _age_s(file: FileEntry) -> float:
    return time.time() - file.modified_at.timestamp()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
