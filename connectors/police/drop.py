"""Our batches in ``out/`` and what the police say of them in ``out/ack/`` (WIRES 2.1, 2.2, 2.11).

A file is never written over one of other content: its name is then taken, and the next one is tried. The order of names
follows from the key, so every try comes upon the file that an earlier try wrote.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from typing import Any

from connectors.base import FolderWire
from connectors.police.names import MARKER, ZIP
from connectors.police.outgoing import Outgoing
from connectors.pushing import in_doubt
from hub.errors import RejectedError, TransientError

OUT, ACKS = "out", "out/ack"

#: what a reason of the police's begins with (WIRES 2.8, 2.11), and what it means for us
REASONS = {
    "UNKNOWN_JJDBH": "the police know no call of this number",
    "BAD_VALUE": "the police cannot take a value",
    "NOT_REFERRED": "the call was not handed over to the centre",
    "COUNT_MISMATCH": "the police counted other rows than the batch declares",
    "BAD_MANIFEST": "the police cannot read the batch's manifest",
    "BAD_ENCODING": "the police cannot decode the batch",
    "BAD_ZIP": "the batch did not arrive whole",
    "文件名重复": "the name was used before with other content",
}
_COLUMN = re.compile(r"BAD_VALUE:[A-Z0-9_]{1,32}")


@dataclass(frozen=True, slots=True)
class TheirAck:
    """What the police answered to one batch of one row."""

    sha256: str
    #: '' taken in, else the reason's code
    refused: str
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Drop:
    """What lies in ``out/`` and ``out/ack/``, by name."""

    files: Set[str]
    acks: Set[str]

    def has_zip(self, batch: Outgoing) -> bool:
        return f"{batch.name}{ZIP}" in self.files

    def has_marker(self, batch: Outgoing) -> bool:
        return f"{batch.name}{MARKER}" in self.files

    def has_ack(self, batch: Outgoing) -> bool:
        return f"{batch.name}.json" in self.acks


@dataclass(frozen=True, slots=True)
class Place:
    """Where a batch lies, or would be laid."""

    batch: Outgoing
    #: None: the police have not answered it
    ack: TheirAck | None = None
    has_zip: bool = False
    has_marker: bool = False


async def look(wire: FolderWire) -> Drop:
    """What lies there now. Raises TransientError while the folder is away."""
    files, acks = await wire.list(OUT), await wire.list(ACKS)
    return Drop(frozenset(file.name for file in files), frozenset(file.name for file in acks))


async def place_of(wire: FolderWire, drop: Drop, batches: Iterable[Outgoing]) -> Place:
    """Where this batch is: under the first of its names that holds its content or nothing. Raises TransientError."""
    for batch in batches:
        if drop.has_ack(batch):
            ack = await _ack_of(wire, batch)
            if ack is None:
                raise TransientError("an ack of the police's cannot be read", kind="BAD_ACK", hint=f"{batch.name}.json")
            if ack.sha256 == batch.sha256:
                return Place(batch, ack, has_zip=True, has_marker=True)
            # an answer to other bytes: half arrived, or another's; what is sent again needs another name
            continue
        if not drop.has_zip(batch):
            return Place(batch)
        if await wire.read(batch.zip_path) == batch.content:
            return Place(batch, has_zip=True, has_marker=drop.has_marker(batch))
    raise TransientError("every name the batch may have is taken", kind="NAMES_TAKEN", hint="Look into out/.")


async def lay(wire: FolderWire, place: Place) -> bool:
    """Write what is missing of the batch, the marker last. False where another file took its name meanwhile."""
    batch = place.batch
    if not place.has_zip:
        await wire.write(batch.zip_path, batch.content)
        if await wire.read(batch.zip_path) != batch.content:
            return False
    if not place.has_marker:
        # with its marker the batch is sent
        with in_doubt():
            await wire.write(f"{OUT}/{batch.name}{MARKER}", batch.marker)
    return True


def require_taken(ack: TheirAck) -> None:
    """Raise RejectedError where the police refused the row or the whole batch."""
    if ack.refused:
        known = REASONS.get(ack.refused.partition(":")[0])
        raise RejectedError(ack.refused, known or "the police refused it for a reason that no table explains")


async def _ack_of(wire: FolderWire, batch: Outgoing) -> TheirAck | None:
    content = await wire.read(f"{ACKS}/{batch.name}.json")
    try:
        fields: Any = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or not isinstance(fields.get("sha256"), str):
        return None
    refused = _refused(fields.get("accepted"), fields.get("rejected"))
    return None if refused is None else TheirAck(fields["sha256"].strip().lower(), refused, content)


def _refused(accepted: Any, rejected: Any) -> str | None:
    """'' the one row was taken in; None where the ack contradicts itself."""
    if not isinstance(rejected, list) or not isinstance(accepted, int) or isinstance(accepted, bool):
        return None
    if accepted == 1 and not rejected:
        return ""
    if accepted == 0 and rejected and isinstance(rejected[0], dict):
        return _code(rejected[0].get("reason"))
    return None


def _code(reason: Any) -> str:
    """The reason's code without its text, which may quote the row."""
    said = reason if isinstance(reason, str) else ""
    column = _COLUMN.match(said)
    if column:
        return column[0]
    return next((code for code in REASONS if said.startswith(code)), "REFUSED")
