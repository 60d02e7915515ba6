"""The forms of the police as their wire carries them: datasets and columns, and how single values are written.

A form is a dict of column to text, '' where nothing is known (WIRES.md 2.4, 2.12, 0.8).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from connectors.sandbox.chance import luck
from connectors.sandbox.matters import PartyAsTold
from connectors.sandbox.stamps import read_stamp
from hub.vocabulary import PartyRole

Form: TypeAlias = dict[str, str]

JJD, CJD, FKD, YSHZ = "JJD", "CJD", "FKD", "YSHZ"
#: the month-end lists
DZ_JJD, DZ_FKD = "DZ_JJD", "DZ_FKD"
#: what the hub writes
RETURN, YS = "RETURN", "YS"

#: the police unit that writes batches
BUREAU = "620725000000"
#: unknown, as some of their systems write it
NO_DATE = "1900-01-01 00:00:00"

NEW, CORRECTED, WITHDRAWN = "0", "1", "2"
#: CLJGDM of WIRES.md 2.5
ON_THE_SPOT, TRANSFERRED, ADVISED, PUBLIC_ORDER, CRIME, ELSEWHERE, SETTLED, FAILED, OTHER = (
    "01", "02", "03", "04", "05", "06", "07", "08", "99",
)  # fmt: skip
HAND_OVERS, OUTCOMES = (TRANSFERRED, ADVISED), (SETTLED, FAILED)
#: JQLBDM of WIRES.md 2.14
CLASSES = ("01", "02", "03", "04", "05", "06", "99")
ROLES = ("报警人", "对方", "证人", "其他")

#: dataset → column → its Chinese name
COLUMNS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        JJD: {
            "JJDBH": "接警单编号", "BJSJ": "报警时间", "BJFSDM": "报警方式代码", "BJRXM": "报警人姓名",
            "BJDH": "报警电话", "BJNR": "报警内容", "SFDD": "事发地点", "XZQHDM": "行政区划代码",
            "BJRXZB": "报警人X坐标", "BJRYZB": "报警人Y坐标", "ZBX": "坐标系",
            "JQLBDM": "警情类别代码", "JQLXDM": "警情类型代码",
            "JQXLDM": "警情细类代码", "GXDWDM": "管辖单位代码", "JQCLZTDM": "警情处理状态代码",
            "LZGDBH": "流转工单编号", "GXBS": "更新标识", "GXSJ": "更新时间",
            "LHLX": "来话类型", "YSBH": "移送编号", "JJYBH": "接警员编号",
        },
        CJD: {
            "CJDBH": "处警单编号", "JJDBH": "接警单编号", "CJDWDM": "处警单位代码", "CJSJ": "处警时间",
            "DDXCSJ": "到达现场时间", "CJQK": "处警情况", "GXBS": "更新标识", "GXSJ": "更新时间", "JJYBH": "民警编号",
        },
        FKD: {
            "FKDBH": "反馈单编号", "JJDBH": "接警单编号", "CJDBH": "处警单编号", "FKDWDM": "反馈单位代码",
            "FKSJ": "反馈时间", "JQLBDM": "警情类别代码", "JQLXDM": "警情类型代码", "JQXLDM": "警情细类代码",
            "JQZLDM": "警情子类代码", "CLJGDM": "处理结果代码", "DSRXX": "当事人信息", "YJDW": "移交单位",
            "GXBS": "更新标识", "GXSJ": "更新时间", "HZBH": "回执编号", "JJYBH": "民警编号",
        },
        YSHZ: {
            "YSBH": "移送编号", "JG": "结果", "YY": "原因", "JJDBH": "接警单编号", "GXBS": "更新标识",
            "GXSJ": "更新时间",
        },
        DZ_JJD: {"JJDBH": "接警单编号", "GXSJ": "更新时间", "GXBS": "更新标识"},
        DZ_FKD: {
            "FKDBH": "反馈单编号", "JJDBH": "接警单编号", "CLJGDM": "处理结果代码", "GXSJ": "更新时间",
            "GXBS": "更新标识",
        },
    }
)  # fmt: skip
#: in a file only where one of its rows says something
EXTRA = ("LHLX", "YSBH", "HZBH", "JJYBH")
#: each dataset's own number, and the time by which the month-end file takes its rows
NUMBER: Mapping[str, str] = MappingProxyType({JJD: "JJDBH", CJD: "CJDBH", FKD: "FKDBH", YSHZ: "YSBH"})
CLOCK: Mapping[str, str] = MappingProxyType({JJD: "BJSJ", FKD: "FKSJ"})

_BLANK = str.maketrans("\t\r\n", "   ")
_ROLES = {
    PartyRole.CALLER: "报警人",
    PartyRole.RESPONDENT: "对方",
    PartyRole.WITNESS: "证人",
    PartyRole.THIRD_PARTY: "其他",
}


def form(dataset: str, **values: str) -> Form:
    """A form with every column that is always there, '' where nothing is said."""
    columns = {name: "" for name in COLUMNS[dataset] if name not in EXTRA}
    return columns | values


def written(value: str, separator: str) -> str:
    """A value as a field of a line: one space for each character that would break the line (WIRES.md 2.3)."""
    if value.isalnum():
        return value
    return value.translate(_BLANK).replace(separator, " ")


def classes_of(code: str, key: str) -> Form:
    """The four levels of a category, each a prefix of the next, from a JQLBDM or a JQLXDM (WIRES.md 2.14)."""
    kind = code if len(code) == 4 else f"{code}{1 + int(luck('class', key) * 4):02d}"
    small = f"{kind}{1 + int(luck('small', key) * 3):02d}"
    return {"JQLBDM": code[:2], "JQLXDM": kind, "JQXLDM": small, "JQZLDM": f"{small}00"}


def call_classes(code: str, key: str) -> Form:
    """The three levels that a call has."""
    levels = classes_of(code, key)
    del levels["JQZLDM"]
    return levels


def parties_text(parties: Iterable[PartyAsTold]) -> str:
    """DSRXX: role, name, ID number and phone of each (WIRES.md 2.12)."""
    told = ((_ROLES.get(p.role, "其他"), p.person.name, p.person.id_no, p.person.phone) for p in parties)
    return ";".join("|".join(map(_full_width, fields)) for fields in told)


def coordinates(key: str) -> Form:
    """Where the caller stood: often unknown, sometimes the axes are swapped (WIRES.md 2.4)."""
    if luck("located", key) < 0.4:
        return {"BJRXZB": "", "BJRYZB": "", "ZBX": ""}
    x, y = f"{100.85 + luck('x', key) * 0.5:.6f}", f"{38.45 + luck('y', key) * 0.6:.6f}"
    if luck("swapped", key) < 0.06:
        x, y = y, x
    return {"BJRXZB": x, "BJRYZB": y, "ZBX": "GCJ02" if luck("system", key) < 0.6 else "CGCS2000"}


def clock_of(dataset: str, row: Form) -> str:
    """The time by which the month-end file takes the row: BJSJ or FKSJ, else the date in its number; '' for others."""
    if dataset not in CLOCK:
        return ""
    told = row.get(CLOCK[dataset], "")
    if is_time(told):
        return told
    day = row[NUMBER[dataset]][13:21]
    return f"{day[:4]}-{day[4:6]}-{day[6:]} 00:00:00"


def is_time(text: str) -> bool:
    """A real time, exactly as the wire writes it: neither empty nor of 1900."""
    try:
        return read_stamp(text).year > 1900
    except ValueError:
        return False


def _full_width(value: str) -> str:
    return value.replace("|", "｜").replace(";", "；")
