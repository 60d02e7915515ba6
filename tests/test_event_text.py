"""An event's sentence comes from codes alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.event_text import event_text, units_named
from hub.vocabulary import HandlingEventKind as Kind

SYSTEMS = st.sampled_from(["court", "police", "petition", "hotline", "", "unheard-of"])


def test_codes_become_words_and_units_become_names() -> None:
    data = {"YJDW": "620725190000", "CLJGDM": "02", "FKDBH": "F6207250000002024010100001"}
    told = event_text(Kind.REFERRED, "police", data, {"620725190000": "山丹县综治中心"})
    assert told == "移送：处理结果移交调解，移交单位 山丹县综治中心，反馈单编号 F6207250000002024010100001"
    assert units_named(Kind.REFERRED, "police", data) == ["620725190000"]
    assert units_named(Kind.ACCEPTED, "police", data) == []
    assert event_text(Kind.ACCEPTED, "police", {"YJDW": "620725190000"}) == "受理"
    assert event_text(Kind.REFERRED, "police", {"YJDW": "620725190000"}) == "移送：移交单位 620725190000"


def test_an_event_without_codes_is_named_by_its_kind() -> None:
    assert event_text(Kind.SESSION_HELD, "court", {}) == "召开调解会"
    assert event_text(Kind.SUPERVISED, "", {}) == "督办"


def test_a_court_failure_names_its_reason() -> None:
    assert event_text(Kind.RESULT_RECORDED, "court", {"tjjg": "2", "bcgyy": "5"}) == (
        "登记调解结果：未达成协议，不成原因分歧较大难以达成"
    )


@given(
    st.sampled_from(list(Kind)),
    SYSTEMS,
    st.dictionaries(st.text(max_size=8), st.one_of(st.text(), st.integers(), st.none(), st.booleans())),
)
def test_any_data_gives_a_sentence(kind: Kind, system: str, data: dict[str, object]) -> None:
    assert event_text(kind, system, data)


@pytest.mark.parametrize(
    "words", ["张三 于三月一日到我处反映", "张三", "欠我500元，不还", "13812345678", "622225198001012345"]
)
def test_what_a_citizen_said_or_is_called_is_never_repeated(words: str) -> None:
    names = ("tjjg", "bcgyy", "org", "tjxybh", "CLJGDM", "YJDW", "FKDBH", "myd", "state", "mode", "content", "by", "YY")
    for system in ("court", "police", "petition", "hotline", ""):
        for kind in Kind:
            assert words not in event_text(kind, system, dict.fromkeys(names, words))
