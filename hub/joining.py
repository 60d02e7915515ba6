"""Joining: which evidence joins records by itself, and why other evidence of the same kind is held back.

Pure. Held back is what likeness would make too large (the size guard), what touches a RESTRICTED record from outside,
what would bring together again what a person has parted, and what would join two disputes that persons work on. The
answer depends on the edges, on what persons decided and on the records' own names, never on the order of arrival.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from hub.vocabulary import HeldReason

#: why a piece of evidence does not join by itself
RESTRICTED, SIZE_GUARD, SEPARATED, WORKED = (str(reason) for reason in HeldReason)


class Rank(IntEnum):
    """Whose word an edge is; the stronger is heard first."""

    PERSON = 0
    REFERENCE = 1
    LIKENESS = 2


@dataclass(frozen=True, slots=True)
class Tie:
    """An edge that joins its two records unless something speaks against it."""

    id: str
    one: str
    other: str
    rank: Rank


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What joining must respect around some ties."""

    #: a component of more records is never made by likeness
    size_guard: int
    restricted: Collection[str] = ()
    #: records that may not share a component by themselves, each way round
    parted: Mapping[str, Collection[str]] = field(default_factory=dict)
    #: records that stand for a dispute which a person works on
    worked: Collection[str] = ()
    #: a name of each record that does not depend on when it arrived: decides which of two equal ties is heard first
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def held_back(ties: Sequence[Tie], around: Circumstances) -> dict[str, str]:
    """Ties that do not join by themselves, by id, with the reason. A person's tie is never among them."""
    held: dict[str, str] = {}
    restricted = set(around.restricted)
    for tie in ties:
        if tie.rank is not Rank.PERSON and (tie.one in restricted) is not (tie.other in restricted):
            held[tie.id] = RESTRICTED
    held.update(_too_many(ties, held, around.size_guard))
    if around.parted or around.worked:
        held.update(_against_persons(ties, held, around))
    return held


def _too_many(ties: Sequence[Tie], held: Mapping[str, str], size_guard: int) -> dict[str, str]:
    """Every likeness of a component that all evidence together would make too large."""
    free = [tie for tie in ties if tie.id not in held]
    groups = Groups()
    for tie in free:
        groups.join(tie.one, tie.other)
    return {
        tie.id: SIZE_GUARD for tie in free if tie.rank is Rank.LIKENESS and len(groups.members(tie.one)) > size_guard
    }


def _against_persons(ties: Sequence[Tie], held: Mapping[str, str], around: Circumstances) -> dict[str, str]:
    """One tie after the other, the strongest first: what would undo a person's decision stays out."""
    groups, refused = Groups(), {}
    for tie in ties:
        if tie.rank is Rank.PERSON:
            groups.join(tie.one, tie.other)
    for tie in sorted((one for one in ties if one.rank is not Rank.PERSON and one.id not in held), key=_order(around)):
        mine, theirs = groups.members(tie.one), groups.members(tie.other)
        if mine is theirs:
            continue
        if any(not theirs.isdisjoint(around.parted.get(record, ())) for record in mine):
            refused[tie.id] = SEPARATED
        elif not mine.isdisjoint(around.worked) and not theirs.isdisjoint(around.worked):
            refused[tie.id] = WORKED
        else:
            groups.join(tie.one, tie.other)
    return refused


def _order(around: Circumstances) -> Callable[[Tie], tuple[int, tuple[tuple[str, ...], ...]]]:
    def key(tie: Tie) -> tuple[int, tuple[tuple[str, ...], ...]]:
        ends = sorted((around.names.get(tie.one, (tie.one,)), around.names.get(tie.other, (tie.other,))))
        return (tie.rank, tuple(ends))

    return key


class Groups:
    """Records that hang together: a union of sets, each member pointing to its set."""

    def __init__(self, records: Iterable[str] = ()) -> None:
        self._of: dict[str, set[str]] = {record: {record} for record in records}

    def members(self, record: str) -> set[str]:
        """Everything that hangs together with ``record``, itself included."""
        return self._of.setdefault(record, {record})

    def join(self, one: str, other: str) -> None:
        """Make one group of two."""
        large, small = self.members(one), self.members(other)
        if large is small:
            return
        if len(large) < len(small):
            large, small = small, large
        large |= small
        for record in small:
            self._of[record] = large

    def all(self) -> list[set[str]]:
        """Every group once, in the order in which its first record was named."""
        return list({id(group): group for group in self._of.values()}.values())
