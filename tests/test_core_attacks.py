"""Attacks on the core: what a hostile partner, a crash, a second process or an odd order of arrival could break."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from connectors.court import CourtConnector
from connectors.court.rows import make_item
from hub.applying import apply_pending
from hub.desk import Desk
from hub.edges import RULE_1
from hub.inbox import keep_page
from hub.model import CaseFacts, Fact, Item, Source
from hub.sequencer import sequence_all
from hub.sight import EVERYTHING
from hub.store.tables import (
    case_records,
    disputes,
    handling_events,
    inbox_items,
    metadata,
    parties,
    quarantine,
    record_links,
    referrals,
    unsequenced,
)

from .court_kit import court_hub
from .databases import Database
from .hub_kit import CENTRE, COURT, PERSON, Clock, court_config, deliver, diverted, log, open_desk, row, snapshot

PRE = "(2024)甘0725民诉前调1号"


async def _all(desk: Desk, query: Any) -> Any:
    async with desk.store.read() as connection:
        return (await connection.execute(query)).all()


async def _one(desk: Desk, query: Any) -> Any:
    async with desk.store.read() as connection:
        return (await connection.execute(query)).scalar_one()


# --- law 2: versions


async def test_every_edit_of_one_second_is_seen_by_the_next_pull(database: Database) -> None:
    async with court_hub(database.url, scale=0.01) as hub:
        await hub.pull()
        (key, *_) = await hub.control("view")
        name = {"native_id": key["native_id"], "native_no": key["native_no"]}
        # the partner's clock stands still: all of this carries one stamp
        for claim in ("甲", "乙", "丙", "甲", "丁", "乙"):
            await hub.control("edit", **name, set={"claim": claim})
            assert (await hub.pull()).error is None
            content = await _one(
                hub.desk,
                select(case_records.c.content).where(
                    case_records.c.native_id == key["native_id"], case_records.c.native_no == key["native_no"]
                ),
            )
            assert content.startswith(claim)
        # and once it is settled nobody asks again and again
        assert (await hub.pull()).applied == 0


async def test_without_a_version_the_order_of_delivery_decides(database: Database) -> None:
    async with open_desk(database.url) as desk:
        long, short = row(gxsj=None, logs=[diverted()], claim="长"), row(gxsj=None, logs=[], claim="短")
        contents = []
        for page in ([long], [short], [long], [short, long, short]):
            await deliver(desk, page)
            contents.append((await _one(desk, select(case_records.c.content)))[0])
        assert contents == ["长", "短", "长", "短"]
        # a comparison re-read it; what is pulled later is newer all the same
        await deliver(desk, [long], settles_ties=True)
        await deliver(desk, [short])
        assert (await _one(desk, select(case_records.c.content)))[0] == "短"


async def test_a_masked_name_never_replaces_a_full_one(database: Database) -> None:
    full = row()["dsr"]
    hidden = [{**full[0], "xm": "王*", "zjhm": "6207**********4518", "zz": "清泉镇***"}, full[1]]
    half = [{**full[0], "xm": "王芳", "zjhm": "", "lxdh": "138****2345"}, full[1]]
    versions = [
        row(),
        row(dsr=half, gxsj="2024-06-01 09:00:00"),
        row(dsr=hidden, gxsj="2024-07-01 09:00:00"),
    ]
    seen = []
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)):
        async with open_desk(database.url) as desk:
            for number in order:
                await deliver(desk, [{**versions[number], "ajbs": f"n{len(seen)}"}])
            record_id = await _one(desk, select(case_records.c.id).where(case_records.c.native_id == f"n{len(seen)}"))
            rows = await _all(desk, select(parties).where(parties.c.record_id == record_id).order_by("position"))
            seen.append([(one.name, one.id_mask, one.id_index, one.phone_index, one.address) for one in rows])
    assert seen[0] == seen[1] == seen[2] == seen[3]
    assert seen[0][0][0] == "王芳" and seen[0][0][2] is not None and "*" not in seen[0][0][4]


# --- law 1: identity


async def test_a_record_whose_lineage_changed_before_its_number_is_not_held_twice(database: Database) -> None:
    async with court_hub(database.url, scale=0.01) as hub:
        await hub.control("add", rows=[row("d" * 32, gxsj="2024-07-01 09:00:00")])
        await hub.pull()
        before = await hub.figures()
        await hub.control("edit", native_id="d" * 32, native_no="", set={"originalCaseNo": PRE})
        await hub.pull()
        compared = await hub.reconcile()
        assert compared.held == compared.expected == len(await hub.control("view"))
        assert await hub.held() == compared.expected
        assert await hub.figures() == await hub.their_count() != before
        assert (await hub.reconcile()).differences == []


async def test_two_numbers_of_one_lineage_share_the_unnumbered_delivery_alike_in_any_order(database: Database) -> None:
    versions = [
        row(claim="未编号", gxsj="2024-03-08 09:00:00"),
        row(ah="(2024)甘0725民初1号", gxsj="2024-03-06 09:00:00"),
        row(ah="(2024)甘0725民初2号", gxsj="2024-03-07 09:00:00"),
    ]
    ends = []
    for number, order in enumerate(permutations(versions)):
        async with open_desk(database.url) as desk:
            for one in order:
                await deliver(desk, [{**one, "ajbs": f"k{number}", "fwlsh": f"Fk{number}"}])
            rows = await _all(
                desk,
                select(case_records.c.native_no, case_records.c.content, inbox_items.c.native_no)
                .join(inbox_items, inbox_items.c.record_id == case_records.c.id)
                .where(case_records.c.native_id == f"k{number}"),
            )
            ends.append(sorted(tuple(one) for one in rows))
    assert all(end == ends[0] for end in ends), ends


# --- poison


class Poisoned(CourtConnector):
    """A mapping that says something impossible of one record."""

    def __init__(self, **said: Any) -> None:
        super().__init__(court_config())
        self.said = said

    def map(self, item: Item) -> Sequence[Fact]:
        facts = list(super().map(item))
        if isinstance(facts[0], CaseFacts) and facts[0].native_id == "bad":
            facts[0] = replace(facts[0], **self.said)
        return facts


POISON: list[dict[str, Any]] = [
    {"people_involved": 2**80},
    {"category": "\ud800"},
    {"category": "a\x00b"},
    {"title": None},
    {"lineage": "长" * 40_000 + "".join(random.Random(1).choices("0123456789abcdef", k=20_000))},
    {"unit_key": "".join(random.Random(2).choices("0123456789abcdef", k=20_000))},
    {"received_at": datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-8)))},
    {"tie_break": ("a",)},
]


@pytest.mark.parametrize("said", POISON, ids=lambda said: f"{next(iter(said))}-{str(next(iter(said.values())))[:6]!a}")
async def test_a_poisoned_record_stands_aside_alone(database: Database, said: dict[str, Any]) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, [row("a1"), row("bad"), row("a2", logs=[diverted()])], apply=False)
        applied = await apply_pending(desk, COURT, Poisoned(**said))
        waiting = select(func.count()).select_from(inbox_items).where(inbox_items.c.state == "PENDING")
        assert await _one(desk, waiting) == 0
        held = {one.native_id for one in await _all(desk, select(case_records))}
        assert {"a1", "a2"} <= held and applied.items == 3
        # what a database takes is no poison to it
        assert ("bad" in held) == (applied.quarantined == 0)
        if database.kind == "postgresql" and "lineage" not in said:
            assert applied.quarantined == 1
        for one in await _all(desk, select(quarantine)):
            assert len(one.hint) < 100


@pytest.mark.parametrize("field", ["ajbs", "ah", "originalCaseCode", "gxsj"])
async def test_a_row_with_an_endless_field_does_not_stop_its_page(database: Database, field: str) -> None:
    endless = "".join(random.Random(3).choices("0123456789abcdef", k=30_000))
    async with open_desk(database.url) as desk:
        await deliver(desk, [row("a1"), row("b1", **{field: endless}) if field != "ajbs" else row(endless), row("a2")])
        held = {one.native_id for one in await _all(desk, select(case_records))}
        assert {"a1", "a2"} <= held
        waiting = select(func.count()).select_from(inbox_items).where(inbox_items.c.state == "PENDING")
        assert await _one(desk, waiting) == 0


async def test_a_failing_disk_is_not_the_items_fault(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from hub.records import Family

    write, calls = Family.write, []

    async def failing(self: Family, tx: Any, works: Any) -> None:
        calls.append(1)
        if len(calls) <= 3:
            raise OperationalError("INSERT", {}, Exception("database or disk is full"))
        await write(self, tx, works)

    monkeypatch.setattr(Family, "write", failing)
    async with open_desk(database.url) as desk:
        for _ in range(4):
            try:
                await deliver(desk, [row("a1"), row("a2")])
            except OperationalError:
                continue
        assert len(await _all(desk, select(case_records))) == 2
        assert await _all(desk, select(quarantine)) == []


# --- two processes


async def test_two_processes_that_apply_the_same_items_agree(database: Database) -> None:
    rows = [
        row(f"a{n % 12}", claim=f"版本{n}", gxsj=f"2024-03-05 09:{n % 60:02d}:00", fwlsh=f"F{n % 4}",
            logs=[diverted(), log(60, "2024-03-20 10:00:00", tjjg=str(1 + n % 3))][: n % 3])
        for n in range(90)
    ]  # fmt: skip
    random.Random(5).shuffle(rows)
    async with open_desk(database.url) as one, open_desk(database.url) as other:
        await deliver(one, rows, apply=False)
        results = await asyncio.gather(
            *(apply_pending(desk, COURT, CourtConnector(court_config()), batch=7) for desk in (one, other)),
            return_exceptions=True,
        )
        assert [result for result in results if isinstance(result, BaseException)] == []
        assert await _all(one, select(quarantine)) == []
        together = await snapshot(one)
    async with open_desk(database.url) as desk:
        async with desk.store.write() as tx:
            # the same once more, alone: nothing changes
            await tx.execute(text("UPDATE inbox_items SET state = 'PENDING'"))
        await apply_pending(desk, COURT, CourtConnector(court_config()))
        assert await snapshot(desk) == together
        newest = {n % 12: f"版本{n}" for n in sorted(range(90), key=lambda n: n % 60)}
        for one_row in await _all(desk, select(case_records)):
            assert one_row.native_updated_at is not None
        assert newest


async def test_two_instances_that_apply_side_by_side_miss_no_link(database: Database) -> None:
    other_court = Source("court2", "court", COURT.live_from, "620725000000")
    async with open_desk(database.url) as one, open_desk(database.url) as other:
        for n in range(12):
            first, second = row(f"x{n}", fwlsh=f"S{n}"), row(f"y{n}", fwlsh=f"S{n}")
            async with one.store.write() as tx:
                await keep_page(tx, one, instance="court", run_id="r", origin="PULL", items=[make_item(first)])
            async with one.store.write() as tx:
                await keep_page(tx, one, instance="court2", run_id="r", origin="PULL", items=[make_item(second)])
            connector = CourtConnector(court_config())
            await asyncio.gather(apply_pending(one, COURT, connector), apply_pending(other, other_court, connector))
        rows = await _all(one, select(case_records.c.unit_key, case_records.c.dispute_id))
        assert len(rows) == 24
        assert len({one_row.dispute_id for one_row in rows}) == 12


async def test_who_is_done_sequencing_lets_the_next_begin(database: Database) -> None:
    clock = Clock()
    async with open_desk(database.url, clock) as desk:
        await deliver(desk, [row("a1")])
        assert await sequence_all(desk, holder="one") > 0
        await deliver(desk, [row("a2")])
        assert await sequence_all(desk, holder="two") > 0
        assert await _one(desk, select(func.count()).select_from(unsequenced)) == 0


# --- law 7: nothing of a citizen where it does not belong


HIDDEN = (PERSON, "13919876543")


@pytest.mark.parametrize(
    "spelling", ["ID{}", "{}*", "0086{}", "x{}x", "{}/{}"],
)  # fmt: skip
async def test_numbers_in_odd_places_and_spellings_are_in_no_column(database: Database, spelling: str) -> None:
    def planted(ajbs: str, number: str) -> dict[str, Any]:
        # the prefix of a foreign call stands before phones only
        words = spelling.removeprefix("0086" if number == PERSON else "").replace("{}", number)
        party = {"dsrlx": words, "xm": words, "zjlx": words, "zjhm": words, "lxdh": words, "xzqhdm": words, "zz": words}
        lines = [
            log(80, "2024-03-06 10:00:00", org=CENTRE, mode=words, by=words, sldh=words, caseState=words),
            log(60, "2024-03-08 10:00:00", tjjg="1", tjxybh=words, bcgyy=words, wzyss=words, sldh=words),
            log(981, "2024-03-09 10:00:00", sldh=words, tjxybh=words),
        ]
        return row(ajbs, laaymc=words, claim=words, facts=words, dsr=[party], logs=lines, caseCause=words, ajzt=words,
                   ajlb=words, saly=words)  # fmt: skip

    async with open_desk(database.url) as desk:
        await deliver(desk, [planted(f"p{n}", number) for n, number in enumerate(HIDDEN)])
        await sequence_all(desk)
        found = []
        async with desk.store.read() as connection:
            for table in metadata.sorted_tables:
                for one in await connection.execute(text(f"SELECT * FROM {table.name}")):
                    for column, value in one._mapping.items():
                        shown = value if isinstance(value, bytes) else str(value).encode()
                        found += [(table.name, column) for number in HIDDEN if number.encode() in shown]
        assert sorted(set(found)) == []


# --- figures


async def test_the_latest_result_of_a_filing_counts_even_where_its_code_is_unknown(database: Database) -> None:
    from datetime import date

    from hub import figures

    agreed = log(60, "2024-03-20 10:00:00", tjjg="1", tjxybh="X")
    odd = log(61, "2024-03-22 10:00:00", tjjg="9")
    async with open_desk(database.url) as desk:
        await deliver(desk, [
            row("a1", ah=PRE, fwlsh="S1", logs=[diverted(), agreed]),
            row("a1", ah="(2024)甘0725民初1号", fwlsh="S1", originalCaseNo=PRE, logs=[odd]),
            row("a2", fwlsh="S2", lxrq="31JUL24", logs=[log(60, "2024-03-20 10:00:00", tjjg="1", tjxybh="X")]),
            row("a3", fwlsh="S3", lxrq="2024-08-01", logs=[diverted()]),
            row("a4", fwlsh="S4", lxrq="2023-12-31", logs=[diverted()]),
            row("a5", fwlsh="S5", lxrq="2024-01-01", logs=[diverted(), odd, agreed]),
            row("a6", fwlsh="S5", lxrq="2023-12-31", ajlb="0401"),
            row("a7", fwlsh="S2", ajlb="0901", logs=[diverted()]),
        ])  # fmt: skip
        async with desk.store.read() as connection:
            k1, k2a, *_ = await figures.compute(connection, EVERYTHING, None, date(2024, 1, 1), date(2024, 8, 1))
        assert (k1.denominator, k1.numerator, k2a.numerator) == (3, 3, 1)


# --- growth


async def test_many_rows_of_one_filing_do_not_link_each_to_each(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, [row(f"m{n}", fwlsh="same") for n in range(300)])
        named = select(func.count()).select_from(record_links).where(record_links.c.decided_by == RULE_1)
        assert await _one(desk, named) <= 600
        assert len({one.dispute_id for one in await _all(desk, select(case_records))}) == 1


# --- reconcile


async def test_what_was_numbered_while_we_looked_is_not_gone(database: Database) -> None:
    async with court_hub(database.url, scale=0.01) as hub:
        await hub.control("add", rows=[row("e" * 32, gxsj="2024-07-01 09:00:00")])
        await hub.pull()
        digest = hub.connector.digest

        async def leaky(wire: Any, window: Any) -> Any:
            async for entry in digest(wire, window):
                if entry.native_id != "e" * 32:
                    yield entry
            await hub.control("edit", native_id="e" * 32, native_no="", set={"ah": PRE})

        hub.connector.digest = leaky  # type: ignore[method-assign]
        compared = await hub.reconcile()
        assert compared.removed == 0
        (record,) = await _all(hub.desk, select(case_records).where(case_records.c.native_id == "e" * 32))
        assert (record.native_no, record.deleted_at_source) == (PRE, None)
        kinds = {one.kind for one in await _all(hub.desk, select(handling_events).where(
            handling_events.c.record_id == record.id))}  # fmt: skip
        assert "SOURCE_DELETED" not in kinds


async def test_a_comparison_that_breaks_off_marks_nothing_as_gone(database: Database) -> None:
    from hub.errors import TransientError

    async with court_hub(database.url, scale=0.01) as hub:
        await hub.pull()
        held = await hub.held()
        digest = hub.connector.digest

        async def broken(wire: Any, window: Any) -> Any:
            async for entry in digest(wire, window):
                yield entry
                raise TransientError("cut", kind="CUT_ANSWER")

        hub.connector.digest = broken  # type: ignore[method-assign]
        compared = await hub.reconcile()
        assert compared.run is not None and compared.run.error is not None
        assert compared.removed == 0 and await hub.held() == held


async def test_a_removed_record_listed_again_is_held_and_a_repeat_does_not_revive_it(database: Database) -> None:
    async with court_hub(database.url, scale=0.01) as hub:
        gone = row("f" * 32, gxsj="2024-07-01 09:00:00")
        await hub.control("add", rows=[gone])
        await hub.pull()
        await hub.control("delete", native_id="f" * 32, native_no="")
        assert (await hub.reconcile()).removed == 1
        await deliver(hub.desk, [gone, {**gone, "gxsj": "2024-06-01 09:00:00", "claim": "更早"}])
        assert await _one(hub.desk, select(case_records.c.deleted_at_source).where(
            case_records.c.native_id == "f" * 32)) is not None  # fmt: skip
        await hub.control("add", rows=[gone])
        compared = await hub.reconcile()
        assert compared.is_equal and compared.held == compared.expected
        assert await hub.held() == compared.expected


# --- law 13: components


def _components(facts: dict[int, dict[str, Any]]) -> list[set[int]]:
    """Union-find over what the newest versions say, written apart from the hub's own."""
    parent = {number: number for number in facts}

    def root(number: int) -> int:
        while parent[number] != number:
            number = parent[number]
        return number

    for one, mine in facts.items():
        for other, theirs in facts.items():
            if (
                mine["fwlsh"] == theirs["fwlsh"]
                or mine["originalCaseNo"] == theirs["ah"]
                or mine["originalCaseCode"] == theirs["ajbs"]
            ):
                parent[root(one)] = root(other)
    found: dict[int, set[int]] = {}
    for number in facts:
        found.setdefault(root(number), set()).add(number)
    return list(found.values())


