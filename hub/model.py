"""The values that cross the hub's walls: what a wire delivers, what a mapping makes of it, what we send back.

Everything here is frozen and free of any framework. Instants are aware datetimes; dates without a time are
00:00 Asia/Shanghai. ``native_*`` is always the partner's own word.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from hub.vocabulary import (
    AttachmentKind,
    CaseRecordState,
    Channel,
    Classification,
    HandlingEventKind,
    LinkKind,
    Outcome,
    PartyRole,
    PartyType,
    Procedure,
    ReferralMode,
    ReferralState,
    Sex,
    TerminationReason,
)

#: China has had one zone and no summer time since 1991; a fixed offset needs no zone files
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")

Cursor = Mapping[str, Any]
_NOTHING: Mapping[str, str] = MappingProxyType({})


def shanghai_midnight(day: date) -> datetime:
    """00:00 of that day in the county, as an aware instant."""
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)


def clean_text(text: str) -> tuple[str, int]:
    """``text`` without what a database refuses (NUL, lone surrogates), and how many characters that cost."""
    if text.isascii():
        # most of what comes is a code, a number or a time
        kept = text.replace("\x00", "")
        return kept, len(text) - len(kept)
    try:
        text.encode()
    except UnicodeEncodeError:
        kept = "".join(c for c in text if c != "\x00" and not "\ud800" <= c <= "\udfff")
    else:
        kept = text.replace("\x00", "")
    return kept, len(text) - len(kept)


def plain_name(name: str) -> str:
    """A name as it is compared: NFKC, without spaces."""
    return "".join(unicodedata.normalize("NFKC", name).split())


# --- the way in -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Item:
    """One row, line or body as the partner sent it. Two items of one ``key`` are two versions of one thing."""

    #: identity of the item on its wire, e.g. ``ajbs/ah`` or ``JJD:<number>``; '' when it has none
    key: str
    native_id: str
    native_no: str
    #: the partner's own time or sequence of this version, as instant; None where the wire has none
    updated_at: datetime | None
    #: the whole item, kept sealed for ever
    body: bytes
    #: the item without volatile fields, in one spelling: equal content gives equal bytes
    canonical: bytes
    #: the partner's own hash of this content, opaque; '' where the wire gives none
    content_mark: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a pull. ``cursor`` is where to go on; keep it in the same transaction as the items."""

    items: Sequence[Item]
    cursor: Cursor
    more: bool
    #: the connector's own note of what to acknowledge to the partner once this page is committed
    receipt: Any = None


@dataclass(frozen=True, slots=True)
class DigestEntry:
    """One line of the partner's own list. ``item`` is there where the list carries whole rows."""

    key: str
    native_id: str
    native_no: str
    updated_at: datetime | None
    item: Item | None = None
    #: the partner's own hash of what it holds, to be compared with the mark of our newest version; '' says nothing
    content_mark: str = ""


@dataclass(frozen=True, slots=True)
class PartyFacts:
    """A person or organisation as one record names them. Masked values keep their ``*``."""

    role: PartyRole
    name: str
    type: PartyType = PartyType.PERSON
    #: GA/T 517, e.g. ``111`` resident identity card
    id_type: str = ""
    id_no: str = ""
    phone: str = ""
    region_code: str = ""
    address: str = ""
    sex: Sex = Sex.UNKNOWN


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened, as the newest version of a record tells it; becomes a handling event.

    ``source_event_id`` is the entry's identity within its record: the partner's own, else code + the entry's own
    time + ordinal among equals, for states without a log the state code + the partner's time of that state.
    """

    source_event_id: str
    kind: HandlingEventKind
    occurred_at: datetime
    #: place in the partner's own log; orders entries of one instant
    position: int = 0
    native_code: str = ""
    to_state: str = ""
    #: 12-digit unit code of who acted; '' unknown
    actor_code: str = ""
    #: display name of who acted: a citizen's word, kept in an erasable side row
    actor_name: str = ""
    #: what people wrote: kept in an erasable side row
    words: str = ""
    #: codes and numbers only, never a citizen's words
    data: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class HandOver:
    """A hand-over to or from the centre as the partner's record tells it; becomes a referral."""

    #: the entry that handed over
    source_event_id: str
    channel: Channel
    mode: ReferralMode
    from_code: str
    to_code: str
    sent_at: datetime
    state: ReferralState
    accepted_at: datetime | None = None
    declined_at: datetime | None = None
    concluded_at: datetime | None = None
    outcome: Outcome | None = None
    termination_reason: TerminationReason | None = None
    agreement_no: str = ""
    #: people's words: 无争议事实, and the reason of a refusal
    undisputed_facts: str = ""
    returned_reason: str = ""
    due_at: datetime | None = None
    #: until when it may go back (退回); None where the wire sets no time
    return_by_at: datetime | None = None
    #: the partner's own confirmation that our return arrived (RETURN_ACKED), and its receipt number
    return_acked_at: datetime | None = None
    partner_ref: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """The latest result entry of a record; of several records of one unit the greatest ``order`` counts."""

    #: None where the partner's code for it is unknown: it is the latest all the same
    outcome: Outcome | None
    at: datetime
    position: int = 0


@dataclass(frozen=True, slots=True)
class RecordName:
    """A number by which other records may call this one, e.g. scheme ``court.ah``."""

    scheme: str
    value: str


