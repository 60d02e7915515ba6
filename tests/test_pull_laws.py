"""Every pull law over all four connectors, against the simulated partners on their own wires."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.pull_laws import Case, judge
from connectors.conformance import LAWS, Law, examine_one, law_named
from connectors.conformance.exam import Taken
from connectors.conformance.mutation import mutated
from connectors.conformance.telling import require_mappable
from connectors.registry import make_connector
from hub.model import Item

from .hub_kit import court_config
from .partner_benches import PRODUCTS, PartnerYard


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> PartnerYard:
    return PartnerYard(tmp_path_factory.mktemp("yard"))


#: promises that a wire cannot make
NOT_OFFERED = {
    ("police", "deletions"),
    ("police", "credentials"),
    ("police", "retry-after"),
    ("police", "fetch"),
}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("product", PRODUCTS)
async def test_the_law_is_kept(yard: PartnerYard, product: str, law: Law) -> None:
    verdict = await examine_one(lambda: yard.exam(product), law)

    assert verdict.is_kept, f"{law.sentence} {verdict.broken}"
    assert bool(verdict.not_applicable) == ((product, law.name) in NOT_OFFERED), verdict.not_applicable


def _slice() -> list[Case]:
    """A few of the many: ``python -m bench.pull_laws`` examines them at ten seeds."""
    cases: list[Case] = []
    for product, modes in SLICE.items():
        cases += [Case(product, mode, law_named(law), "11") for mode, law in modes]
    return cases


#: what is worst for each partner
SLICE = {
    "court": [("gap", "everything"), ("expire", "resume"), ("reorder", "ties"), ("partial", "edits-between-pages")],
    "police": [("gap", "everything"), ("encoding", "resume"), ("partial", "new-run"), ("vanish", "digest")],
    "petition": [("lost", "everything"), ("cut", "asked-twice"), ("encoding", "raw"), ("skew", "edits-between-pages")],
    "hotline": [("gap", "everything"), ("duplicate", "ties"), ("vanish", "digest"), ("unknown", "unknown-codes")],
}


@pytest.mark.parametrize("case", _slice(), ids=lambda case: f"{case.product}-{case.mode}-{case.law.name}")
async def test_the_law_is_kept_though_the_partner_misbehaves(yard: PartnerYard, case: Case) -> None:
    verdict = await judge(yard, case)

    assert verdict.is_kept and not verdict.not_applicable, f"{case.law.sentence} {verdict.broken}"


def test_the_integrator_is_told_every_law() -> None:
    page = " ".join((Path(__file__).parent.parent / "docs" / "laws.md").read_text(encoding="utf-8").split())

    assert [law.name for law in LAWS if f"`{law.name}`" not in page or law.sentence not in page] == []


@given(st.data())
@settings(max_examples=150)
@pytest.mark.parametrize("product", PRODUCTS)
def test_a_damaged_row_is_understood_or_refused(
    product: str, delivered: dict[str, list[Item]], data: st.DataObject
) -> None:
    """As the law `damaged-rows`, with damage that shrinks to the least that still breaks."""
    item = data.draw(st.sampled_from(delivered[product]))
    damaged = mutated(item.body, data.draw(st.randoms(use_true_random=False)))

    require_mappable(make_connector(court_config(name=product, product=product)), replace(item, body=damaged))


@pytest.fixture(scope="module")
def delivered(yard: PartnerYard) -> dict[str, list[Item]]:
    """What a first run brings from each partner."""

    async def bring(product: str) -> list[Item]:
        taken = Taken()
        async with yard.exam(product) as exam:
            await exam.run(taken)
        return taken.items

    return {product: asyncio.run(bring(product)) for product in PRODUCTS}