def _random_version(random_: random.Random, number: int, size: int, minute: int) -> dict[str, Any]:
    def other() -> int:
        return random_.randrange(size)

    return row(
        f"r{number}", ah=f"(2024)甘0725民初{number + 1}号", lxrq=f"2024-03-{1 + (number * 7) % 28:02d}",
        fwlsh=f"S{random_.choice((number, number, number, 900, 901))}",
        originalCaseNo=f"（2024）甘0725民初{other() + 1}号" if random_.random() < 0.3 else None,
        originalCaseCode=f"r{other()}" if random_.random() < 0.2 else None,
        ajlb=random_.choice(("0301", "0301", "0901")),
        gxsj=f"2024-06-01 {minute:02d}:{random_.randrange(60):02d}:{random_.randrange(60):02d}",
    )  # fmt: skip


async def _random_graph(url: str, seed: int) -> None:
    random_ = random.Random(seed)
    size, told, ever = 9, dict[int, dict[str, Any]](), set[int]()
    codes: dict[int, str] = {}
    known_codes: set[str] = set()
    async with open_desk(url) as desk:
        for step in range(10):
            page = [
                # mostly newer than all before, now and then a late older version
                _random_version(random_, random_.randrange(size), size, random_.choice((step, step, 12 + step, 0)))
                for _ in range(random_.choice((1, 1, 2, 5)))
            ]
            await deliver(desk, page)
            for one in page:
                number = int(one["ajbs"][1:])
                if one["ajlb"] != "0901":
                    ever.add(number)
                if number not in told or one["gxsj"] > told[number]["gxsj"]:
                    named = (one["originalCaseNo"] or "").replace("（", "(").replace("）", ")")
                    told[number] = {**one, "originalCaseNo": named}
            rows = await _all(
                desk,
                select(case_records.c.native_id, case_records.c.dispute_id, disputes.c.code).outerjoin(
                    disputes, disputes.c.id == case_records.c.dispute_id
                ),
            )
            held = {int(one.native_id[1:]): one for one in rows}
            assert held.keys() == told.keys()
            components = _components(told)
            placed: dict[str, set[int]] = {}
            for number, one in held.items():
                if one.dispute_id:
                    placed.setdefault(one.dispute_id, set()).add(number)
            wanted = [part for part in components if part & ever]
            assert sorted(map(sorted, placed.values())) == sorted(map(sorted, wanted)), seed

            def received(number: int) -> tuple[str, str]:
                return told[number]["lxrq"], told[number]["ajbs"]

            claimed: set[str] = set()
            for part in sorted(wanted, key=lambda part: min(received(number) for number in part & ever)):
                opening = sorted(part & ever, key=received)
                kept = next((codes[n] for n in opening if n in codes and codes[n] not in claimed), None)
                now = held[opening[0]].code
                if kept is not None:
                    assert now == kept, (seed, step)
                claimed.add(now)
            codes = {number: one.code for number, one in held.items() if one.code}
            known_codes |= set(codes.values())
            by_id = {one.id: one for one in await _all(desk, select(disputes))}
            assert known_codes <= {one.code for one in by_id.values()}
            live = {one.id for one in by_id.values() if one.is_live}
            assert live == set(placed), (seed, step)
            for one in by_id.values():
                following, hops = one, 0
                while following.merged_into and hops < 20:
                    following, hops = by_id[following.merged_into], hops + 1
                assert hops < 20 and (following.is_live or not one.merged_into), (seed, step)


