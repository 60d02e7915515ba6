"""Every push law over all four connectors, against the simulated partners; and connectors that break them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from connectors.conformance import PUSH_LAWS, Exam, Law, examine_one
from hub.commands import Command, Receipt
from hub.errors import RejectedError, TransientError

from .partner_benches import PRODUCTS, PartnerYard
from .planted_faults import Wrapped
from .push_benches import CANARY, push_exam


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> PartnerYard:
    return PartnerYard(tmp_path_factory.mktemp("yard"))


#: another content under one key makes another file, which has its own name; a folder gives no answer to lose
NOT_OFFERED = {("police", "push-key"), ("police", "push-lost"), ("police", "push-doubt")}


@pytest.mark.parametrize("law", PUSH_LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("product", PRODUCTS)
async def test_the_law_is_kept(yard: PartnerYard, product: str, law: Law) -> None:
    verdict = await examine_one(lambda: push_exam(yard, product), law)

    assert verdict.is_kept, f"{law.sentence} {verdict.broken}"
    assert bool(verdict.not_applicable) == ((product, law.name) in NOT_OFFERED), verdict.not_applicable


async def test_without_a_hand_on_it_nothing_is_said(yard: PartnerYard) -> None:
    async with push_exam(yard, "court") as exam:
        bare = Exam(exam.make, exam.config, exam.wire, exam.bench)
        with pytest.raises(Exception, match="no hand"):
            await PUSH_LAWS[0].examine(bare)


# --- planted faults ---------------------------------------------------------------------------------------------


class NewKeyPerTry(Wrapped):
    async def push(self, wire: Any, key: str, command: Command) -> Receipt:
        receipt: Receipt = await self.good.push(wire, f"{key}/{uuid.uuid4()}", command)
        return receipt


class OneKeyForAll(Wrapped):
    async def push(self, wire: Any, key: str, command: Command) -> Receipt:
        receipt: Receipt = await self.good.push(wire, "the same", command)
        return receipt


class ReadsRefusalAsAcceptance(Wrapped):
    async def push(self, wire: Any, key: str, command: Command) -> Receipt:
        try:
            receipt: Receipt = await self.good.push(wire, key, command)
        except RejectedError as exc:
            if exc.code == "UNSUPPORTED":
                raise
            return Receipt(partner_ref="1", is_delivered=True, is_final=True, raw=b"200")
        return receipt


class TakesTheFileForDelivered(Wrapped):
    async def find(self, wire: Any, key: str, command: Command) -> Receipt | None:
        try:
            found: Receipt | None = await self.good.find(wire, key, command)
        except RejectedError:
            found = Receipt(partner_ref="1", is_delivered=True, is_final=True, raw=b"{}")
        return found


class InventsReceipts(Wrapped):
    async def push(self, wire: Any, key: str, command: Command) -> Receipt:
        receipt: Receipt = await self.good.push(wire, key, command)
        return replace(receipt, partner_ref=key)

    async def find(self, wire: Any, key: str, command: Command) -> Receipt | None:
        found = await self.good.find(wire, key, command)
        return replace(found, partner_ref=key) if found else None


class NeverDoubts(Wrapped):
    async def push(self, wire: Any, key: str, command: Command) -> Receipt:
        try:
            receipt: Receipt = await self.good.push(wire, key, command)
        except TransientError as exc:
            exc.in_doubt = False
            raise
        return receipt


class TakesDoubtForRefusal(Wrapped):
    async def push(self, wire: Any, key: str, command: Command) -> Receipt:
        try:
            receipt: Receipt = await self.good.push(wire, key, command)
        except TransientError as exc:
            raise RejectedError("500", "it failed") from exc
        return receipt


class QuotesThePeople(Wrapped):
    async def push(self, wire: Any, key: str, command: Command) -> Receipt:
        try:
            receipt: Receipt = await self.good.push(wire, key, command)
        except RejectedError as exc:
            raise RejectedError(exc.code, f"they would not take: {CANARY}") from exc
        return receipt


class TakesWhatItCannotSend(Wrapped):
    async def push(self, wire: Any, key: str, command: Command) -> Receipt:
        if command.kind not in self.good.commands:
            return Receipt(partner_ref="1", is_delivered=True, is_final=True)
        receipt: Receipt = await self.good.push(wire, key, command)
        return receipt


class WaitsUnderAnotherKey(Wrapped):
    async def push(self, wire: Any, key: str, command: Command) -> Receipt:
        receipt: Receipt = await self.good.push(wire, key, command)
        return replace(receipt, our_key=key)

    async def find(self, wire: Any, key: str, command: Command) -> Receipt | None:
        found = await self.good.find(wire, key, command)
        return replace(found, our_key=key) if found else None


HTTP = ("court", "petition", "hotline")


@dataclass(frozen=True)
class Planted:
    make: Any
    law: str
    products: tuple[str, ...]


PLANTED = (
    Planted(NewKeyPerTry, "push-once", ("court", "police", "hotline")),
    Planted(NewKeyPerTry, "push-lost", ("court", "hotline")),
    Planted(OneKeyForAll, "push-key", ("court", "hotline")),
    Planted(ReadsRefusalAsAcceptance, "push-key", HTTP),
    Planted(ReadsRefusalAsAcceptance, "push-refusal", HTTP),
    Planted(TakesTheFileForDelivered, "push-refusal", ("police",)),
    Planted(QuotesThePeople, "push-refusal", HTTP),
    Planted(InventsReceipts, "push-receipt", PRODUCTS),
    Planted(WaitsUnderAnotherKey, "push-receipt", PRODUCTS),
    Planted(NeverDoubts, "push-doubt", HTTP),
    Planted(TakesDoubtForRefusal, "push-doubt", HTTP),
    Planted(TakesWhatItCannotSend, "push-unsupported", PRODUCTS),
)
CASES = [(planted, product) for planted in PLANTED for product in planted.products]


@pytest.mark.parametrize(
    ("planted", "product"), CASES, ids=[f"{p.make.__name__}-{product}-{p.law}" for p, product in CASES]
)
async def test_a_planted_fault_is_found(yard: PartnerYard, planted: Planted, product: str) -> None:
    law = next(law for law in PUSH_LAWS if law.name == planted.law)
    verdict = await examine_one(lambda: push_exam(yard, product, planted.make), law)

    assert not verdict.is_kept, f"{planted.make.__name__} passes the law {planted.law}"
    # an integrator must be told what to do about it
    assert verdict.broken.count(".") >= 1 and len(verdict.broken) > 60


def test_every_law_finds_a_fault() -> None:
    assert {law.name for law in PUSH_LAWS} == {planted.law for planted in PLANTED}


def test_the_integrator_is_told_every_law() -> None:
    page = " ".join((Path(__file__).parent.parent / "docs" / "laws.md").read_text(encoding="utf-8").split())

    assert [law.name for law in PUSH_LAWS if f"`{law.name}`" not in page or law.sentence not in page] == []
