"""What a petition row says in the hub's words: DOMAIN §5.1 and WIRES §3 as a pure function of the row.

Unknown codes become UNKNOWN and are named for the worklist. A row is refused only where it has no ``xfjbh`` or two, no
``xfj`` or no readable ``djsj``; no refusal quotes the row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from connectors.base import InstanceConfig
from connectors.json_rows import loads, text
from connectors.petition import codes
from connectors.petition.course import Course, read_course, unknown_in
from connectors.petition.entries import entries_of, hand_over_of, result_of
from connectors.petition.parties import read_parties
from connectors.petition.rows import stamp
from hub.errors import BadPayloadError
from hub.model import CaseFacts, Item, RecordName, Reference, UnknownCode
from hub.vocabulary import (
    UNKNOWN,
    CaseRecordState,
    Channel,
    Classification,
    LinkKind,
    NativeCode,
    Procedure,
    common_class,
)

#: by which other records may call a petition
NAME_SCHEME = "petition.xfjbh"
#: WIRES 0.25: health by category; domestic violence, minors and sexual offences by the words of the matter
CONFIDENTIAL_CATEGORIES = frozenset({"0303", "0502"})
CONFIDENTIAL_WORDS = re.compile("家庭暴力|家暴|人身安全保护令|未成年|性侵|强奸|猥亵")

_REGION = re.compile(r"[0-9]{6}(?:[0-9]{3}(?:[0-9]{3})?)?")
_PEOPLE = re.compile(r"[0-9]{1,7}")
#: fields with a closed table that no other reading looks at
_TABLES = (("xfmddm", codes.PURPOSES), ("xfxs", codes.FORMS), *((flag, codes.YES_OR_NO) for flag in codes.FLAGS))


def facts_of(item: Item, config: InstanceConfig) -> CaseFacts:
    """The record. Raises BadPayloadError, nothing else."""
    row, xfjbh, xfj = _read(item)
    registered_at = stamp(xfj.get("djsj"))
    if registered_at is None:
        raise BadPayloadError("BAD_DJSJ", field="xfj.djsj")
    course = read_course(xfj, row.get("blfss"), registered_at)
    nrfldm, purpose = text(xfj.get("nrfldm")), text(xfj.get("xfmddm"))
    known = config.tables.native("petition", "nrfldm", nrfldm)
    category = common_class(known.classes) if known else UNKNOWN
    content = xfj["xfnr"] if isinstance(xfj.get("xfnr"), str) else ""
    parties, unknown_parties = read_parties(row.get("xfr"), xfj)
    people, unknown_people = _people(xfj)
    hand_over = hand_over_of(course, config.centre_code)
    stage = course.stage
    region = text(xfj.get("wtsddm"))
    return CaseFacts(
        native_id=xfjbh,
        native_no="",
        lineage="",
        native_kind=purpose,
        native_state=course.xfjzt,
        state=stage.state if stage else CaseRecordState.UNKNOWN,
        title=_title(known, purpose),
        content=content,
        category=category,
        classes=known.classes if known else (),
        category_native=nrfldm,
        received_at=registered_at,
        updated_at=item.updated_at,
        channel=Channel.PETITION,
        opens_dispute=purpose == codes.DEMAND,
        region_code=region if _REGION.fullmatch(region) else "",
        address=text(xfj.get("wtsd")),
        people_involved=people,
        classification=_classification(purpose, category, content),
        procedure=Procedure.INTAKE if course.xfjzt == codes.REGISTERED else Procedure.PETITION_HANDLING,
        agency_code=course.office,
        unit_key=xfjbh,
        is_unit=hand_over is not None,
        rejected_at=(course.stage_at or registered_at) if course.xfjzt == codes.REFUSED else None,
        result=result_of(course),
        parties=parties,
        entries=entries_of(course),
        hand_overs=(hand_over,) if hand_over else (),
        names=(RecordName(NAME_SCHEME, xfjbh),),
        references=tuple(_references(xfj, xfjbh)),
        unknown_codes=tuple(
            dict.fromkeys(
                (
                    *_unknown_codes(xfj, nrfldm, known, region),
                    *unknown_in(course, xfj, row.get("blfss")),
                    *unknown_people,
                    *unknown_parties,
                )
            )
        ),
        tie_break=(_rank(course),),
    )


def _read(item: Item) -> tuple[Mapping[str, Any], str, Mapping[str, Any]]:
    try:
        row = loads(item.body)
    except ValueError as exc:
        raise BadPayloadError("NOT_JSON") from exc
    if not isinstance(row, dict):
        raise BadPayloadError("NOT_AN_OBJECT")
    xfjbh, xfj = text(row.get("xfjbh")), row.get("xfj")
    if not xfjbh:
        raise BadPayloadError("MISSING_XFJBH", field="xfjbh")
    if not isinstance(xfj, dict):
        raise BadPayloadError("MISSING_XFJ", field="xfj")
    if text(xfj.get("xfjbh")) not in ("", xfjbh):
        # somebody else's letter under this number
        raise BadPayloadError("TWO_XFJBH", field="xfj.xfjbh")
    return row, xfjbh, xfj


def _title(known: NativeCode | None, purpose: str) -> str:
    """The wire has no title: what the letter is about by its codes."""
    return known.zh if known else codes.PURPOSES.get(purpose, "")


def _classification(purpose: str, category: str, content: str) -> Classification:
    if purpose == codes.ACCUSATION:
        return Classification.RESTRICTED
    is_confidential = category in CONFIDENTIAL_CATEGORIES or CONFIDENTIAL_WORDS.search(content)
    return Classification.CONFIDENTIAL if is_confidential else Classification.INTERNAL


def _people(xfj: Mapping[str, Any]) -> tuple[int | None, list[UnknownCode]]:
    """How many the matter concerns, else how many wrote; an unreadable number is named, its value is not."""
    unknown: list[UnknownCode] = []
    for name in ("sjrs", "xfrs"):
        written = text(xfj.get(name))
        if _PEOPLE.fullmatch(written):
            return int(written), unknown
        if written:
            unknown.append(UnknownCode(name, "UNREADABLE"))
    return None, unknown


def _references(xfj: Mapping[str, Any], xfjbh: str) -> Iterator[Reference]:
    """The first letter of the same matter; its own number means none (WIRES 3.12)."""
    first = text(xfj.get("REPEATED_ID"))
    if first and first != xfjbh:
        yield Reference(LinkKind.DUPLICATE_OF, NAME_SCHEME, first)


def _unknown_codes(xfj: Mapping[str, Any], nrfldm: str, known: NativeCode | None, region: str) -> Iterator[UnknownCode]:
    if nrfldm and known is None:
        yield UnknownCode("nrfldm", nrfldm[:64])
    if region and not _REGION.fullmatch(region):
        yield UnknownCode("wtsddm", "UNREADABLE")
    for name, table in _TABLES:
        value = text(xfj.get(name))
        if value and value not in table:
            yield UnknownCode(name, value[:64])


def _rank(course: Course) -> int:
    return course.stage.rank if course.stage else 0
