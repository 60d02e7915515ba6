"""The mediation log of a court row: its lines as events, the hand-overs to the centre, the result, the answers.

The log is complete on every delivery, so all of this is recomputed from the newest row and nothing is remembered.
A line's identity is its code, its own time and its ordinal among equals; the place in the log orders lines of one
second.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from connectors.court import codes
from connectors.court.rows import stamp
from connectors.json_rows import stamp_text, text
from hub.model import Answer, Entry, HandOver, Result, UnknownCode
from hub.vocabulary import Channel, HandlingEventKind, Outcome, ReferralMode, ReferralState

_UNIT = re.compile(r"[0-9]{12}")
_RECEIPT = re.compile(r"[0-9A-Za-z_-]{1,64}")
_AGREEMENT_NO = re.compile(r"[\w()（）〔〕\[\]-]{1,64}")
_CODE = re.compile(r"[0-9A-Za-z]{1,8}")


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of ``logs``, its fields as text."""

    position: int
    type: str
    at: datetime
    event_id: str
    case_state: str
    by: str
    org: str
    mode: str
    tjjg: str
    tjxybh: str
    bcgyy: str
    wzyss: str
    sldh: str

    @property
    def order(self) -> tuple[datetime, int]:
        """Its place in time."""
        return self.at, self.position

    @property
    def is_result(self) -> bool:
        """It records or corrects the result of mediation."""
        return self.type in codes.RESULTS

    @property
    def ending(self) -> codes.Ending | None:
        """How mediation ended by this line; None where its code is unknown."""
        ending = codes.ENDINGS.get(self.tjjg)
        return codes.FAILURES.get(self.bcgyy, ending) if self.tjjg == codes.NOT_AGREED else ending

    @property
    def words(self) -> str:
        """What people wrote: undisputed facts, and a reason that is not a code."""
        return "\n".join(part for part in (self.wzyss, self.reason) if part)

    @property
    def reason(self) -> str:
        """The reason in words; '' where it is one of the codes of art. 25."""
        return "" if self.bcgyy in codes.FAILURES else self.bcgyy


@dataclass(frozen=True, slots=True)
class Log:
    """The readable lines in the log's own order, and the codes no table explains."""

    lines: tuple[Line, ...]
    unknown: tuple[UnknownCode, ...] = ()
    #: how many entries the partner listed, readable or not
    length: int = 0
    by_receipt: Mapping[str, Line] = field(default_factory=dict)

    @property
    def last_at(self) -> datetime | None:
        """When anything was last written into the log."""
        return max((line.at for line in self.lines), default=None)


def read_log(logs: Any, filed_at: datetime) -> Log:
    """Read ``logs``. A line without a readable time stands at the time of the line before it, else at filing."""
    if not isinstance(logs, list):
        return Log((), (UnknownCode("logs", "UNREADABLE"),) if logs not in (None, "") else ())
    lines: list[Line] = []
    unknown: list[UnknownCode] = []
    seen: Counter[tuple[str, str]] = Counter()
    at = filed_at
    for position, raw in enumerate(logs):
        if not isinstance(raw, dict):
            unknown.append(UnknownCode("logs", "UNREADABLE"))
            continue
        own_at = stamp(raw.get("at"))
        if own_at is None:
            unknown.append(UnknownCode("at", "UNREADABLE"))
        at = own_at or at
        type_, spelled = text(raw.get("acceptType")), stamp_text(own_at) if own_at else "?"
        ordinal = seen[type_, spelled] = seen[type_, spelled] + 1
        line = _line(raw, position, type_, at, f"{type_[:16]}@{spelled}#{ordinal}")
        lines.append(line)
        unknown.extend(_unknown_codes(line))
    first_by_receipt = {line.sldh: line for line in reversed(lines) if line.sldh and line.type not in codes.ANSWERS}
    return Log(tuple(lines), tuple(unknown), len(logs), first_by_receipt)


