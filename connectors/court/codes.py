"""The court's codes and what they mean here: DOMAIN §1.1 and §5.1, WIRES §1, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hub.vocabulary import (
    CaseRecordState,
    HandlingEventKind,
    Outcome,
    PartyRole,
    Procedure,
    ReferralMode,
    TerminationReason,
)

#: 案件类别 of a row that opens a dispute: civil and administrative filings, pre-litigation mediation
OPENING_KINDS = frozenset({"0301", "0401", "9901"})
#: docketed first-instance cases
FIRST_INSTANCE_KINDS = frozenset({"0301", "0401"})
#: and further records: 行审, preservation, judicial confirmation
KNOWN_KINDS = OPENING_KINDS | {"0409", "0901", "0303"}
CONFIRMATION_KIND = "0303"
PRE_LITIGATION_KIND = "9901"

DOCKETED = "已正式立案"
IN_MEDIATION = "调解中"
CONFIRMATION_ASKED = "申请司法确认"
LITIGATION_ASKED = "申请立案"


class Stage(NamedTuple):
    """What a word of ajzt says: the record's state, and how far along the life of a case it stands."""

    state: CaseRecordState
    rank: int


#: 案件状态 (ajzt), and 申请立案 … of the mediation log
STAGES: Mapping[str, Stage] = {
    "暂存": Stage(CaseRecordState.RECEIVED, 0),
    "待审核": Stage(CaseRecordState.RECEIVED, 0),
    "待审查": Stage(CaseRecordState.RECEIVED, 0),
    "不予受理": Stage(CaseRecordState.REJECTED, 1),
    "待立案": Stage(CaseRecordState.IN_PROGRESS, 2),
    "待指派调解": Stage(CaseRecordState.ACCEPTED, 3),
    "诉前调解中": Stage(CaseRecordState.IN_PROGRESS, 4),
    "委派调解中": Stage(CaseRecordState.IN_PROGRESS, 4),
    IN_MEDIATION: Stage(CaseRecordState.IN_PROGRESS, 4),
    CONFIRMATION_ASKED: Stage(CaseRecordState.IN_PROGRESS, 5),
    LITIGATION_ASKED: Stage(CaseRecordState.CONCLUDED, 6),
    DOCKETED: Stage(CaseRecordState.CONCLUDED, 6),
    "已撤诉": Stage(CaseRecordState.WITHDRAWN, 7),
    "已结案": Stage(CaseRecordState.CONCLUDED, 7),
    "结案": Stage(CaseRecordState.CLOSED, 8),
    "归档": Stage(CaseRecordState.CLOSED, 8),
}

#: where ajzt says nothing
CASE_STATUSES: Mapping[str, CaseRecordState] = {
    "110": CaseRecordState.RECEIVED,
    "130": CaseRecordState.IN_PROGRESS,
    "170": CaseRecordState.TRANSFERRED,
}
CASE_STATUS_PROCEDURES: Mapping[str, Procedure] = {
    "110": Procedure.INTAKE,
    "130": Procedure.LITIGATION,
    "170": Procedure.PRE_LIT_MEDIATION,
}

RECEIVED, RETURNED_BACK, ISSUED, HANDED_OVER = "1", "4", "5", "80"
RESULT, CORRECTION = "60", "61"
RESULTS = frozenset({RESULT, CORRECTION})
APPLICATION, FILING = "98", "90"
MATERIAL_WANTED, CONSENT, REFUSAL = "980", "981", "982"
ANSWERS = frozenset({MATERIAL_WANTED, CONSENT, REFUSAL})
SUBMITTED = "998"
#: the filing desk's own entries, before any mediation
DESK_ENTRIES = frozenset({FILING, SUBMITTED}) | ANSWERS

#: acceptType of a log entry; 5, 98 and 981 also depend on their surroundings, see ``log.kind_of``
ENTRY_KINDS: Mapping[str, HandlingEventKind] = {
    RECEIVED: HandlingEventKind.ACCEPTED,
    RETURNED_BACK: HandlingEventKind.DECLINED,
    ISSUED: HandlingEventKind.TRIAGED,
    RESULT: HandlingEventKind.RESULT_RECORDED,
    CORRECTION: HandlingEventKind.RESULT_CORRECTED,
    HANDED_OVER: HandlingEventKind.REFERRED,
    FILING: HandlingEventKind.REFERRED,
    APPLICATION: HandlingEventKind.CONFIRMATION_APPLIED,
    MATERIAL_WANTED: HandlingEventKind.REMINDED,
    CONSENT: HandlingEventKind.ACCEPTED,
    REFUSAL: HandlingEventKind.REJECTED,
    SUBMITTED: HandlingEventKind.REGISTERED,
}

