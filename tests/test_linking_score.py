"""Precision and recall of joining: pairs of two agencies' records, against groups known to be true."""

from __future__ import annotations

from app.linking_score import score

COURT, POLICE, HOTLINE = ("court", "c"), ("police", "p"), ("hotline", "h")


def test_only_pairs_of_two_agencies_count() -> None:
    again = ("court", "c2")
    found = score({COURT: "a", again: "a", POLICE: "a"}, [("q", [COURT, again, POLICE])])
    assert (found.ours, found.true, found.right) == (2, 2, 2)


def test_what_is_joined_wrongly_costs_precision_and_what_is_missed_costs_recall() -> None:
    truth = [("q1", [COURT, POLICE]), ("q2", [HOTLINE]), ("q3", [("court", "x"), ("police", "y")])]
    # the hotline's order does not belong there, and q3 was not joined
    ours = {COURT: "a", POLICE: "a", HOTLINE: "a", ("court", "x"): "b", ("police", "y"): "c"}
    found = score(ours, truth)
    assert (found.ours, found.true, found.right) == (3, 2, 1)
    assert found.as_json() == {"precision": 0.3333, "recall": 0.5}


def test_a_record_that_the_truth_does_not_know_is_not_judged() -> None:
    assert score({COURT: "a", ("police", "of August"): "a"}, [("q", [COURT])]).ours == 0


def test_a_record_without_dispute_is_missed() -> None:
    found = score({COURT: "a"}, [("q", [COURT, POLICE])])
    assert (found.precision, found.recall) == (None, 0.0)


def test_nothing_to_join_is_no_share() -> None:
    assert score({}, []).as_json() == {"precision": None, "recall": None}
