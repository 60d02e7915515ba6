"""What one webhook's event says: a part of the order's record, which stands only beside the order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.hotline import codes
from connectors.hotline.orders import dispatch_id
from connectors.hotline.rows import stamp, whole_number
from connectors.json_rows import text
from hub.errors import BadPayloadError
from hub.model import CaseFacts, Entry, UnknownCode
from hub.vocabulary import UNKNOWN, CaseRecordState, Channel, HandlingEventKind

_CODE = re.compile(r"[0-9A-Za-z]{1,8}")
_UNIT = re.compile(r"[0-9]{12}")
_WORD = re.compile(r"\S{1,16}")


@dataclass(frozen=True, slots=True)
class _Event:
    code: str
    word: str
    seq: int
    at: datetime
    data: Mapping[str, Any]

    def said(self, name: str) -> str:
        return text(self.data.get(name))


def event_facts(fields: Mapping[str, Any]) -> CaseFacts:
    """Raises BadPayloadError where it does not say of which order it is, which event it is, or when it happened."""
    event = _read(fields)
    return CaseFacts(
        native_id=event.code,
        native_no="",
        lineage="",
        native_kind="",
        native_state="",
        state=CaseRecordState.UNKNOWN,
        title="",
        category=UNKNOWN,
        received_at=event.at,
        updated_at=event.at,
        channel=Channel.HOTLINE,
        opens_dispute=False,
        entries=tuple(_entries(event)),
        unknown_codes=tuple(_unknown_codes(event)),
        part=f"{event.word}/{event.seq}",
    )


def _read(fields: Mapping[str, Any]) -> _Event:
    code, word, seq = text(fields.get("workordercode")), text(fields.get("event")), whole_number(fields.get("seq"))
    if not code:
        raise BadPayloadError("MISSING_WORKORDERCODE", field="workordercode")
    if not _WORD.fullmatch(word):
        raise BadPayloadError("BAD_EVENT", field="event")
    if seq is None:
        raise BadPayloadError("BAD_SEQ", field="seq")
    at = stamp(fields.get("occurredAt"))
    if at is None:
        raise BadPayloadError("BAD_OCCURRED_AT", field="occurredAt")
    data = fields.get("data")
    return _Event(code, word, seq, at, data if isinstance(data, dict) else {})


def _entries(event: _Event) -> Iterator[Entry]:
    """One event, and a second where a dissatisfied caller reopens the order; none for a word no table explains."""
    kind = codes.EVENT_KINDS.get(event.word)
    if kind is None:
        return
    id_ = dispatch_id(event.at) if event.word == codes.DISPATCH else f"{event.word}/{event.seq}"
    words = "\n".join(part for part in (_words(event, "content"), _words(event, "visitFailReason")) if part)
    yield _entry(event, id_, kind, words, _codes_and_numbers(event))
    if event.word == codes.VISIT and event.said("successSolve") == codes.UNSOLVED:
        yield _entry(event, f"{id_}/{codes.REOPENED}", HandlingEventKind.REOPENED, "", {})


def _entry(event: _Event, id_: str, kind: HandlingEventKind, words: str, data: Mapping[str, str]) -> Entry:
    return Entry(
        source_event_id=id_,
        kind=kind,
        occurred_at=event.at,
        # the hotline's own count over all events of the order
        position=event.seq,
        native_code=event.word,
        to_state=str(codes.STATE_AFTER.get(kind, "")),
        words=words,
        data=data,
    )


def _codes_and_numbers(event: _Event) -> dict[str, str]:
    """What of the event may stand in append-only history: nothing that could be a citizen's words."""
    unit, level, solved = event.said("contractorCode"), event.said("level"), event.said("successSolve")
    kept = {
        "event": event.word,
        "contractorCode": unit if _UNIT.fullmatch(unit) else "",
        "level": level if level in codes.LEVELS else "",
        "successSolve": solved if solved in codes.OUTCOMES else "",
        **{name: found for name in ("successVisit", "satisfaction") if _CODE.fullmatch(found := event.said(name))},
    }
    return {name: value for name, value in kept.items() if value}


def _unknown_codes(event: _Event) -> Iterator[UnknownCode]:
    if event.word not in codes.EVENT_KINDS:
        yield UnknownCode("event", event.word)
    for name, known in (("level", codes.LEVELS), ("successSolve", codes.OUTCOMES)):
        if (said := event.said(name)) and said not in known:
            yield UnknownCode(name, said[:64])


def _words(event: _Event, name: str) -> str:
    value = event.data.get(name)
    return value if isinstance(value, str) else ""
