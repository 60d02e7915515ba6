"""What the police think of the rows that the hub hands in, with every reason of WIRES.md 2.10, 2.11 and 2.16.

An accepted row has its effect once; a row already held is accepted again and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import orjson

from connectors.sandbox import police_forms as forms
from connectors.sandbox.county import LIVE_FROM
from connectors.sandbox.matters import CENTRE
from connectors.sandbox.police_count import is_hand_over, is_outcome
from connectors.sandbox.police_desk import PoliceDesk
from connectors.sandbox.police_forms import FKD, RETURN, YS, Form, is_time
from connectors.sandbox.police_reading import Line
from connectors.sandbox.stamps import stamp

_COLUMNS = {
    RETURN: ("JJDBH", "FKDBH", "HTLX", "JG", "XYSBH", "LXQK", "SQS", "BLR", "BLSJ"),
    YS: ("YSBH", "JFBH", "YSLX", "JQLXDM", "XZQHDM", "DZ", "NR", "DSRXX", "BLR", "BLSJ"),
}
_NUMBER, _FORM_NUMBER = re.compile(r"J\d{25}"), re.compile(r"F\d{25}")
_TRANSFER = re.compile(rf"YS{CENTRE}\d{{13}}")
_RESULT = "3"


class Returns:
    """Judges rows and passes accepted ones on to the desk."""

    def __init__(self, desk: PoliceDesk) -> None:
        self._desk, self._store = desk, desk.store

    def judge(self, dataset: str, line: Line, file: str) -> str:
        """'' where the row is accepted, else the reason of its rejection."""
        row = {name: line.values.get(name, "") for name in _COLUMNS[dataset]}
        return self._return(row, file) if dataset == RETURN else self._transfer(row, file)

    def _return(self, row: Form, file: str) -> str:
        wrong = _wrong_return(row)
        if wrong:
            return f"BAD_VALUE:{wrong}"
        if not self._store.knows(row["JJDBH"]):
            return "UNKNOWN_JJDBH"
        handed = self._store.held(FKD, row["FKDBH"])
        if handed is None or handed.row["JJDBH"] != row["JJDBH"] or not is_hand_over(handed.row):
            return "NOT_REFERRED"
        key = "|".join((RETURN, row["JJDBH"], row["FKDBH"], row["HTLX"], row["XYSBH"]))
        before = self._store.handed_in(key)
        if before is not None:
            # another result under a key already held is no repeat, and must not vanish unseen
            return "" if before == row["JG"] else "BAD_VALUE:JG"
        self._store.accept(key, row["JG"], file)
        # what ended before August 2024 is history: receipted, and nothing changes (WIRES.md 0.13)
        if not self._is_history(row["JJDBH"]):
            self._desk.returned(row, file)
        return ""

    def _is_history(self, jjdbh: str) -> bool:
        ends = (version.row for version in self._store.of_call(jjdbh) if version.dataset == FKD)
        return any(is_outcome(row) and row["FKSJ"] < stamp(LIVE_FROM) for row in ends)

    def _transfer(self, row: Form, file: str) -> str:
        wrong = _wrong_transfer(row)
        if wrong:
            return f"BAD_VALUE:{wrong}"
        content = orjson.dumps(row, option=orjson.OPT_SORT_KEYS).decode()
        before = self._store.handed_in(f"{YS}|{row['YSBH']}")
        if before is not None:
            return "" if before == content else "BAD_VALUE:YSBH"
        self._store.accept(f"{YS}|{row['YSBH']}", content, file)
        self._desk.handed_over(row)
        return ""


def _wrong_return(row: Mapping[str, str]) -> str:
    """The first column with an impossible value; '' where there is none."""
    kind = row["HTLX"]
    is_settled = kind == _RESULT and row["JG"] == forms.SETTLED
    checks = {
        "JJDBH": bool(_NUMBER.fullmatch(row["JJDBH"])),
        "FKDBH": bool(_FORM_NUMBER.fullmatch(row["FKDBH"])),
        "HTLX": kind in ("1", "2", _RESULT, "4"),
        "JG": row["JG"] in forms.OUTCOMES if kind == _RESULT else row["JG"] == "",
        "LXQK": row["LXQK"] in ("0", "1", "2") if is_settled else row["LXQK"] == "",
        "SQS": row["SQS"] in ("0", "1") or (kind != _RESULT and row["SQS"] == ""),
        "BLSJ": is_time(row["BLSJ"]),
    }
    return next((name for name, is_right in checks.items() if not is_right), "")


def _wrong_transfer(row: Mapping[str, str]) -> str:
    kind, region = row["JQLXDM"], row["XZQHDM"]
    checks = {
        "YSBH": bool(_TRANSFER.fullmatch(row["YSBH"])),
        "JFBH": row["JFBH"] != "",
        "YSLX": row["YSLX"] in ("1", "2"),
        "JQLXDM": len(kind) == 4 and kind.isdecimal() and kind[:2] in forms.CLASSES,
        "XZQHDM": len(region) in (6, 9, 12) and region.isdecimal(),
        "NR": row["NR"] != "",
        "DSRXX": row["DSRXX"] == "" or all(map(_is_party, row["DSRXX"].split(";"))),
        "BLR": row["BLR"] != "",
        "BLSJ": is_time(row["BLSJ"]),
    }
    return next((name for name, is_right in checks.items() if not is_right), "")


def _is_party(text: str) -> bool:
    fields = text.split("|")
    return len(fields) == 4 and fields[0] in forms.ROLES
