"""Who is named in an order: the caller and the one complained of (WIRES 0.10)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from connectors.json_rows import text
from hub.model import PartyFacts
from hub.vocabulary import PartyRole, PartyType

#: GA/T 517: the wire names no kind of certificate, its shape tells
_RESIDENT_CARD = "111"
_RESIDENT_ID = re.compile(r"[1-9][0-9]{5}(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9X]")
_CREDIT_CODE = re.compile(r"[0-9A-HJ-NP-RT-UW-Y]{2}[0-9]{6}[0-9A-HJ-NP-RT-UW-Y]{10}")
_ORGANISATION_NAME = re.compile(
    r"(?:公司|合作社|企业|集团|银行|分行|支行|信用社|厂|商行|商店|超市|经营部|门市部|中心|医院|学校|幼儿园|协会|"
    r"委员会|村委会|居委会|人民政府|局|委|办事处|管理所|派出所|大队)$"
)


def read_parties(row: Mapping[str, Any]) -> tuple[PartyFacts, ...]:
    """The caller, then the respondent, where anything of them is known."""
    id_no = text(row.get("callerIdNo"))
    is_resident = bool(_RESIDENT_ID.fullmatch(id_no.upper()))
    caller = PartyFacts(
        role=PartyRole.CALLER,
        name=text(row.get("caller")),
        type=_type(text(row.get("caller")), id_no.upper()),
        id_type=_RESIDENT_CARD if is_resident else "",
        id_no=id_no,
        phone=text(row.get("callerPhone")) or text(row.get("contactNumber")),
    )
    respondent = PartyFacts(
        role=PartyRole.RESPONDENT,
        name=text(row.get("respondent")),
        type=_type(text(row.get("respondent")), ""),
        phone=text(row.get("respondentPhone")),
    )
    return tuple(party for party in (caller, respondent) if party.name or party.id_no or party.phone)


def _type(name: str, id_no: str) -> PartyType:
    if _RESIDENT_ID.fullmatch(id_no):
        return PartyType.PERSON
    is_organisation = _CREDIT_CODE.fullmatch(id_no) or _ORGANISATION_NAME.search(name)
    return PartyType.ORGANISATION if is_organisation else PartyType.PERSON
