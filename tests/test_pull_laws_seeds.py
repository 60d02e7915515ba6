"""Seeds of `bench.pull_laws` at which an examination once failed: kept by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.pull_laws import Case, judge
from connectors.conformance import law_named

from .partner_benches import PartnerYard

CASES = (
    # a batch is named by when it was closed, days after the newest record of a quiet week
    Case("police", "", law_named("small-cursor"), "2"),
    # rows whose line was damaged say nothing, and must not end the comparison
    Case("police", "row", law_named("digest"), "1"),
    # an unknown code stamped by a clock that ran ahead is listed when that time has come
    Case("court", "unknown", law_named("loud-errors"), "1"),
    # the partner took away by itself what was to be edited
    Case("court", "vanish", law_named("fetch"), "7"),
    # a record edited twice while the clock ran ahead
    Case("petition", "skew", law_named("edits-between-pages"), "1"),
    # the answer was cut off, and the same signed question asked again
    Case("hotline", "cut", law_named("no-empty-error"), "1"),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.product}-{case.mode}-{case.law.name}-{case.seed}")
async def test_the_law_is_kept_at_the_seed_that_once_failed(tmp_path: Path, case: Case) -> None:
    verdict = await judge(PartnerYard(tmp_path), case)

    assert verdict.is_kept, verdict.broken
