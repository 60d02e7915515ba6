"""The whole way in, over real HTTP: the simulated court is pulled, goes wrong in every way, and nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select, text

from hub.store.tables import case_records, connector_incidents, connector_states, inbox_items, sync_runs

from .court_kit import court_hub
from .databases import Database
from .hub_kit import row


async def _scalar(hub: Any, query: Any) -> Any:
    async with hub.desk.store.read() as connection:
        return (await connection.execute(query)).scalar_one()


async def test_a_pull_holds_everything_and_a_second_one_changes_nothing(database: Database) -> None:
    async with court_hub(database.url) as hub:
        first = await hub.pull()
        assert first.error is None and first.quarantined == 0 and first.new == first.applied
        listed = await hub.control("view")
        assert await hub.held() == len(listed)
        compared = await hub.reconcile()
        assert (compared.expected, compared.held, compared.quarantined) == (len(listed), len(listed), 0)
        assert compared.differences == [] and compared.repaired == 0
        second = await hub.pull()
        assert (second.new, second.applied) == (0, 0)
        assert await hub.figures() == await hub.their_count()


@pytest.mark.parametrize("seed", [1, 20260, 987654])
async def test_figures_equal_the_partners_own_count_after_random_changes(database: Database, seed: int) -> None:
    async with court_hub(database.url, seed=seed) as hub:
        await hub.pull()
        for step in range(3):
            await hub.control("edit", count=15, seed=f"{seed}/{step}")
            await hub.control("delete", count=2, seed=f"{seed}/{step}")
            await hub.control("advance", seconds=3600 * 20)
            await hub.pull()
        compared = await hub.reconcile()
        assert compared.held + compared.quarantined == compared.expected == len(await hub.control("view"))
        assert compared.quarantined == 0
        assert await hub.figures() == await hub.their_count()
        again = await hub.reconcile()
        assert again.differences == [] and again.expected == again.held


async def test_edits_of_one_second_end_in_what_the_partner_holds(database: Database) -> None:
    async with court_hub(database.url) as hub:
        await hub.pull()
        # the partner's clock stands still: every change of a row falls into one second
        (key, *_) = await hub.control("view")
        name = {"native_id": key["native_id"], "native_no": key["native_no"]}
        for claim in ("甲", "乙", "甲", "丙", "乙"):
            await hub.control("edit", **name, set={"claim": claim})
            report = await hub.pull()
            assert report.error is None
        content = await _scalar(
            hub, select(case_records.c.content).where(case_records.c.native_id == key["native_id"],
                                                      case_records.c.native_no == key["native_no"])
        )  # fmt: skip
        assert content.startswith("乙")
        assert (await hub.reconcile()).differences == []


async def test_five_thousand_rows_of_one_second(database: Database) -> None:
    async with court_hub(database.url, scale=0.01) as hub:
        await hub.control("add", count=5000, set={"gxsj": "2024-05-05 05:05:05"})
        report = await hub.pull()
        assert report.error is None
        assert await hub.held() == len(await hub.control("view")) > 5000
        assert (await hub.pull()).new == 0


async def test_a_row_edited_between_two_pages_is_not_lost(database: Database) -> None:
    async with court_hub(database.url) as hub:
        before = await hub.control("view")
        moved: list[str] = []

        pull = hub.connector.pull

        async def pulling(wire: Any, cursor: Any) -> Any:
            page = await pull(wire, cursor)
            if page.more:
                # a row of the pages to come, and one of those that came: both move to the list's end
                name = before[(len(moved) * 37 + 101) % len(before)]
                changed = {"native_id": name["native_id"], "native_no": name["native_no"]}
                await hub.control("edit", **changed, set={"claim": f"第{len(moved)}页之间"})
                moved.append(name["native_id"])
            return page

        hub.connector.pull = pulling  # type: ignore[method-assign]
        report = await hub.pull()
        assert report.error is None and len(moved) >= 2
        assert await hub.held() == len(before)
        for index, native_id in enumerate(moved):
            query = select(func.count()).where(
                case_records.c.native_id == native_id, case_records.c.content.startswith(f"第{index}页之间")
            )
            assert await _scalar(hub, query) == 1


@pytest.mark.parametrize(
    ("mode", "kinds"),
    [
        ("expire", {"TOKEN_EXPIRED"}),
        ("html", {"HTML_ANSWER", "HTTP_5XX"}),
        ("500", {"HTML_ANSWER", "HTTP_5XX"}),
        ("cut", {"CUT_ANSWER", "CONNECTION_LOST"}),
        ("429", {"RATE_LIMITED"}),
        ("outage", {"CONNECTION_LOST", "CONNECTION_REFUSED", "CUT_ANSWER"}),
        ("partial", {"PARTIAL_PAGE"}),
    ],
)
async def test_every_failure_is_seen_and_nothing_is_lost(database: Database, mode: str, kinds: set[str]) -> None:
    async with court_hub(database.url) as hub:
        options = {"seconds": 0.05} if mode == "429" else {}
        await hub.control("misbehave", mode=mode, times=2, on="pull", **options)
        report = await hub.pull()
        assert report.error is None, report
        assert set(report.incidents) & kinds, report.incidents
        assert await hub.held() == len(await hub.control("view"))
        seen = await _scalar(hub, select(func.sum(connector_incidents.c.times)))
        assert seen == report.incidents.total()


async def test_an_hours_maintenance_is_loud_and_then_made_good(database: Database) -> None:
    async with court_hub(database.url) as hub:
        await hub.control("misbehave", mode="maintenance", times=-1)
        # the simulated clock stands at 08:30; the window is 00:00 to 01:00
        await hub.control("advance", seconds=3600 * 15 + 1860)
        failed = await hub.pull()
        assert failed.error is not None and failed.error_kind == "MAINTENANCE"
        state = await _scalar(hub, select(connector_states.c.last_error_kind))
        assert state == "MAINTENANCE"
        assert await _scalar(hub, select(connector_states.c.consecutive_failures)) == 1
        assert await _scalar(hub, select(sync_runs.c.state)) == "FAILED"
        await hub.control("advance", seconds=3600)
        assert (await hub.pull()).error is None
        assert await hub.held() == len(await hub.control("view"))
        assert await _scalar(hub, select(connector_states.c.consecutive_failures)) == 0


async def test_a_late_commit_and_a_silent_deletion_are_found_by_comparison(database: Database) -> None:
    async with court_hub(database.url) as hub:
        await hub.pull()
        await hub.control("add", rows=[row("f" * 32, gxsj="2024-02-02 02:02:02")])
        await hub.control("delete", count=1, seed="gone")
        report = await hub.pull()
        assert report.new == 0
        compared = await hub.reconcile()
        assert sorted(one.difference for one in compared.differences) == ["GONE", "MISSING"]
        assert (compared.repaired, compared.removed) == (1, 1)
        assert compared.held == compared.expected == len(await hub.control("view"))
        assert await hub.figures() == await hub.their_count()


async def test_unknown_codes_wait_on_the_worklist(database: Database) -> None:
    async with court_hub(database.url) as hub:
        await hub.control("add", rows=[row("e" * 32, caseCause="7777", ajzt="新状态")])
        report = await hub.pull()
        assert report.quarantined == 0
        async with hub.desk.store.read() as connection:
            waiting = (await connection.execute(text("SELECT table_name, native_code FROM mapping_worklist"))).all()
        assert {("caseCause", "7777"), ("ajzt", "新状态")} <= {tuple(one) for one in waiting}


async def test_a_rejected_password_stops_the_run_at_once(database: Database) -> None:
    async with court_hub(database.url) as hub:
        from connectors.court import CourtConnector

        from .hub_kit import court_config

        hub.connector = CourtConnector(court_config(base_url=hub.court.base_url, app_id="hub", secret="wrong"))
        report = await hub.pull()
        assert report.error_kind == "AUTH"
        assert "wrong" not in str(report.error)
        assert await _scalar(hub, select(func.count()).select_from(inbox_items)) == 0
