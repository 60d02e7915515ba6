"""The simulated partners' receiving sides as benches of the push laws, each over its own control address."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.base import Connector, InstanceConfig
from connectors.conformance import Exam
from connectors.registry import make_connector
from hub.commands import Command, Refer, Return, Sign
from hub.model import SHANGHAI, PartyFacts
from hub.vocabulary import Outcome, PartyRole, TransferGround

from .hub_kit import CENTRE
from .partner_benches import Opened, PartnerYard

CANARY = "邻居说的悄悄话"
AT = datetime(2024, 8, 1, 9, 0, tzinfo=SHANGHAI)
_PARTIES = (PartyFacts(PartyRole.APPLICANT, f"王{CANARY}"), PartyFacts(PartyRole.RESPONDENT, f"李{CANARY}"))
#: a push that fails so gets no whole answer
_MODES = frozenset({"500", "html", "429", "cut", "lost", "outage"})


class SimulatedPushBench:
    """What the simulated partner is told, by its control address."""

    canary = CANARY

    def __init__(self, product: str, partner: Opened) -> None:
        self._product, self._partner = product, partner
        self._count = itertools.count(1)
        self.modes = partner.bench.modes & _MODES if product != "police" else frozenset[str]()

    async def command(self) -> Command:
        if self._product != "petition":
            return self._refer()
        routing = {"blfs": "02", "qxjg": CENTRE, "blsj": "2024-08-01 08:30:00", "xfjzt": "02"}
        added = await self._partner.command("add", count=1, set=routing)
        return self._result(added["added"][0]["native_id"])

    async def refused(self) -> Command:
        unknown = {
            "court": "f" * 32, "police": "J6207251010002024080199999", "petition": "XF6207252024080199999",
            "hotline": "GS20240801999999",
        }[self._product]  # fmt: skip
        if self._product == "hotline":
            return Sign(native_id=unknown, hand_over="x", at=AT, by=CANARY)
        return self._result(unknown)

    def altered(self, command: Command) -> Command | None:
        if self._product == "police":
            return None
        if isinstance(command, Refer):
            return replace(command, facts=f"{command.facts}，另外{CANARY}")
        assert isinstance(command, Return)
        return replace(command, words=f"{command.words}，另外{CANARY}")

    async def read(self) -> None:
        if self._product == "police":
            await self._partner.command("look")

    async def decide(self) -> None:
        await self._partner.command("advance", seconds=86_400)

    async def effects(self) -> Sequence[str]:
        pushes = await self._partner.command("pushes")
        return [*dict(self._carried_out(pushes)).values()]

    async def misbehave(self, mode: str, times: int = 1) -> None:
        options = {"seconds": 0} if mode == "429" else {}
        await self._partner.command("misbehave", mode=mode, times=times, on="push", **options)

    def _carried_out(self, pushes: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
        """What identifies each effect, and the partner's number of it."""
        for push in pushes:
            answer = push["answer"] or {}
            if self._product == "court" and str(answer.get("code")) == "200":
                yield answer["content"]["sldh"], answer["content"]["sldh"]
            elif self._product == "petition":
                yield from ((taken, taken) for taken in filter(None, answer.get("successStr", "").split(",")))
            elif self._product == "hotline" and answer.get("success"):
                yield answer["resultData"]["receiptNo"], answer["resultData"]["receiptNo"]
            elif self._product == "police" and answer.get("accepted"):
                [row] = push["body"]
                yield row.get("YSBH") or f"{row['JJDBH']}/{row['HTLX']}", answer["batch"]

    def _result(self, native_id: str) -> Return:
        return Return(
            native_id=native_id, hand_over="F6207251010002024080199999", at=AT, by=f"赵{CANARY}",
            outcome=Outcome.REFUSED, undisputed_facts=CANARY, words=f"不愿调解，{CANARY}",
        )  # fmt: skip

    def _refer(self) -> Refer:
        number = next(self._count)
        return Refer(
            at=AT + timedelta(minutes=number), by=f"赵{CANARY}", dispute_code=f"JF620725-2024-{number:06}",
            title=f"第{number}件", claim=f"归还借款，{CANARY}", facts=f"第{number}次争吵，{CANARY}", category="0804",
            region_code="620725101201", amount_cny=Decimal(100 + number), parties=_PARTIES, order_type="投诉",
            risk=TransferGround.RISK,
        )  # fmt: skip


@asynccontextmanager
async def push_exam(
    yard: PartnerYard, product: str, make: Callable[[InstanceConfig], Connector] = make_connector
) -> AsyncIterator[Exam]:
    """A connector before its partner, with a hand on what the partner is told."""
    async with yard.opened(product) as partner:
        hand = SimulatedPushBench(product, partner)
        yield Exam(make, partner.config, partner.wire, partner.bench, longest_pause_s=0, push=hand)