@pytest.mark.parametrize("crowd", [20, 2])
def test_components_follow_the_references_as_they_come_and_go(
    _sqlite: Any, monkeypatch: pytest.MonkeyPatch, crowd: int
) -> None:
    monkeypatch.setattr("hub.linking.CROWD", crowd)
    for seed in range(4):
        with _sqlite.migrated() as made:
            asyncio.run(_random_graph(made.url, seed))


# --- law 3: what appears and vanishes with the facts


async def _standing(desk: Desk, kind: str) -> list[Any]:
    """Events of this kind that nothing took back."""
    events = await _all(desk, select(handling_events).where(handling_events.c.kind == kind))
    replaced = {one.previous_id for one in events}
    return [one for one in events if one.operation != "RETRACT" and one.id not in replaced]


async def test_an_impossible_sequence_appears_and_vanishes_with_its_facts(database: Database) -> None:
    result = log(60, "2024-03-20 10:00:00", tjjg="1", tjxybh="X")
    async with open_desk(database.url) as desk:
        await deliver(desk, [row(logs=[result])])
        (odd,) = await _standing(desk, "ANOMALY")
        assert (odd.source, odd.data["rule"], odd.record_id is not None) == ("hub", "RESULT_WITHOUT_REFERRAL", True)
        # the fact itself is kept
        assert len(await _standing(desk, "RESULT_RECORDED")) == 1
        await deliver(desk, [row(logs=[diverted(), result], gxsj="2024-03-21 09:00:00")])
        assert await _standing(desk, "ANOMALY") == []
        # a late older version brings nothing back
        await deliver(desk, [row(logs=[result], gxsj="2024-03-20 23:00:00")])
        assert await _standing(desk, "ANOMALY") == []
        early = log(80, "2024-03-01 10:00:00", org=CENTRE, mode="委派")
        await deliver(desk, [row(logs=[early, result], gxsj="2024-03-22 09:00:00")])
        assert [one.data["rule"] for one in await _standing(desk, "ANOMALY")] == ["BEFORE_REGISTRATION"]


