"""The court's own work as its clock moves on: filings come in, are reviewed, diverted, numbered, answered, docketed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from connectors.sandbox import court_rows as rows
from connectors.sandbox.county import County
from connectors.sandbox.court_rows import COURT_ORG, Row
from connectors.sandbox.court_standing import standing_of
from connectors.sandbox.court_store import CourtStore
from connectors.sandbox.desk_rule import ACCEPTED, FILING, REFUSED, DeskRule
from connectors.sandbox.living_desk import LivingDesk
from connectors.sandbox.matters import CENTRE, CourtMatter, Ending, docketed_id
from connectors.sandbox.partner_store import Step
from connectors.sandbox.routes import COURT, CourtRoute
from hub.vocabulary import Outcome, ReferralMode, county_tables

#: the desk answers a push once the clock has moved on by this much (WIRES.md 1.8)
ANSWER_AFTER = timedelta(seconds=60)
_A_DAY = timedelta(days=1)


class CourtDesk(LivingDesk):
    """The people at the court and what they do on which day."""

    def __init__(self, store: CourtStore, county: County, rule: DeskRule) -> None:
        self.store, self.rule = store, rule
        self._county = county
        tables = county_tables()
        self._cause_names = {
            code.code: code.zh for code in tables.native_codes if (code.system, code.table) == (COURT, "caseCause")
        }
        steps: dict[str, Callable[[Step], None]] = {
            "day": self._day,
            "file": self._file,
            "review": self._review,
            "number": self._number,
            "entrust": self._entrust,
            "elsewhere": self._elsewhere,
            "answer": self._answer,
            "confirm": self._confirm,
            "return": self._after_decline,
            "docket": self._docket_failed,
            "archive": self._archive,
            "decide": self._decide,
        }
        super().__init__(store, steps)

    def cause_name(self, code: str) -> str | None:
        """The name of a cause; None for a code that the county does not know."""
        return self._cause_names.get(code)

    def new_number(self, row: Row, at: datetime) -> str:
        """The next number for this row."""
        return self._numbered(rows.type_word(row), at, row["ajbs"])

    def _numbered(self, word: str, at: datetime, ajbs: str) -> str:
        return rows.number(at.year, word, self.store.next_serial(f"{at.year} {word}"), ajbs, word)

    # filings of the people

    def _day(self, step: Step) -> None:
        day = date.fromisoformat(step.payload["day"])
        for quarrel in self._county.arrivals(day, only=COURT):
            for matter in quarrel.matters:
                if isinstance(matter, CourtMatter):
                    self._expect(matter)
        tomorrow = day + _A_DAY
        self.store.schedule(datetime.combine(tomorrow, time()), "day", "day", day=tomorrow.isoformat())

    def _expect(self, matter: CourtMatter) -> None:
        row = rows.filed(matter, self._cause_names[matter.native_code])
        first = matter.hand_overs[0] if matter.hand_overs else None
        course: dict[str, object] = {
            "route": int(matter.route),
            "decided_at": rows.stamp(matter.decided_at),
            "numbered_at": rows.stamp(matter.numbered_at) if matter.numbered_at else None,
            "handed_at": rows.stamp(first.at) if first else None,
            "unit": first.unit if first else None,
            "ended_at": rows.stamp(first.ending.concluded_at) if first and first.ending else None,
        }
        self.store.schedule(matter.received_at, f"file:{matter.native_id}", "file", row=row, course=course)

    def _file(self, step: Step) -> None:
        row, course = step.payload["row"], step.payload["course"]
        row_id = self.store.add(row)
        self._later(course["decided_at"], "review", row, row_id, course=course)

    def _review(self, step: Step) -> None:
        found = self._row_of(step)
        if found is None:
            return
        row_id, row = found
        course = step.payload["course"]
        route = CourtRoute(course["route"])
        if route in (CourtRoute.REFUSED, CourtRoute.REFUSED_ADMINISTRATIVE):
            rows.refuse(row, step.due)
        elif route.is_entrusted or course["handed_at"] is None:
            rows.admit(row, step.due)
            self._later(course["numbered_at"], "number", row, row_id)
            if course["handed_at"] is not None:
                self._later(course["handed_at"], "entrust", row, row_id, unit=course["unit"])
        else:
            rows.hand_over(row, course["unit"], ReferralMode.DELEGATE, step.due)
            self._later(course["numbered_at"], "number", row, row_id)
            if course["unit"] != CENTRE:
                self._later(course["ended_at"], "elsewhere", row, row_id, unit=course["unit"])
        self.store.replace(row_id, row)

    def _entrust(self, step: Step) -> None:
        found = self._row_of(step)
        if found is not None:
            row_id, row = found
            rows.hand_over(row, step.payload["unit"], ReferralMode.ENTRUST, step.due)
            self.store.replace(row_id, row)

    def _number(self, step: Step) -> None:
        found = self._row_of(step)
        # a number may have come earlier, with the result
        if found is not None and found[1]["ah"] is None:
            row_id, row = found
            rows.give_number(row, self.new_number(row, step.due), step.due)
            self.store.replace(row_id, row)

    def _elsewhere(self, step: Step) -> None:
        found = self._row_of(step)
        if found is not None:
            row_id, row = found
            number = f"他调{step.due:%Y%m%d}{row['fwlsh'][-6:]}"
            ending = Ending(Outcome.AGREED, step.due, step.due, agreement_no=number)
            rows.conclude(row, step.payload["unit"], ending, 60)
            self.store.replace(row_id, row)

    # after a push

    def _answer(self, step: Step) -> None:
        found = self._row_of(step)
        if found is None:
            return
        row_id, row = found
        kind, sldh = int(step.payload["kind"]), step.payload["sldh"]
        agreement_no = step.payload["tjxybh"]
        is_history = step.payload["is_history"]
        key = (row["ajbs"], rows.half_width(row["ah"]), agreement_no)
        answer = self.rule.answer(kind, *key, is_formal=is_history)
        rows.log(
            row, answer.code, step.payload["state"], step.due, rows.clerk(row), COURT_ORG,
            tjxybh=agreement_no or None, bcgyy=answer.reason, sldh=sldh,
        )  # fmt: skip
        if not is_history:
            self._follow(kind, answer.code, row, row_id, step.due)
        self.store.replace(row_id, row)

    def _follow(self, kind: int, code: int, row: Row, row_id: int, at: datetime) -> None:
        if kind == 98 and code == ACCEPTED:
            self._later(at + _A_DAY, "confirm", row, row_id)
        elif kind == 98 and code == REFUSED:
            row["ajzt"] = "已结案"
        elif kind == 4 and code == ACCEPTED:
            self._later(at + _A_DAY, "return", row, row_id)

    def _confirm(self, step: Step) -> None:
        found = self._row_of(step)
        if found is not None:
            row_id, row = found
            row["ajzt"] = "已结案"
            self.store.replace(row_id, rows.touched(row, step.due))
            ah = self._numbered("民特", step.due, row["ajbs"])
            self.store.add(rows.confirmation_row(row, ah, step.due))

    def _after_decline(self, step: Step) -> None:
        found = self._row_of(step)
        if found is None:
            return
        row_id, row = found
        if rows.luck("again", row["ajbs"]) < 0.25 and sum(e["acceptType"] == 80 for e in row["logs"]) == 1:
            mode = ReferralMode.DELEGATE if row["caseStatus"] == 170 else ReferralMode.ENTRUST
            rows.hand_over(row, CENTRE, mode, step.due)
        elif row["caseStatus"] == 130:
            row["ajzt"] = "已正式立案"
            rows.touched(row, step.due)
        elif row["ah"] is None:
            rows.take_back(row, step.due)
            self._later(step.due + _A_DAY, "number", row, row_id)
        else:
            self._docket(row, step.due, is_new=False)
            rows.archive(row, step.due)
        self.store.replace(row_id, row)

    def _docket_failed(self, step: Step) -> None:
        found = self._row_of(step)
        if found is None or standing_of(found[1]).result != "2" or found[1]["caseStatus"] != 170:
            return
        drawn = rows.luck("docket", found[1]["ajbs"])
        if drawn < 0.75:
            self._docket(found[1], step.due, is_new=drawn > 0.42)

    def _docket(self, row: Row, at: datetime, is_new: bool) -> None:
        new_ajbs = docketed_id(row["ajbs"])
        held = self.store.of_ajbs(row["ajbs"]) + self.store.of_ajbs(new_ajbs)
        if any(further["originalCaseNo"] and further["ajlb"] != "0303" for _, further in held):
            return
        word = "行初" if rows.type_word(row).startswith("行") else "民初"
        self.store.add(rows.docketed_row(row, self._numbered(word, at, row["ajbs"]), at, new_ajbs if is_new else None))

    def _archive(self, step: Step) -> None:
        found = self._row_of(step)
        if found is None:
            return
        row_id, row = found
        if row["ajzt"] == "已结案":
            rows.archive(row, step.due)
            self.store.replace(row_id, row)
        elif row["ajzt"] == "申请司法确认":
            self._later(step.due + 5 * _A_DAY, "archive", row, row_id)

    # filings of the centre

    def _decide(self, step: Step) -> None:
        found = self._row_of(step)
        if found is None:
            return
        row_id, row = found
        sldh = step.payload["sldh"]
        answer = self.rule.answer(FILING, step.payload["request_id"])
        self.store.decide(sldh, answer.code)
        if answer.code == ACCEPTED:
            rows.admit(row, step.due)
            self._later(step.due + _A_DAY, "number", row, row_id)
        elif answer.code == REFUSED:
            rows.refuse(row, step.due)
        rows.log(row, answer.code, "待审核", step.due, rows.clerk(row), COURT_ORG, bcgyy=answer.reason, sldh=sldh)
        self.store.replace(row_id, row)

    # the agenda

    def answer_later(
        self, row_id: int, row: Row, kind: int, state: str, sldh: str, tjxybh: str, is_history: bool
    ) -> None:
        """The answer to a push falls due in a minute."""
        due = self.now + ANSWER_AFTER
        payload = {"kind": kind, "state": state, "sldh": sldh, "tjxybh": tjxybh, "is_history": is_history}
        self._later(due, "answer", row, row_id, **payload)

    def concluded(self, row_id: int, row: Row) -> None:
        """After a result the file is closed, or docketed where mediation failed."""
        self._later(self.now + 5 * _A_DAY, "docket", row, row_id)
        self._later(self.now + 10 * _A_DAY, "archive", row, row_id)

    def decide_later(self, row_id: int, row: Row, sldh: str, request_id: str) -> None:
        """The desk looks at a filing of the centre in a minute."""
        self._later(self.now + ANSWER_AFTER, "decide", row, row_id, sldh=sldh, request_id=request_id)

    def _later(self, due: datetime | str, name: str, row: Row, row_id: int, **payload: object) -> None:
        at = rows.read_stamp(due) if isinstance(due, str) else due
        # the receipt tells two pushes about one row apart
        key = f"{name}:{row['ajbs']}:{payload.get('sldh', '')}"
        self.store.schedule(at, key, name, row_id=row_id, **payload)

    def _row_of(self, step: Step) -> tuple[int, Row] | None:
        row_id = int(step.payload["row_id"])
        row = self.store.get(row_id)
        return None if row is None else (row_id, row)
