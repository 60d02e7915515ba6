"""Every form of one call along its route, version by version, as the police would have written them down.

Given a limit everything about the call is told, its outcome at the centre too; without one (from August 2024 on) the
outcome is left open: it is written only after the hub's RETURN (WIRES.md 2.6).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate, pairwise

from connectors.sandbox import police_forms as forms
from connectors.sandbox.chance import luck
from connectors.sandbox.matters import CENTRE, HandOver, Matter, Quarrel
from connectors.sandbox.police_forms import CJD, FKD, JJD, Form, form
from connectors.sandbox.police_life import Change, Life, Pace
from connectors.sandbox.routes import HOTLINE, POLICE, PoliceRoute
from connectors.sandbox.stamps import stamp
from hub.vocabulary import PartyRole

_OTHER_UNITS = ("620725101000", "620725105000", "620725180000", "620725150000")
_HOUR, _A_DAY = timedelta(hours=1), timedelta(days=1)
_VISITS = ("民警到场了解情况，已安抚双方情绪。", "到场处置，双方已各自离开。", "经核实属实，已登记。", "")
_SINGLE = {"01": forms.CRIME, "02": forms.PUBLIC_ORDER}


@dataclass(slots=True)
class PoliceCourse:
    """One call of one quarrel."""

    matter: Matter
    quarrel: Quarrel
    pace: Pace
    _lives: list[Life] = field(default_factory=list)

    def changes(self) -> list[Change]:
        """Every version of every form, in the order in which they are written."""
        visited = self._visit()
        feedback = self._feedbacks(visited)
        self._lives.insert(0, self._call(feedback))
        if self._is("withdrawn", 0.008) and self._route is PoliceRoute.NO_DISPUTE:
            at = self._by(self._last() + 3 * _HOUR)
            for life in self._lives:
                life.withdraw(at, self._is("emptied", 0.5))
        found = [change for life in self._lives for change in self._versions(life)]
        return sorted(found, key=lambda change: change.at)

    # the call

    def _call(self, answered_at: datetime) -> Life:
        matter, at = self.matter, self.matter.received_at
        row = self._call_row()
        life = Life(JJD, [])
        if matter.native_code[:2] == "05" and self._is("orphaned", 0.012):
            life.late = self.pace.orphaned_for
        taken_at = self._by(at + timedelta(seconds=20 + int(self._luck("taken") * 40)))
        steps = self._stages(taken_at, answered_at)
        if self._is("slip", 0.03):
            wrong = self._slip(row)
            steps.append((self._by(taken_at + self._luck("slip-at") * 60 * _HOUR), {name: row[name] for name in wrong}))
            row |= wrong
        transfer = self._transferred()
        if transfer is not None:
            steps.append((self._by(transfer.received_at + timedelta(seconds=30)), {"LZGDBH": transfer.native_id}))
        for when, changed in sorted(steps, key=lambda step: step[0]):
            row = row | changed
            life.states.append((when, row, False))
        return life

    def _stages(self, taken_at: datetime, answered_at: datetime) -> list[tuple[datetime, Form]]:
        """From taken to followed up (WIRES.md 2.15); what waits for the centre is not followed up yet."""
        sent = next(life for life in self._lives if life.dataset == CJD)
        reached = [taken_at, sent.states[0][0], sent.states[-1][0], answered_at]
        is_open = self.pace.limit is None and self._to_centre is not None
        if not is_open and not self._is("never-visited", 0.1):
            hours = 2 + 18 * self._luck("follow") if self._route is PoliceRoute.NO_DISPUTE else 20 + self._days(8)
            reached.append(self._by(self._last() + hours * _HOUR))
        return [(when, {"JQCLZTDM": str(state)}) for state, when in enumerate(accumulate(reached, max))]

    def _call_row(self) -> Form:
        matter, number = self.matter, self.matter.native_id
        callers = [told.person for told in matter.parties if told.role is PartyRole.CALLER]
        blamed = [told.person for told in matter.parties if told.role is PartyRole.RESPONDENT]
        scene = (blamed or callers)[0].address
        quoted = [r.number for r in matter.references if r.instance == POLICE and r.is_structured]
        text = matter.text + "".join(f"此前曾报警处理（接警单号{n}）。" for n in quoted)
        if self._is("broken-line", 0.06):
            text = text.replace("，", "，\n" if self._is("newline", 0.6) else "，\t", 1)
        row = form(
            JJD, JJDBH=number, BJSJ=stamp(matter.received_at), BJFSDM=f"0{1 + int(self._luck('way') * 3)}",
            BJRXM=callers[0].name, BJDH=callers[0].phone, BJNR=text, SFDD=scene, XZQHDM=self._region(),
            GXDWDM=self._station, **forms.coordinates(number),
        )  # fmt: skip
        if any(r.instance == HOTLINE and r.is_structured for r in matter.references):
            row["LHLX"] = "12345"
        return row | forms.call_classes(self._called(), number)

    def _called(self) -> str:
        """The class as the caller told it: sometimes another one than the officers find (WIRES.md 2.14)."""
        code = self.matter.native_code
        if code[:2] == "05":
            return ("02", "04", "99")[int(self._luck("heard") * 3)] if self._is("misheard", 0.08) else code
        return "0599" if self._is("misheard", 0.015) else code

    def _region(self) -> str:
        code, drawn = self.matter.region_code, self._luck("region")
        return code[:6] if drawn < 0.01 else code[:9] if drawn < 0.04 else code

    def _slip(self, row: Form) -> Form:
        drawn = self._luck("slip-what")
        if drawn < 0.3:
            return {"BJSJ": forms.NO_DATE if self._is("slip-date", 0.5) else ""}
        if drawn < 0.65 and row["BJDH"]:
            return {"BJDH": row["BJDH"][:-1] + str((int(row["BJDH"][-1]) + 3) % 10)}
        return {"SFDD": "", "XZQHDM": row["XZQHDM"][:6]}

    def _transferred(self) -> Matter | None:
        """The hotline order that came from this call."""
        for matter in self.quarrel.matters:
            named = ((r.instance, r.number, r.is_structured) for r in matter.references)
            if matter.instance == HOTLINE and (POLICE, self.matter.native_id, True) in named:
                return matter
        return None

    # the officers

    def _visit(self) -> datetime:
        """Send somebody; returns when they were there."""
        at, handed = self.matter.received_at, self._handed
        sent_at = at + timedelta(seconds=60 + int(self._luck("sent") * 300))
        there_at = sent_at + timedelta(minutes=8 + int(self._luck("there") * 38))
        if handed is not None:
            sent_at, there_at = min(sent_at, _between(at, handed.at, 0.3)), min(there_at, _between(at, handed.at, 0.6))
        sent_at, there_at = self._by(sent_at), self._by(there_at)
        self._dispatch(sent_at, there_at)
        if self.matter.native_code[:2] == "05" and self._is("second-car", 0.05):
            self._dispatch(there_at, self._by(there_at + timedelta(minutes=12)))
        return there_at

    def _dispatch(self, sent_at: datetime, there_at: datetime) -> None:
        number = self._number("C", sent_at)
        drawn = self._luck("arrival", number)
        arrival = forms.NO_DATE if drawn < 0.07 else "" if drawn < 0.11 else stamp(there_at)
        sent = forms.NO_DATE if self._luck("sending", number) < 0.01 else stamp(sent_at)
        row = form(CJD, CJDBH=number, JJDBH=self.matter.native_id, CJDWDM=self._station, CJSJ=sent)
        life = Life(CJD, [(sent_at + timedelta(seconds=5), row, False)])
        words = _VISITS[int(self._luck("words", number) * len(_VISITS))]
        life.change(there_at + timedelta(seconds=30), DDXCSJ=arrival, CJQK=words)
        self._lives.append(life)

    def _feedbacks(self, visited: datetime) -> datetime:
        """Write what came of it; returns when the first word of it was written."""
        first = self._by(visited + timedelta(minutes=15 + int(self._luck("first") * 140)))
        before = len(self._lives)
        handed = self._handed
        if handed is None:
            self._kept(first)
        else:
            if first < handed.at - timedelta(minutes=10) and self._is("interim", 0.4):
                self._feedback(first, forms.OTHER)
            if self._to_centre is None:
                self._handed_elsewhere(handed)
            else:
                self._handed_over(handed)
        return min(life.states[0][0] for life in self._lives[before:])

    def _kept(self, at: datetime) -> None:
        route = self._route
        if route is PoliceRoute.SETTLED_ON_THE_SPOT:
            self._settled_on_the_spot(at)
        elif route is PoliceRoute.ADVICE:
            # advice that names another unit is a hand-over to that one, none to the centre
            named = _OTHER_UNITS[int(self._luck("advised") * 4)] if self._is("named", 0.15) else ""
            self._feedback(at, forms.ADVISED, named)
        elif route is PoliceRoute.CASE_OPENED:
            self._feedback(at, forms.CRIME if self._is("crime", 0.2) else forms.PUBLIC_ORDER)
        else:
            life = self._feedback(at, _SINGLE.get(self.matter.native_code[:2], forms.OTHER))
            drawn = self._luck("no-date")
            if drawn < 0.05:
                life.row["FKSJ"] = forms.NO_DATE if drawn < 0.03 else ""
            if self._is("again", 0.04):
                self._feedback(self._by(at + 2 * _HOUR), forms.OTHER)

    def _settled_on_the_spot(self, at: datetime) -> None:
        drawn = self._luck("changed-mind")
        if drawn < 0.02:
            mistaken = self._feedback(at, forms.TRANSFERRED, CENTRE)
            mistaken.withdraw(self._by(at + 5 * _HOUR), self._is("emptied", 0.5))
            self._feedback(self._by(at + 6 * _HOUR), forms.ON_THE_SPOT)
        elif drawn < 0.03:
            mistaken = self._feedback(at, forms.TRANSFERRED, CENTRE)
            mistaken.change(self._by(at + 30 * _HOUR), CLJGDM=forms.ON_THE_SPOT, YJDW="")
        else:
            self._feedback(at, forms.ON_THE_SPOT)

    def _handed_elsewhere(self, handed: HandOver) -> None:
        self._feedback(handed.at, forms.ELSEWHERE if self._is("other-way", 0.3) else forms.TRANSFERRED, handed.unit)
        if self._is("told-back", 0.5):
            at = self._by(handed.at + (24 + self._days(16)) * _HOUR)
            self._feedback(at, forms.SETTLED if self._is("well", 0.7) else forms.FAILED, handed.unit)

    def _handed_over(self, handed: HandOver) -> None:
        way = forms.ADVISED if self._is("by-advice", 0.28) else forms.TRANSFERRED
        if self._is("forgotten", 0.04):
            life = self._feedback(handed.at, forms.OTHER)
            life.change(self._by(life.states[0][0] + 20 * timedelta(minutes=1)), CLJGDM=way, YJDW=CENTRE)
        else:
            self._feedback(handed.at, way, CENTRE)
        if self.pace.limit is not None and handed.ending is not None:
            accepted_at = handed.ending.accepted_at or handed.at
            self._outcome(handed.ending.outcome.is_success, accepted_at, handed.ending.concluded_at)

    def _outcome(self, is_settled: bool, begun: datetime, ended: datetime) -> None:
        """07 or 08 at last; on the way there sometimes the other one (WIRES.md 2.6)."""
        first, last = (forms.FAILED, forms.SETTLED) if is_settled else (forms.SETTLED, forms.FAILED)
        drawn = self._luck("outcome")
        if drawn < 0.08:
            self._feedback(_between(begun, ended, 0.4), first, CENTRE)
            if drawn < 0.04:
                # handed over once more: it continues the first referral (WIRES.md 0.7)
                self._feedback(_between(begun, ended, 0.6), forms.TRANSFERRED, CENTRE)
            self._feedback(ended, last, CENTRE)
        elif drawn < 0.11:
            life = self._feedback(_between(begun, ended, 0.8), first, CENTRE)
            life.change(self._by(ended), CLJGDM=last)
        elif drawn < 0.15:
            self._feedback(_between(begun, ended, 0.7), last, CENTRE)
            mistaken = self._feedback(_between(begun, ended, 0.9), first, CENTRE)
            mistaken.withdraw(self._by(ended), self._is("emptied", 0.5))
        else:
            self._feedback(ended, last, CENTRE)

    def _feedback(self, at: datetime, result: str, unit: str = "") -> Life:
        matter, number = self.matter, self._number("F", at)
        cjd = next(life.row["CJDBH"] for life in self._lives if life.dataset == CJD)
        is_told = result not in forms.OUTCOMES or self._luck("told", number) < 0.7
        row = form(
            FKD, FKDBH=number, JJDBH=matter.native_id, CJDBH=cjd, FKDWDM=self._station, FKSJ=stamp(at), CLJGDM=result,
            YJDW=unit, DSRXX=forms.parties_text(matter.parties) if is_told else "",
            **forms.classes_of(matter.native_code, matter.native_id),
        )  # fmt: skip
        life = Life(FKD, [(self._by(at + timedelta(seconds=20 + int(self._luck("typed", number) * 200))), row, False)])
        self._lives.append(life)
        return life

    # numbers, times, luck

    def _versions(self, life: Life) -> list[Change]:
        kept = life.states
        if life.dataset in (JJD, CJD):
            key = next(iter(life.row.values()))
            followed = pairwise(kept)
            kept = [
                state
                for state, after in followed
                if after[2]
                or self.pace.window(state[0]) != self.pace.window(after[0])
                or self._luck("both", key, stamp(state[0])) < 0.03
            ] + kept[-1:]
        changes: list[Change] = []
        for at, row, is_withdrawn in kept:
            if changes and at <= changes[-1].at:
                at = changes[-1].at + timedelta(seconds=1)
            flag = forms.WITHDRAWN if is_withdrawn else forms.CORRECTED if changes else forms.NEW
            changes.append(Change(life.dataset, row | {"GXBS": flag, "GXSJ": stamp(at)}, at, at + life.late))
        return changes

    @property
    def _route(self) -> PoliceRoute:
        return PoliceRoute(self.matter.route)

    @property
    def _handed(self) -> HandOver | None:
        return self.matter.hand_overs[0] if self.matter.hand_overs else None

    @property
    def _to_centre(self) -> HandOver | None:
        return self._handed if self._handed is not None and self._handed.is_to_centre else None

    @property
    def _station(self) -> str:
        return self.matter.native_id[1:13]

    def _number(self, letter: str, at: datetime) -> str:
        series = f"{letter}{self._station}{at:%Y%m%d}"
        return f"{series}{self.pace.serial(series):05d}"

    def _last(self) -> datetime:
        return max(life.states[-1][0] for life in self._lives)

    def _by(self, at: datetime) -> datetime:
        whole = at.replace(microsecond=0)
        return whole if self.pace.limit is None else min(whole, self.pace.limit)

    def _days(self, most: int) -> float:
        return 24 * most * self._luck("days")

    def _luck(self, *what: str) -> float:
        return luck("police", *what, self.matter.native_id)

    def _is(self, what: str, share: float) -> bool:
        return self._luck(what) < share


def _between(first: datetime, last: datetime, share: float) -> datetime:
    return (first + (last - first) * share).replace(microsecond=0)
