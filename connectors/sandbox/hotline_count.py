"""The hotline's own count of referrals to the centre and of the settled, straight from its orders (WIRES.md 0.6).

Kept apart from everything that made the orders, so that it can serve as an independent check.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from connectors.sandbox.hotline_orders import Order
from connectors.sandbox.matters import CENTRE


@dataclass(frozen=True, slots=True)
class HotlineCount:
    """K3 of the hotline, as counts."""

    referrals: int
    settled: int


async def hotline_count(orders: Iterable[Order], begin: date, end: date) -> HotlineCount:
    """Count orders dispatched to the centre in ``[begin, end)``; gives way to other work now and then."""
    referrals = settled = 0
    for seen, order in enumerate(orders):
        day = (order["dispatchtime"] or "")[:10]
        if order["contractorCode"] == CENTRE and begin.isoformat() <= day < end.isoformat():
            referrals += 1
            settled += order["successSolve"] == "1"
        if seen % 500 == 0:
            await asyncio.sleep(0)
    return HotlineCount(referrals, settled)