#: the record's state after an event (DOMAIN §5, reading of CaseRecordState); absent: it does not tell
STATE_AFTER: Mapping[HandlingEventKind, CaseRecordState] = {
    HandlingEventKind.REGISTERED: CaseRecordState.RECEIVED,
    HandlingEventKind.ACCEPTED: CaseRecordState.ACCEPTED,
    HandlingEventKind.TRIAGED: CaseRecordState.ACCEPTED,
    HandlingEventKind.MEDIATOR_ASSIGNED: CaseRecordState.ACCEPTED,
    HandlingEventKind.DECLINED: CaseRecordState.REJECTED,
    HandlingEventKind.REJECTED: CaseRecordState.REJECTED,
    HandlingEventKind.REFERRED: CaseRecordState.TRANSFERRED,
    HandlingEventKind.CONFIRMATION_APPLIED: CaseRecordState.IN_PROGRESS,
    HandlingEventKind.RESULT_RECORDED: CaseRecordState.CONCLUDED,
    HandlingEventKind.RESULT_CORRECTED: CaseRecordState.CONCLUDED,
    HandlingEventKind.RETURN_ACKED: CaseRecordState.CONCLUDED,
    HandlingEventKind.EXITED: CaseRecordState.CONCLUDED,
    HandlingEventKind.DOCKETED: CaseRecordState.CONCLUDED,
    HandlingEventKind.WITHDRAWN: CaseRecordState.WITHDRAWN,
    HandlingEventKind.CLOSED: CaseRecordState.CLOSED,
}

MODES: Mapping[str, ReferralMode] = {"委派": ReferralMode.DELEGATE, "委托": ReferralMode.ENTRUST}


class Ending(NamedTuple):
    """How mediation ended, and under which of the eight endings of art. 25."""

    outcome: Outcome
    reason: TerminationReason | None


AGREED, NOT_AGREED, SELF_SETTLED = "1", "2", "3"
#: tjjg (WIRES 1.7, 1.16)
ENDINGS: Mapping[str, Ending] = {
    AGREED: Ending(Outcome.AGREED, TerminationReason.AGREEMENT),
    NOT_AGREED: Ending(Outcome.NOT_AGREED, None),
    SELF_SETTLED: Ending(Outcome.SELF_SETTLED, TerminationReason.SELF_SETTLED),
}
#: bcgyy, with tjjg 2: the position in art. 25
FAILURES: Mapping[str, Ending] = {
    "3": Ending(Outcome.UNREACHABLE, TerminationReason.UNREACHABLE),
    "4": Ending(Outcome.REFUSED, TerminationReason.REFUSED),
    "5": Ending(Outcome.NOT_AGREED, TerminationReason.TOO_FAR_APART),
    "6": Ending(Outcome.NOT_AGREED, TerminationReason.TIME_LIMIT),
    "7": Ending(Outcome.NOT_AGREED, TerminationReason.SIGNATURE_REFUSED),
    "8": Ending(Outcome.NOT_AGREED, TerminationReason.OTHER),
}


class Spelling(NamedTuple):
    """An outcome as a message of ours spells it."""

    tjjg: str
    #: with tjjg 2
    bcgyy: str = ""


#: WIRES 0.20
OUTCOMES: Mapping[Outcome, Spelling] = {
    Outcome.AGREED: Spelling(AGREED),
    Outcome.PERFORMED: Spelling(AGREED),
    Outcome.SELF_SETTLED: Spelling(SELF_SETTLED),
    Outcome.NOT_AGREED: Spelling(NOT_AGREED, "5"),
    Outcome.REFUSED: Spelling(NOT_AGREED, "4"),
    Outcome.UNREACHABLE: Spelling(NOT_AGREED, "3"),
    Outcome.NOT_SUITABLE: Spelling(NOT_AGREED, "8"),
    Outcome.OUT_OF_SCOPE: Spelling(NOT_AGREED, "8"),
    Outcome.WITHDRAWN: Spelling(SELF_SETTLED),
    Outcome.DOCKETED: Spelling(NOT_AGREED, "8"),
    Outcome.PENALISED: Spelling(NOT_AGREED, "8"),
    Outcome.ANSWERED: Spelling(NOT_AGREED, "8"),
}
#: which of the endings of art. 25 a failed mediation had, where the command says it more closely (WIRES 1.7)
FAILURE_CODES: Mapping[TerminationReason, str] = {
    ending.reason: code for code, ending in FAILURES.items() if ending.reason is not None
}

ROLES: Mapping[str, PartyRole] = {
    "原告": PartyRole.APPLICANT,
    "被告": PartyRole.RESPONDENT,
    "第三人": PartyRole.THIRD_PARTY,
}
