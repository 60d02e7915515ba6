"""The petition office's own work as its clock moves on: letters come in, are routed, answered, closed, asked after."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from random import Random

from connectors.sandbox.county import START, County
from connectors.sandbox.living_desk import LivingDesk
from connectors.sandbox.matters import Matter
from connectors.sandbox.partner_store import Step
from connectors.sandbox.petition_course import Due, after_decline, after_result, course, take
from connectors.sandbox.petition_intake import Intake
from connectors.sandbox.petition_letters import Letter
from connectors.sandbox.petition_store import PetitionStore
from connectors.sandbox.routes import PETITION, PetitionRoute
from hub.vocabulary import county_tables

#: an accusation may be about a quarrel of so many days before
_DAYS_OF_TALK = 6


class PetitionDesk(LivingDesk):
    """The people at the office and what they do on which day."""

    def __init__(self, store: PetitionStore, county: County) -> None:
        super().__init__(store, {"day": self._day, "register": self._register, "take": self._take})
        self.store, self._county = store, county

    def _day(self, step: Step) -> None:
        day = date.fromisoformat(step.payload["day"])
        quarrels = self._county.arrivals(day, only=PETITION)
        matters = [matter for quarrel in quarrels for matter in quarrel.matters if matter.instance == PETITION]
        intake = Intake(county_tables(self._county.code))
        if any(matter.route == PetitionRoute.ACCUSATION for matter in matters):
            self._listen(intake, day)
        for matter in matters:
            steps = course(matter, course_luck(self._county, matter))
            rest = [{"at": due.at.isoformat(), "name": due.name, "payload": dict(due.payload)} for due in steps]
            key = f"register:{matter.native_id}"
            self.store.schedule(matter.received_at, key, "register", letter=intake.letter(matter), steps=rest)
        tomorrow = day + timedelta(days=1)
        self.store.schedule(datetime.combine(tomorrow, time()), "day", "day", day=tomorrow.isoformat())

    def _listen(self, intake: Intake, day: date) -> None:
        """What people talk about on that day."""
        for before in range(_DAYS_OF_TALK, -1, -1):
            heard_on = day - timedelta(days=before)
            if heard_on >= START.date():
                intake.rumours.hear(self._county.arrivals(heard_on, only=PETITION))

    def _register(self, step: Step) -> None:
        letter = step.payload["letter"]
        self.store.add(letter)
        rest = step.payload["steps"]
        self.expect(letter["xfjbh"], (Due(datetime.fromisoformat(s["at"]), s["name"], s["payload"]) for s in rest))

    def _take(self, step: Step) -> None:
        letter = self.store.get(step.payload["xfjbh"])
        if letter is not None and take(letter, step.payload["what"], step.payload["how"], step.due):
            self.store.replace(letter)

    def expect(self, xfjbh: str, steps: Iterable[Due], cause: str = "") -> None:
        """These steps fall due; ``cause`` tells the consequences of one push from those of another."""
        for due in steps:
            key = f"{due.name}:{xfjbh}:{cause}"
            self.store.schedule(due.at, key, "take", xfjbh=xfjbh, what=due.name, how=dict(due.payload))

    # after a push

    def signed(self, letter: Letter, cause: str) -> None:
        """The centre took the letter on."""
        self.expect(letter["xfjbh"], [Due(self.now + timedelta(days=1), "work")], cause)

    def answered(self, letter: Letter, cause: str) -> None:
        """The centre recorded its result."""
        self.expect(letter["xfjbh"], after_result(self.now, self._luck(cause)), cause)

    def sent_back(self, letter: Letter, cause: str) -> None:
        """The centre declined the letter."""
        self.expect(letter["xfjbh"], after_decline(self.now, self._luck(cause)), cause)

    def _luck(self, cause: str) -> Random:
        return Random(f"{self._county.seed}|{self._county.scale}|petition|{cause}")


def course_luck(county: County, matter: Matter) -> Random:
    """The luck of one letter's course."""
    return Random(f"{county.seed}|{county.scale}|petition|{matter.native_id}")
