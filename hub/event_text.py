"""An event in one Chinese sentence, made from its codes alone: the same event always reads the same.

Nothing a citizen said or is called can appear here: a value is shown only under a known name, and as the label of
its code or, where the name says so, as a number. Names without a label, and words, are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hub.vocabulary import Channel, HandlingEventKind, Outcome, ReferralMode, TerminationReason

_NO_UNITS: Mapping[str, str] = MappingProxyType({})
#: what may pass for a number, a date or a receipt: with a digit, no sentence, and neither a phone nor an identity card
_NUMBER = re.compile(r"(?!1\d{10}$|\d{17}[\dXx]$)(?=\D*\d)[\w()（）〔〕\[\]:./+-]{1,64}")
_UNIT_CODE = re.compile(r"\d{6}(?:\d{3}){0,2}")


@dataclass(frozen=True, slots=True)
class _Detail:
    """How one name of an event's data is told. Without ``codes`` it is a number, or a unit when ``is_unit``."""

    label: str
    codes: Mapping[str, str] | None = None
    is_unit: bool = False


_YES_NO = {"0": "否", "1": "是"}
_COURT_FAILURES = {
    "3": "期限内无法联系",
    "4": "一方明确不愿继续",
    "5": "分歧较大难以达成",
    "6": "期限届满未合意延长",
    "7": "一方拒绝签章",
    "8": "其他",
}

#: names that mean the same in every system
_COMMON: Mapping[str, _Detail] = {
    "channel": _Detail("渠道", {member.value: member.zh for member in Channel}),
    "mode": _Detail("方式", {member.value: member.zh for member in ReferralMode} | {"委派": "委派", "委托": "委托"}),
    "outcome": _Detail("", {member.value: member.zh for member in Outcome}),
    "termination_reason": _Detail("终止原因", {member.value: member.zh for member in TerminationReason}),
    "from_code": _Detail("移出单位", is_unit=True),
    "to_code": _Detail("移交单位", is_unit=True),
    "agreement_no": _Detail("协议书编号"),
    "native_no": _Detail("编号"),
    "due_at": _Detail("期限"),
    "due_on": _Detail("期限"),
    "partner_ref": _Detail("回执号"),
    "into": _Detail("并入纠纷"),
    "to": _Detail("转入纠纷"),
    "rule": _Detail("规则"),
    "before": _Detail("先有环节", {member.value: member.zh for member in HandlingEventKind}),
    "after": _Detail("后有环节", {member.value: member.zh for member in HandlingEventKind}),
}

#: names of one partner's wire, under the record's system
_BY_SYSTEM: Mapping[str, Mapping[str, _Detail]] = {
    "court": {
        "acceptType": _Detail("", {"998": "网上提交"}),
        "tjjg": _Detail("", {"1": "达成协议", "2": "未达成协议", "3": "自行和解撤回"}),
        "bcgyy": _Detail("不成原因", _COURT_FAILURES),
        "tjxybh": _Detail("协议书编号"),
        "org": _Detail("移交单位", is_unit=True),
        "sldh": _Detail("受理单号"),
        "ah": _Detail("案号"),
        "caseState": _Detail(
            "阶段",
            {
                word: word
                for word in (
                    "待审查", "不予受理", "待立案", "待指派调解", "诉前调解中", "委派调解中", "调解中", "申请司法确认",
                    "申请立案", "已正式立案", "已撤诉", "已结案", "结案", "归档",
                )
            },
        ),
    },
    "police": {
        "CLJGDM": _Detail(
            "处理结果",
            {
                "01": "当场调解成功", "02": "移交调解", "03": "告知人民调解", "04": "受理治安案件",
                "05": "受理刑事案件", "06": "移交其他单位", "07": "移交后调解成功", "08": "移交后调解未成",
                "99": "其他",
            },
        ),
        "YJDW": _Detail("移交单位", is_unit=True),
        "JQCLZTDM": _Detail(
            "警情状态", {"0": "未处理", "1": "已派警", "2": "已到场", "3": "已反馈", "4": "已回访办结"}
        ),
        "LZGDBH": _Detail("转12345工单"),
        "FKDBH": _Detail("反馈单编号"),
        "CJDBH": _Detail("处警单编号"),
        "HZBH": _Detail("回传批次"),
    },
    "petition": {
        "xfjzt": _Detail(
            "信访件状态",
            {
                "01": "登记", "02": "已转送/交办", "03": "已受理", "04": "不予受理", "05": "异议退回", "06": "办理中",
                "07": "延期", "08": "已答复", "09": "办结", "10": "复查", "11": "复核",
            },
        ),
        "blfs": _Detail(
            "办理方式",
            {
                "01": "转送", "02": "交办", "03": "报请", "04": "告知", "05": "直接办理", "11": "签收", "12": "退回",
                "13": "延期", "14": "办理结果",
            },
        ),
        "qxjg": _Detail("去向机构", is_unit=True),
        "hjbz": _Detail("", {"0": "未化解", "1": "已化解"}),
        "myd": _Detail("满意度", {"0": "满意", "1": "基本满意", "3": "不满意"}),
        "bjbz": _Detail("办结", _YES_NO),
        "xbjzrq": _Detail("限办日期"),
        "xysbh": _Detail("协议书编号"),
    },
    "hotline": {
        "event": _Detail("", {word: word for word in ("派单", "追办", "催办", "回访")}),
        "state": _Detail(
            "工单状态",
            {
                "0": "待派单", "1": "已派单", "2": "已签收", "3": "办理中", "4": "延期", "5": "挂起", "6": "已办结",
                "7": "已回访", "8": "重办", "9": "归档", "10": "退单",
            },
        ),
        "contractorCode": _Detail("承办单位", is_unit=True),
        "level": _Detail("催办级别"),
        "successSolve": _Detail("是否解决", {"0": "未解决", "1": "已解决", "2": "部分解决"}),
        "successVisit": _Detail("回访", {"0": "未接通", "1": "已接通"}),
        "satisfaction": _Detail("满意度", {"0": "满意", "1": "基本满意", "2": "不满意", "3": "不满意"}),
        "reasonCode": _Detail("退单原因", {"01": "非本单位职责", "02": "信息不全", "03": "重复", "09": "其他"}),
        "processlimited": _Detail("办理期限"),
        "receiptNo": _Detail("受理单号"),
        "orderNum": _Detail("县级工单号"),
        "sourceJjdbh": _Detail("来源接警单"),
        "transferJjdbh": _Detail("转出接警单"),
    },
}  # fmt: skip

