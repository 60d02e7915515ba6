"""What becomes of one letter and when: every step between its registration and the last word on it.

A letter handed to the centre after July 2024 has no course beyond that: what the centre pushes makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from connectors.sandbox import petition_letters as letters
from connectors.sandbox.chance import luck
from connectors.sandbox.county import LIVE_FROM
from connectors.sandbox.matters import CENTRE, HandOver, Matter
from connectors.sandbox.petition_letters import OFFICE, Letter
from connectors.sandbox.routes import PetitionRoute
from connectors.sandbox.timeline import Timeline
from hub.vocabulary import ReferralMode

#: the units that hear of accusations and suggestions
_DISCIPLINE, _COUNTY_HALL = "620725130000", "620725000000"
_DEPARTMENTS = ("620725170000", "620725140000", "620725110000", "620725150000")
_MODES = {ReferralMode.FORWARD: letters.FORWARDED, ReferralMode.ASSIGN: letters.ASSIGNED}
#: satisfied, basically, dissatisfied (there is no 2), asked without an opinion
_OPINIONS = ("0", "0", "0", "0", "1", "1", "3", "")


@dataclass(frozen=True, slots=True)
class Due:
    """One step of a course."""

    at: datetime
    name: str
    payload: Mapping[str, str] = field(default_factory=dict)


def take(letter: Letter, name: str, payload: Mapping[str, str], at: datetime) -> bool:
    """Do one step; False where the letter has left the way on which the step made sense."""
    allowed, act = _STEPS[name]
    if allowed and letter["xfj"]["xfjzt"] not in allowed:
        return False
    act(letter, payload, at)
    return True


Act = Callable[[Letter, Mapping[str, str], datetime], None]
#: the states from which a step is taken, none = any; and what it does
_STEPS: Mapping[str, tuple[frozenset[str], Act]] = {
    "route": (
        frozenset({"01", "05"}),
        lambda letter, step, at: letters.route(letter, step["blfs"], step["unit"], at, _written(letter, at)),
    ),
    "sign": (frozenset({"02"}), lambda letter, step, at: letters.sign(letter, step["unit"], at)),
    "refuse": (frozenset({"02"}), lambda letter, step, at: letters.refuse(letter, step["unit"], at)),
    "decline": (frozenset({"02"}), lambda letter, step, at: letters.decline(letter, step["unit"], at)),
    "work": (frozenset({"03"}), lambda letter, step, at: letters.work(letter, at)),
    "extend": (
        frozenset({"03", "06"}),
        lambda letter, step, at: letters.extend(letter, step["unit"], step["until"], at),
    ),
    "answer": (
        frozenset({"03", "06", "07"}),
        lambda letter, step, at: letters.answer(letter, step["unit"], step["hjbz"], at),
    ),
    "supervise": (frozenset({"02", "03", "06", "07"}), lambda letter, step, at: letters.supervise(letter, at)),
    "close": (frozenset({"08", "10", "11"}), lambda letter, step, at: letters.close(letter, at)),
    "visit": (frozenset({"09"}), lambda letter, step, at: letters.visit(letter, step["myd"], at)),
    "review": (frozenset({"09"}), lambda letter, step, at: letters.review(letter, at)),
    "take_back": (frozenset({"05"}), lambda letter, step, at: letters.take_back(letter, at)),
}


def course(matter: Matter, rng: Random) -> list[Due]:
    """Every step after the registration, in order of time."""
    to_centre = next((hand_over for hand_over in matter.hand_overs if hand_over.is_to_centre), None)
    if to_centre is not None:
        return _with_centre(to_centre, rng)
    writer = _Writer(rng, matter.received_at)
    if matter.hand_overs:
        writer.elsewhere(matter.hand_overs[0])
    elif matter.route == PetitionRoute.ACCUSATION:
        writer.accusation()
    elif matter.route == PetitionRoute.SUGGESTION:
        writer.suggestion()
    else:
        writer.answered()
    return writer.steps


def after_result(at: datetime, rng: Random) -> list[Due]:
    """What the office does with a letter whose result it has."""
    closed_at = at + timedelta(days=rng.randint(1, 4))
    steps = [Due(closed_at, "close")]
    if rng.random() < 0.7:
        myd = rng.choice(_OPINIONS)
        steps.append(Due(closed_at + timedelta(days=rng.randint(1, 9)), "visit", {"myd": myd}))
    return steps


def after_decline(at: datetime, rng: Random) -> list[Due]:
    """What the office does with a letter that the centre sent back."""
    taken_at = at + timedelta(days=rng.randint(1, 3))
    answered_at = taken_at + timedelta(days=rng.randint(8, 30))
    # the office settles it itself; whether the centre did stays open
    steps = [Due(taken_at, "take_back"), Due(answered_at, "answer", {"unit": OFFICE, "hjbz": ""})]
    return [*steps, Due(answered_at + timedelta(days=2), "close")]


def _with_centre(hand_over: HandOver, rng: Random) -> list[Due]:
    steps = [Due(hand_over.at, "route", {"blfs": _MODES[hand_over.mode], "unit": CENTRE})]
    ending = hand_over.ending
    if ending is None or ending.accepted_at is None or ending.concluded_at >= LIVE_FROM:
        return steps
    hjbz = "1" if ending.outcome.is_success else "0"
    # closed in the same hour: a result of the golden period is wholly of the past (WIRES.md 0.6, 0.13)
    closed_at = ending.concluded_at + timedelta(minutes=10)
    steps += [
        Due(ending.accepted_at, "sign", {"unit": CENTRE}),
        Due(ending.concluded_at, "answer", {"unit": CENTRE, "hjbz": hjbz}),
        Due(closed_at, "close"),
    ]
    if rng.random() < 0.8:
        steps.append(Due(closed_at + timedelta(days=rng.randint(1, 12)), "visit", {"myd": rng.choice(_OPINIONS)}))
    return steps


class _Writer:
    """Writes the course of a letter with which the centre has nothing to do."""

    def __init__(self, rng: Random, received_at: datetime) -> None:
        self._rng, self._line = rng, Timeline(rng, received_at, None, 0)
        self.steps: list[Due] = []

    def elsewhere(self, hand_over: HandOver) -> None:
        """Another unit's letter: it does not count, whatever becomes of it."""
        rng, unit = self._rng, hand_over.unit
        self._line.now = hand_over.at
        self.steps.append(Due(hand_over.at, "route", {"blfs": _MODES[hand_over.mode], "unit": unit}))
        chance = rng.random()
        if chance < 0.06:
            self._then(1, 10, "refuse", unit=unit)
            return
        if chance < 0.12:
            self._then(1, 6, "decline", unit=unit)
            unit = rng.choice([other for other in _DEPARTMENTS if other != unit])
            self._then(1, 4, "route", blfs=letters.ASSIGNED, unit=unit)
        self._then(1, 8, "sign", unit=unit)
        self._then(1, 6, "work")
        self._handled(unit, 8, 40)

    def answered(self) -> None:
        """The office deals with it itself, or says where to go; to name the centre is advice, no hand-over."""
        rng = self._rng
        if rng.random() < 0.45:
            self._then(0, 5, "route", blfs=letters.TOLD, unit=CENTRE if rng.random() < 0.35 else "")
            self._then(0, 3, "close")
            return
        self._then(0, 5, "route", blfs=letters.DIRECT, unit=OFFICE)
        self._handled(OFFICE, 5, 35)

    def accusation(self) -> None:
        """Not for the accused to hear of: reported upward, or to the discipline commission."""
        is_reported = self._rng.random() < 0.35
        blfs, unit = (letters.REPORTED, _COUNTY_HALL) if is_reported else (letters.FORWARDED, _DISCIPLINE)
        self._then(0, 6, "route", blfs=blfs, unit=unit)
        if not is_reported:
            self._then(1, 6, "sign", unit=unit)
        self._then(20, 70, "answer", unit=unit, hjbz=self._rng.choice(("1", "0", "")))
        self._then(0, 5, "close")

    def suggestion(self) -> None:
        """For a department to think about."""
        unit = self._rng.choice(_DEPARTMENTS)
        self._then(0, 8, "route", blfs=letters.FORWARDED, unit=unit)
        self._then(1, 8, "sign", unit=unit)
        self._then(5, 30, "answer", unit=unit, hjbz="")
        self._closed()

    def _handled(self, unit: str, least: int, most: int) -> None:
        rng = self._rng
        if rng.random() < 0.1:
            until = self._line.now + timedelta(days=30 + most)
            self._then(20, 40, "extend", unit=unit, until=until.date().isoformat())
        if rng.random() < 0.08:
            self._then(1, 20, "supervise")
        hjbz = "0" if rng.random() < 0.2 else "1"
        self._then(least, most, "answer", unit=unit, hjbz=hjbz)
        self._closed()
        if hjbz == "0" and rng.random() < 0.5:
            self._then(5, 28, "review")
            self._then(15, 28, "close")
            if rng.random() < 0.4:
                self._then(5, 28, "review")
                self._then(15, 28, "close")

    def _closed(self) -> None:
        self._then(0, 6, "close")
        if self._rng.random() < 0.6:
            self._then(1, 12, "visit", myd=self._rng.choice(_OPINIONS))

    def _then(self, least_days: int, most_days: int, name: str, **payload: str) -> None:
        self.steps.append(Due(self._line.step(least_days, most_days), name, payload))


def _written(letter: Letter, at: datetime) -> str:
    """``blsj`` as it is written: on some letters a bare date, never one that seems to lie before the letter (3.13)."""
    bare = at.date().isoformat()
    is_bare = luck("blsj", letter["xfjbh"]) < 0.2 and letters.read_mixed(letter["xfj"]["djsj"]) <= letters.read_mixed(
        bare
    )
    return bare if is_bare else ""
