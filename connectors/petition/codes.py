"""The petition office's codes and what they mean here: DOMAIN §1.3 and §5.1, WIRES §3, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hub.vocabulary import CaseRecordState, HandlingEventKind, Outcome, ReferralMode, ReferralState, Sex

#: 信访目的
SUGGESTION, ACCUSATION, DEMAND = "01", "02", "03"
PURPOSES: Mapping[str, str] = {SUGGESTION: "建议意见", ACCUSATION: "检举控告", DEMAND: "申诉求决"}
#: 信访形式: letter, visit, online, call
FORMS = frozenset({"01", "02", "03", "04"})

REGISTERED, ROUTED, ACCEPTED, REFUSED, OBJECTED, HANDLED, EXTENDED = "01", "02", "03", "04", "05", "06", "07"
ANSWERED, CLOSED, REVIEWED, RECHECKED = "08", "09", "10", "11"


class Stage(NamedTuple):
    """What a code of xfjzt says: of the record, of what happened, of a hand-over to the centre, and how far it is."""

    state: CaseRecordState
    #: None: reaching it is told by other fields, or is no act of its own
    kind: HandlingEventKind | None
    referral: ReferralState
    rank: int


#: 信访件状态
STAGES: Mapping[str, Stage] = {
    REGISTERED: Stage(CaseRecordState.RECEIVED, None, ReferralState.SENT, 1),
    ROUTED: Stage(CaseRecordState.TRANSFERRED, None, ReferralState.SENT, 2),
    ACCEPTED: Stage(CaseRecordState.ACCEPTED, HandlingEventKind.ACCEPTED, ReferralState.ACCEPTED, 4),
    # whoever it was handed to does not take it: there is nothing left to do there
    REFUSED: Stage(CaseRecordState.REJECTED, HandlingEventKind.REJECTED, ReferralState.DECLINED, 3),
    OBJECTED: Stage(CaseRecordState.REJECTED, HandlingEventKind.DECLINED, ReferralState.DECLINED, 3),
    HANDLED: Stage(CaseRecordState.IN_PROGRESS, None, ReferralState.IN_PROGRESS, 5),
    EXTENDED: Stage(CaseRecordState.IN_PROGRESS, HandlingEventKind.EXTENDED, ReferralState.IN_PROGRESS, 6),
    ANSWERED: Stage(CaseRecordState.CONCLUDED, HandlingEventKind.RESULT_RECORDED, ReferralState.CONCLUDED, 7),
    CLOSED: Stage(CaseRecordState.CLOSED, HandlingEventKind.CLOSED, ReferralState.CONCLUDED, 8),
    REVIEWED: Stage(CaseRecordState.IN_PROGRESS, HandlingEventKind.REOPENED, ReferralState.CONCLUDED, 9),
    RECHECKED: Stage(CaseRecordState.IN_PROGRESS, HandlingEventKind.REOPENED, ReferralState.CONCLUDED, 10),
}

#: 转送, 交办: the only ways that hand over (WIRES 3.4)
MODES: Mapping[str, ReferralMode] = {"01": ReferralMode.FORWARD, "02": ReferralMode.ASSIGN}
SIGNED, RETURNED_BACK, PROLONGED, CONCLUDED = "11", "12", "13", "14"
#: 办理方式 of the routing decision (01–05) and of later steps (11–14, our pushes among them)
STEPS: Mapping[str, HandlingEventKind] = {
    "01": HandlingEventKind.REFERRED,
    "02": HandlingEventKind.REFERRED,
    # 报请, 告知, 直接办理: the office decided which way it goes, and handed nothing over that has to come back
    "03": HandlingEventKind.TRIAGED,
    "04": HandlingEventKind.TRIAGED,
    "05": HandlingEventKind.TRIAGED,
    SIGNED: HandlingEventKind.SIGNED,
    RETURNED_BACK: HandlingEventKind.DECLINED,
    PROLONGED: HandlingEventKind.EXTENDED,
    CONCLUDED: HandlingEventKind.RESULT_RECORDED,
}

#: where a hand-over stands after a step of the centre's that xfjzt does not show yet
REFERRAL_AFTER_STEP: Mapping[str, ReferralState] = {
    SIGNED: ReferralState.SIGNED,
    RETURNED_BACK: ReferralState.DECLINED,
}

#: the record's state after an event (DOMAIN §5, reading of CaseRecordState); absent: it does not tell
STATE_AFTER: Mapping[HandlingEventKind, CaseRecordState] = {
    HandlingEventKind.REGISTERED: CaseRecordState.RECEIVED,
    HandlingEventKind.REFERRED: CaseRecordState.TRANSFERRED,
    HandlingEventKind.SIGNED: CaseRecordState.ACCEPTED,
    HandlingEventKind.ACCEPTED: CaseRecordState.ACCEPTED,
    HandlingEventKind.REJECTED: CaseRecordState.REJECTED,
    HandlingEventKind.DECLINED: CaseRecordState.REJECTED,
    HandlingEventKind.EXTENDED: CaseRecordState.IN_PROGRESS,
    HandlingEventKind.RESULT_RECORDED: CaseRecordState.CONCLUDED,
    HandlingEventKind.CLOSED: CaseRecordState.CLOSED,
    HandlingEventKind.REOPENED: CaseRecordState.IN_PROGRESS,
}

#: 化解标志 (WIRES 3.5, 0.20)
OUTCOMES: Mapping[str, Outcome] = {"1": Outcome.AGREED, "0": Outcome.NOT_AGREED}
#: 满意度: there is no 2
SATISFACTIONS = frozenset({"0", "1", "3"})
#: not GB/T 2261.1 (DOMAIN §2)
SEXES: Mapping[str, Sex] = {"": Sex.UNKNOWN, "0": Sex.FEMALE, "1": Sex.MALE}

YES = "1"
YES_OR_NO = frozenset({"0", "1"})
FLAGS = (
    "bjbz", "fcbz", "fhbz", "dbbz", "cfxfbz", "sfssbz", "jabz", "yybz", "zdjjbz", "sksflbz", "nmbz", "hfbz",
)  # fmt: skip

#: hjbz of a result of ours (WIRES 0.20)
PUSHED_OUTCOMES: Mapping[Outcome, str] = {
    Outcome.AGREED: "1",
    Outcome.PERFORMED: "1",
    Outcome.SELF_SETTLED: "1",
    Outcome.NOT_AGREED: "0",
    Outcome.REFUSED: "0",
    Outcome.UNREACHABLE: "0",
    Outcome.NOT_SUITABLE: "0",
    Outcome.OUT_OF_SCOPE: "0",
    Outcome.WITHDRAWN: "0",
    Outcome.DOCKETED: "0",
    Outcome.PENALISED: "0",
    Outcome.ANSWERED: "0",
}
#: failReason of a push (WIRES 3.7)
FAILURES: Mapping[str, str] = {
    "blfss必须且只能有一条": "a push has exactly one step",
    "信访件不存在": "the office knows no letter of this number",
    "非本单位办理": "the letter is not with this centre",
    "字段缺失": "a field is missing",
}
