"""The court's rows as its wire lists them, and every step that changes one (WIRES.md 1.3 to 1.17).

A row is a dict of the wire's fields in wire order. Steps change it in place and move ``gxsj`` to the step's instant.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any, TypeAlias

from connectors.sandbox.chance import luck as luck
from connectors.sandbox.matters import CENTRE, CENTRE_NAME, CourtMatter, Ending, PartyAsTold
from connectors.sandbox.routes import CourtRoute
from connectors.sandbox.stamps import moved_on
from connectors.sandbox.stamps import read_stamp as read_stamp
from connectors.sandbox.stamps import stamp as stamp
from hub.vocabulary import Outcome, PartyRole, ReferralMode

Row: TypeAlias = dict[str, Any]

COURT_CODE = "620725"
COURT_ORG = "620725000000"
#: the court's prefix in its numbers (DOMAIN.md §1.1)
PREFIX = "甘0725"
_CLERKS = ("立案庭 李法官", "立案庭 王法官", "立案庭 张书记员", "速裁团队 赵法官", "速裁团队 陈法官")
_ROLES = {PartyRole.APPLICANT: "原告", PartyRole.RESPONDENT: "被告", PartyRole.THIRD_PARTY: "第三人"}
_MODES = {ReferralMode.DELEGATE: "委派", ReferralMode.ENTRUST: "委托"}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_ORACLE = re.compile(r"(\d{2})([A-Z]{3})(\d{2})")
_FIELDS = (
    "ajbs", "ah", "ajlb", "laaymc", "ajzt", "fydm", "lxrq", "saly", "sfss", "sfsw", "sfsg", "sfst", "mqzz", "sjdwje",
    "ycts", "gxsj", "fwlsh", "caseStatus", "courtCode", "caseType", "caseCause", "caseAmount", "claim", "facts",
    "firstCommitTime", "mediateAgreementSignDate", "originalCaseCode", "originalCaseNo", "dsr", "logs",
)  # fmt: skip


def half_width(number: str | None) -> str:
    """A number as identity compares it: half-width brackets, '' while unknown."""
    return (number or "").replace("（", "(").replace("）", ")").strip()


def wire_date(day: date, *key: str) -> str:
    """``YYYY-MM-DD``, on some rows Oracle's ``DDMONYY`` (WIRES.md 1.11)."""
    if luck("date", *key) < 0.12:
        return f"{day.day:02d}{_MONTHS[day.month - 1]}{day.year % 100:02d}"
    return day.isoformat()


def read_date(text: str) -> date:
    """A date in either form; raises ValueError."""
    oracle = _ORACLE.fullmatch(text)
    if oracle:
        return date(2000 + int(oracle[3]), _MONTHS.index(oracle[2]) + 1, int(oracle[1]))
    return date.fromisoformat(text)


def number(year: int, word: str, serial: int, *key: str) -> str:
    """A 案号; on some rows with full-width brackets."""
    left, right = ("（", "）") if luck("brackets", *key) < 0.2 else ("(", ")")
    return f"{left}{year}{right}{PREFIX}{word}{serial}号"


def blank_row(ajbs: str, fwlsh: str) -> Row:
    """Every key of the wire, null where nothing is known yet."""
    row: Row = dict.fromkeys(_FIELDS)
    fydm = None if luck("fydm", ajbs) < 0.04 else COURT_CODE
    row |= {"ajbs": ajbs, "fwlsh": fwlsh, "fydm": fydm, "courtCode": COURT_CODE, "ycts": 0, "dsr": [], "logs": []}
    return row | {"sfss": "0", "sfsw": "0", "sfsg": "1" if luck("sfsg", ajbs) < 0.01 else "0", "sfst": "0"}


