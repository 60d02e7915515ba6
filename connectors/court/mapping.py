"""What a court row says in the hub's words: DOMAIN §5.1 and WIRES §1 as a pure function of the row.

Unknown codes become UNKNOWN and are named for the worklist. A row is refused only where it has no ``ajbs`` or no
readable ``lxrq``; no refusal quotes the row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.base import InstanceConfig
from connectors.court import codes
from connectors.court.log import (
    Log,
    accepted_filings,
    answers_of,
    desk_time,
    entries_of,
    hand_overs_of,
    read_log,
    result_of,
)
from connectors.court.numbers import normalise, parse
from connectors.court.parties import read_parties, respondent_region
from connectors.court.rows import day
from connectors.json_rows import loads, text
from hub.errors import BadPayloadError
from hub.model import Answer, CaseFacts, Entry, Fact, Item, RecordName, Reference, UnknownCode, shanghai_midnight
from hub.vocabulary import (
    CaseRecordState,
    Channel,
    Classification,
    CountyTables,
    HandlingEventKind,
    LinkKind,
    Outcome,
    Procedure,
    ReferralMode,
    common_class,
)

#: WIRES 0.25: health by category; domestic violence, minors and sexual offences by the words of the matter
CONFIDENTIAL_CATEGORIES = frozenset({"0303", "0502"})
CONFIDENTIAL_WORDS = re.compile("家庭暴力|家暴|人身安全保护令|未成年|性侵|强奸|猥亵")

_AMOUNT = re.compile(r"[0-9]{1,16}(?:\.[0-9]{1,8})?")
_SIX_DIGITS, _TWELVE_DIGITS = re.compile(r"[0-9]{6}"), re.compile(r"[0-9]{12}")


@dataclass(frozen=True, slots=True)
class _Row:
    """A row with what several steps need of it."""

    fields: Mapping[str, Any]
    ajbs: str
    ah: str
    ajlb: str
    ajzt: str
    case_status: str
    filed_at: datetime
    log: Log
    court_code: str

    @property
    def is_docketed(self) -> bool:
        """A first-instance number, or the desk's word for it.

        A confirmation (0303) or a preservation (0901) has a number too, but leads nobody into litigation.
        """
        if self.ajlb not in codes.OPENING_KINDS:
            return False
        number = parse(self.ah)
        is_first_instance = number is not None and number.type.endswith("初")
        return self.ajzt == codes.DOCKETED or (self.ajlb in codes.FIRST_INSTANCE_KINDS and is_first_instance)


def facts_of(item: Item, config: InstanceConfig) -> Sequence[Fact]:
    """One CaseFacts, then the court's answers to our receipts. Raises BadPayloadError, nothing else."""
    row = _read(item, config)
    return [_case_facts(row, item, config), *answers_of(row.log), *_docketed(row, config.centre_code)]


def _docketed(row: _Row, centre_code: str) -> Iterator[Answer]:
    """The end of a filing of ours that was accepted: the number under which it was docketed (WIRES 1.18)."""
    if not (row.is_docketed and row.ah):
        return
    for filing in accepted_filings(row.log, centre_code):
        yield Answer(our_key=filing.sldh, accepted=True, code=str(Outcome.DOCKETED), partner_ref=row.ah)


def _read(item: Item, config: InstanceConfig) -> _Row:
    try:
        fields = loads(item.body)
    except ValueError as exc:
        raise BadPayloadError("NOT_JSON") from exc
    if not isinstance(fields, dict):
        raise BadPayloadError("NOT_AN_OBJECT")
    ajbs = text(fields.get("ajbs"))
    if not ajbs:
        raise BadPayloadError("MISSING_AJBS", field="ajbs")
    filed_on = day(fields.get("lxrq"))
    if filed_on is None:
        raise BadPayloadError("BAD_LXRQ", field="lxrq")
    filed_at = shanghai_midnight(filed_on)
    return _Row(
        fields=fields,
        ajbs=ajbs,
        ah=normalise(text(fields.get("ah"))),
        ajlb=text(fields.get("ajlb")),
        ajzt=text(fields.get("ajzt")),
        case_status=text(fields.get("caseStatus")),
        filed_at=filed_at,
        log=read_log(fields.get("logs"), filed_at),
        court_code=_court_code(fields, config),
    )


