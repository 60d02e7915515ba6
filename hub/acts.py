"""An act: what a named person decided, and why. Rules decide without one."""

from __future__ import annotations

from dataclasses import dataclass

from hub.errors import UserInputError
from hub.once_key import OnceKey
from hub.principal import RULE
from hub.said import safe_words

_LONGEST_NAME, _LONGEST_REASON = 100, 2000


@dataclass(frozen=True, slots=True)
class Act:
    """Who decided. ``reason`` is that person's words: kept in an erasable side row, never in an event."""

    by: str
    reason: str = ""
    #: a client's own key for this act: sent again, it is done once
    once: OnceKey | None = None

    def __post_init__(self) -> None:
        if not self.by.strip() or len(self.by) > _LONGEST_NAME or self.by.startswith(RULE):
            raise UserInputError("who decides is a name of at most 100 characters, and no rule's")
        if len(self.reason) > _LONGEST_REASON:
            raise UserInputError(f"a reason has at most {_LONGEST_REASON} characters")

    @property
    def words(self) -> str:
        """The reason as it may be stored: numbers of persons masked."""
        return safe_words(self.reason).strip()
