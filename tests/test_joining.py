"""Which evidence joins: the same answer in any order, and never against a person's word."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from hub.joining import RESTRICTED, SEPARATED, SIZE_GUARD, WORKED, Circumstances, Groups, Rank, Tie, held_back

_RECORDS = "abcdefgh"


def tie(one: str, other: str, rank: Rank = Rank.REFERENCE) -> Tie:
    return Tie(f"{one}{other}", one, other, rank)


def groups(ties: list[Tie], held: dict[str, str]) -> Groups:
    made = Groups(_RECORDS)
    for one in ties:
        if one.id not in held:
            made.join(one.one, one.other)
    return made


def apart(*pairs: str) -> dict[str, set[str]]:
    parted: dict[str, set[str]] = {}
    for one, other in pairs:
        parted.setdefault(one, set()).add(other)
        parted.setdefault(other, set()).add(one)
    return parted


def test_without_circumstances_everything_joins() -> None:
    assert held_back([tie("a", "b"), tie("b", "c", Rank.LIKENESS)], Circumstances(12)) == {}


def test_likeness_that_makes_too_many_is_held_and_references_are_not() -> None:
    ties = [tie("a", "b"), tie("b", "c"), tie("c", "d", Rank.LIKENESS), tie("e", "f", Rank.LIKENESS)]
    assert held_back(ties, Circumstances(3)) == {"cd": SIZE_GUARD}
    assert held_back(ties, Circumstances(4)) == {}


def test_a_restricted_record_is_joined_to_none_that_is_not() -> None:
    ties = [tie("a", "b"), tie("b", "c"), tie("c", "d", Rank.PERSON)]
    assert held_back(ties, Circumstances(12, restricted={"a", "b", "c"})) == {}
    assert held_back(ties, Circumstances(12, restricted={"a"})) == {"ab": RESTRICTED}


def test_the_stronger_word_is_heard_first() -> None:
    ties = [tie("a", "b", Rank.LIKENESS), tie("b", "c")]
    assert held_back(ties, Circumstances(12, parted=apart("ac"))) == {"ab": SEPARATED}


def test_two_worked_disputes_are_joined_by_a_person_alone() -> None:
    ties = [tie("a", "b"), tie("b", "c")]
    assert held_back(ties, Circumstances(12, worked={"a", "c"})) == {"bc": WORKED}
    assert held_back([*ties, tie("a", "c", Rank.PERSON)], Circumstances(12, worked={"a", "c"})) == {}


_TIES = st.lists(
    st.tuples(st.sampled_from(_RECORDS), st.sampled_from(_RECORDS), st.sampled_from(list(Rank))).filter(
        lambda drawn: drawn[0] < drawn[1]
    ),
    max_size=9,
    unique_by=lambda drawn: drawn[:2],
)
_PAIRS = st.lists(st.sampled_from([a + b for a in _RECORDS for b in _RECORDS if a < b]), max_size=5)


@given(_TIES, _PAIRS, st.sets(st.sampled_from(_RECORDS), max_size=4), st.integers(2, 9), st.randoms())
def test_any_order_is_judged_alike_and_no_persons_word_is_broken(
    drawn: list[tuple[str, str, Rank]], pairs: list[str], worked: set[str], guard: int, random: object
) -> None:
    ties = [tie(*one) for one in drawn]
    by_persons = groups([one for one in ties if one.rank is Rank.PERSON], {})
    # an act that joins lifts what parted them
    pairs = [pair for pair in pairs if pair[1] not in by_persons.members(pair[0])]
    around = Circumstances(guard, parted=apart(*pairs), worked=worked, names={one: (one,) for one in _RECORDS})
    held = held_back(ties, around)
    mixed = list(ties)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert held_back(mixed, around) == held
    assert not any(one.id in held for one in ties if one.rank is Rank.PERSON)
    made = groups(ties, held)
    assert not any(pair[1] in made.members(pair[0]) for pair in pairs)
    for group in made.all():
        # several of one group only where persons joined them
        hands = {frozenset(by_persons.members(record)) for record in group & worked}
        assert len(hands) <= 1
    likeness = [one for one in ties if one.rank is Rank.LIKENESS and one.id not in held]
    everything = groups(ties, {})
    assert all(len(everything.members(one.one)) <= guard for one in likeness)


def test_names_decide_between_equals_not_ids() -> None:
    """a–b and b–c, a and c parted: which is heard first hangs on the records' names, whatever our ids are."""
    for one, two, three in permutations("xyz"):
        names = {one: ("court", "1"), two: ("court", "2"), three: ("court", "3")}
        ties = [tie(one, two), tie(two, three)]
        around = Circumstances(12, parted=apart(one + three), names=names)
        assert held_back(ties, around) == {two + three: SEPARATED}
