"""Every pull law over all four connectors, against the simulated partners on their own wires."""

from __future__ import annotations

import pytest

from connectors.conformance import LAWS, Law, examine_one

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