#: how a sentence begins where the kind's own label is too short to stand alone
_OPENINGS: Mapping[HandlingEventKind, str] = {
    HandlingEventKind.REGISTERED: "登记",
    HandlingEventKind.NUMBERED: "取得编号",
    HandlingEventKind.DOCKETED: "正式立案",
    HandlingEventKind.REFERRED: "移送",
    HandlingEventKind.SESSION_HELD: "召开调解会",
    HandlingEventKind.RESULT_RECORDED: "登记调解结果",
    HandlingEventKind.RESULT_CORRECTED: "更正调解结果",
    HandlingEventKind.AGREEMENT_SIGNED: "签署调解协议",
    HandlingEventKind.CONFIRMED: "裁定司法确认",
    HandlingEventKind.PERFORMED: "协议履行完毕",
    HandlingEventKind.RETURNED: "结果回传来源单位",
    HandlingEventKind.RETURN_ACKED: "来源单位确认回传",
    HandlingEventKind.REMINDED: "催办提醒",
    HandlingEventKind.LINKED: "关联来源记录",
    HandlingEventKind.UNLINKED: "解除来源记录关联",
    HandlingEventKind.MERGED: "并案",
    HandlingEventKind.EXITED: "导入法定程序",
    HandlingEventKind.CONFLICTING_RESULTS: "各单位结果不一致，待人工核定",
    HandlingEventKind.ANOMALY: "环节顺序异常",
    HandlingEventKind.ATTACHED: "取得附件",
    HandlingEventKind.CLOSED: "办结归档",
    HandlingEventKind.SOURCE_DELETED: "来源单位已删除该记录",
}


#: events that say where work went; in all others the unit named is the one that acted, which the event tells already
_HAND_OVERS = frozenset(
    {
        HandlingEventKind.REFERRED,
        HandlingEventKind.TRIAGED,
        HandlingEventKind.RETURNED,
        HandlingEventKind.EXITED,
        HandlingEventKind.HANDED_OVER,
    }
)


def units_named(kind: HandlingEventKind, system: str, data: Mapping[str, object]) -> list[str]:
    """The unit codes whose names ``event_text`` would like to know."""
    if kind not in _HAND_OVERS:
        return []
    return [
        value
        for name, value in data.items()
        if isinstance(value, str) and (detail := _detail(system, name)) and detail.is_unit
    ]


def event_text(
    kind: HandlingEventKind, system: str, data: Mapping[str, object], units: Mapping[str, str] = _NO_UNITS
) -> str:
    """E.g. ``登记调解结果：达成协议，协议书编号 (2024)山综调001``. ``units`` names the unit codes that are known."""
    opening = _OPENINGS.get(kind, kind.zh)
    parts = []
    for name, detail in {**_BY_SYSTEM.get(system, {}), **_COMMON}.items():
        if detail.is_unit and kind not in _HAND_OVERS:
            continue
        told = _told(detail, data.get(name), units)
        if told and told != opening and told not in parts:
            parts.append(told)
    return f"{opening}：{'，'.join(parts)}" if parts else opening


def _detail(system: str, name: str) -> _Detail | None:
    return _BY_SYSTEM.get(system, {}).get(name) or _COMMON.get(name)


def _told(detail: _Detail, value: object, units: Mapping[str, str]) -> str:
    if value is None or value == "" or isinstance(value, (dict, list, bool)):
        return ""
    text = str(value)
    if detail.codes is not None:
        shown = detail.codes.get(text, "")
    elif detail.is_unit:
        shown = units.get(text, text) if _UNIT_CODE.fullmatch(text) else ""
    else:
        shown = text if _NUMBER.fullmatch(text) else ""
    if not shown:
        return ""
    return f"{detail.label} {shown}" if detail.label and detail.codes is None else f"{detail.label}{shown}"
