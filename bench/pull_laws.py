"""Examines every pull law over the four connectors while their simulated partners misbehave, and prints a table.

    python -m bench.pull_laws [--seeds 10] [--scale 0.02] [--products court police …] [--laws …] [--modes …]

For each seed the partner is another county. Each law is examined with the partner behaving, and with one of its modes
on during the whole examination: at three of ten occasions the partner goes wrong so. Which mode goes round from seed to
seed; ``--every-mode`` takes all of them each time. What a mode makes it lose (a gap, a withheld batch) a connector can
only find in the partner's list, as the hub does every night: the examination compares once more before it judges.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.conformance import LAWS, Law, Verdict, examine_one, law_named
from tests.partner_benches import PRODUCTS, PartnerYard


@dataclass(frozen=True)
class Case:
    """One law over one connector with one mode on."""

    product: str
    mode: str
    law: Law
    seed: str


async def judge(yard: PartnerYard, case: Case) -> Verdict:
    """Examine one case."""
    return await examine_one(lambda: yard.exam(case.product, seed=case.seed, mode=case.mode), case.law)


async def modes_of(yard: PartnerYard, product: str) -> list[str]:
    """Every mode of this partner that tells something of a connector, and none at all."""
    async with yard.opened(product) as partner:
        return ["", *sorted(partner.bench.modes)]


def cases_of(product: str, modes: Sequence[str], laws: Sequence[Law], seeds: Sequence[str], every: bool) -> list[Case]:
    """What to examine: per seed each law once with the partner behaving, and with one mode or every one."""
    wrong = [mode for mode in modes if mode]
    cases: list[Case] = []
    for turn, seed in enumerate(seeds):
        for place, law in enumerate(laws):
            chosen = modes if every else [mode for mode in modes if not mode]
            if not every and wrong:
                # over as many seeds as there are modes each law meets every mode once
                chosen = [*chosen, wrong[(turn + place) % len(wrong)]]
            cases += [Case(product, mode, law, seed) for mode in chosen]
    return cases


async def examine_all(yard: PartnerYard, cases: Sequence[Case]) -> dict[Case, Verdict]:
    """Every case; prints what is broken as soon as it is found."""
    found: dict[Case, Verdict] = {}
    for case in cases:
        verdict = found[case] = await judge(yard, case)
        if verdict.broken:
            where = f"{case.product} {case.mode or '-'} {case.law.name} seed {case.seed}"
            print(f"BROKEN  {where}: {verdict.broken}", flush=True)
    return found


def table_of(found: dict[Case, Verdict]) -> str:
    """Kept, not offered and broken, a line for each partner and mode."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for case, verdict in found.items():
        told = "broken" if verdict.broken else "not offered" if verdict.not_applicable else "kept"
        counts.setdefault((case.product, case.mode or "(behaves)"), Counter())[told] += 1
    head = f"{'partner':9} {'mode':12} {'kept':>6} {'not offered':>12} {'broken':>7}"
    lines = [
        f"{product:9} {mode:12} {count['kept']:6} {count['not offered']:12} {count['broken']:7}"
        for (product, mode), count in sorted(counts.items())
    ]
    return "\n".join([head, *lines])


async def run(yard: PartnerYard, asked: argparse.Namespace, seeds: Sequence[str]) -> dict[Case, Verdict]:
    """All products one after the other."""
    found: dict[Case, Verdict] = {}
    laws = [law_named(name) for name in asked.laws]
    for product in asked.products:
        modes = [mode for mode in await modes_of(yard, product) if not asked.modes or mode in ("", *asked.modes)]
        began = time.monotonic()
        some = await examine_all(yard, cases_of(product, modes, laws, seeds, asked.every_mode))
        print(f"{product}: {len(some)} examinations in {time.monotonic() - began:.0f} s", flush=True)
        found |= some
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=0.02)
    parser.add_argument("--products", nargs="+", default=PRODUCTS, choices=PRODUCTS)
    parser.add_argument("--laws", nargs="+", default=[law.name for law in LAWS])
    parser.add_argument("--modes", nargs="+", default=[], help="only these")
    parser.add_argument("--every-mode", action="store_true")
    asked = parser.parse_args()
    seeds = [str(seed) for seed in range(asked.first_seed, asked.first_seed + asked.seeds)]
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(run(PartnerYard(Path(folder), asked.scale), asked, seeds))
    print(table_of(found))
    broken = sum(bool(verdict.broken) for verdict in found.values())
    print(f"{len(found)} examinations, {broken} broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