def filed(matter: CourtMatter, cause_name: str) -> Row:
    """The row at the moment of filing: waiting for review, no number."""
    route = CourtRoute(matter.route)
    ajlb = {CourtRoute.PRESERVATION: "0901", CourtRoute.ENFORCEMENT_REVIEW: "0409"}.get(
        route, "0401" if route.is_administrative else "0301"
    )
    amount = None if matter.amount is None else str(matter.amount)
    row = blank_row(matter.native_id, matter.service_no)
    row |= {
        "ajlb": ajlb, "caseType": ajlb, "laaymc": cause_name, "caseCause": matter.native_code, "ajzt": "待审查",
        "caseStatus": 110, "lxrq": wire_date(matter.received_at.date(), "lxrq", matter.native_id),
        "saly": "网上立案" if matter.committed_at < matter.received_at else "当事人起诉",
        "mqzz": "1" if luck("mqzz", matter.native_id) < 0.1 else None, "sjdwje": amount, "caseAmount": amount,
        "claim": matter.claim, "facts": matter.text, "firstCommitTime": stamp(matter.committed_at),
        "dsr": [_party(told) for told in matter.parties],
    }  # fmt: skip
    if row["saly"] == "网上立案":
        log(row, 998, "待审核", matter.received_at, "当事人", COURT_ORG)
    return touched(row, matter.received_at)


def touched(row: Row, at: datetime) -> Row:
    """The row, changed at that instant."""
    row["gxsj"] = moved_on(at, row["gxsj"])
    return row


def log(row: Row, accept_type: int, case_state: str, at: datetime, by: str, org: str, **further: str | None) -> None:
    """Append one log entry (WIRES.md 1.7); what is not given is null."""
    entry: Row = {"acceptType": accept_type, "caseState": case_state, "at": stamp(at), "by": by, "org": org}
    for key in ("mode", "tjjg", "tjxybh", "bcgyy", "wzyss", "sldh"):
        entry[key] = further.get(key)
    row["logs"].append(entry)
    touched(row, at)


def clerk(row: Row) -> str:
    """The judge or clerk in charge."""
    return _CLERKS[int(luck("clerk", row["ajbs"]) * len(_CLERKS))]


def refuse(row: Row, at: datetime) -> None:
    """Not admitted."""
    row["ajzt"] = "不予受理"
    touched(row, at)


def admit(row: Row, at: datetime) -> None:
    """To be docketed."""
    row |= {"caseStatus": 130, "ajzt": "待立案"}
    touched(row, at)


def give_number(row: Row, ah: str, at: datetime) -> None:
    """The row gets its number and goes on: docketed, or in mediation."""
    row["ah"] = ah
    if row["caseStatus"] == 130:
        row["ajzt"] = "已正式立案"
    elif row["ajzt"] == "待指派调解":
        row["ajzt"] = "调解中"
        log(row, 5, "调解中", at, clerk(row), COURT_ORG)
    touched(row, at)


def hand_over(row: Row, unit: str, mode: ReferralMode, at: datetime) -> None:
    """The court hands the matter over (80): 委派 before docketing, 委托 after."""
    if mode is ReferralMode.DELEGATE:
        row |= {"caseStatus": 170, "ajlb": "9901", "caseType": "9901", "ajzt": "待指派调解"}
    else:
        row["ajzt"] = "调解中"
    log(row, 80, row["ajzt"], at, clerk(row), unit, mode=_MODES[mode])


def accept(row: Row, unit: str, at: datetime) -> None:
    """The unit takes the matter on (1)."""
    row["ajzt"] = "调解中"
    log(row, 1, "调解中", at, unit_name(unit), unit)


def decline(row: Row, unit: str, at: datetime, reason: str) -> None:
    """The unit sends the matter back (4)."""
    log(row, 4, row["ajzt"], at, unit_name(unit), unit, bcgyy=reason)


def take_back(row: Row, at: datetime) -> None:
    """After a decline the court dockets the filing itself."""
    ajlb = "0401" if type_word(row).startswith("行") else "0301"
    row |= {"caseStatus": 130, "ajlb": ajlb, "caseType": ajlb, "ajzt": "待立案"}
    touched(row, at)


