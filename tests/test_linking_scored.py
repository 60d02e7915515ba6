"""A slice of the linking bench: an unseen county of the four partners, small enough for the suite."""

from __future__ import annotations

from pathlib import Path

from bench.linking import measure


async def test_an_unseen_county_is_joined_well(tmp_path: Path) -> None:
    found = await measure("404", "0.05", tmp_path)
    assert found.score.true > 20
    assert (found.score.precision or 0) >= 0.98
    assert (found.score.recall or 0) >= 0.60
    # most of it must be found without anybody naming a number
    assert found.explicit <= 0.60
