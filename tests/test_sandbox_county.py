"""The simulated county: the same for the same seed and scale, its golden quotas exact, its people well-formed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import combinations, islice

import pytest

from connectors.sandbox.county import LIVE_FROM, START, County, scripts_of, truth
from connectors.sandbox.matters import CourtMatter, Matter, Quarrel
from connectors.sandbox.people import firm_code, id_check_digit, is_valid_id
from connectors.sandbox.plan import PERIOD_BEGIN, PERIOD_END
from connectors.sandbox.quotas import as_scale, quotas, scaled, shares
from connectors.sandbox.routes import COURT, HOTLINE, PETITION, POLICE
from hub.errors import ConfigurationError
from hub.vocabulary import PartyRole, county_tables

PERIOD = (datetime(2024, 1, 1), datetime(2024, 8, 1))


@pytest.fixture(scope="module")
def whole() -> list[Quarrel]:
    return list(County(7, 1).history())


def matters(quarrels: Iterable[Quarrel], instance: str) -> Iterator[Matter]:
    return (matter for quarrel in quarrels for matter in quarrel.matters if matter.instance == instance)


def in_period(at: datetime) -> bool:
    return PERIOD[0] <= at < PERIOD[1]


def referred(quarrels: Iterable[Quarrel], instance: str) -> list[Matter]:
    return [
        matter
        for matter in matters(quarrels, instance)
        if any(hand_over.is_to_centre and in_period(hand_over.at) for hand_over in matter.hand_overs)
    ]


def settled(found: list[Matter]) -> int:
    endings = [[h.ending for h in matter.hand_overs if h.is_to_centre][-1] for matter in found]
    last = [ending.corrected or ending for ending in endings if ending is not None]
    return sum(ending.outcome.is_success for ending in last)


def test_same_seed_and_scale_give_the_same_county() -> None:
    first, again = list(County(7, "0.05").history()), list(County("7", 0.05).history())
    assert first == again
    assert first != list(County(8, "0.05").history())


def test_asking_for_one_agency_changes_none_of_its_quarrels() -> None:
    everything = [q for q in County(3, 0.05).history() if any(m.instance == COURT for m in q.matters)]
    assert list(County(3, 0.05).history(only=COURT)) == everything
    assert County(3, 0.05).history_length(COURT) == len(everything)


def test_golden_counts_hold_at_scale_1(whole: list[Quarrel]) -> None:
    received = Counter(m.instance for q in whole for m in q.matters if q.opened_at >= PERIOD[0])
    assert (received[POLICE], received[PETITION], received[HOTLINE]) == (8000, 480, 7400)
    filings = [m for m in matters(whole, COURT) if in_period(m.received_at) and m.route < 19]
    assert len(filings) == 2438
    assert received[COURT] - len(filings) == 106
    assert (len(referred(whole, COURT)), settled(referred(whole, COURT))) == (1907, 1407)
    assert (len(referred(whole, POLICE)), settled(referred(whole, POLICE))) == (578, 530)
    assert (len(referred(whole, PETITION)), settled(referred(whole, PETITION))) == (18, 18)
    assert quotas(as_scale(1)).demands == 18318


@pytest.mark.parametrize("scale", ["0.004", "0.01", "0.023", "0.037", "0.1", "0.33"])
@pytest.mark.parametrize("seed", [1, 2])
def test_golden_counts_hold_at_every_scale(scale: str, seed: int) -> None:
    quarrels = list(County(seed, scale).history())
    expected = quotas(as_scale(scale))
    assert len(referred(quarrels, COURT)) == expected.diverted
    assert settled(referred(quarrels, COURT)) == expected.mediated
    assert len(referred(quarrels, POLICE)) == expected.police_referred
    assert settled(referred(quarrels, POLICE)) == expected.police_settled
    assert settled(referred(quarrels, PETITION)) == len(referred(quarrels, PETITION)) == expected.petitions_referred
    assert sum(1 for _ in matters(quarrels, HOTLINE)) == expected.orders


def test_every_golden_referral_and_result_lies_on_its_records_side_of_the_period(whole: list[Quarrel]) -> None:
    for quarrel in whole:
        for matter in quarrel.matters:
            for script in matter.hand_overs:
                assert in_period(script.at) == in_period(matter.received_at)
                assert script.at >= matter.received_at
                ending = script.ending
                while ending is not None:
                    assert script.at < ending.concluded_at < LIVE_FROM
                    assert ending.accepted_at is None or script.at < ending.accepted_at < ending.concluded_at
                    ending = ending.corrected


def test_native_ids_are_unique_and_follow_their_patterns(whole: list[Quarrel]) -> None:
    records = [record for quarrel in whole for record in quarrel.records()]
    assert len(records) == len(set(records))
    later = [
        r for day in range(5) for q in County(7, 1).arrivals(date(2024, 8, 1) + timedelta(day)) for r in q.records()
    ]
    assert not set(later) & set(records)
    patterns = {POLICE: (r"J\d{25}", 26), PETITION: (r"XF\d{19}", 21), HOTLINE: (r"GS\d{14}", 16), COURT: ("", 32)}
    for instance, native_id in records + later:
        assert len(native_id) == patterns[instance][1]


def test_quarrels_touch_one_to_four_agencies_and_many_without_naming_each_other(whole: list[Quarrel]) -> None:
    agencies = Counter(len({m.instance for m in q.matters}) for q in whole)
    assert set(agencies) == {1, 2, 3, 4}
    pairs = named = 0
    for quarrel in whole:
        for earlier, later in combinations(quarrel.matters, 2):
            if earlier.instance != later.instance:
                pairs += 1
                named += any(ref.instance == earlier.instance for ref in later.references)
    assert pairs > 1500
    assert (pairs - named) / pairs >= 0.4


def test_quoted_numbers_stand_in_the_text(whole: list[Quarrel]) -> None:
    quoted = [(ref, m) for q in whole for m in q.matters for ref in m.references if not ref.is_structured]
    assert quoted
    assert all(ref.number in matter.text for ref, matter in quoted)


def test_identifiers_are_valid_missing_masked_or_mistyped(whole: list[Quarrel]) -> None:
    told = [p.person for q in whole for m in q.matters for p in m.parties if not p.person.is_firm]
    kinds = Counter(
        "missing" if not p.id_no else "masked" if "*" in p.id_no else "valid" if is_valid_id(p.id_no) else "mistyped"
        for p in told
    )
    assert all(kinds[kind] > 100 for kind in ("valid", "missing", "masked", "mistyped"))
    assert kinds["valid"] / len(told) > 0.8
    assert any(set("䶮㛃𠅤") & set(person.name) for person in told)


def test_check_digits_agree_with_the_standards() -> None:
    assert id_check_digit("11010519491231002") == "X"
    assert id_check_digit("62072519900307451") == "8"
    assert not is_valid_id("110105194912310021")
    assert not is_valid_id("11010519491331002X")
    assert firm_code("91350100M000100Y4") == "91350100M000100Y43"


def test_regions_and_codes_come_from_the_countys_tables(whole: list[Quarrel]) -> None:
    tables = county_tables()
    villages = {region.code for region in tables.villages()}
    codes = {(code.system, code.code) for code in tables.native_codes}
    assert {quarrel.region_code for quarrel in whole} == villages
    for matter in (m for q in whole for m in q.matters):
        assert matter.native_code == "" or (matter.instance, matter.native_code) in codes


def test_agencies_of_one_quarrel_agree_on_its_class(whole: list[Quarrel]) -> None:
    tables = county_tables()
    table = {COURT: "caseCause", POLICE: "JQLXDM", PETITION: "nrfldm", HOTLINE: "problemId"}
    for quarrel in whole:
        if len(quarrel.matters) > 1:
            for matter in quarrel.matters:
                native = tables.native(matter.instance, table[matter.instance], matter.native_code)
                assert native is not None and quarrel.category in native.classes


def test_quarrels_come_in_the_order_of_their_days(whole: list[Quarrel]) -> None:
    days = [quarrel.opened_at.date() for quarrel in whole]
    assert days == sorted(days)
    assert {PERIOD_BEGIN, PERIOD_END - timedelta(days=1)} <= set(days)


def test_life_goes_on_at_the_same_rate() -> None:
    county = County(7, 1)
    month = [q for day in range(31) for q in county.arrivals(date(2024, 8, 1) + timedelta(days=day))]
    assert 70 * 31 < sum(len(q.matters) for q in month) < 100 * 31
    assert min(q.opened_at for q in month) > START
    assert list(county.arrivals(date(2024, 8, 9))) == list(County(7, 1).arrivals(date(2024, 8, 9)))


def test_every_later_hand_over_has_its_hidden_script() -> None:
    scripts = list(County(7, 1).scripts(date(2024, 7, 1), date(2024, 8, 15)))
    assert {script.instance for script in scripts} >= {COURT, POLICE, HOTLINE}
    for script in scripts:
        assert script.hand_over.is_to_centre
        assert script.hand_over.ending is not None and script.hand_over.ending.concluded_at > script.hand_over.at
    outcomes = Counter(s.hand_over.ending.outcome for s in scripts if s.hand_over.ending)
    assert len(outcomes) >= 5
    one = next(q for q in County(7, 1).arrivals(date(2024, 8, 5)) for _ in scripts_of(q))
    assert next(scripts_of(one)).quarrel_id == one.id


def test_truth_tells_every_record_once_and_streams() -> None:
    first = list(islice(truth(7, 20), 300))
    assert len(first) == 300
    told = list(truth(7, 0.05))
    assert len({quarrel_id for quarrel_id, _ in told}) == len(told)
    assert sum(instance == POLICE for _, records in told for instance, _ in records) == 400


def test_court_matters_name_plaintiff_and_defendant(whole: list[Quarrel]) -> None:
    for matter in matters(whole, COURT):
        assert isinstance(matter, CourtMatter)
        assert {PartyRole.APPLICANT, PartyRole.RESPONDENT} <= {told.role for told in matter.parties}
        assert matter.committed_at <= matter.received_at < matter.decided_at


@pytest.mark.parametrize("wrong", ["0", "-1", "many", "inf", "1000"])
def test_impossible_scale_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigurationError):
        as_scale(wrong)


def test_shares_add_up_and_leave_nobody_out() -> None:
    assert shares(1407, (900, 280, 14, 25, 128, 60)) == [900, 280, 14, 25, 128, 60]
    for total in range(0, 200, 7):
        parts = shares(total, (900, 1, 30, 7))
        assert sum(parts) == total and min(parts) >= 0
        assert total < 12 or min(parts) > 0
    assert [scaled(5, Decimal("0.1")), scaled(15, Decimal("0.1")), scaled(18, Decimal("0.05"))] == [1, 2, 1]