async def test_contradicting_results_appear_and_vanish_with_their_facts(database: Database) -> None:
    def ended(ajbs: str, tjjg: str, gxsj: str, **changes: Any) -> dict[str, Any]:
        logs = [diverted(), log(60, "2024-03-20 10:00:00", tjjg=tjjg, tjxybh="X", bcgyy="5" if tjjg == "2" else None)]
        return row(ajbs, logs=logs, gxsj=f"2024-03-{gxsj} 09:00:00", **changes)

    async with open_desk(database.url) as desk:
        await deliver(desk, [ended("a1", "1", "21"), ended("a2", "2", "21")])
        assert await _standing(desk, "CONFLICTING_RESULTS") == []
        await deliver(desk, [ended("a2", "2", "22", originalCaseCode="a1")])
        (conflict,) = await _standing(desk, "CONFLICTING_RESULTS")
        held = {one.id for one in await _all(desk, select(referrals))}
        assert conflict.dispute_id and set(conflict.data["referrals"]) == held and conflict.source == "hub"
        await deliver(desk, [ended("a2", "1", "23", originalCaseCode="a1")])
        assert await _standing(desk, "CONFLICTING_RESULTS") == []
        await deliver(desk, [ended("a2", "3", "24", originalCaseCode="a1")])
        assert len(await _standing(desk, "CONFLICTING_RESULTS")) == 1
        await deliver(desk, [ended("a2", "3", "25")])
        assert await _standing(desk, "CONFLICTING_RESULTS") == []


