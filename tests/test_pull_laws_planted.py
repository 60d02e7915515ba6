"""The suite is worth something only if it finds what is wrong: planted faults, every one of which a law must name."""

from __future__ import annotations

import pytest

from connectors.conformance import LAWS, examine_one, law_named

from .partner_benches import PartnerYard
from .planted_faults import PLANTED, Planted


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> PartnerYard:
    return PartnerYard(tmp_path_factory.mktemp("yard"))


CASES = [(planted, product) for planted in PLANTED for product in planted.products]


@pytest.mark.parametrize(
    ("planted", "product"), CASES, ids=[f"{p.make.__name__}-{product}-{p.law}" for p, product in CASES]
)
async def test_a_planted_fault_is_found(yard: PartnerYard, planted: Planted, product: str) -> None:
    verdict = await examine_one(lambda: yard.exam(product, make=planted.make), law_named(planted.law))

    assert not verdict.is_kept, f"{planted.make.__name__} passes the law {planted.law}"
    # an integrator must be told what to do about it
    assert verdict.broken.count(".") >= 1 and len(verdict.broken) > 60


def test_every_law_finds_a_fault() -> None:
    assert {law.name for law in LAWS} - {planted.law for planted in PLANTED} == {"late-beyond-overlap"}
