"""Versions, numbers, order of arrival: what a record is does not depend on how its deliveries came."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from hub.store.tables import (
    case_records,
    disputes,
    handling_events,
    inbox_items,
    inbox_pages,
    metadata,
    record_entries,
    referrals,
)

from .databases import Database
from .hub_kit import CENTRE, deliver, diverted, log, open_desk, row, snapshot

NO = "(2024)甘0725民诉前调1号"


async def _all(desk: Any, query: Any) -> Any:
    async with desk.store.read() as connection:
        return (await connection.execute(query)).all()


async def _counts(desk: Any) -> dict[str, int]:
    async with desk.store.read() as connection:
        return {
            table.name: (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for table in metadata.sorted_tables
        }


async def test_a_filing_becomes_a_dispute_with_history(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, [row(logs=[diverted()], caseStatus=170, ajlb="9901", ajzt="待指派调解")])
        (dispute,) = await _all(desk, select(disputes))
        assert (dispute.state, dispute.channel, dispute.category) == ("ASSIGNED", "LITIGATION", "0804")
        assert dispute.holder_code == CENTRE
        assert dispute.code.startswith("JF620725-2024-")
        assert dispute.region_code == "620725101202"
        kinds = [one.kind for one in await _all(desk, select(handling_events).order_by(handling_events.c.occurred_at))]
        assert kinds[:2] == ["REGISTERED", "REFERRED"]
        (referral,) = await _all(desk, select(referrals))
        assert (referral.state, referral.direction, referral.mode) == ("SENT", "IN", "DELEGATE")
        assert referral.owes_return


async def test_second_delivery_changes_nothing(database: Database) -> None:
    async with open_desk(database.url) as desk:
        rows = [row(logs=[diverted()]), row("a2"), row("a3", originalCaseCode="a1")]
        await deliver(desk, rows)
        before, counts = await snapshot(desk), await _counts(desk)
        kept, applied = await deliver(desk, [rows[0], *rows])
        assert (kept.new, applied.items if applied else None) == (0, 0)
        assert await snapshot(desk) == before
        assert await _counts(desk) == counts


async def test_content_that_returns_is_a_third_version(database: Database) -> None:
    async with open_desk(database.url) as desk:
        for gxsj, claim in (("09:00:00", "A"), ("10:00:00", "B"), ("11:00:00", "A")):
            await deliver(desk, [row(claim=claim, gxsj=f"2024-03-05 {gxsj}")])
        (record,) = await _all(desk, select(case_records))
        assert record.content.startswith("A")
        assert len(await _all(desk, select(inbox_items))) == 3


async def test_a_late_number_renames_its_record(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, [row()])
        await deliver(desk, [row(ah="（2024）甘0725民诉前调1号", gxsj="2024-03-07 09:00:00")])
        (record,) = await _all(desk, select(case_records))
        assert record.native_no == NO
        kinds = [one.kind for one in await _all(desk, select(handling_events))]
        assert kinds.count("NUMBERED") == 1 and kinds.count("REGISTERED") == 1
        # the unnumbered delivery once more, and one that was never seen: both are older versions of the record
        await deliver(desk, [row(), row(claim="更早", gxsj="2024-03-05 08:00:00")])
        (record,) = await _all(desk, select(case_records))
        assert record.native_no == NO and not record.content.startswith("更早")
        assert {one.record_id for one in await _all(desk, select(inbox_items))} == {record.id}


async def test_a_second_number_is_a_further_record_of_the_same_dispute(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, [row(ah=NO, ajlb="9901", caseStatus=170, ajzt="已结案", logs=[
            diverted(), log(60, "2024-03-20 10:00:00", tjjg="2", bcgyy="5", wzyss="欠款属实")])])  # fmt: skip
        await deliver(desk, [row(ah="(2024)甘0725民初9号", originalCaseNo="（2024）甘0725民诉前调1号", caseStatus=130,
                                 ajzt="已正式立案", gxsj="2024-03-25 09:00:00", lxrq="2024-03-25")])  # fmt: skip
        records = await _all(desk, select(case_records))
        assert len(records) == 2 and len({one.dispute_id for one in records}) == 1
        (dispute,) = await _all(desk, select(disputes))
        assert (dispute.state, dispute.outcome, dispute.record_count) == ("EXITED", "DOCKETED", 2)


async def test_a_reference_waits_for_its_target(database: Database) -> None:
    async with open_desk(database.url) as desk:
        later = row("b1", ah="(2024)甘0725民初9号", originalCaseNo=NO, originalCaseCode="a1", fwlsh="F-other",
                    ajzt="已正式立案", caseStatus=130, gxsj="2024-04-25 09:00:00", lxrq="2024-04-25")  # fmt: skip
        await deliver(desk, [later])
        await deliver(desk, [row("a1", ah=None)])
        await deliver(desk, [row("a1", ah=NO, gxsj="2024-03-08 09:00:00")])
        records = await _all(desk, select(case_records))
        assert len({one.dispute_id for one in records}) == 1
        live = [one for one in await _all(desk, select(disputes)) if one.merged_into is None]
        assert len(live) == 1 and live[0].registered_at.isoformat().startswith("2024-03-04T16:00")
        # taken back: the reference falls, the two part again and each answers by its own code
        codes = {one.code for one in await _all(desk, select(disputes))}
        taken_back = {"originalCaseNo": None, "originalCaseCode": None, "gxsj": "2024-05-01 09:00:00"}
        await deliver(desk, [{**later, **taken_back}])
        after = await _all(desk, select(disputes).where(disputes.c.merged_into.is_(None)))
        assert len(after) == 2 and {one.code for one in after} >= codes
        kinds = {one.kind for one in await _all(desk, select(handling_events))}
        assert {"MERGED", "UNMERGED"} <= kinds or len(codes) == 1


async def test_an_entry_that_vanishes_is_retracted_and_one_that_changes_is_superseded(database: Database) -> None:
    async with open_desk(database.url) as desk:
        result = log(60, "2024-03-20 10:00:00", tjjg="2", bcgyy="5")
        await deliver(desk, [row(logs=[diverted(), result])])
        agreed = {**result, "tjjg": "1", "tjxybh": "X1"}
        await deliver(desk, [row(logs=[diverted(), agreed], gxsj="2024-03-21 09:00:00")])
        await deliver(desk, [row(logs=[diverted()], gxsj="2024-03-22 09:00:00")])
        told = [
            (one.operation, one.data.get("tjjg"))
            for one in await _all(
                desk, select(handling_events).where(handling_events.c.kind == "RESULT_RECORDED")
                .order_by(handling_events.c.stream_seq)
            )
        ]  # fmt: skip
        assert told == [("ASSERT", "2"), ("SUPERSEDE", "1"), ("RETRACT", None)]
        live = await _all(desk, select(record_entries).where(record_entries.c.is_live))
        assert {one.kind for one in live} == {"REGISTERED", "REFERRED"}
        (dispute,) = await _all(desk, select(disputes))
        assert dispute.state == "ASSIGNED"


async def test_a_masked_number_never_replaces_a_full_one(database: Database) -> None:
    masked = {"dsrlx": "原告", "xm": "王芳", "zjlx": "111", "zjhm": "6207**********4518", "lxdh": "138****2345",
              "xzqhdm": "620725101201", "zz": ""}  # fmt: skip
    full = row()["dsr"]
    older, newer = row(), row(dsr=[masked, full[1]], gxsj="2024-06-01 09:00:00")
    seen = []
    for order in ([older, newer], [newer, older]):
        async with open_desk(database.url) as desk:
            for one in order:
                await deliver(desk, [{**one, "ajbs": f"m{len(seen)}"}])
            parties = await _all(desk, select(metadata.tables["parties"]).order_by("record_id", "position"))
            seen.append([(one.id_mask, one.id_index, one.phone_index is None) for one in parties][-2:])
    assert seen[0] == seen[1]
    assert seen[0][0][1] is not None


@pytest.mark.parametrize("ajbs", [None, ""])
async def test_an_item_without_identity_is_quarantined_alone(database: Database, ajbs: str | None) -> None:
    async with open_desk(database.url) as desk:
        _, applied = await deliver(desk, [row("a1"), row(ajbs=ajbs), row("a2", lxrq="never")])  # type: ignore[arg-type]
        assert applied is not None and (applied.items, applied.quarantined) == (3, 2)
        assert len(await _all(desk, select(case_records))) == 1
        codes = {one.code for one in await _all(desk, select(metadata.tables["quarantine"]))}
        assert codes == {"MISSING_AJBS", "BAD_LXRQ"}
        # repaired by the partner: the newer version is applied
        await deliver(desk, [row("a2", gxsj="2024-03-06 09:00:00")])
        assert len(await _all(desk, select(case_records))) == 2


async def test_a_page_of_repeats_leaves_no_page(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, [row()])
        await deliver(desk, [row()])
        assert len(await _all(desk, select(inbox_pages))) == 1