async def test_a_well_behaved_court_shows_no_oddity(_sqlite: Any) -> None:
    with _sqlite.migrated() as made:
        async with court_hub(made.url, scale=0.1) as hub:
            await hub.pull()
            assert await _standing(hub.desk, "ANOMALY") == []
            assert await _standing(hub.desk, "CONFLICTING_RESULTS") == []


async def test_rows_no_index_takes_are_counted_in_quarantine(database: Database) -> None:
    endless = "".join(random.Random(4).choices("0123456789abcdef", k=9_000))
    async with court_hub(database.url, scale=0.01) as hub:
        odd = [
            row("7" * 32, fwlsh=endless, gxsj="2024-07-02 09:00:00"),
            row("8" * 32, originalCaseNo=endless, gxsj="2024-07-02 09:00:00"),
            row("9" * 32, lxrq="never", gxsj="2024-07-02 09:00:00"),
            row("6" * 32, ah=endless, gxsj="2024-07-02 09:00:00"),
        ]
        await hub.control("add", rows=odd)
        report = await hub.pull()
        assert (report.error, report.quarantined) == (None, 4)
        for _ in range(2):
            compared = await hub.reconcile()
            assert compared.quarantined == 4
            assert compared.held + compared.quarantined == compared.expected == len(await hub.control("view"))
        # repaired by the partner, the row is held
        await hub.control("edit", native_id="7" * 32, native_no="", set={"fwlsh": "F7"})
        await hub.pull()
        compared = await hub.reconcile()
        assert compared.quarantined == 3 and compared.is_equal


