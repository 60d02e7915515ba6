"""What a law is: a name, one sentence, and an examination that raises when the connector breaks it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.conformance.exam import Exam


class LawBrokenError(AssertionError):
    """A connector breaks a law. The message says what was seen; ``hint`` what its author should change."""

    def __init__(self, seen: str, hint: str) -> None:
        super().__init__(f"{seen}. {hint}")
        self.hint = hint


class NotApplicableError(Exception):
    """The wire, or the bench, does not offer what the law is about; the text says what."""


@dataclass(frozen=True, slots=True)
class Law:
    """One promise of the connector contract that can be examined from outside."""

    name: str
    sentence: str
    #: raises LawBrokenError or NotApplicableError
    examine: Callable[[Exam], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the examination of one law came to."""

    law: Law
    #: why it is broken; '' where it is kept
    broken: str = ""
    #: why it could not be examined; '' where it was
    not_applicable: str = ""

    @property
    def is_kept(self) -> bool:
        """Nothing was found against it."""
        return not self.broken


def require(condition: object, seen: str, hint: str) -> None:
    """Raises LawBrokenError unless the condition holds."""
    if not condition:
        raise LawBrokenError(seen, hint)
