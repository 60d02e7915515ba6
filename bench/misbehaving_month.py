"""August 2024 with four partners that misbehave in every way they know, and a hub that must hold what they hold.

    python -m bench.misbehaving_month [--seeds 10] [--scale 0.02] [--days 31] [--database URL]

Each simulated day every partner draws one or two of its modes and keeps them on for the day, now and then records are
edited, added with an old stamp, or silently deleted, and once in the month a partner is away for three days. The hub
pulls twice a day and compares every night; errors are expected. On 1 September everything is switched off, the
month-end list of the police has come, and after one more pull and comparison the partner's own list (``view``) must
equal ours: the same keys, the same versions, the same content field by field, nothing left in quarantine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import stamina
from sqlalchemy import select

from connectors.base import Connector
from connectors.conformance import Held
from connectors.conformance.exam import holds, is_nothing
from connectors.registry import make_connector
from hub.desk import Desk
from hub.inbox import key_owner
from hub.model import SHANGHAI
from hub.store.lookup import chunks
from hub.store.tables import case_records, data_keys, inbox_items, quarantine
from sync_jobs.pull import pull_instance
from sync_jobs.reconcile import reconcile_instance
from tests.hub_kit import open_desk
from tests.partner_benches import PRODUCTS, Opened, PartnerYard

HALF_A_DAY_S = 12 * 3600
MONTHS_END = datetime(2024, 9, 1, 9, tzinfo=SHANGHAI)
#: what a mode needs so that a month does not take one
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "429": {"seconds": 0},
    "delay": {"seconds": 0.01},
    "partial": {"seconds": 0},
}


@dataclass
class Outcome:
    """What one partner's month came to."""

    product: str
    listed: int = 0
    held: int = 0
    pulls: int = 0
    failed: int = 0
    incidents: Counter[str] = field(default_factory=Counter)
    #: how often each mode was on for a day
    modes: Counter[str] = field(default_factory=Counter)
    #: found by a comparison and repaired or removed
    mended: int = 0
    #: what is not as it should be at the end
    wrong: list[str] = field(default_factory=list)


@dataclass
class Month:
    """One partner and the hub's way to it."""

    seed: str
    desk: Desk
    partner: Opened
    connector: Connector
    outcome: Outcome
    rng: Random
    #: first day of its three days away; None: not in this stretch
    away_from: int | None = None
    is_away: bool = False

    async def command(self, do: str, **arguments: Any) -> Any:
        return await self.partner.command(do, **arguments)

    async def live_a_day(self, day: int) -> None:
        """Two halves of a day, each with a pull, and a comparison at night."""
        modes = await self._switch_on(day)
        for _ in range(2):
            await self._change_something(day)
            await self.command("advance", seconds=HALF_A_DAY_S)
            await self.pull()
        await self.compare()
        for mode in modes:
            await self.command("misbehave", mode=mode, times=0)

    async def pull(self) -> int:
        report = await pull_instance(self.desk, self.connector, self.partner.wire)
        self.outcome.pulls += 1
        self.outcome.failed += report.error is not None
        self.outcome.incidents += report.incidents
        return report.new

    async def compare(self) -> int:
        report = await reconcile_instance(self.desk, self.connector, self.partner.wire)
        self.outcome.mended += report.repaired + report.removed
        return len(report.differences)

    async def end(self) -> None:
        """Everything is switched off; whatever the partner still owes is sent; then both lists are compared."""
        for mode in (await self.command("misbehave"))["modes"]:
            await self.command("misbehave", mode=mode, times=0)
        now = _instant((await self.command("clock"))["clock"])
        await self.command("advance", seconds=max(0, int((MONTHS_END - now).total_seconds())))
        # a batch refused is repaired, sent under the next serial, and read by the next pull
        for _ in range(6):
            await self.partner.bench.settle()
            if not await self.pull() and self.connector.can_fetch:
                break
        await self.compare()
        left = await reconcile_instance(self.desk, self.connector, self.partner.wire)
        told = [f"{one.difference} {one.resolution}" for one in left.differences]
        if left.run is not None and left.run.error is not None:
            self.outcome.wrong.append(f"the last comparison failed: {left.run.error}")
        if told:
            self.outcome.wrong.append(f"differences that stay: {dict(Counter(told))}")
        self.outcome.wrong += await disagreements(self.desk, self.partner)
        self.outcome.listed = len(await self.partner.bench.view())
        self.outcome.held = len(await our_records(self.desk, self.partner.config.name))

    async def _switch_on(self, day: int) -> Sequence[str]:
        if self.away_from is not None and day == self.away_from:
            await self.command("misbehave", mode="outage", times=-1, days=3)
        known = sorted((await self.command("misbehave"))["modes"])
        drawn = self.rng.sample([mode for mode in known if mode != "outage"], self.rng.randrange(1, 3))
        for mode in drawn:
            times = self.rng.choice((1, 2, 5, -1))
            rate = self.rng.choice((0.2, 0.5, 1.0)) if times > 0 else 0.3
            await self.command("misbehave", mode=mode, times=times, rate=rate, **_OPTIONS.get(mode, {}))
            self.outcome.modes[mode] += 1
        return drawn

    async def _change_something(self, day: int) -> None:
        seed = f"{self.seed}/{day}/{self.rng.random()}"
        count = len(await self.command("view"))
        await self.command("edit", count=min(count, self.rng.randrange(0, 5)), seed=seed)
        if self.rng.random() < 0.2:
            # visible only now, with a stamp of long ago
            await self.partner.bench.add(1, back_s=self.rng.choice((60, 500, 4000, 90_000)))
        if self.rng.random() < 0.15:
            await self._delete_one(seed)

    async def _delete_one(self, seed: str) -> None:
        if self.partner.config.product == "police":
            # the police's list tells of a month; older calls have been told of for good
            month = (await self.command("clock"))["clock"][:7].replace("-", "")
            if not any(held["native_id"][13:19] == month for held in await self.command("view")):
                return
        await self.command("delete", count=1, seed=seed)


