"""How an order goes by itself: the whole way in the history, other contractors' way at any time.

What the centre does from August 2024 on is not here: it comes over the wire.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from connectors.sandbox.county import LIVE_FROM
from connectors.sandbox.hotline_orders import OTHER_UNITS
from connectors.sandbox.matters import CENTRE, Ending, HandOver, Matter, Quarrel
from connectors.sandbox.routes import HOTLINE, POLICE

NOT_REACHED = ("无人接听", "号码停机", "拒绝接受回访")
SATISFACTIONS = ("满意", "满意", "满意", "基本满意")
_A_DAY = timedelta(days=1)
_DONE = "您好，您反映的问题已由承办单位核实处理，感谢您的来电。"
_NOT_DONE = "您好，经核实，该事项暂不具备办理条件，已向您说明原因。"
_ANSWERED = "话务员已当场答复。"


@dataclass(frozen=True, slots=True)
class Planned:
    """One step of :data:`connectors.sandbox.hotline_orders.STEPS` and when it is taken."""

    at: datetime
    step: str
    arguments: Mapping[str, str | None] = field(default_factory=dict)


def transfers_of(quarrel: Quarrel) -> dict[str, tuple[str, datetime]]:
    """Which calls 110 opened for which orders: workordercode → (JJDBH, when)."""
    return {
        reference.number: (matter.native_id, matter.received_at)
        for matter in quarrel.matters
        if matter.instance == POLICE
        for reference in matter.references
        if reference.is_structured and reference.instance == HOTLINE
    }


def course_of(matter: Matter, transfer: tuple[str, datetime] | None) -> list[Planned]:
    """The steps that this order takes by itself, in order of time."""
    steps = list(_steps(matter))
    if transfer is not None:
        steps.append(Planned(transfer[1], "transfer", {"jjdbh": transfer[0]}))
    return sorted(steps, key=lambda planned: planned.at)


def _steps(matter: Matter) -> Iterator[Planned]:
    if not matter.hand_overs:
        yield from _answered(matter)
    for hand_over in matter.hand_overs:
        if not hand_over.is_to_centre:
            yield from elsewhere(matter.native_id, hand_over.unit, hand_over.at)
        elif hand_over.ending is not None and hand_over.at < LIVE_FROM:
            yield from _centre_of_old(matter.native_id, hand_over, hand_over.ending)
        else:
            yield Planned(hand_over.at, "dispatch", {"unit": CENTRE})


def _answered(matter: Matter) -> Iterator[Planned]:
    rng = Random(f"answered|{matter.native_id}")
    at = matter.received_at + timedelta(minutes=rng.randrange(3, 300))
    yield Planned(at, "conclude", {"solve": "1", "reply": _ANSWERED})
    yield Planned(at + rng.randrange(2, 6) * _A_DAY, "archive")


def _centre_of_old(code: str, hand_over: HandOver, ending: Ending) -> Iterator[Planned]:
    rng = Random(f"old|{code}")
    yield Planned(hand_over.at, "dispatch", {"unit": CENTRE})
    if ending.accepted_at is not None:
        yield Planned(ending.accepted_at, "sign")
    solve = "1" if ending.outcome.is_success else "0"
    yield Planned(ending.concluded_at, "conclude", {"solve": solve, "reply": _reply(ending)})
    at = ending.concluded_at + _A_DAY
    # history is over before August: what was concluded last is neither visited nor archived
    if at >= LIVE_FROM:
        return
    # nobody denied the solution, or the order would not be closed
    is_reached = rng.random() < (0.9 if solve == "1" else 0.5)
    yield Planned(at, "visit", _visit(rng, (solve if solve == "1" else "2") if is_reached else None))
    at += rng.randrange(1, 6) * _A_DAY
    if at < LIVE_FROM:
        yield Planned(at, "archive")


def _reply(ending: Ending) -> str:
    if ending.outcome.is_success:
        return f"经调解，双方达成协议（{ending.agreement_no}）。"
    return f"经多次调解，双方未能达成一致，已引导通过法定途径解决。{ending.undisputed}。"


def elsewhere(code: str, unit: str, at: datetime) -> Iterator[Planned]:
    """Another contractor's way from the dispatch to the archive; sometimes it passes the order on."""
    rng = Random(f"elsewhere|{code}|{at}")
    yield Planned(at, "dispatch", {"unit": unit})
    at += timedelta(minutes=rng.randrange(20, 1100))
    if rng.random() < 0.05:
        yield Planned(at, "send_back")
        at += timedelta(minutes=rng.randrange(30, 600))
        yield Planned(at, "dispatch", {"unit": another_unit(code, unit)})
        at += timedelta(minutes=rng.randrange(20, 1100))
    yield Planned(at, "sign")
    at += timedelta(minutes=rng.randrange(30, 400))
    yield Planned(at, "handle")
    luck = rng.random()
    if luck < 0.06:
        at += _A_DAY
        yield Planned(at, "extend", {"processlimited": (at + 14 * _A_DAY).date().isoformat()})
    elif luck < 0.09:
        yield Planned(at + _A_DAY, "suspend")
        at += 3 * _A_DAY
        yield Planned(at, "handle")
    yield from _concluded(rng, at, is_rework=False)


def _concluded(rng: Random, at: datetime, is_rework: bool) -> Iterator[Planned]:
    at += timedelta(hours=rng.randrange(20, 260))
    solve = "1" if rng.random() < 0.88 else "2"
    yield Planned(at, "conclude", {"solve": solve, "reply": _DONE if solve == "1" else _NOT_DONE})
    at += _A_DAY
    luck = rng.random()
    if luck < 0.06 and not is_rework:
        yield Planned(at, "visit", _visit(rng, "0"))
        yield Planned(at + timedelta(hours=3), "sign")
        yield from _concluded(rng, at, is_rework=True)
        return
    yield Planned(at, "visit", _visit(rng, solve if luck < 0.9 else None))
    yield Planned(at + rng.randrange(1, 6) * _A_DAY, "archive")


def _visit(rng: Random, solve: str | None) -> dict[str, str | None]:
    return visited(solve, rng.choice(NOT_REACHED), rng.choice(SATISFACTIONS))


def visited(solve: str | None, fail_reason: str, satisfaction: str) -> dict[str, str | None]:
    """The arguments of a visit: ``solve`` is what the caller says, None where nobody was reached."""
    if solve is None:
        return {"solve": None, "fail_reason": fail_reason, "satisfaction": None}
    words = {"0": "不满意", "2": "未表态"}
    return {"solve": solve, "fail_reason": None, "satisfaction": words.get(solve, satisfaction)}


def another_unit(code: str, *units: str | None) -> str:
    """A contractor other than these and the centre; the same for the same order."""
    return Random(f"unit|{code}").choice([unit for unit in OTHER_UNITS if unit not in units])
