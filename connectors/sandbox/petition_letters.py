"""The petition office's letters as its wire shows them, and every step that changes one (WIRES.md 3.3 to 3.6).

A letter is a dict ``{xfjbh, gxsj, xfj, xfr, blfss}``; all values are strings. Steps change it in place and move
``gxsj`` to the step's instant. ``hash`` and ``sjjhzt`` are the store's: they are no content.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, TypeAlias

from connectors.sandbox.matters import CENTRE
from connectors.sandbox.people import Person
from connectors.sandbox.stamps import moved_on, read_stamp, stamp

Letter: TypeAlias = dict[str, Any]

#: the office itself; other units are those of the hand-overs
OFFICE, OFFICE_NAME = "620725160000", "山丹县信访局"
FORWARDED, ASSIGNED, REPORTED, TOLD, DIRECT = "01", "02", "03", "04", "05"
SIGN, DECLINE, EXTEND, RESULT = "11", "12", "13", "14"
FIELDS = (
    "xfjbh", "xfxs", "xfrq", "djsj", "djjgdm", "djjgmc", "wtsddm", "wtsd", "nrfldm", "xfmddm", "xfyydm", "xfnr", "bfyr",
    "bfyrzjhm", "xfrs", "sjrs", "xfjzt", "blfs", "qxjg", "blsj", "xbjzrq", "lzjzsj", "bjbz", "bjsj", "hjbz", "fcbz",
    "fhbz", "dbbz", "cfxfbz", "REPEATED_ID", "sfssbz", "jabz", "yybz", "zdjjbz", "sksflbz", "nmbz", "cxm", "hfbz",
    "myd",
)  # fmt: skip
_FLAGS = ("bjbz", "fcbz", "fhbz", "dbbz", "cfxfbz", "sfssbz", "jabz", "yybz", "zdjjbz", "sksflbz", "nmbz", "hfbz")
_WORDS = {
    FORWARDED: "请依法按政策办理。",
    ASSIGNED: "交由你单位办理，并报送办理结果。",
    REPORTED: "报请党委政府研究处理。",
    TOLD: "告知信访人依法通过其他途径反映。",
    DIRECT: "由本局直接协调办理。",
    SIGN: "已签收，予以受理。",
    DECLINE: "不属于本单位职责，建议另行转送。",
    EXTEND: "案情复杂，延长办理期限。",
    RESULT: "已办理完毕，答复信访人。",
}


def blank_letter(xfjbh: str, at: datetime) -> Letter:
    """A letter registered at that instant of which nothing else is known."""
    xfj = dict.fromkeys(FIELDS, "") | dict.fromkeys(_FLAGS, "0")
    xfj |= {"xfjbh": xfjbh, "xfjzt": "01", "djsj": stamp(at), "djjgdm": OFFICE, "djjgmc": OFFICE_NAME}
    step = {"blfs": "", "qxjg": "", "blyj": "", "blsj": "", "czjg": ""}
    return {"xfjbh": xfjbh, "gxsj": stamp(at), "xfj": xfj, "xfr": [], "blfss": [step]}


def petitioner(person: Person | None) -> Letter:
    """One element of ``xfr``; None = somebody who does not say who he is (3.14)."""
    if person is None:
        return {"xm": "", "xb": "", "zjhm": "", "lxdh": "", "zz": ""}
    # this office writes 0 for a woman and 1 for a man; a firm has no sex
    xb = "" if person.is_firm else "1" if person.is_male else "0"
    return {"xm": person.name, "xb": xb, "zjhm": person.id_no, "lxdh": person.phone, "zz": person.address}


def touched(letter: Letter, at: datetime) -> Letter:
    """The letter, changed at that instant."""
    letter["gxsj"] = moved_on(at, letter["gxsj"])
    return letter


def read_mixed(text: str) -> datetime:
    """A stamp, or a bare date = 00:00:00 (3.13); raises ValueError."""
    return datetime.combine(date.fromisoformat(text), time()) if len(text) == 10 else read_stamp(text)


def is_with_centre(letter: Letter) -> bool:
    """Handed to the centre and not sent back since."""
    xfj, step = letter["xfj"], letter["blfss"][0]
    return xfj["blfs"] in (FORWARDED, ASSIGNED) and xfj["qxjg"] == CENTRE == step["qxjg"]


def route(letter: Letter, blfs: str, unit: str, at: datetime, written: str = "") -> None:
    """The office decides where the letter goes (3.4); ``written`` is the time as it writes it."""
    xfj = letter["xfj"]
    written = written or stamp(at)
    xfj |= {"blfs": blfs, "qxjg": unit, "blsj": written}
    xfj["xfjzt"] = {FORWARDED: "02", ASSIGNED: "02", TOLD: "08"}.get(blfs, "06")
    _step(letter, blfs, unit, OFFICE, written)
    touched(letter, at)


def sign(letter: Letter, unit: str, at: datetime, told: Mapping[str, str] | None = None) -> None:
    """The unit takes the letter on."""
    letter["xfj"]["xfjzt"] = "03"
    _told(letter, SIGN, unit, unit, at, told)


def decline(letter: Letter, unit: str, at: datetime, told: Mapping[str, str] | None = None) -> None:
    """The unit objects; the letter is with the office again."""
    letter["xfj"]["xfjzt"] = "05"
    _told(letter, DECLINE, OFFICE, unit, at, told)


def extend(letter: Letter, unit: str, until: str, at: datetime, told: Mapping[str, str] | None = None) -> None:
    """More time until that date."""
    letter["xfj"] |= {"xfjzt": "07", "xbjzrq": until}
    _told(letter, EXTEND, unit, unit, at, told)


def answer(letter: Letter, unit: str, hjbz: str, at: datetime, told: Mapping[str, str] | None = None) -> None:
    """The unit records its result (3.5); '' settles nothing and leaves nothing open."""
    xfj = letter["xfj"]
    xfj["hjbz"] = hjbz
    if xfj["bjbz"] == "0":
        xfj["xfjzt"] = "08"
    _told(letter, RESULT, unit, unit, at, told)


def work(letter: Letter, at: datetime) -> None:
    """The letter is in hand."""
    letter["xfj"]["xfjzt"] = "06"
    touched(letter, at)


def refuse(letter: Letter, unit: str, at: datetime) -> None:
    """The unit does not take the matter up, and tells the petitioner so."""
    letter["xfj"] |= {"xfjzt": "04", "bjbz": "1", "bjsj": stamp(at)}
    _told(letter, TOLD, unit, unit, at, None)


def take_back(letter: Letter, at: datetime) -> None:
    """The office handles what a unit sent back itself; its first decision stays on record (3.4)."""
    letter["xfj"]["xfjzt"] = "06"
    _told(letter, DIRECT, OFFICE, OFFICE, at, None)


def close(letter: Letter, at: datetime) -> None:
    """The file is closed."""
    letter["xfj"] |= {"xfjzt": "09", "bjbz": "1", "bjsj": stamp(at)}
    touched(letter, at)


def visit(letter: Letter, myd: str, at: datetime) -> None:
    """The petitioner was asked; '' is no opinion."""
    letter["xfj"] |= {"hfbz": "1", "myd": myd}
    touched(letter, at)


def review(letter: Letter, at: datetime) -> None:
    """The petitioner asks for review (复查), and the next time for recheck (复核)."""
    xfj = letter["xfj"]
    xfj |= {"xfjzt": "11", "fhbz": "1"} if xfj["fcbz"] == "1" else {"xfjzt": "10", "fcbz": "1"}
    touched(letter, at)


def supervise(letter: Letter, at: datetime) -> None:
    """The office presses for an answer."""
    letter["xfj"]["dbbz"] = "1"
    touched(letter, at)


def _told(letter: Letter, blfs: str, unit: str, actor: str, at: datetime, told: Mapping[str, str] | None) -> None:
    """The latest step, in the words and with the time of whoever told the office."""
    _step(letter, blfs, unit, actor, told["blsj"] if told else stamp(at), told["blyj"] if told else "")
    touched(letter, at)


def _step(letter: Letter, blfs: str, unit: str, actor: str, written: str, words: str = "") -> None:
    step = {"blfs": blfs, "qxjg": unit, "blyj": words or _WORDS[blfs], "blsj": written, "czjg": actor}
    letter["blfss"] = [step]