async def disagreements(desk: Desk, partner: Opened) -> list[str]:
    """How the partner's own list and ours differ; empty where they are equal."""
    instance = partner.config.name
    listed = {held.key: held for held in await partner.bench.view()}
    ours = await our_records(desk, instance)
    wrong = [f"{len(listed.keys() - ours.keys())} listed records are not held"] if listed.keys() - ours.keys() else []
    if ours.keys() - listed.keys():
        wrong.append(f"{len(ours.keys() - listed.keys())} held records are not listed")
    both = [held for key, held in listed.items() if key in ours]
    stale = [held for held in both if ours[held.key].version != held.version]
    if stale:
        wrong.append(f"{len(stale)} records are held in another version: {_shown(stale[0], ours[stale[0].key])}")
    other = [held for held in both if held not in stale and not await _is_same(partner, held, ours[held.key].bodies)]
    if other:
        wrong.append(f"{len(other)} records are held with another content")
    async with desk.store.read() as connection:
        query = (
            select(quarantine.c.code, inbox_items.c.native_id)
            .join(inbox_items, inbox_items.c.id == quarantine.c.inbox_item_id)
            .where(quarantine.c.instance == instance, quarantine.c.state == "OPEN")
        )
        aside = (await connection.execute(query)).all()
    # a damaged row that lost its own number, or whose record the partner took away, is never sent again under that
    # name: it rightly waits for a person
    present = {native_id for native_id, _ in listed}
    good = Counter(row.code for row in aside if row.native_id in present)
    if good:
        wrong.append(f"left in quarantine: {dict(good)}")
    return wrong


@dataclass(frozen=True)
class Ours:
    """A record as the hub holds it: its newest version's time, and the newest body of each of its items."""

    version: datetime | None
    bodies: tuple[bytes, ...]


def _shown(held: Held, ours: Ours) -> str:
    return f"theirs {held.version:%m-%d %H:%M:%S}, ours {ours.version.astimezone(SHANGHAI) if ours.version else None}"


async def _is_same(partner: Opened, held: Held, bodies: Sequence[bytes]) -> bool:
    values = [partner.bench.without_volatile(json.loads(body)) for body in bodies]
    wanted = [
        {name: value for name, value in row.items() if not is_nothing(value)}
        for row in await partner.bench.rows(held.native_id)
    ]
    # a court's id may have several rows, each a record of its own
    numbered = [
        row for row in wanted if ("ah" not in row and not held.native_no) or _half(row.get("ah")) == held.native_no
    ]
    return all(any(holds(value, row) for value in values) for row in numbered)


def _half(number: Any) -> str:
    return str(number or "").translate(str.maketrans("（）〔〕", "()〔〕"))


