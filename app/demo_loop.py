"""The demonstration's first days of August: the county lives on, results go back to it and are acknowledged.

The clocks are moved from evening to evening up to a fixed day, then as little as the partners' answers need. Where they
have passed that day already and nothing is owed, nothing is moved: running again changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select

from app import jobs
from app.county import Partners, advance_to, clocks
from app.mediator import Mediator
from app.wiring import Hub
from connectors.sandbox.county import START
from hub import outbox
from hub.errors import TransientError
from hub.jobs import PUSH, push_lane_of
from hub.store.tables import outbound_messages
from hub.vocabulary import MessageState
from sync_jobs.queue import Claim

#: so many days of August are lived before the summary
DAYS = 14
#: when the mediator writes down what was done that day
_EVENING = time(18, 30)
#: what the partners' answers need, each step; the sum is more than any of them takes
_STEPS = (timedelta(minutes=2),) * 6 + (timedelta(hours=7),) * 6
#: how long a message that waits for its next try is waited for, where a partner was away
_TRIES, _PAUSE_S = 5, 0.3

TakeIn = Callable[[Hub, str], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Loop:
    """Whose loop it is, and how it pulls."""

    hub: Hub
    partners: Partners
    mediator: Mediator
    take_in: TakeIn
    #: told of every pull
    on_pull: Callable[[str, dict[str, Any]], None]
    #: told of every day that has passed
    on_day: Callable[[], None]

    async def run(self) -> None:
        """Live the days, then until nothing is owed any more. A partner that does not answer holds up nobody else."""
        last = datetime.combine(START.date() + timedelta(days=DAYS - 1), _EVENING)
        has_moved = False
        for day in range(DAYS):
            evening = datetime.combine(START.date() + timedelta(days=day), _EVENING)
            if min((await self._clocks()).values(), default=last) < evening:
                await self._round(evening, evening)
                has_moved = True
            self.on_day()
        horizon = max((await self._clocks()).values(), default=last)
        for step in _STEPS:
            if not await self._is_owed():
                break
            await self._round(max((await self._clocks()).values(), default=last) + step, horizon)
            has_moved = True
        if has_moved:
            # what was pushed last stands in their records too
            await self._pull()

    async def _round(self, until: datetime, horizon: datetime) -> None:
        """The clocks move on, what happened comes in, the mediator works up to the horizon, the results go out."""
        await advance_to(self.partners, until)
        await self._pull()
        found = await self._clocks()
        if found:
            await self.mediator.work({name: min(at, horizon) for name, at in found.items()})
        await asyncio.gather(*(self._push(name) for name in found))

    async def _pull(self) -> None:
        names = list(self.partners)
        pulls = await asyncio.gather(*(self.take_in(self.hub, name) for name in names))
        for name, pulled in zip(names, pulls, strict=True):
            self.on_pull(name, pulled)

    async def _push(self, name: str) -> None:
        for _ in range(_TRIES):
            claim = await jobs.take_lane(self.hub, f"{PUSH}:{name}", push_lane_of(name))

            async def work(held: Claim) -> None:
                await jobs.push(self.hub, held, name)

            await jobs.run_now(self.hub, claim, work)
            async with self.hub.store.write() as tx:
                if not await outbox.try_now(tx, self.hub.desk, name):
                    return
            if name == "police":
                # it reads its folder every so often; now at once
                with contextlib.suppress(TransientError):
                    await self.partners[name].control({"do": "look"})
            await asyncio.sleep(_PAUSE_S)

    async def _clocks(self) -> dict[str, datetime]:
        return await clocks(self.partners)

    async def _is_owed(self) -> bool:
        """Whether a message of ours is on its way, or with the partner and not answered."""
        c, m = outbound_messages.c, MessageState
        # one that was answered with a wish for more is answered by another message
        is_unanswered = or_(c.state == m.QUEUED.value, and_(c.state == m.DELIVERED.value, c.answer_code == ""))
        query = select(func.count()).where(is_unanswered, c.instance.in_(list(self.partners)))
        async with self.hub.store.read() as connection:
            return bool((await connection.execute(query)).scalar_one())