@dataclass(frozen=True, slots=True)
class Reference:
    """A structured reference to another record by one of its names (linking rule 1)."""

    kind: LinkKind
    scheme: str
    value: str


@dataclass(frozen=True, slots=True)
class AttachmentFacts:
    """A file that a record names, by an address or with its content inline; the hub fetches and keeps it."""

    name: str = ""
    kind: AttachmentKind = AttachmentKind.OTHER
    #: whole, as the wire has it; its query may expire and change at every read
    url: str = field(default="", repr=False)
    #: Base64 as the wire has it, a ``data:`` prefix included
    inline: str = field(default="", repr=False)
    #: what stays the same at every read where neither the address without its query nor the content does
    ref: str = field(default="", repr=False)

    @property
    def identity(self) -> str:
        """What tells this file from the others of its record, whatever its address is now. Never kept in plain."""
        return self.ref or self.inline or self.url.partition("#")[0].partition("?")[0]


@dataclass(frozen=True, slots=True)
class UnknownCode:
    """A native code that no table explains; it goes to the mapping worklist."""

    table: str
    code: str


@dataclass(frozen=True, slots=True)
class Location:
    """A point in degrees, in the coordinate system that the partner used: the same place differs by up to 700 m."""

    lng: float
    lat: float
    #: e.g. ``GCJ02``, ``CGCS2000``; '' where the partner does not say
    crs: str


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What one version of one agency's record says, in the hub's words. Pure result of a mapping."""

    native_id: str
    #: '' while the partner has given no number
    native_no: str
    #: which earlier number this one goes on from ('' none): unnumbered and numbered deliveries of one
    #: ``native_id`` with equal lineage are one record
    lineage: str
    native_kind: str
    native_state: str
    state: CaseRecordState
    title: str
    category: str
    received_at: datetime
    updated_at: datetime | None
    channel: Channel
    #: a record that can be mediated opens a dispute (court filing, dispute call, 申诉求决, complaint with counterparty)
    opens_dispute: bool
    content: str = ""
    category_native: str = ""
    #: every class of ours that the native code stands for: two records agree in class where these sets meet
    classes: tuple[str, ...] = ()
    #: respondent's region: 6, 9 or 12 digits; '' unknown
    region_code: str = ""
    address: str = ""
    #: where it is, where the wire tells
    location: Location | None = None
    amount_cny: Decimal | None = None
    people_involved: int | None = None
    classification: Classification = Classification.INTERNAL
    procedure: Procedure | None = None
    #: unit code of the agency that holds the record, where the wire names it
    agency_code: str = ""
    #: what the figures count this record under (court: 服务流水号), and whether the record itself is such a unit
    unit_key: str = ""
    is_unit: bool = False
    docketed_at: datetime | None = None
    rejected_at: datetime | None = None
    withdrawn_at: datetime | None = None
    result: Result | None = None
    parties: tuple[PartyFacts, ...] = ()
    entries: tuple[Entry, ...] = ()
    hand_overs: tuple[HandOver, ...] = ()
    names: tuple[RecordName, ...] = ()
    references: tuple[Reference, ...] = ()
    unknown_codes: tuple[UnknownCode, ...] = ()
    #: files the record names, in its own order
    attachments: tuple[AttachmentFacts, ...] = ()
    #: which of a composed record's items this is (police: each form); '' where a record is one item
    part: str = ""
    #: the connector's own order between versions of one ``updated_at`` (numbered after unnumbered, longer log later)
    tie_break: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """A partner's business answer to something we sent. ``our_key`` is what the wire gives back."""

    our_key: str
    accepted: bool
    code: str = ""
    reason: str = ""
    partner_ref: str = ""


@dataclass(frozen=True, slots=True)
class Removal:
    """The partner no longer holds this record."""

    native_id: str
    native_no: str


Fact = CaseFacts | Answer | Removal


@dataclass(frozen=True, slots=True)
class Source:
    """Where kept items came from: one configured partner, as far as the hub needs to know it."""

    instance: str
    #: the product, e.g. ``court``
    system: str
    #: results dated earlier owe no return
    live_from: datetime
    #: unit code of the agency behind it, used where a record names none
    agency_code: str = ""


class Mapper(Protocol):
    """What the hub needs of a connector to understand kept items: pure functions of the item."""

    #: grows when the mapping changes, so that events tell which mapping made them
    mapping_version: int

    def map(self, item: Item) -> Sequence[Fact]:
        """What the item says. Raises BadPayloadError: the item is quarantined alone."""
        ...

    def compose(self, parts: Sequence[CaseFacts]) -> CaseFacts:
        """One record's facts from the newest version of each of its items, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class Shape:
    """Which fields an item has, and of which JSON type: never a value."""

    #: items of one kind have the same fields; '' where the partner has one kind only
    kind: str
    #: path → string, number, boolean, object, list, null or mixed; lists folded, e.g. ``dsr[].xm``
    fields: Mapping[str, str]


@runtime_checkable
class Shaped(Protocol):
    """What a connector may offer besides, so that a partner's changes are noticed: pure functions of the item."""

    #: by kind of item, every path that the partner's documents name; a kind left out declares nothing
    known_fields: Mapping[str, frozenset[str]]

    def shape(self, item: Item) -> Shape | None:
        """What the item looks like; None where it has no shape worth telling."""
        ...
