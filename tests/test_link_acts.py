"""What a person decides about links stands against every rule, can be taken back by a person, and rewrites nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from hub import link_acts, linking
from hub.acts import Act
from hub.desk import Desk
from hub.errors import ConflictError, MissingFieldError, NotFoundError, UserInputError, VersionConflictError
from hub.history import Appender
from hub.reading import disputes as reading
from hub.sight import EVERYTHING
from hub.store.tables import (
    case_records,
    disputes,
    event_words,
    handling_events,
    link_decisions,
    record_links,
    record_separations,
)

from .databases import Database
from .hub_kit import PERSON, deliver, open_desk, row
from .test_matching import ONE, TWO, WANG, _party, _quarrel

ACT = Act("刘主任", f"问过当事人 {PERSON}")


async def rows(desk: Desk, query: Any) -> Any:
    async with desk.store.read() as connection:
        return (await connection.execute(query)).all()


async def placed(desk: Desk) -> dict[str, str | None]:
    """Each record's dispute, by the record's own id at the court."""
    return {one.native_id: one.dispute_id for one in await rows(desk, select(case_records))}


async def ids(desk: Desk) -> dict[str, str]:
    return {one.native_id: one.id for one in await rows(desk, select(case_records))}


async def codes(desk: Desk) -> dict[str, Any]:
    return {one.id: one for one in await rows(desk, select(disputes))}


async def groups(desk: Desk) -> list[list[str]]:
    found: dict[str | None, list[str]] = {}
    for native_id, dispute_id in sorted((await placed(desk)).items()):
        found.setdefault(dispute_id, []).append(native_id)
    return sorted(found.values())


def continuing(ajbs: str, of: str, **changes: Any) -> dict[str, Any]:
    """A filing that names an earlier one: joined by rule 1."""
    return row(ajbs, originalCaseCode=of, fwlsh=f"F{ajbs}", **changes)


async def test_a_record_that_a_person_took_out_stays_out_and_can_come_back(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(
            desk, [row("a"), continuing("b", "a", lxrq="2024-04-01"), continuing("c", "b", lxrq="2024-05-01")]
        )
        assert await groups(desk) == [["a", "b", "c"]]
        record = await ids(desk)
        before = await rows(desk, select(handling_events.c.id, handling_events.c.hash))
        (dispute,) = await rows(desk, select(disputes))

        with pytest.raises(MissingFieldError):
            await link_acts.unlink_record(desk, record["b"], act=Act("刘主任"))
        with pytest.raises(VersionConflictError):
            await link_acts.unlink_record(desk, record["b"], act=ACT, expected_version=dispute.version + 1)
        assert await groups(desk) == [["a", "b", "c"]]
        await link_acts.unlink_record(desk, record["b"], act=ACT, expected_version=dispute.version)
        # c hung on b alone, and is left behind
        assert await groups(desk) == [["a"], ["b"], ["c"]]
        place = await placed(desk)
        assert place["a"] == dispute.id

        # neither another delivery nor another kind of evidence brings it back
        await deliver(desk, [continuing("b", "a", lxrq="2024-04-01", gxsj="2024-06-01 09:00:00")])
        await deliver(desk, [row("d", lxrq="2024-06-02", fwlsh="Fd"), continuing("e", "d", lxrq="2024-06-03")])
        assert await groups(desk) == [["a"], ["b"], ["c"], ["d", "e"]]

        await link_acts.link_record(desk, record["b"], dispute.id, act=Act("刘主任"))
        assert await groups(desk) == [["a", "b"], ["c"], ["d", "e"]]
        assert (await placed(desk))["b"] == dispute.id

        # nothing that was told is gone, and each of the person's acts is told with name and reason beside it
        after = dict(await rows(desk, select(handling_events.c.id, handling_events.c.hash)))
        assert all(after[event_id] == hash for event_id, hash in before)
        told = await rows(
            desk,
            select(handling_events.c.kind, handling_events.c.data, event_words)
            .join(event_words, event_words.c.event_id == handling_events.c.id)
            .where(handling_events.c.dispute_id.is_not(None))
            .order_by(handling_events.c.id),
        )
        assert {one.kind for one in told} == {"LINKED", "UNLINKED", "MERGED"}
        assert {one.actor_name for one in told} == {"刘主任"}
        assert told[0].words == "问过当事人 6207**********4518"
        assert not any("刘主任" in str(one.data) for one in told)
        decided = [one.decision for one in await rows(desk, select(link_decisions)) if one.decided_by == "刘主任"]
        assert decided == ["REFUSED", "REFUSED", "ACCEPTED"]


async def test_what_was_parted_is_not_joined_through_a_third(database: Database) -> None:
    async with open_desk(database.url) as opened:
        desk = replace(opened, links_people=True)
        await deliver(desk, [ONE, TWO])
        record = await ids(desk)
        await link_acts.unlink_record(desk, record["p2"], act=ACT)
        assert await groups(desk) == [["p1"], ["p2"]]
        # it is like both, and goes with one: which one does not hang on the order of arrival
        third = _quarrel("p3", *ONE["dsr"], lxrq="2024-04-01")
        await deliver(desk, [third])
        assert await groups(desk) == [["p1", "p3"], ["p2"]]
        held = [one for one in await rows(desk, select(record_links)) if one.evidence.get("held")]
        assert [(one.state, one.evidence["held"]) for one in held] == [("SUGGESTED", "SEPARATED")]


async def test_two_disputes_become_one_and_part_again(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(
            desk, [row("a"), continuing("b", "a", lxrq="2024-04-01"), row("x", fwlsh="Fx", lxrq="2024-03-20")]
        )
        place, all_codes = await placed(desk), await codes(desk)
        first, second = place["a"], place["x"]
        assert first and second
        with pytest.raises(UserInputError):
            await link_acts.merge_disputes(desk, (first, first), act=ACT)
        with pytest.raises(VersionConflictError):
            await link_acts.merge_disputes(desk, (first, second), act=ACT, expected_versions=(None, 99))
        done = await link_acts.merge_disputes(
            desk, (second, first), act=ACT, expected_versions=(1, all_codes[first].version)
        )
        assert done.dispute_ids == (first,)
        assert await groups(desk) == [["a", "b", "x"]]
        async with desk.store.read() as connection:
            # the merged code still answers
            shell = await reading.by_code(connection, EVERYTHING, all_codes[second].code)
        assert shell is not None and shell.merged_into == first
        with pytest.raises(ConflictError):
            await link_acts.merge_disputes(desk, (second, first), act=ACT)
        with pytest.raises(ConflictError):
            await link_acts.unmerge_disputes(desk, first, act=ACT)

        await link_acts.unmerge_disputes(desk, second, act=ACT)
        assert await groups(desk) == [["a", "b"], ["x"]]
        now = await codes(desk)
        assert (await placed(desk))["x"] == second
        assert (now[second].code, now[second].merged_into, now[second].is_live) == (all_codes[second].code, None, True)
        # what a rule says of the two is only a suggestion from now on
        await deliver(desk, [continuing("x", "a", lxrq="2024-03-20", gxsj="2024-06-01 09:00:00")])
        assert await groups(desk) == [["a", "b"], ["x"]]
        await link_acts.merge_disputes(desk, (first, second), act=ACT)
        assert await groups(desk) == [["a", "b", "x"]]


async def test_a_suggestion_is_accepted_or_refused_once(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, [ONE, TWO])
        (link,) = await rows(desk, select(record_links))
        with pytest.raises(VersionConflictError):
            await link_acts.decide_suggestion(desk, link.id, accept=True, act=ACT, expected_version=2)
        with pytest.raises(NotFoundError):
            await link_acts.decide_suggestion(desk, "lnk_620725_0", accept=True, act=ACT)
        await link_acts.decide_suggestion(desk, link.id, accept=True, act=ACT, expected_version=1)
        assert await groups(desk) == [["p1", "p2"]]
        (link,) = await rows(desk, select(record_links))
        assert (link.state, link.decided_by, link.version) == ("ACCEPTED", "刘主任", 2)
        with pytest.raises(ConflictError):
            await link_acts.decide_suggestion(desk, link.id, accept=False, act=ACT)
        # its evidence falls, and the person's word stands
        other = _quarrel("p2", _party("原告", "钱七"), _party("被告", "孙八"), gxsj="2024-06-01 09:00:00")
        await deliver(desk, [other])
        assert await groups(desk) == [["p1", "p2"]]


async def test_a_refused_suggestion_is_never_made_again(database: Database) -> None:
    async with open_desk(database.url) as opened:
        await deliver(opened, [ONE, TWO])
        (link,) = await rows(opened, select(record_links))
        await link_acts.decide_suggestion(opened, link.id, accept=False, act=Act("刘主任"))
        desk = replace(opened, links_people=True)
        await deliver(desk, [{**ONE, "gxsj": "2024-06-01 09:00:00"}, {**TWO, "gxsj": "2024-06-01 09:00:00"}])
        assert await groups(desk) == [["p1"], ["p2"]]
        (link,) = await rows(desk, select(record_links))
        assert (link.state, link.decided_by) == ("REFUSED", "刘主任")


async def test_only_a_person_joins_two_disputes_that_persons_work_on(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, [row("a"), continuing("b", "a", lxrq="2024-03-06"), row("m", lxrq="2024-03-07"),
                             continuing("n", "m", lxrq="2024-03-08")])  # fmt: skip
        record = await ids(desk)
        # both are worked on: something was taken out of each
        await link_acts.unlink_record(desk, record["b"], act=ACT)
        await link_acts.unlink_record(desk, record["n"], act=ACT)
        await deliver(desk, [continuing("m", "a", lxrq="2024-03-07", gxsj="2024-06-01 09:00:00")])
        assert await groups(desk) == [["a"], ["b"], ["m"], ["n"]]
        (link,) = [one for one in await rows(desk, select(record_links)) if one.evidence.get("held")]
        assert (link.state, link.decided_by, link.evidence["held"]) == ("SUGGESTED", "rule:1", "WORKED")
        await link_acts.decide_suggestion(desk, link.id, accept=True, act=ACT)
        assert await groups(desk) == [["a", "m"], ["b"], ["n"]]
        # and one that nobody works on still goes where the rules put it
        await deliver(desk, [continuing("z", "m", lxrq="2024-07-01")])
        assert await groups(desk) == [["a", "m", "z"], ["b"], ["n"]]


async def test_a_merged_pair_of_worked_disputes_stays_one_whatever_arrives(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, [row("a"), continuing("b", "a", lxrq="2024-03-06"), row("m", fwlsh="Fm", lxrq="2024-03-07"),
                             continuing("n", "m", lxrq="2024-03-08")])  # fmt: skip
        place = await placed(desk)
        assert place["a"] and place["m"]
        await link_acts.merge_disputes(desk, (place["a"], place["m"]), act=ACT)
        # an earlier-received record joins and becomes the opening one
        early = row("e", lxrq="2024-01-02", fwlsh="Fe")
        await deliver(desk, [early, continuing("b", "e", lxrq="2024-03-06", gxsj="2024-06-01 09:00:00")])
        merged = await groups(desk)
        assert merged == [["a", "m", "n"], ["b", "e"]]
        await deliver(desk, [continuing("n", "m", lxrq="2024-03-08", gxsj="2024-06-02 09:00:00")])
        assert await groups(desk) == merged


@pytest.mark.parametrize("into", ["", "nobody"])
async def test_acts_on_what_is_not_there_are_refused(database: Database, into: str) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, [row("a"), row("x", fwlsh="Fx", lxrq="2024-03-20")])
        record, place = await ids(desk), await placed(desk)
        with pytest.raises(NotFoundError):
            await link_acts.link_record(desk, record["a"], into, act=ACT)
        with pytest.raises(NotFoundError):
            await link_acts.unlink_record(desk, into, act=ACT)
        with pytest.raises(ConflictError):
            await link_acts.unlink_record(desk, record["a"], act=ACT)
        with pytest.raises(ConflictError):
            await link_acts.link_record(desk, record["a"], place["a"] or "", act=ACT)
        assert await rows(desk, select(record_separations)) == []


async def test_a_record_of_a_company_is_not_torn_out_by_linking(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(
            desk, [row("a"), continuing("b", "a", lxrq="2024-04-01"), row("x", fwlsh="Fx", lxrq="2024-03-20")]
        )
        record, place = await ids(desk), await placed(desk)
        with pytest.raises(ConflictError):
            await link_acts.link_record(desk, record["b"], place["x"] or "", act=ACT)
        await link_acts.link_record(desk, record["x"], place["a"] or "", act=ACT)
        assert await groups(desk) == [["a", "b", "x"]]


@pytest.mark.parametrize("by", ["", " ", "rule:1", "x" * 101])
def test_who_decides_is_a_person(by: str) -> None:
    with pytest.raises(UserInputError):
        Act(by)


async def test_a_restricted_letter_is_joined_by_a_person_only(database: Database) -> None:
    """A mixed pair is never joined by a rule; a person may know better."""
    async with open_desk(database.url) as opened:
        desk = replace(opened, links_people=True)
        await deliver(desk, [ONE, TWO])
        record = await ids(desk)
        async with desk.store.write() as tx:
            await tx.execute(
                case_records.update().where(case_records.c.id == record["p2"]).values(classification="RESTRICTED")
            )
            appender = Appender(desk, desk.clock())
            await linking.relink(tx, desk, [record["p2"]], appender)
            await appender.flush(tx)
        assert await groups(desk) == [["p1"], ["p2"]]
        (link,) = await rows(desk, select(record_links))
        assert (link.state, link.evidence["held"]) == ("SUGGESTED", "RESTRICTED")
        await link_acts.decide_suggestion(desk, link.id, accept=True, act=ACT)
        assert await groups(desk) == [["p1", "p2"]]
        assert WANG not in str(await rows(desk, select(record_links.c.evidence)))
