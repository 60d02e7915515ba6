"""Turns a sketch and its scene into each agency's own matter: dates, numbers, words, parties as told, references."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from random import Random

from connectors.sandbox.court_course import court_course
from connectors.sandbox.matters import CENTRE, CourtMatter, Ending, HandOver, Matter, PartyAsTold, Reference
from connectors.sandbox.people import written_down
from connectors.sandbox.plan import Sketch, number_words
from connectors.sandbox.routes import (
    COURT,
    HOTLINE,
    PETITION,
    POLICE,
    CourtRoute,
    HotlineRoute,
    PetitionRoute,
    PoliceRoute,
)
from connectors.sandbox.scenes import Scene
from connectors.sandbox.stories import idle_call, idle_letter, idle_order, undisputed
from connectors.sandbox.timeline import Timeline
from hub.vocabulary import CountyTables, Outcome, PartyRole, ReferralMode

_LONGEST_DELAY_DAYS = 60
#: a day's second and later records of a quarrel have serials of their own: this many for each day of delay
_DELAYED_FROM, _PER_DELAY = 10_000, 1_450
_OTHER_UNITS = ("620725101000", "620725105000", "620725180000", "620725150000")
#: how often a later record names an earlier one; together well under 60 % of the pairs
_IN_A_FIELD, _IN_THE_TEXT, _IN_BOTH_LETTERS = 0.34, 0.36, 0.6
_QUOTES = {
    POLICE: "此前曾报警处理（接警单号{n}）。",
    PETITION: "此前曾向信访部门反映（信访件编号{n}）。",
    HOTLINE: "此前曾拨打12345热线反映（工单号{n}）。",
    COURT: "此前已向法院起诉，案号{n}。",
}
_DECOYS = ("另案（2022）甘0702民初{n}号与本案无关。", "参照(2021)川0112民初{n}号的处理办法。")
#: where a matter is handed to the centre, how, and which routes end in an agreement
_CENTRE_ROUTES: dict[tuple[str, int], tuple[ReferralMode, bool]] = {
    (POLICE, PoliceRoute.REFERRED_SETTLED): (ReferralMode.TRANSFER, True),
    (POLICE, PoliceRoute.REFERRED_FAILED): (ReferralMode.TRANSFER, False),
    (PETITION, PetitionRoute.REFERRED_SETTLED): (ReferralMode.ASSIGN, True),
    (PETITION, PetitionRoute.REFERRED_FAILED): (ReferralMode.FORWARD, False),
    (HOTLINE, HotlineRoute.CENTRE_SETTLED): (ReferralMode.DISPATCH, True),
    (HOTLINE, HotlineRoute.CENTRE_FAILED): (ReferralMode.DISPATCH, False),
}
_ELSEWHERE_ROUTES: dict[tuple[str, int], ReferralMode] = {
    (POLICE, PoliceRoute.REFERRED_ELSEWHERE): ReferralMode.TRANSFER,
    (PETITION, PetitionRoute.REFERRED_ELSEWHERE): ReferralMode.FORWARD,
    (HOTLINE, HotlineRoute.ELSEWHERE): ReferralMode.DISPATCH,
}


@dataclass(frozen=True, slots=True)
class _Receipt:
    """One record about to be written: which agency receives it, when, and which way it will go."""

    agency: str
    route: int
    at: datetime
    #: within the agency's day
    serial: int
    #: everything about it has happened before; None from August 2024 on
    deadline: datetime | None


class MatterWriter:
    """Writes the matters of quarrels of one county."""

    def __init__(self, seed: str, scale: Decimal, tables: CountyTables) -> None:
        self._key = f"{seed}|{scale}"
        self._tables = tables
        self._by_name = {(c.system, c.zh): c.code for c in tables.native_codes}
        self._by_class: dict[tuple[str, str], str] = {}
        for entry in tables.native_codes:
            for zz_class in entry.classes:
                self._by_class.setdefault((entry.system, zz_class), entry.code)

    def matters(
        self, sketch: Sketch, scene: Scene, rng: Random, opened_at: datetime, deadline: datetime | None
    ) -> tuple[Matter, ...]:
        """Every record of the quarrel, in the order in which they came in."""
        order = list(range(len(sketch.agencies)))
        # mostly the court is asked last; sometimes it is not
        if len(order) > 1 and rng.random() < 0.2:
            rng.shuffle(order)
        written: list[Matter] = []
        receipts = self._receipts(len(order), rng, opened_at, deadline)
        for place, (index, at) in enumerate(zip(order, receipts, strict=True)):
            serial = self._serial(sketch, place, at.date())
            receipt = _Receipt(sketch.agencies[index], sketch.routes[index], at, serial, deadline)
            written.append(self._matter(receipt, sketch, scene, rng, written))
        return tuple(written)

    @staticmethod
    def _receipts(count: int, rng: Random, opened_at: datetime, deadline: datetime | None) -> list[datetime]:
        span = _LONGEST_DELAY_DAYS
        if deadline is not None:
            span = max(0, min(span, (deadline.date() - opened_at.date()).days - 3))
        delays = sorted(1 + int((span - 1) * rng.random() ** 2) if span else 0 for _ in range(count - 1))
        receipts = [opened_at]
        for delay in delays:
            day = opened_at.date() + timedelta(days=delay)
            at = datetime.combine(day, time(8)) + timedelta(seconds=rng.randrange(11 * 3600))
            if at <= receipts[-1]:
                at = receipts[-1] + timedelta(seconds=rng.randrange(600, 3600))
            receipts.append(at)
        return receipts

    @staticmethod
    def _serial(sketch: Sketch, place: int, day: date) -> int:
        # told from the quarrel's place in its own day, so that no counter has to be kept over the days
        if place == 0:
            return sketch.ordinal + 1
        return _DELAYED_FROM + (day - sketch.day).days * _PER_DELAY + (sketch.rank or 0)

    def _matter(self, receipt: _Receipt, sketch: Sketch, scene: Scene, rng: Random, earlier: list[Matter]) -> Matter:
        agency, route = receipt.agency, receipt.route
        parties = _as_told(scene, rng, agency)
        references = _references(agency, earlier, rng, receipt.at)
        text = self._text(agency, scene, rng) + _quotes(references) + _asides(scene, rng)
        told = Matter(
            instance=agency,
            native_id=self._native_id(receipt, scene),
            received_at=receipt.at,
            route=route,
            native_code=self._native_code(agency, scene, rng),
            region_code=scene.village.code,
            parties=parties,
            text=text,
            hand_overs=_hand_overs(receipt, rng),
            references=references,
        )
        return self._court_matter(told, receipt, sketch, scene, rng) if agency == COURT else told

    def _court_matter(self, told: Matter, receipt: _Receipt, sketch: Sketch, scene: Scene, rng: Random) -> CourtMatter:
        route = CourtRoute(receipt.route)
        course = court_course(route, rng, receipt.at, receipt.deadline)
        return CourtMatter(
            instance=COURT,
            native_id=told.native_id,
            received_at=receipt.at,
            route=route,
            native_code=scene.cause_code,
            region_code=told.region_code,
            parties=told.parties,
            text=told.text,
            hand_overs=course.hand_overs,
            references=told.references,
            service_no=self._service_no(receipt),
            claim=scene.story.claim,
            amount=scene.story.amount,
            committed_at=course.committed_at,
            decided_at=course.decided_at,
            numbered_at=course.numbered_at,
            confirmed_at=course.confirmed_at,
            docketed_at=course.docketed_at,
            archived_at=course.archived_at,
            numbers=sketch.court_numbers,
        )

    def _service_no(self, receipt: _Receipt) -> str:
        return f"{self._tables.county}{receipt.at:%Y%m%d}{receipt.serial:05d}0"

    def _native_id(self, receipt: _Receipt, scene: Scene) -> str:
        at, serial = receipt.at, receipt.serial
        if receipt.agency == COURT:
            identity = f"{self._key}|{self._service_no(receipt)}".encode()
            return hashlib.md5(identity, usedforsecurity=False).hexdigest()
        if receipt.agency == POLICE:
            return f"J{scene.village.code[:9]}000{at:%Y%m%d}{serial:05d}"
        if receipt.agency == PETITION:
            return f"XF{self._tables.county}{at:%Y%m%d}{serial:05d}"
        return f"GS{at:%Y%m%d}{serial:06d}"

    def _native_code(self, agency: str, scene: Scene, rng: Random) -> str:
        if not scene.category:
            return rng.choice(("01", "02", "03", "04", "06", "99")) if agency == POLICE else ""
        by_class = self._by_class.get((agency, scene.category), "0599" if agency == POLICE else "")
        return self._by_name.get((agency, scene.cause_name), by_class)

    @staticmethod
    def _text(agency: str, scene: Scene, rng: Random) -> str:
        if agency == COURT:
            return scene.story.account
        if not scene.category:
            idle = {POLICE: idle_call, PETITION: idle_letter, HOTLINE: idle_order}[agency]
            return idle(rng) + "。"
        opening = {POLICE: "报警人称，", PETITION: "来信人反映：", HOTLINE: "市民来电反映，"}[agency]
        return opening + scene.story.account


def _as_told(scene: Scene, rng: Random, agency: str) -> tuple[PartyAsTold, ...]:
    first = {POLICE: PartyRole.CALLER, PETITION: PartyRole.PETITIONER, HOTLINE: PartyRole.CALLER}
    applicant = first.get(agency, PartyRole.APPLICANT)
    sides = (
        (applicant, scene.applicants),
        (PartyRole.RESPONDENT, scene.respondents),
        (PartyRole.THIRD_PARTY, scene.third_parties),
    )
    return tuple(PartyAsTold(role, written_down(person, rng)) for role, people in sides for person in people)


def _references(agency: str, earlier: list[Matter], rng: Random, at: datetime) -> tuple[Reference, ...]:
    found: list[Reference] = []
    for matter in earlier:
        luck = rng.random()
        if matter.instance == agency:
            found += [Reference(agency, matter.native_id, True)] if luck < _IN_BOTH_LETTERS else []
        elif {matter.instance, agency} == {POLICE, HOTLINE} and luck < _IN_A_FIELD:
            found.append(Reference(matter.instance, matter.native_id, True))
        elif luck > 1 - _IN_THE_TEXT and (number := _quotable(matter, at)):
            found.append(Reference(matter.instance, number, False))
    return tuple(found)


def _quotable(matter: Matter, at: datetime) -> str:
    """The number by which people would quote the record at that time; '' while it has none."""
    if not isinstance(matter, CourtMatter):
        return matter.native_id
    words = number_words(CourtRoute(matter.route))
    if not matter.numbers or matter.numbered_at is None or matter.numbered_at >= at:
        return ""
    return f"({matter.received_at.year})甘{matter.service_no[2:6]}{words[0]}{matter.numbers[0]}号"


def _quotes(references: tuple[Reference, ...]) -> str:
    return "".join(_QUOTES[ref.instance].format(n=ref.number) for ref in references if not ref.is_structured)


def _asides(scene: Scene, rng: Random) -> str:
    words = ""
    if scene.respondents and rng.random() < 0.04 and scene.respondents[0].phone:
        words += f"对方联系电话{scene.respondents[0].phone}。"
    if scene.category and rng.random() < 0.015:
        words += rng.choice(_DECOYS).format(n=rng.randrange(10, 3000))
    return words


def _hand_overs(receipt: _Receipt, rng: Random) -> tuple[HandOver, ...]:
    line = Timeline(rng, receipt.at, receipt.deadline, steps=3)
    centre = _CENTRE_ROUTES.get((receipt.agency, receipt.route))
    if centre is not None:
        mode, settled = centre
        at, accepted_at, concluded_at = line.step(0, 3), line.step(0, 2), line.step(2, 20)
        if settled:
            number = f"山综调{concluded_at:%Y%m%d}{rng.randrange(10**6):06d}"
            outcome = Outcome.PERFORMED if rng.random() < 0.5 else Outcome.AGREED
            ending = Ending(outcome, accepted_at, concluded_at, agreement_no=number)
        else:
            ending = Ending(Outcome.NOT_AGREED, accepted_at, concluded_at, "5", undisputed=undisputed(rng))
        return (HandOver(at, CENTRE, mode, ending),)
    elsewhere = _ELSEWHERE_ROUTES.get((receipt.agency, receipt.route))
    if elsewhere is not None:
        return (HandOver(line.step(0, 3), rng.choice(_OTHER_UNITS), elsewhere, None),)
    return ()
