"""The hand on the partner behind the wire: what an examination must be able to do there, and what it may look up.

A simulated partner offers it by its control address; an integrator binds it to whatever test system the vendor has.
Nothing here goes over the connector's wire.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Held:
    """One record as the partner itself lists it."""

    native_id: str
    #: '' while it has none
    native_no: str
    #: the partner's own time of the record's present version; aware
    version: datetime

    @property
    def key(self) -> tuple[str, str]:
        """What identifies it at the partner."""
        return self.native_id, self.native_no


class PartnerBench(Protocol):
    """One partner of one examination; nobody else changes it meanwhile, and it changes only when told to."""

    #: items that one page may hold, by what the wire allows or the connector's documents promise
    largest_page: int
    #: modes of ``misbehave`` that this partner has
    modes: frozenset[str]

    async def view(self) -> Sequence[Held]:
        """Everything the partner holds now."""
        ...

    async def rows(self, native_id: str) -> Sequence[Mapping[str, Any]]:
        """The partner's own rows of one id, as it would send them, without fields that change by themselves."""
        ...

    def without_volatile(self, value: Any) -> Any:
        """A delivered JSON value without the fields that ``rows`` leaves out, at whatever depth."""
        ...

    async def advance(self, seconds: float) -> None:
        """Let so much time of the partner's clock pass; what falls due happens."""
        ...

    async def settle(self) -> None:
        """Let the partner send what it still owes: a repaired batch, a month-end list. Nothing where it is asked."""
        ...

    async def add(self, count: int, back_s: float = 0) -> Sequence[str]:
        """So many new records, all of one second, ``back_s`` before the partner's now; their native ids."""
        ...

    async def edit(self, held: Held) -> None:
        """Change the content of one record; its version moves to the partner's now."""
        ...

    async def delete(self, held: Held) -> None:
        """Take one record away without notice."""
        ...

    async def misname(self, held: Held) -> str:
        """Give one record a category code that no table knows, as ``edit`` does; returns the code."""
        ...

    async def misbehave(self, mode: str, times: int = 1, rate: float = 1.0) -> None:
        """Go wrong so at ``times`` occasions (-1: until switched off; 0 switches off), at a share of them."""
        ...
