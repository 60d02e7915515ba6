"""A hub with matters handed over to it, and a partner of the tests' own that is told of them: no network, every fault.

The partner keeps what it was told by key, so that an effect is counted as a real one would: same key, one effect.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import select, update

from connectors.base import InstanceConfig
from hub import referral_acts
from hub.acts import Act
from hub.commands import Command, Receipt
from hub.desk import Desk
from hub.errors import AuthError, BadPayloadError, RejectedError, TransientError
from hub.store.tables import jobs, outbound_attempts, outbound_messages, referrals
from hub.vocabulary import CommandKind, Outcome
from sync_jobs.push import PushReport, push_instance

from .hub_kit import CENTRE, Clock, court_config, deliver, diverted, open_desk, row

ACT = Act("马主任")
EVERYTHING = frozenset(CommandKind)


@dataclass
class DoubledPartner:
    """A connector and its partner in one. ``faults``: one is taken at each push, ``''`` is none."""

    has_keys: bool = True
    can_find: bool = False
    #: the answer to what is taken comes later, under its number
    is_final: bool = False
    #: what is laid down is taken only once ``takes_up`` is set
    lays_down: bool = False
    takes_up: bool = True
    faults: deque[str] = field(default_factory=deque)
    #: what was sent, in its order, with the order of the keys
    sent: list[tuple[str, Command]] = field(default_factory=list)
    effects: Counter[str] = field(default_factory=Counter)
    numbers: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    config: InstanceConfig = field(default_factory=court_config)
    commands = EVERYTHING
    #: set while a push hangs
    hangs: asyncio.Event = field(default_factory=asyncio.Event)
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def push(self, wire: Any, key: str, command: Command) -> Receipt:
        fault = self.faults.popleft() if self.faults else ""
        match fault:
            case "away":
                raise TransientError("nobody there", kind="CONNECTION_REFUSED")
            case "busy":
                raise TransientError("slow down", kind="RATE_LIMITED", retry_after=90)
            case "auth":
                raise AuthError("wrong secret")
            case "refuse":
                raise RejectedError("20002", "不允许")
            case "bug":
                raise KeyError("被告李强")
        self.sent.append((key, command))
        if fault == "hang":
            self.hangs.set()
            await self.goes_on.wait()
        if not (self.has_keys and key in self.numbers):
            self.effects[key] += 1
            self.numbers[key] = f"SL{len(self.numbers) + 1}"
        if fault == "lost":
            raise TransientError("no answer", kind="CUT_ANSWER", in_doubt=True)
        if fault == "garbage":
            raise BadPayloadError("BAD_ANSWER")
        if fault == "killed":
            raise asyncio.CancelledError
        return self._receipt(key)

    async def find(self, wire: Any, key: str, command: Command) -> Receipt | None:
        self.asked.append(key)
        return self._receipt(key) if key in self.numbers else None

    def _receipt(self, key: str) -> Receipt:
        number = self.numbers[key]
        is_there = self.takes_up or not self.lays_down
        our_key = "" if self.is_final else number
        return Receipt(partner_ref=number, is_delivered=is_there, is_final=self.is_final, our_key=our_key, raw=b"{}")


@dataclass
class Outbox:
    """A desk, its clock, the partner."""

    desk: Desk
    clock: Clock
    partner: DoubledPartner

    async def push(self, partner: DoubledPartner | None = None, **options: Any) -> PushReport:
        # as a worker would: the job is taken before it runs
        async with self.desk.store.write() as tx:
            ready = update(jobs).where(jobs.c.job == "push:court", jobs.c.state == "READY")
            await tx.execute(ready.values(state="DONE"))
        return await push_instance(self.desk, partner or self.partner, None, **options)  # type: ignore[arg-type]

    async def push_for(self, hours: float, step_s: float = 600) -> None:
        """Runs as a worker would have them, over so long."""
        for _ in range(int(hours * 3600 / step_s)):
            await self.push()
            self.clock.advance(seconds=step_s)

    async def all(self, query: Any) -> Sequence[Any]:
        async with self.desk.store.read() as connection:
            return (await connection.execute(query)).all()

    async def states(self) -> list[str]:
        return [one.state for one in await self.messages()]

    async def messages(self) -> Sequence[Any]:
        return await self.all(select(outbound_messages).order_by(outbound_messages.c.id))

    async def history(self, message_id: str | None = None) -> list[tuple[str, str]]:
        query = select(outbound_attempts).order_by(outbound_attempts.c.id)
        if message_id:
            query = query.where(outbound_attempts.c.message_id == message_id)
        return [(one.act, one.outcome) for one in await self.all(query)]

    async def referrals(self) -> Sequence[Any]:
        return await self.all(select(referrals).where(referrals.c.is_live).order_by(referrals.c.sent_at))


@asynccontextmanager
async def outbox(
    url: str, partner: DoubledPartner | None = None, *, matters: int = 1, concluded: bool = True
) -> AsyncIterator[Outbox]:
    """So many matters that the court handed over, each concluded with an agreement unless told otherwise."""
    clock = Clock()
    async with open_desk(url, clock) as opened:
        desk = replace(opened, carries=lambda _name: EVERYTHING, centre_code=CENTRE)
        yield await concluded_in(desk, partner, clock, matters=matters, concluded=concluded)


async def concluded_in(
    desk: Desk, partner: DoubledPartner | None = None, clock: Clock | None = None, *, matters: int = 1,
    concluded: bool = True,
) -> Outbox:  # fmt: skip
    """The same on a desk that a test already has."""
    await deliver(desk, [row(f"a{n}", logs=[diverted(f"2024-09-06 10:{n:02}:00")]) for n in range(matters)])
    made = Outbox(desk, clock or Clock(), partner or DoubledPartner())
    for one in await made.referrals() if concluded else ():
        await conclude(made, one.id)
    return made


async def conclude(hub: Outbox, referral_id: str, agreement_no: str = "X1") -> None:
    """Accept and conclude one with an agreement: a SIGN and a RETURN are queued on its lane."""
    await referral_acts.accept_referral(hub.desk, referral_id, ACT, is_suitable=True, has_consent=True)
    await referral_acts.conclude_referral(hub.desk, referral_id, ACT, outcome=Outcome.AGREED, agreement_no=agreement_no)
