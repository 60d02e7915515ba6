"""How well records of different agencies were joined: our disputes against groups that somebody knows to be true.

Counted are pairs of records of two instances, each under its instance and native id. Precision is the share of our
pairs that are true, recall the share of the true ones that are ours.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.tables import case_records

#: instance and native id
Key = tuple[str, str]
#: how many records of each instance belong together
_Tally = Counter[str]


@dataclass(frozen=True, slots=True)
class LinkingScore:
    """Pairs of records of two instances."""

    #: pairs that share a dispute of ours
    ours: int
    #: pairs that share a true group
    true: int
    #: pairs that share both
    right: int

    @property
    def precision(self) -> float | None:
        """None where we joined nothing."""
        return self.right / self.ours if self.ours else None

    @property
    def recall(self) -> float | None:
        """None where there was nothing to join."""
        return self.right / self.true if self.true else None

    def as_json(self) -> dict[str, float | None]:
        """As ``--json`` shows it: numbers with four places at most."""
        shares = {"precision": self.precision, "recall": self.recall}
        return {name: None if share is None else round(share, 4) for name, share in shares.items()}


def score(ours: Mapping[Key, str], truth: Iterable[tuple[str, Iterable[Key]]]) -> LinkingScore:
    """Our dispute of each record against the true groups, each with its name.

    A record that the truth does not know counts on no side: nobody can say whether it is right. One that we lack, or
    hold without a dispute, counts against recall.
    """
    true_pairs = right_pairs = 0
    known: dict[str, _Tally] = defaultdict(Counter)
    for _, keys in truth:
        group: _Tally = Counter()
        joined: dict[str, _Tally] = defaultdict(Counter)
        for key in keys:
            group[key[0]] += 1
            dispute = ours.get(key)
            if dispute is not None:
                joined[dispute][key[0]] += 1
                known[dispute][key[0]] += 1
        true_pairs += _pairs(group)
        right_pairs += sum(map(_pairs, joined.values()))
    return LinkingScore(sum(map(_pairs, known.values())), true_pairs, right_pairs)


async def disputes_of_records(connection: AsyncConnection) -> dict[Key, str]:
    """The dispute of every record that has one; of an id with several numbers, that of the first."""
    c = case_records.c
    query = (
        select(c.instance, c.native_id, c.dispute_id)
        .where(c.dispute_id.is_not(None))
        .order_by(c.instance, c.native_id, c.native_no.desc())
    )
    return {(row.instance, row.native_id): row.dispute_id for row in await connection.execute(query)}


def _pairs(tally: _Tally) -> int:
    """Pairs of two instances among so many records of each."""
    total = sum(tally.values())
    return (total * total - sum(n * n for n in tally.values())) // 2
