"""The police's own work as its clock moves on: calls come in, officers go out, results come back, batches leave."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from connectors.sandbox import police_forms as forms
from connectors.sandbox.chance import luck
from connectors.sandbox.county import County
from connectors.sandbox.living_desk import LivingDesk
from connectors.sandbox.matters import CENTRE, Quarrel
from connectors.sandbox.partner_store import Step
from connectors.sandbox.police_course import PoliceCourse
from connectors.sandbox.police_dispatch import Dispatch
from connectors.sandbox.police_forms import BUREAU, CJD, FKD, JJD, NUMBER, YSHZ, Form, form
from connectors.sandbox.police_life import Change, Pace
from connectors.sandbox.police_rule import TAKEN, TransferRule
from connectors.sandbox.police_store import PoliceStore
from connectors.sandbox.routes import POLICE
from connectors.sandbox.stamps import stamp

#: the result is written once the clock has moved on by this much after a RETURN was accepted
ANSWER_AFTER = timedelta(seconds=60)
_A_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
#: a call's own form that comes late misses the batches of half a day
_ORPHANED_FOR = timedelta(hours=13)


class PoliceDesk(LivingDesk):
    """The people at the police and what they do on which day."""

    def __init__(self, store: PoliceStore, county: County, dispatch: Dispatch, rule: TransferRule) -> None:
        self.store, self.dispatch, self.rule = store, dispatch, rule
        self._county = county
        self._pace = Pace(store.next_serial, lambda at: (at.date(), at.hour // 6), _ORPHANED_FOR)
        steps: dict[str, Callable[[Step], None]] = {
            "day": self._day,
            "form": self._form,
            "result": self._result,
            "declined": self._declined,
            "warned": self._warned,
            "take": self._take,
            "reconsider": self._reconsider,
        }
        super().__init__(store, steps | dispatch.steps)

    async def advance(self, seconds: int) -> datetime:
        """Move the clock on; whatever has become ready on the way leaves at its end."""
        if seconds > 0:
            self.dispatch.drop.clock_moves()
        until = await super().advance(seconds)
        with self.store.transaction():
            self.dispatch.send_waiting(until)
        self.dispatch.drop.clock_moved()
        return until

    # the calls of the people

    def _day(self, step: Step) -> None:
        day = date.fromisoformat(step.payload["day"])
        for quarrel in self._county.arrivals(day, only=POLICE):
            self._expect(quarrel)
        tomorrow = day + _A_DAY
        self.store.schedule(datetime.combine(tomorrow, time()), "day", "day", day=tomorrow.isoformat())

    def _expect(self, quarrel: Quarrel) -> None:
        for matter in quarrel.matters:
            if matter.instance == POLICE:
                last: dict[str, Form] = {}
                for change in PoliceCourse(matter, quarrel, self._pace).changes():
                    number = change.row[NUMBER[change.dataset]]
                    before = last.get(number, {})
                    # only what changed: somebody may edit the form before its next version falls due
                    changed = {name: text for name, text in change.row.items() if before.get(name) != text}
                    last[number] = change.row
                    self._later(change, changed)

    def _later(self, change: Change, changed: Form) -> None:
        number, jjdbh = change.row[NUMBER[change.dataset]], change.row["JJDBH"]
        late_s = int((change.send_at - change.at).total_seconds())
        self.store.schedule(
            change.at, f"form:{number}", "form",
            dataset=change.dataset, number=number, jjdbh=jjdbh, set=changed, flag=change.row["GXBS"], late_s=late_s,
        )  # fmt: skip

    def _form(self, step: Step) -> None:
        payload = step.payload
        if self.store.is_deleted(payload["jjdbh"]):
            return
        held = self.store.held(payload["dataset"], payload["number"])
        row: Form = (held.row if held else {}) | payload["set"] | {"GXBS": payload["flag"], "GXSJ": stamp(step.due)}
        self.store.write(payload["dataset"], row, step.due + timedelta(seconds=payload["late_s"]))

    # what the hub hands in

    def returned(self, row: Form, file: str) -> None:
        """A row of a RETURN batch was accepted for the first time."""
        step, after = {
            "2": ("declined", _A_DAY),
            "3": ("result", ANSWER_AFTER),
            "4": ("warned", 3 * _HOUR),
        }.get(row["HTLX"], ("", _A_DAY))
        if step:
            key = f"{step}:{row['FKDBH']}:{row['XYSBH']}"
            self.store.schedule(
                self.now + after, key, step, jjdbh=row["JJDBH"], fkdbh=row["FKDBH"], result=row["JG"], file=file
            )

    def handed_over(self, row: Form) -> None:
        """A row of a YS batch was accepted for the first time."""
        self.store.schedule(self.now + timedelta(seconds=1), f"take:{row['YSBH']}", "take", row=row)

    def _result(self, step: Step) -> None:
        """The business answer: 07 or 08 with the RETURN's file name (WIRES.md 2.6)."""
        if self._feedback(step, step.payload["result"], CENTRE, HZBH=step.payload["file"]):
            self._reach(step.payload["jjdbh"], "4", step.due + 3 * _A_DAY)

    def _declined(self, step: Step) -> None:
        """Sent back: handed over once more, or dealt with by the police themselves."""
        drawn = luck("declined", step.payload["fkdbh"])
        if drawn < 0.25:
            self._feedback(step, forms.TRANSFERRED, CENTRE)
        else:
            self._feedback(step, forms.ON_THE_SPOT if drawn < 0.7 else forms.PUBLIC_ORDER)

    def _warned(self, step: Step) -> None:
        """Somebody goes and looks."""
        self._feedback(step, forms.OTHER)

    def _feedback(self, step: Step, result: str, unit: str = "", **further: str) -> bool:
        handed = self.store.held(FKD, step.payload["fkdbh"])
        if handed is None:
            return False
        station = step.payload["jjdbh"][1:13]
        row = handed.row | further | {
            "FKDBH": self._number("F", station, step.due), "FKDWDM": station, "FKSJ": stamp(step.due),
            "CLJGDM": result, "YJDW": unit, "DSRXX": "", "GXBS": forms.NEW, "GXSJ": stamp(step.due),
        }  # fmt: skip
        self.store.write(FKD, row, step.due)
        return True

    def _take(self, step: Step) -> None:
        """The answer to a case of ours; when it is taken, a call opens (WIRES.md 2.16)."""
        asked = step.payload["row"]
        answer, reason = self.rule.answer(asked["YSBH"])
        jjdbh = self._open(asked, step.due) if answer == TAKEN else ""
        told = form(YSHZ, YSBH=asked["YSBH"], JG=answer, YY=reason, JJDBH=jjdbh, GXBS=forms.NEW, GXSJ=stamp(step.due))
        self.store.write(YSHZ, told, step.due)
        if answer != TAKEN and luck("reconsidered", asked["YSBH"]) < 0.2:
            self.store.schedule(step.due + _A_DAY, f"reconsider:{asked['YSBH']}", "reconsider", row=asked)

    def _reconsider(self, step: Step) -> None:
        asked = step.payload["row"]
        held = self.store.held(YSHZ, asked["YSBH"])
        if held is not None and held.row["JG"] != TAKEN:
            changed = {"JG": TAKEN, "YY": "", "JJDBH": self._open(asked, step.due)}
            row = held.row | changed | {"GXBS": forms.CORRECTED, "GXSJ": stamp(step.due)}
            self.store.write(YSHZ, row, step.due)

    def _open(self, asked: Form, at: datetime) -> str:
        number = self._number("J", BUREAU, at)
        party = (asked["DSRXX"].split(";")[0] + "|||").split("|")
        row = form(
            JJD, JJDBH=number, BJSJ=stamp(at), BJFSDM="03", BJRXM=party[1], BJDH=party[3], BJNR=asked["NR"],
            SFDD=asked["DZ"], XZQHDM=asked["XZQHDM"], GXDWDM=BUREAU, JQCLZTDM="1", YSBH=asked["YSBH"],
            GXBS=forms.NEW, GXSJ=stamp(at), **forms.call_classes(asked["JQLXDM"], number),
        )  # fmt: skip
        # the call stands in the same batch as the answer, or in a later one
        is_late = luck("late", number) < 0.4
        self.store.write(JJD, row, at + (_ORPHANED_FOR if is_late else timedelta()))
        self._visit(row, asked, at)
        return number

    def _visit(self, call: Form, asked: Form, at: datetime) -> None:
        sent_at, told_at = at + _HOUR / 6, at + (3 + 40 * luck("told", call["JJDBH"])) * _HOUR
        told_at = told_at.replace(microsecond=0)
        sent = form(
            CJD, CJDBH=self._number("C", BUREAU, sent_at), JJDBH=call["JJDBH"], CJDWDM=BUREAU, CJSJ=stamp(sent_at),
            DDXCSJ=stamp(sent_at + _HOUR / 2), GXBS=forms.NEW, GXSJ=stamp(sent_at),
        )  # fmt: skip
        result = forms.PUBLIC_ORDER if asked["YSLX"] == "2" else forms.ON_THE_SPOT
        told = form(
            FKD, FKDBH=self._number("F", BUREAU, told_at), JJDBH=call["JJDBH"], CJDBH=sent["CJDBH"], FKDWDM=BUREAU,
            FKSJ=stamp(told_at), CLJGDM=result, DSRXX=asked["DSRXX"], GXBS=forms.NEW, GXSJ=stamp(told_at),
            **forms.classes_of(asked["JQLXDM"], call["JJDBH"]),
        )  # fmt: skip
        self._later(Change(CJD, sent, sent_at, sent_at), sent)
        self._later(Change(FKD, told, told_at, told_at), told)
        self._reach(call["JJDBH"], "3", told_at)

    def _reach(self, jjdbh: str, state: str, due: datetime) -> None:
        """The call reaches a state of its own (JQCLZTDM)."""
        self.store.schedule(
            due, f"form:{jjdbh}", "form",
            dataset=JJD, number=jjdbh, jjdbh=jjdbh, set={"JQCLZTDM": state}, flag=forms.CORRECTED, late_s=0,
        )  # fmt: skip

    def _number(self, letter: str, unit: str, at: datetime) -> str:
        series = f"{letter}{unit}{at:%Y%m%d}"
        return f"{series}{self.store.next_serial(series):05d}"
