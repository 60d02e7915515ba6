"""案号: how a court's case number is read, compared and found in text.

Two grammars are in use. Since 2016 ``(2024)甘0725民诉前调12号``; before, ``(2013)民提字第45号``, which the newer
expression would misread and which is therefore tried first. Brackets come in both widths and mean the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hub.model import clean_text

#: first two digits of a county code → the province's letter in 法院代字
_PROVINCES = {
    **{"11": "京", "12": "津", "13": "冀", "14": "晋", "15": "内", "21": "辽", "22": "吉", "23": "黑", "31": "沪"},
    **{"32": "苏", "33": "浙", "34": "皖", "35": "闽", "36": "赣", "37": "鲁", "41": "豫", "42": "鄂", "43": "湘"},
    **{"44": "粤", "45": "桂", "46": "琼", "50": "渝", "51": "川", "52": "贵", "53": "云", "54": "藏", "61": "陕"},
    **{"62": "甘", "63": "青", "64": "宁", "65": "新"},
}
_HALF_WIDTH = str.maketrans("（）", "()")
_YEAR = r"[(（](?P<year>[0-9]{4})[)）]"
_SUFFIX = r"号(?:之(?P<sub>[一二三四五六七八九十]+))?"
_OLD = _YEAR + r"(?P<court>)(?P<type>[\u4e00-\u9fff]{1,12}?)字第(?P<seq>[0-9]{1,6})" + _SUFFIX
_NEW = (
    _YEAR
    + r"(?P<court>最高法|[\u4e00-\u9fff](?:[0-9]{2}(?:[0-9]{2})?)?)(?P<type>[\u4e00-\u9fff]{1,6}?)(?P<seq>[0-9]{1,6})"
    + _SUFFIX
)
_OLD_WHOLE, _NEW_WHOLE = re.compile(_OLD), re.compile(_NEW)
_QUOTED = re.compile(re.sub(r"\?P<\w+>", "?:", f"{_OLD}|{_NEW}"))


@dataclass(frozen=True, slots=True)
class CaseNumber:
    """A case number taken apart. ``text`` is its normal spelling."""

    text: str
    year: int
    #: 法院代字, e.g. ``甘0725``; '' in the old form, where it cannot be told from the type
    court: str
    #: 类型代字, e.g. ``民初`` or ``民诉前调``
    type: str
    seq: int
    #: the Chinese numeral after 之; '' none
    sub: str


def half_width(text: str) -> str:
    """``text`` with its round brackets in half width."""
    return text.translate(_HALF_WIDTH) if "（" in text or "）" in text else text


def normalise(text: str) -> str:
    """The one spelling under which two numbers are compared. Idempotent; a text that is no number stays a text."""
    return half_width(clean_text(text)[0]).strip()


def parse(text: str) -> CaseNumber | None:
    """The number's parts, or None where ``text`` is not one whole case number."""
    normal = normalise(text)
    match = _OLD_WHOLE.fullmatch(normal) or _NEW_WHOLE.fullmatch(normal)
    if match is None:
        return None
    part = match.groupdict(default="")
    return CaseNumber(normal, int(part["year"]), part["court"], part["type"], int(part["seq"]), part["sub"])


def find_quoted(text: str) -> tuple[str, ...]:
    """Every case number quoted in ``text``, in its normal spelling, each once, in order of appearance."""
    return tuple(dict.fromkeys(half_width(match.group()) for match in _QUOTED.finditer(text)))


def court_prefix(county: str) -> str:
    """法院代字 of the court of a county, e.g. ``甘0725`` of 620725; '' where the code names no province."""
    letter = _PROVINCES.get(county[:2], "")
    return letter and letter + county[2:]


def quoted_here(text: str, county: str) -> tuple[str, ...]:
    """The case numbers of the county's own court that ``text`` quotes. An old one names no court and is left out."""
    prefix = court_prefix(county)
    if not prefix or prefix not in text:
        return ()
    return tuple(found for found in find_quoted(text) if (number := parse(found)) and number.court == prefix)
