"""How well records of different agencies are joined, on counties that nobody tuned anything to.

    python -m bench.linking [--seeds 101 202 303] [--scales 1 10] [--precision 0.98] [--recall 0.60]

For each seed and scale the four simulated partners are pulled over their own wires into a fresh SQLite hub. Counted are
pairs of records of two agencies: ours (one dispute) against the generator's truth, which no partner ever shows.
``explicit`` is the share of true pairs of which one record names the other, in a field or in words; the others must be
found by the people they name. Exits with 1 where a county falls short.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from app.linking_score import LinkingScore, disputes_of_records, score

PRODUCTS = ("court", "police", "petition", "hotline")


@dataclass(frozen=True, slots=True)
class Result:
    """One county."""

    seed: str
    scale: str
    records: int
    score: LinkingScore
    #: share of true pairs with an explicit reference between the two
    explicit: float


async def measure(seed: str, scale: str, folder: Path) -> Result:
    """Pull one county of all four partners and score what became of it."""
    from connectors.registry import make_connector, quoted_by
    from connectors.sandbox.county import truth
    from connectors.sandbox.court import CourtOptions, start_court
    from connectors.sandbox.hotline import HotlineOptions, start_hotline
    from connectors.sandbox.petition import PetitionOptions, start_petition
    from connectors.sandbox.police import PoliceOptions, start_police
    from hub.store.migrate import upgrade_to_head
    from sync_jobs.folder import FolderOptions, open_folder_wire
    from sync_jobs.http import WireOptions, open_http_wire
    from sync_jobs.pull import pull_instance
    from tests.hub_kit import COUNTY, court_config, open_desk

    url = f"sqlite+aiosqlite:///{folder}/hub.db"
    await upgrade_to_head(url)
    async with AsyncExitStack() as stack:
        made: dict[str, Any] = {
            "court": await start_court(CourtOptions(seed=seed, scale=scale)),
            "petition": await start_petition(PetitionOptions(seed=seed, scale=scale)),
            "hotline": await start_hotline(HotlineOptions(seed=seed, scale=scale)),
            "police": await start_police(PoliceOptions(seed=seed, scale=scale, folder=folder, poll_s=0)),
        }
        for partner in made.values():
            stack.push_async_callback(partner.close)
        opened = await stack.enter_async_context(open_desk(url))
        desk = replace(opened, links_people=True, find_quoted=quoted_by(PRODUCTS, COUNTY))
        for name, partner in made.items():
            address = {
                field: getattr(partner, field) for field in ("base_url", "app_id", "secret") if hasattr(partner, field)
            }
            connector = make_connector(court_config(name=name, product=name, **address))
            wire: Any = (
                open_folder_wire(FolderOptions(partner.root))
                if name == "police"
                else open_http_wire(WireOptions(base_url=partner.base_url))
            )
            async with wire as way:
                report = await pull_instance(desk, connector, way)
            if report.error is not None:
                raise SystemExit(f"{name} could not be pulled: {report.error}")
        async with desk.store.read() as connection:
            ours = await disputes_of_records(connection)
    return Result(seed, scale, len(ours), score(ours, truth(seed, scale)), explicit_share(seed, scale))


def explicit_share(seed: str, scale: str) -> float:
    """Of the true pairs of two agencies' records, the share in which one names the other."""
    pairs = named = 0
    for is_named in _pairs(seed, scale):
        pairs += 1
        named += is_named
    return named / pairs if pairs else 0.0


def _pairs(seed: str, scale: str) -> Iterator[bool]:
    from connectors.sandbox.county import County

    for quarrel in County(seed, scale).history():
        for one, other in combinations(quarrel.matters, 2):
            if one.instance == other.instance:
                continue
            is_named = any(
                reference.instance == target.instance
                for source, target in ((one, other), (other, one))
                for reference in source.references
            )
            for _ in range(len(one.native_ids) * len(other.native_ids)):
                yield is_named


def main() -> None:
    """Print a line a county; exit with 1 where one falls short."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--seeds", nargs="+", default=["101", "202", "303"])
    words.add_argument("--scales", nargs="+", default=["1", "10"])
    words.add_argument("--precision", type=float, default=0.98)
    words.add_argument("--recall", type=float, default=0.60)
    asked = words.parse_args()
    falls_short = False
    print("seed  scale  records with a dispute  true pairs  named  precision  recall", flush=True)
    for scale in asked.scales:
        for seed in asked.seeds:
            with tempfile.TemporaryDirectory() as folder:
                found = asyncio.run(measure(seed, scale, Path(folder)))
            precision, recall = found.score.precision or 0.0, found.score.recall or 0.0
            print(
                f"{seed:>4}  {scale:>5}  {found.records:>22}  {found.score.true:>10}  {found.explicit:>5.0%}"
                f"  {precision:>9.4f}  {recall:>6.4f}",
                flush=True,
            )
            falls_short |= precision < asked.precision or recall < asked.recall
    raise SystemExit(1 if falls_short else 0)


if __name__ == "__main__":
    main()
