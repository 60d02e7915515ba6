"""The hand on the partner's receiving side: what it can be told, what it did, and how it goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hub.commands import Command


class PushBench(Protocol):
    """What an examination of pushes needs besides. Nobody else tells this partner anything meanwhile."""

    #: stands in the words of every command that follows: a citizen's, which no error may repeat
    canary: str
    #: modes of ``misbehave`` in which a push gets no whole answer
    modes: frozenset[str]

    async def command(self) -> Command:
        """Something the partner takes, and which it has not been told yet."""
        ...

    async def refused(self) -> Command:
        """Something the partner itself refuses, whole as it is."""
        ...

    def altered(self, command: Command) -> Command | None:
        """The command with another content; None where the wire cannot tell the two by their key."""
        ...

    async def read(self) -> None:
        """Let the partner read what was laid before it. Nothing where it answers at once."""
        ...

    async def decide(self) -> None:
        """Let so much of its time pass that it has decided on everything it was told."""
        ...

    async def effects(self) -> Sequence[str]:
        """Everything the partner has carried out because of a push, each once, by its own number of it."""
        ...

    async def misbehave(self, mode: str, times: int = 1) -> None:
        """Go wrong so with the next pushes (0 switches off)."""
        ...
