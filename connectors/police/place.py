"""Where a run stands among the batches: the cursor, of fixed size whatever lies in the folder."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from connectors.police.names import BatchName, parse_batch
from hub.model import SHANGHAI, Cursor


@dataclass(frozen=True, slots=True)
class Place:
    """Batches up to ``after`` were looked at in this run."""

    #: name of a batch; '' before the first
    after: str
    #: ``yyyyMMddHHmmss``: batches cut from then on are read though they have our ack; '' all, None none
    reread_from: str | None

    @classmethod
    def start(cls, cursor: Cursor | None, since: datetime | None) -> Place:
        """Where a new run begins. A reading again that was cut off goes on where it was."""
        if since is not None:
            return cls("", f"{since.astimezone(SHANGHAI):%Y%m%d%H%M%S}")
        if cursor is None:
            return cls("", "")
        kept = cls.from_cursor(cursor)
        return kept if kept.reread_from is not None else cls("", None)

    @classmethod
    def from_cursor(cls, cursor: Cursor) -> Place:
        """The place a cursor of ours tells; whatever it does not tell is looked at again."""
        after, reread_from = cursor.get("after"), cursor.get("reread_from")
        return cls(
            after if isinstance(after, str) and parse_batch(after) else "",
            reread_from if isinstance(reread_from, str) else None,
        )

    def to_cursor(self) -> Cursor:
        """To be kept with the page."""
        return {"after": self.after, "reread_from": self.reread_from}

    def moved(self, batch: str, more: bool) -> Place:
        """The place behind a batch; at the end of a run reading again is over."""
        return Place(batch, self.reread_from if more else None)

    def rereads(self, name: BatchName) -> bool:
        """Whether this batch is read though it was answered."""
        return self.reread_from is not None and name.stamp >= self.reread_from