def _case_facts(row: _Row, item: Item, config: InstanceConfig) -> CaseFacts:
    field = row.fields.get
    original_no = normalise(text(field("originalCaseNo")))
    original_id = text(field("originalCaseCode"))
    unit_key = text(field("fwlsh"))
    cause = text(field("caseCause"))
    category = common_class(_classes(cause, config.tables))
    content = "\n".join(part for part in (_words(field("claim")), _words(field("facts"))) if part)
    parties, unknown_roles = read_parties(field("dsr"))
    amount, unknown_amounts = _amount(row.fields)
    state_entries = {entry.kind: entry for entry in _state_entries(row)}
    return CaseFacts(
        native_id=row.ajbs,
        native_no=row.ah,
        lineage=original_no,
        native_kind=row.ajlb,
        native_state=row.ajzt or row.case_status,
        state=_state(row),
        title=_words(field("laaymc")),
        content=content,
        category=category,
        category_native=cause,
        classes=_classes(cause, config.tables),
        received_at=row.filed_at,
        updated_at=item.updated_at,
        channel=Channel.LITIGATION,
        opens_dispute=row.ajlb in codes.OPENING_KINDS,
        region_code=respondent_region(field("dsr")),
        amount_cny=amount,
        classification=_classification(category, text(field("laaymc")), content),
        procedure=_procedure(row),
        agency_code=row.court_code,
        unit_key=unit_key,
        is_unit=row.ajlb in codes.OPENING_KINDS and not original_no and not original_id,
        docketed_at=_time_of(state_entries, HandlingEventKind.DOCKETED),
        rejected_at=_time_of(state_entries, HandlingEventKind.REJECTED),
        withdrawn_at=_time_of(state_entries, HandlingEventKind.WITHDRAWN),
        result=result_of(row.log),
        parties=parties,
        entries=(*state_entries.values(), *entries_of(row.log, row.court_code)),
        hand_overs=hand_overs_of(row.log, config.centre_code, row.court_code, _default_mode(row)),
        names=tuple(_names(row, unit_key)),
        references=tuple(_references(row, unit_key, original_no, original_id)),
        unknown_codes=tuple(
            dict.fromkeys(
                (*_unknown_codes(row, cause, config.tables), *unknown_amounts, *unknown_roles, *row.log.unknown)
            )
        ),
        tie_break=(1 if row.ah else 0, row.log.length, _rank(row)),
    )


def _state(row: _Row) -> CaseRecordState:
    """The state of the newest native word; within 调解中 the log's last decisive line says more."""
    if not row.ajzt:
        return codes.CASE_STATUSES.get(row.case_status, CaseRecordState.UNKNOWN)
    if row.ajzt not in codes.STAGES:
        return CaseRecordState.UNKNOWN
    stage = codes.STAGES[row.ajzt]
    if row.ajzt != codes.IN_MEDIATION:
        return stage.state
    decisive = {codes.RECEIVED, codes.RETURNED_BACK, codes.HANDED_OVER} | codes.RESULTS
    last = max((line for line in row.log.lines if line.type in decisive), key=lambda line: line.order, default=None)
    if last is not None and last.type == codes.RETURNED_BACK:
        return CaseRecordState.REJECTED
    return CaseRecordState.CONCLUDED if last is not None and last.is_result else stage.state


def _procedure(row: _Row) -> Procedure | None:
    if row.ajlb == codes.CONFIRMATION_KIND or row.ajzt == codes.CONFIRMATION_ASKED:
        return Procedure.CONFIRMATION
    if row.is_docketed or row.ajzt == codes.LITIGATION_ASKED:
        return Procedure.LITIGATION
    if row.ajlb == codes.PRE_LITIGATION_KIND:
        return Procedure.PRE_LIT_MEDIATION
    return codes.CASE_STATUS_PROCEDURES.get(row.case_status)


def _state_entries(row: _Row) -> Iterator[Entry]:
    """States the log has no line for, each under one fixed id: the time may become known better, the fact is one.

    Never the update stamp: it moves with every change.
    """
    yield _state_entry("filed", HandlingEventKind.REGISTERED, row.filed_at, 0, row)
    if row.is_docketed:
        at, position = desk_time(row.log.lines, row.filed_at)
        yield _state_entry("docketed", HandlingEventKind.DOCKETED, at, position, row)
    at, position = row.log.last_at or row.filed_at, row.log.length
    state = codes.STAGES[row.ajzt].state if row.ajzt in codes.STAGES else None
    if state is CaseRecordState.REJECTED:
        yield _state_entry("rejected", HandlingEventKind.REJECTED, at, position, row)
    elif state is CaseRecordState.WITHDRAWN:
        yield _state_entry("withdrawn", HandlingEventKind.WITHDRAWN, at, position, row)
    elif state is CaseRecordState.CLOSED:
        yield _state_entry("closed", HandlingEventKind.CLOSED, at, position, row)