async def test_where_a_dispute_stands_follows_its_records(database: Database) -> None:
    def course(ajbs: str, *lines: dict[str, Any], **changes: Any) -> dict[str, Any]:
        return row(ajbs, **{"logs": list(lines), **changes})

    agreed = log(60, "2024-03-20 10:00:00", tjjg="1", tjxybh="X")
    failed = log(60, "2024-03-20 10:00:00", tjjg="2", bcgyy="5")
    accepted, declined = log(1, "2024-03-07 10:00:00"), log(4, "2024-03-07 10:00:00", bcgyy="不属本中心")
    entrusted = log(80, "2024-03-10 10:00:00", org=CENTRE, mode="委托")
    elsewhere = log(80, "2024-03-06 10:00:00", org="620725999999", mode="委派")
    docketed = {"ah": "(2024)甘0725民初7号", "caseStatus": 130}
    table = {
        "REGISTERED": [course("s1"), course("s2", diverted(), declined), course("s3", elsewhere)],
        "ASSIGNED": [course("s4", diverted()), course("s5", diverted(), declined, diverted("2024-03-09 10:00:00")),
                     course("s6", diverted(), failed, diverted("2024-03-25 10:00:00"))],
        "IN_PROGRESS": [course("s7", diverted(), accepted), course("s8", entrusted, log(1, "2024-03-11 10:00:00"),
                                                                   ajzt="调解中", **docketed)],
        "RESOLVED": [course("s9", diverted(), accepted, agreed),
                     course("t1", entrusted, agreed, ajzt="已结案", **docketed),
                     course("t2", diverted(), log(60, "2024-03-20 10:00:00", tjjg="3")),
                     course("t3", diverted(), failed, log(61, "2024-03-22 10:00:00", tjjg="1", tjxybh="Y"))],
        "UNRESOLVED": [course("t4", diverted(), accepted, failed),
                       course("t5", entrusted, failed, ajzt="已结案", **docketed)],
        "EXITED": [course("t6", ajzt="已正式立案", **docketed), course("t7", elsewhere, ajzt="已正式立案", **docketed)],
        "REJECTED": [course("t8", ajzt="不予受理")],
    }  # fmt: skip
    async with open_desk(database.url) as desk:
        # each its own matter: numbers of one text would be one reference
        for state, rows in table.items():
            await deliver(desk, [{**one, "ah": one["ah"] and f"(2024)甘0725民初{900 + int(one['ajbs'][1:])}号"}
                                 for one in rows])  # fmt: skip
            found = await _all(
                desk, select(case_records.c.native_id, disputes.c.state, disputes.c.holder_code)
                .join(disputes, disputes.c.id == case_records.c.dispute_id))  # fmt: skip
            told = {one.native_id: (one.state, one.holder_code) for one in found}
            for one in rows:
                assert told[one["ajbs"]][0] == state, one["ajbs"]
                is_open = state in ("ASSIGNED", "IN_PROGRESS")
                assert told[one["ajbs"]][1] == (CENTRE if is_open else "620725000000")