def entries_of(log: Log, court_code: str) -> Iterator[Entry]:
    """One event a line, but for unknown acceptTypes: those wait in the worklist until a table explains them."""
    for line in log.lines:
        kind = kind_of(line, log)
        if kind is not None:
            yield Entry(
                source_event_id=line.event_id,
                kind=kind,
                occurred_at=line.at,
                position=line.position,
                native_code=line.type,
                # an answer to a message of ours tells nothing of the record itself
                to_state="" if line.type in codes.ANSWERS else str(codes.STATE_AFTER.get(kind, "")),
                # the org of a hand-over is whom it went to, of every other line who acted
                actor_code=court_code if line.type == codes.HANDED_OVER else _unit(line.org),
                actor_name=line.by,
                words=line.words,
                data=_codes_and_numbers(line),
            )


def kind_of(line: Line, log: Log) -> HandlingEventKind | None:
    """What happened by this line; None where its acceptType is unknown."""
    if line.type == codes.APPLICATION and line.case_state == codes.LITIGATION_ASKED:
        return HandlingEventKind.EXITED
    if line.type == codes.ISSUED and line.case_state == codes.IN_MEDIATION:
        return HandlingEventKind.MEDIATOR_ASSIGNED
    if line.type == codes.CONSENT and _answered(line, log, codes.RESULTS | {codes.RETURNED_BACK}):
        return HandlingEventKind.RETURN_ACKED
    return codes.ENTRY_KINDS.get(line.type)


def hand_overs_of(log: Log, centre_code: str, court_code: str, default_mode: ReferralMode) -> tuple[HandOver, ...]:
    """Every hand-over to the centre, as it stands. Those to other units are events only."""
    ours: list[tuple[HandOver, dict[str, Line]]] = []
    latest: int | None = None  # index in ours; None: the latest hand-over went to another unit, or there is none
    by_unit: dict[str, int | None] = {}
    for line in sorted(log.lines, key=lambda line: line.order):
        if line.type == codes.HANDED_OVER:
            latest = len(ours) if line.org == centre_code else None
            if line.org:
                by_unit[line.org] = latest
            if latest is not None:
                ours.append((_opened(line, centre_code, court_code, default_mode), {}))
            continue
        if line.type == codes.CONSENT:
            # an answer belongs to whatever it answers, however late it comes
            ours = [(_acknowledged(hand_over, results, line), results) for hand_over, results in ours]
            continue
        index = by_unit.get(line.org, latest)
        if index is not None:
            hand_over, results = ours[index]
            ours[index] = (_moved(hand_over, line), results | {line.sldh: line} if line.is_result else results)
    return tuple(hand_over for hand_over, _ in ours)


def result_of(log: Log) -> Result | None:
    """The latest result line of all, by time and then place, also where its code is unknown."""
    latest = max((line for line in log.lines if line.is_result), key=lambda line: line.order, default=None)
    if latest is None:
        return None
    return Result(latest.ending.outcome if latest.ending else None, latest.at, latest.position)


def answers_of(log: Log) -> Iterator[Answer]:
    """What the court decided about each of our receipts, in the log's order."""
    for line in log.lines:
        if line.type in codes.ANSWERS and line.sldh:
            yield Answer(
                our_key=line.sldh,
                accepted=line.type == codes.CONSENT,
                code=line.type,
                reason=line.words,
                partner_ref=line.sldh,
            )


def accepted_filings(log: Log, centre_code: str) -> Iterator[Line]:
    """The lines by which the centre filed, whose receipt the court has consented to."""
    agreed = {line.sldh for line in log.lines if line.type == codes.CONSENT and line.sldh}
    for line in log.lines:
        if line.type == codes.FILING and line.org == centre_code and line.sldh in agreed:
            yield line


def _opened(line: Line, centre_code: str, court_code: str, default_mode: ReferralMode) -> HandOver:
    return HandOver(
        source_event_id=line.event_id,
        channel=Channel.LITIGATION,
        mode=codes.MODES.get(line.mode, default_mode),
        from_code=court_code,
        to_code=centre_code,
        sent_at=line.at,
        state=ReferralState.SENT,
    )


