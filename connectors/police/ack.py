"""The hub's ack of a batch (WIRES 2.8): how many rows it held, and which were refused and why.

An ack depends on the batch's bytes alone: reading a batch again makes the same ack. No reason quotes a row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

#: reasons for refusing a batch whole
COUNT_MISMATCH, BAD_MANIFEST, BAD_ENCODING, BAD_ZIP = "COUNT_MISMATCH", "BAD_MANIFEST", "BAD_ENCODING", "BAD_ZIP"
DUPLICATE_NAME = "文件名重复"


class BatchRefusedError(Exception):
    """A batch that cannot be taken in at all; never leaves this package."""

    def __init__(self, code: str, detail: str, rows: int = 0) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.reason = f"{code}: {detail}"
        #: rows counted before it was refused
        self.rows = rows


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A line the hub could not use; ``line`` is the 1-based physical line in the bcp, 0 for a whole batch."""

    dataset: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Ack:
    """What the police are told of one batch."""

    #: name without ``.zip``
    batch: str
    sha256: str
    rows: int
    rejected: tuple[RejectedRow, ...] = ()

    @property
    def is_refused(self) -> bool:
        """The batch was refused whole."""
        return bool(self.rejected) and self.rejected[0].line == 0

    @property
    def accepted(self) -> int:
        """Rows taken in; forms that wait for their call are among them."""
        return 0 if self.is_refused else self.rows - len(self.rejected)

    def to_bytes(self) -> bytes:
        """The ack file."""
        rejected = [{"dataset": row.dataset, "line": row.line, "reason": row.reason} for row in self.rejected]
        return orjson.dumps(
            {
                "batch": self.batch, "sha256": self.sha256, "rows": self.rows, "accepted": self.accepted,
                "rejected": rejected,
            }
        )  # fmt: skip


def refusal(batch: str, sha256: str, refused: BatchRefusedError) -> Ack:
    """The ack of a batch refused whole."""
    return Ack(batch, sha256, refused.rows, (RejectedRow("", 0, refused.reason),))


@dataclass(frozen=True, slots=True)
class HeldAck:
    """As much of an ack that lies in the folder as decides what to do with its batch."""

    sha256: str
    is_refused: bool


def read_held(content: bytes) -> HeldAck | None:
    """An ack file of ours; None where it is not whole."""
    try:
        fields: Any = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, Mapping) or not isinstance(fields.get("sha256"), str):
        return None
    rejected = fields.get("rejected")
    first = rejected[0] if isinstance(rejected, list) and rejected else None
    return HeldAck(fields["sha256"].lower(), isinstance(first, Mapping) and first.get("line") == 0)
