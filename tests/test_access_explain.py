"""``access``: what a role is, and why it sees a dispute or does not."""

from __future__ import annotations

import pytest

from hub.access import access_of, all_roles
from hub.errors import NotFoundError
from hub.explaining import explain_dispute
from hub.principal import LOCAL
from hub.sight import Rule
from hub.store.engine import open_store

from .cli_kit import ROOT, Run
from .databases import Database
from .graphql_rows import County
from .test_access_roles import CENTRE, TOWN, who


async def test_each_rule_is_told_by_itself(database: Database) -> None:
    store = open_store(database.url)
    county = County()
    dispute = county.dispute(1, region_code="620725203001", classification="CONFIDENTIAL", code="JF1")
    county.record(1, dispute, classification="CONFIDENTIAL")
    county.record(2, dispute)
    await county.write(store)
    principal = who("township_operator", regions=(TOWN,))
    async with store.read() as connection:
        told = await explain_dispute(connection, access_of(principal.role), principal, "JF1")
        assert (told.is_shown, {one.rule: one.holds for one in told.rules}) == (
            False, {Rule.CLASSIFICATION: False, Rule.REGION: False},
        )  # fmt: skip
        assert [(one.classification, one.is_shown) for one in told.records] == [
            ("CONFIDENTIAL", False), ("INTERNAL", False),
        ]  # fmt: skip
        centre = await explain_dispute(connection, access_of("centre_operator"), who("centre_operator"), dispute)
        assert (centre.is_shown, [one.is_shown for one in centre.records]) == (True, [True, True])
        liaison = who("agency_liaison", agency=CENTRE)
        part = await explain_dispute(connection, access_of("agency_liaison"), liaison, "JF1")
        assert [(one.rule, one.holds) for one in part.rules] == [(Rule.CLASSIFICATION, True), (Rule.PART, True)]
        assert (await explain_dispute(connection, access_of(LOCAL.role), LOCAL, "JF1")).is_shown
        with pytest.raises(NotFoundError):
            await explain_dispute(connection, access_of("leader"), who("leader"), "JF404")
    await store.close()


def test_roles_and_one_of_them_are_printed(run: Run) -> None:
    assert {row["role"] for row in run("access", "roles", "--json").json} == set(all_roles())
    shown = run("access", "show", "leader", "--json").json
    assert shown["redactions"]["Party.name"] == "MASK" and "Mutation" not in shown["fields"]
    assert "acceptDispute" in run("access", "show", "centre_operator").out
    unknown = run("access", "show", "king")
    assert unknown.code == 2
    assert "there is no role king" in unknown.err


def test_every_role_stands_in_the_page_about_them() -> None:
    page = (ROOT / "docs" / "access.md").read_text(encoding="utf-8")
    assert all(f"| `{role}` | {access.zh} |" in page for role, access in all_roles().items())


def test_a_dispute_is_explained_at_the_command_line(run: Run) -> None:
    assert run("migrate").code == 0
    missing = run("access", "explain", "JF404", "--as", "leader")
    assert missing.code == 1
    assert "no dispute is called JF404" in missing.err