async def our_records(desk: Desk, instance: str) -> dict[tuple[str, str], Ours]:
    """Everything we hold of this partner and have not seen deleted."""
    c, i = case_records.c, inbox_items.c
    found: dict[tuple[str, str], Ours] = {}
    async with desk.store.read() as connection:
        query = select(c.id, c.native_id, c.native_no, c.native_updated_at).where(
            c.instance == instance, c.deleted_at_source.is_(None)
        )
        records = (await connection.execute(query.order_by(c.order_key))).all()
        newest: dict[tuple[str, str], Any] = {}
        for part in chunks([row.id for row in records]):
            items = (
                select(
                    i.id, i.record_id, i.part, i.order_key, i.body_sealed, data_keys.c.wrapped, data_keys.c.native_id
                )
                .join(data_keys, i.data_key_id == data_keys.c.id)
                .where(i.record_id.in_(part), i.state == "APPLIED")
                .order_by(i.order_key)
            )
            for row in await connection.execute(items):
                newest[row.record_id, row.part] = row
    bodies: dict[str, list[bytes]] = {}
    for (record_id, _), row in newest.items():
        key = desk.keys.open_data_key(row.wrapped, key_owner(instance, row.native_id))
        bodies.setdefault(record_id, []).append(key.open(row.body_sealed, row.id))
    for row in records:
        found[row.native_id, row.native_no] = Ours(row.native_updated_at, tuple(bodies.get(row.id, ())))
    return found


async def live_through(
    url: str, yard: PartnerYard, seed: str, *, days: int = 31, products: Sequence[str] = PRODUCTS
) -> list[Outcome]:
    """The last ``days`` days of August with all four partners; what each came to."""
    async with AsyncExitStack() as stack:
        desk = await stack.enter_async_context(open_desk(url))
        stack.enter_context(stamina.set_testing(True, attempts=5, cap=True))
        months = []
        for product in products:
            partner = await stack.enter_async_context(yard.opened(product, seed))
            rng = Random(f"{seed}|{product}")
            away = rng.randrange(0, days - 4) if days > 6 else None
            outcome = Outcome(product)
            months.append(Month(seed, desk, partner, make_connector(partner.config), outcome, rng, away))
        for month in months:
            await month.pull()
            await month.command("advance", seconds=(31 - days) * 86_400)
        for day in range(days):
            for month in months:
                await month.live_a_day(day)
        for month in months:
            await month.end()
        return [month.outcome for month in months]


def table_of(seed: str, outcomes: Sequence[Outcome]) -> str:
    """A line for each partner."""
    return "\n".join(
        f"{seed:>5} {one.product:9} listed {one.listed:4} held {one.held:4}  pulls {one.pulls:3} failed {one.failed:2} "
        f" incidents {one.incidents.total():4}  mended {one.mended:3}  modes {len(one.modes):2}  "
        f"{'EQUAL' if not one.wrong else 'WRONG: ' + '; '.join(one.wrong)}"
        for one in outcomes
    )


async def one_seed(seed: str, folder: Path, asked: argparse.Namespace) -> list[Outcome]:
    """A month in a database of its own."""
    from hub.store.migrate import upgrade_to_head

    url = asked.database or f"sqlite+aiosqlite:///{folder}/hub.db"
    await asyncio.to_thread(asyncio.run, upgrade_to_head(url))
    return await live_through(url, PartnerYard(folder, asked.scale), seed, days=asked.days, products=asked.products)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=0.02)
    parser.add_argument("--days", type=int, default=31)
    parser.add_argument("--products", nargs="+", default=PRODUCTS, choices=PRODUCTS)
    parser.add_argument("--database", default="", help="an empty database for one seed; a file of its own otherwise")
    asked = parser.parse_args()
    # the table says how often a partner was asked again
    stamina.instrumentation.set_on_retry_hooks([])
    wrong = 0
    for number in range(asked.first_seed, asked.first_seed + asked.seeds):
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            outcomes = asyncio.run(one_seed(str(number), Path(folder), asked))
        print(table_of(str(number), outcomes), f"{time.monotonic() - began:.0f} s", flush=True)
        wrong += sum(bool(one.wrong) for one in outcomes)
    print(f"{asked.seeds} seeds, {wrong} lists differ")
    return 1 if wrong else 0


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


if __name__ == "__main__":
    sys.exit(main())
