"""The court's mapping floor: what a row says in the hub's words (DOMAIN §5.1, WIRES §1)."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.court import CourtConnector
from connectors.court.numbers import half_width
from connectors.court.rows import make_item
from hub.errors import BadPayloadError
from hub.model import SHANGHAI, Answer, CaseFacts, Fact, Item, RecordName, Reference, UnknownCode
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
    TerminationReason,
)

from .court_double import CENTRE, config, log, row

COURT = "620725000000"
CONNECTOR = CourtConnector(config())


def at(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI)


def mapped(fields: dict[str, Any]) -> list[Fact]:
    return list(CONNECTOR.map(make_item(fields)))


def facts(**fields: Any) -> CaseFacts:
    (case, *_) = mapped(row("a1", **fields))
    assert isinstance(case, CaseFacts)
    return case


def mediated(**last: Any) -> list[dict[str, Any]]:
    """A hand-over accepted and concluded; ``last`` are the fields of its result."""
    return [
        log(80, "2024-03-02 10:00:00", org=CENTRE, mode="委派", caseState="待指派调解"),
        log(1, "2024-03-03 10:00:00", org=CENTRE),
        log(60, "2024-03-10 10:00:00", **{"org": CENTRE, "sldh": "S1", **last}),
    ]


# --- the record -------------------------------------------------------------------------------------------------


def test_a_filing_is_told_in_the_hubs_words() -> None:
    case = facts(
        dsr=[
            {"dsrlx": "原告", "xm": "甲某", "zjlx": "111", "zjhm": "620725199003074518", "lxdh": "13800000000"},
            {"dsrlx": "被告", "xm": "山丹某某有限公司", "zjlx": None, "zjhm": None, "xzqhdm": "620725101001"},
            {"dsrlx": "第三人", "xm": "乙某", "zjlx": "111", "xzqhdm": "620725102"},
            {"dsrlx": "证人", "xm": "丙某"},
        ]
    )

    assert (case.native_id, case.native_no, case.lineage) == ("a1", "", "")
    assert (case.state, case.procedure) == (CaseRecordState.RECEIVED, Procedure.INTAKE)
    assert (case.title, case.content) == ("民间借贷纠纷", "请求归还借款\n借款未还")
    assert (case.category, case.region_code, case.amount_cny) == ("0804", "620725101001", Decimal("12000.00"))
    assert (case.channel, case.opens_dispute, case.is_unit, case.unit_key) == (Channel.LITIGATION, True, True, "F-a1")
    assert case.received_at == at("2024-02-29 00:00:00")
    assert case.updated_at == at("2024-03-01 09:00:00")
    assert case.agency_code == COURT
    assert [(party.role, party.type) for party in case.parties] == [
        (PartyRole.APPLICANT, PartyType.PERSON),
        (PartyRole.RESPONDENT, PartyType.ORGANISATION),
        (PartyRole.THIRD_PARTY, PartyType.PERSON),
        (PartyRole.UNKNOWN, PartyType.PERSON),
    ]
    assert case.unknown_codes == (UnknownCode("dsrlx", "证人"),)
    assert [(entry.source_event_id, entry.kind) for entry in case.entries] == [("filed", HandlingEventKind.REGISTERED)]


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"ajzt": "待审查"}, CaseRecordState.RECEIVED),
        ({"ajzt": "待立案", "caseStatus": 130}, CaseRecordState.IN_PROGRESS),
        ({"ajzt": "已正式立案", "caseStatus": 130}, CaseRecordState.CONCLUDED),
        ({"ajzt": "待指派调解", "caseStatus": 170}, CaseRecordState.ACCEPTED),
        ({"ajzt": "调解中", "caseStatus": 170}, CaseRecordState.IN_PROGRESS),
        ({"ajzt": "调解中", "logs": mediated(acceptType=4)}, CaseRecordState.REJECTED),
        ({"ajzt": "调解中", "logs": mediated(tjjg="1")}, CaseRecordState.CONCLUDED),
        ({"ajzt": "申请司法确认", "caseStatus": 170}, CaseRecordState.IN_PROGRESS),
        ({"ajzt": "已结案"}, CaseRecordState.CONCLUDED),
        ({"ajzt": "归档"}, CaseRecordState.CLOSED),
        ({"ajzt": "结案"}, CaseRecordState.CLOSED),
        ({"ajzt": "不予受理"}, CaseRecordState.REJECTED),
        ({"ajzt": None, "caseStatus": 170}, CaseRecordState.TRANSFERRED),
        ({"ajzt": None, "caseStatus": None}, CaseRecordState.UNKNOWN),
        ({"ajzt": "新状态"}, CaseRecordState.UNKNOWN),
    ],
)
def test_the_state_is_read_from_the_newest_native_word(fields: dict[str, Any], state: CaseRecordState) -> None:
    assert facts(**fields).state is state


def test_unknown_codes_are_named_and_never_guessed() -> None:
    case = facts(ajlb="0777", ajzt="新状态", caseStatus=199, caseCause="1234", logs=[log(77, "2024-03-01 09:00:00")])

    assert case.state is CaseRecordState.UNKNOWN
    assert case.category == "UNKNOWN"
    assert not case.opens_dispute
    assert set(case.unknown_codes) == {
        UnknownCode("ajlb", "0777"),
        UnknownCode("ajzt", "新状态"),
        UnknownCode("caseStatus", "199"),
        UnknownCode("caseCause", "1234"),
        UnknownCode("acceptType", "77"),
    }


def test_a_cause_that_the_table_knows_to_have_no_class_is_no_unknown_code() -> None:
    case = facts(caseCause="9801", ajlb="0401")

    assert (case.category, case.unknown_codes) == ("UNKNOWN", ())


@pytest.mark.parametrize(
    ("changed", "is_unit", "opens"),
    [
        ({}, True, True),
        ({"ajlb": "9901"}, True, True),
        ({"ajlb": "0401", "originalCaseCode": ""}, True, True),
        ({"originalCaseNo": "（2024）甘0725民诉前调1号"}, False, True),
        ({"originalCaseCode": "b2"}, False, True),
        ({"ajlb": "0409"}, False, False),
        ({"ajlb": "0901"}, False, False),
        ({"ajlb": "0303"}, False, False),
    ],
)
def test_what_is_a_filing(changed: dict[str, Any], is_unit: bool, opens: bool) -> None:
    case = facts(**changed)

    assert (case.is_unit, case.opens_dispute) == (is_unit, opens)


def test_a_docketed_case_names_what_it_goes_on_from() -> None:
    case = facts(
        ah="（2024）甘0725民初9号",
        originalCaseNo="（2024）甘0725民诉前调1号",
        originalCaseCode="b2",
        ajzt="归档",
        caseStatus=130,
    )

    assert case.native_no == "(2024)甘0725民初9号"
    assert case.lineage == "(2024)甘0725民诉前调1号"
    assert (case.docketed_at, case.procedure) == (at("2024-02-29 00:00:00"), Procedure.LITIGATION)
    assert case.names == (
        RecordName("court.ajbs", "a1"),
        RecordName("court.ah", "(2024)甘0725民初9号"),
        RecordName("court.fwlsh", "F-a1"),
    )
    assert case.references == (
        Reference(LinkKind.CONTINUES, "court.ah", "(2024)甘0725民诉前调1号"),
        Reference(LinkKind.CONTINUES, "court.ajbs", "b2"),
        Reference(LinkKind.RELATED, "court.ajbs", "a1"),
        Reference(LinkKind.RELATED, "court.fwlsh", "F-a1"),
    )
    assert [entry.source_event_id for entry in case.entries] == ["filed", "docketed", "closed"]


def test_a_pre_litigation_number_is_not_docketed() -> None:
    case = facts(ah="(2024)甘0725民诉前调9号", ajlb="9901", ajzt="已结案", caseStatus=170)

    assert (case.docketed_at, case.procedure) == (None, Procedure.PRE_LIT_MEDIATION)


def test_docketing_keeps_its_time_while_an_entrusted_mediation_goes_on() -> None:
    number = "(2024)甘0725民初9号"

    before = facts(ah=number, ajzt="已正式立案")
    after = facts(ah=number, ajzt="调解中", logs=mediated(tjjg="1", tjxybh="X1"))

    assert before.docketed_at == after.docketed_at == at("2024-02-29 00:00:00")


def test_a_filing_of_ours_is_docketed_when_the_desk_was_done_with_it() -> None:
    logs = [
        log(90, "2024-08-02 09:00:00", org=CENTRE, caseState="待审核", sldh="S9", wzyss="双方无争议"),
        log(981, "2024-08-02 09:05:00", org=COURT, caseState="待审核", sldh="S9"),
    ]
    case, *answers = mapped(row("a1", ah="(2024)甘0725民初9号", ajzt="已正式立案", caseStatus=130, logs=logs))

    assert isinstance(case, CaseFacts)
    assert case.docketed_at == at("2024-08-02 09:05:00")
    assert answers == [Answer("S9", True, "981", "", "S9"), Answer("S9", True, "DOCKETED", "", "(2024)甘0725民初9号")]
    not_numbered = mapped(row("a1", ajzt="待立案", caseStatus=130, logs=logs))
    of_others = mapped(
        row("a1", ah="(2024)甘0725民初9号", ajzt="已正式立案", logs=[log(90, "2024-08-02 09:00:00"), logs[1]])
    )
    assert [answer.code for _, *rest in (not_numbered, of_others) for answer in rest] == ["981", "981"]
    assert [entry.kind for entry in case.entries if entry.native_code in ("90", "981")] == [
        HandlingEventKind.REFERRED,
        HandlingEventKind.ACCEPTED,
    ]


def test_a_refused_filing_is_rejected_and_still_a_filing() -> None:
    case = facts(ajzt="不予受理", logs=[log(982, "2024-03-05 09:00:00", bcgyy="不属本院管辖")])

    assert case.is_unit
    assert case.rejected_at == at("2024-03-05 09:00:00")


@pytest.mark.parametrize(("lxrq", "day"), [("2024-02-29", 29), ("29FEB24", 29), ("2024-02-28 10:00:00", 28)])
def test_dates_come_in_two_spellings(lxrq: str, day: int) -> None:
    assert facts(lxrq=lxrq).received_at == datetime(2024, 2, day, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"ajbs": None}, "MISSING_AJBS"),
        ({"ajbs": ""}, "MISSING_AJBS"),
        ({"lxrq": None}, "BAD_LXRQ"),
        ({"lxrq": "29.02.24 甲某"}, "BAD_LXRQ"),
        ({"lxrq": "2024-02-30"}, "BAD_LXRQ"),
        ({"lxrq": "30FEB24"}, "BAD_LXRQ"),
    ],
)
def test_only_a_row_without_identity_or_filing_date_is_refused(changed: dict[str, Any], code: str) -> None:
    with pytest.raises(BadPayloadError) as caught:
        mapped({**row("a1"), **changed})

    assert caught.value.code == code
    assert "甲某" not in str(caught.value)


@pytest.mark.parametrize("body", [b"not json", b"[]", b"null", b'"text"'])
def test_a_body_that_is_no_row_is_refused(body: bytes) -> None:
    with pytest.raises(BadPayloadError):
        CONNECTOR.map(Item("", "", "", None, body, body))


def test_a_missing_court_code_is_the_countys_court() -> None:
    assert facts(fydm=None, courtCode=None).agency_code == COURT


def test_a_bad_amount_is_named_without_its_value() -> None:
    case = facts(sjdwje="约一万元", caseAmount="9000.50")

    assert case.amount_cny == Decimal("9000.50")
    assert case.unknown_codes == (UnknownCode("sjdwje", "UNREADABLE"),)


@pytest.mark.parametrize(
    ("fields", "classification"),
    [
        ({}, Classification.INTERNAL),
        ({"facts": "被告多次实施家庭暴力"}, Classification.CONFIDENTIAL),
        ({"claim": "未成年子女抚养"}, Classification.CONFIDENTIAL),
    ],
)
def test_sensitive_matters_are_confidential(fields: dict[str, Any], classification: Classification) -> None:
    assert facts(**fields).classification is classification


# --- the log ----------------------------------------------------------------------------------------------------


def test_a_log_becomes_events_in_its_own_order() -> None:
    logs = [
        *mediated(tjjg="2", bcgyy="5", wzyss="双方对本金无争议"),
        log(981, "2024-03-10 10:05:00", org=COURT, sldh="S1"),
        log(98, "2024-03-11 10:00:00", org=CENTRE, caseState="申请立案", tjxybh="X1"),
        log(5, "2024-03-11 10:00:00", org=COURT),
        log(5, "2024-03-11 10:00:00", org=COURT, caseState="待指派调解"),
    ]
    entries = [entry for entry in facts(ajzt="调解中", logs=logs).entries if entry.source_event_id != "filed"]

    assert [(entry.source_event_id, entry.kind) for entry in entries] == [
        ("80@2024-03-02 10:00:00#1", HandlingEventKind.REFERRED),
        ("1@2024-03-03 10:00:00#1", HandlingEventKind.ACCEPTED),
        ("60@2024-03-10 10:00:00#1", HandlingEventKind.RESULT_RECORDED),
        ("981@2024-03-10 10:05:00#1", HandlingEventKind.RETURN_ACKED),
        ("98@2024-03-11 10:00:00#1", HandlingEventKind.EXITED),
        ("5@2024-03-11 10:00:00#1", HandlingEventKind.MEDIATOR_ASSIGNED),
        ("5@2024-03-11 10:00:00#2", HandlingEventKind.TRIAGED),
    ]
    assert [entry.position for entry in entries] == list(range(7))
    assert [entry.actor_code for entry in entries[:3]] == [COURT, CENTRE, CENTRE]
    assert dict(entries[2].data) == {
        "caseState": "调解中", "org": CENTRE, "tjjg": "2", "bcgyy": "5", "sldh": "S1",
    }  # fmt: skip
    assert entries[2].words == "双方对本金无争议"


def test_history_data_holds_codes_only() -> None:
    words = "甲某电话13800000000"
    logs = [log(982, "2024-03-02 10:00:00", bcgyy=words, wzyss=words, by=words, mode=words, tjjg=words, org=words)]
    (entry,) = (entry for entry in facts(logs=logs).entries if entry.native_code == "982")

    assert dict(entry.data) == {"caseState": "调解中"}
    assert words in entry.words and entry.actor_name == words
    assert words not in entry.source_event_id


def test_a_log_line_without_time_stands_where_it_stood() -> None:
    logs = [log(1, "2024-03-02 10:00:00"), log(4, "gestern"), "junk"]
    case = facts(logs=logs)

    assert [(e.source_event_id, e.occurred_at) for e in case.entries][1:] == [
        ("1@2024-03-02 10:00:00#1", at("2024-03-02 10:00:00")),
        ("4@?#1", at("2024-03-02 10:00:00")),
    ]
    assert case.unknown_codes == (UnknownCode("at", "UNREADABLE"), UnknownCode("logs", "UNREADABLE"))
    assert case.tie_break == (0, 3, 0)


# --- hand-overs, results, answers -------------------------------------------------------------------------------


def test_a_hand_over_is_followed_to_its_acknowledged_return() -> None:
    logs = [*mediated(tjjg="1", tjxybh="X1"), log(981, "2024-03-10 10:05:00", org=COURT, sldh="S1", tjxybh="X1")]
    case, answer = mapped(row("a1", ajlb="9901", ajzt="已结案", logs=logs))

    assert isinstance(case, CaseFacts)
    (hand_over,) = case.hand_overs
    assert (hand_over.source_event_id, hand_over.mode) == ("80@2024-03-02 10:00:00#1", ReferralMode.DELEGATE)
    assert (hand_over.from_code, hand_over.to_code) == (COURT, CENTRE)
    assert (hand_over.sent_at, hand_over.accepted_at) == (at("2024-03-02 10:00:00"), at("2024-03-03 10:00:00"))
    assert (hand_over.concluded_at, hand_over.outcome) == (at("2024-03-10 10:00:00"), Outcome.AGREED)
    assert (hand_over.agreement_no, hand_over.termination_reason) == ("X1", TerminationReason.AGREEMENT)
    assert (hand_over.state, hand_over.partner_ref) == (ReferralState.RETURN_ACKED, "S1")
    assert hand_over.return_acked_at == at("2024-03-10 10:05:00")
    assert case.result is not None and case.result.outcome is Outcome.AGREED
    assert answer == Answer("S1", True, "981", "", "S1")


@pytest.mark.parametrize(
    ("logs", "state"),
    [
        (mediated()[:1], ReferralState.SENT),
        ([mediated()[0], log(1, "2024-03-03 10:00:00", caseState="待指派调解")], ReferralState.ACCEPTED),
        (mediated()[:2], ReferralState.IN_PROGRESS),
        ([mediated()[0], log(4, "2024-03-03 10:00:00", bcgyy="材料不全")], ReferralState.DECLINED),
        (mediated(tjjg="1"), ReferralState.CONCLUDED),
        ([*mediated(tjjg="1"), log(981, "2024-03-11 10:00:00")], ReferralState.CONCLUDED),
        ([*mediated(tjjg="1"), log(981, "2024-03-11 10:00:00", sldh="S2")], ReferralState.CONCLUDED),
        ([*mediated(tjjg="1"), log(982, "2024-03-11 10:00:00", sldh="S1")], ReferralState.CONCLUDED),
        ([log(981, "2024-03-01 10:00:00", sldh="S1"), *mediated(tjjg="1")], ReferralState.CONCLUDED),
        ([*mediated(tjjg="1", sldh=None), log(981, "2024-03-11 10:00:00", sldh="")], ReferralState.CONCLUDED),
    ],
)
def test_where_a_hand_over_stands(logs: list[dict[str, Any]], state: ReferralState) -> None:
    (hand_over,) = facts(ajzt="调解中", logs=logs).hand_overs

    assert hand_over.state is state


@pytest.mark.parametrize(
    ("tjjg", "bcgyy", "outcome", "reason"),
    [
        ("1", None, Outcome.AGREED, TerminationReason.AGREEMENT),
        ("3", None, Outcome.SELF_SETTLED, TerminationReason.SELF_SETTLED),
        ("2", "3", Outcome.UNREACHABLE, TerminationReason.UNREACHABLE),
        ("2", "4", Outcome.REFUSED, TerminationReason.REFUSED),
        ("2", "5", Outcome.NOT_AGREED, TerminationReason.TOO_FAR_APART),
        ("2", "6", Outcome.NOT_AGREED, TerminationReason.TIME_LIMIT),
        ("2", "7", Outcome.NOT_AGREED, TerminationReason.SIGNATURE_REFUSED),
        ("2", "8", Outcome.NOT_AGREED, TerminationReason.OTHER),
        ("2", "各执一词", Outcome.NOT_AGREED, None),
        ("9", None, None, None),
    ],
)
def test_how_mediation_ended(
    tjjg: str, bcgyy: str | None, outcome: Outcome | None, reason: TerminationReason | None
) -> None:
    case = facts(ajzt="已结案", logs=mediated(tjjg=tjjg, bcgyy=bcgyy))
    (hand_over,) = case.hand_overs

    assert (hand_over.outcome, hand_over.termination_reason) == (outcome, reason)
    assert (case.result.outcome if case.result else None) is outcome
    assert (UnknownCode("tjjg", "9") in case.unknown_codes) is (tjjg == "9")


def test_a_correction_changes_the_outcome_and_not_the_time_or_the_acknowledgement() -> None:
    logs = [
        *mediated(tjjg="1", tjxybh="X1"),
        log(981, "2024-03-10 10:05:00", sldh="S1"),
        log(61, "2024-03-12 10:00:00", tjjg="2", bcgyy="7", tjxybh="C1", wzyss="本金无争议", sldh="S2"),
    ]
    case = facts(ajzt="已结案", logs=logs)
    (hand_over,) = case.hand_overs

    assert (hand_over.outcome, hand_over.agreement_no) == (Outcome.NOT_AGREED, "")
    assert hand_over.undisputed_facts == "本金无争议"
    assert hand_over.concluded_at == at("2024-03-10 10:00:00")
    assert (hand_over.state, hand_over.partner_ref) == (ReferralState.RETURN_ACKED, "S1")
    assert case.result is not None and case.result.at == at("2024-03-12 10:00:00")


def test_every_hand_over_to_the_centre_is_its_own_and_others_do_not_count() -> None:
    other = "620725190099"
    logs = [
        log(80, "2024-03-01 10:00:00", org=other, mode="委派"),
        log(4, "2024-03-02 10:00:00", org=other),
        log(80, "2024-03-03 10:00:00", org=CENTRE, mode="委派"),
        log(4, "2024-03-04 10:00:00", bcgyy="不属本单位"),
        log(80, "2024-03-05 10:00:00", org=CENTRE, mode="委托"),
        log(60, "2024-03-09 10:00:00", tjjg="3"),
        log(80, "2024-03-10 10:00:00", org=other, mode="委派"),
        log(60, "2024-03-11 10:00:00", org=other, tjjg="1", tjxybh="Y1"),
    ]
    case = facts(ajzt="已结案", logs=logs)

    assert [(h.state, h.mode, h.outcome) for h in case.hand_overs] == [
        (ReferralState.DECLINED, ReferralMode.DELEGATE, None),
        (ReferralState.CONCLUDED, ReferralMode.ENTRUST, Outcome.SELF_SETTLED),
    ]
    assert case.hand_overs[0].returned_reason == "不属本单位"
    assert case.result is not None and case.result.outcome is Outcome.AGREED  # K2a reads the filing's latest result


def test_every_decision_about_a_receipt_is_an_answer() -> None:
    logs = [
        log(980, "2024-03-11 10:00:00", sldh="S1", bcgyy="缺身份证明"),
        log(982, "2024-03-12 10:00:00", sldh="S2", bcgyy="超出范围"),
        log(981, "2024-03-13 10:00:00", sldh="S3"),
        log(981, "2024-03-13 10:00:00"),
    ]
    _, *answers = mapped(row("a1", logs=logs))

    assert answers == [
        Answer("S1", False, "980", "缺身份证明", "S1"),
        Answer("S2", False, "982", "超出范围", "S2"),
        Answer("S3", True, "981", "", "S3"),
    ]


def test_the_newest_version_is_the_record() -> None:
    old, new = facts(ajzt="待审查"), facts(ajzt="待立案")

    assert CONNECTOR.compose([old, new]) is new


# --- any row ----------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
LOG = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(log(1, ""), JSON),
        "acceptType": st.sampled_from([1, 4, 5, 60, 61, 80, 90, 98, 980, 981, 982, 998, "80", None]) | JSON,
        "at": st.sampled_from(["2024-03-01 10:00:00", "2024-03-02 10:00:00", "9999-12-31 23:59:59"]) | JSON,
        "org": st.sampled_from([CENTRE, COURT, None]),
        "sldh": st.sampled_from(["S1", "S2", None]),
        "tjjg": st.sampled_from(["1", "2", "3", 2, None]) | JSON,
    },
)
ROW = st.fixed_dictionaries(
    {"ajbs": st.just("a1") | JSON, "lxrq": st.just("29FEB24") | JSON, "logs": st.lists(LOG | JSON, max_size=6) | JSON},
    optional={name: JSON | st.just(value) for name, value in row("a1").items() if name not in ("ajbs", "lxrq", "logs")}
    | {"dsr": st.lists(st.fixed_dictionaries({}, optional={"dsrlx": st.just("被告") | JSON, "xm": JSON}) | JSON)},
)


@given(ROW | JSON)
def test_whatever_the_row_it_is_mapped_or_refused_alone(anything: Any) -> None:
    item = make_item(anything)
    try:
        found = CONNECTOR.map(item)
    except BadPayloadError:
        return

    case, *answers = found
    assert isinstance(case, CaseFacts) and all(isinstance(answer, Answer) for answer in answers)
    assert list(CONNECTOR.map(item)) == list(found)
    identities = [entry.source_event_id for entry in case.entries]
    assert len(set(identities)) == len(identities)
    assert {hand_over.source_event_id for hand_over in case.hand_overs} <= set(identities)


def test_a_lone_surrogate_and_a_nul_are_kept_in_the_body_and_not_in_the_keys() -> None:
    item = make_item(json.loads('{"ajbs": "a\\u0000\\ud8001", "lxrq": "2024-03-01", "claim": "\\ud800"}'))
    (case,) = CONNECTOR.map(item)

    assert item.native_id == "a1" and b"\\ud800" in item.body
    assert isinstance(case, CaseFacts) and case.native_id == "a1"


@given(st.randoms(use_true_random=False), st.booleans(), st.booleans(), st.sampled_from([None, "", "absent"]))
def test_two_spellings_of_one_row_are_one_version(
    lots: Any, is_wide: bool, is_oracle: bool, nothing: str | None
) -> None:
    number, origin = "(2024)甘0725民诉前调1号", "(2023)甘0725民诉前调7号"
    plain = row("a1", ah=number, originalCaseNo=origin, facts=f"见{origin}", mediateAgreementSignDate="2024-03-05")
    other = dict(plain)
    if is_wide:
        for name in ("ah", "originalCaseNo", "facts"):
            other[name] = other[name].replace("(", "（").replace(")", "）")
    if is_oracle:
        other |= {"lxrq": "29FEB24", "mediateAgreementSignDate": "05MAR24"}
    for name in [name for name, value in plain.items() if value in (None, "")]:
        other[name] = nothing
        if nothing == "absent":
            del other[name]
    names = list(other)
    lots.shuffle(names)

    one, two = make_item(plain), make_item({name: other[name] for name in names})

    assert (one.key, one.canonical, one.updated_at) == (two.key, two.canonical, two.updated_at)


@given(st.text(), st.text())
def test_another_content_is_another_version(one: str, other: str) -> None:
    is_same = half_width(one) == half_width(other)

    assert (make_item(row("a1", claim=one)).canonical == make_item(row("a1", claim=other)).canonical) is is_same