def conclude(row: Row, unit: str, ending: Ending, accept_type: int) -> None:
    """The unit records its result (60) or corrects it (61)."""
    at = ending.concluded_at
    tjjg = "1" if ending.outcome.is_success else "3" if ending.outcome is Outcome.SELF_SETTLED else "2"
    row |= {"ajzt": "已结案", "mediateAgreementSignDate": None}
    if tjjg == "1":
        row["mediateAgreementSignDate"] = wire_date(at.date(), "signed", row["ajbs"])
    if ending.reason == "6":
        row["ycts"] = 15
    log(
        row, accept_type, "已结案", at, unit_name(unit), unit,
        tjjg=tjjg, tjxybh=ending.agreement_no or None, bcgyy=ending.reason or None, wzyss=ending.undisputed or None,
    )  # fmt: skip


def apply_for_confirmation(row: Row, agreement_no: str, at: datetime) -> None:
    """The parties ask for judicial confirmation (98)."""
    row["ajzt"] = "申请司法确认"
    log(row, 98, "申请司法确认", at, CENTRE_NAME, CENTRE, tjxybh=agreement_no)


def confirmation_row(row: Row, ah: str, at: datetime) -> Row:
    """The row of a confirmation's own number (WIRES.md 1.17)."""
    return touched(_further(row, ah, at, row["ajbs"], row["fwlsh"]) | {"ajlb": "0303", "caseType": "0303"}, at)


def docketed_row(row: Row, ah: str, at: datetime, new_ajbs: str | None = None) -> Row:
    """The row of a case docketed after mediation failed: way (a), or way (b) under ``new_ajbs``."""
    if new_ajbs is None:
        return touched(_further(row, ah, at, row["ajbs"], row["fwlsh"]), at)
    further = _further(row, ah, at, new_ajbs, row["fwlsh"][:-1] + "1")
    return touched(further | {"originalCaseCode": row["ajbs"]}, at)


def archive(row: Row, at: datetime) -> None:
    """The file is closed."""
    row["ajzt"] = "归档" if luck("archive", row["ajbs"]) < 0.6 else "结案"
    touched(row, at)


def unit_name(unit: str) -> str:
    """A display name for ``by``."""
    return CENTRE_NAME if unit == CENTRE else "其他调解组织"


def type_word(row: Row) -> str:
    """The type word of the number that this row will get."""
    administrative = row["caseCause"] == "9801" or row["ajlb"] == "0401"
    if row["ajlb"] == "9901":
        return "行诉前调" if administrative else "民诉前调"
    return {"0901": "财保", "0409": "行审"}.get(row["ajlb"], "行初" if administrative else "民初")


def _further(row: Row, ah: str, at: datetime, ajbs: str, fwlsh: str) -> Row:
    ajlb = "0401" if type_word(row).startswith("行") else "0301"
    original = half_width(row["ah"])
    if luck("original", ajbs) < 0.2:
        original = original.replace("(", "（").replace(")", "）")
    return row | {
        "ajbs": ajbs, "fwlsh": fwlsh, "ah": ah, "ajlb": ajlb, "caseType": ajlb, "caseStatus": 130, "ajzt": "已正式立案",
        "lxrq": wire_date(at.date(), "lxrq", ajbs, ah), "ycts": 0, "mediateAgreementSignDate": None,
        "originalCaseCode": None, "originalCaseNo": original, "dsr": list(row["dsr"]), "logs": [],
    }  # fmt: skip


def _party(told: PartyAsTold) -> Row:
    person = told.person
    # GA/T 517 knows documents of natural persons only: a firm's code stands without a type
    return {
        "dsrlx": _ROLES[told.role], "xm": person.name, "zjlx": "111" if person.id_no and not person.is_firm else None,
        "zjhm": person.id_no or None, "lxdh": person.phone or None, "xzqhdm": person.region_code, "zz": person.address,
    }  # fmt: skip
