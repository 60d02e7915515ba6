"""What the hub tells partners: typed commands, and the receipt of a push. Frozen values without any framework.

A command says what happened in the hub's words; which message of which wire that is, the connector knows. Words, facts
and names are a citizen's: they travel and are sealed, and never stand in a log line or an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

from hub.model import PartyFacts, RecordName
from hub.vocabulary import (
    UNKNOWN,
    CommandKind,
    DeclineReason,
    Outcome,
    Performance,
    TerminationReason,
    TransferGround,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What every command says: when it was done, and by whom."""

    kind: ClassVar[CommandKind]
    #: aware, of the county's business clock; the same at every try
    at: datetime
    #: display name of who acts
    by: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutRecord(Act):
    """A command about a record that the partner handed over to the centre."""

    native_id: str
    #: '' while the partner has given no number
    native_no: str = ""
    #: ``source_event_id`` of the hand-over that is answered
    hand_over: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign(AboutRecord):
    """The hand-over arrived and was seen (签收)."""

    kind: ClassVar[CommandKind] = CommandKind.SIGN


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline(AboutRecord):
    """The hand-over goes back (退回)."""

    kind: ClassVar[CommandKind] = CommandKind.DECLINE
    reason: DeclineReason
    words: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extend(AboutRecord):
    """More time is wanted (延期)."""

    kind: ClassVar[CommandKind] = CommandKind.EXTEND
    due_on: date
    words: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(AboutRecord):
    """How it goes meanwhile."""

    kind: ClassVar[CommandKind] = CommandKind.PROGRESS
    words: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Return(AboutRecord):
    """How it ended (结果回传); ``is_correction``: a second result of the same record, which replaces the first."""

    kind: ClassVar[CommandKind] = CommandKind.RETURN
    outcome: Outcome
    termination_reason: TerminationReason | None = None
    agreement_no: str = ""
    #: 无争议事实: what the parties do not dispute, for the court
    undisputed_facts: str = field(default="", repr=False)
    #: the answer in words
    words: str = field(default="", repr=False)
    is_correction: bool = False
    #: None: nothing is known of it
    performance: Performance | None = None
    #: whether the parties applied in writing; None: nothing is known of it
    has_written_application: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm(AboutRecord):
    """The parties ask for judicial confirmation of their agreement (司法确认)."""

    kind: ClassVar[CommandKind] = CommandKind.CONFIRM
    agreement_no: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplement(AboutRecord):
    """The material that was wanted, under a new agreement number (补充材料)."""

    kind: ClassVar[CommandKind] = CommandKind.SUPPLEMENT
    agreement_no: str
    words: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalate(AboutRecord):
    """The matter may turn violent (升级风险提示)."""

    kind: ClassVar[CommandKind] = CommandKind.ESCALATE
    words: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel(AboutRecord):
    """What was sent before does not hold any more."""

    kind: ClassVar[CommandKind] = CommandKind.CANCEL
    words: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A record of the same partner that a new one goes on from."""

    native_id: str = ""
    native_no: str = ""
    #: the partner's number of the matter (court: 服务流水号)
    service_no: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refer(Act):
    """A new case for the partner (移出): a filing at the court, a dispute to the police, an order for a department."""

    kind: ClassVar[CommandKind] = CommandKind.REFER
    dispute_code: str
    title: str = field(repr=False)
    claim: str = field(default="", repr=False)
    facts: str = field(default="", repr=False)
    #: what the receiver should know besides
    words: str = field(default="", repr=False)
    #: of ``zz-dispute-17``; the connector knows which code of the partner's that is
    category: str = UNKNOWN
    #: 6, 9 or 12 digits; '' unknown
    region_code: str = ""
    address: str = field(default="", repr=False)
    #: None: no money is claimed
    amount_cny: Decimal | None = None
    parties: tuple[PartyFacts, ...] = field(default=(), repr=False)
    undisputed_facts: str = field(default="", repr=False)
    #: an administrative case (行政), else a civil one; for the court
    is_administrative: bool = False
    #: why, for the police
    risk: TransferGround | None = None
    #: ``投诉`` or ``诉求``, for the hotline
    order_type: str = ""
    earlier: Earlier = Earlier()


Command = Sign | Decline | Extend | Progress | Return | Confirm | Supplement | Escalate | Refer | Cancel


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a push came to, as far as the partner said so."""

    #: the partner's own number of what it took; where it gives none (police), the file's name
    partner_ref: str
    #: the transport receipt is there; False: the message lies where the partner will find it
    is_delivered: bool
    #: the transport receipt is the business answer too; else an ``Answer`` with ``our_key`` comes later
    is_final: bool
    #: what the later ``Answer.our_key`` will carry; '' where the receipt is final
    our_key: str = ""
    #: names of the record that the push opened at the partner's, by which it comes back when pulled
    names: tuple[RecordName, ...] = ()
    #: the partner's answer as it came, for the sealed archive
    raw: bytes = field(default=b"", repr=False)
