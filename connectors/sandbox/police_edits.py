"""Changes made behind the desk's back by command: edits, additions, deletions (WIRES.md 0.24).

Each edit is a version of its own, GXBS 1 and the current second, and leaves with the next batch. A deleted call is
gone without a word: only the month-end file no longer lists it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from connectors.sandbox import police_forms as forms
from connectors.sandbox.matters import CENTRE
from connectors.sandbox.partner_store import Key
from connectors.sandbox.police_desk import PoliceDesk
from connectors.sandbox.police_forms import BUREAU, CJD, COLUMNS, FKD, JJD, NUMBER, Form, form
from connectors.sandbox.police_store import Version
from connectors.sandbox.stamps import read_stamp, stamp
from hub.errors import NotFoundError, UserInputError


class PoliceEdits:
    """A tester's hand on the police's book."""

    def __init__(self, desk: PoliceDesk) -> None:
        self._desk, self._store = desk, desk.store

    def edit(self, jjdbh: str, number: str, changes: Mapping[str, object]) -> Key:
        """Set columns of one form of a call, its own one unless ``number`` says another. Raises NotFoundError."""
        wanted = number or jjdbh
        for version in self._store.of_call(jjdbh):
            if version.row[NUMBER[version.dataset]] == wanted:
                self._set(version, changes)
                return self._key(jjdbh)
        raise NotFoundError("no such call, or no such form of it")

    def edit_some(self, count: int, seed: str, changes: Mapping[str, object] | None) -> list[Key]:
        """Edit ``count`` different calls: each by chance, or all by the same ``changes``."""
        rng = Random(f"{seed}|edits")
        keys: list[Key] = []
        for jjdbh in self._pick(self._store.calls(), count, rng):
            held = self._store.held(JJD, jjdbh)
            if held is not None:
                self._set(held, changes or self._by_chance(held.row, rng))
                keys.append(self._key(jjdbh))
        return keys

    def delete(self, jjdbh: str) -> Key:
        """Take a call with all its forms away without notice. Raises NotFoundError."""
        if not self._store.knows(jjdbh):
            raise NotFoundError("no such call")
        key = self._key(jjdbh)
        self._store.delete(jjdbh)
        return key

    def delete_some(self, count: int, seed: str) -> list[Key]:
        """Take ``count`` calls of the current month away: the next month-end file shows it."""
        calls = self._store.calls(f"{self._desk.now:%Y-%m}")
        return [self.delete(jjdbh) for jjdbh in self._pick(calls, count, Random(f"{seed}|deletions"))]

    def add(self, given: Sequence[Mapping[str, object]], is_referred: bool) -> list[Key]:
        """Add dispute calls of the current second; ``is_referred`` hands them to the centre."""
        keys: list[Key] = []
        for told in given:
            series = f"J{BUREAU}{self._desk.now:%Y%m%d}"
            number = f"{series}{self._store.next_serial(series):05d}"
            row = self._plain_call(number)
            self._store.write(JJD, row | _checked(JJD, told), self._desk.now)
            if is_referred:
                self._hand_over(row)
            keys.append(self._key(number))
        return keys

    def _hand_over(self, call: Form) -> None:
        now, number = self._desk.now, call["JJDBH"]
        sent = form(
            CJD, CJDBH=f"C{number[1:]}", JJDBH=number, CJDWDM=BUREAU, CJSJ=stamp(now), DDXCSJ=stamp(now),
            GXBS=forms.NEW, GXSJ=stamp(now),
        )  # fmt: skip
        series = f"F{BUREAU}{now:%Y%m%d}"
        told = form(
            FKD, FKDBH=f"{series}{self._store.next_serial(series):05d}", JJDBH=number, CJDBH=sent["CJDBH"],
            FKDWDM=BUREAU, FKSJ=stamp(now), CLJGDM=forms.TRANSFERRED, YJDW=CENTRE,
            DSRXX=f"报警人|{call['BJRXM']}||{call['BJDH']};对方|乙{number[-5:]}||", GXBS=forms.NEW, GXSJ=stamp(now),
            **forms.classes_of(call["JQLXDM"], number),
        )  # fmt: skip
        self._store.write(CJD, sent, now)
        self._store.write(FKD, told, now)

    def _plain_call(self, number: str) -> Form:
        now = self._desk.now
        return form(
            JJD, JJDBH=number, BJSJ=stamp(now), BJFSDM="01", BJRXM=f"甲{number[-5:]}", BJDH=f"139{number[-8:]}",
            BJNR="报警人称，邻里因通行发生争执。", SFDD="山丹县清泉镇", XZQHDM="620725101001", GXDWDM=BUREAU,
            JQCLZTDM="1", GXBS=forms.NEW, GXSJ=stamp(now), **forms.call_classes("0502", number),
        )  # fmt: skip

    def _set(self, version: Version, changes: Mapping[str, object]) -> None:
        now = self._desk.now
        row = version.row | {"GXBS": forms.CORRECTED, "GXSJ": stamp(now)} | _checked(version.dataset, changes)
        self._store.write(version.dataset, row, now)

    def _by_chance(self, row: Form, rng: Random) -> Mapping[str, object]:
        kind = rng.choice(("phone", "place", "words", "state"))
        if kind == "phone":
            return {"BJDH": f"139{rng.randrange(10**8):08d}"}
        if kind == "place":
            return {"SFDD": f"{row['SFDD']}附近"}
        if kind == "words":
            return {"BJNR": f"{row['BJNR']}（补充{rng.randrange(10**6)}）"}
        return {"JQCLZTDM": "4"}

    def _pick(self, calls: Sequence[str], count: int, rng: Random) -> list[str]:
        if count > len(calls):
            raise UserInputError(f"only {len(calls)} calls are there")
        return rng.sample(calls, count)

    def _key(self, jjdbh: str) -> Key:
        return next(self._store.keys(jjdbh))


def _checked(dataset: str, changes: Mapping[str, object]) -> Form:
    unknown = [name for name in changes if name not in COLUMNS[dataset] or name == NUMBER[dataset]]
    if unknown:
        raise UserInputError(f"no column of {dataset} that can be set: {', '.join(unknown)}")
    if "GXSJ" in changes:
        # the book goes by it
        read_stamp(str(changes["GXSJ"]))
    return {name: str(value) for name, value in changes.items()}
