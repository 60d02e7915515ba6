"""The police's codes and what they mean here: DOMAIN §1.2 and §5.1, WIRES §2, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hub.vocabulary import (
    CaseRecordState,
    HandlingEventKind,
    Outcome,
    PartyRole,
    Performance,
    TerminationReason,
    TransferGround,
)

#: first pair of digits of a category: 纠纷
DISPUTE_CLASS = "05"

#: 更新标识 (GXBS)
NEW, CORRECTED, WITHDRAWN = "0", "1", "2"
UPDATES = frozenset({NEW, CORRECTED, WITHDRAWN})

FOLLOWED_UP_AND_CLOSED = "4"
#: 警情处理状态 (JQCLZTDM, WIRES 2.15)
CALL_STATES: Mapping[str, CaseRecordState] = {
    "0": CaseRecordState.RECEIVED,
    "1": CaseRecordState.ACCEPTED,
    "2": CaseRecordState.IN_PROGRESS,
    "3": CaseRecordState.CONCLUDED,
    FOLLOWED_UP_AND_CLOSED: CaseRecordState.CLOSED,
}

#: what may still move on when a form tells of more
PROGRESS = (
    CaseRecordState.RECEIVED,
    CaseRecordState.ACCEPTED,
    CaseRecordState.IN_PROGRESS,
    CaseRecordState.CONCLUDED,
)


class Meaning(NamedTuple):
    """What a feedback with this result tells: the event, and the state it leaves the call in."""

    kind: HandlingEventKind
    state: CaseRecordState


HANDED_OVER, ADVISED = "02", "03"
#: the two by which a call is handed to a unit named in YJDW
HAND_OVERS = frozenset({HANDED_OVER, ADVISED})
SETTLED, NOT_SETTLED = "07", "08"
#: public order and criminal cases: the police go on by themselves
CASES_OPENED = frozenset({"04", "05"})

#: 处理结果 (CLJGDM, WIRES 2.5)
RESULTS: Mapping[str, Meaning] = {
    "01": Meaning(HandlingEventKind.RESULT_RECORDED, CaseRecordState.CONCLUDED),
    HANDED_OVER: Meaning(HandlingEventKind.REFERRED, CaseRecordState.TRANSFERRED),
    ADVISED: Meaning(HandlingEventKind.REFERRED, CaseRecordState.TRANSFERRED),
    "04": Meaning(HandlingEventKind.EXITED, CaseRecordState.CONCLUDED),
    "05": Meaning(HandlingEventKind.EXITED, CaseRecordState.CONCLUDED),
    "06": Meaning(HandlingEventKind.REFERRED, CaseRecordState.TRANSFERRED),
    SETTLED: Meaning(HandlingEventKind.RESULT_RECORDED, CaseRecordState.CONCLUDED),
    NOT_SETTLED: Meaning(HandlingEventKind.RESULT_RECORDED, CaseRecordState.CONCLUDED),
    "99": Meaning(HandlingEventKind.RESULT_RECORDED, CaseRecordState.CONCLUDED),
}
#: 03 without a unit: the parties were told where to turn, nobody was handed anything
ADVICE_ONLY = Meaning(HandlingEventKind.REMINDED, CaseRecordState.CONCLUDED)
#: a feedback that names no result
NO_RESULT = Meaning(HandlingEventKind.RESULT_RECORDED, CaseRecordState.CONCLUDED)


class Ending(NamedTuple):
    """How mediation at the centre ended, as the police write it down."""

    outcome: Outcome
    reason: TerminationReason | None


#: WIRES 2.6; 08 does not say which of the eight endings it was
ENDINGS: Mapping[str, Ending] = {
    SETTLED: Ending(Outcome.AGREED, TerminationReason.AGREEMENT),
    NOT_SETTLED: Ending(Outcome.NOT_AGREED, None),
}

#: first field of a party in DSRXX (WIRES 2.12); 其他 says no more than that somebody was there
ROLES: Mapping[str, PartyRole] = {
    "报警人": PartyRole.CALLER,
    "对方": PartyRole.RESPONDENT,
    "证人": PartyRole.WITNESS,
    "其他": PartyRole.UNKNOWN,
}

#: JG of a YSHZ row (WIRES 2.16): whether the police took what we handed to them
TAKEN = "1"
TRANSFER_ANSWERS = frozenset({TAKEN, "2"})

#: JG of a result of ours (WIRES 0.20)
OUTCOMES: Mapping[Outcome, str] = {
    Outcome.AGREED: SETTLED,
    Outcome.PERFORMED: SETTLED,
    Outcome.SELF_SETTLED: SETTLED,
    Outcome.NOT_AGREED: NOT_SETTLED,
    Outcome.REFUSED: NOT_SETTLED,
    Outcome.UNREACHABLE: NOT_SETTLED,
    Outcome.NOT_SUITABLE: NOT_SETTLED,
    Outcome.OUT_OF_SCOPE: NOT_SETTLED,
    Outcome.WITHDRAWN: NOT_SETTLED,
    Outcome.DOCKETED: NOT_SETTLED,
    Outcome.PENALISED: NOT_SETTLED,
    Outcome.ANSWERED: NOT_SETTLED,
}
#: LXQK
PERFORMANCES: Mapping[Performance, str] = {
    Performance.NONE: "0",
    Performance.PARTIAL: "1",
    Performance.FULL: "2",
}
#: YSLX
TRANSFER_GROUNDS: Mapping[TransferGround, str] = {
    TransferGround.RISK: "1",
    TransferGround.OFFENCE: "2",
}
SOMEBODY = "其他"
#: how a party of ours is called in DSRXX; all others are somebody
ROLE_WORDS: Mapping[PartyRole, str] = {role: word for word, role in ROLES.items() if word != SOMEBODY}
#: of ``zz-dispute-17``: 其他
OTHER_CLASS = "99"
