"""The hotline's codes and what they mean here: DOMAIN §1.4 and §5.1, WIRES §4, as tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from hub.vocabulary import CaseRecordState, DeclineReason, HandlingEventKind, Outcome, Procedure, ReferralState

#: orderType of an order that can be mediated, once it names a counterparty (WIRES 4.5)
DISPUTE_TYPES = frozenset({"投诉", "诉求"})
ORDER_TYPES = DISPUTE_TYPES | {"追办", "咨询", "建议"}

UNDISPATCHED, DISPATCHED, SIGNED = "0", "1", "2"
EXTENDED, SUSPENDED, CONCLUDED, VISITED, REOPENED, ARCHIVED, SENT_BACK = "4", "5", "6", "7", "8", "9", "10"


class Standing(NamedTuple):
    """What a state says: of the record, of its hand-over to the centre, and how far along its life it stands."""

    record: CaseRecordState
    #: None: not handed over yet
    referral: ReferralState | None
    rank: int


#: districtStatus, which governs; streetStatus has the same codes and only informs
STATES: Mapping[str, Standing] = {
    UNDISPATCHED: Standing(CaseRecordState.RECEIVED, None, 0),
    DISPATCHED: Standing(CaseRecordState.ACCEPTED, ReferralState.SENT, 1),
    SIGNED: Standing(CaseRecordState.ACCEPTED, ReferralState.SIGNED, 2),
    "3": Standing(CaseRecordState.IN_PROGRESS, ReferralState.IN_PROGRESS, 3),
    EXTENDED: Standing(CaseRecordState.IN_PROGRESS, ReferralState.IN_PROGRESS, 4),
    SUSPENDED: Standing(CaseRecordState.SUSPENDED, ReferralState.IN_PROGRESS, 5),
    CONCLUDED: Standing(CaseRecordState.CONCLUDED, ReferralState.CONCLUDED, 6),
    VISITED: Standing(CaseRecordState.CLOSED, ReferralState.CONCLUDED, 7),
    # dispatched anew: it can be signed again (WIRES 4.6)
    REOPENED: Standing(CaseRecordState.IN_PROGRESS, ReferralState.SENT, 8),
    ARCHIVED: Standing(CaseRecordState.CLOSED, ReferralState.CONCLUDED, 9),
    SENT_BACK: Standing(CaseRecordState.REJECTED, ReferralState.DECLINED, 2),
}

#: states the order has no time of its own for, told as events all the same
STATE_KINDS: Mapping[str, HandlingEventKind] = {
    EXTENDED: HandlingEventKind.EXTENDED,
    SUSPENDED: HandlingEventKind.SUSPENDED,
    VISITED: HandlingEventKind.FOLLOWED_UP,
    REOPENED: HandlingEventKind.REOPENED,
    ARCHIVED: HandlingEventKind.CLOSED,
    SENT_BACK: HandlingEventKind.DECLINED,
}

DISPATCH, VISIT = "派单", "回访"
#: the words of a webhook (WIRES 4.2)
EVENT_KINDS: Mapping[str, HandlingEventKind] = {
    DISPATCH: HandlingEventKind.REFERRED,
    "追办": HandlingEventKind.REMINDED,
    "催办": HandlingEventKind.REMINDED,
    VISIT: HandlingEventKind.FOLLOWED_UP,
}
LEVELS = frozenset({"1", "2", "3"})

#: the record's state after an event (DOMAIN §5, reading of CaseRecordState); absent: it does not tell
STATE_AFTER: Mapping[HandlingEventKind, CaseRecordState] = {
    HandlingEventKind.REGISTERED: CaseRecordState.RECEIVED,
    HandlingEventKind.REFERRED: CaseRecordState.ACCEPTED,
    HandlingEventKind.SIGNED: CaseRecordState.ACCEPTED,
    HandlingEventKind.DECLINED: CaseRecordState.REJECTED,
    HandlingEventKind.EXTENDED: CaseRecordState.IN_PROGRESS,
    HandlingEventKind.SUSPENDED: CaseRecordState.SUSPENDED,
    HandlingEventKind.RESULT_RECORDED: CaseRecordState.CONCLUDED,
    HandlingEventKind.FOLLOWED_UP: CaseRecordState.CLOSED,
    HandlingEventKind.REOPENED: CaseRecordState.IN_PROGRESS,
    HandlingEventKind.CLOSED: CaseRecordState.CLOSED,
}

UNSOLVED, SOLVED, UNSAID = "0", "1", "2"
#: successSolve. The wire has one word for agreed, performed and settled by themselves (WIRES 0.20): the least of them.
#: Where the caller would not say (2), an answer was given and nothing is known of an agreement.
OUTCOMES: Mapping[str, Outcome] = {
    SOLVED: Outcome.AGREED,
    UNSOLVED: Outcome.NOT_AGREED,
    UNSAID: Outcome.ANSWERED,
}

#: confidential
FLAGS = frozenset({"0", "1"})
#: WIRES 0.25: health by category; domestic violence, minors and sexual offences by the words of the matter
CONFIDENTIAL_CATEGORIES = frozenset({"0303", "0502"})
CONFIDENTIAL_WORDS = re.compile("家庭暴力|家暴|人身安全保护令|未成年|性侵|强奸|猥亵")

#: of an order at the hotline's desk, and of every later one
DESK_PROCEDURE, PROCEDURE = Procedure.INTAKE, Procedure.HOTLINE_HANDLING

#: successSolve of a conclusion of ours (WIRES 0.20)
CONCLUSIONS: Mapping[Outcome, str] = {
    Outcome.AGREED: SOLVED,
    Outcome.PERFORMED: SOLVED,
    Outcome.SELF_SETTLED: SOLVED,
    Outcome.NOT_AGREED: UNSOLVED,
    Outcome.REFUSED: UNSOLVED,
    Outcome.UNREACHABLE: UNSOLVED,
    Outcome.NOT_SUITABLE: UNSOLVED,
    Outcome.OUT_OF_SCOPE: UNSOLVED,
    Outcome.WITHDRAWN: UNSOLVED,
    Outcome.DOCKETED: UNSOLVED,
    Outcome.PENALISED: UNSOLVED,
    Outcome.ANSWERED: UNSOLVED,
}
#: reasonCode of an order sent back (WIRES 4.6)
DECLINE_REASONS: Mapping[DeclineReason, str] = {
    DeclineReason.NOT_OURS: "01",
    DeclineReason.INCOMPLETE: "02",
    DeclineReason.DUPLICATE: "03",
    DeclineReason.OTHER: "09",
}
