"""案号: both grammars, both bracket widths, and numbers inside text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.court.numbers import CaseNumber, find_quoted, normalise, parse

SEEN = [
    ("(2021)川0112民初2181号", 2021, "川0112", "民初", 2181, ""),
    ("(2021)川0104民诉前调801号", 2021, "川0104", "民诉前调", 801, ""),
    ("(2024)浙02民诉前调595号", 2024, "浙02", "民诉前调", 595, ""),
    ("(2021)川01财保17号", 2021, "川01", "财保", 17, ""),
    ("(2021)川0104行审13号", 2021, "川0104", "行审", 13, ""),
    ("(2024)最高法民终7号", 2024, "最高法", "民终", 7, ""),
    ("(2020)川民申5号之二", 2020, "川", "民申", 5, "二"),
    ("(2013)民提字第45号", 2013, "", "民提", 45, ""),
    ("(2012)山法民一初字第123号之一", 2012, "", "山法民一初", 123, "一"),
]


@pytest.mark.parametrize(("text", "year", "court", "type_", "seq", "sub"), SEEN)
def test_numbers_seen_in_the_field_are_taken_apart(
    text: str, year: int, court: str, type_: str, seq: int, sub: str
) -> None:
    expected = CaseNumber(text, year, court, type_, seq, sub)

    assert parse(text) == expected
    assert parse(text.replace("(", "（").replace(")", "）")) == expected


@pytest.mark.parametrize("text", ["", "(2024)甘0725", "甘0725民初1号", "(24)甘0725民初1号", "(2024)甘0725民初1号。"])
def test_what_is_no_whole_number_is_none(text: str) -> None:
    assert parse(text) is None


def test_numbers_are_found_in_text_once_and_in_order() -> None:
    text = (
        "原（2024）甘0725民诉前调12号未果，见(2013)民提字第45号、(2024)甘0725民诉前调12号及（2024）甘0725民初9号之一。"
    )

    assert find_quoted(text) == ("(2024)甘0725民诉前调12号", "(2013)民提字第45号", "(2024)甘0725民初9号之一")


@given(st.text())
def test_normalising_twice_is_normalising_once(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.text())
def test_any_text_can_be_searched(text: str) -> None:
    assert all(parse(found) is not None for found in find_quoted(text))


@given(
    st.integers(1949, 2099),
    st.sampled_from(["甘0725", "甘07", "甘"]),
    st.sampled_from(["民初", "行初", "民诉前调", "民特"]),
    st.integers(1, 999_999),
    st.booleans(),
)
def test_a_number_is_found_in_whatever_surrounds_it(year: int, court: str, type_: str, seq: int, wide: bool) -> None:
    number = f"({year}){court}{type_}{seq}号"
    written = number.replace("(", "（").replace(")", "）") if wide else number

    assert find_quoted(f"参见{written}，已送达") == (number,)
