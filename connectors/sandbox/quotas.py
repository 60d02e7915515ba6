"""How many of everything a simulated county has: exact at scale 1, multiplied and rounded half up at any other.

The golden counts are those of a real county centre's report for January to July 2024 (DOMAIN.md §0). They are quotas
that are dealt out, never probabilities, so they hold for every seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from hub.errors import ConfigurationError

#: the native number patterns hold five digits of serial a day (WIRES.md 0.4)
LARGEST_SCALE = Decimal(60)


def as_scale(value: Decimal | float | int | str) -> Decimal:
    """One spelling per scale (1, 1.0 and "1" are the same county). Raises ConfigurationError."""
    try:
        scale = Decimal(str(value))
    except InvalidOperation as exc:
        raise ConfigurationError(f"scale {value!r} is no number", hint="Say 1, 0.1 or 20.") from exc
    if not (scale.is_finite() and 0 < scale <= LARGEST_SCALE):
        raise ConfigurationError(f"scale {value} is impossible", hint=f"Choose above 0 and up to {LARGEST_SCALE}.")
    return Decimal(format(scale.normalize(), "f"))


def scaled(count: int, scale: Decimal) -> int:
    """``count`` times ``scale``, rounded half up."""
    return int((count * scale).quantize(Decimal(1), ROUND_HALF_UP))


def shares(total: int, weights: Sequence[int]) -> list[int]:
    """Deal ``total`` out by ``weights``: the parts always add up, and are the weights where those add up to it.

    Where there is enough for everybody each part gets at least one, so that a small county shows rare things too.
    """
    whole = sum(weights)
    parts: list[int] = []
    dealt = reached = 0
    for weight in weights:
        reached += weight
        upto = (2 * total * reached + whole) // (2 * whole)
        parts.append(upto - dealt)
        dealt = upto
    if total >= 3 * len(weights):
        for index, part in enumerate(parts):
            if part == 0 and weights[index]:
                parts[parts.index(max(parts))] -= 1
                parts[index] = 1
    return parts


@dataclass(frozen=True, slots=True)
class Quotas:
    """What the period 2024-01-01 to 2024-07-31 holds, over all agencies."""

    filings: int
    diverted: int
    mediated: int
    #: court matters that are no filings: preservation, enforcement review
    court_others: int
    police_calls: int
    police_referred: int
    police_settled: int
    petitions: int
    petitions_referred: int
    petitions_settled: int
    orders: int

    @property
    def demands(self) -> int:
        """Records received by all agencies: 86 a day for 213 days."""
        return self.filings + self.police_calls + self.petitions + self.orders


def quotas(scale: Decimal) -> Quotas:
    """The counts at this scale."""
    return Quotas(
        filings=scaled(2438, scale),
        diverted=scaled(1907, scale),
        mediated=scaled(1407, scale),
        court_others=scaled(106, scale),
        police_calls=scaled(8000, scale),
        police_referred=scaled(578, scale),
        police_settled=scaled(530, scale),
        petitions=scaled(480, scale),
        petitions_referred=scaled(18, scale),
        petitions_settled=scaled(18, scale),
        orders=scaled(7400, scale),
    )