def _moved(hand_over: HandOver, line: Line) -> HandOver:
    """The hand-over after a line of its own. What was concluded stays concluded, whatever is written later."""
    if line.is_result:
        ending = line.ending
        outcome = ending.outcome if ending else None
        return replace(
            hand_over,
            # a correction does not take back what was acknowledged
            state=hand_over.state if hand_over.return_acked_at else ReferralState.CONCLUDED,
            concluded_at=hand_over.concluded_at or line.at,
            outcome=outcome,
            termination_reason=ending.reason if ending else None,
            agreement_no=line.tjxybh if outcome is Outcome.AGREED else "",
            undisputed_facts=line.wzyss,
        )
    if hand_over.concluded_at is not None:
        return hand_over
    if line.type == codes.RECEIVED:
        is_started = line.case_state == codes.IN_MEDIATION
        state = ReferralState.IN_PROGRESS if is_started else ReferralState.ACCEPTED
        return replace(hand_over, state=state, accepted_at=hand_over.accepted_at or line.at, declined_at=None)
    if line.type == codes.ISSUED and hand_over.state is ReferralState.ACCEPTED:
        return replace(hand_over, state=ReferralState.IN_PROGRESS)
    if line.type == codes.RETURNED_BACK:
        return replace(
            hand_over, state=ReferralState.DECLINED, declined_at=line.at, returned_reason=line.reason or line.wzyss
        )
    return hand_over


def _acknowledged(hand_over: HandOver, results: Mapping[str, Line], consent: Line) -> HandOver:
    """A 981 confirms our return where it names the receipt of one of this hand-over's results (WIRES 0.18)."""
    if not consent.sldh or consent.sldh not in results:
        return hand_over
    return replace(
        hand_over,
        state=ReferralState.RETURN_ACKED,
        return_acked_at=consent.at,
        partner_ref=consent.sldh,
    )


def _answered(answer: Line, log: Log, types: frozenset[str]) -> bool:
    """It names the receipt of an earlier line of these types."""
    asked = log.by_receipt.get(answer.sldh)
    return asked is not None and asked.type in types and asked.order < answer.order


def _line(raw: Mapping[str, Any], position: int, type_: str, at: datetime, event_id: str) -> Line:
    fields = ("by", "org", "mode", "tjjg", "tjxybh", "bcgyy", "wzyss", "sldh")
    return Line(
        position, type_, at, event_id, text(raw.get("caseState")), **{name: text(raw.get(name)) for name in fields}
    )


def _unknown_codes(line: Line) -> Iterator[UnknownCode]:
    if line.type not in codes.ENTRY_KINDS:
        yield UnknownCode("acceptType", line.type[:64])
    if line.case_state and line.case_state not in codes.STAGES:
        yield UnknownCode("caseState", line.case_state[:64])
    if line.mode and line.mode not in codes.MODES:
        yield UnknownCode("mode", line.mode[:64])
    if line.is_result and line.tjjg not in codes.ENDINGS:
        yield UnknownCode("tjjg", line.tjjg[:64])
    # a reason in words is no code
    if line.tjjg == codes.NOT_AGREED and line.bcgyy not in codes.FAILURES and _CODE.fullmatch(line.bcgyy):
        yield UnknownCode("bcgyy", line.bcgyy)


def _codes_and_numbers(line: Line) -> dict[str, str]:
    """What of the line may stand in append-only history: nothing that could be a citizen's words."""
    kept = {
        # beside the filing itself: otherwise the two would read alike
        "acceptType": line.type if line.type == codes.SUBMITTED else "",
        "caseState": line.case_state if line.case_state in codes.STAGES else "",
        "org": _unit(line.org),
        "mode": line.mode if line.mode in codes.MODES else "",
        "tjjg": line.tjjg if line.tjjg in codes.ENDINGS else "",
        "bcgyy": line.bcgyy if line.bcgyy in codes.FAILURES else "",
        "tjxybh": line.tjxybh if _AGREEMENT_NO.fullmatch(line.tjxybh) else "",
        "sldh": line.sldh if _RECEIPT.fullmatch(line.sldh) else "",
    }
    return {name: value for name, value in kept.items() if value}


def _unit(org: str) -> str:
    return org if _UNIT.fullmatch(org) else ""


def desk_time(lines: Sequence[Line], filed_at: datetime) -> tuple[datetime, int]:
    """When the filing desk was done with the row: its last own entry before any mediation, else the filing."""
    done = (filed_at, 0)
    for line in lines:
        if line.type not in codes.DESK_ENTRIES:
            break
        done = (line.at, line.position)
    return done