def _state_entry(id_: str, kind: HandlingEventKind, at: datetime, position: int, row: _Row) -> Entry:
    return Entry(
        source_event_id=id_,
        kind=kind,
        occurred_at=at,
        position=position,
        native_code=row.ajzt if id_ != "filed" and row.ajzt in codes.STAGES else "",
        to_state=str(codes.STATE_AFTER[kind]),
        actor_code=row.court_code,
    )


def _time_of(entries: Mapping[HandlingEventKind, Entry], kind: HandlingEventKind) -> datetime | None:
    entry = entries.get(kind)
    return entry.occurred_at if entry else None


def _default_mode(row: _Row) -> ReferralMode:
    """For a hand-over that does not say: before docketing a case is delegated, afterwards entrusted."""
    return ReferralMode.ENTRUST if row.is_docketed else ReferralMode.DELEGATE


def _classes(cause: str, tables: CountyTables) -> tuple[str, ...]:
    known = tables.native("court", "caseCause", cause)
    return known.classes if known else ()


def _classification(category: str, title: str, content: str) -> Classification:
    is_confidential = category in CONFIDENTIAL_CATEGORIES or CONFIDENTIAL_WORDS.search(f"{title}\n{content}")
    return Classification.CONFIDENTIAL if is_confidential else Classification.INTERNAL


def _amount(fields: Mapping[str, Any]) -> tuple[Decimal | None, list[UnknownCode]]:
    """The first readable of sjdwje and caseAmount; an unreadable one is named, its value is not."""
    unknown: list[UnknownCode] = []
    for name in ("sjdwje", "caseAmount"):
        written = text(fields.get(name))
        if _AMOUNT.fullmatch(written):
            return Decimal(written), unknown
        if written:
            unknown.append(UnknownCode(name, "UNREADABLE"))
    return None, unknown


def _unknown_codes(row: _Row, cause: str, tables: CountyTables) -> Iterator[UnknownCode]:
    if row.ajlb not in codes.KNOWN_KINDS:
        yield UnknownCode("ajlb", row.ajlb[:64])
    if row.ajzt and row.ajzt not in codes.STAGES:
        yield UnknownCode("ajzt", row.ajzt[:64])
    if row.case_status and row.case_status not in codes.CASE_STATUSES:
        yield UnknownCode("caseStatus", row.case_status[:64])
    if cause and tables.native("court", "caseCause", cause) is None:
        yield UnknownCode("caseCause", cause[:64])


def _names(row: _Row, unit_key: str) -> Iterator[RecordName]:
    yield RecordName("court.ajbs", row.ajbs)
    if row.ah:
        yield RecordName("court.ah", row.ah)
    if unit_key:
        yield RecordName("court.fwlsh", unit_key)


def _references(row: _Row, unit_key: str, original_no: str, original_id: str) -> Iterator[Reference]:
    """What this row goes on from, and the further rows of its own id and filing; a match with itself is nothing."""
    if original_no:
        yield Reference(LinkKind.CONTINUES, "court.ah", original_no)
    if original_id:
        yield Reference(LinkKind.CONTINUES, "court.ajbs", original_id)
    yield Reference(LinkKind.RELATED, "court.ajbs", row.ajbs)
    if unit_key:
        yield Reference(LinkKind.RELATED, "court.fwlsh", unit_key)


def _rank(row: _Row) -> int:
    stage = codes.STAGES.get(row.ajzt)
    return stage.rank if stage else 0


def _court_code(fields: Mapping[str, Any], config: InstanceConfig) -> str:
    """fydm + 000000; where the row has none (seen), courtCode, else the county's court, whose platform this is."""
    for name in ("fydm", "courtCode"):
        code = text(fields.get(name))
        if _TWELVE_DIGITS.fullmatch(code):
            return code
        if _SIX_DIGITS.fullmatch(code):
            return f"{code}000000"
    return f"{config.county}000000"


def _words(value: Any) -> str:
    """Words as they came: the hub strips and counts what no database keeps."""
    return value if isinstance(value, str) else ""
