"""The petition mapping: what a row means, and that no row breaks it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.petition import PetitionConnector
from connectors.petition.rows import make_item
from hub.errors import BadPayloadError
from hub.model import (
    CaseFacts,
    Item,
    PartyFacts,
    RecordName,
    Reference,
    Result,
    UnknownCode,
    shanghai_midnight,
)
from hub.vocabulary import (
    UNKNOWN,
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
    Sex,
)

from .petition_double import CENTRE, JSON, OFFICE, at, config, row, stamp, step

CONNECTOR = PetitionConnector(config())


# --- what a row means -------------------------------------------------------------------------------------------

ROUTED = {"xfjzt": "02", "blfs": "02", "qxjg": CENTRE, "blsj": "2024-03-01 10:00:00", "xbjzrq": "2024-04-30"}


def facts(**xfj: Any) -> CaseFacts:
    (case,) = CONNECTOR.map(make_item(row("XF1", **xfj)))
    assert isinstance(case, CaseFacts)
    return case


def told(case: CaseFacts) -> list[tuple[str, str]]:
    return [(entry.kind.value, entry.source_event_id) for entry in case.entries]


def test_a_petition_is_told_in_the_hubs_words() -> None:
    case = facts()

    assert (case.native_id, case.native_no, case.lineage, case.native_kind) == ("XF1", "", "", "03")
    assert (case.native_state, case.state, case.procedure) == ("01", CaseRecordState.RECEIVED, Procedure.INTAKE)
    assert (case.title, case.content, case.category, case.category_native) == (
        "民间借贷纠纷",
        "借款未还",
        "0804",
        "0501",
    )
    assert (case.received_at, case.updated_at) == (at("2024-02-28 09:30:00"), at("2024-03-01 09:00:00"))
    assert (case.channel, case.opens_dispute, case.is_unit) == (Channel.PETITION, True, False)
    assert (case.unit_key, case.agency_code, case.people_involved) == ("XF1", OFFICE, 2)
    assert (case.region_code, case.classification) == ("620725101001", Classification.INTERNAL)
    assert case.names == (RecordName("petition.xfjbh", "XF1"),) and case.references == ()
    assert case.unknown_codes == () and case.hand_overs == () and case.result is None
    assert told(case) == [("REGISTERED", "xfjzt:01@2024-02-28 09:30:00")]
    assert case.parties == (
        PartyFacts(
            PartyRole.PETITIONER, "张三", id_type="111", id_no="620725199003074518", phone="13800001234",
            address="清泉镇某村", sex=Sex.MALE,
        ),
        PartyFacts(PartyRole.RESPONDENT, "李四"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("xfjzt", "state"),
    [
        ("01", CaseRecordState.RECEIVED), ("02", CaseRecordState.TRANSFERRED), ("03", CaseRecordState.ACCEPTED),
        ("04", CaseRecordState.REJECTED), ("05", CaseRecordState.REJECTED), ("06", CaseRecordState.IN_PROGRESS),
        ("07", CaseRecordState.IN_PROGRESS), ("08", CaseRecordState.CONCLUDED), ("09", CaseRecordState.CLOSED),
        ("10", CaseRecordState.IN_PROGRESS), ("11", CaseRecordState.IN_PROGRESS), ("77", CaseRecordState.UNKNOWN),
        ("", CaseRecordState.UNKNOWN),
    ],
)  # fmt: skip
def test_the_state_is_the_newest_native_word(xfjzt: str, state: CaseRecordState) -> None:
    assert facts(xfjzt=xfjzt).state is state


@pytest.mark.parametrize(
    ("fields", "classification", "opens"),
    [
        ({"xfmddm": "01"}, Classification.INTERNAL, False),
        ({"xfmddm": "02"}, Classification.RESTRICTED, False),
        ({"xfmddm": "02", "xfnr": "家暴"}, Classification.RESTRICTED, False),
        ({"xfmddm": "03"}, Classification.INTERNAL, True),
        ({"xfmddm": "03", "xfnr": "长期家暴"}, Classification.CONFIDENTIAL, True),
        ({"xfmddm": "09"}, Classification.INTERNAL, False),
    ],
)
def test_the_purpose_classifies_and_opens(fields: dict[str, str], classification: Classification, opens: bool) -> None:
    case = facts(**fields)
    assert (case.classification, case.opens_dispute) == (classification, opens)


@pytest.mark.parametrize(
    ("fields", "mode"),
    [
        ({"blfs": "01"}, ReferralMode.FORWARD), ({"blfs": "02"}, ReferralMode.ASSIGN), ({"blfs": "03"}, None),
        ({"blfs": "05"}, None), ({"blfs": "66"}, None), ({"qxjg": "620725120000"}, None), ({"qxjg": ""}, None),
    ],
)  # fmt: skip
def test_only_a_forward_or_an_assignment_to_the_centre_is_a_referral(
    fields: dict[str, str], mode: ReferralMode | None
) -> None:
    case = facts(**{**ROUTED, **fields})

    assert [hand_over.mode for hand_over in case.hand_overs] == ([mode] if mode else [])
    assert case.is_unit is (mode is not None)
    for hand_over in case.hand_overs:
        assert (hand_over.channel, hand_over.from_code, hand_over.to_code) == (Channel.PETITION, OFFICE, CENTRE)
        assert hand_over.sent_at == at("2024-03-01 10:00:00")
        assert hand_over.due_at == at("2024-04-30 23:59:59")
        assert hand_over.source_event_id in {entry.source_event_id for entry in case.entries}


LATER = "2024-03-05 09:00:00"
CLOSED_AT = "2024-03-20 17:00:00"


@pytest.mark.parametrize(
    ("fields", "state", "outcome", "moment"),
    [
        ({}, ReferralState.SENT, None, None),
        ({"blfss": [step("11", LATER)]}, ReferralState.SIGNED, None, None),
        ({"blfss": [step("12", LATER)]}, ReferralState.DECLINED, None, LATER),
        ({"xfjzt": "03", "blfss": [step("11", LATER)]}, ReferralState.ACCEPTED, None, LATER),
        ({"xfjzt": "05", "blfss": [step("12", LATER)]}, ReferralState.DECLINED, None, LATER),
        ({"xfjzt": "06"}, ReferralState.IN_PROGRESS, None, ROUTED["blsj"]),
        ({"xfjzt": "07", "blfss": [step("13", LATER)]}, ReferralState.IN_PROGRESS, None, LATER),
        ({"xfjzt": "08", "blfss": [step("14", LATER)], "hjbz": "1"}, ReferralState.CONCLUDED, Outcome.AGREED, LATER),
        ({"xfjzt": "09", "bjbz": "1", "bjsj": CLOSED_AT, "hjbz": "0"}, ReferralState.CONCLUDED, Outcome.NOT_AGREED,
         CLOSED_AT),
        ({"xfjzt": "09", "bjbz": "1", "bjsj": CLOSED_AT, "hjbz": "1", "blfss": [step("14", LATER)]},
         ReferralState.CONCLUDED, Outcome.AGREED, LATER),
        ({"xfjzt": "09", "bjbz": "1", "bjsj": CLOSED_AT}, ReferralState.CONCLUDED, Outcome.ANSWERED, CLOSED_AT),
        ({"xfjzt": "10", "bjbz": "1", "bjsj": CLOSED_AT, "hjbz": "1"}, ReferralState.CONCLUDED, Outcome.AGREED,
         CLOSED_AT),
        ({"xfjzt": "08", "hjbz": "7"}, ReferralState.CONCLUDED, None, ROUTED["blsj"]),
    ],
)  # fmt: skip
def test_where_a_hand_over_stands(
    fields: dict[str, Any], state: ReferralState, outcome: Outcome | None, moment: str | None
) -> None:
    case = facts(**{**ROUTED, **fields})
    (hand_over,) = case.hand_overs

    assert (hand_over.state, hand_over.outcome) == (state, outcome)
    moments = [hand_over.accepted_at, hand_over.declined_at, hand_over.concluded_at]
    assert [found for found in moments if found] == ([at(moment)] if moment else [])
    assert (case.result.outcome if case.result else None) is (outcome if outcome is not Outcome.ANSWERED else None)


def test_a_decline_keeps_its_reason() -> None:
    (hand_over,) = facts(**ROUTED | {"xfjzt": "05", "blfss": [step("12", LATER, blyj="非本单位办理")]}).hand_overs
    assert hand_over.returned_reason == "非本单位办理"


def test_a_closed_petition_tells_its_whole_course_by_the_offices_own_times() -> None:
    case = facts(
        **ROUTED | {"xfjzt": "10", "hjbz": "0", "bjbz": "1", "bjsj": CLOSED_AT, "myd": "3"},
        blfss=[step("13", LATER, blyj="双方还在谈", czjg=CENTRE)],
    )

    assert told(case) == [
        ("REGISTERED", "xfjzt:01@2024-02-28 09:30:00"),
        ("REFERRED", "blfs:02@2024-03-01 10:00:00"),
        ("EXTENDED", f"blfss:13@{LATER}"),
        ("RESULT_RECORDED", f"hjbz@{CLOSED_AT}"),
        ("CLOSED", f"xfjzt:09@{CLOSED_AT}"),
        ("FOLLOWED_UP", f"hfbz@{CLOSED_AT}"),
        ("REOPENED", f"xfjzt:10@{CLOSED_AT}"),
    ]
    by_kind = {entry.kind: entry for entry in case.entries}
    extended = by_kind[HandlingEventKind.EXTENDED]
    assert (extended.words, extended.actor_code, extended.native_code) == ("双方还在谈", CENTRE, "13")
    assert extended.data == {"blfs": "13", "xbjzrq": "2024-04-30"}
    assert by_kind[HandlingEventKind.REFERRED].data == {"blfs": "02", "qxjg": CENTRE}
    assert by_kind[HandlingEventKind.RESULT_RECORDED].data == {"hjbz": "0"}
    assert by_kind[HandlingEventKind.FOLLOWED_UP].data == {"myd": "3"}
    assert [entry.position for entry in case.entries] == sorted(entry.position for entry in case.entries)
    assert case.result == Result(Outcome.NOT_AGREED, at(CLOSED_AT), 4)


def test_the_update_stamp_is_in_no_entry() -> None:
    fields = {**ROUTED, "xfjzt": "04", "blfss": [step("01", "2024-03-02"), step("11", "bad")]}
    one, other = (
        CONNECTOR.map(make_item(row("XF1", moved, **fields)))[0] for moved in ("2024-06-01 00:00:00", stamp(9))
    )
    assert isinstance(one, CaseFacts) and isinstance(other, CaseFacts)
    assert one.entries == other.entries and one.hand_overs == other.hand_overs
    assert one.rejected_at is not None


def test_the_routing_step_is_told_once_with_its_words() -> None:
    case = facts(**ROUTED | {"blsj": "2024-03-01"}, blfss=[step("02", "2024-03-01 10:00:00", blyj="请依法调处")])

    assert told(case)[1:] == [("REFERRED", "blfs:02@2024-03-01 00:00:00")]
    assert case.entries[1].words == "请依法调处"


def test_a_present_state_that_a_step_tells_is_told_once() -> None:
    case = facts(**ROUTED | {"xfjzt": "05"}, blfss=[step("12", LATER)])
    assert [kind for kind, _ in told(case)] == ["REGISTERED", "REFERRED", "DECLINED"]


def test_an_anonymous_letter_has_no_writer() -> None:
    case = facts(nmbz="1", xfr=[{"xm": "", "xb": "0", "zjhm": "620725199003074518", "lxdh": "13800001234", "zz": ""}])
    assert [party.role for party in case.parties] == [PartyRole.RESPONDENT]


@pytest.mark.parametrize(
    ("written", "sex"), [("0", Sex.FEMALE), ("1", Sex.MALE), ("", Sex.UNKNOWN), ("2", Sex.UNKNOWN), (None, Sex.UNKNOWN)]
)
def test_the_offices_sexes_are_its_own(written: str | None, sex: Sex) -> None:
    case = facts(xfr=[{"xm": "张三", "xb": written}])
    assert case.parties[0].sex is sex
    assert (UnknownCode("xb", "2") in case.unknown_codes) is (written == "2")


def test_a_respondent_may_be_an_organisation() -> None:
    case = facts(bfyr="山丹县某建筑有限公司", xfr="?")
    assert [(party.role, party.type) for party in case.parties] == [(PartyRole.RESPONDENT, PartyType.ORGANISATION)]
    assert case.unknown_codes == (UnknownCode("xfr", "UNREADABLE"),)


@pytest.mark.parametrize(("first", "expected"), [("XF1", []), ("", []), (None, []), ("XF0", ["XF0"])])
def test_a_repeat_names_the_first_letter(first: str | None, expected: list[str]) -> None:
    assert facts(REPEATED_ID=first).references == tuple(
        Reference(LinkKind.DUPLICATE_OF, "petition.xfjbh", value) for value in expected
    )


def test_unknown_codes_are_named_and_never_guessed() -> None:
    case = facts(
        xfjzt="77", xfmddm="9", xfxs="8", blfs="66", hjbz="5", myd="2", nrfldm="9999", nmbz="x", sjrs="很多", xfrs="",
        blsj="昨天", xbjzrq="月底", wtsddm="清泉", blfss=[step("99", LATER), "?"],
    )  # fmt: skip

    assert set(case.unknown_codes) == {
        UnknownCode("xfjzt", "77"), UnknownCode("xfmddm", "9"), UnknownCode("xfxs", "8"), UnknownCode("blfs", "66"),
        UnknownCode("hjbz", "5"), UnknownCode("myd", "2"), UnknownCode("nrfldm", "9999"), UnknownCode("nmbz", "x"),
        UnknownCode("sjrs", "UNREADABLE"), UnknownCode("blsj", "UNREADABLE"), UnknownCode("xbjzrq", "UNREADABLE"),
        UnknownCode("wtsddm", "UNREADABLE"), UnknownCode("blfs", "99"), UnknownCode("blfss", "UNREADABLE"),
    }  # fmt: skip
    assert (case.category, case.state, case.people_involved) == (UNKNOWN, CaseRecordState.UNKNOWN, None)
    assert case.result is not None and case.result.outcome is None
    assert all(entry.data == {} for entry in case.entries)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"xfjbh": ""}, "MISSING_XFJBH"),
        ({"xfj": None}, "MISSING_XFJ"),
        ({"xfj": {"xfjbh": "XF2", "djsj": "2024-03-01"}}, "TWO_XFJBH"),
        ({"xfj": {"xfjbh": "XF1", "djsj": "昨天"}}, "BAD_DJSJ"),
    ],
)
def test_only_a_row_without_identity_or_registration_is_refused(changed: dict[str, Any], code: str) -> None:
    with pytest.raises(BadPayloadError) as caught:
        CONNECTOR.map(make_item(row("XF1") | changed))
    assert caught.value.code == code and "昨天" not in str(caught.value)


def test_a_bare_date_is_midnight_and_the_exchanges_own_marks_are_no_content() -> None:
    one = row("XF1", djsj="2024-02-28", blsj="2024-03-01", sjjhzt="0", cxm="")
    other = row("XF1", djsj="2024-02-28 00:00:00", blsj="2024-03-01 00:00:00", sjjhzt="20", cxm=None)
    other["hash"] = "f" * 32

    assert make_item(one).canonical == make_item(other).canonical
    assert make_item(one).content_mark != make_item(other).content_mark
    assert facts(djsj="2024-02-28").received_at == shanghai_midnight(datetime(2024, 2, 28).date())


@given(st.text(), st.text())
def test_another_content_is_another_version(one: str, other: str) -> None:
    is_same = make_item(row("XF1", xfnr=one)).canonical == make_item(row("XF1", xfnr=other)).canonical
    assert is_same is (one == other)


# --- any row ----------------------------------------------------------------------------------------------------

TIMES = st.sampled_from(["2024-03-01 10:00:00", "2024-03-01", "2999-12-31 23:59:59", "9999-12-31", ""])
STEP = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(step("", ""), JSON),
        "blfs": st.sampled_from(["01", "02", "05", "11", "12", "13", "14", 14]) | JSON,
        "blsj": TIMES | JSON,
    },
)
XFJ = st.fixed_dictionaries(
    {"djsj": TIMES},
    optional={name: st.just(value) | JSON for name, value in row("XF1")["xfj"].items() if name != "djsj"}
    | {name: TIMES | JSON for name in ("blsj", "bjsj", "xbjzrq", "xfrq")}
    | {
        "xfjzt": st.sampled_from([f"{n:02}" for n in range(1, 13)]) | JSON,
        "blfs": st.sampled_from(["01", "02", "04", "14"]) | JSON,
        "qxjg": st.just(CENTRE) | JSON,
        "hjbz": st.sampled_from(["0", "1", ""]) | JSON,
        "myd": st.sampled_from(["0", "3", ""]) | JSON,
    },
)
ROW = st.fixed_dictionaries(
    {"xfjbh": st.just("XF1") | JSON, "xfj": XFJ | JSON},
    optional={
        "gxsj": TIMES | JSON,
        "hash": JSON,
        "xfr": st.lists(st.fixed_dictionaries({}, optional={"xm": JSON, "xb": JSON, "zjhm": JSON}) | JSON) | JSON,
        "blfss": st.lists(STEP | JSON, max_size=4) | JSON,
    },
)


@settings(deadline=None)
@given(ROW | JSON)
def test_whatever_the_row_it_is_mapped_or_refused_alone(anything: Any) -> None:
    item = make_item(anything)
    try:
        found = CONNECTOR.map(item)
    except BadPayloadError:
        return

    (case,) = found
    assert isinstance(case, CaseFacts)
    assert list(CONNECTOR.map(item)) == list(found)
    identities = [entry.source_event_id for entry in case.entries]
    assert len(set(identities)) == len(identities)
    assert {hand_over.source_event_id for hand_over in case.hand_overs} <= set(identities)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b"1", b"null", b"[" * 100_000])
def test_a_body_that_is_no_row_is_refused(body: bytes) -> None:
    with pytest.raises(BadPayloadError):
        CONNECTOR.map(Item("XF1", "XF1", "", None, body, body))


def test_a_lone_surrogate_and_a_nul_are_kept_in_the_body_and_not_in_the_keys() -> None:
    written = '{"xfjbh": "X\\u0000\\ud800F", "xfj": {"djsj": "2024-03-01", "xfnr": "\\ud800"}}'
    item = make_item(json.loads(written))
    (case,) = CONNECTOR.map(item)

    assert item.native_id == "XF" and b"\\ud800" in item.body
    assert isinstance(case, CaseFacts) and case.native_id == "XF"


def test_the_newest_version_is_the_record() -> None:
    old, new = facts(), facts(**ROUTED)
    assert CONNECTOR.compose([old, new]) is new
    assert new.tie_break > old.tie_break
