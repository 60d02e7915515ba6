"""The hotline's mapping floor: what an order and its events say in the hub's words (DOMAIN §5.1, WIRES §4)."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import select

from connectors.hotline import HotlineConnector
from connectors.hotline.rows import event_item, order_item
from hub.applying import apply_pending
from hub.desk import Desk
from hub.errors import BadPayloadError, OrphanError
from hub.inbox import keep_page
from hub.model import SHANGHAI, CaseFacts, Item, RecordName, Reference, Source, UnknownCode
from hub.store.tables import handling_events
from hub.vocabulary import (
    CaseRecordState,
    Channel,
    Classification,
    HandlingEventKind,
    LinkKind,
    Outcome,
    PartyRole,
    PartyType,
    Procedure,
    ReferralMode,
    ReferralState,
)

from .hotline_double import CENTRE, OTHER, code, concluded, config, dispatched, order
from .hub_kit import open_desk, snapshot

CONNECTOR = HotlineConnector(config())
HOTLINE = Source("hotline", "hotline", config().live_from, "620725000012")


def at(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI)


def event(word: str, seq: int, when: str, **data: Any) -> dict[str, Any]:
    return {"workordercode": code(1), "event": word, "seq": seq, "occurredAt": when, "data": data}


def part(item: Item) -> CaseFacts:
    (facts,) = CONNECTOR.map(item)
    assert isinstance(facts, CaseFacts)
    return facts


def composed(told: dict[str, Any], *events: dict[str, Any]) -> CaseFacts:
    return CONNECTOR.compose([part(order_item(told)), *(part(event_item(one)) for one in events)])


def course(facts: CaseFacts) -> list[tuple[str, HandlingEventKind]]:
    """What happened, in its order."""
    entries = sorted(facts.entries, key=lambda entry: (entry.occurred_at, entry.position, entry.kind.rank))
    return [(f"{entry.occurred_at:%m-%d %H:%M:%S}", entry.kind) for entry in entries]


# --- the record -------------------------------------------------------------------------------------------------


def test_a_complaint_is_told_in_the_hubs_words() -> None:
    facts = composed(order(**dispatched(), respondent="山丹某某有限公司"))

    assert (facts.native_id, facts.native_no, facts.lineage, facts.part) == (code(1), "", "", "order")
    assert (facts.native_kind, facts.native_state, facts.state) == ("投诉", "1", CaseRecordState.ACCEPTED)
    assert (facts.channel, facts.procedure) == (Channel.HOTLINE, Procedure.HOTLINE_HANDLING)
    assert (facts.title, facts.content, facts.address) == ("邻居排水", "邻居把水排进我家院子", "清泉镇东街村")
    assert (facts.category, facts.category_native, facts.classes) == ("0201", "2202", ("0201",))
    assert (facts.region_code, facts.received_at) == ("620725101202", at("2024-06-12 12:00:00"))
    assert facts.updated_at == at("2024-06-12 12:18:11")
    assert (facts.unit_key, facts.is_unit, facts.opens_dispute) == (code(1), True, True)
    caller, respondent = facts.parties
    assert (caller.role, caller.name, caller.phone, caller.type) == (
        PartyRole.CALLER, "王芳", "13893612345", PartyType.PERSON,
    )  # fmt: skip
    assert (respondent.role, respondent.phone, respondent.type) == (
        PartyRole.RESPONDENT, "13993654321", PartyType.ORGANISATION,
    )  # fmt: skip
    assert facts.names == (RecordName("hotline.workordercode", code(1)), RecordName("hotline.order_num", "SD0001"))
    assert facts.unknown_codes == ()


@pytest.mark.parametrize(
    ("kind", "respondent", "opens"),
    [("投诉", "李强", True), ("诉求", "李强", True), ("诉求", None, False), ("投诉", "", False),
     ("咨询", "李强", False), ("建议", "李强", False), ("追办", "李强", False)],
)  # fmt: skip
def test_a_complaint_with_a_counterparty_opens_a_dispute(kind: str, respondent: str | None, opens: bool) -> None:
    assert composed(order(orderType=kind, respondent=respondent)).opens_dispute is opens


@pytest.mark.parametrize(
    ("state", "record", "referral"),
    [
        (1, CaseRecordState.ACCEPTED, ReferralState.SENT),
        (2, CaseRecordState.ACCEPTED, ReferralState.SIGNED),
        (3, CaseRecordState.IN_PROGRESS, ReferralState.IN_PROGRESS),
        (4, CaseRecordState.IN_PROGRESS, ReferralState.IN_PROGRESS),
        (5, CaseRecordState.SUSPENDED, ReferralState.IN_PROGRESS),
        (6, CaseRecordState.CONCLUDED, ReferralState.CONCLUDED),
        (7, CaseRecordState.CLOSED, ReferralState.CONCLUDED),
        (8, CaseRecordState.IN_PROGRESS, ReferralState.SENT),
        (9, CaseRecordState.CLOSED, ReferralState.CONCLUDED),
        (10, CaseRecordState.REJECTED, ReferralState.DECLINED),
    ],
)
def test_the_districts_state_governs(state: int, record: CaseRecordState, referral: ReferralState) -> None:
    facts = composed(order(**concluded(state, streetStatus=3)))
    (hand_over,) = facts.hand_overs

    assert (facts.state, hand_over.state) == (record, referral)
    assert (hand_over.channel, hand_over.mode) == (Channel.HOTLINE, ReferralMode.DISPATCH)
    assert (hand_over.to_code, hand_over.sent_at) == (CENTRE, at("2024-06-12 12:18:11"))
    assert hand_over.due_at == at("2024-06-17 23:59:59")
    assert (hand_over.concluded_at is not None) is (referral is ReferralState.CONCLUDED)
    assert hand_over.source_event_id in {entry.source_event_id for entry in facts.entries}


def test_an_order_at_the_desk_or_with_another_unit_is_no_referral() -> None:
    fresh, elsewhere = composed(order()), composed(order(**dispatched(contractorCode=OTHER)))

    assert (fresh.state, fresh.procedure) == (CaseRecordState.RECEIVED, Procedure.INTAKE)
    assert (fresh.hand_overs, fresh.is_unit) == ((), False)
    assert (elsewhere.hand_overs, elsewhere.is_unit) == ((), False)
    assert course(elsewhere)[-1] == ("06-12 12:18:11", HandlingEventKind.REFERRED)


@pytest.mark.parametrize(
    ("solved", "outcome"), [(1, Outcome.AGREED), ("0", Outcome.NOT_AGREED), (2, Outcome.ANSWERED), (7, None)]
)
def test_the_result_is_what_success_solve_says(solved: Any, outcome: Outcome | None) -> None:
    facts = composed(order(**concluded(6, solved)))
    (hand_over,) = facts.hand_overs

    assert facts.result is not None and (facts.result.outcome, facts.result.at) == (outcome, at("2024-06-15 10:00:00"))
    assert (hand_over.outcome, hand_over.concluded_at) == (outcome, at("2024-06-15 10:00:00"))
    assert hand_over.accepted_at == at("2024-06-12 15:00:00")
    assert (UnknownCode("successSolve", "7") in facts.unknown_codes) is (solved == 7)


def test_what_happened_has_its_own_times_and_never_the_update_stamp() -> None:
    facts = composed(order(**concluded(9), updated="2024-07-30 11:11:11"))

    assert course(facts) == [
        ("06-12 12:00:00", HandlingEventKind.REGISTERED),
        ("06-12 12:18:11", HandlingEventKind.REFERRED),
        ("06-12 15:00:00", HandlingEventKind.SIGNED),
        ("06-15 10:00:00", HandlingEventKind.RESULT_RECORDED),
        ("06-15 10:00:00", HandlingEventKind.CLOSED),
    ]
    result = next(entry for entry in facts.entries if entry.kind is HandlingEventKind.RESULT_RECORDED)
    assert (result.words, dict(result.data), result.actor_code) == ("双方已达成协议", {"successSolve": "1"}, CENTRE)


@pytest.mark.parametrize(
    ("state", "kind"),
    [(4, HandlingEventKind.EXTENDED), (5, HandlingEventKind.SUSPENDED), (10, HandlingEventKind.DECLINED)],
)
def test_a_state_without_a_time_is_told_at_the_latest_time_there_is(state: int, kind: HandlingEventKind) -> None:
    facts = composed(order(**dispatched(state, signTime="2024-06-12 15:00:00")))

    assert course(facts)[-1] == ("06-12 15:00:00", kind)


@pytest.mark.parametrize(
    ("changes", "classification"),
    [
        ({}, Classification.INTERNAL),
        ({"confidential": "0"}, Classification.INTERNAL),
        ({"confidential": 1}, Classification.CONFIDENTIAL),
        ({"confidential": "?"}, Classification.CONFIDENTIAL),
        ({"content": "丈夫家暴"}, Classification.CONFIDENTIAL),
        ({"title": "未成年人打工"}, Classification.CONFIDENTIAL),
    ],
)
def test_confidential_is_what_is_marked_or_speaks_of_violence_or_minors(
    changes: dict[str, Any], classification: Classification
) -> None:
    assert composed(order(**changes)).classification is classification


def test_the_numbers_of_110_and_of_a_repeated_order_are_references() -> None:
    facts = composed(order(sourceJjdbh="J1", transferJjdbh="J2", repeated=1, repeatedCode=code(7)))

    assert facts.references == (
        Reference(LinkKind.TRANSFERRED_FROM, "police.jjdbh", "J1"),
        Reference(LinkKind.RELATED, "police.jjdbh", "J2"),
        Reference(LinkKind.DUPLICATE_OF, "hotline.workordercode", code(7)),
    )
    assert composed(order(repeatedCode=code(1))).references == ()


def test_unknown_codes_are_named_and_never_guessed() -> None:
    facts = composed(
        order(orderType="表扬", state=77, districtStatus=77, streetStatus=12, problemId="9999", areaCode="甘肃",
              endTime="soon", processlimited="soon"),
        event("督办", 1, "2024-06-13 08:00:00"),
        event("催办", 2, "2024-06-13 08:00:00", level=9),
    )  # fmt: skip

    assert (facts.state, facts.category, facts.region_code) == (CaseRecordState.UNKNOWN, "UNKNOWN", "")
    assert set(facts.unknown_codes) == {
        UnknownCode("orderType", "表扬"), UnknownCode("districtStatus", "77"), UnknownCode("streetStatus", "12"),
        UnknownCode("problemId", "9999"), UnknownCode("endTime", "UNREADABLE"),
        UnknownCode("processlimited", "UNREADABLE"), UnknownCode("event", "督办"), UnknownCode("level", "9"),
    }  # fmt: skip


def test_a_state_no_table_explains_leaves_the_hand_over_to_its_times() -> None:
    signed_, done = order(**dispatched(33, signTime="2024-06-12 15:00:00")), order(**concluded(33))

    assert [composed(one).hand_overs[0].state for one in (order(**dispatched(33)), signed_, done)] == [
        ReferralState.SENT, ReferralState.SIGNED, ReferralState.CONCLUDED,
    ]  # fmt: skip


def test_a_dispatch_without_a_time_is_a_hand_over_all_the_same() -> None:
    alone = order(**dispatched(dispatchtime=None))
    facts = composed(alone)

    assert UnknownCode("dispatchtime", "UNREADABLE") in facts.unknown_codes
    assert [hand_over.sent_at for hand_over in facts.hand_overs] == [at("2024-06-12 12:00:00")]
    told = composed(alone, event("派单", 1, "2024-06-12 12:18:11", contractorCode=CENTRE))
    assert [hand_over.sent_at for hand_over in told.hand_overs] == [at("2024-06-12 12:18:11")]
    assert told.hand_overs[0].source_event_id == facts.hand_overs[0].source_event_id


# --- events -----------------------------------------------------------------------------------------------------


def test_a_dispatch_that_order_and_event_both_tell_is_one() -> None:
    told = order(**dispatched())
    exact = composed(told, event("派单", 1, "2024-06-12 12:18:11", contractorCode=CENTRE))
    near = composed(told, event("派单", 1, "2024-06-12 12:18:14", contractorCode=CENTRE))
    alone = composed(told)

    for facts in (exact, near, alone):
        assert len(facts.hand_overs) == 1 and len(facts.entries) == 2
        assert facts.hand_overs == alone.hand_overs


def test_reminders_and_follow_ups_become_events_with_their_words_apart() -> None:
    facts = composed(
        order(**concluded(7)),
        event("追办", 2, "2024-06-13 08:00:00", content="还没人来"),
        event("催办", 3, "2024-06-13 09:00:00", level=2, content="请抓紧"),
        event("回访", 4, "2024-06-16 10:00:00", successVisit=1, successSolve=1, visitFailReason=None, satisfaction="0"),
    )
    after, urged, visited = sorted(facts.entries, key=lambda entry: entry.position)[-3:]

    assert (after.kind, after.words, dict(after.data)) == (HandlingEventKind.REMINDED, "还没人来", {"event": "追办"})
    assert (urged.kind, urged.words, dict(urged.data)) == (
        HandlingEventKind.REMINDED, "请抓紧", {"event": "催办", "level": "2"},
    )  # fmt: skip
    assert (visited.kind, visited.source_event_id) == (HandlingEventKind.FOLLOWED_UP, "回访/4")
    assert dict(visited.data) == {"event": "回访", "successVisit": "1", "successSolve": "1", "satisfaction": "0"}
    assert [kind for _, kind in course(facts)].count(HandlingEventKind.FOLLOWED_UP) == 1


REOPENED = (
    event("派单", 1, "2024-06-12 12:18:11", contractorCode=CENTRE),
    event("回访", 2, "2024-06-16 10:00:00", successVisit=1, successSolve=0, visitFailReason="没解决"),
    event("派单", 3, "2024-06-16 10:00:00", contractorCode=CENTRE),
)


@pytest.mark.parametrize("again", ["2024-06-12 12:18:11", "2024-06-16 10:00:00"])
def test_a_dissatisfied_caller_opens_a_hand_over_of_its_own(again: str) -> None:
    facts = composed(order(**concluded(8, 0, dispatchtime=again)), *REOPENED)
    first, second = facts.hand_overs

    assert (first.state, first.outcome, first.concluded_at) == (
        ReferralState.CONCLUDED, Outcome.NOT_AGREED, at("2024-06-15 10:00:00"),
    )  # fmt: skip
    assert (second.state, second.sent_at, second.outcome) == (ReferralState.SENT, at("2024-06-16 10:00:00"), None)
    assert (second.accepted_at, second.concluded_at) == (None, None)
    assert course(facts)[-3:] == [
        ("06-16 10:00:00", HandlingEventKind.FOLLOWED_UP),
        ("06-16 10:00:00", HandlingEventKind.REOPENED),
        ("06-16 10:00:00", HandlingEventKind.REFERRED),
    ]


def test_the_second_round_ends_by_itself() -> None:
    done = concluded(6, 1, dispatchtime="2024-06-16 10:00:00", signTime="2024-06-16 14:00:00")
    facts = composed(order(**{**done, "endTime": "2024-06-20 09:00:00"}), *REOPENED)
    first, second = facts.hand_overs

    assert (first.outcome, second.outcome) == (Outcome.NOT_AGREED, Outcome.AGREED)
    assert (second.accepted_at, second.concluded_at) == (at("2024-06-16 14:00:00"), at("2024-06-20 09:00:00"))
    assert first.concluded_at is not None and first.concluded_at <= second.sent_at
    assert facts.result is not None and facts.result.outcome is Outcome.AGREED


def test_reopened_without_its_webhooks_is_the_one_hand_over_open_again() -> None:
    facts = composed(order(**concluded(8, 0)))
    (hand_over,) = facts.hand_overs

    assert (hand_over.state, hand_over.accepted_at, hand_over.concluded_at) == (ReferralState.SENT, None, None)
    assert course(facts)[-1] == ("06-15 10:00:00", HandlingEventKind.REOPENED)


def test_an_order_sent_on_to_another_unit_is_no_longer_ours() -> None:
    elsewhere = order(**dispatched(contractorCode=OTHER, dispatchtime="2024-06-13 09:00:00"))
    facts = composed(elsewhere, event("派单", 1, "2024-06-12 12:18:11", contractorCode=CENTRE))
    (hand_over,) = facts.hand_overs

    assert (hand_over.state, hand_over.declined_at) == (ReferralState.DECLINED, at("2024-06-13 09:00:00"))
    assert facts.is_unit is False


def test_an_order_that_comes_back_is_handed_over_again() -> None:
    facts = composed(
        order(**dispatched(1, dispatchtime="2024-06-14 09:00:00")),
        event("派单", 1, "2024-06-12 12:18:11", contractorCode=CENTRE),
        event("派单", 2, "2024-06-14 09:00:00", contractorCode=CENTRE),
    )

    assert [hand_over.state for hand_over in facts.hand_overs] == [ReferralState.DECLINED, ReferralState.SENT]


def test_events_wait_for_their_order() -> None:
    with pytest.raises(OrphanError):
        CONNECTOR.compose([part(event_item(one)) for one in REOPENED])


# --- any item ---------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)
TIME = st.sampled_from(["2024-06-12 12:18:11", "2024-06-16 10:00:00", "2999-12-31 23:59:59", None]) | JSON
ORDER = st.fixed_dictionaries(
    {"workordercode": st.just(code(1)) | JSON, "createdAt": st.just("2024-06-12 12:00:00") | JSON},
    optional={
        **{
            name: st.just(value) | JSON for name, value in order().items() if name not in ("workordercode", "createdAt")
        },
        **dict.fromkeys(("dispatchtime", "signTime", "endTime"), TIME),
        "districtStatus": st.integers(0, 11) | JSON,
        "contractorCode": st.sampled_from([CENTRE, OTHER, None]),
        "successSolve": st.integers(0, 3) | JSON,
    },
)
EVENT = st.fixed_dictionaries(
    {"workordercode": st.just(code(1)), "event": st.sampled_from(["派单", "回访", "催办"]), "seq": st.integers(0, 9),
     "occurredAt": st.sampled_from(["2024-06-12 12:18:11", "2024-06-16 10:00:00", "2024-06-18 10:00:00"])},
    optional={"data": st.fixed_dictionaries({}, optional={
        "contractorCode": st.sampled_from([CENTRE, OTHER]) | JSON, "successSolve": st.integers(0, 3) | JSON})},
)  # fmt: skip


@given(ORDER | JSON, st.lists(EVENT, max_size=5))
def test_whatever_the_order_it_is_mapped_or_refused_alone(anything: Any, events: list[dict[str, Any]]) -> None:
    item = order_item(anything)
    try:
        (facts,) = CONNECTOR.map(item)
    except BadPayloadError:
        return

    assert isinstance(facts, CaseFacts) and list(CONNECTOR.map(item)) == [facts]
    parts = [facts, *(part(event_item(one)) for one in events)]
    whole = CONNECTOR.compose(parts)
    assert CONNECTOR.compose(parts[::-1]) == whole or len({one.part for one in parts}) < len(parts)
    identities = [entry.source_event_id for entry in whole.entries]
    assert len(set(identities)) == len(identities)
    assert {hand_over.source_event_id for hand_over in whole.hand_overs} <= set(identities)
    assert all(entry.occurred_at.tzinfo for entry in whole.entries)
    # what an order says by itself is never taken back by composing: it would leave a trace in the history
    assert {entry.source_event_id for entry in facts.entries} <= set(identities)


@example([None, None], [None, []])
@given(JSON, JSON)
def test_another_content_is_another_version(one: Any, other: Any) -> None:
    def plain(value: Any) -> bytes:
        return order_item(order(title=value)).canonical

    alike = [json.dumps(_pruned({"title": value})) for value in (one, other)]
    assert (plain(one) == plain(other)) is (alike[0] == alike[1])


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: _pruned(inner) for name, inner in sorted(value.items())}
        return {name: inner for name, inner in kept.items() if inner not in (None, "", [], {})}
    if isinstance(value, list):
        # only a field may be absent: an element of a list stands where it stands
        return [_pruned(inner) for inner in value]
    return value


# --- in the hub -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["_sqlite", "_postgresql"])
def test_the_order_of_arrival_does_not_matter_and_repeats_change_nothing(
    request: pytest.FixtureRequest, kind: str
) -> None:
    """Real deliveries of one order: told by webhooks (one without its order), then archived with hidden numbers."""
    first = order(**dispatched(), updated="2024-06-12 12:18:11")
    again = order(**concluded(8, 0, dispatchtime="2024-06-16 10:00:00"), updated="2024-06-16 10:00:00")
    done = concluded(9, 1, dispatchtime="2024-06-16 10:00:00", signTime="2024-06-16 14:00:00")
    hidden: dict[str, Any] = {
        "callerPhone": "138****2345",
        "contactNumber": "138****2345",
        "respondentPhone": "139****4321",
    }
    last = order(**done, **hidden, updated="2024-06-21 09:00:00")
    deliveries = [
        [order_item(first), event_item(REOPENED[0])],
        [order_item(again), event_item(REOPENED[1])],
        [event_item(REOPENED[2])],
        [order_item(last)],
    ]
    databases = request.getfixturevalue(kind)
    orders = list(itertools.permutations(deliveries))
    states = [_end_state(databases, one) for one in orders[:: 2 if kind == "_sqlite" else 7]]

    assert all(state == states[0] for state in states)
    assert len(states[0]["records"]) == len(states[0]["components"]) == 1
    assert len(states[0]["referrals"]) == 2
    assert not any("'phone_index': None" in one or "None)" in one for one in states[0]["parties"])


def _end_state(databases: Any, deliveries: Sequence[list[Item]]) -> dict[str, Any]:
    async def deliver_twice(url: str) -> dict[str, Any]:
        async with open_desk(url) as desk:
            for items in deliveries:
                await _deliver(desk, items)
            told = await _count_events(desk)
            for items in reversed(deliveries):
                await _deliver(desk, items)
            assert await _count_events(desk) == told
            return await snapshot(desk)

    with databases.migrated() as database:
        return asyncio.run(deliver_twice(database.url))


async def _deliver(desk: Desk, items: Sequence[Item]) -> None:
    async with desk.store.write() as tx:
        await keep_page(tx, desk, instance="hotline", run_id="run", origin="WEBHOOK", items=items)
    applied = await apply_pending(desk, HOTLINE, CONNECTOR)
    assert applied.quarantined == 0


async def _count_events(desk: Desk) -> int:
    async with desk.store.read() as connection:
        return len((await connection.execute(select(handling_events.c.id))).all())
